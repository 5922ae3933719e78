"""Laws that hold for any input: times, dates, the service day, and stops on a line."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.geometry import cumulative_m, to_degrees
from sapar.gtfs.static import format_time, parse_date, parse_time
from sapar.gtfs.timetable import service_day_start
from sapar.gtfs.timetable.matching import match_stops, place_by_distance
from sapar.gtfs.timetable.times import fill_times

REFERENCE = (50.28, 57.16)

Points = Sequence[tuple[float, float]]


@given(st.integers(0, 999 * 3600 + 59 * 60 + 59))
def test_times_come_back(time_s: int) -> None:
    assert parse_time(format_time(time_s)) == time_s


def test_times_as_feeds_write_them() -> None:
    assert [parse_time(text) for text in ("0:00:00", "7:05:09", "25:10:00")] == [0, 25_509, 90_600]


@pytest.mark.parametrize(
    "text", ["", "7:05", "07:60:00", "07:00:60", "-1:00:00", "7:5:09", "٠٧:٠٠:٠٠"]
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


@given(st.dates())
def test_dates_come_back(day: date) -> None:
    assert date.fromordinal(parse_date(f"{day.year:04}{day.month:02}{day.day:02}")) == day


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        # Almaty went from UTC+6 to UTC+5 at the midnight before 1 March 2024: 00:00 became 23:00
        ("Asia/Almaty", date(2024, 2, 29), datetime(2024, 2, 28, 18, tzinfo=UTC)),
        ("Asia/Almaty", date(2024, 3, 1), datetime(2024, 2, 29, 19, tzinfo=UTC)),
        ("Asia/Aqtobe", date(2024, 2, 29), datetime(2024, 2, 28, 19, tzinfo=UTC)),
        ("Asia/Aqtobe", date(2024, 3, 1), datetime(2024, 2, 29, 19, tzinfo=UTC)),
        # clocks go forward: the service day starts at 23:00 of the day before
        ("Europe/Warsaw", date(2026, 3, 29), datetime(2026, 3, 28, 22, tzinfo=UTC)),
        # and back: it starts at the second 01:00
        ("Europe/Warsaw", date(2026, 10, 25), datetime(2026, 10, 24, 23, tzinfo=UTC)),
    ],
)
def test_service_day_where_clocks_change(zone: str, day: date, start: datetime) -> None:
    assert service_day_start(day, ZoneInfo(zone)) == start.timestamp()


@given(
    st.sampled_from(["Asia/Almaty", "Asia/Aqtobe", "Europe/Warsaw", "America/New_York"]),
    st.dates(date(2005, 1, 1), date(2035, 1, 1)),
)
def test_noon_is_noon_on_every_day(zone: str, day: date) -> None:
    """Half a day after the start of the service day it is noon by the clocks of the city."""
    start = service_day_start(day, ZoneInfo(zone))
    noon = datetime.fromtimestamp(start + 12 * 3600, ZoneInfo(zone))
    assert (noon.date(), noon.hour, noon.minute) == (day, 12, 0)
    after = service_day_start(day + timedelta(days=1), ZoneInfo(zone)) - start
    assert after in (23 * 3600, 24 * 3600, 25 * 3600)


@st.composite
def untidy_times(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    """Trips with holes, times that go back, and stops at one place; ends are timed."""
    trip, arrival, departure, along = [], [], [], []
    for number in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 8))
        steps = draw(st.lists(st.sampled_from([0.0, 120.0, 450.0]), min_size=count, max_size=count))
        for position, place in enumerate(np.cumsum(steps)):
            end = position in (0, count - 1)
            given_s = draw(st.integers(0, 100_000)) if end else draw(st.integers(-1, 100_000))
            leave_s = draw(st.sampled_from([given_s, -1, given_s + 30, max(given_s - 30, 0)]))
            if draw(st.booleans()) and not end:
                given_s = leave_s = -1
            trip.append(number)
            arrival.append(given_s)
            departure.append(leave_s)
            along.append(float(place))
    return (
        np.array(trip, np.int64),
        np.array(arrival, np.int64),
        np.array(departure, np.int64),
        np.array(along, np.float64),
    )


@given(untidy_times())
def test_filled_times_never_go_back(columns: tuple[np.ndarray, ...]) -> None:
    trip, arrival_s, departure_s, along_m = columns
    arrival, departure, timed = fill_times(trip, arrival_s, departure_s, along_m)
    given_rows = (arrival_s >= 0) | (departure_s >= 0)
    assert not (timed & ~given_rows).any()
    for number in np.unique(trip):
        rows = trip == number
        moments = np.stack((arrival[rows], departure[rows]), axis=1).ravel()
        assert (np.diff(moments) >= 0).all()
        assert timed[rows].any()
    # times that are kept are those of the feed, give or take whole days
    kept = timed & (arrival_s >= 0)
    assert ((arrival[kept] - arrival_s[kept]) % 86_400 == 0).all()
    # what is in order stays as it is
    calm = fill_times(trip, arrival.astype(np.int64), departure.astype(np.int64), along_m)
    assert (calm[0] == arrival).all()
    assert (calm[1] == departure).all()


def fill(*times: str) -> list[str]:
    """Fill one trip with equal steps; `-` is an empty time."""
    given_s = np.array([-1 if text == "-" else parse_time(f"{text}:00") for text in times])
    along_m = np.linspace(0.0, 900.0, len(times))
    arrival, _, _ = fill_times(np.zeros(len(times), np.int64), given_s, given_s, along_m)
    return [format_time(int(time_s))[:5] for time_s in arrival]


def test_times_written_anew_after_midnight_are_carried_on() -> None:
    assert fill("23:50", "-", "00:10", "00:20") == ["23:50", "24:00", "24:10", "24:20"]
    assert fill("23:50", "23:59", "00:10", "05:00") == ["23:50", "23:59", "24:10", "29:00"]


def test_a_mistyped_hour_does_not_spoil_the_rest() -> None:
    assert fill("08:00", "18:10", "08:20", "08:30") == ["08:00", "08:10", "08:20", "08:30"]
    assert fill("08:00", "22:10", "08:20", "08:30") == ["08:00", "08:10", "08:20", "08:30"]
    assert fill("08:00", "03:10", "08:20", "08:30") == ["08:00", "08:10", "08:20", "08:30"]


def test_a_mistyped_end_takes_the_nearest_time() -> None:
    assert fill("18:00", "08:10", "08:20") == ["08:10", "08:10", "08:20"]
    assert fill("08:00", "08:10", "02:20") == ["08:00", "08:10", "08:10"]


def test_a_trip_without_a_time_at_its_end_is_our_mistake() -> None:
    trip, times, along = np.zeros(2, np.int64), np.array([5, -1], np.int64), np.array([0.0, 9.0])
    with pytest.raises(ValueError, match="without a time"):
        fill_times(trip, times, times, along)


def line(points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A line through points in metres: latitudes, longitudes, distances."""
    x, y = np.array(points, float).T
    lat, lon = to_degrees(x, y, REFERENCE)
    return lat, lon, cumulative_m(lat, lon)


