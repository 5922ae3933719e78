"""The trips of a route as the feed lists them, and their stop times."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sapar.simulators.city.fleet import LineService
from sapar.simulators.city.headways import Window
from sapar.simulators.city.lines import LineKind
from sapar.simulators.city.table import clock_text
from sapar.simulators.city.timetabling import Run
from sapar.simulators.city.timing import Course, Day, call_times

DAY_CODE = {Day.WEEKDAY: "wd", Day.SATURDAY: "sa", Day.SUNDAY: "su"}


@dataclass(frozen=True, slots=True)
class TripRow:
    """One trip of the feed; `window` is given where it stands for many runs by headway."""

    trip_id: str
    route_id: str
    day: Day
    course: Course
    start_s: int
    typical_s: int
    block_id: str
    circular: bool
    accessible: bool
    window: Window | None
    exact: bool


def list_trips(service: LineService) -> list[TripRow]:
    """List the trips of a route for all kinds of day.

    Trip ids are `route-direction-day-number`; block ids are `route-day-number`, numbered by the
    time the block begins.
    """
    rows: list[TripRow] = []
    for day in Day:
        numbers: Counter[int] = Counter()
        runs = service.runs.get(day, [])
        blocks = _number_blocks(runs)
        for run in runs:
            block_id = f"{service.line.number}-{DAY_CODE[day]}-{blocks[run.block]:02d}"
            row = _row(service, day, run.course, numbers, run.start_s)
            # One low-floor or high-floor bus runs the whole block.
            accessible = blocks[run.block] % 5 != 0
            rows.append(replace(row, block_id=block_id, accessible=accessible))
        for window in service.windows.get(day, []):
            row = _row(service, day, window.course, numbers, window.start_s)
            rows.append(replace(row, window=window, typical_s=window.typical_s))
    return rows


def _row(
    service: LineService, day: Day, course: Course, numbers: Counter[int], start_s: int
) -> TripRow:
    line, direction = service.line, course.pattern.direction
    numbers[direction] += 1
    return TripRow(
        trip_id=f"{line.number}-{direction}-{DAY_CODE[day]}-{numbers[direction]:03d}",
        route_id=line.number,
        day=day,
        course=course,
        start_s=start_s,
        typical_s=start_s,
        block_id="",
        circular=line.kind is LineKind.CIRCULAR,
        accessible=True,
        window=None,
        exact=line.exact,
    )


def _number_blocks(runs: Sequence[Run]) -> dict[int, int]:
    begins: dict[int, int] = {}
    for run in runs:
        begins[run.block] = min(run.start_s, begins.get(run.block, run.start_s))
    order = sorted(begins, key=lambda block: (begins[block], block))
    return {block: number for number, block in enumerate(order, start=1)}


def stop_times_text(trips: Sequence[TripRow]) -> str:
    """Write stop_times.txt, trip by trip in the order given."""
    clocks = [clock_text(time_s) for time_s in range(28 * 3600)]
    blocks: list[str] = [""] * len(trips)
    for at, text in _trip_texts(trips, clocks):
        blocks[at] = text
    header = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled,timepoint\n"
    )
    return header + "".join(blocks)


def _trip_texts(trips: Sequence[TripRow], clocks: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give (index of the trip, its rows as text), timing all trips of a course at once."""
    groups: dict[tuple[str, int, int, Day], list[int]] = defaultdict(list)
    for at, trip in enumerate(trips):
        course = trip.course
        groups[course.pattern.shape_id, course.first, course.last, trip.day].append(at)
    for members in groups.values():
        course, day = trips[members[0]].course, trips[members[0]].day
        tails = _row_tails(course)
        typical_s = np.array([trips[at].typical_s for at in members], dtype=np.int64)
        shift_s = np.array([trips[at].start_s for at in members], dtype=np.int64) - typical_s
        arrivals, departures = call_times(course, day, typical_s)
        rows = zip(
            (arrivals + shift_s[:, None]).tolist(),
            (departures + shift_s[:, None]).tolist(),
            strict=True,
        )
        for at, (arrival, departure) in zip(members, rows, strict=True):
            trip_id = trips[at].trip_id
            calls = zip(arrival, departure, tails, strict=True)
            yield at, "".join([f"{trip_id},{clocks[a]},{clocks[d]},{tail}" for a, d, tail in calls])


def _row_tails(course: Course) -> list[str]:
    """Give the columns that all trips of a course share, stop by stop.

    The ends and the well-known places are timepoints; the times between them are approximate.
    """
    pattern, tails = course.pattern, []
    for number, at in enumerate(range(course.first, course.last + 1), start=1):
        stop = pattern.stops[at]
        timepoint = 1 if stop.place or at in (course.first, course.last) else 0
        tails.append(f"{stop.stop_id},{number},{pattern.stop_m[at]:.1f},{timepoint}\n")
    return tails
