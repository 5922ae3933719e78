"""Acts of dispatch as entities of the TripUpdates feed.

They are few, so they are made with the bindings, object by object, and kept as bytes for as long
as the orders are the same. They come before the updates of buses: readers that keep the last of
several updates see the bus.
"""

from __future__ import annotations

from collections.abc import Callable

from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.describe import date_text, time_text
from sapar.gtfs.realtime.detours import polyline_text
from sapar.gtfs.realtime.extras import ExtraRun
from sapar.gtfs.realtime.modifications import Modification, Span
from sapar.gtfs.realtime.orders import Orders, SkipRule
from sapar.gtfs.realtime.updates import RunKey
from sapar.gtfs.timetable.model import Timetable

Describe = Callable[[RunKey], pb.TripDescriptor]
NameRun = Callable[[RunKey], str]


class OrderEntities:
    """Encodes orders; keeps the bytes of the last ones."""

    def __init__(self, timetable: Timetable, describe: Describe, name_run: NameRun) -> None:
        self._timetable = timetable
        self._describe = describe
        self._name_run = name_run
        self._orders: Orders | None = None
        self._fixed = b""

    def encode(self, orders: Orders, driven: set[RunKey]) -> bytes:
        """Give the entities as fields of a FeedMessage; `driven` are the runs that have updates."""
        if self._orders is not orders:
            message = pb.FeedMessage()
            for key in orders.cancelled:
                self._add_cancelled(message, key, orders.made_s)
            for extra in orders.extras:
                self._add_extra(message, extra, orders.made_s)
            for modification in orders.modifications:
                self._add_modification(message, modification)
            self._fixed = entity_bytes(message)
            self._orders = orders
        message = pb.FeedMessage()
        for key, rules in _skips_ahead(orders, driven).items():
            self._add_skips(message, key, rules, orders.made_s)
        return self._fixed + entity_bytes(message)

    def _add_cancelled(self, message: pb.FeedMessage, key: RunKey, made_s: float) -> None:
        update = message.entity.add(id=self._name_run(key)).trip_update
        update.trip.CopyFrom(self._describe(key))
        update.trip.schedule_relationship = pb.TripDescriptor.CANCELED
        update.timestamp = int(made_s)

    def _add_skips(
        self, message: pb.FeedMessage, key: RunKey, rules: list[SkipRule], made_s: float
    ) -> None:
        """Say that a run leaves out stops before a bus has taken it: the others have no data."""
        stops = {int(stop) for rule in rules for stop in rule.stops}
        update = message.entity.add(id=self._name_run(key)).trip_update
        update.trip.CopyFrom(self._describe(key))
        update.timestamp = int(made_s)
        times = self._timetable.stop_times
        rows = self._timetable.trip_rows(key[0])
        for row in range(rows.start, rows.stop):
            stop = int(times.stop_idx[row])
            update.stop_time_update.add(
                stop_sequence=int(times.stop_sequence[row]),
                stop_id=self._timetable.stops.ids[stop],
                schedule_relationship=pb.TripUpdate.StopTimeUpdate.SKIPPED
                if stop in stops
                else pb.TripUpdate.StopTimeUpdate.NO_DATA,
            )

    def _add_extra(self, message: pb.FeedMessage, run: ExtraRun, made_s: float) -> None:
        update = message.entity.add(id=f"{run.trip_id}@{date_text(run.day)}").trip_update
        update.timestamp = int(made_s)
        routes, stops = self._timetable.routes, self._timetable.stops
        trip, properties = update.trip, update.trip_properties
        trip.route_id = routes.ids[run.route]
        if run.direction >= 0:
            trip.direction_id = run.direction
        if run.template is None:
            trip.schedule_relationship = pb.TripDescriptor.NEW
            trip.trip_id = run.trip_id
            trip.start_date, trip.start_time = date_text(run.day), time_text(run.start_s)
            properties.trip_headsign = run.headsign
        else:
            # without its own date and start: they are those of the trip that it is a copy of
            trip.schedule_relationship = pb.TripDescriptor.DUPLICATED
            trip.trip_id = self._timetable.trips.ids[run.template]
            properties.trip_id = run.trip_id
            properties.start_date = date_text(run.day)
            properties.start_time = time_text(run.start_s)
        if run.vehicle_id is not None:
            update.vehicle.id = update.vehicle.label = run.vehicle_id
        for stop, sequence, arrival, departure in zip(
            run.stops, run.sequence, run.arrival_s, run.departure_s, strict=True
        ):
            call = update.stop_time_update.add(
                stop_sequence=sequence,
                stop_id=stops.ids[stop],
                schedule_relationship=pb.TripUpdate.StopTimeUpdate.SCHEDULED,
            )
            call.arrival.time = call.arrival.scheduled_time = arrival
            call.departure.time = call.departure.scheduled_time = departure

    def _add_modification(self, message: pb.FeedMessage, modification: Modification) -> None:
        shape = message.entity.add(id=f"{modification.name}:shape").shape
        shape.shape_id = modification.name
        shape.encoded_polyline = polyline_text(modification.latitude, modification.longitude)
        changed = message.entity.add(id=modification.name).trip_modifications
        changed.selected_trips.add(
            trip_ids=[self._timetable.trips.ids[trip] for trip in modification.trips],
            shape_id=modification.name,
        )
        changed.service_dates.extend(date_text(day) for day in modification.days)
        created_s = {act.act_id: int(act.created_s) for act in modification.acts}
        for span in modification.spans:
            part = changed.modifications.add(
                propagated_modification_delay=span.delay_s, service_alert_id=span.act_id
            )
            if created_s.get(span.act_id):
                part.last_modified_time = created_s[span.act_id]
            self._add_span(part, span, modification.trips[0])

    def _add_span(self, part: pb.TripModifications.Modification, span: Span, trip: int) -> None:
        times, stops = self._timetable.stop_times, self._timetable.stops
        begin = int(self._timetable.trips.st_begin[trip])
        part.start_stop_selector.stop_sequence = int(times.stop_sequence[begin + span.first])
        part.start_stop_selector.stop_id = stops.ids[int(times.stop_idx[begin + span.first])]
        if span.last is not None:
            part.end_stop_selector.stop_sequence = int(times.stop_sequence[begin + span.last])
            part.end_stop_selector.stop_id = stops.ids[int(times.stop_idx[begin + span.last])]
        for replacement in span.replacements:
            part.replacement_stops.add(
                stop_id=stops.ids[replacement.stop], travel_time_to_stop=replacement.travel_s
            )


