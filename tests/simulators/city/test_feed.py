"""The feed of a city, read as rows of text and judged without the code that wrote it."""

import math
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import groupby, pairwise

import pytest

from sapar.simulators.city import build_city, write_city
from tests.simulators.city.conftest import SERVICE_DATES, read_tables, seconds
from tests.simulators.city.duties import chain, layovers_s, list_legs, peak


def test_size_is_that_of_aktobe(aktobe_tables):
    assert len(aktobe_tables["routes"]) == 30
    assert 400 < len(aktobe_tables["stops"]) < 800
    assert 150_000 < len(aktobe_tables["stop_times"]) < 400_000


def test_every_reference_leads_somewhere(aktobe_tables):
    t = aktobe_tables

    def keys(table, column):
        return {row[column] for row in t[table]}

    assert keys("trips", "route_id") == keys("routes", "route_id")
    assert keys("trips", "service_id") == keys("calendar", "service_id")
    assert keys("trips", "shape_id") == keys("shapes", "shape_id")
    assert keys("stop_times", "trip_id") == keys("trips", "trip_id")
    assert keys("stop_times", "stop_id") == keys("stops", "stop_id")
    assert keys("frequencies", "trip_id") < keys("trips", "trip_id")
    assert keys("route_networks", "route_id") == keys("routes", "route_id")
    for table, column in (("routes", "route_id"), ("trips", "trip_id"), ("stops", "stop_id")):
        assert len(keys(table, column)) == len(t[table])


def test_times_and_distances_strictly_increase_along_every_trip(aktobe_tables):
    shape_end_m = {r["shape_id"]: float(r["shape_dist_traveled"]) for r in aktobe_tables["shapes"]}
    shape_of = {trip["trip_id"]: trip["shape_id"] for trip in aktobe_tables["trips"]}
    for trip_id, rows in groupby(aktobe_tables["stop_times"], key=lambda r: r["trip_id"]):
        calls = list(rows)
        assert [int(r["stop_sequence"]) for r in calls] == list(range(1, len(calls) + 1))
        for a, b in pairwise(calls):
            assert seconds(a["arrival_time"]) <= seconds(a["departure_time"])
            assert seconds(a["departure_time"]) < seconds(b["arrival_time"])
            assert float(a["shape_dist_traveled"]) < float(b["shape_dist_traveled"])
        assert float(calls[-1]["shape_dist_traveled"]) <= shape_end_m[shape_of[trip_id]]


def test_distances_are_metres_and_stops_stand_beside_their_shape(aktobe_tables):
    shapes = defaultdict(list)
    for row in aktobe_tables["shapes"]:
        at = (float(row["shape_pt_lat"]), float(row["shape_pt_lon"]))
        shapes[row["shape_id"]].append((*at, float(row["shape_dist_traveled"])))
    for points in shapes.values():
        along = 0.0
        for (lat_a, lon_a, _), (lat_b, lon_b, given) in pairwise(points):
            along += _gap_m(lat_a, lon_a, lat_b, lon_b)
            assert given == pytest.approx(along, abs=0.6)
    stops = {
        r["stop_id"]: (float(r["stop_lat"]), float(r["stop_lon"])) for r in aktobe_tables["stops"]
    }
    shape_of = {trip["trip_id"]: trip["shape_id"] for trip in aktobe_tables["trips"]}
    seen = set()
    for row in aktobe_tables["stop_times"]:
        key = (shape_of[row["trip_id"]], row["stop_id"], row["shape_dist_traveled"])
        if key in seen:
            continue
        seen.add(key)
        beside = [p for p in shapes[key[0]] if abs(p[2] - float(key[2])) < 0.2]
        assert 5 < _gap_m(*stops[key[1]], *beside[0][:2]) < 16


def _gap_m(lat_a, lon_a, lat_b, lon_b):
    """Distance over a few kilometres at most: the plane is exact enough to judge by."""
    x = math.radians(lon_b - lon_a) * math.cos(math.radians((lat_a + lat_b) / 2))
    return 6_371_008.8 * math.hypot(x, math.radians(lat_b - lat_a))


def test_spacing_of_stops(aktobe_tables):
    spacing_m = []
    for _, rows in groupby(aktobe_tables["stop_times"], key=lambda r: r["trip_id"]):
        along = [float(r["shape_dist_traveled"]) for r in rows]
        spacing_m += [b - a for a, b in pairwise(along)]
    usual = sum(300 <= gap <= 600 for gap in spacing_m) / len(spacing_m)
    assert usual > 0.85
    assert min(spacing_m) > 250
    assert max(spacing_m) < 1_600


