"""What the fleet keeps when something under it changes: the timetable, or the leading engine."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.core.geometry import to_degrees
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.why import reason
from sapar.gtfs.timetable.model import Timetable

_PLACES = (("x", "y"), ("jump_x", "jump_y"), ("tracked_x", "tracked_y"))


def carry_over(fleet: FleetState, old: Network, new: Network) -> None:
    """Move a fleet to another timetable; buses keep runs that are the same in both."""
    _change_plane(fleet, old, new)
    for slot in range(len(fleet)):
        _keep_done(fleet, slot, old.timetable, new.timetable)
        _keep_run(fleet, slot, old, new)


def adopt_runs(fleet: FleetState, days: Days, positions: bytes) -> None:
    """Take over the starts of headway runs from the VehiclePositions of another engine.

    A start that is published must not change. Only vehicles already placed on the same trip are
    touched; another one that has come to the same run by itself gives it up.
    """
    timetable = days.timetable
    adopted: dict[tuple[int, int, int], int] = {}
    for entity in pb.FeedMessage.FromString(positions).entity:
        named = entity.vehicle.trip
        slot = fleet.index.get(entity.vehicle.vehicle.id)
        trip = timetable.trips.index.get(named.trip_id, NO)
        if slot is None or trip == NO or fleet["trip"][slot] != trip:
            continue
        if days.kind[trip] == FREQUENCY_LOOSE:
            _restart(fleet, timetable, slot, named)
            adopted[fleet.run_key(slot)] = slot
    for slot in range(len(fleet)):
        owner = adopted.get(fleet.run_key(slot), slot)
        if owner != slot:
            fleet.clear_run(np.array([slot]), reason("taken_over", bus=fleet.ids[owner]))
            fleet["seeded_s"][slot] = -np.inf


def _restart(fleet: FleetState, timetable: Timetable, slot: int, named: pb.TripDescriptor) -> None:
    hours, minutes, seconds = (int(part) for part in named.start_time.split(":"))
    start_s = 3600 * hours + 60 * minutes + seconds
    day = datetime.strptime(named.start_date, "%Y%m%d").date()  # noqa: DTZ007 - a service date
    before = date.fromordinal(int(fleet["day"][slot]))
    shift = start_s - int(fleet["start_s"][slot])
    shift_s = shift + timetable.service_day_start(day) - timetable.service_day_start(before)
    fleet["day"][slot] = day.toordinal()
    fleet["start_s"][slot] = start_s
    fleet["base_s"][slot] += shift_s
    fleet["delay_s"][slot] -= shift_s


def _change_plane(fleet: FleetState, old: Network, new: Network) -> None:
    """Measure all places from the new network's reference."""
    if old.reference == new.reference:
        return
    for x, y in _PLACES:
        fleet[x][:], fleet[y][:] = new.plane(
            *to_degrees(fleet.floats(x), fleet.floats(y), old.reference)
        )
    fleet.trail_x[:], fleet.trail_y[:] = new.plane(
        *to_degrees(fleet.trail_x, fleet.trail_y, old.reference)
    )


def _keep_done(fleet: FleetState, slot: int, old: Timetable, new: Timetable) -> None:
    """Let the trip that a vehicle finished last mean the same trip again."""
    done = int(fleet["done_trip"][slot])
    if done != NO:
        fleet["done_trip"][slot] = new.trips.index.get(old.trips.ids[done], NO)


def _keep_run(fleet: FleetState, slot: int, old: Network, new: Network) -> None:
    before = int(fleet["trip"][slot])
    if before == NO:
        fleet["next_row"][slot] = fleet["reached_row"][slot] = NO
        return
    trip_id = old.timetable.trips.ids[before]
    after = new.timetable.trips.index.get(trip_id, NO)
    day = date.fromordinal(int(fleet["day"][slot]))
    if after == NO or not _same_trip(old.timetable, before, new.timetable, after, day):
        fleet.clear_run(np.array([slot]), reason("new_timetable", trip=trip_id))
        return
    fleet["trip"][slot] = after
    moved = new.timetable.trips.st_begin[after] - old.timetable.trips.st_begin[before]
    for name in ("next_row", "reached_row"):
        row = int(fleet[name][slot])
        on_trip = row in range(*old.timetable.trips.st_begin[before : before + 2].tolist())
        fleet[name][slot] = row + moved if on_trip else NO
    scale = new.last_m[new.timetable.trips.pattern_idx[after]] / max(
        old.last_m[old.timetable.trips.pattern_idx[before]], 1.0
    )
    fleet["along_m"][slot] *= scale


def _same_trip(old: Timetable, before: int, new: Timetable, after: int, day: date) -> bool:
    """Tell whether a trip runs on the date at the same times past the same stops."""
    rows, others = old.trip_rows(before), new.trip_rows(after)
    stops = [old.stops.ids[i] for i in old.stop_times.stop_idx[rows]]
    return (
        bool(new.services.active(day)[new.trips.service_idx[after]])
        and old.service_day_start(day) == new.service_day_start(day)
        and stops == [new.stops.ids[i] for i in new.stop_times.stop_idx[others]]
        and bool(np.array_equal(old.stop_times.arrival_s[rows], new.stop_times.arrival_s[others]))
        and _headways(old, before) == _headways(new, after)
    )


def _headways(timetable: Timetable, trip: int) -> list[tuple[int, int, int, bool]]:
    freq = timetable.frequencies
    rows = np.flatnonzero(freq.trip_idx == trip)
    return [
        (int(freq.start_s[r]), int(freq.end_s[r]), int(freq.headway_s[r]), bool(freq.exact[r]))
        for r in rows
    ]
