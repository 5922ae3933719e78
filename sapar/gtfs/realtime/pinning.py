"""Vehicles that dispatch put on runs: which run it is now, and where on it they may be.

A pin stands for the trips of a swap on a date. It takes hold a quarter of an hour before such a
trip is due, and lets go when the run is finished, far too late to be driven, or the swap is undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from sapar.gtfs.realtime.beliefs import Beliefs, Ground, Step
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days, Runs
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.intake import newest_fixes
from sapar.gtfs.realtime.orders import Pin
from sapar.gtfs.realtime.seeds import seeds_on
from sapar.gtfs.realtime.updates import RunKey

_BEFORE_S = 900.0
_AFTER_S = 7200.0


@dataclass
class Pinned:
    """The pins that hold.

    Attributes:
        due: by slot, the runs that a vehicle is to drive now.
        runs: by slot, all that it was given, earlier and later ones of a block too.
        done: runs that pinned vehicles have finished.
    """

    due: dict[int, frozenset[RunKey]] = field(default_factory=dict)
    runs: dict[int, frozenset[RunKey]] = field(default_factory=dict)
    done: set[tuple[int, RunKey]] = field(default_factory=set)

    def __contains__(self, slot: object) -> bool:
        return slot in self.due

    def allows(self, slot: int, key: RunKey) -> bool:
        """Tell whether a vehicle may have a run: any, unless it is pinned to others."""
        return slot not in self.due or key in self.runs[slot]

    def finish(self, slot: int, key: RunKey) -> None:
        """Note that a vehicle has finished a run that it was pinned to."""
        if key in self.runs.get(slot, ()):
            self.done.add((slot, key))

    def take(self, fleet: FleetState, days: Days, pins: Iterable[Pin], now_s: float) -> list[int]:
        """Take the pins of a moment; give the vehicles that are let go."""
        before, self.due, self.runs = self.due, {}, {}
        for pin in pins:
            slot = fleet.index.get(pin.vehicle_id)
            if slot is None or not np.isfinite(fleet.floats("x")[slot]):
                continue
            runs = _runs_of(days, pin)
            near = (runs.first_s - _BEFORE_S <= now_s) & (runs.last_s + _AFTER_S >= now_s)
            due = {key for key in _keys(runs.where(near)) if (slot, key) not in self.done}
            if due:
                self.due[slot] = self.due.get(slot, frozenset()) | due
                self.runs[slot] = self.runs.get(slot, frozenset()) | set(_keys(runs))
        return [slot for slot in before if slot not in self.due]


def _runs_of(days: Days, pin: Pin) -> Runs:
    """List the runs of a pin; service by headway has none that could be told apart."""
    plain = [trip for trip in pin.trips if days.kind[trip] == FREQUENCY_NONE]
    runs = days.of_trips(np.array(plain, np.int32))
    return runs.where(runs.day == pin.day)


def _keys(runs: Runs) -> list[RunKey]:
    return list(zip(runs.trip.tolist(), runs.day.tolist(), runs.start_s.tolist(), strict=True))


def pinned_seeds(
    fleet: FleetState, ground: Ground, days: Days, slot: int, keys: Collection[RunKey]
) -> Beliefs:
    """Give beliefs of a vehicle on the runs that it is pinned to."""
    runs = days.of_trips(np.array(sorted({key[0] for key in keys}), np.int32))
    runs = runs.where(np.array([key in keys for key in _keys(runs)], np.bool_))
    step = Step(fleet, ground, newest_fixes(fleet, np.array([slot])), first_look=True)
    owners = np.zeros(len(runs), np.int64)
    return seeds_on(np.array([slot]), owners, runs, np.ones(len(runs), np.bool_), 0, step)


def is_on(fleet: FleetState, slot: int, keys: Collection[RunKey]) -> bool:
    """Tell whether a vehicle is on one of the runs."""
    return fleet["trip"][slot] != NO and fleet.run_key(slot) in keys
