"""Where buses spend the night, and where several left their line: what phases are told from.

Both are learnt from the fleet while it runs; garages may be given besides. Places are kept in
degrees, so that they outlive a change of the timetable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, distance_m

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

YARD_M = 250.0
"""How far from its middle a yard, or the place where a bus began its day, reaches."""
SLEEP_S = 9000.0
"""A bus silent for longer has slept where it is; a shorter silence is a gap or a break."""
YARD_BUSES = 3
"""So many different buses that slept within a cell and its neighbours make it a yard."""
_SLEPT_MOVED_M = 500.0  # heard again further away: it was towed, or the silence was a fault
_STAYED_S = 180.0  # a bus that woke stands about for so long before it counts as begun there
_CELL_DEGREES = 0.002  # 220 m north, less east
_STRAY_S = 1800.0  # who left the line there longer ago says nothing of now
_STRAY_M = 200.0
_STRAY_STEP_S = 30.0


class Yards:
    """Places where buses begin and end their days.

    Args:
        garages: known ones, as (latitude, longitude).
    """

    def __init__(self, garages: Sequence[tuple[float, float]] = ()) -> None:
        self.use_garages(garages)
        self._sleepers: dict[tuple[int, int], set[int]] = {}
        none = np.zeros(0)
        self._last_s = self._woke_s = none
        self._last = self._woke = np.zeros((0, 2))
        self._left = self._stayed = np.zeros(0, np.bool_)

    def use_garages(self, garages: Sequence[tuple[float, float]]) -> None:
        """Set the garages that are known."""
        self._garages = np.array(garages, np.float64).reshape(-1, 2)

    def note(self, latitude: Floats, longitude: Floats, time_s: Floats) -> None:
        """Take the newest place of every vehicle, by slot; slots never heard of have time -inf."""
        here = np.column_stack((latitude, longitude))
        known = len(self._last_s)
        self._grow(len(time_s))
        with np.errstate(invalid="ignore"):  # neither heard of before nor now
            silent_s = time_s - self._last_s
            awake_s = time_s - self._woke_s
        new = np.isfinite(time_s) & ~np.isfinite(self._last_s)
        slept = np.isfinite(self._last_s) & (silent_s >= SLEEP_S)
        slept[known:] = False
        moved_m = distance_m(self._last[:, 0], self._last[:, 1], latitude, longitude)
        for slot in np.flatnonzero(slept & (moved_m <= _SLEPT_MOVED_M)).tolist():
            self._sleepers.setdefault(_cell(here[slot]), set()).add(slot)
        woke = new | slept
        self._woke[woke], self._woke_s[woke] = here[woke], time_s[woke]
        self._left[woke] = self._stayed[woke] = False
        away_m = distance_m(self._woke[:, 0], self._woke[:, 1], latitude, longitude)
        self._left |= away_m > YARD_M
        self._stayed |= ~self._left & ~woke & (awake_s >= _STAYED_S) & np.isfinite(awake_s)
        heard = np.isfinite(time_s)
        self._last[heard], self._last_s[heard] = here[heard], time_s[heard]

    def began_here(self, slots: Longs, latitude: Floats, longitude: Floats) -> Bools:
        """Tell which vehicles are where they began their day, having stood about there."""
        woke = self._woke[slots]
        near = distance_m(woke[:, 0], woke[:, 1], latitude, longitude) <= YARD_M
        result: Bools = near & self._stayed[slots]
        return result

    def at_yard(self, latitude: Floats, longitude: Floats) -> Bools:
        """Tell which places are in a garage that was given, or where several buses sleep."""
        found = np.zeros(len(latitude), np.bool_)
        for garage in self._garages:
            found |= distance_m(garage[0], garage[1], latitude, longitude) <= YARD_M
        if self._sleepers:
            for row in np.flatnonzero(~found & np.isfinite(latitude)).tolist():
                found[row] = self._sleeping_near(latitude[row], longitude[row]) >= YARD_BUSES
        return found

    def _sleeping_near(self, latitude: float, longitude: float) -> int:
        row, column = _cell(np.array([latitude, longitude]))
        sleepers: set[int] = set()
        for cell in ((row + a, column + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            sleepers |= self._sleepers.get(cell, set())
        return len(sleepers)

    def _grow(self, count: int) -> None:
        more = count - len(self._last_s)
        if more <= 0:
            return
        unknown = np.full(more, -np.inf)
        self._last_s = np.concatenate((self._last_s, unknown))
        self._woke_s = np.concatenate((self._woke_s, unknown))
        nowhere = np.full((more, 2), np.nan)
        self._last = np.concatenate((self._last, nowhere))
        self._woke = np.concatenate((self._woke, nowhere))
        self._left = np.concatenate((self._left, np.zeros(more, np.bool_)))
        self._stayed = np.concatenate((self._stayed, np.zeros(more, np.bool_)))


class Strays:
    """Where buses were off their line lately; in one place, several of them make a detour."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int, float, float]] = deque()
        self._due_s: dict[int, float] = {}

    def note(
        self,
        slots: Longs,
        routes: NDArray[np.int32],
        latitude: Floats,
        longitude: Floats,
        now_s: float,
    ) -> None:
        """Take vehicles that are off their line now, with the route that they should be on."""
        while self._seen and not 0 <= now_s - self._seen[0][0] <= _STRAY_S:
            self._seen.popleft()
        rows = zip(
            slots.tolist(), routes.tolist(), latitude.tolist(), longitude.tolist(), strict=True
        )
        for slot, route, lat, lon in rows:
            if abs(now_s - self._due_s.get(slot, -np.inf)) >= _STRAY_STEP_S:
                self._due_s[slot] = now_s
                self._seen.append((now_s, slot, route, lat, lon))

    def shared(
        self, slots: Longs, routes: NDArray[np.int32], latitude: Floats, longitude: Floats
    ) -> Bools:
        """Tell which vehicles are where another of their route, or two others, were off too."""
        if not self._seen or not len(slots):
            return np.zeros(len(slots), np.bool_)
        seen = np.array(self._seen)
        near = (
            distance_m(latitude[:, None], longitude[:, None], seen[None, :, 3], seen[None, :, 4])
            <= _STRAY_M
        )
        near &= seen[None, :, 1] != slots[:, None]
        same = (near & (seen[None, :, 2] == routes[:, None])).any(axis=1)
        others = np.array([len(set(seen[row, 1].tolist())) for row in near])
        result: Bools = same | (others >= 2)
        return result


def _cell(place: Floats) -> tuple[int, int]:
    return int(np.floor(place[0] / _CELL_DEGREES)), int(np.floor(place[1] / _CELL_DEGREES))
