"""What goes wrong on a bus, from a seed: each fault has a rate and is counted. Pure.

Some faults the server must refuse; they are *planted*, each with the code it must be refused with.
The others are records like any other: a position that jumps, a record sent twice, a clock that is
two seconds off.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Bools, Ints

PLANTED: tuple[str, ...] = (
    "no_fix",
    "null_island",
    "impossible_value",
    "outside_area",
    "clock_future",
    "clock_absurd",
    "decode_error",
    "missing_field",
)
"""Faults that are refused; the name is the code of the refusal."""

HARMLESS: tuple[str, ...] = ("jump", "duplicate", "conflict")
"""Faults of a single record that is stored all the same."""

_KINDS = PLANTED + HARMLESS


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often things go wrong; a rate without a unit is a probability per fix.

    Attributes:
        no_fix to missing_field: planted refusals, see `PLANTED`.
        power_on_absurd: share of devices whose first fixes carry a clock that was never set.
        jump: the position is 200 m to 2 km away from the truth, within the network's box.
        duplicate: the same message is sent twice.
        conflict: the same number comes with two contents, both in one message.
        gap: the receiver loses the sky for 20 to 60 s and makes no records.
        offline_per_hour, offline_s: radio shadows a vehicle-hour, and their shortest and longest
            duration in seconds of transit time; records wait and come late, in batches.
        wrong_sign_on: share of vehicles whose driver signed on to somebody else's trip or block;
            wrong_sign_on_s: for how long, in seconds.
        noise_m: range of the devices' position noise (standard deviation per axis, metres).
        skew_s: standard deviation of the devices' clock error, seconds.
    """

    no_fix: float = 0.0008
    null_island: float = 0.0005
    impossible_value: float = 0.0004
    outside_area: float = 0.0003
    clock_future: float = 0.0003
    clock_absurd: float = 0.0001
    decode_error: float = 0.0003
    missing_field: float = 0.0002
    jump: float = 0.0005
    duplicate: float = 0.004
    conflict: float = 0.0002
    power_on_absurd: float = 0.01
    gap: float = 0.0003
    offline_per_hour: float = 0.6
    offline_s: tuple[float, float] = (45.0, 240.0)
    wrong_sign_on: float = 0.01
    wrong_sign_on_s: tuple[float, float] = (300.0, 900.0)
    noise_m: tuple[float, float] = (3.0, 8.0)
    skew_s: float = 0.8

    @staticmethod
    def none() -> FaultRates:
        """Give rates at which nothing goes wrong, the noise of positions included."""
        never: dict[str, Any] = {f.name: 0.0 for f in fields(FaultRates) if f.type == "float"}
        return replace(FaultRates(), noise_m=(0.0, 0.0), **never)


@dataclass(frozen=True, slots=True)
class FaultDraw:
    """What goes wrong with the fixes of one moment; an entry per fix.

    Attributes:
        kind: index into `PLANTED + HARMLESS`, -1 for a good fix.
        silent: no record is made at all (a gap).
        lost_sky: the gap begins with this fix.
        east_m, north_m: error of the position.
        skew_ms: error of the device's clock.
    """

    kind: NDArray[np.int8]
    silent: Bools
    lost_sky: Bools
    east_m: Floats
    north_m: Floats
    skew_ms: NDArray[np.int64]

    def name(self, row: int) -> str:
        """Give the name of fix `row`'s fault, or ""."""
        kind = int(self.kind[row])
        return _KINDS[kind] if kind >= 0 else ""


