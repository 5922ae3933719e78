"""A published day: Onay in Almaty, 10 February 2016, in boardings, tenge of tariff, and tenge."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from sapar.ticketing.pricing import price_day
from sapar.ticketing.tariff import Tariffs
from sapar.ticketing.types import Ride
from tests.ticketing.tariff.tariffs import tariffs_of


class Row(NamedTuple):
    boardings: int
    tariff: int
    amount: int


DAY = {
    "adult": Row(392_227, 80, 31_378_160),
    "pensioner": Row(61_697, 40, 2_467_880),
    "over_75": Row(10_209, 0, 0),
    "student": Row(157_072, 40, 6_282_880),
    "pupil": Row(43_259, 40, 1_730_360),
}
PRINTED = {category: row.boardings for category, row in DAY.items()} | {"pensioner": 61_967}
TOTAL_BOARDINGS, TOTAL_AMOUNT, COMMISSION = 664_464, 41_859_280, 4_185_928


@pytest.fixture(scope="module")
def onay() -> Tariffs:
    categories = "".join(f"\n{name},{name},{int(name == 'adult')}" for name in DAY)
    prices = "".join(f"\nride,{name},,{row.tariff}.00,KZT" for name, row in DAY.items())
    return tariffs_of(
        {
            "tariff.txt": "name,currency,timezone\nOnay 2016,KZT,Asia/Almaty",
            "rider_categories.txt": (
                "rider_category_id,rider_category_name,is_default_fare_category" + categories
            ),
            "fare_products.txt": (
                "fare_product_id,rider_category_id,fare_media_id,amount,currency" + prices
            ),
        }
    )


def amounts(tariffs: Tariffs, boardings: dict[str, int]) -> dict[str, int]:
    """Price every boarding by itself; give the tenge charged by category."""
    noon = datetime(2016, 2, 10, 12, tzinfo=ZoneInfo("Asia/Almaty"))
    at_ms = round(noon.timestamp() * 1000)
    sums = {}
    for category, count in boardings.items():
        charged = 0
        for number in range(count):
            ride = Ride(number, at_ms + number, "1", None, "card", category)
            (fare,) = price_day(tariffs, (ride,), 0)
            charged += fare.charged_tiyn
        sums[category], rest = divmod(charged, 100)
        assert rest == 0
    return sums


def test_the_day_comes_out_to_the_tenge(onay: Tariffs):
    boardings = {category: row.boardings for category, row in DAY.items()}
    assert sum(boardings.values()) == TOTAL_BOARDINGS
    found = amounts(onay, boardings)
    assert found == {category: row.amount for category, row in DAY.items()}
    assert sum(found.values()) == TOTAL_AMOUNT
    assert TOTAL_AMOUNT * 10 // 100 == COMMISSION


def test_count_times_tariff_finds_the_row_that_was_misprinted():
    wrong = [name for name, row in DAY.items() if PRINTED[name] * row.tariff != row.amount]
    assert wrong == ["pensioner"]
