"""A picture of the fleet as the bodies of a tick: three GTFS-realtime 2.0 feeds, and JSON.

Entity ids are stable: the vehicle id in the positions, the run (trip, date, start) in the updates.
Every feed is a FULL_DATASET with `feed_version`. Bearing and speed are published only as sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.aboard import Drivers
from sapar.gtfs.realtime.acts import Acts
from sapar.gtfs.realtime.alert_drafts import with_drafts
from sapar.gtfs.realtime.alerts import Alert, fill_alert
from sapar.gtfs.realtime.crowding import CONGESTION_UNKNOWN, Loads, Paces, congestion_level
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.describe import Descriptions, date_text, vehicle_descriptor
from sapar.gtfs.realtime.fleet_json import encode_fleet
from sapar.gtfs.realtime.orders import NO_ORDERS, OrderBook, Orders
from sapar.gtfs.realtime.orders_feed import OrderEntities, modified_trip
from sapar.gtfs.realtime.phases import IN_PROGRESS, LAYOVER
from sapar.gtfs.realtime.positions import (
    CONGESTION_NONE,
    IN_TRANSIT_TO,
    INCOMING_AT,
    NOWHERE,
    STOPPED_AT,
    Shown,
    encode_positions,
)
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.updates import RunKey
from sapar.gtfs.realtime.wire import (
    NO_STOPS,
    SCHEDULED,
    UNSCHEDULED,
    Frame,
    Templates,
    encode_updates,
    make_frame,
)
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_INCOMING_M = 150.0
_AT_STOP_M = 30.0
_KEPT_MAX = 50_000  # some days' runs: start over rather than grow for ever
_STANDING_MPS = 1.5  # TransitClock: below this a heading means nothing; here, the bus stands

_FrameKey = tuple[RunKey, str, frozenset[int], frozenset[int], bool]


@dataclass(frozen=True, slots=True)
class _Cast:
    """Which runs of a picture the feeds carry, under orders.

    Attributes:
        picture, orders: what it was made of.
        left_out: stops that runs leave out, by number of the run.
        silent: runs whose update is not in the feed.
    """

    picture: Picture
    orders: Orders
    left_out: dict[int, frozenset[int]]
    silent: frozenset[RunKey]


class Encoder:
    """Encodes pictures of one timetable; keeps what does not change from tick to tick."""

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable = timetable
        self._templates = Templates(timetable)
        self._names = Descriptions(timetable, days)
        self._entities = OrderEntities(timetable, self._names.trip_descriptor, self._names.run_id)
        self._book = OrderBook(timetable, days)
        self._paces = Paces(timetable)
        self._frames: dict[_FrameKey, Frame] = {}
        self._last_cast: _Cast | None = None

    def header(self, time_s: int) -> pb.FeedHeader:
        """Make the header of the feeds at a time."""
        return pb.FeedHeader(
            gtfs_realtime_version="2.0",
            incrementality=pb.FeedHeader.FULL_DATASET,
            timestamp=time_s,
            feed_version=self._timetable.feed_version,
        )

    def orders(self, acts: Acts, now_s: float) -> Orders:
        """Give what the acts of dispatch mean at a moment."""
        return self._book.at(acts, now_s)

    def vehicle_positions(
        self, picture: Picture, orders: Orders = NO_ORDERS, loads: Loads | None = None
    ) -> bytes:
        """Encode the VehiclePositions feed."""
        rows = np.flatnonzero(picture.in_feed)
        keys = _keys(picture, rows)
        with_trip = picture.with_trip[rows]
        silent = self._cast(picture, orders).silent
        if silent:  # a position names no run that has no update (rule E047)
            with_trip &= np.array([key not in silent for key in keys], np.bool_)
        named = with_trip.tolist()
        ids = [picture.vehicle_ids[row] for row in rows.tolist()]
        none = np.full(len(rows), -1, np.int64)
        return encode_positions(
            self._header(picture),
            Shown(
                [self._names.vehicle(vehicle_id) for vehicle_id in ids],
                [
                    self._names.position_trip(key) if on else b""
                    for key, on in zip(keys, named, strict=True)
                ],
                picture.latitude[rows],
                picture.longitude[rows],
                picture.bearing_deg[rows],
                picture.speed_mps[rows],
                picture.time_s[rows].astype(np.int64),
                [
                    self._names.standing(row) if on else NOWHERE
                    for row, on in zip(picture.stop_row[rows].tolist(), named, strict=True)
                ],
                _status(picture, rows),
                self._congestion(picture, rows, with_trip),
                none if loads is None else loads.percent(ids, picture.header_s),
            ),
        )

    def trip_updates(self, picture: Picture, orders: Orders = NO_ORDERS) -> bytes:
        """Encode the TripUpdates feed: what dispatch ordered, then the runs of buses."""
        updates, cast = picture.updates, self._cast(picture, orders)
        plain = [n for n, key in enumerate(updates.keys) if key not in cast.silent]
        modified = [n for n in plain if updates.keys[n][:2] in orders.modified]
        modified = [n for n in modified if self._has_times(updates.keys[n], n, cast, picture)]
        numbers = np.array([*modified, *plain], np.int64)
        unseen = _unseen(picture, self._timetable)
        begin = updates.begin[numbers]
        trips = np.array([updates.keys[number][0] for number in numbers.tolist()], np.int64)
        first = (updates.row[begin] - self._timetable.trips.st_begin[trips]).tolist()
        for place, number in enumerate(numbers.tolist()):
            passed_by = _passed_by(updates.keys[number], first[place], orders)
            if passed_by:
                first[place] = min(passed_by)
                unseen[number] = unseen.get(number, NO_STOPS) | passed_by
        frames = [
            self._frame(
                updates.keys[number],
                picture.vehicle_ids[int(updates.vehicle[number])],
                cast.left_out.get(number, NO_STOPS),
                unseen.get(number, NO_STOPS),
                orders if place < len(modified) else None,
            )
            for place, number in enumerate(numbers.tolist())
        ]
        at, _, _ = expand(begin, begin + updates.count()[numbers])
        driven = {updates.keys[number] for number in plain}
        return encode_updates(
            self._header(picture),
            frames,
            first,
            picture.time_s[updates.vehicle[numbers]].astype(np.int64),
            updates.arrival_s[at],
            updates.departure_s[at],
            _uncertainty(updates.low_s[at], updates.high_s[at], updates.passed[at]),
            self._entities.encode(orders, driven),
        )

    def alerts(self, alerts: list[Alert], header_s: int, orders: Orders = NO_ORDERS) -> bytes:
        """Encode the Alerts feed: the alerts that are not over yet, and those of the orders."""
        message = pb.FeedMessage(header=self.header(header_s))
        for alert in with_drafts(alerts, orders.alerts):
            if not alert.is_over(header_s):
                fill_alert(message.entity.add(), alert, self._timetable)
        return message.SerializeToString(deterministic=True)

    def fleet(
        self,
        picture: Picture,
        loads: Loads | None = None,
        drivers: Drivers | None = None,
        homes: Mapping[str, str] | None = None,
    ) -> bytes:
        """Encode the live page's fleet as JSON: every vehicle heard of lately."""
        return encode_fleet(picture, self._timetable, loads, drivers, homes)

    def _header(self, picture: Picture) -> bytes:
        return self.header(picture.header_s).SerializeToString(deterministic=True)

    def _cast(self, picture: Picture, orders: Orders) -> _Cast:
        """Work out which runs are in the feeds; kept for the other feeds of the tick."""
        last = self._last_cast
        if last is not None and last.picture is picture and last.orders is orders:
            return last
        left_out = orders.left_out(self._timetable, picture.updates)
        silent = set(orders.cancelled)
        cast = _Cast(picture, orders, left_out, frozenset())
        for number in left_out:
            key = picture.updates.keys[number]
            if self._names.is_loose(key) and not self._has_times(key, number, cast, picture):
                silent.add(key)  # it would have no stop at all (rule E041)
        self._last_cast = _Cast(picture, orders, left_out, frozenset(silent))
        return self._last_cast

    def _has_times(self, key: RunKey, number: int, cast: _Cast, picture: Picture) -> bool:
        """Tell whether a run has a stop ahead that it does not leave out."""
        updates = picture.updates
        begin = int(updates.begin[number])
        end = begin + int(updates.count()[number])
        first = int(self._timetable.trips.st_begin[key[0]])
        ahead = {int(row) - first for row in updates.row[begin:end]}
        return bool(ahead - cast.left_out.get(number, NO_STOPS))

    def _frame(
        self,
        key: RunKey,
        vehicle_id: str,
        skipped: frozenset[int],
        unseen: frozenset[int],
        modified: Orders | None,
    ) -> Frame:
        """Give what goes around a run's stops; `modified` to name it as its detour leaves it."""
        modification = None if modified is None else modified.modified[key[:2]]
        name = "" if modification is None else f":{modification.name}"
        cached = (key, vehicle_id + name, skipped, unseen, modification is not None)
        found = self._frames.get(cached)
        if found is None:
            loose = self._names.is_loose(key)
            trip = self._names.trip(key)
            if modification is not None:
                trip_id = self._timetable.trips.ids[key[0]]
                start = self._names.start_time(key)
                trip = modified_trip(modification, trip_id, date_text(key[1]), start, loose=loose)
            found = make_frame(
                self._names.run_id(key) + name,
                trip,
                vehicle_descriptor(vehicle_id),
                self._templates.get(
                    key[0],
                    UNSCHEDULED if loose else SCHEDULED,
                    skipped,
                    unseen,
                    modified=modification is not None,
                ),
            )
            if len(self._frames) > _KEPT_MAX:
                self._frames.clear()
            self._frames[cached] = found
        return found

    def _congestion(self, picture: Picture, rows: Longs, with_trip: Bools) -> NDArray[np.int8]:
        """Give the traffic around buses under way; one ahead of time may wait by choice."""
        level = np.full(len(rows), CONGESTION_NONE, np.int8)
        driving = with_trip & (picture.phase[rows] == IN_PROGRESS)
        at = rows[driving]
        if not len(at):
            return level
        runs = np.stack((picture.trip[at], picture.day[at], picture.start_s[at]), axis=1)
        pace = self._paces.look(
            picture.slots[at],
            runs.astype(np.int64),
            picture.stop_row[at],
            picture.stop_ahead_m[at],
            picture.time_s[at],
        )
        found = congestion_level(np.where(picture.delay_s[at] < 0, np.maximum(pace, 1.0), pace))
        level[driving] = np.where(found == CONGESTION_UNKNOWN, CONGESTION_NONE, found)
        return level


