"""Service alerts as the engine publishes them: rows of the table `alert`, in several languages."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.timetable.model import Timetable

_CAUSES = dict(pb.Alert.Cause.items())
_EFFECTS = dict(pb.Alert.Effect.items())


@dataclass(frozen=True, slots=True)
class Selector:
    """What an alert is about; at least one of the three, as ids of the timetable."""

    route_id: str | None = None
    stop_id: str | None = None
    trip_id: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        alert_id: stable id, the feed's entity id.
        header, description: text by language tag ("kk", "ru", "en").
        cause, effect: names of the GTFS-realtime enumerations; others are not published.
        periods: (from, until) in Unix seconds, None where open; no period means always.
        informed: what it is about; empty means the whole agency.
        url: where a rider reads more, by language tag.
    """

    alert_id: str
    header: dict[str, str]
    description: dict[str, str]
    cause: str = "UNKNOWN_CAUSE"
    effect: str = "UNKNOWN_EFFECT"
    periods: list[tuple[int | None, int | None]] = field(default_factory=list)
    informed: list[Selector] = field(default_factory=list)
    url: dict[str, str] = field(default_factory=dict)

    def is_over(self, time_s: int) -> bool:
        """Tell whether all periods have ended."""
        return bool(self.periods) and all(
            until is not None and until <= time_s for _, until in self.periods
        )


def fill_alert(entity: pb.FeedEntity, alert: Alert, timetable: Timetable) -> None:
    """Write an alert into a feed entity.

    A selector whose id the timetable no longer has is left out (rules E003, E004, E011); an alert
    that names nothing, or nothing that is left, is about every route type the agency runs.
    """
    entity.id = alert.alert_id
    message = entity.alert
    for start, end in alert.periods:
        period = message.active_period.add()
        if start is not None:
            period.start = start
        if end is not None:
            period.end = end
    if (cause := _CAUSES.get(alert.cause)) is not None:
        message.cause = cause  # type: ignore[assignment]  # the stubs make values plain int
    if (effect := _EFFECTS.get(alert.effect)) is not None:
        message.effect = effect  # type: ignore[assignment]
    for text, into in (
        (alert.header, message.header_text),
        (alert.description, message.description_text),
        (alert.url, message.url),
    ):
        for language, words in sorted(text.items()):
            into.translation.add(text=words, language=language)
    for selector in alert.informed:
        _add_selector(message, selector, timetable)
    if not message.informed_entity:
        for route_type in sorted({int(kind) for kind in timetable.routes.types}):
            message.informed_entity.add(route_type=route_type)


def _add_selector(message: pb.Alert, selector: Selector, timetable: Timetable) -> None:
    known = (
        (selector.route_id is None or selector.route_id in timetable.routes.index)
        and (selector.stop_id is None or selector.stop_id in timetable.stops.index)
        and (selector.trip_id is None or selector.trip_id in timetable.trips.index)
    )
    if not known or selector == Selector():
        return
    entity = message.informed_entity.add()
    if selector.route_id is not None:
        entity.route_id = selector.route_id
    if selector.stop_id is not None:
        entity.stop_id = selector.stop_id
    if selector.trip_id is not None:
        trip = timetable.trips.index[selector.trip_id]
        entity.trip.trip_id = selector.trip_id
        entity.trip.route_id = timetable.routes.ids[int(timetable.trips.route_idx[trip])]
        entity.trip.schedule_relationship = pb.TripDescriptor.SCHEDULED
        if selector.route_id is None:
            entity.route_id = entity.trip.route_id
