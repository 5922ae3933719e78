"""A month of a small city from tap to bank line, end to end: every day is closed, every planted
fault is found as its exception with its exact worth and nothing else is, and doing all of it a
second time changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from sapar.contract.messages import Tap
from sapar.core.clock import ManualClock
from sapar.core.db import connect_async, open_pool
from sapar.finance.bank.model import Line
from sapar.finance.claims.claiming import run_claims
from sapar.finance.settlement.disputes import open_dispute
from sapar.finance.settlement.running import run_settlement
from sapar.finance.settlement.statements import list_statements
from sapar.ticketing.cards.requests import PayOut, RefundTap, Withdraw
from sapar.ticketing.taps.carriers import load_carriers
from tests.finance.month import faults
from tests.finance.month.faults import Fault
from tests.finance.month.office import (
    BANK,
    BINS,
    CLERK,
    SHOP_COMMISSION_BP,
    WALLET_FEE_BP,
    Office,
    Report,
    make_signers,
    morning_after,
)
from tests.finance.month.riding import (
    DAYS,
    FIRST,
    KIOSK,
    SHOP,
    WALLET,
    Day,
    Town,
    card_ref,
    category_of,
    local,
)
from tests.ticketing import oracle
from tests.ticketing.agreement import check_invariants
from tests.ticketing.simulated import tools_of
from tests.ticketing.world import AGENCY, make_world

PAYOUT_TIYN = 500_00
TABLES = (
    "tap", "journal", "account", "card", "ticketing_exception", "exception_", "finance_", "bank_",
    "agent", "processor", "register", "business_day", "day_", "carrier", "claim", "settle",
    "shift_", "device_shift",
)  # fmt: skip
"""How the names of tables begin that money, evidence or finance is in."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@dataclass
class Month:
    """The days as they happened, and what came of each, to be done again."""

    office: Office
    days: list[Day] = field(default_factory=list)
    files: dict[date, bytes] = field(default_factory=dict)
    registers: list[tuple[str, date, list]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    found: set[Fault] = field(default_factory=set)
    told: set[int] = field(default_factory=set)

    async def ride(self, day: Day) -> None:
        """Let a day's top-ups and taps come in, and its shift reports in the night."""
        office, number = self.office, day.service_date.day
        self.days.append(day)
        for sale in day.sales:
            await office.sell(sale)
        night = office.at(local(day.service_date, 23))
        gone = set(map(id, faults.lost(day)))
        for device, taps in day.taps.items():
            if faults.is_late(day, device):
                continue
            await office.post(
                [office.tap_in(device, tap, night) for tap in taps if id(tap) not in gone]
            )
        if number in faults.TWICE_DAYS:
            again = [office.tap_in(one.device, one.tap, night) for one in day.all_taps()]
            assert await office.post(again, size=37) == 0
        if number == faults.REFUND_DAY:
            await self.give_back(day)
        office.at(morning_after(day.service_date))
        made = {name: office.make_report(name, number, taps) for name, taps in day.taps.items()}
        self.reports += made.values()
        await office.bring(*(made[name] for name in made if not faults.is_late(day, name)))

    async def bring_late(self, day: Day) -> None:
        """Let the bus come back into reach: its taps, then its shift report."""
        office, device = self.office, faults.LATE_DEVICE
        now = office.at(local(FIRST.replace(day=faults.LATE_UNTIL), 20))
        assert await office.post([office.tap_in(device, tap, now) for tap in day.taps[device]])
        late = [one for one in self.reports if one.seq == faults.LATE_DAY]
        assert await office.bring(*late) == 1

    async def give_back(self, day: Day) -> None:
        """Refund a ride, and pay out from another card."""
        office = self.office
        head: dict[str, Any] = {"agency_id": AGENCY, "actor": CLERK}
        [[tap_no, ref]] = await office.rows(
            "SELECT tap_no, card_ref FROM tap JOIN card USING (card_no)"
            " WHERE service_date = %s AND charged_tiyn > 0 AND card_ref <> %s ORDER BY 1 LIMIT 1",
            (day.service_date, card_ref(0)),
        )
        await office.ask(
            RefundTap(key="refund-1", card_ref=ref, tap_no=tap_no, reason="twice", **head)
        )
        [[rich]] = await office.rows(
            "SELECT card_ref FROM card WHERE purse_tiyn >= %s ORDER BY 1 LIMIT 1", (PAYOUT_TIYN,)
        )
        names = head | {"card_ref": rich, "amount_tiyn": PAYOUT_TIYN, "channel": "desk"}
        await office.ask(Withdraw(key="withdraw-1", **names))
        await office.ask(PayOut(key="payout-1", bank=BANK, **names))

    # -- the morning after -------------------------------------------------------------------

    def lines_of(self, day: date) -> list[Line]:
        """What the bank books on a day: the money of the sales of the day before."""
        before = next(
            (one for one in self.days if one.service_date == day - timedelta(days=1)), None
        )
        if before is None:
            return []
        number = before.service_date.day
        lines: list[Line] = []
        for seller in (SHOP, KIOSK, WALLET):
            sold = sum(sale.amount_tiyn for sale in before.sales if sale.seller == seller)
            paid = sold
            if seller == SHOP:
                paid -= sold * SHOP_COMMISSION_BP // 10_000
            if seller == WALLET:
                paid -= sold * WALLET_FEE_BP // 10_000
            if (seller, number) == (KIOSK, faults.SHORT_DAY):
                paid -= faults.SHORT_TIYN
            if (seller, number) == (WALLET, faults.FEE_DAY):
                paid -= faults.FEE_TIYN
            line = Line(
                booked_on=day, amount_tiyn=paid, value_on=day, counterparty_name=seller,
                counterparty_bin=BINS[seller], reference=f"{day:%m%d}{len(lines)}",
                bank_reference=f"B{day:%Y%m%d}{len(lines)}",
                purpose=f"{seller}-{before.service_date:%Y%m%d}",
            )  # fmt: skip
            lines.append(line)
            if (seller, number) == (SHOP, faults.DOUBLED_DAY):
                lines.append(line)
        return lines

    async def payout_lines(self, day: date) -> list[Line]:
        """The payment to a holder, as the bank books it: with the reference of the order."""
        rows = await self.office.rows(
            "SELECT reference, amount_tiyn FROM finance_item WHERE kind = 'refund'"
            " AND item_date = %s",
            (day - timedelta(days=1),),
        )
        return [
            Line(
                booked_on=day, amount_tiyn=amount, value_on=day, reference=reference,
                bank_reference=f"B{day:%Y%m%d}P", purpose=reference,
            )
            for reference, amount in rows
        ]  # fmt: skip

    async def morning(self, day: Day) -> None:
        """The day after: registers come in, and what must be paid is known."""
        office, service_date = self.office, day.service_date
        office.at(morning_after(service_date, hour=7))
        for seller in (SHOP, KIOSK, WALLET):
            sales = [one for one in day.sales if one.seller == seller]
            if (seller, service_date.day) == (SHOP, faults.UNSOLD_DAY):
                sales = sales[1:]
            self.registers.append((seller, service_date, sales))
            await office.take_register(seller, service_date, sales)
        await office.daily_job(service_date)

    async def bank(self, day: date) -> None:
        """The bank's statement of a day, on the morning after."""
        self.office.at(morning_after(day, hour=8))
        self.files[day] = self.office.statement(
            day, [*self.lines_of(day), *await self.payout_lines(day)]
        )
        await self.office.import_bank(day, self.files[day])

    async def close(self, day: date) -> None:
        """Two mornings after, when its money has come."""
        office = self.office
        office.at(morning_after(day, days=2, hour=9))
        await office.daily_job(day)
        await office.run_stages(day)
        await self.note()
        await office.close(day)
        await self.note()

    async def note(self) -> None:
        """Note every exception when it is first seen."""
        rows = await self.office.rows(
            "SELECT kind, business_date, value_tiyn, exception_no FROM ticketing_exception"
        )
        self.found |= {Fault(*row[:3]) for row in rows if row[3] not in self.told}
        self.told |= {row[3] for row in rows}


@pytest.fixture
async def month(database: str) -> AsyncIterator[Month]:
    world = make_world(database, devices=8)
    connection = await connect_async(database)
    async with connection, open_pool(database, name="month") as pool:
        tools = tools_of(database, await load_carriers(connection))
        clock = ManualClock(morning_after(FIRST, days=-2).timestamp())
        office = Office(world, connection, pool, tools, clock, make_signers(database))
        await office.issue_cards(morning_after(FIRST, days=-1))
        await office.agree()
        yield Month(office)


async def test_a_month_is_explained_to_the_last_tenge(month: Month) -> None:
    office, town = month.office, Town(month.office.world, seed=2026)
    await month.bank(FIRST - timedelta(days=1))
    for number in range(DAYS):
        day = town.day(FIRST + timedelta(days=number))
        await month.ride(day)
        if number + 1 == faults.LATE_UNTIL:
            await month.bring_late(month.days[faults.LATE_DAY - 1])
        await month.morning(day)
        await month.bank(day.service_date)
        if number:
            await month.close(day.service_date - timedelta(days=1))
    last = FIRST + timedelta(days=DAYS - 1)
    await month.bank(last + timedelta(days=1))
    await month.close(last)
    assert month.found == expected(month)
    check_invariants(office.world.conninfo)
    await check_balances(month)
    await settle(month, last)
    before = await everything(office)
    await again(month, last)
    assert await everything(office) == before
    check_invariants(office.world.conninfo)


async def check_balances(month: Month) -> None:
    """What is left at the end of the month is what the faults left, and no tiyn more."""
    office = month.office
    left = dict(
        await office.rows(
            "SELECT code || ' ' || owner, balance FROM account"
            " WHERE code IN (1010, 1020, 1110, 2410, 2420, 2510, 2910, 2920, 2320) AND balance <> 0"
        )
    )
    [doubled] = [one.value_tiyn for one in expected(month) if one.kind == "bank_line_doubled"]
    assert left == {
        f"1010 {BANK}": office.balance_tiyn,
        f"1110 {KIOSK}": faults.SHORT_TIYN,
        f"2910 {BANK}": -doubled,
    }
    assert await office.rows("SELECT count(*) FROM business_day") == [(DAYS,)]


async def settle(month: Month, last: date) -> None:
    """Settle the month with the carriers, and claim from the budgets; one carrier disputes."""
    office = month.office
    now = office.clock.now()
    names: dict[str, Any] = {"actor": CLERK, "now": now}
    settled = await run_settlement(
        office.connection, office.tools.accounts, AGENCY, FIRST, last, **names
    )
    assert settled.left == []
    statements = {one.carrier_id: one for one in await list_statements(office.connection, AGENCY)}
    await open_dispute(
        office.connection, office.tools.accounts, AGENCY, statements[faults.DISPUTED].statement_no,
        key="dispute-1", reason="the kilometres", amount_tiyn=faults.DISPUTED_TIYN, **names,
    )  # fmt: skip
    await run_claims(office.connection, AGENCY, FIRST, last, **names)
    rows = await office.rows(
        "SELECT kind, value_tiyn FROM ticketing_exception WHERE opened_at >= %s", (now,)
    )
    assert rows == [("carrier_dispute", faults.DISPUTED_TIYN)]


async def again(month: Month, last: date) -> None:
    """Do everything a second time."""
    office = month.office
    now = office.clock.now()
    for day in month.days:
        gone = set(map(id, faults.lost(day)))
        taps = [
            office.tap_in(one.device, one.tap, now)
            for one in day.all_taps()
            if id(one.tap) not in gone
        ]
        assert await office.post(taps) == 0
        for sale in day.sales:
            await office.sell(sale)
    office.at(now)
    await office.bring(*month.reports)
    for seller, on, sales in month.registers:
        await office.take_register(seller, on, sales)
    for on, file in month.files.items():
        await office.import_bank(on, file)
    for day in month.days:
        await office.daily_job(day.service_date)
    names: dict[str, Any] = {"actor": CLERK, "now": now}
    settled = await run_settlement(
        office.connection, office.tools.accounts, AGENCY, FIRST, last, **names
    )
    assert settled.statements == []
    assert await run_claims(office.connection, AGENCY, FIRST, last, **names) == []


async def everything(office: Office) -> dict[str, tuple]:
    """Give count and digest of every table that money, evidence or finance is in."""
    tables = await office.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " AND table_type = 'BASE TABLE' AND table_name ~ %s",
        (f"^({'|'.join(TABLES)})",),
    )
    found = {}
    for (name,) in sorted(tables):
        [row] = await office.rows(
            f"SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {name} t"
        )
        found[name] = row
    return found


