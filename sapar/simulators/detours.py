"""Closed streets: buses of every line along one go round by the next street. Pure.

A closure is a place on a line, a stretch of it to both sides, and a time. Whoever drives the
stretch, in either direction, is led sideways, along, and back; lines that cross it are not closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats, distance_m, to_degrees
from sapar.gtfs.timetable.model import Bools, Ints
from sapar.simulators.roads import Roads

_HALF_M = 400.0  # of the stretch that is left
_RAMP_M = 250.0  # of it, at each end, on the way to the other street and back
_ASIDE_M = (220.0, 320.0)  # how far away the other street is
_SAME_STREET_M = 40.0
_STEP_M = 50.0
_ENDS_M = 1000.0  # streets near a terminal stay open: there is no other way


@dataclass(frozen=True, slots=True)
class _Closure:
    """One closed street; `middle_m` is where it lies along each pattern, NaN for those not led by.

    `east_m`, `north_m` is the way to the other street.
    """

    middle_m: Floats
    east_m: float
    north_m: float
    from_s: float
    until_s: float


class Detours:
    """Draws closures on the lines that a plan drives, and leads buses round them.

    Args:
        roads: the lines; seed: same seed, same closures; count: how many.
        span_s: Unix seconds within which they begin and end; each lasts a third of it.
    """

    def __init__(self, roads: Roads, seed: int, count: int, span_s: tuple[float, float]) -> None:
        self._roads = roads
        rng = np.random.default_rng([seed, 7])
        long = np.flatnonzero(roads.length_m > 3 * _ENDS_M)
        lasts_s = (span_s[1] - span_s[0]) / 3.0
        self._closures: list[_Closure] = []
        for _ in range(count if len(long) else 0):
            pattern = int(rng.choice(long))
            middle_m = float(rng.uniform(_ENDS_M, roads.length_m[pattern] - _ENDS_M))
            aside_m = float(rng.uniform(*_ASIDE_M) * rng.choice((-1.0, 1.0)))
            from_s = float(rng.uniform(span_s[0], span_s[1] - lasts_s))
            self._closures.append(self._close(pattern, middle_m, aside_m, from_s, from_s + lasts_s))

    def _close(
        self, pattern: int, middle_m: float, aside_m: float, from_s: float, until_s: float
    ) -> _Closure:
        one = np.array([pattern], np.int32)
        bearing = float(np.radians(self._roads.bearing(one, np.array([middle_m]))[0]))
        return _Closure(
            np.array(
                [self._nearest(p, pattern, middle_m) for p in range(len(self._roads.length_m))]
            ),
            aside_m * np.cos(bearing),
            -aside_m * np.sin(bearing),
            from_s,
            until_s,
        )

    def _nearest(self, pattern: int, closed: int, middle_m: float) -> float:
        """Give where a pattern runs along the closed place, NaN if it does not."""
        roads = self._roads
        lat, lon = roads.place(np.array([closed], np.int32), np.array([middle_m]))
        along = np.arange(0.0, roads.length_m[pattern] + _STEP_M, _STEP_M)
        many = np.full(len(along), pattern, np.int32)
        off_m = distance_m(*roads.place(many, along), lat, lon)
        at = int(np.argmin(off_m))
        ways = [
            float(roads.bearing(np.array([p], np.int32), np.array([m]))[0])
            for p, m in ((pattern, float(along[at])), (closed, middle_m))
        ]
        parallel = abs(np.cos(np.radians(ways[0] - ways[1]))) > 0.85
        return float(along[at]) if off_m[at] <= _SAME_STREET_M and parallel else np.nan

    def lead(
        self, pattern: Ints, along_m: Floats, latitude: Floats, longitude: Floats, time_s: float
    ) -> tuple[Floats, Floats, Bools]:
        """Move buses on their line to where they are led; (latitude, longitude, led astray)."""
        led = np.zeros(len(pattern), np.bool_)
        for closure in self._closures:
            if not closure.from_s <= time_s < closure.until_s:
                continue
            off_m = np.abs(along_m - closure.middle_m[pattern])
            share = np.clip((_HALF_M - off_m) / _RAMP_M, 0.0, 1.0)
            share = np.where(np.isfinite(share), share, 0.0)
            zero = to_degrees(0.0, 0.0, (float(latitude.mean()), 0.0))
            moved = to_degrees(closure.east_m, closure.north_m, (float(latitude.mean()), 0.0))
            latitude = latitude + share * (moved[0] - zero[0])
            longitude = longitude + share * (moved[1] - zero[1])
            led |= share > 0.3
        return latitude, longitude, led
