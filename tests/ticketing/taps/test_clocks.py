"""Corrected times: what tells nothing is not believed, and equal evidence weighs the same."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from sapar.contract.messages import INTEGER_MAX
from tests.ticketing.taps.support import NOON_MS, make_tools, tap_of

NOON = datetime.fromtimestamp(NOON_MS / 1000, UTC)
DAY = 24 * 60


def unset(device, seq: int, card: str, minute: float = 0, uptime_ms: int = 60_000):
    return tap_of(device, seq, card, minute, clock_src="rtc", boot_no=1, uptime_ms=uptime_ms)


def beacon(device, seq: int, card: str, minute: float = 0, uptime_ms: int = 60_000):
    return tap_of(device, seq, card, minute, clock_src="gnss", boot_no=1, uptime_ms=uptime_ms)


@pytest.mark.parametrize("told", [0, INTEGER_MAX])
@pytest.mark.parametrize("first", [0, 1])
async def test_an_uptime_that_no_device_has_corrects_nothing(town, told, first):
    device = town.devices[0]
    taps = [beacon(device, 1, "c1", 0, told), unset(device, 2, "c4", 0, INTEGER_MAX - told)]
    await town.post(taps[first])
    await town.post(taps[1 - first])
    assert await town.rows("SELECT event_at FROM tap WHERE NOT synchronized") == [(NOON,)]


@pytest.mark.parametrize("swapped", [False, True])
async def test_of_two_versions_of_a_beacon_the_same_one_counts_stored_or_new(town, swapped):
    device = town.devices[0]
    one, two = (beacon(device, 2, "c4", 10, uptime_ms) for uptime_ms in (50_000, 90_000))
    if swapped:
        one, two = one._replace(digest=two.digest), two._replace(digest=one.digest)
    asking = unset(device, 1, "c1")
    for epoch, taps in enumerate([(asking, one, two), (one, two, asking), (two, asking, one)]):
        for tap in taps:
            await town.post(tap._replace(tap=msgspec.structs.replace(tap.tap, epoch=epoch)))
    found = await town.rows("SELECT DISTINCT event_at FROM tap WHERE NOT synchronized")
    assert found == [(NOON + timedelta(minutes=10, seconds=10),)]


async def test_a_corrected_tap_leaves_the_charges_of_the_month_where_they_are(town):
    town.tools = make_tools(town.conninfo, month_cap="200", day_cap=None, transfer_minutes=None)
    device, other = town.devices[:2]
    early = [tap_of(other, seq, "c1", 5 * seq - 2 * DAY) for seq in (1, 2)]
    await town.post(*early, unset(device, 1, "c1", -DAY, 0))
    assert town.taps()["v1", 1][2] == 4000
    await town.post(beacon(device, 2, "c4", 1))  # alone on its day, it moves to the next one
    assert await town.rows("SELECT service_date FROM tap WHERE NOT synchronized") == [
        (date(2026, 3, 18),)
    ]
    assert town.taps()["v1", 1][2] == 4000
