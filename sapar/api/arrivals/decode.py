"""The bodies of a tick as columns by stop, vehicles by name, and alerts. Pure; done in slices.

What is read is the published feed, so an arrival here is the arrival that every other reader of
the feed shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb
from numpy.typing import NDArray

from sapar.api.arrivals.around import (
    Crowd,
    Fix,
    Notice,
    read_crowds,
    read_message,
    read_notices,
    read_vehicles,
)
from sapar.api.arrivals.index import StopIndex
from sapar.api.arrivals.slices import Slices, batched
from sapar.api.arrivals.updates import StopUpdates, read_updates
from sapar.gtfs.realtime.tick import ALERTS, FLEET, TRIP_UPDATES, VEHICLE_POSITIONS, Tick
from sapar.gtfs.static.values import parse_time

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

RunKey = tuple[int, int, int]
"""Trip (row, negative where the timetable lacks it), ordinal of the date, start in seconds."""

SCHEDULED, SKIPPED, NO_DATA = 0, 1, 2
"""Relationships of a stop with its run; headway service (3) counts as scheduled."""
_ADDED = {
    pb.TripDescriptor.ADDED,
    pb.TripDescriptor.DUPLICATED,
    pb.TripDescriptor.NEW,
}
_GONE = {pb.TripDescriptor.CANCELED, pb.TripDescriptor.DELETED}


class Run(msgspec.Struct, frozen=True, gc=False):
    """A run that the trip updates speak of.

    Attributes:
        key: its name; `trip_id` as published.
        vehicle_id: who drives it, "" unknown.
        time_s: when the vehicle was heard of last, Unix seconds; 0 unknown.
        cancelled, added, detoured: what dispatch decided about it.
        route: its route's row, -1 unknown; direction -1 unknown.
        headsign: of a run that the timetable lacks; else "".
        headway_s: of headway service without exact times, else 0.
    """

    key: RunKey
    trip_id: str
    vehicle_id: str
    time_s: int
    cancelled: bool
    added: bool
    detoured: bool
    route: int
    direction: int
    headsign: str
    headway_s: int


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of runs as columns, ordered by stop; `begin` has one entry more than there are stops.

    Attributes:
        run: number of the run; row: stop-time row, -1 of a run that the timetable lacks.
        arrival_s, departure_s: Unix seconds, 0 where nothing is said.
        planned_arrival_s, planned_departure_s: by the timetable; of a run that it lacks both are
            the scheduled arrival that the feed has.
        unsure_s: half of the interval that holds the arrival with 80 %, -1 unknown.
        relation: `SCHEDULED`, `SKIPPED` or `NO_DATA`.
    """

    begin: Longs
    run: Ints
    row: Ints
    arrival_s: Longs
    departure_s: Longs
    planned_arrival_s: Longs
    planned_departure_s: Longs
    unsure_s: Ints
    relation: NDArray[np.int8]


@dataclass(frozen=True)
class Live:
    """What a tick says.

    Attributes:
        tick: where it comes from; header_s: time of the feeds.
        runs: those of the trip updates; by_key: their numbers.
        calls: by stop.
        first_row: for each run, the stop-time row that its bus comes to next, `NO_ROW` where
            there is none; last_s: its last arrival, Unix seconds, 0 for none.
        missed: stop-time rows that detours leave out, by (trip, ordinal of the date).
        current: the run that each vehicle is on, by id.
        vehicles: by id; crowds: how full, by id; silent: vehicles without signal, by trip id.
        notices: alerts that are in force.
    """

    tick: Tick
    header_s: int
    runs: list[Run]
    by_key: dict[RunKey, int]
    calls: Calls
    first_row: Longs
    last_s: Longs
    missed: dict[tuple[int, int], frozenset[int]]
    current: dict[str, int]
    vehicles: Mapping[str, Fix]
    crowds: dict[str, Crowd]
    silent: dict[str, Fix]
    notices: list[Notice]


NO_ROW = 1 << 40
_AT_ONCE = 400  # runs that are taken in two milliseconds


def unpack(tick: Tick) -> dict[str, bytes]:
    """Decompress the bodies that are read; a thread does that without holding others up."""
    wanted = (TRIP_UPDATES, FLEET, VEHICLE_POSITIONS, ALERTS)
    return {name: tick.bodies[name].plain() for name in wanted if name in tick.bodies}


