"""Taps become evidence, judgements and journals: each rule, and what it leaves in the ledger."""

from datetime import UTC, date, datetime

import pytest

from sapar.core.db import connect
from sapar.core.errors import BadInput, Refused
from sapar.ticketing.post import judge_span, post_taps
from sapar.ticketing.taps.voids import void_range
from tests.ticketing.closing import close_day
from tests.ticketing.taps.support import AGENCY, NOON_MS, make_tools, tap_of

DAY = date(2026, 3, 18)


async def test_a_ride_moves_the_purse_the_carrier_and_a_boarding(town):
    posted = await town.post(tap_of(town.devices[0], 1, "c1", route_id="7", counter=1))
    assert (posted.new, posted.journals) == (1, 2)  # the fare, and the debt of an empty purse
    assert posted.stored == {(town.devices[0].device_no, 1): [1]}
    entries = {row[4]: row[5] for row in town.state()["entries"]}
    assert entries == {"2210/green": -8000, "9110/green": 1, "9210/ride": -1, "c1/0": 8000}
    assert town.state()["cards"][0] == ("c1", "active", 0, 8000)


async def test_a_concession_is_claimed_from_its_funder(town):
    await town.post(tap_of(town.devices[0], 1, "c2"), tap_of(town.devices[0], 2, "c3", 5))
    assert town.state()["accounts"] == [
        (1220, "akimat", 12000),
        (2210, "green", -16000),
        (9110, "green", 2),
        (9210, "ride", -2),
    ]


async def test_the_same_bytes_again_are_counted_and_change_nothing(town):
    tap = tap_of(town.devices[0], 1, "c1")
    await town.post(tap, tap)
    before = town.state()
    posted = await town.post(tap)
    assert (posted.new, posted.repeats, posted.journals) == (0, 1, 0)
    assert posted.stored == {(town.devices[0].device_no, 1): [1]}
    assert town.state() == before


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_contents_the_earlier_one_counts_whichever_came_first(town, first):
    versions = [tap_of(town.devices[0], 1, "c1", 0), tap_of(town.devices[0], 1, "c4", 1)]
    await town.post(versions[first])
    posted = await town.post(versions[1 - first])
    assert posted.new == 1
    assert posted.conflicts == (1 if first == 0 else 0)
    assert town.taps()["v1", 1] == [
        ("held", "identity_conflict", 0, "[]"),
        ("posted", None, 8000, "[]"),
    ]
    assert town.state()["cards"][0][3] == 8000
    assert all(debt == 0 for _, _, _, debt in town.state()["cards"][1:])
    assert [row[0] for row in town.state()["exceptions"]] == ["identity_conflict"]


async def test_a_version_without_a_good_seal_takes_nothing_from_the_good_one(town):
    device = town.devices[0]
    await town.post(tap_of(device, 1, "c1", 0, sealed="bad_signature"))
    assert town.state()["sequences"][0][2:4] == (None, None)
    posted = await town.post(tap_of(device, 1, "c1", 5))
    assert posted.stored == {(device.device_no, 1): [1]}
    assert town.taps()["v1", 1] == [
        ("held", "bad_signature", 0, "[]"),
        ("posted", None, 8000, "[]"),
    ]


async def test_a_card_counter_counts_once_the_earliest_tap(town):
    one, other = town.devices[:2]
    await town.post(tap_of(one, 1, "c1", 10, counter=5))
    await town.post(tap_of(other, 1, "c1", 3, counter=5))
    assert town.taps() == {
        ("v1", 1): ("held", "counter_reused", 0, "[]"),
        ("v2", 1): ("posted", None, 8000, "[]"),
    }
    assert (await town.rows("SELECT kind, revision FROM journal WHERE tap_no = 1")) == [
        ("tap", 1),
        ("fare_change", 2),
    ]


async def test_a_late_tap_makes_the_later_one_a_transfer_and_the_journal_names_it(town):
    await town.post(tap_of(town.devices[0], 1, "c1", 20, route_id="7"))
    await town.post(tap_of(town.devices[1], 9, "c1", 0, route_id="8", vehicle="b2"))
    taps = town.taps()
    assert taps["v1", 1][2:] == (0, '[["transfer","scheme",8000]]')
    assert taps["v2", 9][2:] == (8000, "[]")
    [(rule,)] = await town.rows("SELECT rule FROM journal WHERE kind = 'fare_change'")
    assert f"moved by {town.devices[1].device_no}/1/9" in rule
    assert all(purse == 0 for _, _, purse, _ in town.state()["cards"])
    assert (5120, "scheme", 8000) in town.state()["accounts"]


async def test_a_ride_that_the_validator_refused_moves_nothing(town):
    posted = await town.post(tap_of(town.devices[0], 1, "c1", outcome="deny"))
    assert (posted.journals, posted.held) == (0, {})
    assert town.state()["accounts"] == []
    assert town.state()["exceptions"] == []


async def test_a_second_debit_in_the_same_bus_is_held(town):
    device = town.devices[0]
    posted = await town.post(tap_of(device, 1, "c1", 0), tap_of(device, 2, "c1", 0.5))
    assert posted.held == {(device.device_no, 1): [(2, "double_debit")]}
    assert [row[0] for row in town.state()["exceptions"]] == ["double_debit"]


