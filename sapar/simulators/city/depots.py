"""Trips from and to the depot: the first or last trip of some blocks covers half the route."""

from __future__ import annotations

from collections.abc import Sequence

from sapar.simulators.city.dice import Dice
from sapar.simulators.city.service import FIRST_DEPARTURE_S, MIN_LAYOVER_S, Span
from sapar.simulators.city.timetabling import RoundTrip, Run
from sapar.simulators.city.timing import HOUR_S, Course, Day, RunTimes

OUT_SHARE = 0.5
IN_SHARE = 0.3


def add_depot_runs(
    runs: Sequence[Run], trip: RoundTrip, day: Day, span: Span, dice: Dice
) -> list[Run]:
    """Let some vehicles enter and leave service at a stop near the depot, midway along the route.

    A block that begins at the far terminal may begin with a trip from the depot to there; one
    that ends at home may end with a trip from home to the depot.
    """
    pattern = trip.out.course.pattern
    middle = round(len(pattern.stops) * dice.between(0.4, 0.6))
    from_depot = RunTimes(Course(pattern, middle, len(pattern.stops) - 1), day)
    to_depot = RunTimes(Course(pattern, 0, middle), day)
    first: dict[int, Run] = {}
    last: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run.start_s):
        first.setdefault(run.block, run)
        last[run.block] = run
    back = trip.back.course
    extra = []
    for block, run in first.items():
        start_s = (run.start_s - MIN_LAYOVER_S - from_depot.run_s(run.start_s)) // 60 * 60 - 60
        if run.course == back and start_s >= FIRST_DEPARTURE_S and dice.chance(OUT_SHARE):
            end_s = start_s + from_depot.run_s(start_s)
            extra.append(Run(from_depot.course, start_s, end_s, block))
    for block, run in last.items():
        start_s = (run.end_s + MIN_LAYOVER_S + 119) // 60 * 60
        end_s = start_s + to_depot.run_s(start_s)
        at_home = run.course.pattern.direction == 1
        if at_home and end_s <= span.end_s and end_s > 8 * HOUR_S and dice.chance(IN_SHARE):
            extra.append(Run(to_depot.course, start_s, end_s, block))
    return [*runs, *extra]