def april(day: int) -> date:
    return FIRST.replace(day=day)


def expected(month: Month) -> set[Fault]:
    """What the planted faults must become: the kind, the day that it stands in the way of, the worth.

    What the bank shows wrong is about the day after the sales. What came late is about the shift
    that shows it missing, and then about the day that it is posted on.
    """
    lost = faults.lost(month.days[faults.LOST_DAY - 1])
    late = month.days[faults.LATE_DAY - 1].taps[faults.LATE_DEVICE]
    doubled = [sale for sale in month.days[faults.DOUBLED_DAY - 1].sales if sale.seller == SHOP]
    sold = sum(sale.amount_tiyn for sale in doubled)
    unsold = next(sale for sale in month.days[faults.UNSOLD_DAY - 1].sales if sale.seller == SHOP)
    return {
        Fault("shift_difference", april(faults.LOST_DAY), claimed(lost)),
        Fault("agent_short", april(faults.SHORT_DAY + 1), faults.SHORT_TIYN),
        Fault(
            "bank_line_doubled", april(faults.DOUBLED_DAY + 1),
            sold - sold * SHOP_COMMISSION_BP // 10_000,
        ),
        Fault("fee_difference", april(faults.FEE_DAY + 1), faults.FEE_TIYN),
        Fault("shift_missing", april(faults.LATE_DAY + 1), claimed(late)),
        Fault("late_taps", april(faults.LATE_UNTIL - 1), nominal(late)),
        Fault("register_difference", april(faults.UNSOLD_DAY), unsold.amount_tiyn),
    }  # fmt: skip


def claimed(taps: Iterable[Tap]) -> int:
    """What the validators took from cards."""
    return sum(tap.charged_tiyn or 0 for tap in taps)


def nominal(taps: Iterable[Tap]) -> int:
    """What the carrier earns by rides: the fare with the part that a budget pays."""
    return sum(
        oracle.PRICES[category_of(int(tap.card_ref.removeprefix("card-")))].nominal for tap in taps
    )
