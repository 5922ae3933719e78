"""Yesterday of a demo city as a business day that finance can close, and the files for its desk."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from sapar.cli.demo.books import (
    ACTOR,
    CHARGE_TIYN,
    FEE_TIYN,
    OPENING_TIYN,
    OWN,
    SELLERS,
    SHORT_TIYN,
    STRANGE_TIYN,
    bank_lines,
    keep_books,
)
from sapar.cli.demo.cities import DemoCity
from sapar.cli.demo.fares import PURSES_KZT, Ticketing, rewrite_validators
from sapar.cli.demo.yesterday import Aboard, Came, bring_yesterday
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, connect_async, open_pool
from sapar.core.settings import Settings
from sapar.finance.agents.day import close_agents_day
from sapar.simulators.business_day import BUSES, BusinessDay, DayPlan, make_business_day
from sapar.simulators.finance_files import write_register, write_statement
from sapar.simulators.swarm import epoch_of
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.tariff.versions import agency_zone

_DAY: Final = dt.timedelta(days=1)
_RICH_KZT: Final = 1_000
_NIGHT: Final = dt.time(5)


@dataclass(frozen=True, slots=True)
class FinanceDay:
    """What was laid down for finance to close.

    Attributes:
        agency_id, day: the city and its yesterday.
        folder: the files that come to the desk; files: their names, the bank's first.
        came: what came of its rides.
        counts: how many rows of it the verdict's counts have.
        report: what the verdict says of it.
    """

    agency_id: str
    day: dt.date
    folder: Path
    files: list[str]
    came: Came
    counts: dict[str, int]
    report: dict[str, Any] = field(default_factory=dict)


def lay_down_yesterday(
    settings: Settings, city: DemoCity, folder: Path, ticketing: Ticketing, seed: int, clock: Clock
) -> FinanceDay:
    """Make yesterday of a city, and write the bank's file and the registers into `folder`.

    Afterwards the simulator's file of validators says where their totals stand.

    Raises:
        Fault: something of the day was refused.
    """
    began_s = clock.monotonic()
    found = asyncio.run(_lay_down(settings, city, folder, ticketing, seed, clock))
    rewrite_validators(folder.parent, ticketing, found.came.grand)
    found.report["seconds"] = round(clock.monotonic() - began_s, 1)
    return found


async def _lay_down(
    settings: Settings, city: DemoCity, folder: Path, ticketing: Ticketing, seed: int, clock: Clock
) -> FinanceDay:
    conninfo, agency_id = settings.database_url.get_secret_value(), city.agency_id
    async with open_pool(conninfo, name="sapar-demo") as pool, await connect_async(conninfo) as own:
        zone = await agency_zone(pool, agency_id)
        day = FareCalendar(zone).fare_day(round(city.start_s * 1000)) - _DAY
        midnight = dt.datetime.combine(day, dt.time(), zone)
        before = await _counts(own)
        await keep_books(pool, own, Accounts(conninfo), agency_id, day, midnight)
        aboard = Aboard(agency_id, ticketing.aboard[:BUSES], ticketing.keys)
        plan = _plan(ticketing, aboard, midnight, seed, clock)
        truth = make_business_day(plan)
        came = await bring_yesterday(settings, truth, plan.midnight_ms, aboard, SELLERS)
        # as every night, before the bank's file is there
        night = dt.datetime.combine(day + _DAY, _NIGHT, zone)
        await close_agents_day(pool, agency_id, day, night, ACTOR)
        after = await _counts(own)
    files = _write_files(folder, day, truth, zone)
    counts = {name: after[name] - before[name] for name in after}
    report = _report(day, folder, truth, came)
    return FinanceDay(agency_id, day, folder, files, came, counts, report)


async def _counts(connection: AsyncConnection) -> dict[str, int]:
    """Count what the verdict counts, to leave out of it what was laid down."""
    found = await connection.execute(
        "SELECT (SELECT count(*) FROM tap), (SELECT count(*) FROM journal),"
        " (SELECT count(*) FROM shift_report WHERE counts)"
    )
    [row] = await found.fetchall()
    return dict(zip(("taps", "journals", "shift_reports"), row, strict=True))


def _plan(
    ticketing: Ticketing, aboard: Aboard, midnight: dt.datetime, seed: int, clock: Clock
) -> DayPlan:
    people = ticketing.people
    purses = np.array(PURSES_KZT)[np.arange(len(people)) % len(PURSES_KZT)]
    yesterday_s = clock.wall() - _DAY.total_seconds()
    return DayPlan(
        midnight_ms=round(midnight.timestamp() * 1000),
        people=people,
        may_ride=purses >= _RICH_KZT,
        route_ids=ticketing.route_ids,
        epochs=[epoch_of(yesterday_s, aboard.agency_id, who.device_id) for who in aboard.who],
        fares=ticketing.fares,
        sellers=SELLERS,
        name=f"{midnight:%m%d}",
        seed=seed,
    )


def _write_files(folder: Path, day: dt.date, truth: BusinessDay, zone: dt.tzinfo) -> list[str]:
    """Write what a bank and sellers send, and say what it is; give the names."""
    folder.mkdir(parents=True, exist_ok=True)
    sold = [(seller, truth.sold_tiyn(seller.seller_id)) for seller in SELLERS]
    statement = write_statement(OWN, day, day, OPENING_TIYN, bank_lines(day, sold))
    files = {f"bank-{day:%Y%m%d}.txt": statement}
    for seller in SELLERS:
        sales = [sale for sale in truth.sales if sale.seller_id == seller.seller_id]
        files[f"{seller.seller_id}-{day:%Y%m%d}.csv"] = write_register(sales, zone)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return list(files)


def _report(day: dt.date, folder: Path, truth: BusinessDay, came: Came) -> dict[str, Any]:
    lost = truth.list_lost()
    return {
        "day": day.isoformat(),
        "taps": came.posted,
        "charged_tiyn": sum(
            one.tap.charged_tiyn or 0
            for one in truth.taps
            if (one.device, one.tap.seq) not in truth.lost
        ),
        "shift_reports": came.reports,
        "top_ups": len(truth.sales),
        "sold_tiyn": {one.seller_id: truth.sold_tiyn(one.seller_id) for one in SELLERS},
        "planted_tiyn": {
            "agent_short": SHORT_TIYN,
            "fee_difference": FEE_TIYN,
            "shift_difference": sum(tap.charged_tiyn or 0 for tap in lost),
            "bank_charge": CHARGE_TIYN,
            "strange_receipt": STRANGE_TIYN,
        },
        "lost_taps": len(lost),
        "files": str(folder),
    }


def finance_table(days: list[FinanceDay]) -> str:
    """Tell what there is to close, for the terminal that started the demo."""
    rows = []
    for one in days:
        rows += [
            f"  to close    {one.agency_id} {one.day} (docs/finance-day.md)",
            f"  its files   {one.folder}",
            *(f"              {name}" for name in one.files),
        ]
    return "\n".join([*rows, ""])
