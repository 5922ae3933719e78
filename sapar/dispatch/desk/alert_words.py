"""What riders are told, from effect, cause, places and period, in three languages. Pure.

A person goes on from there; `sapar.gtfs.realtime.alert_drafts` has the words of acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sapar.gtfs.realtime.acts import Act
from sapar.gtfs.realtime.alerts import Alert, Selector
from sapar.gtfs.timetable.model import Timetable

LANGUAGES = ("kk", "ru", "en")
REQUIRED = ("kk", "ru")
"""Languages without which no alert is published."""

Words = dict[str, str]

_WITH_ROUTES: dict[str, Words] = {
    "NO_SERVICE": {
        "kk": "{n}: автобус жүрмейді",
        "ru": "{n}: автобусы не ходят",
        "en": "{n}: no service",
    },
    "REDUCED_SERVICE": {
        "kk": "{n}: автобустар сирек жүреді",
        "ru": "{n}: автобусы ходят реже",
        "en": "{n}: fewer buses",
    },
    "SIGNIFICANT_DELAYS": {
        "kk": "{n}: автобустар кешігіп жүр",
        "ru": "{n}: автобусы опаздывают",
        "en": "{n}: delays",
    },
    "DETOUR": {"kk": "{n}: айналма жол", "ru": "{n}: движение в объезд", "en": "{n}: detour"},
    "ADDITIONAL_SERVICE": {
        "kk": "{n}: қосымша автобустар",
        "ru": "{n}: дополнительные автобусы",
        "en": "{n}: extra buses",
    },
    "MODIFIED_SERVICE": {
        "kk": "{n}: қозғалыс өзгерді",
        "ru": "{n}: движение изменено",
        "en": "{n}: changed service",
    },
    "STOP_MOVED": {
        "kk": "{n}: аялдама көшірілді",
        "ru": "{n}: остановка перенесена",
        "en": "{n}: stop moved",
    },
    "ACCESSIBILITY_ISSUE": {
        "kk": "{n}: арбамен міну қиын",
        "ru": "{n}: посадка с коляской затруднена",
        "en": "{n}: limited wheelchair access",
    },
    "OTHER_EFFECT": {
        "kk": "{n}: жолаушыларға хабарландыру",
        "ru": "{n}: объявление для пассажиров",
        "en": "{n}: notice to passengers",
    },
}
EFFECTS = tuple(_WITH_ROUTES)
"""Effects that a dispatcher chooses from, worst first."""

_CAUSES: dict[str, Words] = {
    "CONSTRUCTION": {"kk": "жол жөндеу", "ru": "ремонт дороги", "en": "road works"},
    "ACCIDENT": {"kk": "жол апаты", "ru": "ДТП", "en": "an accident"},
    "TECHNICAL_PROBLEM": {
        "kk": "техникалық ақау",
        "ru": "техническая неисправность",
        "en": "a technical problem",
    },
    "WEATHER": {"kk": "ауа райы", "ru": "погодные условия", "en": "the weather"},
    "DEMONSTRATION": {
        "kk": "көпшілік іс-шара",
        "ru": "массовое мероприятие",
        "en": "a public event",
    },
    "HOLIDAY": {"kk": "мереке", "ru": "праздник", "en": "a public holiday"},
    "MAINTENANCE": {
        "kk": "жоспарлы жұмыстар",
        "ru": "плановые работы",
        "en": "planned maintenance",
    },
    "POLICE_ACTIVITY": {
        "kk": "полиция жолды жапты",
        "ru": "дорога перекрыта полицией",
        "en": "the road is closed by the police",
    },
    "MEDICAL_EMERGENCY": {
        "kk": "жедел медициналық көмек",
        "ru": "экстренная медицинская помощь",
        "en": "a medical emergency",
    },
    "STRIKE": {"kk": "ереуіл", "ru": "забастовка", "en": "a strike"},
    "OTHER_CAUSE": {},
}
CAUSES = tuple(_CAUSES)

_STOPS = {"kk": "Аялдамалар: {n}.", "ru": "Остановки: {n}.", "en": "Stops: {n}."}
_UNTIL = {"kk": "Аяқталуы: {n}.", "ru": "До {n}.", "en": "Until {n}."}
_WHY = {"kk": "Себебі: {n}.", "ru": "Причина: {n}.", "en": "Reason: {n}."}
_CITY = {"kk": "Барлық бағыттар", "ru": "Все маршруты", "en": "All routes"}
_CHANGED = {
    "NO_SERVICE": {
        "kk": "Автобустар тоқтамайды.",
        "ru": "Автобусы не останавливаются.",
        "en": "Buses do not call.",
    },
    "DETOUR": {
        "kk": "Автобустар айналма жолмен жүреді.",
        "ru": "Автобусы идут в объезд.",
        "en": "Buses run by another way.",
    },
    "SIGNIFICANT_DELAYS": {
        "kk": "Автобустарды ұзағырақ күтуге тура келеді.",
        "ru": "Ждать автобус придётся дольше обычного.",
        "en": "Expect to wait longer than usual.",
    },
}
_NAMES_MAX = 8


def draft(
    timetable: Timetable,
    effect: str,
    cause: str,
    informed: Sequence[Selector],
    until_s: float | None,
    now_s: float,
) -> tuple[Words, Words]:
    """Draft header and description by language; a person goes on from there."""
    routes = _names(
        dict.fromkeys(route_name(timetable, s.route_id) for s in informed if s.route_id is not None)
    )
    stops = _names(
        dict.fromkeys(
            timetable.stops.names[timetable.stops.index[s.stop_id]]
            for s in informed
            if s.stop_id in timetable.stops.index
        )
    )
    words = _WITH_ROUTES.get(effect, _WITH_ROUTES["OTHER_EFFECT"])
    only_stops = effect == "NO_SERVICE" and stops
    header, description = {}, {}
    for language in LANGUAGES:
        named = routes or stops or _CITY[language]
        header[language] = words[language].format(n=named)
        if only_stops and not routes:
            header[language] = _closed(language, stops)
        parts = [
            _CHANGED.get(effect, {}).get(language, "") if effect != "NO_SERVICE" or stops else "",
            _STOPS[language].format(n=stops) if stops else "",
            _UNTIL[language].format(n=_moment(timetable, until_s, now_s)) if until_s else "",
            _WHY[language].format(n=_CAUSES[cause][language]) if _CAUSES.get(cause) else "",
        ]
        description[language] = " ".join(part for part in parts if part) or header[language]
    return header, description


def cancelled_once(timetable: Timetable, act: Act, start_s: float, trip: int) -> Alert:
    """Propose an alert for one cancelled run; feeds cancel it without one."""
    route = timetable.routes.ids[int(timetable.trips.route_idx[trip])]
    name = route_name(timetable, route)
    at = datetime.fromtimestamp(start_s, timetable.timezone).strftime("%H:%M")
    to = timetable.trips.headsigns[trip]
    toward = f" ({to})" if to else ""
    return Alert(
        act.act_id,
        {
            "kk": f"{name}: {at} рейсі болмайды",
            "ru": f"{name}: рейс в {at} отменён",
            "en": f"{name}: the {at} trip is cancelled",
        },
        {
            "kk": f"{name} бағытының {at} рейсі{toward} бүгін болмайды. Келесі автобусты күтіңіз.",
            "ru": f"Рейс маршрута {name} в {at}{toward} сегодня отменён. Дождитесь следующего.",
            "en": f"The {at} trip of route {name}{toward} does not run today. Take the next one.",
        },
        act.cause,
        "NO_SERVICE",
        [],
        [Selector(route_id=route)],
    )


def route_name(timetable: Timetable, route_id: str) -> str:
    """Name a route as riders know it."""
    row = timetable.routes.index.get(route_id)
    if row is None:
        return route_id
    return timetable.routes.short_names[row] or timetable.routes.long_names[row] or route_id


def _closed(language: str, stops: str) -> str:
    text = {"kk": "Жабық аялдама: {n}", "ru": "Остановка закрыта: {n}", "en": "Stop closed: {n}"}
    many = {
        "kk": "Жабық аялдамалар: {n}",
        "ru": "Остановки закрыты: {n}",
        "en": "Stops closed: {n}",
    }
    return (many if "," in stops else text)[language].format(n=stops)


def _names(names: dict[str, None]) -> str:
    listed = list(names)
    return ", ".join(listed[:_NAMES_MAX]) + (", …" if len(listed) > _NAMES_MAX else "")


def _moment(timetable: Timetable, time_s: float, now_s: float) -> str:
    at = datetime.fromtimestamp(time_s, UTC).astimezone(timetable.timezone)
    today = datetime.fromtimestamp(now_s, UTC).astimezone(timetable.timezone).date()
    return at.strftime("%H:%M" if at.date() == today else "%d.%m, %H:%M")
