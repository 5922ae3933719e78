"""Rides and pieces of tariffs for the tests of pricing.

Times are hours and minutes in Aktobe on Wednesday 15 April 2026, amounts tenge.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sapar.ticketing.types import Adjustment, AdjustmentKind, Fare, Ride
from tests.ticketing.tariff.tariffs import PLAIN

ZONE = ZoneInfo("Asia/Aqtobe")
HEAD = "name,currency,timezone,double_debit_window_s,group_category,unknown_route,same_route_transfer,default_network"
TRANSFER = (
    "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
    "fare_transfer_type,fare_product_id,funder,duration_from\n"
)
CONCESSION = "rider_category_id,funder,compensation,base_category_id,free_rides_per_day\n"
PRODUCTS = "fare_product_id,rider_category_id,fare_media_id,amount,currency\n"

WINDOW = {"tariff.txt": f"{HEAD}\nT,KZT,Asia/Aqtobe,300,,,,"}
HALF_HOUR = {"fare_transfer_rules.txt": f"{TRANSFER}bus,bus,1,1800,1,0,,scheme,"}
ANY_NUMBER = {"fare_transfer_rules.txt": f"{TRANSFER}bus,bus,-1,1800,1,0,,scheme,"}
FROM_FIRST = {"fare_transfer_rules.txt": f"{TRANSFER}bus,bus,-1,3600,1,0,,scheme,first"}
DISCOUNT = {
    "fare_products.txt": PLAIN["fare_products.txt"]
    + "\nchange,adult,,30,KZT\nchange,pupil,,50,KZT",
    "fare_transfer_rules.txt": f"{TRANSFER}bus,bus,1,1800,1,0,change,akimat,",
}
DAY_CAP = {"caps.txt": "cap_id,period,amount,funder\nday,day,200,scheme"}
BOTH_CAPS = {"caps.txt": "cap_id,period,amount,funder\nmonth,month,1000,akimat\nday,day,200,scheme"}
AKIMAT_PUPILS = {"concessions.txt": f"{CONCESSION}pupil,akimat,difference,,"}
ATYRAU = {"concessions.txt": f"{CONCESSION}pupil,akimat,none,,2"}
FREE_DAY = {"free_days.txt": "date,funder,reason\n20260415,akimat,holiday"}
FREE_DAY_UNPAID = {"free_days.txt": "date,funder,reason\n20260415,none,holiday"}
PASS = {
    "fare_products.txt": PLAIN["fare_products.txt"]
    + "\nmonthly,adult,,4500,KZT\nweekly,adult,,1500,KZT",
    "passes.txt": "fare_product_id,period,days,network_id,priority\nmonthly,month,,,2\nweekly,days,7,,1",
}
NETWORKS = {
    "tariff.txt": f"{HEAD}\nT,KZT,Asia/Aqtobe,,,,,city",
    "networks.txt": "network_id\ncity\nsuburb",
    "route_networks.txt": "network_id,route_id\nsuburb,77",
    "fare_products.txt": f"{PRODUCTS}ride,adult,,80,KZT\nride,pupil,,40,KZT\nfar,,,150.50,KZT",
    "fare_leg_rules.txt": (
        "leg_group_id,network_id,fare_product_id,rule_priority\nbus,,ride,0\nfar,suburb,far,1"
    ),
}
FREE_SUBURB = NETWORKS | {"free_days.txt": "date,network_id,funder\n20260415,suburb,akimat"}
BETWEEN_NETWORKS = NETWORKS | {
    "fare_transfer_rules.txt": f"{TRANSFER}far,bus,,1800,1,0,,scheme,\nbus,bus,1,1800,1,0,,akimat,"
}
SUBURB_PASS = NETWORKS | {
    "passes.txt": "fare_product_id,period,days,network_id,priority\nmonthly,month,,suburb,",
    "fare_products.txt": NETWORKS["fare_products.txt"] + "\nmonthly,adult,,4500,KZT",
}
PEAK = {
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,1,1,1,1,0,0,20260101,20261231"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nweek,20260416,2",
    "timeframes.txt": "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,09:00:00,week",
    "fare_products.txt": PLAIN["fare_products.txt"] + "\ndear,adult,,100,KZT",
    "fare_leg_rules.txt": (
        "leg_group_id,network_id,from_timeframe_group_id,fare_product_id,rule_priority\n"
        "bus,,,ride,0\nbus,,peak,dear,1"
    ),
    "concessions.txt": f"{CONCESSION}pupil,akimat,difference,,",
}
CHANNELS = {
    "fare_media.txt": "fare_media_id,fare_media_type\ncard,2\napp,4",
    "channels.txt": "medium,fare_media_id\ncard,card\nqr,app",
    "fare_products.txt": f"{PRODUCTS}ride,,card,80,KZT\nride,,app,100,KZT\nride,pupil,,40,KZT",
}
HOLD_ROUTE = {"tariff.txt": f"{HEAD}\nT,KZT,Asia/Aqtobe,,,hold,,"}
SAME_ROUTE = {"tariff.txt": f"{HEAD}\nT,KZT,Asia/Aqtobe,,,,1,"} | HALF_HOUR
PUPILS_ALONG = {"tariff.txt": f"{HEAD}\nT,KZT,Asia/Aqtobe,,pupil,,,"}


def ride(clock: str, route: str | None = "1", vehicle: str | None = "A", **more: Any) -> Ride:
    hour, _, minute = clock.partition(":")
    at = datetime(2026, 4, 15, int(hour), int(minute), tzinfo=ZONE)
    values = {"medium": "card", "category": "adult"} | more
    return Ride(0, round(at.timestamp() * 1000), route, vehicle, **values)


def less(kind: AdjustmentKind, funder: str, tenge: float) -> Adjustment:
    return Adjustment(kind, funder, round(tenge * 100))


FREE = less("transfer", "scheme", 80)
Expected = str | tuple[Any, ...]
"""A hold, or what is charged and then the adjustments."""


def seen(fare: Fare) -> Expected:
    if fare.hold is not None:
        return fare.hold
    return (fare.charged_tiyn / 100, *fare.adjustments)