class FaultModel:
    """Draws faults for a fleet; the draws depend on the seed and the fixes made, not on the time.

    Args:
        count: how many vehicles; seed: same seed, same faults; start_s: Unix transit seconds.
    """

    def __init__(self, count: int, seed: int, start_s: float, rates: FaultRates) -> None:
        self.rates = rates
        self.counts: Counter[str] = Counter()
        self._rng = np.random.default_rng([seed, 4])
        self._spells = np.random.default_rng([seed, 5])
        rng = self._rng
        self.noise_m = rng.uniform(*rates.noise_m, count)
        self._skew_ms = np.round(rng.normal(0.0, rates.skew_s, count) * 1000.0).astype(np.int64)
        self._error_m = rng.standard_normal((count, 2)) * self.noise_m[:, None]
        self._gap_until_s = np.full(count, -np.inf)
        self._future_left = np.zeros(count, np.int32)
        self._absurd_left = np.where(rng.random(count) < rates.power_on_absurd, 2, 0)
        self._offline_until_s = np.full(count, -np.inf)
        wrong = rng.random(count) < rates.wrong_sign_on
        self.wrong_until_s = np.where(
            wrong, start_s + rng.uniform(*rates.wrong_sign_on_s, count), -np.inf
        )
        self.counts["wrong_sign_on"] = int(wrong.sum())
        self._steps = np.cumsum([getattr(rates, name) for name in _KINDS])

    def draw(self, vehicle: Ints, time_s: float) -> FaultDraw:
        """Draw for one fix of each vehicle named."""
        rng, size = self._rng, len(vehicle)
        kind = np.searchsorted(self._steps, rng.random(size), side="right").astype(np.int8)
        kind[kind == len(_KINDS)] = -1
        self._continue_spells(vehicle, kind)
        keep = 0.85  # errors of a receiver last for some fixes
        fresh = (
            rng.standard_normal((size, 2)) * (self.noise_m[vehicle] * np.sqrt(1 - keep**2))[:, None]
        )
        self._error_m[vehicle] = self._error_m[vehicle] * keep + fresh
        error = self._error_m[vehicle].copy()
        angle, reach_m = rng.uniform(0, 2 * np.pi, size), rng.uniform(200.0, 2000.0, size)
        jump = kind == _KINDS.index("jump")
        error[jump] += np.column_stack((np.cos(angle), np.sin(angle)))[jump] * reach_m[jump, None]
        silent = self._gap_until_s[vehicle] > time_s
        lost = ~silent & (rng.random(size) < self.rates.gap)
        self._gap_until_s[vehicle[lost]] = time_s + rng.uniform(20.0, 60.0, int(lost.sum()))
        silent = silent | lost
        kind[silent] = -1
        for number in kind[kind >= 0].tolist():
            self.counts[_KINDS[number]] += 1
        self.counts["gap"] += int(lost.sum())
        return FaultDraw(kind, silent, lost, error[:, 0], error[:, 1], self._skew_ms[vehicle])

    def _continue_spells(self, vehicle: Ints, kind: NDArray[np.int8]) -> None:
        """A clock that is wrong stays wrong for some fixes."""
        future, absurd = _KINDS.index("clock_future"), _KINDS.index("clock_absurd")
        self._future_left[vehicle[kind == future]] = 3
        on_future = self._future_left[vehicle] > 0
        kind[on_future] = future
        self._future_left[vehicle[on_future]] -= 1
        on_absurd = self._absurd_left[vehicle] > 0
        kind[on_absurd] = absurd
        self._absurd_left[vehicle[on_absurd]] -= 1

    def radio(self, time_s: float, duration_s: float) -> tuple[list[int], list[int]]:
        """Let `duration_s` seconds pass on the air; give who goes offline and who comes back."""
        count = len(self._offline_until_s)
        away = np.isfinite(self._offline_until_s)
        back = away & (self._offline_until_s <= time_s)
        self._offline_until_s[back] = -np.inf
        chance = self.rates.offline_per_hour * duration_s / 3600.0
        lost = ~away & (self._spells.random(count) < chance)
        spell_s = self._spells.uniform(*self.rates.offline_s, count)
        self._offline_until_s[lost] = time_s + spell_s[lost]
        self.counts["offline"] += int(lost.sum())
        return np.flatnonzero(lost).tolist(), np.flatnonzero(back).tolist()
