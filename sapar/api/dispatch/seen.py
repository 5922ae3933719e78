"""Whether an act is in the feeds: read back from the newest tick, not taken on trust. Pure."""

from __future__ import annotations

from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.acts import Cancel, Detour, Extra, Skip, Swap, What

_SKIPPED = pb.TripUpdate.StopTimeUpdate.SKIPPED


def seen_in(act_id: str, what: What, updates: pb.FeedMessage, alerts: pb.FeedMessage) -> list[str]:
    """List where the feeds speak of an act: `trip_update`, `modifications`, `alert`."""
    found = []
    if any(_speaks_of(entity.trip_update, what) for entity in updates.entity):
        found.append("trip_update")
    if isinstance(what, Detour) and any(
        part.service_alert_id == act_id
        for entity in updates.entity
        if entity.HasField("trip_modifications")
        for part in entity.trip_modifications.modifications
    ):
        found.append("modifications")
    if any(entity.id == act_id for entity in alerts.entity):
        found.append("alert")
    return found


def _speaks_of(update: pb.TripUpdate, what: What) -> bool:
    trip = update.trip
    if isinstance(what, Cancel):
        return (
            trip.schedule_relationship == pb.TripDescriptor.CANCELED
            and trip.trip_id == what.trip_id
            and trip.start_date == what.service_date.strftime("%Y%m%d")
        )
    if isinstance(what, Extra):
        return what.trip_id in {trip.trip_id, update.trip_properties.trip_id}
    if isinstance(what, Swap):
        return update.vehicle.id == what.vehicle_id and what.trip_id in {None, trip.trip_id}
    if isinstance(what, Skip):
        return _named(trip, what) and any(
            stop.schedule_relationship == _SKIPPED and stop.stop_id in what.stop_ids
            for stop in update.stop_time_update
        )
    return False


def _named(trip: pb.TripDescriptor, what: Skip) -> bool:
    return what.trip_id in {None, trip.trip_id} and what.route_id in {None, trip.route_id}


def words_in(alerts: pb.FeedMessage) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Give header and description by language of every alert in the feed, by its id."""
    return {
        entity.id: (
            {t.language: t.text for t in entity.alert.header_text.translation},
            {t.language: t.text for t in entity.alert.description_text.translation},
        )
        for entity in alerts.entity
        if entity.HasField("alert")
    }
