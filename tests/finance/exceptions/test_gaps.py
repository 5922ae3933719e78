"""What open gaps are worth, and whose mean that is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.finance.exceptions.checks import check_gaps
from sapar.finance.exceptions.gaps import merged_length, watch_gaps
from sapar.ticketing.controls import list_gaps
from tests.ticketing.taps.support import AGENCY, NOON_MS, tap_of

NOW = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(days=1)
DAY = date(2026, 3, 18)


async def gaps(town):
    await watch_gaps(town.connection, AGENCY, NOW)
    return await town.rows(
        "SELECT subject, value_tiyn, detail, business_date FROM ticketing_exception"
        " WHERE kind = 'gap' AND closed_at IS NULL ORDER BY subject"
    )


async def test_a_gap_opens_shrinks_and_closes(town):
    v1 = town.devices[0]
    await town.post(*(tap_of(v1, seq, f"c{seq % 12 + 1}", seq * 2.0) for seq in (1, 2, 5, 6)))
    [(subject, value, detail, day)] = await gaps(town)
    [(_, _, first, last, _, _, worth)] = await list_gaps(town.connection, AGENCY)
    assert (first, last) == (3, 4)
    assert (subject, value, day) == ("gap v1 1/3", worth, DAY)
    assert value == 2 * 8000
    assert detail.endswith("8000 tiyn each: the device's mean of the hour around")
    assert [one.value_tiyn for one in await check_gaps(town.connection, AGENCY, DAY)] == [16000]
    await town.post(tap_of(v1, 4, "c11", 8.0))
    assert [one[:2] for one in await gaps(town)] == [("gap v1 1/3", 8000)]
    await town.post(tap_of(v1, 3, "c12", 6.0))
    assert await gaps(town) == []


@pytest.mark.parametrize(
    ("beside", "source"),
    [
        ([], "nothing else of that day came"),
        ([(1, 20, {"route_id": "9"})], "the city's mean of the day"),
        ([(1, 20, {"route_id": "9"}), (2, 30, {"route_id": "7"})], "the route's mean of the day"),
        ([(0, 300, {"route_id": "9"}), (2, 30, {"route_id": "7"})],
         "the device's mean of the day"),
    ],
)  # fmt: skip
async def test_whose_mean(town, beside, source):
    """Nothing of the hour counts: the device's neighbours were refused rides."""
    v1 = town.devices[0]
    denied = {"outcome": "deny", "route_id": "7"}
    await town.post(tap_of(v1, 1, "c1", 0.0, **denied), tap_of(v1, 3, "c4", 4.0, **denied))
    for place, minute, fields in beside:
        one = tap_of(town.devices[place], 4 + place, "c10", minute, **fields)
        await town.post(one)
    found = {one[0]: one for one in await gaps(town)}
    assert found["gap v1 1/2"][2].endswith(source)
    assert found["gap v1 1/2"][1] == (0 if source.startswith("nothing") else 8000)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8))))
def test_numbers_in_ranges_are_counted_once(pairs):
    ranges = [(first, first + more) for first, more in pairs]
    numbers = {number for first, last in ranges for number in range(first, last + 1)}
    assert merged_length(ranges) == len(numbers)
