"""A real day of card boardings, 426,614 of Ulaanbaatar, priced and posted end to end.

Here every sixteenth boarding of the file is posted; `make soak` posts all.
"""

import csv
import gzip
import os
from collections import Counter
from datetime import datetime
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
    make_city,
    post_all,
)

SHARE = int(os.environ.get("SAPAR_SOAK_SHARE", "16"))
ZONE = "Asia/Ulaanbaatar"
FARES = {
    "adult": Fare(80),
    "elder": Fare(0, "akimat"),
    "student": Fare(40, "akimat"),
    "pupil": Fare(30, "republic"),
}
COUNTS = {"adult": 193_830, "elder": 119_630, "student": 79_254, "pupil": 33_900}


def read_boardings(path):
    """Give (category, Unix milliseconds) in order of time."""
    zone = ZoneInfo(ZONE)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        rows = [
            (datetime.fromisoformat(row["Date/Time"]).replace(tzinfo=zone), row["card"])
            for row in csv.DictReader(handle)
        ]
    return sorted((card, round(at.timestamp()) * 1000) for at, card in rows)


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # at length, see above
async def test_a_real_day_adds_up_by_category_and_funder(database, sapar_data):
    path = sapar_data / "cards" / "ulaanbaatar" / "boardings_by_card.csv.gz"
    if not path.is_file():
        pytest.skip(f"no real boardings: {path} does not exist")
    everything = read_boardings(path)
    assert Counter(card for card, _ in everything) == COUNTS
    boardings = sorted(everything[::SHARE], key=lambda one: one[1])
    counts = Counter(card for card, _ in boardings)
    devices = make_city(database, dict(counts), ZONE)
    taps = counted_taps(devices, boardings)
    assert await post_all(database, day_tariff(FARES, ZONE), taps) == len(boardings)
    found = by_category(database)
    claims: Counter[str] = Counter()
    for card, fare in FARES.items():
        less = FARES["adult"].tenge - fare.tenge
        assert found[card].boardings == counts[card]
        assert found[card].charged == counts[card] * fare.tenge * 100
        assert found[card].claimed == counts[card] * less * 100
        claims[fare.funder] += found[card].claimed
    assert balance_of(database, 1220) == sum(claims.values())
    # the carrier is owed an adult's fare for everybody, whoever pays it
    assert -balance_of(database, 2210) == len(boardings) * FARES["adult"].tenge * 100
    assert balance_of(database, 9110) == len(boardings)
    check_invariants(database)