def place(points: Points, path: Points) -> np.ndarray:
    lat, lon, _ = line(points)
    stop_m, _ = match_stops(lat, lon, *line(path))
    return stop_m


coordinates = st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000))


@given(
    st.lists(coordinates, min_size=1, max_size=12), st.lists(coordinates, min_size=2, max_size=12)
)
def test_stops_never_go_back_along_any_line(stops: list, path: list) -> None:
    lat, lon, _ = line(stops)
    line_lat, line_lon, line_m = line(path)
    stop_m, offset_m = match_stops(lat, lon, line_lat, line_lon, line_m)
    assert (np.diff(stop_m) >= 0).all()
    assert (stop_m >= 0).all()
    assert (stop_m <= line_m[-1] + 1e-6).all()
    assert (offset_m >= 0).all()
    assert np.isfinite(offset_m).all()


@given(st.floats(-14, 14), st.integers(8, 24))
def test_there_and_back_on_one_street(side_m: float, count: int) -> None:
    """Stops of a street driven there and back, and one where it turns: each on its own pass."""
    path = [(0.0, 0.0), (4000.0, 0.0), (4000.0, 30.0), (4000.0, 0.0), (0.0, 0.0)]
    ways = np.linspace(200, 3700, count // 2)
    stops = [(x, side_m) for x in ways] + [(4000, 30)] + [(x, -side_m) for x in ways[::-1]]
    expected = [*ways, 4030, *(8060 - ways[::-1])]
    assert np.allclose(place(stops, path), expected, atol=12)


@given(st.integers(4, 30), st.integers(0, 25))
def test_loop_that_ends_where_it_began(count: int, noise_m: int) -> None:
    """The first stop of a ring lies at its start, the last, at the same place, at its end."""
    angles = np.linspace(0, 2 * np.pi, 120)
    path = [(1500 * np.cos(a), 1500 * np.sin(a)) for a in angles]
    at = np.linspace(0, 2 * np.pi, count)
    stops = [((1500 + noise_m) * np.cos(a), (1500 + noise_m) * np.sin(a)) for a in at]
    assert np.allclose(place(stops, path), 1500 * at, atol=25)


def test_figure_of_eight_serves_a_stop_twice() -> None:
    path = [(0, 0), (1000, 0), (1000, 800), (500, 800), (500, -800), (1500, -800)]
    stops = [(10, 5), (505, 4), (1000, 400), (505, 4), (505, -500), (1400, -800)]
    expected = [10, 505, 1400, 3100, 3600, 4800]
    assert np.allclose(place(stops, path), expected, atol=12)


def test_a_stop_far_from_the_line_does_not_move_its_neighbours() -> None:
    path = [(0.0, 0.0), (5000.0, 0.0)]
    stops = [(500.0, 5.0), (1500.0, 5.0), (90_000.0, 60_000.0), (3500.0, 5.0), (4500.0, 5.0)]
    placed = place(stops, path)
    assert np.allclose(placed[[0, 1, 3, 4]], [500, 1500, 3500, 4500], atol=10)


def test_neighbours_in_the_wrong_order_meet_between_their_places() -> None:
    stops = [(500.0, 5.0), (1600.0, 5.0), (1400.0, 5.0), (3000.0, 5.0)]
    placed = place(stops, [(0.0, 0.0), (5000.0, 0.0)])
    assert np.allclose(placed, [500, 1500, 1500, 3000], atol=1)


def test_distances_of_the_feed_in_any_unit() -> None:
    line_m = np.array([0.0, 500.0, 1500.0])
    in_km = place_by_distance(np.array([0.0, 1.0]), np.array([0.0, 0.5, 1.5]), line_m)
    assert in_km is not None
    assert np.allclose(in_km, [0, 1000])


@pytest.mark.parametrize(
    ("stops", "points"),
    [
        ([0.0, np.nan], [0.0, 0.5, 1.5]),
        ([0.0, 1.0], [0.0, np.nan, 1.5]),
        ([1.0, 0.5], [0.0, 0.5, 1.5]),
        ([0.0, 1.0], [0.0, 0.5, 0.4]),
        ([0.0, 3.0], [0.0, 0.5, 1.5]),
        ([0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_distances_of_the_feed_that_say_nothing(stops: list, points: list) -> None:
    line_m = np.array([0.0, 500.0, 1500.0])
    assert place_by_distance(np.array(stops), np.array(points), line_m) is None