def decode_in_slices(tick: Tick, bodies: Mapping[str, bytes], index: StopIndex) -> Slices[Live]:
    """Read a tick with the timetable that it refers to, in slices of some milliseconds.

    Args:
        tick: what is read.
        bodies: its bodies, unpacked.
        index: the timetable by stop.

    Raises:
        BadInput: a body cannot be read.
    """
    feed = bodies.get(TRIP_UPDATES, b"")
    updates, stop_updates, others = yield from read_updates(feed)
    reader = _Reader(index)
    for entity in others:
        if entity.HasField("trip_modifications"):
            reader.modifications(entity.trip_modifications)
    numbers: list[int] = []
    for some in batched(updates, _AT_ONCE):
        numbers += [reader.update(update) for update in some]
        yield
    calls = yield from reader.calls(feed, stop_updates, np.array(numbers, np.int64))
    header_s = int(tick.time_s)
    timed = (calls.relation == SCHEDULED) & (calls.row >= 0)
    timed &= np.maximum(calls.arrival_s, calls.departure_s) >= header_s
    run = calls.run.astype(np.int64)  # of one type with the rest: numpy is five times as quick then
    first_row = np.full(len(reader.runs), NO_ROW, np.int64)
    np.minimum.at(first_row, run[timed], calls.row[timed].astype(np.int64))
    last_s = np.zeros(len(reader.runs), np.int64)
    np.maximum.at(last_s, run, calls.arrival_s)
    yield
    vehicles = yield from read_vehicles(bodies.get(FLEET))
    yield
    crowds = read_crowds(read_message(bodies.get(VEHICLE_POSITIONS)))
    yield
    current = {
        run.vehicle_id: number
        for number, run in enumerate(reader.runs)
        if run.vehicle_id in vehicles and vehicles[run.vehicle_id].trip_id == run.trip_id
    }
    yield
    return Live(
        tick=tick,
        header_s=header_s,
        runs=reader.runs,
        by_key=reader.by_key,
        calls=calls,
        first_row=first_row,
        last_s=last_s,
        missed={key: frozenset(rows) for key, rows in reader.missed.items()},
        current=current,
        vehicles=vehicles,
        crowds=crowds,
        silent={
            fix.trip_id: fix for fix in vehicles.values() if fix.stale and fix.trip_id is not None
        },
        notices=read_notices(read_message(bodies.get(ALERTS)), header_s),
    )


