"""A day that was published, posted end to end: Onay in Almaty, 10 February 2016.

Here every sixteenth boarding of each category is posted; `make soak` posts all 664,464.
"""

import os
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.ticketing.agreement import (
    check_invariants,
)
from tests.ticketing.bulk import (
    Fare,
    balance_of,
    by_category,
    counted_taps,
    day_tariff,
    even_day,
    make_city,
    post_all,
)

SHARE = int(os.environ.get("SAPAR_SOAK_SHARE", "16"))
ZONE = "Asia/Almaty"
MIDNIGHT = datetime(2016, 2, 10, tzinfo=ZoneInfo(ZONE))


class Row(NamedTuple):
    """A printed row: boardings, tariff and amount in tenge."""

    boardings: int
    tariff: int
    amount: int


PRINTED = {
    "adult": Row(392_227, 80, 31_378_160),
    "pensioner": Row(61_967, 40, 2_467_880),  # two digits are swapped: 61,697
    "over_75": Row(10_209, 0, 0),
    "student": Row(157_072, 40, 6_282_880),
    "pupil": Row(43_259, 40, 1_730_360),
}
CORRECTED = PRINTED | {"pensioner": PRINTED["pensioner"]._replace(boardings=61_697)}
BOARDINGS, AMOUNT, COMMISSION = 664_464, 41_859_280, 4_185_928


async def post_day(conninfo, counts):
    fares = {name: Fare(row.tariff) for name, row in PRINTED.items()}
    devices = make_city(conninfo, counts, ZONE)
    taps = counted_taps(devices, even_day(counts, MIDNIGHT, 1))
    return await post_all(conninfo, day_tariff(fares, ZONE), taps)


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # at length, see above
async def test_corrected_counts_give_every_amount(database):
    assert sum(row.boardings for row in CORRECTED.values()) == BOARDINGS
    counts = {name: row.boardings // SHARE for name, row in CORRECTED.items()}
    assert await post_day(database, counts) == sum(counts.values())
    found = by_category(database)
    assert {name: one.boardings for name, one in found.items()} == counts
    for name, row in CORRECTED.items():
        assert found[name].charged == found[name].boardings * row.tariff * 100
    revenue = -balance_of(database, 2210)
    assert revenue == sum(one.charged for one in found.values())
    assert -balance_of(database, 9210) == sum(counts.values())
    if SHARE == 1:
        assert {name: one.charged // 100 for name, one in found.items()} == {
            name: row.amount for name, row in CORRECTED.items()
        }
        assert revenue == AMOUNT * 100
        assert revenue * 10 // 100 == COMMISSION * 100
    check_invariants(database)


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # at length, see above
async def test_printed_counts_differ_from_their_amounts_in_the_one_wrong_row(database):
    """The control `count times tariff is the amount`, of what is posted against what is printed."""
    counts = {name: row.boardings // SHARE for name, row in PRINTED.items()}
    await post_day(database, counts)
    found = by_category(database)
    wrong = {
        name: found[name].charged // 100 - row.amount // SHARE
        for name, row in PRINTED.items()
        # what a share of a row leaves over is less than a fare of each boarding left out
        if abs(found[name].charged // 100 - row.amount / SHARE) > row.tariff
    }
    assert set(wrong) == {"pensioner"}
    if SHARE == 1:
        assert wrong == {"pensioner": (61_967 - 61_697) * 40}
