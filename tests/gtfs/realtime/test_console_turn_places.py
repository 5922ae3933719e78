"""Where a bus may turn back: against a loop over the calls of every trip."""

from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.console.turn_places import turning_rows
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.timetable import Timetable, load_timetable
from tests.gtfs.feeds import zip_files

STOPS = "ABCDEF"
trips = st.lists(
    st.tuples(st.sampled_from("RS"), st.integers(0, 1), st.integers(0, 4), st.integers(2, 6)),
    min_size=1,
    max_size=8,
)


def feed_of(drawn: list[tuple[str, int, int, int]]) -> Timetable:
    """Trips of two routes, each over a stretch of one street, there or back."""
    rows, times = ["trip_id,route_id,service_id,direction_id"], [
        "trip_id,stop_id,stop_sequence,arrival_time,departure_time"
    ]  # fmt: skip
    for number, (route, direction, first, count) in enumerate(drawn):
        stretch = STOPS[first : first + count] if first + 2 <= len(STOPS) else STOPS
        stretch = stretch if direction == 0 else stretch[::-1]
        rows.append(f"t{number},{route},D,{direction}")
        for place, stop in enumerate(stretch):
            clock = f"08:{number:02}:{place:02}"
            times.append(f"t{number},{stop},{place},{clock},{clock}")
    stops = [f"{stop},{stop},50.{n},57.2" for n, stop in enumerate(STOPS, 1)]
    return load_timetable(
        zip_files(
            {
                "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n"
                "A,A,https://example.org,Asia/Aqtobe\n",
                "stops.txt": "\n".join(["stop_id,stop_name,stop_lat,stop_lon", *stops]),
                "routes.txt": "route_id,route_short_name,route_type\nR,R,3\nS,S,3\n",
                "trips.txt": "\n".join(rows),
                "stop_times.txt": "\n".join(times),
                "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,"
                "sunday,start_date,end_date\nD,1,1,1,1,1,1,1,20260101,20261231\n",
            }
        ),
        "a",
    )


@given(trips)
def test_the_next_stop_where_a_run_of_the_same_way_ends(drawn):
    timetable = feed_of(drawn)
    found = turning_rows(timetable, Posts(timetable, Days(timetable)).group_of_trip)
    begin, stop = timetable.trips.st_begin, timetable.stop_times.stop_idx
    way = list(zip(timetable.trips.route_idx, timetable.trips.direction, strict=True))
    ends = {(way[t], stop[begin[t + 1] - 1]) for t in range(len(way))}
    for trip in range(len(way)):
        rows = range(int(begin[trip]), int(begin[trip + 1]))
        for row in rows:
            later = [r for r in rows if r >= row and (way[trip], stop[r]) in ends]
            assert found[row] == (later[0] if later else NO)
        assert found[rows[-1]] == rows[-1]  # there is always the terminus
