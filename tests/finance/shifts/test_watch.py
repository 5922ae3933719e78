"""Shift reports against taps: each planted difference is one exception with its exact amount."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sapar.contract.messages import Tap
from sapar.core.db import Pool
from sapar.finance.exceptions.checks import check_gaps, check_shifts, check_taps
from sapar.finance.exceptions.gaps import watch_gaps
from sapar.finance.shifts.listing import compare_shift, list_shifts
from sapar.finance.shifts.watch import watch_shifts
from tests.finance.shifts.support import bring, report_of
from tests.ticketing.taps.conftest import Town
from tests.ticketing.taps.support import AGENCY, NOON_MS, tap_of

DAY = date(2026, 3, 18)
EVENING = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(hours=8)
NEXT_DAY = EVENING + timedelta(days=1)


def rides(device, first: int, last: int, **fields):
    """Taps that say they took 80 tenge with the product `single`, a minute after one another."""
    values = {"product_id": "single", "charged_tiyn": 8000, **fields}
    return [
        tap_of(device, seq, f"c{seq % 12 + 1}", seq * 2.0, **values)
        for seq in range(first, last + 1)
    ]


def records(taps) -> list[Tap]:
    return [one.tap for one in taps]


async def open_ones(town: Town) -> list[tuple]:
    return await town.rows(
        "SELECT kind, subject, value_tiyn, detail, business_date FROM ticketing_exception"
        " WHERE closed_at IS NULL ORDER BY exception_no"
    )


@pytest.fixture
def v1(town: Town):
    return town.devices[0]


async def test_a_shift_that_agrees_opens_nothing(town, pool: Pool, v1):
    taps = rides(v1, 1, 5)
    await town.post(*taps)
    assert await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps))) == 1
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert await open_ones(town) == []
    [row] = await list_shifts(town.connection, AGENCY, day=DAY)
    assert (row.device_id, row.shift_no, row.taps, row.sum_tiyn) == ("v1", 1, 5, 40000)
    found = await compare_shift(town.connection, AGENCY, "v1", 1)
    assert found.agrees
    assert [(one.product_id, one.reported_taps, one.received_tiyn) for one in found.lines] == [
        ("single", 5, 40000)
    ]


DENIED = {"outcome": "deny", "charged_tiyn": 0}


@pytest.mark.parametrize(
    ("change", "value", "detail"),
    [
        ({"lost": (2, 3)}, 16000, "missing_on_server single: +2 taps, +16000 tiyn"),
        ({"lost": (5, 5)}, 8000, "missing_on_server single: +1 taps, +8000 tiyn"),
        ({"uncounted": (4, 4)}, 8000, "missing_on_device single: -1 taps, -8000 tiyn"),
        ({"claim": 7000}, 1000, "amount_mismatch single: +0 taps, +1000 tiyn"),
        (
            {"product": "double"},
            16000,
            (
                "missing_on_device double: -1 taps, -8000 tiyn;"
                " missing_on_server single: +1 taps, +8000 tiyn"
            ),
        ),
        (
            {"outcome": "deny"},
            8000,
            (
                "missing_on_server single: +1 taps, +8000 tiyn; missing_on_device denied: -1 taps,"
                " +0 tiyn"
            ),
        ),
    ],
)
async def test_a_difference_is_one_exception(town, pool, v1, change, value, detail):
    taps = rides(v1, 1, 5)
    counted = list(taps)
    arriving = list(taps)
    if "lost" in change:
        first, last = change["lost"]
        arriving = [one for one in taps if not first <= one.tap.seq <= last]
    if "uncounted" in change:
        counted = [one for one in taps if one.tap.seq != change["uncounted"][0]]
    if "claim" in change:
        arriving[2:3] = rides(v1, 3, 3, charged_tiyn=change["claim"])
    if "product" in change:
        arriving[2:3] = rides(v1, 3, 3, product_id=change["product"])
    if "outcome" in change:
        arriving[2:3] = rides(v1, 3, 3, outcome="deny")
    await town.post(*arriving)
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(counted)))
    for _ in range(2):
        await watch_shifts(town.connection, AGENCY, NEXT_DAY)
        await watch_gaps(town.connection, AGENCY, NEXT_DAY)
        assert await open_ones(town) == [("shift_difference", "shift v1 1/1", value, detail, DAY)]
    [blocker] = await check_shifts(town.connection, AGENCY, DAY)
    assert (blocker.kind, blocker.value_tiyn) == ("shift_difference", value)
    assert await check_shifts(town.connection, AGENCY, DAY + timedelta(days=1)) == []
    assert await check_gaps(town.connection, AGENCY, DAY) == []
    assert await check_taps(town.connection, AGENCY, DAY) == []


async def test_it_closes_when_the_missing_taps_come(town, pool, v1):
    taps = rides(v1, 1, 5)
    await town.post(*taps[:2], taps[4])
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps)))
    await watch_shifts(town.connection, AGENCY, EVENING)
    assert [one[2] for one in await open_ones(town)] == [16000]
    await town.post(taps[2])
    watched = await watch_shifts(town.connection, AGENCY, EVENING)
    assert watched.differences.changed == ["shift v1 1/1"]
    assert [one[2] for one in await open_ones(town)] == [8000]
    await town.post(taps[3])
    await watch_shifts(town.connection, AGENCY, EVENING)
    assert await open_ones(town) == []
    assert await town.rows("SELECT closed_by, count(*) FROM ticketing_exception GROUP BY 1") == [
        ("sapar", 1)
    ]


async def test_a_lost_report_shows_by_the_grand_totals(town, pool, v1):
    first, second, third = rides(v1, 1, 3), rides(v1, 4, 5), rides(v1, 6, 8)
    await town.post(*first, *second, *third)
    reports = [
        report_of(1, records(first)),
        report_of(2, records(second), (3, 24000)),
        report_of(3, records(third), (5, 40000)),
    ]
    await bring(pool, town.conninfo, town.devices, v1, reports[0])
    await bring(pool, town.conninfo, town.devices, v1, reports[2])
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert await open_ones(town) == [
        (
            "shift_missing", "before shift v1 1/3", 16000,
            ("shift 2 not reported: by the grand totals 2 taps, 16000 tiyn;"
            " received 2 taps, 16000 tiyn"),
            DAY,
        )
    ]  # fmt: skip
    await bring(pool, town.conninfo, town.devices, v1, reports[1])
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert await open_ones(town) == []


async def test_a_lost_report_before_a_shift_in_which_nobody_tapped(town, pool, v1):
    """The lost shift's numbers end where the empty one began: what comes later is not its."""
    first, second, third = rides(v1, 1, 3), rides(v1, 4, 6), rides(v1, 7, 8)
    await town.post(*first, second[0], second[2], *third)
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(first)))
    moment = second[2].tap.time_ms + 1
    empty = report_of(3, [], (6, 48000), opened_ms=moment, closed_ms=moment)
    await bring(pool, town.conninfo, town.devices, v1, empty)
    await watch_gaps(town.connection, AGENCY, NEXT_DAY)
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert [one[:3] for one in await open_ones(town)] == [
        ("shift_missing", "before shift v1 1/3", 24000),
        ("shift_missing", "shifts of v1 on 2026-03-18", 16000),  # the third, not reported yet
    ]