class _Reader:
    """Collects the runs and calls of the trip updates."""

    def __init__(self, index: StopIndex) -> None:
        self._index = index
        self._timetable = index.timetable
        self.runs: list[Run] = []
        self.by_key: dict[RunKey, int] = {}
        self.missed: dict[tuple[int, int], set[int]] = {}

    def update(self, update: pb.TripUpdate) -> int:
        """Take a trip update; give the number of its run.

        -1 for one that says the same again for readers of TripModifications, names no trip, or
        speaks of a run that an earlier one spoke of.
        """
        trip = update.trip
        if trip.HasField("modified_trip"):
            key = self._key(trip.modified_trip.affected_trip_id, trip.modified_trip)
            if key is not None and self.by_key.setdefault(key, -1) >= 0:
                number = self.by_key[key]
                self.runs[number] = msgspec.structs.replace(self.runs[number], detoured=True)
            return -1
        run = self._run(update)
        if run is None or (not run.added and self.by_key.get(run.key, -1) >= 0):
            return -1
        self.by_key[run.key] = len(self.runs)
        self.runs.append(run)
        return len(self.runs) - 1

    def _run(self, update: pb.TripUpdate) -> Run | None:
        trip, trips = update.trip, self._timetable.trips
        added = trip.schedule_relationship in _ADDED
        trip_id, headsign, route, direction = trip.trip_id, "", -1, -1
        if added:
            properties = update.trip_properties
            trip_id = properties.trip_id or trip.trip_id
            headsign = properties.trip_headsign
            route = self._timetable.routes.index.get(trip.route_id, -1)
            direction = trip.direction_id if trip.HasField("direction_id") else -1
            row = trips.index.get(trip.trip_id, -1)
            start_date = properties.start_date or trip.start_date
            start_time = properties.start_time or trip.start_time
            # the copy has a name of its own, so that it never stands for the trip it copies
            key: RunKey | None = (-1 - len(self.runs), _day(start_date), _start(start_time))
            if row >= 0:
                headsign = headsign or trips.headsigns[row]
                route, direction = int(trips.route_idx[row]), int(trips.direction[row])
        else:
            key = self._key(trip_id, trip)
            if key is None:
                return None
            route, direction = int(trips.route_idx[key[0]]), int(trips.direction[key[0]])
        assert key is not None
        return Run(
            key,
            trip_id,
            update.vehicle.id,
            update.timestamp,
            trip.schedule_relationship in _GONE,
            added,
            self.by_key.get(key) == -1,
            route,
            direction,
            headsign,
            0 if added else self._headway_s(key),
        )

    def _headway_s(self, key: RunKey) -> int:
        trip, _, start_s = key
        return self._index.headway_of(trip, start_s) if self._index.loose[trip] else 0

    def _bases(self) -> Longs:
        """Give the Unix time that each run's stop times count from; 0: the timetable lacks it."""
        base_s = self._index.base_s
        return np.array([0 if run.added else int(base_s(*run.key)) for run in self.runs], np.int64)

    def _key(
        self, trip_id: str, named: pb.TripDescriptor | pb.TripDescriptor.ModifiedTripSelector
    ) -> RunKey | None:
        row = self._timetable.trips.index.get(trip_id)
        if row is None:
            return None
        # only headway service has several starts a day
        start = named.start_time if self._index.repeated[row] else ""
        start_s = _start(start) if start else int(self._index.template_s[row])
        return row, _day(named.start_date), start_s

    def modifications(self, changed: pb.TripModifications) -> None:
        """Note which stops of which trips a detour leaves out."""
        trips, times = self._timetable.trips, self._timetable.stop_times
        days = [_day(text) for text in changed.service_dates]
        for selected in changed.selected_trips:
            for trip_id in selected.trip_ids:
                trip = trips.index.get(trip_id)
                if trip is None:
                    continue
                rows = self._timetable.trip_rows(trip)
                sequences = times.stop_sequence[rows]
                for part in changed.modifications:
                    if not part.HasField("end_stop_selector"):
                        continue  # nothing is left out
                    low = part.start_stop_selector.stop_sequence
                    high = part.end_stop_selector.stop_sequence
                    out = rows.start + np.flatnonzero((sequences >= low) & (sequences <= high))
                    for day in days:
                        self.missed.setdefault((trip, day), set()).update(out.tolist())

    def calls(self, feed: bytes, found: StopUpdates, number_of: Longs) -> Slices[Calls]:
        """Give the calls of the runs taken, by stop; `number_of` are the updates' runs."""
        run = number_of[found.update] if len(found.update) else np.zeros(0, np.int64)
        trip = np.array([run.key[0] for run in self.runs] or [-1], np.int64)[run]
        row = self._rows(trip, found.sequence)
        yield
        stop = np.where(row >= 0, self._timetable.stop_times.stop_idx[row], -1)
        added = np.array([run.added for run in self.runs] or [False], np.bool_)[run]
        for at in np.flatnonzero(row < 0).tolist():  # few: only what the timetable lacks
            stop_id = feed[found.id_begin[at] : found.id_end[at]].decode("utf-8", "replace")
            stop[at] = self._timetable.stops.index.get(stop_id, -1)
        stop = np.where(run >= 0, stop, -1)
        yield
        count = len(self._timetable.stops.ids)
        small = np.int16 if count < 1 << 15 else np.int32  # short keys are sorted by their digits
        order = np.argsort(stop.astype(small), kind="stable")
        order = order[np.searchsorted(stop[order], 0) :]
        begin = np.searchsorted(stop[order], np.arange(count + 1))
        yield
        relation = np.where(found.relation <= NO_DATA, found.relation, SCHEDULED)
        run, row = run[order], row[order]
        planned_s, added = found.planned_s[order], added[order]
        times = self._timetable.stop_times
        base_s = self._bases()[run]
        yield
        return Calls(
            begin,
            run.astype(np.int32),
            row,
            found.arrival_s[order],
            found.departure_s[order],
            np.where(added, planned_s, base_s + times.arrival_s[row]),
            np.where(added, planned_s, base_s + times.departure_s[row]),
            np.where(found.unsure_s > 0, found.unsure_s, -1)[order].astype(np.int32),
            relation[order].astype(np.int8),
        )

    def _rows(self, trip: Longs, sequence: Longs) -> Ints:
        """Find the stop-time rows by trip and stop_sequence; -1 where there is none.

        The calls of a run follow each other nearly always, so its first one tells where to look.
        """
        keys = self._index.row_keys
        wanted = (trip << 32) + sequence
        if not len(wanted):
            return np.zeros(0, np.int32)
        first = np.flatnonzero(np.diff(trip, prepend=trip[0] - 1))
        length = np.diff(first, append=len(trip))
        at = np.repeat(np.searchsorted(keys, wanted[first]) - first, length)
        at = np.minimum(at + np.arange(len(trip)), len(keys) - 1)
        wrong = np.flatnonzero(keys[at] != wanted)
        at[wrong] = np.minimum(np.searchsorted(keys, wanted[wrong]), len(keys) - 1)
        return np.where((trip >= 0) & (keys[at] == wanted), at, -1).astype(np.int32)


def _day(text: str) -> int:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()
    except ValueError:
        return 1


def _start(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        return 0
