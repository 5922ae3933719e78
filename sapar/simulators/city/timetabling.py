"""Timetables with blocks: which trip leaves when, and which trips one vehicle runs.

The number of vehicles by the hour is given; headways follow from it (the time of a round trip
over the vehicles). Departures from the home terminal are laid first. A vehicle that reaches the
far terminal is matched with the first home departure that it can still make; a vehicle that finds
none within its two layovers goes to the depot when it is home again. A departure that nobody is
matched with is taken by a vehicle fresh from the depot.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sapar.simulators.city.service import (
    LAYOVER_S,
    MAX_LAYOVER_S,
    MIN_LAYOVER_S,
    Span,
    vehicles_at,
)
from sapar.simulators.city.timing import Course, Day, RunTimes


@dataclass(frozen=True, slots=True)
class Run:
    """One planned trip: a course, its start in seconds of the service day, its block's number."""

    course: Course
    start_s: int
    end_s: int
    block: int


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One way of going out from the home terminal and coming back."""

    out: RunTimes
    back: RunTimes

    def run_s(self, start_s: int) -> int:
        """Driving time of both directions together when leaving home at `start_s`."""
        out_s = self.out.run_s(start_s)
        return out_s + self.back.run_s(start_s + out_s + LAYOVER_S)


@dataclass
class _Plan:
    """The state of one route's day while it is being planned."""

    trips: Sequence[RoundTrip]
    span: Span
    slots_s: list[int]
    holder: dict[int, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    blocks: int = 0
    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    """Vehicles that reached a far terminal: a heap of (time, block, round trip)."""

    def new_block(self) -> int:
        self.blocks += 1
        return self.blocks

    def add(self, times: RunTimes, start_s: int, block: int) -> int:
        """Add a run; gives its end."""
        end_s = start_s + times.run_s(start_s)
        self.runs.append(Run(times.course, start_s, end_s, block))
        return end_s


def plan_round_trips(
    trips: Sequence[RoundTrip], day: Day, span: Span, peak_vehicles: int
) -> list[Run]:
    """Plan a day of a route that runs out and back.

    `trips` are the ways of going out, taken in turn (a route with a branch has several);
    `peak_vehicles`, at least 1, run in the weekday peak.

    Returns:
        The runs with their blocks numbered from 1, in no special order. Runs of one block never
        overlap, and between two lie 5 minutes at least.
    """
    plan = _Plan(trips, span, _home_departures(trips, day, span, peak_vehicles))
    _far_departures(plan, day, peak_vehicles)
    for slot, start_s in enumerate(plan.slots_s):
        while plan.arrivals and plan.arrivals[0][0] < start_s:
            _turn_back(plan, *heapq.heappop(plan.arrivals))
        way = slot % len(trips)
        block = plan.holder.pop(slot, 0) or plan.new_block()
        end_s = plan.add(trips[way].out, start_s, block)
        heapq.heappush(plan.arrivals, (end_s, block, way))
    while plan.arrivals:
        _turn_back(plan, *heapq.heappop(plan.arrivals))
    return plan.runs


def _whole_minute(time_s: float) -> int:
    return round(time_s / 60) * 60


def _home_departures(
    trips: Sequence[RoundTrip], day: Day, span: Span, peak_vehicles: int
) -> list[int]:
    slots_s: list[int] = []
    at_s = float(span.first_s)
    while True:
        way = trips[len(slots_s) % len(trips)]
        start_s = _whole_minute(at_s)
        if start_s + way.out.run_s(start_s) > span.end_s:
            return slots_s
        slots_s.append(start_s)
        at_s += _headway_s(trips, day, start_s, peak_vehicles)


def _headway_s(trips: Sequence[RoundTrip], day: Day, at_s: int, peak_vehicles: int) -> float:
    cycle_s = sum(trip.run_s(at_s) for trip in trips) / len(trips) + 2 * LAYOVER_S
    return max(120.0, cycle_s / vehicles_at(day, at_s, peak_vehicles))


def _far_departures(plan: _Plan, day: Day, peak_vehicles: int) -> None:
    """Send vehicles from the depot to the far terminals for the first departures from there."""
    for way, trip in enumerate(plan.trips):
        turns = Counter(id(other) for other in plan.trips)[id(trip)]
        if any(other is trip for other in plan.trips[:way]) or trip.back.course.first > 0:
            continue
        first_s = plan.slots_s[way]
        until_s = first_s + trip.out.run_s(first_s)
        at_s = float(first_s)
        while at_s < until_s:
            start_s = _whole_minute(at_s)
            _turn_back(plan, start_s - MIN_LAYOVER_S, plan.new_block(), way)
            at_s += _headway_s(plan.trips, day, start_s, peak_vehicles) * len(plan.trips) / turns


def _turn_back(plan: _Plan, arrived_s: int, block: int, way: int) -> None:
    """Send a vehicle that stands at a far terminal home, and match it with a departure there."""
    back = plan.trips[way].back
    ready_s = -(-(arrived_s + MIN_LAYOVER_S) // 60) * 60
    home_s = ready_s + back.run_s(ready_s)
    slot = bisect_left(plan.slots_s, home_s + MIN_LAYOVER_S)
    while slot < len(plan.slots_s) and slot in plan.holder:
        slot += 1
    wait_s = 0
    if slot < len(plan.slots_s):
        spare_s = plan.slots_s[slot] - home_s - MIN_LAYOVER_S
        pace_s = plan.slots_s[slot] - plan.slots_s[max(0, slot - 1)]
        if spare_s <= max(2 * (MAX_LAYOVER_S - MIN_LAYOVER_S), pace_s):
            plan.holder[slot] = block
            # Only what the home terminal cannot take waits here: departures stay evenly spaced.
            most_s = MAX_LAYOVER_S - MIN_LAYOVER_S - 60
            wait_s = min(max(0, spare_s - most_s), most_s) // 60 * 60
    start_s = ready_s + wait_s
    if start_s + back.run_s(start_s) <= plan.span.end_s:
        plan.add(back, start_s, block)


def plan_circle(circle: RunTimes, day: Day, span: Span, peak_vehicles: int) -> list[Run]:
    """Plan a day of one direction of a circular route; as `plan_round_trips` otherwise."""
    runs: list[Run] = []
    waiting: list[tuple[int, int]] = []
    blocks, at_s = 0, float(span.first_s)
    while True:
        start_s = _whole_minute(at_s)
        run_s = circle.run_s(start_s)
        if start_s + run_s > span.end_s:
            return runs
        headway_s = (run_s + 1.3 * LAYOVER_S) / vehicles_at(day, start_s, peak_vehicles)
        patience_s = max(MAX_LAYOVER_S, headway_s + MIN_LAYOVER_S)
        waiting = [w for w in waiting if start_s - w[0] <= patience_s]
        ready = [w for w in waiting if start_s - w[0] >= MIN_LAYOVER_S]
        if ready:
            waiting.remove(min(ready))
            block = min(ready)[1]
        else:
            blocks += 1
            block = blocks
        runs.append(Run(circle.course, start_s, start_s + run_s, block))
        waiting.append((start_s + run_s, block))
        at_s += headway_s
