"""How well buses were put on runs, where the truth is known. Pure.

A *sample* is a bus in service at a look of the engine, with at least one fix since the look before;
it counts as often as the fixes that it stands for. Three questions are asked of it:

- *pattern*: is the bus on a run of the true pattern (route, direction, stops and line)?
- *trip*: is it on the true run?
- *order kept*: on a route with a headway of at most `HEADWAY_MAX_S`, riders and dispatchers do not
  know buses by trip but by order. At one look, take the buses of one route and direction that the
  engine has on this route and direction, in the order of their true starts. The largest subset
  whose starts by the engine rise strictly in the same order keeps the order, each bus within
  `SHIFT_MAX_S` of its true start; of subsets of one size, the one with more true runs. A bus of the
  subset that is on its true pattern counts as right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

HEADWAY_MAX_S = 900.0
"""A route that comes more often is a headway route: riders go to the stop without a timetable."""
SHIFT_MAX_S = 1800.0
"""Order or not, a label that is further from the true start is wrong."""
FOUND_WITHIN_S = 300.0
"""A wrong sign-on must be found within so long of driving with it."""

_SAME_START_S = 30.0
_JUST_STARTED_S = 180.0  # of driving: the first moves that show a direction take this long
_NEW_S = 180.0
_TRUE_RUN_BONUS = 1e-3

RIGHT_TRIP, ORDER_KEPT, OTHER_TRIP = 0, 1, 2
OTHER_PATTERN, OTHER_DIRECTION, OTHER_ROUTE = 3, 4, 5
NO_RUN_NEW, NO_RUN_STARTED, NO_RUN_DETOUR, NO_RUN = 6, 7, 8, 9
OUTCOMES = (
    "right trip",
    "order kept",
    "right pattern, other trip",
    "other pattern of the direction",
    "other direction of the route",
    "other route",
    "no run: new or back from silence",
    "no run: left the terminal just now",
    "no run: on a detour",
    "no run",
)
"""What became of a sample, by number."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples as columns.

    Attributes:
        look: number of the look.
        vehicle: number of the bus.
        weight: fixes that the sample stands for.
        true_trip: row of the trip that is driven; true_start_s: Unix start of the run.
        trip: row of the trip by the engine, -1 for none; start_s: Unix start, NaN for none.
        headway_s: planned headway of the route and direction around the true run, inf if none.
        heard_s: seconds since the bus was first heard of, or heard of again after a silence.
        driven_s: seconds since it left the first stop of the true run.
        detour: whether a detour leads it away from its line.
    """

    look: Longs
    vehicle: Longs
    weight: Floats
    true_trip: Ints
    true_start_s: Floats
    trip: Ints
    start_s: Floats
    headway_s: Floats
    heard_s: Floats
    driven_s: Floats
    detour: Bools

    def __len__(self) -> int:
        return len(self.look)


def join_samples(parts: Sequence[Samples]) -> Samples:
    """Put samples one after the other; at least one part."""
    names = [f.name for f in fields(Samples)]
    return Samples(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


def outcomes(timetable: Timetable, samples: Samples) -> NDArray[np.int8]:
    """Give each sample's outcome, an index into `OUTCOMES`."""
    trips, has = timetable.trips, samples.trip >= 0
    trip = np.maximum(samples.trip, 0)
    same = has & (trips.pattern_idx[trip] == trips.pattern_idx[samples.true_trip])
    route = has & (trips.route_idx[trip] == trips.route_idx[samples.true_trip])
    way = route & (trips.direction[trip] == trips.direction[samples.true_trip])
    exact = true_run(samples)
    found = np.select(
        [exact, same & order_kept(timetable, samples), same, way, route, has],
        [RIGHT_TRIP, ORDER_KEPT, OTHER_TRIP, OTHER_PATTERN, OTHER_DIRECTION, OTHER_ROUTE],
        np.select(
            [samples.detour, samples.heard_s < _NEW_S, samples.driven_s < _JUST_STARTED_S],
            [NO_RUN_DETOUR, NO_RUN_NEW, NO_RUN_STARTED],
            NO_RUN,
        ),
    )
    return found.astype(np.int8)


def true_run(samples: Samples) -> Bools:
    """Tell which samples are on the true run: its trip, and its start within 30 s."""
    near = np.abs(samples.start_s - samples.true_start_s) <= _SAME_START_S
    result: Bools = (samples.trip == samples.true_trip) & near
    return result


def order_kept(timetable: Timetable, samples: Samples) -> Bools:
    """Tell which samples keep the order of their headway route; see the top of the module."""
    trips, kept = timetable.trips, np.zeros(len(samples), np.bool_)
    trip = np.maximum(samples.trip, 0)
    shift_s = np.abs(samples.start_s - samples.true_start_s)
    fits = (samples.trip >= 0) & (shift_s <= SHIFT_MAX_S) & (samples.headway_s <= HEADWAY_MAX_S)
    fits &= trips.route_idx[trip] == trips.route_idx[samples.true_trip]
    fits &= trips.direction[trip] == trips.direction[samples.true_trip]
    rows = np.flatnonzero(fits)
    line = trips.route_idx[trip[rows]] * 4 + trips.direction[trip[rows]] + 1
    rows = rows[np.lexsort((samples.true_start_s[rows], line, samples.look[rows]))]
    line = trips.route_idx[trip[rows]] * 4 + trips.direction[trip[rows]] + 1
    bonus = np.where(true_run(samples), 1.0 + _TRUE_RUN_BONUS, 1.0)
    new = (np.diff(line) != 0) | (np.diff(samples.look[rows]) != 0)
    for group in np.split(rows, np.flatnonzero(new) + 1):
        if len(group):
            kept[group[list(_rising(samples.start_s[group], bonus[group]))]] = True
    return kept


