"""Boards against a slow and obvious computation: the rows of the files and the feed as it is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.api.arrivals.board import make_board
from sapar.api.arrivals.index import StopIndex
from sapar.api.arrivals.memory import Memory
from sapar.gtfs.realtime.tick import Tick, make_body
from sapar.gtfs.static.values import format_time
from sapar.gtfs.timetable import Timetable, load_timetable
from tests.api.arrivals.scene import add_run, at, new_message, scene_zip
from tests.api.arrivals.through import decode_live
from tests.gtfs.feeds import zip_files

ZONE = "Asia/Almaty"
_STOPS = ("S0", "S1", "S2")
_DATES = [date(2024, 2, 28) + timedelta(days=n) for n in range(5)]  # the clocks change on 1 March


@dataclass(frozen=True)
class Trip:
    """A trip of the files: its stops with (arrival, departure) in seconds, its dates, its grid."""

    trip_id: str
    calls: tuple[tuple[str, int, int], ...]
    dates: frozenset[date]
    grid: tuple[int, int, int] | None  # from, until, headway; with exact times


@st.composite
def trips(draw: st.DrawFn, trip_id: str) -> Trip:
    """A trip of two or three calls, perhaps past midnight, perhaps on a headway's grid."""
    at_s = draw(st.integers(0, 28 * 60)) * 60
    calls = []
    for stop in draw(st.permutations(_STOPS))[: draw(st.integers(2, 3))]:
        leave_s = at_s + draw(st.integers(0, 3)) * 60
        calls.append((stop, at_s, leave_s))
        at_s = leave_s + draw(st.integers(1, 40)) * 60
    dates = draw(st.frozensets(st.sampled_from(_DATES), min_size=1))
    grid = None
    if draw(st.integers(0, 3)) == 0:
        start_s = draw(st.integers(0, 25)) * 3600
        grid = (start_s, start_s + draw(st.integers(1, 2)) * 3600, draw(st.integers(15, 50)) * 60)
    return Trip(trip_id, tuple(calls), dates, grid)


def _zip(found: list[Trip]) -> bytes:
    times = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time"]
    dates = ["service_id,date,exception_type"]
    grids = ["trip_id,start_time,end_time,headway_secs,exact_times"]
    for trip in found:
        for number, (stop, arrive_s, leave_s) in enumerate(trip.calls):
            shown = f"{format_time(arrive_s)},{format_time(leave_s)}"
            times.append(f"{trip.trip_id},{stop},{number + 1},{shown}")
        dates += [f"{trip.trip_id},{day:%Y%m%d},1" for day in sorted(trip.dates)]
        if trip.grid:
            start_s, end_s, every_s = trip.grid
            shown = f"{format_time(start_s)},{format_time(end_s)},{every_s}"
            grids.append(f"{trip.trip_id},{shown},1")
    stops = [f"{stop},{stop},43.{number}0,76.9" for number, stop in enumerate(_STOPS)]
    return zip_files(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n"
            f"K,K,https://example.org,{ZONE}\n",
            "stops.txt": "\n".join(["stop_id,stop_name,stop_lat,stop_lon", *stops]),
            "routes.txt": "route_id,agency_id,route_short_name,route_type\nR,K,1,3\n",
            "trips.txt": "\n".join(
                ["trip_id,route_id,service_id", *(f"{t.trip_id},R,{t.trip_id}" for t in found)]
            ),
            "stop_times.txt": "\n".join(times),
            "calendar_dates.txt": "\n".join(dates),
            "frequencies.txt": "\n".join(grids) if len(grids) > 1 else grids[0] + "\n",
        }
    )


def _day_start(day: date) -> int:
    noon = datetime.combine(day, time(12), ZoneInfo(ZONE)).astimezone(UTC)
    return int((noon - timedelta(hours=12)).timestamp())


@dataclass(frozen=True)
class Planned:
    """A planned call as the files say it."""

    trip: Trip
    day: date
    start_s: int
    number: int
    arrival_s: int
    departure_s: int


def _planned(found: list[Trip], stop: str) -> list[Planned]:
    listed = []
    for trip in found:
        first_s = trip.calls[0][1]
        starts = [first_s] if trip.grid is None else list(range(*trip.grid))
        for day in trip.dates:
            for start_s in starts:
                for number, (name, arrive_s, leave_s) in enumerate(trip.calls):
                    if name == stop:
                        base_s = _day_start(day) + start_s - first_s
                        listed.append(
                            Planned(trip, day, start_s, number, base_s + arrive_s, base_s + leave_s)
                        )
    return listed