async def test_totals_that_were_reset_show(town, pool, v1):
    first, second = rides(v1, 1, 3), rides(v1, 4, 5)
    await town.post(*first, *second)
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(first)))
    await bring(pool, town.conninfo, town.devices, v1, report_of(2, records(second)))
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert await open_ones(town) == [
        ("shift_difference", "shift v1 1/2", 24000, "total_break: -3 taps, -24000 tiyn", DAY)
    ]
    found = await compare_shift(town.connection, AGENCY, "v1", 2)
    assert (found.expected_tiyn, found.total_tiyn, found.agrees) == (40000, 16000, False)


async def test_an_epoch_given_up_before_its_report(town, pool, v1):
    """The storage died in shift 2: its taps came, its report never will, the totals know."""
    first, lost, later = (
        rides(v1, 1, 2), rides(v1, 3, 6), rides(v1, 1, 3, epoch=2, time_ms=NOON_MS + 3_600_000)
    )  # fmt: skip
    await town.post(*first, *lost, *later)
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(first)))
    report = report_of(1, records(later), (6, 48000))
    await bring(pool, town.conninfo, town.devices, v1, report, seq=7)
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    [(kind, subject, value, detail, _)] = await open_ones(town)
    assert (kind, subject, value) == ("shift_missing", "before shift v1 2/1", 32000)
    assert detail.endswith("received 4 taps, 32000 tiyn")


async def test_a_day_without_a_report(town, pool, v1):
    taps = rides(v1, 1, 3)
    await town.post(*taps)
    await watch_shifts(town.connection, AGENCY, EVENING)
    assert await open_ones(town) == []  # the day is not over
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    assert await open_ones(town) == [
        (
            "shift_missing", "shifts of v1 on 2026-03-18", 24000,
            "3 taps in no shift report, 24000 tiyn", DAY,
        )
    ]  # fmt: skip
    # a month later: still watched, and closed by the report
    late = NEXT_DAY + timedelta(days=30)
    await watch_shifts(town.connection, AGENCY, late)
    assert len(await open_ones(town)) == 1
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps)))
    await watch_shifts(town.connection, AGENCY, late)
    assert await open_ones(town) == []


async def test_other_content_under_a_number_is_a_conflict(town, pool, v1):
    taps = rides(v1, 1, 5)
    await town.post(*taps)
    good, other = report_of(1, records(taps)), report_of(1, records(taps[:4]))
    await bring(pool, town.conninfo, town.devices, v1, other, NOON_MS + 60_000, seq=2)
    await bring(pool, town.conninfo, town.devices, v1, good, NOON_MS, seq=1)
    assert await bring(pool, town.conninfo, town.devices, v1, good, NOON_MS, seq=1) == 0
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    [(kind, subject, value, _, _)] = await open_ones(town)
    assert (kind, subject, value) == ("shift_conflict", "shift v1 1/1", 8000)
    found = await compare_shift(town.connection, AGENCY, "v1", 1)
    assert [(one.counts, one.taps) for one in found.contents] == [(True, 5), (False, 4)]


async def test_a_tap_with_a_bad_seal_is_one_exception(town, pool, v1):
    """It came: neither a gap nor a difference of the shift."""
    taps = rides(v1, 1, 4)
    taps[2] = taps[2]._replace(sealed="bad_signature")
    await town.post(*taps)
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps)))
    await watch_shifts(town.connection, AGENCY, NEXT_DAY)
    await watch_gaps(town.connection, AGENCY, NEXT_DAY)
    assert [one[:1] for one in await open_ones(town)] == [("bad_signature",)]
    [blocker] = await check_taps(town.connection, AGENCY, DAY)
    assert (blocker.kind, blocker.value_tiyn) == ("bad_signature", 8000)