def test_stops_are_shared_by_routes_and_stand_in_pairs(aktobe_tables):
    route_of = {trip["trip_id"]: trip["route_id"] for trip in aktobe_tables["trips"]}
    routes = defaultdict(set)
    for row in aktobe_tables["stop_times"]:
        routes[row["stop_id"]].add(route_of[row["trip_id"]])
    assert sum(len(found) > 1 for found in routes.values()) > len(routes) / 2
    assert max(map(len, routes.values())) >= 5
    pairs = Counter(row["stop_name"] for row in aktobe_tables["stops"])
    assert sum(count > 1 for count in pairs.values()) > 0.7 * len(pairs)


def test_service_runs_from_half_past_five_past_midnight(aktobe_tables):
    for service in ("weekday", "saturday", "sunday"):
        blocks, routes = list_legs(aktobe_tables, service)
        legs = [leg for found in (*blocks.values(), *routes.values()) for leg in found]
        assert min(leg.start_s for leg in legs) == seconds("05:30:00")
        assert seconds("25:15:00") < max(leg.end_s for leg in legs) <= seconds("25:31:00")


def test_blocks_rest_between_trips_and_never_overlap(aktobe_tables):
    for service in ("weekday", "saturday", "sunday"):
        blocks, _ = list_legs(aktobe_tables, service)
        rests_s = layovers_s(blocks)
        assert min(rests_s) >= 295
        usual = sum(rest <= 730 for rest in rests_s) / len(rests_s)
        assert usual > (0.85 if service == "weekday" else 0.7)


def test_vehicles_go_on_from_where_they_are(aktobe_tables):
    at = {
        r["stop_id"]: (float(r["stop_lat"]), float(r["stop_lon"])) for r in aktobe_tables["stops"]
    }
    blocks, _ = list_legs(aktobe_tables, "weekday")
    for legs in blocks.values():
        for a, b in pairwise(legs):
            assert _gap_m(*at[a.to_stop], *at[b.from_stop]) < 1_000, (a, b)


@pytest.mark.parametrize("size", ["aktobe", "shymkent", "almaty"])
def test_peak_vehicles_are_within_three_percent(size):
    tables = read_tables(
        write_city(build_city(size, 5), agency_id="x", service_dates=SERVICE_DATES)
    )
    blocks, routes = list_legs(tables, "weekday")
    spans = [(legs[0].start_s, legs[-1].end_s) for legs in blocks.values()]
    for legs in routes.values():
        spans += chain(legs, _turns(legs))
    wanted = {"aktobe": 300, "shymkent": 980, "almaty": 2_939}[size]
    assert peak(spans) == pytest.approx(wanted, rel=0.03)


def _turns(legs):
    """A vehicle that ends one direction begins the other; on a circle, the same again."""
    ends = {(leg.from_stop, leg.to_stop) for leg in legs}
    turns = defaultdict(set)
    for start, end in ends:
        if start == end:
            turns[end] = {start}
        else:
            turns[end] = {other for other, _ in ends if other != start}
    return turns


def test_headway_service_is_exact_on_one_route_alone(aktobe_tables):
    route_of = {trip["trip_id"]: trip["route_id"] for trip in aktobe_tables["trips"]}
    exact = defaultdict(set)
    for row in aktobe_tables["frequencies"]:
        exact[row["exact_times"]].add(route_of[row["trip_id"]])
        assert seconds(row["start_time"]) < seconds(row["end_time"])
    assert len(exact["1"]) == 1
    assert len(exact["0"]) == 4
    assert not exact["0"] & exact["1"]
    blocked = {trip["route_id"] for trip in aktobe_tables["trips"] if trip["block_id"]}
    assert not blocked & (exact["0"] | exact["1"])