def _expected(
    found: list[Trip], stop: str, feed: pb.FeedMessage, span: tuple[int, int, int]
) -> set[tuple[str, str, str, int, int]]:
    """(state, trip_id, date, start, time told) of every call that belongs on the board."""
    now_s, before_s, after_s = span
    from_s, until_s = now_s - before_s, now_s + after_s
    updates = {}
    for entity in feed.entity:
        named = entity.trip_update.trip
        updates[named.trip_id, named.start_date, named.start_time] = entity.trip_update
    told = set()
    for call in _planned(found, stop):
        day = f"{call.day:%Y%m%d}"
        start = format_time(call.start_s) if call.trip.grid else ""
        update = updates.get((call.trip.trip_id, day, start))
        inside = call.departure_s >= from_s and call.arrival_s <= until_s
        state, time_s = "scheduled", 0
        if update is not None:
            if update.trip.schedule_relationship == pb.TripDescriptor.CANCELED:
                state = "cancelled"
            else:
                here = [u for u in update.stop_time_update if u.stop_sequence == call.number + 1]
                ahead = [
                    u.stop_sequence
                    for u in update.stop_time_update
                    if u.schedule_relationship == pb.TripUpdate.StopTimeUpdate.SCHEDULED
                    and u.departure.time >= now_s
                ]
                timed = [u for u in update.stop_time_update if u.arrival.time]
                if here and here[0].schedule_relationship == (pb.TripUpdate.StopTimeUpdate.SKIPPED):
                    state = "skipped"
                elif here:
                    arrive_s, leave_s = here[0].arrival.time, here[0].departure.time
                    inside = (
                        max(leave_s, call.departure_s) >= from_s
                        and min(arrive_s, call.arrival_s) <= until_s
                    )
                    state, time_s = ("live", arrive_s) if leave_s >= now_s else ("passed", arrive_s)
                    inside = inside and (state == "live" or leave_s >= from_s)
                elif timed and call.number + 1 < min(ahead, default=99):
                    state = "passed"
        if inside:
            told.add((state, call.trip.trip_id, day, call.start_s, time_s))
    return told


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Trip], pb.FeedMessage, str, tuple[int, int, int]]:
    """Files, a feed about some of their runs, a stop, and a moment with what is asked."""
    found = [draw(trips(f"t{number}")) for number in range(draw(st.integers(1, 4)))]
    noon_s = _day_start(draw(st.sampled_from(_DATES))) + draw(st.integers(0, 30 * 60)) * 60
    span = (noon_s, draw(st.integers(0, 60)) * 60, draw(st.integers(1, 300)) * 60)
    feed = new_message(noon_s)
    for trip in found:
        for day in sorted(trip.dates):
            if not draw(st.booleans()):
                continue
            start = ""
            if trip.grid:
                start = format_time(draw(st.sampled_from(list(range(*trip.grid)))))
            if draw(st.integers(0, 4)) == 0:
                add_run(feed, trip.trip_id, (), day=day, start=start,
                        relation=pb.TripDescriptor.CANCELED)  # fmt: skip
                continue
            time_s = noon_s + draw(st.integers(-40, 200)) * 60
            first = draw(st.integers(0, len(trip.calls) - 1))
            calls = []
            for number in range(first, len(trip.calls)):
                calls.append((number + 1, trip.calls[number][0], time_s, time_s + 20))
                time_s += draw(st.integers(1, 30)) * 60
            update = add_run(feed, trip.trip_id, calls, day=day, start=start)
            if len(calls) > 1 and draw(st.integers(0, 4)) == 0:
                left_out = update.stop_time_update[-1]
                left_out.schedule_relationship = pb.TripUpdate.StopTimeUpdate.SKIPPED
                left_out.ClearField("arrival")
                left_out.ClearField("departure")
    return found, feed, draw(st.sampled_from(_STOPS)), span


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_board_is_what_the_files_and_the_feed_say(
    case: tuple[list[Trip], pb.FeedMessage, str, tuple[int, int, int]],
) -> None:
    found, feed, stop, span = case
    timetable = load_timetable(_zip(found), "almaty")
    index = StopIndex(timetable)
    live = decode_live(_tick(feed), index)
    board = make_board(index, live, Memory(), timetable.stops.index[stop], span)
    told = {
        (
            call.state,
            call.trip_id,
            f"{date.fromordinal(call.day):%Y%m%d}",
            call.start_s,
            call.arrival_s or call.passed_s,
        )
        for call in board
    }
    assert len(told) == len(board)
    assert told == _expected(found, stop, feed, span)
    for call in board:
        (plan,) = (
            p
            for p in _planned(found, stop)
            if (p.trip.trip_id, p.day.toordinal(), p.start_s)
            == (call.trip_id, call.day, call.start_s)
        )
        assert (call.planned_arrival_s, call.planned_departure_s) == (
            plan.arrival_s,
            plan.departure_s,
        )
    assert [call.time_s for call in board] == sorted(call.time_s for call in board)


def _tick(feed: pb.FeedMessage) -> Tick:
    time_s = feed.header.timestamp
    bodies = {"trip-updates": make_body(feed.SerializeToString())}
    return Tick("almaty", 1, 1, float(time_s), 0.0, "v", bodies)


def _times(timetable: Timetable, stop: str, from_s: float, minutes: int) -> list[tuple[str, int]]:
    index = StopIndex(timetable)
    board = make_board(
        index, None, Memory(), timetable.stops.index[stop], (from_s, 0.0, 60.0 * minutes)
    )
    return [(call.trip_id, call.planned_arrival_s) for call in board]


def test_the_night_in_which_almaty_changed_its_offset() -> None:
    """On 1 March 2024 the clocks went back from 00:00 (UTC+6) to 23:00 of 29 February (UTC+5)."""
    timetable = load_timetable(scene_zip(zone=ZONE), "almaty")
    leap = date(2024, 2, 29)
    # n1 leaves A at 23:50; by noon minus twelve hours of a day of 25 h: the service day begins late
    start_s = _day_start(leap)
    assert start_s == int(datetime(2024, 2, 28, 18, tzinfo=UTC).timestamp())
    assert _times(timetable, "B", start_s + 23.9 * 3600, 15) == [("n1", start_s + 24 * 3600)]
    # the next day's noon is an hour later in UTC, so two nights are 25 h apart
    after = _times(timetable, "B", start_s + 25 * 3600 + 23.9 * 3600, 15)
    assert after == [("n1", start_s + 25 * 3600 + 24 * 3600)]


def test_after_midnight_yesterdays_trip_is_on_the_board() -> None:
    timetable = load_timetable(scene_zip(), "aqtobe")
    midnight_s = at(24)
    assert _times(timetable, "B", midnight_s - 60, 5) == [("n1", midnight_s)]
    assert _times(timetable, "D", midnight_s + 60, 15) == [("n1", midnight_s + 600)]
