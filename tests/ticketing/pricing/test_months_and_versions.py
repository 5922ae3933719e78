"""Rules that a table cannot show: caps of a month, versions, nights, and the reasons given."""

from datetime import datetime

import pytest

from sapar.ticketing.pricing import price_day
from sapar.ticketing.tariff import Tariffs
from sapar.ticketing.types import Ride
from tests.ticketing.pricing.support import (
    AKIMAT_PUPILS,
    BOTH_CAPS,
    DAY_CAP,
    FREE,
    FREE_DAY,
    HALF_HOUR,
    PEAK,
    Expected,
    less,
    ride,
    seen,
)
from tests.ticketing.tariff.tariffs import PLAIN, tariff_of, tariffs_of


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        (0, [(80,), (80,), (40, less("cap", "scheme", 40))]),
        (880, [(80,), (40, less("cap", "akimat", 40)), (0, less("cap", "akimat", 80))]),
        # both leave as much: the day's is named
        (800, [(80,), (80,), (40, less("cap", "scheme", 40))]),
        (2000, [(0, less("cap", "akimat", 80))] * 3),
    ],
)
def test_of_two_caps_the_one_that_leaves_less_applies(carried: int, expected: list[Expected]):
    rides = [ride("8:00"), ride("9:00"), ride("10:00")]
    fares = price_day(tariffs_of({**BOTH_CAPS}), rides, carried * 100)
    assert [seen(fare) for fare in fares] == expected


def test_a_tap_for_several_stands_outside_a_months_cap():
    caps = {"caps.txt": "cap_id,period,amount,funder\nmonth,month,100,akimat"}
    rides = [ride("8:00", num_riders=2), ride("9:00"), ride("10:00"), ride("11:00", num_riders=2)]
    fares = price_day(tariffs_of({**caps}), rides, 0)
    assert [seen(fare) for fare in fares] == [
        (160,), (80,), (20, less("cap", "akimat", 60)), (160,),
    ]  # fmt: skip


def test_a_cap_for_one_category():
    caps = {"caps.txt": "cap_id,period,rider_category_id,amount\nschool,day,pupil,60"}
    tariffs = tariffs_of({**caps})
    pupil = [ride("8:00", category="pupil"), ride("9:00", category="pupil")]
    assert [fare.charged_tiyn for fare in price_day(tariffs, pupil, 0)] == [4000, 2000]
    adult = [ride("8:00"), ride("9:00")]
    assert [fare.charged_tiyn for fare in price_day(tariffs, adult, 0)] == [8000, 8000]


def test_a_fare_says_why():
    changes = HALF_HOUR | DAY_CAP | AKIMAT_PUPILS
    first = ride("8:00", category="pupil")
    rides = [
        Ride(17, first.at_ms, "1", "A", "card", "pupil"),
        ride("8:10", "2", "B", category="pupil"),
    ]
    fares = price_day(tariffs_of({**changes}), rides, 0)
    assert [fare.rule for fare in fares] == ["leg bus pupil", "leg bus pupil, transfer of 17"]
    (group,) = price_day(tariffs_of({**changes}), [ride("8:00", category="pupil", num_riders=3)], 0)
    assert (group.rule, group.boardings, group.nominal_tiyn) == (
        "leg bus pupil + 2 adult",
        3,
        24000,
    )
    assert (group.product_id, group.rider_category, group.tariff_version) == ("ride", "pupil", 1)


def test_each_ride_has_the_version_of_its_own_time():
    noon = ride("12:00").at_ms
    old, new = (
        tariff_of(),
        tariff_of({"fare_products.txt": PLAIN["fare_products.txt"].replace("80", "90")}),
    )
    tariffs = Tariffs([(noon, new), (ride("6:00").at_ms, old)])
    rides = [ride("5:59"), ride("11:59"), ride("12:00")]
    assert [seen(fare) for fare in price_day(tariffs, rides, 0)] == ["no_tariff", (80,), (90,)]


def test_a_new_version_does_not_break_a_transfer():
    noon = ride("12:00").at_ms
    tariffs = Tariffs([(0, tariff_of({**HALF_HOUR})), (noon, tariff_of({**HALF_HOUR}))])
    rides = [ride("11:50"), ride("12:05", "2", "B")]
    assert [seen(fare) for fare in price_day(tariffs, rides, 0)] == [(80,), (0, FREE)]


@pytest.mark.parametrize(
    ("moment", "charged"),
    [
        # Almaty moved from +06:00 to +05:00 at midnight of 1 March 2024: 23:00 came twice
        ("2024-02-29T22:59:59+06:00", 80),
        ("2024-02-29T23:00:00+06:00", 150),
        ("2024-02-29T23:30:00+05:00", 150),
        ("2024-03-01T00:00:00+05:00", 80),
        ("2024-03-01T23:00:00+05:00", 80),  # 1 March is no day of the service
    ],
)
def test_timeframes_on_the_night_in_which_the_clocks_changed(moment: str, charged: int):
    night = {
        "tariff.txt": "name,currency,timezone\nT,KZT,Asia/Almaty",
        "calendar_dates.txt": "service_id,date,exception_type\nleap,20240229,1",
        "timeframes.txt": "timeframe_group_id,start_time,end_time,service_id\nlate,23:00:00,,leap",
        "fare_products.txt": PLAIN["fare_products.txt"] + "\nnight,,,150,KZT",
        "fare_leg_rules.txt": (
            "leg_group_id,network_id,from_timeframe_group_id,fare_product_id,rule_priority\n"
            "bus,,,ride,0\nbus,,late,night,1"
        ),
    }
    at_ms = round(datetime.fromisoformat(moment).timestamp() * 1000)
    (fare,) = price_day(tariffs_of({**night}), [Ride(1, at_ms, "1", "A", "card", "adult")], 0)
    assert fare.charged_tiyn == charged * 100


def test_a_free_day_is_a_fare_day():
    tariffs = tariffs_of({**FREE_DAY})
    rides = [ride("3:59"), ride("4:00"), ride("23:59")]
    after = ride("3:59").at_ms + 24 * 3600 * 1000
    fares = price_day(tariffs, [*rides, Ride(9, after, "1", "A", "card", "adult")], 0)
    assert [fare.charged_tiyn for fare in fares] == [8000, 0, 0, 0]


def test_a_day_that_the_calendar_removes_has_no_peak():
    day_ms = 24 * 3600 * 1000
    at_ms = ride("7:30").at_ms
    days = [Ride(1, at_ms + n * day_ms, "1", "A", "card", "adult") for n in range(5)]
    fares = [price_day(tariffs_of({**PEAK}), [one], 0)[0] for one in days]
    # Wednesday; Thursday the 16th, which is removed; Friday; the weekend
    assert [fare.charged_tiyn // 100 for fare in fares] == [100, 80, 100, 80, 80]
