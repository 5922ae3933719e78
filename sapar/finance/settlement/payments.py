"""Payment orders to carriers: posted, expected on a bank statement, written for the bank."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, is_idle, load_queries, translated
from sapar.core.errors import Fault, NotFound, Refused
from sapar.finance.matching.items import NewItem, add_items
from sapar.finance.settlement.contracts import list_contracts
from sapar.finance.settlement.engine import PAYABLE
from sapar.finance.settlement.statements import Statement, get_statement
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.settlement")
IN_TRANSIT: Final = (1020, "payments")
"""The account of orders that are sent and not on a bank statement yet."""


class Order(msgspec.Struct, frozen=True):
    """A payment order.

    Attributes:
        number: of the order, the reference on the bank's statement.
        statements: numbers of the documents that it pays.
        at_bank: it was found on a bank statement.
    """

    order_no: int
    number: int
    order_date: date
    amount_tiyn: int
    purpose: str
    carrier_id: str
    payee_name: str
    payee_bin: str
    payee_iban: str
    payee_bic: str
    payer_name: str
    payer_account: str
    payer_iban: str
    statements: list[str]
    made_at: datetime
    made_by: str
    at_bank: bool


async def list_orders(
    connection: AsyncConnection,
    agency_id: str,
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    order_no: int | None = None,
) -> list[Order]:
    """Give payment orders in order of their numbers; None leaves a condition out."""
    values = {
        "agency_id": agency_id, "from_date": from_date, "to_date": to_date, "order_no": order_no,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_orders"], values)
        return [Order(*row) for row in await found.fetchall()]


async def orders_for_bank(
    connection: AsyncConnection,
    agency_id: str,
    *,
    from_date: date | None = None,
    to_date: date | None = None,
) -> list[Order]:
    """Give the payment orders that the bank is to be sent, in order of their numbers.

    Those of the days that are named; where none is, all that no statement shows yet: what the bank
    has carried out is not asked of it once more.
    """
    found = await list_orders(connection, agency_id, from_date=from_date, to_date=to_date)
    if from_date is None and to_date is None:
        return [order for order in found if not order.at_bank]
    return found


async def pay_statement(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    statement_no: int,
    bank_account: str,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> Order:
    """Order the payment of an issued statement; one that is paid gives its order.

    Pays what its lines come to, with the holds and releases since its issue, and with issued
    statements of the same carrier that come to less than nothing. Another person than who issued
    it does so; the database holds that, too.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose statement.
        statement_no: which.
        bank_account: short name of the account that it is paid from.
        actor: who pays.
        now: when; the order is of this day where the agency is.
        user_id: of the person, for the audit log.

    Raises:
        NotFound: there is no such statement or bank account.
        Refused: `not_issued`; `nothing_to_pay`: it comes to nothing or less; `same_person`: whoever
            issued it cannot pay it.
    """
    if not is_idle(connection):
        raise Fault("a payment needs a transaction of its own")
    names: dict[str, Any] = {"agency_id": agency_id, "statement_no": statement_no}
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_settling"], names)
            row = await (await connection.execute(_QUERIES["lock_statement"], names)).fetchone()
            if row is None:
                raise NotFound(f"there is no statement {statement_no}")
            status, carrier_id, _, _, _, order_no, carrier_no, _, _, issued_by = row
            if status == "draft":
                raise Refused(f"statement {statement_no} is a draft", code="not_issued",
                              hint="Issue it first.")  # fmt: skip
            if status == "ended":
                raise Refused(f"statement {statement_no} came to nothing", code="nothing_to_pay")
            if order_no is None and issued_by == actor:
                raise Refused(
                    f"{actor} has issued statement {statement_no}", code="same_person",
                    hint="Another person must order the payment of what one issued.",
                )  # fmt: skip
            if order_no is None:
                order_no = await _order(
                    connection, accounts,
                    await get_statement(connection, agency_id, statement_no),
                    names
                    | {
                        "carrier_id": carrier_id, "carrier_no": carrier_no, "now": now,
                        "actor": actor, "bank_account": bank_account, "user_id": user_id,
                    },
                )  # fmt: skip
    [order] = await list_orders(connection, agency_id, order_no=order_no)
    return order


async def _order(
    connection: AsyncConnection, accounts: Accounts, statement: Statement, names: dict[str, Any]
) -> int:
    agency_id, now = names["agency_id"], names["now"]
    rows = await (await connection.execute(_QUERIES["list_payable"], names)).fetchall()
    amount = sum(row[1] for row in rows)
    if amount <= 0:
        raise Refused(
            f"statement {statement.number} comes to {amount} tiyn", code="nothing_to_pay",
            hint="What a carrier owes is taken off its next statement.",
        )  # fmt: skip
    found = await connection.execute(_QUERIES["find_bank_account"], names)
    bank = await found.fetchone()
    if bank is None:
        raise NotFound(f"there is no bank account {names['bank_account']!r}")
    versions = await list_contracts(connection, agency_id, statement.carrier_id)
    number = await (await connection.execute(_QUERIES["next_order_number"], names)).fetchone()
    assert number is not None
    day = await _today(connection, names)
    payee = next((one for one in reversed(versions) if one.valid_from <= day), versions[0])
    period = f"{statement.from_date:%d.%m.%Y} - {statement.to_date:%d.%m.%Y}"
    purpose = f"За перевозку пассажиров {period}, акт {statement.number}"
    names["day"] = day
    journal = await _post(connection, accounts, statement, names, amount, purpose)
    [item_no] = await add_items(
        connection,
        [
            NewItem(
                agency_id=agency_id,
                kind="payment_order",
                source_key=f"settle:pay:{statement.statement_no}",
                code=IN_TRANSIT[0],
                owner=IN_TRANSIT[1],
                amount_tiyn=-amount,
                item_date=day,
                reference=str(number[0]),
                counterparty_bin=payee.payee_bin,
                counterparty_iban=payee.payee_iban,
                bank_account_no=bank[0],
                detail={"statement": statement.number, "carrier": statement.carrier_id},
            )
        ],
    )
    values = names | {
        "number": number[0], "bank_account_no": bank[0], "contract_no": payee.contract_no,
        "amount_tiyn": amount, "order_date": day, "purpose": purpose, "item_no": item_no,
        "journal_no": journal.journal_no, "statements": [row[0] for row in rows],
    }  # fmt: skip
    row = await (await connection.execute(_QUERIES["insert_order"], values)).fetchone()
    assert row is not None
    values["order_no"] = row[0]
    await connection.execute(_QUERIES["mark_paid_steps"], values)
    await connection.execute(_QUERIES["mark_paid"], values)
    await record(
        connection, at=now, person=names["actor"], user_id=names["user_id"], agency_id=agency_id,
        action="settlement.pay", target=f"statement {statement.statement_no}",
        before={"status": "issued"},
        after={"status": "paid", "order": number[0], "amount_tiyn": amount},
    )  # fmt: skip
    return int(row[0])


async def _today(connection: AsyncConnection, names: dict[str, Any]) -> date:
    row = await (await connection.execute(_QUERIES["find_agency"], names)).fetchone()
    assert row is not None
    now: datetime = names["now"]
    return now.astimezone(ZoneInfo(row[1])).date()


async def _post(
    connection: AsyncConnection,
    accounts: Accounts,
    statement: Statement,
    names: dict[str, Any],
    amount: int,
    purpose: str,
) -> Journal:
    agency_id, now_ms = names["agency_id"], int(names["now"].timestamp() * 1000)
    moved = {(agency_id, PAYABLE, statement.carrier_id): amount, (agency_id, *IN_TRANSIT): -amount}
    operation = Operation(
        agency_id, "payment_order", f"settle:pay:{statement.statement_no}", {"amount": amount}
    )
    account_of = await accounts.numbers(moved)
    journal = Journal(
        agency_id=agency_id,
        kind=operation.kind,
        service_date=names["day"],
        event_at_ms=now_ms,
        received_ms=now_ms,
        entries={account_of[key]: value for key, value in moved.items()},
        rule=purpose,
        actor=names["actor"],
        source_key=operation.source_key,
        content_hash=operation.content_hash,
    )
    await post(connection, [journal], {})
    return journal
