"""Judging stored taps again: what changed is posted, what did not is left, whatever was asked."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sapar.contract.messages import INTEGER_MAX
from sapar.core.db import connect
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import RefundTap
from sapar.ticketing.controls import run_controls
from sapar.ticketing.ledger.export import check_ledger
from sapar.ticketing.post import judge_again, judge_span
from sapar.ticketing.taps.carriers import Carriers, Service
from sapar.ticketing.tariff.tariffs import Tariffs
from tests.ticketing.closing import close_day
from tests.ticketing.taps.support import AGENCY, ALWAYS, make_tools, tap_of

DAY = date(2026, 3, 18)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
A_DAY = 24 * 60  # minutes


async def card_no(town, card: str) -> int:
    return (await town.rows("SELECT card_no FROM card WHERE card_ref = %s", [card]))[0][0]


async def test_a_day_without_taps_keeps_the_months_cap(town):
    town.tools = make_tools(town.conninfo, month_cap="200", day_cap=None, transfer_minutes=None)
    early = [tap_of(town.devices[0], seq, "c1", 5 * seq - 2 * A_DAY) for seq in (1, 2, 3)]
    await town.post(*early, tap_of(town.devices[0], 4, "c1"))
    before = town.state()
    assert await town.again((await card_no(town, "c1"), date(2026, 3, 17))) == 0
    assert town.state() == before


async def test_a_card_without_taps_stops_nothing(town):
    await town.post(tap_of(town.devices[0], 1, "c1"))
    days = [(await card_no(town, card), DAY) for card in ("c1", "c4")]
    assert await town.again(*days) == 0


async def test_a_ride_that_costs_other_things_and_posts_the_same_has_no_new_revision(town):
    number = await card_no(town, "c1")
    await town.connection.execute(
        "INSERT INTO card_pass VALUES (%s, 999, 'month_pass', '[2026-03-01, 2026-04-01)')", [number]
    )
    await town.connection.execute("UPDATE card SET has_pass = true WHERE card_no = %s", [number])
    await town.post(tap_of(town.devices[0], 1, "c1"))
    town.tools = make_tools(town.conninfo, adult="100")
    assert await town.again((number, DAY)) == 0
    assert await town.rows("SELECT nominal_tiyn, charged_tiyn, revision FROM tap") == [
        (10000, 0, 1)
    ]
    assert await check_ledger(town.connection) == []


async def test_a_carrier_corrected_twice_after_the_close_moves_late_clearing_alone(town):
    await town.post(tap_of(town.devices[0], 1, "c1"))
    with connect(town.conninfo) as connection:
        close_day(connection, "town", DAY)
    await town.connection.execute(
        "INSERT INTO carrier (agency_id, carrier_id, name) VALUES ('town', 'red', 'Red')"
    )
    names = {name: no for no, name in await town.rows("SELECT carrier_no, carrier_id FROM carrier")}
    for name in ("blue", "red"):
        carriers = Carriers(
            {no: carrier_id for carrier_id, no in names.items()},
            {(AGENCY, "b1"): [Service(names[name], *ALWAYS)]},
        )
        town.tools = replace(town.tools, carriers=lambda now=carriers: now)
        await town.again((await card_no(town, "c1"), DAY))
    clearing = [row for row in town.state()["accounts"] if row[0] in {2210, 2220}]
    assert clearing == [(2210, "green", -8000), (2220, "green", 8000), (2220, "red", -8000)]
    assert await check_ledger(town.connection) == []


async def test_a_tariff_that_comes_after_the_taps_puts_them_on_its_fare_days(town):
    known = town.tools
    town.tools = replace(known, tariffs=lambda _: Tariffs(()))  # nothing, not even the zone
    morning = -6 * 60  # 06:00 here, 01:00 in Greenwich
    change = tap_of(town.devices[1], 1, "c1", morning + 20, vehicle="b2", route_id="9")
    await town.post(tap_of(town.devices[0], 1, "c1", morning), change)
    await town.post(tap_of(town.devices[0], 2, "c1"))
    await judge_span(town.connection, known, AGENCY, LONG_AGO)
    taps = await town.rows("SELECT service_date, charged_tiyn FROM tap ORDER BY event_at")
    assert taps == [(DAY, 8000), (DAY, 0), (DAY, 8000)]
    assert await check_ledger(town.connection) == []


async def give_back(town, tap_no: int, *, no_ride: bool = False) -> None:
    async def again(connection, touched) -> None:
        await judge_again(connection, town.tools, touched)

    asked = RefundTap(
        agency_id=AGENCY,
        key="r1",
        actor="aigul",
        card_ref="c1",
        tap_no=tap_no,
        reason="late bus",
        no_ride=no_ride,
    )
    desk = Desk(town.tools.clock, town.tools.accounts, again)
    await carry_out(town.connection, desk, asked)


async def beyond_charge(town) -> list[tuple[str, int]]:
    now = town.tools.clock.now()
    found = await run_controls(town.connection, AGENCY, since=LONG_AGO, now=now)
    return [(one.subject, one.value_tiyn) for one in found["beyond_charge"]]


async def test_a_fare_given_back_of_a_ride_that_then_counts_no_more_is_found(town):
    one, two = town.devices[:2]
    await town.post(tap_of(one, 1, "c1", 10, counter=7))
    [(tap_no,)] = await town.rows("SELECT tap_no FROM tap")
    await give_back(town, tap_no)
    assert await beyond_charge(town) == []
    await town.post(tap_of(two, 1, "c1", 5, counter=7))
    assert await beyond_charge(town) == [(f"tap {tap_no}", 8000)]


async def test_a_ride_that_was_taken_back_and_costs_something_since_is_found(town):
    one, two = town.devices[:2]
    change = tap_of(two, 1, "c1", 5, vehicle="b2", route_id="9")
    await town.post(tap_of(one, 1, "c1"), change)
    [(tap_no,)] = await town.rows("SELECT tap_no FROM tap WHERE charged_tiyn = 0")
    await give_back(town, tap_no, no_ride=True)
    assert await beyond_charge(town) == []
    await town.post(tap_of(one, 1, "c4", -5))  # the ride that it was a transfer of is another's
    assert await beyond_charge(town) == [(f"tap {tap_no}", 8000)]


async def test_the_largest_numbers_that_the_contract_allows_are_kept(town):
    names = ("epoch", "counter", "boot_no", "uptime_ms", "denylist_version", "tariff_version")
    largest: dict[str, Any] = dict.fromkeys(names, INTEGER_MAX)
    await town.post(tap_of(town.devices[0], INTEGER_MAX, "c1", num_riders=50, **largest))
    await town.post(tap_of(town.devices[0], 0, "c1", 5, epoch=INTEGER_MAX))
    assert town.state()["gaps"] == [(1, INTEGER_MAX, 1, INTEGER_MAX - 1)]
    assert town.taps()["v1", INTEGER_MAX][:3] == ("posted", None, 50 * 8000)
