"""What a person writes for riders, and what is refused of it. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from sapar.core.errors import BadInput
from sapar.dispatch.desk.alert_words import CAUSES, EFFECTS, LANGUAGES, REQUIRED
from sapar.gtfs.timetable.model import Timetable

HEADER_MAX = 80
DESCRIPTION_MAX = 600
URL_MAX = 300
INFORMED_MAX = 200
TIME_MAX_S = 2.0**32 - 1  # of a feed's active period, and of every clock here


class Informed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an alert is about, as ids of the timetable."""

    route_id: str | None = None
    stop_id: str | None = None
    trip_id: str | None = None


class AlertContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person writes.

    Attributes:
        header, description, url: by language, `kk`, `ru` and `en`; the first two are required.
        cause, effect: names of the GTFS-realtime enumerations.
        from_s, until_s: when it is shown, Unix seconds; None is open.
        informed: what it is about; empty: the whole agency.
    """

    header: dict[str, str]
    description: dict[str, str]
    url: dict[str, str] = {}
    cause: str = "OTHER_CAUSE"
    effect: str = "OTHER_EFFECT"
    from_s: float | None = None
    until_s: float | None = None
    informed: list[Informed] = []


def check_alert(content: AlertContent, timetable: Timetable) -> None:
    """Refuse an alert that a rider could not read, or that speaks of what is not there.

    Raises:
        BadInput: a language is missing or unknown, a text is too long, an address is none, a name
            is not in the enumerations or the timetable, or the period ends before it begins.
    """
    for name, texts, longest in (
        ("header", content.header, HEADER_MAX),
        ("description", content.description, DESCRIPTION_MAX),
    ):
        for language in REQUIRED:
            if not texts.get(language, "").strip():
                raise BadInput(f"{name}.{language} is missing", code="language_missing")
        _check_texts(name, texts, longest)
    if set(content.header) != set(content.description):
        raise BadInput("a language has a header alone, or none", code="language_missing")
    _check_texts("url", content.url, URL_MAX)
    for url in content.url.values():
        if not _is_url(url):
            raise BadInput(f"{url!r} is no web address", code="bad_url")
    if content.cause not in CAUSES:
        raise BadInput(f"{content.cause!r} is no cause", code="bad_cause")
    if content.effect not in EFFECTS:
        raise BadInput(f"{content.effect!r} is no effect", code="bad_effect")
    _check_period(content.from_s, content.until_s)
    _check_informed(content.informed, timetable)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # an address in brackets that is none
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in text


def _check_period(from_s: float | None, until_s: float | None) -> None:
    for time_s in (from_s, until_s):
        if time_s is not None and not 0 <= time_s <= TIME_MAX_S:
            raise BadInput("a time is out of range", code="bad_period")
    if from_s is not None and until_s is not None and until_s <= from_s:
        raise BadInput("the period ends before it begins", code="bad_period")


def _check_texts(name: str, texts: dict[str, str], longest: int) -> None:
    for language, text in texts.items():
        if language not in LANGUAGES:
            raise BadInput(f"{name}: {language!r} is no language here", code="bad_language")
        if not text.strip():
            raise BadInput(f"{name}.{language} is empty", code="language_missing")
        if len(text) > longest:
            raise BadInput(
                f"{name}.{language} has {len(text)} characters, at most {longest} are shown",
                code="text_too_long",
            )
        if any(ord(sign) < 32 and sign != "\n" for sign in text):
            raise BadInput(f"{name}.{language} has a control character", code="bad_text")


def _check_informed(informed: list[Informed], timetable: Timetable) -> None:
    if len(informed) > INFORMED_MAX:
        raise BadInput(f"more than {INFORMED_MAX} places", code="too_many_places")
    for place in informed:
        if place == Informed():
            raise BadInput("a place names a route, a stop or a trip", code="bad_place")
        for kind, name, index in (
            ("route", place.route_id, timetable.routes.index),
            ("stop", place.stop_id, timetable.stops.index),
            ("trip", place.trip_id, timetable.trips.index),
        ):
            if name is not None and name not in index:
                raise BadInput(f"the timetable has no {kind} {name!r}", code=f"unknown_{kind}")
