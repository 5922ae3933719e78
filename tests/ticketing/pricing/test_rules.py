"""The rules of pricing as a table: a tariff, the rides of one card on one day, their fares."""

import pytest

from sapar.ticketing.pricing import price_day
from sapar.ticketing.types import Ride
from tests.ticketing.pricing.support import (
    AKIMAT_PUPILS,
    ANY_NUMBER,
    ATYRAU,
    BETWEEN_NETWORKS,
    CHANNELS,
    DAY_CAP,
    DISCOUNT,
    FREE,
    FREE_DAY,
    FREE_DAY_UNPAID,
    FREE_SUBURB,
    FROM_FIRST,
    HALF_HOUR,
    HOLD_ROUTE,
    NETWORKS,
    PASS,
    PEAK,
    PUPILS_ALONG,
    SAME_ROUTE,
    SUBURB_PASS,
    WINDOW,
    Expected,
    less,
    ride,
    seen,
)
from tests.ticketing.tariff.tariffs import tariffs_of

TABLE: dict[str, tuple[dict[str, str], list[Ride], list[Expected]]] = {
    # -- legs ---------------------------------------------------------------------------------
    "a flat fare": ({}, [ride("8:00"), ride("9:00")], [(80,), (80,)]),
    "by category": ({}, [ride("8:00", category="pupil")], [(40,)]),
    "a card without a category": ({}, [ride("8:00", category="")], [(80,)]),
    "a category without a price": ({}, [ride("8:00", category="lord")], ["no_fare_rule"]),
    "by channel": (
        CHANNELS,
        [ride("8:00"), ride("9:00", medium="qr"), ride("10:00", medium="qr", category="pupil")],
        [(80,), (100,), (40,)],
    ),
    "a medium without a channel": (CHANNELS, [ride("8:00", medium="nfc")], ["no_fare_rule"]),
    "by network": (NETWORKS, [ride("8:00", "77"), ride("9:00", "1")], [(150.50,), (80,)]),
    "no route: the default network": (NETWORKS, [ride("8:00", None)], [(80,)]),
    "no route: held where the tariff says so": (
        HOLD_ROUTE, [ride("8:00", None), ride("9:00")], ["no_route", (80,)],
    ),
    "by time of the calendar day": (
        PEAK,
        [ride("6:59"), ride("7:00"), ride("8:59"), ride("9:00")],
        [(80,), (100,), (100,), (80,)],
    ),
    "what a funder makes up follows the base price": (
        PEAK,
        [ride("7:30", category="pupil"), ride("9:30", category="pupil")],
        [(40, less("concession", "akimat", 60)), (40, less("concession", "akimat", 40))],
    ),
    # -- a second debit ------------------------------------------------------------------------
    "shymkent: the terminal switches trips, or the route is a circle": (
        WINDOW, [ride("8:00"), ride("8:03"), ride("8:20")], [(80,), "double_debit", (80,)],
    ),
    "the window counts from the ride that counted": (
        WINDOW,
        [ride("8:00"), ride("8:03"), ride("8:05"), ride("8:09")],
        [(80,), "double_debit", (80,), "double_debit"],
    ),
    "another vehicle is another ride": (
        WINDOW, [ride("8:00"), ride("8:01", "2", "B"), ride("8:02")], [(80,), (80,), "double_debit"],
    ),
    "another route in the same vehicle is the same ride": (
        WINDOW, [ride("8:00", "1"), ride("8:02", "2")], [(80,), "double_debit"],
    ),
    "without a vehicle nobody can tell": (
        WINDOW, [ride("8:00", vehicle=None), ride("8:01", vehicle=None)], [(80,), (80,)],
    ),
    "a tap without a price opens no window": (
        WINDOW,
        [ride("8:00", category="lord"), ride("8:01")],
        ["no_fare_rule", (80,)],
    ),
    # -- several riders ------------------------------------------------------------------------
    "who rides along pays the group's category": (
        {}, [ride("8:00", category="pupil", num_riders=3)], [(200,)],
    ),
    "or another one, where the tariff says so": (
        PUPILS_ALONG, [ride("8:00", num_riders=3)], [(160,)],
    ),
    "with the difference that its funder makes up": (
        PUPILS_ALONG | AKIMAT_PUPILS,
        [ride("8:00", num_riders=3)],
        [(160, less("concession", "akimat", 80))],
    ),
    "who rides along has no transfer": (
        HALF_HOUR,
        [ride("8:00", num_riders=2), ride("8:10", "2", "B", num_riders=2)],
        [(160,), (80, FREE)],
    ),
    "nor a pass": (
        PASS,
        [ride("8:00", num_riders=2, passes=("monthly",))],
        [(80, less("pass", "monthly", 80))],
    ),
    "nor the holder's cap": (
        DAY_CAP,
        [ride("8:00", num_riders=2), ride("9:00"), ride("10:00", num_riders=2)],
        [(160,), (80,), (120, less("cap", "scheme", 40))],
    ),
    "a free day is everybody's": (
        FREE_DAY, [ride("8:00", num_riders=2)], [(0, less("free_day", "akimat", 160))],
    ),
    # -- passes, free days, concessions --------------------------------------------------------
    "a pass": (PASS, [ride("8:00", passes=("monthly",))], [(0, less("pass", "monthly", 80))]),
    "of two passes the one with the smaller priority": (
        PASS,
        [ride("8:00", passes=("monthly", "weekly"))],
        [(0, less("pass", "weekly", 80))],
    ),
    "a pass that the tariff does not know": (PASS, [ride("8:00", passes=("old",))], [(80,)]),
    "a pass of another network": (
        SUBURB_PASS,
        [ride("8:00", "77", passes=("monthly",)), ride("9:00", "1", passes=("monthly",))],
        [(0, less("pass", "monthly", 150.50)), (80,)],
    ),
    "a pass before a free day": (
        FREE_DAY | PASS,
        [ride("8:00", passes=("monthly",))],
        [(0, less("pass", "monthly", 80))],
    ),
    "a free day that the akimat pays": (
        FREE_DAY, [ride("8:00")], [(0, less("free_day", "akimat", 80))],
    ),
    "a free day that the carrier bears": (
        FREE_DAY_UNPAID, [ride("8:00")], [(0, less("free_day", "carrier", 80))],
    ),
    "a free day of one network": (
        FREE_SUBURB,
        [ride("8:00", "77"), ride("9:00", "1")],
        [(0, less("free_day", "akimat", 150.50)), (80,)],
    ),
    "a free day before a concession": (
        FREE_DAY | AKIMAT_PUPILS,
        [ride("8:00", category="pupil")],
        [(0, less("free_day", "akimat", 80))],
    ),
    "a concession whose difference a funder makes up": (
        AKIMAT_PUPILS, [ride("8:00", category="pupil")], [(40, less("concession", "akimat", 40))],
    ),
    "atyrau: the first two rides of the day are free": (
        ATYRAU,
        [ride(clock, category="pupil") for clock in ("8:00", "12:00", "18:00")],
        [(0, less("concession", "akimat", 40)), (0, less("concession", "akimat", 40)), (40,)],
    ),
    "a ride on a pass uses no free ride": (
        ATYRAU | PASS,
        [ride("7:00", category="pupil", passes=("monthly",))]
        + [ride(clock, category="pupil") for clock in ("8:00", "12:00", "18:00")],
        [
            (0, less("pass", "monthly", 40)),
            (0, less("concession", "akimat", 40)),
            (0, less("concession", "akimat", 40)),
            (40,),
        ],
    ),
    # -- transfers -----------------------------------------------------------------------------
    "a transfer within half an hour": (
        HALF_HOUR, [ride("8:00"), ride("8:30", "2", "B")], [(80,), (0, FREE)],
    ),
    "a minute too late": (HALF_HOUR, [ride("8:00"), ride("8:31", "2", "B")], [(80,), (80,)]),
    "one transfer, then a new fare": (
        HALF_HOUR,
        [ride("8:00"), ride("8:10", "2", "B"), ride("8:20", "3", "C"), ride("8:30", "4", "D")],
        [(80,), (0, FREE), (80,), (0, FREE)],
    ),
    "any number of transfers, each within half an hour of the ride before": (
        ANY_NUMBER,
        [ride("8:00"), ride("8:25", "2", "B"), ride("8:50", "3", "C"), ride("9:21", "4", "D")],
        [(80,), (0, FREE), (0, FREE), (80,)],
    ),
    "or within an hour of the first": (
        FROM_FIRST,
        [ride("8:00"), ride("8:25", "2", "B"), ride("9:00", "3", "C"), ride("9:01", "4", "D")],
        [(80,), (0, FREE), (0, FREE), (80,)],
    ),
    "the way back on the same route is no transfer": (
        HALF_HOUR, [ride("8:00", "1", "A"), ride("8:10", "1", "B")], [(80,), (80,)],
    ),
    "unless the tariff says so": (
        SAME_ROUTE, [ride("8:00", "1", "A"), ride("8:10", "1", "B")], [(80,), (0, FREE)],
    ),
    "a route that is not known is not held against the rider": (
        HALF_HOUR, [ride("8:00", None, "A"), ride("8:10", "1", "B")], [(80,), (0, FREE)],
    ),
    "unless the vehicle is the same": (
        HALF_HOUR, [ride("8:00", None, "A"), ride("8:10", "1", "A")], [(80,), (80,)],
    ),
    "a transfer that costs something": (
        DISCOUNT,
        [ride("8:00"), ride("8:10", "2", "B")],
        [(80,), (30, less("transfer", "akimat", 50))],
    ),
    "a transfer never costs more than the leg": (
        DISCOUNT,
        [ride("8:00", category="pupil"), ride("8:10", "2", "B", category="pupil")],
        [(40,), (40,)],
    ),
    "a second debit is no transfer and breaks none": (
        WINDOW | HALF_HOUR,
        [ride("8:00"), ride("8:01"), ride("8:20", "2", "B")],
        [(80,), "double_debit", (0, FREE)],
    ),
    "from the suburb into the city, and not the other way": (
        BETWEEN_NETWORKS,
        [ride("8:00", "77", "A"), ride("8:10", "1", "B"), ride("12:00", "1", "A"), ride("12:10", "77", "B")],
        [(150.50,), (0, FREE), (80,), (150.50,)],
    ),
    "a half-fare rider's transfer saves the half": (
        HALF_HOUR | AKIMAT_PUPILS,
        [ride("8:00", category="pupil"), ride("8:10", "2", "B", category="pupil")],
        [
            (40, less("concession", "akimat", 40)),
            (0, less("concession", "akimat", 40), less("transfer", "scheme", 40)),
        ],
    ),
    # -- caps ----------------------------------------------------------------------------------
    "a day's cap": (
        DAY_CAP,
        [ride("8:00"), ride("9:00"), ride("10:00"), ride("11:00")],
        [(80,), (80,), (40, less("cap", "scheme", 40)), (0, less("cap", "scheme", 80))],
    ),
    "a transfer before a cap": (
        DAY_CAP | HALF_HOUR,
        [ride("8:00"), ride("8:10", "2", "B"), ride("12:00"), ride("15:00")],
        [(80,), (0, FREE), (80,), (40, less("cap", "scheme", 40))],
    ),
    "what a funder makes up counts to no cap": (
        DAY_CAP | AKIMAT_PUPILS,
        [ride(f"{hour}:00", category="pupil") for hour in range(8, 14)],
        [
            *[(40, less("concession", "akimat", 40))] * 5,
            (0, less("concession", "akimat", 40), less("cap", "scheme", 40)),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_rules(name: str):
    changes, rides, expected = TABLE[name]
    fares = price_day(tariffs_of({**changes}), rides, 0)
    assert [seen(fare) for fare in fares] == expected