def modified_trip(
    modification: Modification,
    trip_id: str,
    start_date: str,
    start_time: str | None,
    *,
    loose: bool,
) -> bytes:
    """Describe a run as its TripModifications leave it, for readers that know them."""
    descriptor = pb.TripDescriptor(
        schedule_relationship=pb.TripDescriptor.UNSCHEDULED
        if loose
        else pb.TripDescriptor.SCHEDULED
    )
    selector = descriptor.modified_trip
    selector.modifications_id = modification.name
    selector.affected_trip_id = trip_id
    selector.start_date = start_date
    if start_time is not None:
        selector.start_time = start_time
    return descriptor.SerializeToString(deterministic=True)


def entity_bytes(message: pb.FeedMessage) -> bytes:
    """Give the entities of a message as bytes; it has no header."""
    return message.SerializePartialToString(deterministic=True)


def _skips_ahead(orders: Orders, driven: set[RunKey]) -> dict[RunKey, list[SkipRule]]:
    """Collect the runs that an act names and no bus has taken yet."""
    silent = driven | set(orders.cancelled)
    found: dict[RunKey, list[SkipRule]] = {}
    for rule in orders.skips:
        if rule.run is not None and rule.run not in silent:
            found.setdefault(rule.run, []).append(rule)
    return found
