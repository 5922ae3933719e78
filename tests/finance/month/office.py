"""The office of the small town: whoever posts, imports, matches and closes, as the product does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sapar.contract.messages import ShiftReport, Tap
from sapar.core.clock import ManualClock
from sapar.core.db import AsyncConnection, Pool, connect
from sapar.finance.agents.day import close_agents_day
from sapar.finance.agents.model import AgentTerms, Party, ProcessorTerms
from sapar.finance.agents.parties import Who, add_party
from sapar.finance.agents.registers import import_register
from sapar.finance.bank.accounts import Doer, TableFormat, add_account, set_mapping
from sapar.finance.bank.importing import import_statement
from sapar.finance.bank.mapping import Mapping
from sapar.finance.bank.model import Line, Statement
from sapar.finance.closing.days import Act
from sapar.finance.closing.signing import Signer, sign
from sapar.finance.closing.stages import run_all
from sapar.finance.exceptions.acts import Who as Person
from sapar.finance.exceptions.acts import accept
from sapar.finance.matching.run import run_matching
from sapar.finance.settlement.contracts import NewContract, add_contract
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.cards.operations import Desk, Outcome, carry_out
from sapar.ticketing.cards.requests import AnyRequest, Issue, Paid, TopUp
from sapar.ticketing.device_shifts import take_device_shifts
from sapar.ticketing.keys import KeyRing
from sapar.ticketing.post import Tools, judge_again, post_taps
from sapar.ticketing.types import TapIn
from tests.finance.bank.writers import (
    CSV_MAPPING,
    XLSX_MAPPING,
    write_1c,
    write_camt,
    write_csv,
    write_mt940,
    write_xlsx,
)
from tests.finance.month.riding import (
    CARDS,
    FIRST,
    KIOSK,
    SHOP,
    WALLET,
    Sale,
    card_ref,
    category_of,
)
from tests.finance.shifts.support import registry_of, report_of, ring_of, seal, store_event
from tests.ticketing.world import AGENCY, CARRIERS, World

IBAN = "KZ86125KZT5004100100"
BANK = "main"
BINS = {SHOP: "060140002345", KIOSK: "070240003456", WALLET: "971240001315"}
PAID = {
    SHOP: Paid(by="agent", name=SHOP),
    KIOSK: Paid(by="agent", name=KIOSK),
    WALLET: Paid(by="processor", name=WALLET),
}
SHOP_COMMISSION_BP = 100
WALLET_FEE_BP = 95
OPENING_TIYN = 5_000_000_00
CLERK, PREPARES, APPROVES = "clerk", "aigul", "bota"


class Report(NamedTuple):
    """A sealed shift report, as it is stored."""

    device: DeviceEntry
    seq: int
    sealed: ShiftReport
    time_ms: int


@dataclass
class Office:
    """One connection and one pool do all the town's work; the clock stands where it is put."""

    world: World
    connection: AsyncConnection
    pool: Pool
    tools: Tools
    clock: ManualClock
    people: dict[str, Signer] = field(default_factory=dict)
    balance_tiyn: int = OPENING_TIYN
    grand: dict[str, tuple[int, int]] = field(default_factory=dict)

    # -- rides and sales ---------------------------------------------------------------------

    def at(self, moment: datetime) -> datetime:
        """Put the clock there."""
        self.clock.set(moment.timestamp())
        return moment

    def tap_in(self, device: str, tap: Tap, received: datetime) -> TapIn:
        """Give a tap as it comes out of verification."""
        return self.world.tap_in(device, tap)._replace(
            received_ms=round(received.timestamp() * 1000)
        )

    async def post(self, taps: Sequence[TapIn], size: int = 500) -> int:
        """Post taps in batches; give how many were new."""
        new = 0
        for at in range(0, len(taps), size):
            new += (await post_taps(self.connection, self.tools, taps[at : at + size])).new
        return new

    async def ask(self, request: AnyRequest) -> Outcome:
        """Carry an operation on a card out."""
        desk = Desk(self.clock, self.tools.accounts, self._judge)
        return await carry_out(self.connection, desk, request)

    async def _judge(self, connection: AsyncConnection, touched: Any) -> None:
        await judge_again(connection, self.tools, touched)

    async def issue_cards(self, at: datetime) -> None:
        """Hand all cards out, for nothing."""
        self.at(at)
        for number in range(CARDS):
            await self.ask(
                Issue(
                    agency_id=AGENCY, key=f"issue-{number}", actor=CLERK, card_ref=card_ref(number),
                    category=category_of(number), at_ms=round(at.timestamp() * 1000),
                )
            )  # fmt: skip

    async def sell(self, sale: Sale) -> None:
        """Post a top-up when it is sold."""
        self.at(sale.at)
        await self.ask(
            TopUp(
                agency_id=AGENCY, key=sale.reference, actor=sale.seller, card_ref=sale.card_ref,
                amount_tiyn=sale.amount_tiyn, paid=PAID[sale.seller],
                at_ms=round(sale.at.timestamp() * 1000),
            )
        )  # fmt: skip

    # -- shift reports -----------------------------------------------------------------------

    def make_report(self, device: str, shift_no: int, taps: Sequence[Tap]) -> Report:
        """Make a validator's report of a day; its grand totals go on from the one before."""
        entry, time_ms = self.world.devices[device], taps[-1].time_ms
        report = report_of(shift_no, taps, self.grand.get(device, (0, 0)))
        self.grand[device] = (report.total_taps, report.total_tiyn)
        return Report(entry, shift_no, seal(entry, report, time_ms), time_ms)

    async def bring(self, *reports: Report) -> int:
        """Let reports come in; give how many were new."""
        for report in reports:
            store_event(self.world.conninfo, *report)
        return await self.take_shifts()

    async def take_shifts(self) -> int:
        """Judge the reports that are stored."""
        devices = list(self.world.devices.values())
        ring: KeyRing = ring_of(devices)
        return await take_device_shifts(self.pool, registry_of(devices), ring, self.clock)

    # -- agents and bank ---------------------------------------------------------------------

    async def agree(self) -> None:
        """Register bank account, agents, the wallet and the carriers' contracts."""
        now = self.clock.now()
        doer = Doer(CLERK)
        await add_account(
            self.connection, AGENCY, account=BANK, iban=IBAN, name="Main", doer=doer, now=now
        )
        mappings: tuple[tuple[TableFormat, Mapping], ...] = (
            ("csv", CSV_MAPPING), ("xlsx", XLSX_MAPPING),
        )  # fmt: skip
        for form, mapping in mappings:
            await set_mapping(
                self.connection,
                AGENCY,
                BANK,
                form,
                mapping,
                doer=doer,
                now=now,
            )
        who, begun = Who(CLERK, now), FIRST - timedelta(days=30)
        common: dict[str, Any] = {"from_date": begun, "register_due_h": 12}
        await add_party(
            self.pool, AGENCY, SHOP, "Shop",
            AgentTerms(
                kind="postpaid", commission_bp=SHOP_COMMISSION_BP, netted=True, bin=BINS[SHOP],
                bank_account_id=BANK, **common,
            ),
            who,
        )  # fmt: skip
        await add_party(
            self.pool, AGENCY, KIOSK, "Kiosk",
            AgentTerms(kind="postpaid", bin=BINS[KIOSK], bank_account_id=BANK, **common), who,
        )  # fmt: skip
        await add_party(
            self.pool, AGENCY, WALLET, "Wallet",
            ProcessorTerms(fee_bp=WALLET_FEE_BP, bin=BINS[WALLET], bank_account_id=BANK, **common),
            who,
        )  # fmt: skip
        for carrier in CARRIERS:
            contract = NewContract(
                carrier_id=carrier, valid_from=begun, kind="net", commission_bp=1000,
                payee_bin="990140000385", payee_iban="KZ86125KZT5004100100", payee_bic="KCJBKZKX",
            )  # fmt: skip
            await add_contract(self.connection, AGENCY, contract, actor=CLERK, now=now)

    async def take_register(self, seller: str, day: date, sales: Sequence[Sale]) -> None:
        """Take a seller's list of a day."""
        rows = ["reference;time;amount;status"]
        rows += [
            f"{one.reference};{one.at.isoformat()};{one.amount_tiyn // 100};done" for one in sales
        ]
        party: Party = "processor" if seller == WALLET else "agent"
        await import_register(
            self.pool, AGENCY, party, seller, day, "\n".join(rows).encode(),
            Who(CLERK, self.clock.now()), file_name=f"{seller}-{day}.csv",
        )  # fmt: skip

    def statement(self, day: date, lines: Sequence[Line]) -> bytes:
        """Write the bank's statement of a day, each day in the next of the five formats."""
        opening = self.balance_tiyn
        self.balance_tiyn += sum(line.amount_tiyn for line in lines)
        statement = Statement(
            account=IBAN, from_date=day, to_date=day, opening_tiyn=opening,
            closing_tiyn=self.balance_tiyn, currency="KZT", lines=tuple(lines),
        )  # fmt: skip
        write = (write_1c, write_csv, write_camt, write_xlsx, write_mt940)[day.toordinal() % 5]
        return write(statement)

    async def import_bank(self, day: date, file: bytes) -> None:
        """Import a statement, and match."""
        await import_statement(
            self.connection, self.tools.accounts, AGENCY, file, f"{day}.txt",
            doer=Doer(CLERK), now=self.clock.now(), account=BANK,
        )  # fmt: skip
        await run_matching(self.pool, AGENCY, CLERK, self.clock.now())

    async def daily_job(self, day: date) -> None:
        """Net commission, make items, compare registers."""
        await close_agents_day(self.pool, AGENCY, day, self.clock.now(), CLERK)

    # -- closing -----------------------------------------------------------------------------

    async def run_stages(self, day: date) -> list[str]:
        """Run all stages of a day's close; give those that did not pass, and why."""
        runs = await run_all(self.connection, AGENCY, day, actor=CLERK, now=self.clock.now)
        return [
            f"{run.stage}: {run.waiting} waiting, {run.evidence}" for run in runs if not run.passed
        ]

    async def accept_open(self, reason: str) -> int:
        """Accept what is open and accepted by nobody, as an accountant who has looked at it."""
        rows = await self.rows(
            "SELECT exception_no, value_tiyn FROM ticketing_exception"
            " WHERE closed_at IS NULL AND accepted_at IS NULL"
        )
        for exception_no, value_tiyn in rows:
            await accept(
                self.connection, AGENCY, exception_no, reason=reason, seen_tiyn=value_tiyn,
                by=Person(PREPARES, self.people[PREPARES].user_id), now=self.clock.now(),
            )  # fmt: skip
        return len(rows)

    async def close(self, day: date) -> None:
        """Close a day: whatever stands in the way is accepted, and two people sign."""
        failed = await self.run_stages(day)
        if await self.accept_open("looked at") or failed:
            failed = await self.run_stages(day)
        assert failed == [], f"{day} cannot be closed"
        acts: tuple[tuple[Act, str], ...] = (("prepared", PREPARES), ("approved", APPROVES))
        for act, name in acts:
            await sign(
                self.connection,
                AGENCY,
                day,
                act,
                self.people[name],
                now=self.clock.now(),
            )

    async def rows(self, query: str, values: Any = ()) -> list[tuple]:
        """Read from the database."""
        return await (await self.connection.execute(query, values)).fetchall()


def make_signers(conninfo: str) -> dict[str, Signer]:
    """Make the two who sign."""
    people = {}
    with connect(conninfo) as connection:
        for name, role in ((PREPARES, "accountant"), (APPROVES, "chief_accountant")):
            row = connection.execute(
                "INSERT INTO person (name, created_at) VALUES (%s, '2026-01-01Z')"
                " RETURNING user_id",
                (name,),
            ).fetchone()
            assert row is not None
            people[name] = Signer(row[0], name)
            connection.execute(
                "INSERT INTO person_role (user_id, role) VALUES (%s, %s)", (row[0], role)
            )
    return people


def morning_after(day: date, days: int = 1, hour: int = 6) -> datetime:
    """Give a morning some days after a day, in UTC (five hours behind the town)."""
    return datetime.combine(day + timedelta(days=days), time(hour - 5), UTC)
