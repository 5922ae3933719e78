"""Laws of pricing, for any tariff of many features and any rides of a card's day."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sapar.ticketing.pricing import price_day
from sapar.ticketing.tariff import Tariffs, city_tariff, read_tariff
from sapar.ticketing.types import Fare, Ride
from tests.ticketing.tariff.tariffs import PLAIN, tariff_of

MINUTE_MS = 60_000
DAY_MS = 1_776_207_600_000  # 15 April 2026, 04:00 in Aktobe
HEAD = "name,currency,timezone,double_debit_window_s,group_category,same_route_transfer"
TRANSFER = (
    "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
    "fare_transfer_type,fare_product_id,funder"
)
COUNT, LIMIT_MS, DAY_CAP, MONTH_CAP = 2, 40 * MINUTE_MS, 200_00, 500_00

RICH = {
    "tariff.txt": f"{HEAD}\nRich,KZT,Asia/Aqtobe,300,adult,0",
    "fare_products.txt": PLAIN["fare_products.txt"] + "\nchange,,,25.50,KZT\nmonthly,,,900,KZT",
    "fare_transfer_rules.txt": f"{TRANSFER}\nbus,bus,{COUNT},{LIMIT_MS // 1000},1,0,change,scheme",
    "concessions.txt": (
        "rider_category_id,funder,compensation,free_rides_per_day\npupil,akimat,difference,1"
    ),
    "caps.txt": (
        f"cap_id,period,amount,funder\nday,day,{DAY_CAP // 100},scheme\n"
        f"month,month,{MONTH_CAP // 100},akimat"
    ),
    "passes.txt": "fare_product_id,period\nmonthly,month",
}
TARIFFS = {
    "plain": Tariffs([(0, tariff_of())]),
    "rich": Tariffs([(0, tariff_of({**RICH}))]),
    "changing": Tariffs([(0, tariff_of()), (DAY_MS + 300 * MINUTE_MS, tariff_of({**RICH}))]),
    "city": Tariffs([(0, read_tariff(city_tariff(month_cap="3000"), version_no=3))]),
}

rides = st.builds(
    Ride,
    tap_no=st.integers(1, 10**9),
    at_ms=st.integers(0, 20 * 60).map(lambda minute: DAY_MS + minute * MINUTE_MS),
    route_id=st.sampled_from([None, "1", "2", "3"]),
    vehicle_id=st.sampled_from([None, "A", "B", "C"]),
    medium=st.sampled_from(["card", "qr", "bank_card", "nfc"]),
    category=st.sampled_from(["adult", "adult", "pupil", "lord", ""]),
    passes=st.sampled_from([(), (), (), ("monthly",), ("month_pass", "monthly")]),
    num_riders=st.sampled_from([1, 1, 1, 2, 5]),
)
days = st.lists(rides, max_size=14).map(lambda found: sorted(found, key=canonical))
carried = st.one_of(st.just(0), st.integers(0, MONTH_CAP + 10_000))
names = st.sampled_from(sorted(TARIFFS))


def canonical(ride: Ride) -> tuple[int, int]:
    return (ride.at_ms, ride.tap_no)


def own_part(ride: Ride, fare: Fare, tariffs: Tariffs) -> int:
    """What of the charge is for the holder alone."""
    tariff = tariffs.tariff_at(ride.at_ms)
    assert tariff is not None
    other = tariff.find_leg(
        tariff.network_of(ride.route_id), tariff.group_category, ride.medium, ride.at_ms
    )
    assert other is not None
    return fare.charged_tiyn - (ride.num_riders - 1) * other.own_tiyn


@given(names, days, carried)
def test_nominal_is_charged_and_adjustments(name: str, day: list[Ride], carry: int):
    for ride, fare in zip(day, price_day(TARIFFS[name], day, carry), strict=True):
        assert fare.nominal_tiyn == fare.charged_tiyn + sum(a.amount_tiyn for a in fare.adjustments)
        assert fare.charged_tiyn >= 0
        assert all(adjustment.amount_tiyn > 0 for adjustment in fare.adjustments)
        assert len({(a.kind, a.funder) for a in fare.adjustments}) == len(fare.adjustments)
        assert sum(adjustment.kind == "cap" for adjustment in fare.adjustments) <= 1
        if fare.hold is None:
            assert fare.boardings == ride.num_riders
        else:
            assert (fare.nominal_tiyn, fare.boardings, fare.adjustments) == (0, 0, ())


@given(names, days, carried)
def test_no_ride_costs_more_than_its_leg(name: str, day: list[Ride], carry: int):
    tariffs = TARIFFS[name]
    for ride, fare in zip(day, price_day(tariffs, day, carry), strict=True):
        tariff = tariffs.tariff_at(ride.at_ms)
        assert tariff is not None
        network = tariff.network_of(ride.route_id)
        own = tariff.find_leg(network, ride.category or "adult", ride.medium, ride.at_ms)
        if own is None:
            assert fare.hold is not None
        elif fare.hold is None:
            assert own_part(ride, fare, tariffs) <= own.own_tiyn <= own.nominal_tiyn


@given(days, carried)
def test_caps_hold_for_any_set_of_rides(day: list[Ride], carry: int):
    tariffs = TARIFFS["rich"]
    fares = price_day(tariffs, day, carry)
    counted = [(r, f) for r, f in zip(day, fares, strict=True) if f.hold is None]
    assert sum(own_part(ride, fare, tariffs) for ride, fare in counted) <= DAY_CAP
    alone = sum(fare.charged_tiyn for ride, fare in counted if ride.num_riders == 1)
    assert alone + carry <= max(MONTH_CAP, carry)


@given(st.lists(days, max_size=6))
def test_a_months_cap_holds_over_its_days(month: list[list[Ride]]):
    tariffs, charged = TARIFFS["rich"], 0
    for day in month:
        fares = price_day(tariffs, day, charged)
        charged += sum(
            fare.charged_tiyn for ride, fare in zip(day, fares, strict=True) if ride.num_riders == 1
        )
    assert charged <= MONTH_CAP


@given(names, days, carried, st.randoms(use_true_random=False))
def test_the_order_of_arrival_means_nothing(name: str, day: list[Ride], carry: int, random):
    shuffled = list(day)
    random.shuffle(shuffled)
    again = sorted(shuffled, key=canonical)
    if len({canonical(ride) for ride in day}) == len(day):
        assert again == day
        assert price_day(TARIFFS[name], again, carry) == price_day(TARIFFS[name], day, carry)


@given(names, days, rides, carried)
def test_a_later_ride_changes_no_earlier_fare(name: str, day: list[Ride], more: Ride, carry: int):
    before = [ride for ride in day if canonical(ride) < canonical(more)]
    fares = price_day(TARIFFS[name], sorted([*day, more], key=canonical), carry)
    assert fares[: len(before)] == price_day(TARIFFS[name], before, carry)


@given(days, carried)
def test_transfers_keep_their_count_and_time(day: list[Ride], carry: int):
    fares = price_day(TARIFFS["rich"], day, carry)
    counted = [(r, f) for r, f in zip(day, fares, strict=True) if f.hold is None]
    in_a_row = 0
    for (before, _), (ride, fare) in pairwise(counted):
        if not is_transfer(fare):
            in_a_row = 0
            continue
        in_a_row += 1
        assert in_a_row <= COUNT
        assert ride.at_ms - before.at_ms <= LIMIT_MS
        assert ride.route_id is None or ride.route_id != before.route_id
    if counted:
        assert not is_transfer(counted[0][1])


def is_transfer(fare: Fare) -> bool:
    return "transfer of" in fare.rule


@given(names, days, carried)
def test_no_vehicle_debits_twice_within_the_window(name: str, day: list[Ride], carry: int):
    fares = price_day(TARIFFS["rich"], day, carry)
    last: dict[str, int] = {}
    for ride, fare in zip(day, fares, strict=True):
        if ride.vehicle_id is None:
            assert fare.hold != "double_debit"
            continue
        recent = ride.at_ms - last.get(ride.vehicle_id, -(1 << 60)) < 300_000
        assert (fare.hold == "double_debit") == (recent and not ride.accepted)
        if fare.hold is None:
            last[ride.vehicle_id] = ride.at_ms


@given(names, days, carried)
def test_pricing_is_a_function(name: str, day: list[Ride], carry: int):
    first: Sequence[Fare] = price_day(TARIFFS[name], day, carry)
    assert first == price_day(TARIFFS[name], list(day), carry)
