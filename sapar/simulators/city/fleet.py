"""Giving each route its vehicles and its timetable, so that the city's peak fleet is as wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.simulators.city.depots import add_depot_runs
from sapar.simulators.city.dice import Dice
from sapar.simulators.city.headways import Headways, Window, plan_circle_headways, plan_headways
from sapar.simulators.city.lines import Line, LineKind
from sapar.simulators.city.patterns import Pattern
from sapar.simulators.city.service import Span
from sapar.simulators.city.timetabling import RoundTrip, Run, plan_circle, plan_round_trips
from sapar.simulators.city.timing import Course, Day, RunTimes

LEAST_VEHICLES = {LineKind.THROUGH: 2, LineKind.CIRCULAR: 6, LineKind.BRANCHED: 8}
"""A circle needs some in each direction, a route with branches enough for each of them."""

TOLERANCE = 0.003
"""How far the peak fleet may be from the wanted one, as a share of it."""


@dataclass
class LineService:
    """A route with its patterns and, by kind of day, its timetable."""

    line: Line
    patterns: tuple[Pattern, ...]
    span: Span
    dice: Dice
    vehicles: int = 0
    runs: dict[Day, list[Run]] = field(default_factory=dict)
    windows: dict[Day, list[Window]] = field(default_factory=dict)
    times: dict[Day, list[RoundTrip]] = field(default_factory=dict)

    def pattern(self, direction: int, branch: int = 0) -> Pattern:
        """Get the pattern of a direction and branch; raises `KeyError` when there is none."""
        for pattern in self.patterns:
            if (pattern.direction, pattern.branch) == (direction, branch):
                return pattern
        raise KeyError((direction, branch))

    def plan(self, day: Day) -> NDArray[np.int64]:
        """Plan (again) one kind of day; gives the vehicles in service at each minute."""
        trips = self.times.setdefault(day, _round_trips(self, day))
        if self.line.headway:
            return self._plan_headways(trips, day)
        if self.line.kind is LineKind.CIRCULAR:
            half = self.vehicles // 2
            runs = plan_circle(trips[0].out, day, self.span, self.vehicles - half)
            shift = max(run.block for run in runs)
            for run in plan_circle(trips[0].back, day, self.span, half):
                runs.append(Run(run.course, run.start_s, run.end_s, run.block + shift))
        else:
            runs = plan_round_trips(trips, day, self.span, self.vehicles)
            runs = add_depot_runs(runs, trips[0], day, self.span, self.dice.fork(f"depot-{day}"))
        self.runs[day] = sorted(runs, key=lambda run: (run.course.pattern.direction, run.start_s))
        return _active(_block_spans(runs))

    def _plan_headways(self, trips: list[RoundTrip], day: Day) -> NDArray[np.int64]:
        plans: list[Headways]
        if self.line.kind is LineKind.CIRCULAR:
            half = self.vehicles // 2
            plans = [
                plan_circle_headways(trips[0].out, day, self.span, self.vehicles - half),
                plan_circle_headways(trips[0].back, day, self.span, half),
            ]
        else:
            plans = [plan_headways(trips[0], day, self.span, self.vehicles)]
        self.windows[day] = [window for plan in plans for window in plan.windows]
        return _active([span for plan in plans for span in plan.vehicles])


def _round_trips(service: LineService, day: Day) -> list[RoundTrip]:
    """List the ways of going out and back that a route's departures take in turn."""

    def whole(direction: int, branch: int = 0) -> RunTimes:
        pattern = service.pattern(direction, branch)
        return RunTimes(Course(pattern, 0, len(pattern.stops) - 1), day)

    main = RoundTrip(whole(0), whole(1))
    if service.line.kind is not LineKind.BRANCHED:
        return [main]
    branch = RoundTrip(whole(0, 1), whole(1, 1))
    return [main, branch, main, _short_turn(main, day)]


def _short_turn(main: RoundTrip, day: Day) -> RoundTrip:
    """Turn round at a well-known stop about 60 % of the way along."""
    out, back = main.out.course.pattern, main.back.course.pattern
    count = len(out.stops)
    middle = range(round(count * 0.45), round(count * 0.8))
    turn = min(middle, key=lambda at: abs(at - 0.6 * count) - (count if out.stops[at].place else 0))
    here = out.stops[turn]
    gaps = [math.hypot(stop.x_m - here.x_m, stop.y_m - here.y_m) for stop in back.stops]
    first = min(range(1, len(gaps) - 1), key=gaps.__getitem__)
    return RoundTrip(
        RunTimes(Course(out, 0, turn), day), RunTimes(Course(back, first, len(gaps) - 1), day)
    )


def _block_spans(runs: Sequence[Run]) -> list[tuple[int, int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for run in runs:
        first_s, last_s = spans.get(run.block, (run.start_s, run.end_s))
        spans[run.block] = (min(first_s, run.start_s), max(last_s, run.end_s))
    return [(first_s, last_s, 1) for first_s, last_s in spans.values()]


def _active(spans: Sequence[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Add up (from_s, to_s, vehicles) spans by the minute of the service day; shape (28 * 60,)."""
    change = np.zeros(28 * 60 + 1, dtype=np.int64)
    for from_s, to_s, vehicles in spans:
        change[from_s // 60] += vehicles
        change[-(-to_s // 60)] -= vehicles
    return np.cumsum(change)[:-1]


def share_vehicles(services: Sequence[LineService], total: int) -> None:
    """Share the peak fleet among the routes by popularity and length (largest remainders)."""
    weights = [
        service.line.popularity * sum(float(p.drive_s.sum()) for p in service.patterns[:2])
        for service in services
    ]
    exact = [total * weight / sum(weights) for weight in weights]
    for service, wanted in zip(services, exact, strict=True):
        service.vehicles = max(LEAST_VEHICLES[service.line.kind], math.floor(wanted))
    order = sorted(range(len(services)), key=lambda i: exact[i] % 1, reverse=True)
    _spread_change(
        [services[i] for i in order], total - sum(service.vehicles for service in services)
    )


def _spread_change(services: Sequence[LineService], change: int) -> set[int]:
    """Add or take away vehicles one by one, in turn; gives the indices of the routes changed."""
    step = 1 if change > 0 else -1
    changed: set[int] = set()
    while change:
        for at, service in enumerate(services):
            room = service.vehicles + step >= LEAST_VEHICLES[service.line.kind]
            if change and room and (step > 0 or service.vehicles > 4):
                service.vehicles += step
                change -= step
                changed.add(at)
    return changed


def plan_fleet(services: Sequence[LineService], total: int) -> int:
    """Plan all days of all routes, so that at the weekday peak `total` vehicles are in service.

    Returns:
        The vehicles in service at the weekday peak, within `TOLERANCE` of `total` wherever a few
        rounds of adding and removing vehicles can bring it there.
    """
    share_vehicles(services, total)
    active = [service.plan(Day.WEEKDAY) for service in services]
    for _ in range(8):
        error = total - _peak(active)
        if abs(error) <= TOLERANCE * total:
            break
        for at in sorted(_spread_change(services, error)):
            active[at] = services[at].plan(Day.WEEKDAY)
    for service in services:
        service.plan(Day.SATURDAY)
        service.plan(Day.SUNDAY)
    return _peak(active)


def _peak(active: Sequence[NDArray[np.int64]]) -> int:
    """Give the most vehicles in service over five minutes, on average.

    A single minute would count the overlap of vehicles that come and go as the peak begins to ebb.
    """
    city = np.sum(active, axis=0)
    return round(float(np.convolve(city, np.full(5, 1 / 5), mode="valid").max()))
