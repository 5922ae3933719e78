"""What the engine knows of each vehicle: one slot a vehicle, one array a property.

Arrays grow by doubling and slots are never reused, so a slot number stays good for the life of the
process. `NO` stands for "none" in columns of numbers of trips, routes, blocks and dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.why import NOT_PLACED, Reason

Ints = NDArray[np.int32]
Slots = NDArray[np.int64]

NO = -1
TRAIL = 6
"""Earlier places kept of each vehicle, `TRAIL_STEP_M` or more apart: what shows its direction."""
TRAIL_STEP_M = 40.0

# how a run was found
SOURCE_NONE, SOURCE_FIT, SOURCE_BLOCK, SOURCE_TRIP = 0, 1, 2, 3

_COLUMNS: dict[str, tuple[type, float]] = {
    # the newest accepted fix
    "time_s": (np.float64, -np.inf),
    "latitude": (np.float64, np.nan),
    "longitude": (np.float64, np.nan),
    "x": (np.float64, np.nan),
    "y": (np.float64, np.nan),
    "speed_mps": (np.float64, np.nan),
    "bearing_deg": (np.float64, np.nan),
    "moved_s": (np.float64, -np.inf),  # when it last left a place by TRAIL_STEP_M
    # a place that looked like a jump, waiting for a second fix to confirm it
    "jump_x": (np.float64, np.nan),
    "jump_y": (np.float64, np.nan),
    "jump_s": (np.float64, 0.0),
    # sign-on as last sent
    "sign_trip": (np.int32, NO),
    "sign_route": (np.int32, NO),
    "sign_block": (np.int32, NO),
    "resign": (np.bool_, False),  # changed since the assignment last looked
    # the run: a trip on a service date; base_s + a timetable time is a Unix time
    "trip": (np.int32, NO),
    "day": (np.int32, NO),
    "start_s": (np.int32, 0),
    "base_s": (np.float64, 0.0),
    "source": (np.int8, SOURCE_NONE),
    "confidence": (np.float64, 0.0),
    "claimed_s": (np.float64, -np.inf),
    # the last run that was finished, never taken up again
    "done_trip": (np.int32, NO),
    "done_day": (np.int32, NO),
    "done_start_s": (np.int32, 0),
    "done_s": (np.float64, -np.inf),
    "lost_s": (np.float64, -np.inf),  # when it was given up on a run whose line it had left
    # progress along the run
    "departed": (np.bool_, False),
    "finished": (np.bool_, False),
    "along_m": (np.float64, 0.0),
    "off_m": (np.float64, 0.0),
    "off_since_s": (np.float64, np.inf),
    "delay_s": (np.float64, 0.0),
    "on_path": (np.bool_, False),  # on a drawn detour, off the line of the timetable
    # tracking: the fix that the beliefs last looked at, and how they stand
    "tracked_x": (np.float64, np.nan),
    "tracked_y": (np.float64, np.nan),
    "tracked_s": (np.float64, -np.inf),
    "seeded_s": (np.float64, -np.inf),
    "poor_s": (np.float64, 0.0),  # for how long no belief has explained its path, ageing
    "margin": (np.float64, 0.0),  # how much worse the best belief in another place is
    "sign_conflict_s": (np.float64, np.inf),  # since when the path contradicts the sign-on
    "sign_doubted": (np.bool_, False),  # ... for long enough to look elsewhere
    "next_row": (np.int64, NO),  # stop-time row of the next call
    "near_m": (np.float64, np.inf),  # closest approach to it so far, and when
    "near_s": (np.float64, np.nan),
    # the call reached last: when, and the last moment near it
    "reached_row": (np.int64, NO),
    "reached_s": (np.float64, np.nan),
    "left_s": (np.float64, np.nan),
    "advanced_s": (np.float64, -np.inf),  # when it last reached a call
    "behind_s": (np.float64, 0.0),  # for how long it has been seen behind its place
}


@dataclass
class FleetState:
    """All vehicles of one agency.

    Attributes:
        ids: vehicle id by slot; `index` is the way back.
        reasons: why the vehicle is on its run, or on none, for a dispatcher.
        columns: every property named above, as an array of which the first `len(ids)` rows count.
        trail_x, trail_y, trail_s: earlier places, newest first, NaN where there are fewer.
    """

    ids: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    signs: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)
    columns: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    trail_x: Floats = field(default_factory=lambda: np.full((0, TRAIL), np.nan))
    trail_y: Floats = field(default_factory=lambda: np.full((0, TRAIL), np.nan))
    trail_s: Floats = field(default_factory=lambda: np.full((0, TRAIL), np.nan))

    def __post_init__(self) -> None:
        self._grow(256)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        """Give the whole column, spare rows included, for reading and writing by slot."""
        return self.columns[name]

    def floats(self, name: str) -> Floats:
        """Give a column of numbers with fractions."""
        return self.columns[name]  # type: ignore[return-value]

    def ints(self, name: str) -> Ints:
        """Give a column of whole numbers."""
        return self.columns[name]  # type: ignore[return-value]

    def rows(self, name: str) -> Slots:
        """Give a column of numbers of stop-time rows."""
        return self.columns[name]  # type: ignore[return-value]

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Give a column of booleans."""
        return self.columns[name]  # type: ignore[return-value]

    def all_slots(self) -> Slots:
        """List every slot in use."""
        return np.arange(len(self.ids), dtype=np.int64)

    def slots_of(self, vehicle_ids: list[str]) -> Slots:
        """Give the slot of each vehicle, new ones for those never heard of."""
        index = self.index
        try:
            return np.array([index[v] for v in vehicle_ids], np.int64)
        except KeyError:
            for vehicle_id in vehicle_ids:
                if vehicle_id not in index:
                    self._add(vehicle_id)
        return np.array([index[v] for v in vehicle_ids], np.int64)

    def clear_run(self, slots: Slots, reason: Reason) -> None:
        """Take the run away from vehicles and say why."""
        for name in ("trip", "day"):
            self.columns[name][slots] = NO
        self.columns["source"][slots] = SOURCE_NONE
        self.columns["confidence"][slots] = 0.0
        for name in ("departed", "finished", "on_path"):
            self.columns[name][slots] = False
        self.columns["off_since_s"][slots] = np.inf
        for slot in slots:
            self.reasons[slot] = reason

    def run_key(self, slot: int) -> tuple[int, int, int]:
        """Name the run of a slot: trip, date as an ordinal, start in seconds of the service day."""
        c = self.columns
        return int(c["trip"][slot]), int(c["day"][slot]), int(c["start_s"][slot])

    def remember_places(self, slots: Slots, x: Floats, y: Floats, time_s: Floats) -> None:
        """Append places to the trails of vehicles that went `TRAIL_STEP_M` since the last one."""
        last_x, last_y = self.trail_x[slots, 0], self.trail_y[slots, 0]
        far = ~(np.hypot(x - last_x, y - last_y) < TRAIL_STEP_M)
        slots, x, y, time_s = slots[far], x[far], y[far], time_s[far]
        self.columns["moved_s"][slots] = time_s
        for trail, value in ((self.trail_x, x), (self.trail_y, y), (self.trail_s, time_s)):
            trail[slots, 1:] = trail[slots, :-1]
            trail[slots, 0] = value

    def _add(self, vehicle_id: str) -> None:
        slot = len(self.ids)
        if slot == len(self.columns["time_s"]):
            self._grow(2 * slot)
        self.ids.append(vehicle_id)
        self.index[vehicle_id] = slot
        self.reasons.append(NOT_PLACED)
        self.signs.append((None, None, None))

    def _grow(self, capacity: int) -> None:
        for name, (kind, empty) in _COLUMNS.items():
            column: NDArray[np.generic] = np.full(capacity, empty, kind)
            old = self.columns.get(name)
            if old is not None:
                column[: len(old)] = old
            self.columns[name] = column
        for name in ("trail_x", "trail_y", "trail_s"):
            old_trail = getattr(self, name)
            trail = np.full((capacity, TRAIL), np.nan)
            trail[: len(old_trail)] = old_trail
            setattr(self, name, trail)
