"""Buses and ghosts of the console body, row by row; whole columns at a time, names included."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console.ghosts import GHOST_REASONS, Ghosts
from sapar.gtfs.realtime.console.model import ConsoleBus, ConsoleGhost
from sapar.gtfs.realtime.console.plan_places import Places, PlanPlaces
from sapar.gtfs.realtime.console.view import View
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.timetable.model import Timetable

Objects = NDArray[np.object_]


class LadderRows:
    """Writes the rows of one timetable; a number of -1 names nothing."""

    def __init__(self, timetable: Timetable, plan: PlanPlaces) -> None:
        trips = timetable.trips
        self._plan, self._trips = plan, trips
        self._stop_idx = timetable.stop_times.stop_idx
        self._stops = _names(timetable.stops.ids)
        self._trip_ids = _names(trips.ids)
        self._headsigns = _names(trips.headsigns)
        self._route_ids = _names(timetable.routes.ids)[trips.route_idx]
        self._block_ids = _names(timetable.blocks.ids)[trips.block_idx]
        self._directions = _names([0, 1])[trips.direction]

    def buses(self, view: View, fleet: FleetState, hold_s: Floats) -> list[ConsoleBus]:
        """List the buses with a run."""
        trip = view.trip
        vehicles = _names(fleet.ids)
        before, after = self._sides(view.place)
        return list(
            map(
                ConsoleBus,
                vehicles[view.slots].tolist(),
                self._route_ids[trip].tolist(),
                self._directions[trip].tolist(),
                self._trip_ids[trip].tolist(),
                self._block_ids[trip].tolist(),
                np.rint(view.first_s).astype(np.int64).tolist(),
                before,
                after,
                np.round(view.place.share, 2).tolist(),
                _numbers(view.plan_stops, 2),
                vehicles[view.headways.ahead].tolist(),
                _whole(view.headways.headway_s),
                _whole(view.plan_s),
                _whole(np.where(hold_s > 0, hold_s, np.nan)),
            )
        )

    def ghosts(self, ghosts: Ghosts, fleet: FleetState, now_s: float) -> list[ConsoleGhost]:
        """List the planned runs without a vehicle, where the timetable has them."""
        runs = ghosts.runs
        place = self._plan.at(runs.trip, now_s - runs.base_s)
        before, after = self._sides(place)
        return list(
            map(
                ConsoleGhost,
                self._trip_ids[runs.trip].tolist(),
                self._route_ids[runs.trip].tolist(),
                self._directions[runs.trip].tolist(),
                runs.first_s.astype(np.int64).tolist(),
                self._block_ids[runs.trip].tolist(),
                self._headsigns[runs.trip].tolist(),
                [GHOST_REASONS[reason] for reason in ghosts.reason.tolist()],
                _names(fleet.ids)[ghosts.slot].tolist(),
                before,
                after,
                np.round(place.share, 2).tolist(),
                ghosts.since_s.astype(np.int64).tolist(),
            )
        )

    def _sides(self, place: Places) -> tuple[list[Any], list[Any]]:
        """Name the stops on both sides of places; there is none behind the first one."""
        behind = np.where(place.first, -1, self._stop_idx[np.maximum(place.row - 1, 0)])
        return self._stops[behind].tolist(), self._stops[self._stop_idx[place.row]].tolist()


def _names(names: list[Any]) -> Objects:
    """Give names to be looked up in bulk; -1 gives None."""
    found = np.empty(len(names) + 1, np.object_)
    found[: len(names)] = names
    found[len(names)] = None
    return found


def _whole(values: Floats) -> list[int | None]:
    missing = np.isnan(values)
    numbers: list[int | None] = np.rint(np.where(missing, 0.0, values)).astype(np.int64).tolist()
    for at in np.flatnonzero(missing).tolist():
        numbers[at] = None
    return numbers


def _numbers(values: Floats, digits: int) -> list[float | None]:
    numbers: list[float | None] = np.round(values, digits).tolist()
    for at in np.flatnonzero(np.isnan(values)).tolist():
        numbers[at] = None
    return numbers