async def test_the_fare_of_an_unknown_card_waits_until_somebody_issues_it(town):
    await town.post(tap_of(town.devices[0], 1, "stranger"))
    assert (2920, "green", 8000) in town.state()["accounts"]
    assert (2320, "green", -8000) in town.state()["accounts"]
    [(number,)] = await town.rows("SELECT card_no FROM card WHERE card_ref = 'stranger'")
    await town.connection.execute("UPDATE card SET status = 'active' WHERE card_no = %s", [number])
    assert await town.again((number, DAY)) == 2
    assert [row[:2] for row in town.state()["accounts"]] == [
        (2210, "green"),
        (9110, "green"),
        (9210, "ride"),
    ]
    assert await town.again((number, DAY)) == 0


async def test_a_late_tap_of_a_closed_day_posts_to_the_open_day_and_the_late_account(town):
    await town.post(tap_of(town.devices[0], 1, "c1", 20, route_id="7"))
    with connect(town.conninfo) as connection:
        close_day(connection, "town", DAY)
    await town.post(tap_of(town.devices[1], 1, "c1", 0, route_id="8", vehicle="b2"))
    assert await town.rows(
        "SELECT kind, service_date, business_date FROM journal ORDER BY journal_no"
    ) == [
        ("tap", DAY, DAY),
        ("debt", DAY, DAY),
        ("tap", DAY, date(2026, 3, 19)),
        ("fare_change", DAY, date(2026, 3, 19)),
    ]
    accounts = {row[:2]: row[2] for row in town.state()["accounts"]}
    assert accounts[2210, "green"] == -8000
    assert accounts[2220, "blue"] == -8000
    assert (2220, "green") not in accounts


async def test_a_clock_that_nobody_set_is_corrected_by_a_neighbour_of_the_same_boot(town):
    device = town.devices[0]
    lost = tap_of(device, 1, "c1", -500_000, clock_src="rtc", boot_no=3, uptime_ms=60_000)
    await town.post(lost)
    assert town.state()["taps"][0][6].year == 2025
    await town.post(tap_of(device, 2, "c2", 0, clock_src="gnss", boot_no=3, uptime_ms=360_000))
    first = town.state()["taps"][0]
    assert first[6].isoformat() == "2026-03-18T06:55:00+00:00"
    assert first[7] == DAY
    assert town.taps()["v1", 1] == ("posted", None, 8000, "[]")


async def test_gaps_open_and_close_by_arrival_by_void_and_never_without_a_reason(town):
    device = town.devices[0]
    key, now = (device.device_no, 1), town.tools.clock.now()
    await town.post(tap_of(device, 2, "c1"), tap_of(device, 7, "c2"), tap_of(device, 9, "c3"))
    assert [row[2:] for row in town.state()["gaps"]] == [(3, 6), (8, 8)]
    await town.post(tap_of(device, 5, "c4"))
    assert [row[2:] for row in town.state()["gaps"]] == [(3, 4), (6, 6), (8, 8)]
    said = {"how": "person", "actor": "aigul", "now": now}
    with pytest.raises(BadInput):
        await void_range(town.connection, key, (3, 4), reason=" ", **said)
    with pytest.raises(Refused, match="no open gap"):
        await void_range(town.connection, key, (9, 12), reason="burnt", **said)
    assert await void_range(town.connection, key, (3, 6), reason="burnt", **said) == 3
    assert [row[2:] for row in town.state()["gaps"]] == [(8, 8)]
    assert town.state()["sequences"] == [(*key, 2, 9, 4, 3)]
    await town.post(tap_of(device, 4, "c5", 3))
    assert town.state()["sequences"] == [(*key, 2, 9, 5, 2)]


async def test_a_month_cap_counts_the_days_before_and_moves_the_days_after(town):
    tools = make_tools(town.conninfo, month_cap="200", day_cap=None, transfer_minutes=None)
    device = town.devices[0]
    day = 24 * 60

    async def post(seq, minute):
        await post_taps(town.connection, tools, [tap_of(device, seq, "c1", minute)])

    await post(1, 0)
    await post(2, 3 * day)
    await post(3, 5 * day)  # 40 of 80 are left to the cap
    assert town.taps()["v1", 3][2] == 4000
    await post(4, 1 * day)  # late, and before two of them
    assert [town.taps()["v1", seq][2] for seq in (1, 4, 2, 3)] == [8000, 8000, 4000, 0]
    await post(5, 20 * day)  # another month
    assert town.taps()["v1", 5][2] == 8000


async def test_taps_of_a_span_are_judged_by_what_holds_now(town):
    await town.post(tap_of(town.devices[0], 1, "c1"), tap_of(town.devices[0], 2, "c4", 60))
    dearer = make_tools(town.conninfo, adult="90")
    since = datetime.fromtimestamp(NOON_MS / 1000 + 1800, UTC)
    told = []
    journals = await judge_span(
        town.connection, dearer, AGENCY, since, progress=lambda *now: told.append(now)
    )
    assert journals == 2  # the difference, and the debt that it makes
    assert told == [(1, 1)]
    assert [town.taps()["v1", seq][2] for seq in (1, 2)] == [8000, 9000]
    assert await judge_span(town.connection, dearer, AGENCY, since) == 0