def test_one_route_is_a_circle_and_one_has_branches_and_short_turns(aktobe_tables):
    ends = defaultdict(set)
    route_of = {t["trip_id"]: (t["route_id"], t["direction_id"]) for t in aktobe_tables["trips"]}
    for trip_id, rows in groupby(aktobe_tables["stop_times"], key=lambda r: r["trip_id"]):
        calls = [r["stop_id"] for r in rows]
        ends[route_of[trip_id]].add((calls[0], calls[-1]))
    circles = {route for (route, _), found in ends.items() if any(a == b for a, b in found)}
    assert len(circles) == 1
    shapes = Counter(
        r["shape_id"].split("-")[0]
        for r in {r["shape_id"]: r for r in aktobe_tables["shapes"]}.values()
    )
    branched = [route for route, count in shapes.items() if count == 4]
    assert len(branched) == 1
    from_home = [
        b
        for (route, way), found in ends.items()
        if (route, way) == (branched[0], "0")
        for _, b in found
    ]
    assert len(set(from_home)) >= 3


def test_peak_running_times_are_longer(aktobe_tables):
    blocks, _ = list_legs(aktobe_tables, "weekday")
    trips = {t["trip_id"]: t for t in aktobe_tables["trips"]}
    runs: dict[tuple, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for legs in blocks.values():
        for leg in legs:
            key = (trips[leg.trip_id]["shape_id"], leg.from_stop, leg.to_stop)
            runs[key][leg.start_s // 3600].append(leg.end_s - leg.start_s)
    compared = 0
    for by_hour in runs.values():
        if 6 in by_hour and 17 in by_hour and 22 in by_hour:
            compared += 1
            assert max(by_hour[22]) < min(by_hour[17])
    assert compared > 20


def test_some_service_on_every_date_and_holidays_run_as_sundays(aktobe_tables):
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    calendar = {row["service_id"]: row for row in aktobe_tables["calendar"]}
    changes = {
        (r["service_id"], r["date"]): r["exception_type"] for r in aktobe_tables["calendar_dates"]
    }
    day, last = SERVICE_DATES
    by_date = {}
    while day <= last:
        text = f"{day:%Y%m%d}"
        active = {
            service
            for service, row in calendar.items()
            if (row[days[day.weekday()]] == "1" or changes.get((service, text)) == "1")
            and changes.get((service, text)) != "2"
        }
        assert len(active) == 1
        by_date[day] = active.pop()
        day += timedelta(days=1)
    assert by_date[date(2026, 3, 10)] == "weekday"
    assert by_date[date(2026, 3, 14)] == "saturday"
    for holiday in (date(2026, 3, 23), date(2026, 12, 16), date(2026, 3, 21), date(2026, 3, 22)):
        assert by_date[holiday] == "sunday"


def test_every_name_has_russian_and_english(aktobe_tables):
    told: dict[tuple, dict[str, str]] = defaultdict(dict)
    for row in aktobe_tables["translations"]:
        key = (row["table_name"], row["field_name"], row["record_id"] or row["field_value"])
        assert row["language"] not in told[key]
        told[key][row["language"]] = row["translation"]
    wanted = {("stops", "stop_name", row["stop_name"]) for row in aktobe_tables["stops"]}
    wanted |= {("trips", "trip_headsign", row["trip_headsign"]) for row in aktobe_tables["trips"]}
    wanted |= {("routes", "route_long_name", row["route_id"]) for row in aktobe_tables["routes"]}
    for key in wanted:
        assert set(told[key]) == {"ru", "en"}
        assert not re.search("[ӘәҒғҚқҢңӨөҰұҮүҺһІі]", told[key]["ru"]), told[key]
        assert not re.search("[А-Яа-яЁё]", told[key]["en"]), told[key]
    assert any(re.search("[әғқңөұүһі]", row["stop_name"]) for row in aktobe_tables["stops"])


def test_fares(aktobe_tables):
    prices = {
        (r["fare_product_id"], r["rider_category_id"], r["fare_media_id"]): float(r["amount"])
        for r in aktobe_tables["fare_products"]
    }
    assert prices["city_single", "adult", "card"] == 80
    assert prices["city_single", "adult", "qr"] == 120
    assert prices["city_single", "adult", "cash"] == 150
    assert prices["city_single", "pupil", "card"] == 40
    assert prices["city_single", "pensioner", "card"] == 0
    assert prices["suburban_single", "adult", "card"] == 120
    assert prices["suburban_evening", "adult", "card"] == 150
    assert all(price % 5 == 0 for price in prices.values())
    ruled = {r["fare_product_id"] for r in aktobe_tables["fare_leg_rules"]}
    assert ruled == {product for product, _, _ in prices}
    networks = {r["network_id"] for r in aktobe_tables["route_networks"]}
    assert networks == {r["network_id"] for r in aktobe_tables["networks"]}
