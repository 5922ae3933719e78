"""Alerts drafted from acts of dispatch, in Kazakh, Russian and English. Pure.

A draft stands in the feed as long as its act does, unless the table `alert` has one with the same
id: what a person wrote counts. The words of the dispatcher's reason are not published.
"""

from __future__ import annotations

from sapar.gtfs.realtime.acts import Act
from sapar.gtfs.realtime.alerts import Alert, Selector
from sapar.gtfs.timetable.model import Timetable

_STOPS_NAMED_MAX = 12


def detour_alert(timetable: Timetable, act: Act, stops: list[int]) -> Alert:
    """Draft the alert of a detour; `stops` are the rows of the stops that it misses."""
    route_id = getattr(act.what, "route_id", "")
    name = _route_name(timetable, timetable.routes.index[route_id])
    names = _stop_names(timetable, stops)
    missed = {
        "kk": f" Тоқтамайтын аялдамалар: {names}." if names else " Барлық аялдамаларға тоқтайды.",
        "ru": f" Не обслуживаются остановки: {names}."
        if names
        else " Все остановки обслуживаются.",
        "en": f" Stops not served: {names}." if names else " All stops are served.",
    }
    return Alert(
        act.act_id,
        {
            "kk": f"{name}: айналма жол",
            "ru": f"{name}: движение в объезд",
            "en": f"{name}: detour",
        },
        {
            "kk": f"{name} бағытындағы автобустар айналма жолмен жүреді.{missed['kk']}",
            "ru": f"Автобусы маршрута {name} идут в объезд.{missed['ru']}",
            "en": f"Buses on route {name} run by another way.{missed['en']}",
        },
        act.cause,
        "DETOUR",
        _periods(act),
        [
            Selector(route_id=route_id),
            *(Selector(route_id=route_id, stop_id=timetable.stops.ids[stop]) for stop in stops),
        ],
    )


def skip_alert(timetable: Timetable, act: Act, stops: list[int], route: int) -> Alert:
    """Draft the alert of stops that are not served, by one route or (-1) by none."""
    names = _stop_names(timetable, stops)
    route_id = None if route < 0 else timetable.routes.ids[route]
    name = "" if route < 0 else _route_name(timetable, route)
    one = len(stops) == 1
    return Alert(
        act.act_id,
        {
            "kk": "Аялдама жабық" if one else "Аялдамалар жабық",
            "ru": "Остановка закрыта" if one else "Остановки закрыты",
            "en": "Stop closed" if one else "Stops closed",
        },
        {
            "kk": f"Автобустар{_of(name, ' ({})')} тоқтамайды: {names}.",
            "ru": f"Автобусы{_of(name, ' маршрута {}')} не останавливаются: {names}.",
            "en": f"Buses{_of(name, ' of route {}')} do not call at: {names}.",
        },
        act.cause,
        "NO_SERVICE" if route < 0 else "MODIFIED_SERVICE",
        _periods(act),
        [Selector(route_id=route_id, stop_id=timetable.stops.ids[stop]) for stop in stops],
    )


def cancel_alert(timetable: Timetable, act: Act, trip: int) -> Alert:
    """Draft the alert of a trip that is cancelled on several dates."""
    trip_id = timetable.trips.ids[trip]
    name = _route_name(timetable, int(timetable.trips.route_idx[trip]))
    start_s = int(timetable.stop_times.departure_s[int(timetable.trips.st_begin[trip])])
    at = f"{start_s // 3600 % 24:02d}:{start_s // 60 % 60:02d}"
    return Alert(
        act.act_id,
        {
            "kk": f"{name}: {at} рейсі болмайды",
            "ru": f"{name}: рейс в {at} отменён",
            "en": f"{name}: the {at} trip is cancelled",
        },
        {
            "kk": f"{name} бағытының {at} рейсі бірнеше күн болмайды.",
            "ru": f"Рейс маршрута {name} в {at} отменён на несколько дней.",
            "en": f"The {at} trip of route {name} does not run for several days.",
        },
        act.cause,
        "NO_SERVICE",
        _periods(act),
        [Selector(trip_id=trip_id)],
    )


def with_drafts(alerts: list[Alert], drafts: tuple[Alert, ...]) -> list[Alert]:
    """Put drafts beside the alerts that people wrote; of one id, theirs counts."""
    written = {alert.alert_id for alert in alerts}
    return [*alerts, *(draft for draft in drafts if draft.alert_id not in written)]


def _periods(act: Act) -> list[tuple[int | None, int | None]]:
    start = act.created_s if act.from_s is None else act.from_s
    return [(int(start) or None, None if act.until_s is None else int(act.until_s))]


def _route_name(timetable: Timetable, route: int) -> str:
    routes = timetable.routes
    return routes.short_names[route] or routes.long_names[route] or routes.ids[route]


def _stop_names(timetable: Timetable, stops: list[int]) -> str:
    """Name stops for a sentence, each name once; of a long list only the first."""
    names = list(dict.fromkeys(timetable.stops.names[stop] for stop in stops))
    more = ", …" if len(names) > _STOPS_NAMED_MAX else ""
    return ", ".join(names[:_STOPS_NAMED_MAX]) + more


def _of(name: str, text: str) -> str:
    return text.format(name) if name else ""