def _keys(picture: Picture, rows: Longs) -> list[RunKey]:
    columns = (picture.trip, picture.day, picture.start_s)
    return list(zip(*(column[rows].tolist() for column in columns), strict=True))


def _unseen(picture: Picture, timetable: Timetable) -> dict[int, frozenset[int]]:
    """Give for runs, by number, the stops after the first one that have no times in the picture."""
    updates, st_begin = picture.updates, timetable.trips.st_begin
    if not len(updates.begin):
        return {}
    trips = np.array([key[0] for key in updates.keys], np.int64)
    count, first = updates.count(), updates.row[updates.begin] - st_begin[trips]
    size = st_begin[trips + 1] - st_begin[trips]
    found = {}
    for number in np.flatnonzero(count < size - first).tolist():
        begin = int(updates.begin[number])
        rows = updates.row[begin : begin + int(count[number])] - st_begin[trips[number]]
        found[number] = frozenset(range(int(first[number]), int(size[number]))) - set(rows.tolist())
    return found


def _passed_by(key: RunKey, first: int, orders: Orders) -> frozenset[int]:
    """Give the stops that a bus leaves out on its detour right before the first stop ahead.

    Riders there are told so until it is back on its line.
    """
    modification = orders.modified.get(key[:2])
    begin = first
    while modification is not None and begin - 1 in modification.missed:
        begin -= 1
    return frozenset(range(begin, first))


def _status(picture: Picture, rows: Longs) -> NDArray[np.int8]:
    """Tell how vehicles stand to their next stops."""
    ahead_m, speed = picture.stop_ahead_m[rows], picture.speed_mps[rows]
    standing = ~(speed >= _STANDING_MPS)  # also where the device sends no speed
    at_stop = (picture.phase[rows] == LAYOVER) | ((np.abs(ahead_m) <= _AT_STOP_M) & standing)
    moving = np.where(ahead_m <= _INCOMING_M, INCOMING_AT, IN_TRANSIT_TO)
    return np.where(at_stop, STOPPED_AT, moving).astype(np.int8)


def _uncertainty(low_s: Floats, high_s: Floats, passed: Bools) -> Longs:
    """Give half the width of the 80 % interval of arrivals, whole seconds; 0 for what is past."""
    half = np.where(passed, 0.0, (high_s - low_s) / 2)
    whole: Longs = np.rint(np.clip(np.nan_to_num(half), 0.0, None)).astype(np.int64)
    return whole
