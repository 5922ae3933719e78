"""Service by headway: windows of the day in which a route runs every so many seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from sapar.simulators.city.service import LAYOVER_S, MIN_LAYOVER_S, SHARES, Span, vehicles_at
from sapar.simulators.city.timetabling import RoundTrip
from sapar.simulators.city.timing import HOUR_S, Course, Day, RunTimes


@dataclass(frozen=True, slots=True)
class Window:
    """Departures from the first stop of a course at `start_s`, then every `headway_s` < `end_s`.

    All runs of a window take as long as one that leaves at `typical_s`. Seconds of the service day.
    """

    course: Course
    start_s: int
    end_s: int
    headway_s: int
    typical_s: int


@dataclass(frozen=True, slots=True)
class Headways:
    """A day of a route run by headway, and its vehicles: (from_s, to_s, vehicles) spans."""

    windows: list[Window]
    vehicles: list[tuple[int, int, int]]


def plan_headways(trip: RoundTrip, day: Day, span: Span, peak_vehicles: int) -> Headways:
    """Plan a day by headway of a route that runs out and back."""
    plan = Headways([], [])
    out_s, back_s = span.first_s, span.first_s
    edges_s = _edges_s(day, span)
    for from_s, to_s in pairwise(edges_s):
        typical_s = (from_s + to_s) // 2
        run_s = trip.run_s(typical_s)
        headway_s = _headway_s(run_s + 2 * LAYOVER_S, day, typical_s, peak_vehicles)
        final = to_s == edges_s[-1]
        out_s = _add_window(plan, trip.out, out_s, to_s, headway_s, typical_s, final)
        back_s = _add_window(plan, trip.back, back_s, to_s, headway_s, typical_s, final)
        vehicles = math.ceil((run_s + 2 * MIN_LAYOVER_S) / headway_s)
        plan.vehicles.append((from_s, to_s, vehicles))
    return plan


def plan_circle_headways(circle: RunTimes, day: Day, span: Span, peak_vehicles: int) -> Headways:
    """Plan a day by headway of one direction of a circular route."""
    plan = Headways([], [])
    start_s = span.first_s
    edges_s = _edges_s(day, span)
    for from_s, to_s in pairwise(edges_s):
        typical_s = (from_s + to_s) // 2
        run_s = circle.run_s(typical_s)
        headway_s = _headway_s(run_s + LAYOVER_S, day, typical_s, peak_vehicles)
        final = to_s == edges_s[-1]
        start_s = _add_window(plan, circle, start_s, to_s, headway_s, typical_s, final)
        vehicles = math.ceil((run_s + MIN_LAYOVER_S) / headway_s)
        plan.vehicles.append((from_s, to_s, vehicles))
    return plan


def _edges_s(day: Day, span: Span) -> list[int]:
    changes_s = [round(hour * HOUR_S) for hour, _ in SHARES[day]]
    inner_s = [at for at in changes_s if span.first_s + 1_200 < at < span.end_s - 2 * HOUR_S]
    return [span.first_s, *inner_s, span.end_s]


def _headway_s(cycle_s: float, day: Day, at_s: int, peak_vehicles: int) -> int:
    return max(120, math.ceil(cycle_s / vehicles_at(day, at_s, peak_vehicles) / 10) * 10)


def _add_window(
    plan: Headways,
    times: RunTimes,
    start_s: int,
    until_s: int,
    headway_s: int,
    typical_s: int,
    final: bool,
) -> int:
    """Add a window; gives where the next one starts, one headway after the last departure.

    The final window of a day ends so that its last run arrives by `until_s`.
    """
    room_s = until_s - start_s - (times.run_s(typical_s) if final else 0)
    runs = max(1, room_s // headway_s + 1 if final else math.ceil(room_s / headway_s))
    end_s = start_s + runs * headway_s
    plan.windows.append(Window(times.course, start_s, end_s, headway_s, typical_s))
    return end_s