def _rising(starts: Floats, weights: Floats) -> Iterator[int]:
    """Give the rows of the heaviest strictly rising subsequence, from its end."""
    best, before = weights.copy(), np.full(len(starts), -1)
    for row in range(1, len(starts)):
        smaller = np.flatnonzero(starts[:row] < starts[row] - _SAME_START_S)
        if len(smaller):
            link = int(smaller[np.argmax(best[smaller])])
            best[row] += best[link]
            before[row] = link
    row = int(np.argmax(best))
    while row >= 0:
        yield row
        row = int(before[row])


def summarise(found: NDArray[np.int8], weight: Floats) -> dict[str, Any]:
    """Give the shares of fixes by outcome: the targets first, then every outcome."""
    total = max(float(weight.sum()), 1e-9)
    by = np.bincount(found, weight, len(OUTCOMES)) / total
    return {
        "fixes": round(float(weight.sum())),
        "right_pattern": round(float(by[: OTHER_TRIP + 1].sum()), 4),
        "true_trip": round(float(by[RIGHT_TRIP]), 4),
        "true_trip_or_order_kept": round(float(by[: ORDER_KEPT + 1].sum()), 4),
        "outcomes": {name: round(float(s), 4) for name, s in zip(OUTCOMES, by, strict=True)},
    }


@dataclass(frozen=True, slots=True)
class WrongSign:
    """A spell in which a bus said what was not so.

    Attributes:
        vehicle: number of the bus; kind: what is wrong with it, in a word.
        begin_s, end_s: Unix seconds.
    """

    vehicle: int
    kind: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SignLooks:
    """What was seen of the buses that say something, a row a bus and look.

    Attributes:
        time_s: of the look; vehicle: number of the bus.
        driving: whether it was on the line of its true run.
        conflict: whether the engine held the sign-on to be wrong.
    """

    time_s: Floats
    vehicle: Longs
    driving: Bools
    conflict: Bools


def score_signs(spells: Sequence[WrongSign], looks: SignLooks) -> dict[str, Any]:
    """Give recall of the planted wrong sign-ons, by kind, and false alarms a bus-hour.

    A spell counts when the bus drove in service for `FOUND_WITHIN_S` of it; it is found when the
    engine held the sign-on to be wrong within that time of the first look at which it drove. A
    false alarm is a stretch of looks in conflict of a bus whose sign-on is right; right bus-hours
    are those of driving buses.
    """
    order = np.lexsort((looks.time_s, looks.vehicle))
    time_s, vehicle = looks.time_s[order], looks.vehicle[order]
    driving, conflict = looks.driving[order], looks.conflict[order]
    wrong = np.zeros(len(order), np.bool_)
    planted: dict[str, list[int]] = {}
    delays: list[float] = []
    for spell in spells:
        rows = np.arange(*np.searchsorted(vehicle, [spell.vehicle, spell.vehicle + 1]))
        rows = rows[(time_s[rows] >= spell.begin_s) & (time_s[rows] < spell.end_s)]
        # what the engine held in the last moments it may still hold for a while
        wrong[rows] = True
        rows = rows[driving[rows]]
        if not len(rows) or time_s[rows[-1]] - time_s[rows[0]] < FOUND_WITHIN_S:
            continue
        seen = rows[conflict[rows]]
        delay_s = float(time_s[seen[0]] - time_s[rows[0]]) if len(seen) else np.inf
        planted.setdefault(spell.kind, []).append(int(delay_s <= FOUND_WITHIN_S))
        delays.append(delay_s)
    return {**_recall(planted, delays), **_false_alarms(time_s, vehicle, driving, conflict, wrong)}


def _recall(planted: dict[str, list[int]], delays: Sequence[float]) -> dict[str, Any]:
    hits = [hit for kind in planted.values() for hit in kind]
    found = sorted(delay for delay in delays if delay <= FOUND_WITHIN_S)
    return {
        "planted": len(hits),
        "found": sum(hits),
        "recall": round(sum(hits) / len(hits), 4) if hits else None,
        "by_kind": {k: {"planted": len(v), "found": sum(v)} for k, v in sorted(planted.items())},
        "found_after_s_p50": round(found[len(found) // 2], 1) if found else None,
    }


def _false_alarms(
    time_s: Floats, vehicle: Longs, driving: Bools, conflict: Bools, wrong: Bools
) -> dict[str, Any]:
    alarm = conflict & ~wrong
    same = np.append(False, vehicle[1:] == vehicle[:-1])
    # a conflict that a wrong sign-on began is no alarm of its own when the sign-on is put right
    begins = alarm & ~(same & np.append(False, conflict[:-1]))
    step_s = np.where(same, np.diff(time_s, prepend=np.nan), 0.0)
    hours = float(np.minimum(step_s, 60.0)[driving & ~wrong].sum()) / 3600.0
    return {
        "false_alarms": int(begins.sum()),
        "right_bus_hours": round(hours, 2),
        "false_alarms_per_bus_hour": round(float(begins.sum()) / hours, 4) if hours else None,
    }
