"""The books of a demo city: agents, a processor, a bank account, contracts of carriers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sapar.core.db import AsyncConnection, Pool
from sapar.finance.agents.model import AgentTerms, ProcessorTerms, Terms
from sapar.finance.agents.parties import Who, add_party
from sapar.finance.bank.accounts import Doer, add_account
from sapar.finance.bank.importing import import_statement
from sapar.finance.settlement.contracts import NewContract, add_contract
from sapar.simulators.business_day import Seller
from sapar.simulators.finance_files import BankLine, OwnAccount, make_iban, write_statement
from sapar.ticketing.ledger.accounts import Accounts

ACTOR: Final = "demo"
BANK: Final = "main"
OPENING_TIYN: Final = 12_640_315_40
FEE_TIYN: Final = 350_00
"""The processor keeps that much more than was agreed."""
CHARGE_TIYN: Final = 2_500_00
"""The bank's own monthly fee: nothing in the books expects it."""
STRANGE_TIYN: Final = 18_400_00
"""A receipt that nothing in the books explains."""
SHORT_TIYN: Final = 15_000_00
"""The kiosk brings that much less than it sold."""

OWN: Final = OwnAccount(make_iban("722C000099001711"), "ТОО «Қала көлігі»", "050140000656")
SELLERS: Final = (
    Seller(
        "zhuldyz", "«Жұлдыз» дүкендері", "ТОО «Жұлдыз Сауда»", "agent", "060140002345",
        make_iban("9650000072001144"), 150, 70,
    ),
    Seller(
        "vokzal", "Киоск «Вокзал»", "ИП Қасымова Г. Т.", "agent", "780512401218",
        make_iban("8562203100774512"), 0, 60, SHORT_TIYN,
    ),
    Seller(
        "qr-pay", "QR төлем", "АО «QR Төлем»", "processor", "971240001315",
        make_iban("7220000000440017"), 95, 100, FEE_TIYN,
    ),
)  # fmt: skip
_PAYEES: Final = {
    "avtopark-1": ("990140000385", "1251KZT100130033"),
    "avtopark-2": ("030240004512", "1251KZT100130041"),
    "tulpar": ("110540011207", "8562203100330815"),
}
_COMMISSION_BP: Final = 1_000
_REGISTER_DUE_H: Final = 4


async def keep_books(
    pool: Pool,
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    day: dt.date,
    now: dt.datetime,
) -> None:
    """Register everybody who takes or gets money, and bring in the bank's statement before `day`.

    Args:
        pool: of the database's connections.
        connection: one in no transaction.
        accounts: of the ledger.
        agency_id: whose books.
        day: the first day that is to be closed.
        now: transit time, before that day.
    """
    begun = day - dt.timedelta(days=30)
    who = Who(ACTOR, now)
    for seller in SELLERS:
        await add_party(pool, agency_id, seller.seller_id, seller.name, _terms(seller, begun), who)
    doer = Doer(ACTOR)
    await add_account(
        connection, agency_id, account=BANK, iban=OWN.iban, name="Негізгі шот", doer=doer, now=now
    )
    before = day - dt.timedelta(days=1)
    opening = write_statement(OWN, before, before, OPENING_TIYN, [])
    name = f"bank-{before:%Y%m%d}.txt"
    await import_statement(connection, accounts, agency_id, opening, name, doer=doer, now=now)
    for carrier_id, (number, account) in _PAYEES.items():
        contract = NewContract(
            carrier_id=carrier_id, valid_from=begun, kind="net", commission_bp=_COMMISSION_BP,
            payee_bin=number, payee_iban=make_iban(account), payee_bic="KCJBKZKX",
            title=f"№ {len(carrier_id)}-{begun:%m/%Y}",
        )  # fmt: skip
        await add_contract(connection, agency_id, contract, actor=ACTOR, now=now)


def _terms(seller: Seller, begun: dt.date) -> Terms:
    """What was agreed: everybody pays in on the day itself, registers come until eight."""
    common: dict[str, Any] = {
        "from_date": begun, "bin": seller.bin, "iban": seller.iban, "bank_account_id": BANK,
        "register_due_h": _REGISTER_DUE_H,
    }  # fmt: skip
    if seller.party == "processor":
        return ProcessorTerms(fee_bp=seller.share_bp, payout_days=0, **common)
    return AgentTerms(
        kind="postpaid", commission_bp=seller.share_bp, netted=seller.share_bp > 0, due_days=0,
        **common,
    )  # fmt: skip


def bank_lines(day: dt.date, sold: Sequence[tuple[Seller, int]]) -> list[BankLine]:
    """Give the bank's lines of a day: what sellers pay in for it, and two that nobody expects.

    Args:
        day: of the sales and of the lines.
        sold: what each seller sold, tiyn.
    """
    lines = []
    for number, (seller, tiyn) in enumerate(sold):
        kept = tiyn * seller.share_bp // 10_000
        purpose = f"Пополнение транспортных карт за {day:%d.%m.%Y}, реестр"
        lines.append(
            BankLine(
                tiyn - kept - seller.short_tiyn, str(4117 + 3 * number), seller.payer, seller.bin,
                seller.iban, f"{purpose} {seller.seller_id}-{day:%Y%m%d}",
            )
        )  # fmt: skip
    charge = f"Комиссия за обслуживание счета, {day:%m.%Y}"
    strange = "Оплата по договору № 118"
    bank, trade = make_iban("7220000000000001"), make_iban("9980000025530117")
    return [
        *lines,
        BankLine(-CHARGE_TIYN, "881", "АО «Сауда Банкі»", "950140000117", bank, charge),
        BankLine(STRANGE_TIYN, "64", "ТОО «Дала Трейд»", "140340017729", trade, strange),
    ]
