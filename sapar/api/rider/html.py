"""The rider's pages as plain HTML, which a phone shows before, or without, any script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sapar.api.arrivals.answers import ArrivalShown, BoardShown
from sapar.api.rider.places import StopListed
from sapar.api.rider.words import LANGUAGES, WORDS, Language

SHOWN_MAX = 20
OVER_MAX = 3


def home_html(base: str, language: Language, text: str, found: Sequence[StopListed] | None) -> str:
    """Give the first page: a search, and what it found."""
    words = WORDS[language]
    parts = [
        (
            f'<form class="search" action="{escape(base)}/rider" method="get" role="search">'
            f'<label for="q">{words["search"]}</label>'
            f'<input type="hidden" name="lang" value="{language}">'
            f'<input id="q" name="q" type="search" value="{escape(text)}">'
            f'<button type="submit">{words["find"]}</button></form>'
        )
    ]
    if found is not None and not found:
        parts.append(f"<p>{escape(words['none_found'].format(text=text))}</p>")
    if found:
        items = "".join(_stop_item(base, language, stop) for stop in found)
        parts.append(f'<ul class="stops">{items}</ul>')
    parts.append(f'<noscript><p class="quiet">{words["no_script"]}</p></noscript>')
    return _page(base, language, "", "".join(parts))


def _stop_item(base: str, language: Language, stop: StopListed) -> str:
    towards = WORDS[language]["towards"].format(stop=stop.towards) if stop.towards else ""
    chips = "".join(_chip(route.short_name or route.long_name) for route in stop.routes)
    address = f"{base}/rider/stop/{quote(stop.id, safe='')}?lang={language}"
    return (
        f'<li><a class="stop" href="{escape(address)}"><b>{escape(stop.name)}</b>'
        f'<span class="quiet">{escape(towards)}</span><span class="chips">{chips}</span></a></li>'
    )


KEPT_S = {"scheduled": 180, "cancelled": 300, "skipped": 300, "passed": 300}
"""So long after its time a run is shown that nobody has seen, will not come, or has passed."""


def stop_html(base: str, language: Language, board: BoardShown) -> str:
    """Give the board of a stop."""
    words = WORDS[language]
    zone = ZoneInfo(board.timezone)
    names = {route.route_id: route.short_name or route.long_name for route in board.routes}
    shown, is_some_to_come = _choose(board)
    rows = "".join(_row(words, one, names, board.time_s, zone) for one in shown)
    parts = [f"<h1>{escape(board.stop.name)}</h1>"]
    if not board.live:
        parts.append(f'<p class="notice">{words["no_live"]}</p>')
    parts.extend(_alert(one.header, language) for one in board.alerts)
    if rows:
        parts.append(f'<ul class="board">{rows}</ul>')
    if not is_some_to_come:
        parts.append(f"<p>{words['nothing']}</p>")
    stand = words["updated"].format(time=_clock(board.time_s, zone))
    parts.append(f'<p class="quiet">{stand}</p>')
    parts.append(f'<p><a href="{escape(base)}/rider?lang={language}">{words["all_stops"]}</a></p>')
    return _page(base, language, f"/stop/{quote(board.stop.stop_id, safe='')}", "".join(parts))


def _choose(board: BoardShown) -> tuple[list[ArrivalShown], bool]:
    """Choose the lines of a board, in their order, and tell whether a bus is to come in them.

    What is over never takes the place of what is to come, however busy the stop.
    """
    calls = _without_repeats(one for one in board.arrivals if _is_shown(one, board.time_s))
    over = [one for one in calls if _is_over(one, board.time_s)]
    to_come = [one for one in calls if not _is_over(one, board.time_s)][:SHOWN_MAX]
    chosen = {id(one) for one in (*over[-OVER_MAX:], *to_come)}
    is_some_to_come = any(one.state not in {"cancelled", "skipped"} for one in to_come)
    return [one for one in calls if id(one) in chosen], is_some_to_come


def _is_over(one: ArrivalShown, now_s: int) -> bool:
    if one.state in {"cancelled", "skipped"} and not one.headway_s:
        return _planned_s(one, now_s) < now_s
    return one.state == "passed"


def _planned_s(one: ArrivalShown, now_s: int) -> int:
    return one.scheduled_departure_s or one.scheduled_arrival_s or now_s


def _is_shown(one: ArrivalShown, now_s: int) -> bool:
    """Tell whether a call is worth a line; `isShown` of the page with script has the same rule.

    Where nobody knows of a bus, its time is kept for a while: it may be late. Then it goes, for it
    has come or it never will. Whoever waits for a run that was cancelled, or that has just passed,
    still reads so.
    """
    kept_s = KEPT_S.get(one.state)
    passed = one.state == "passed"
    if kept_s is None or (one.headway_s and not passed):
        return True
    at_s = (one.passed_s if passed else None) or _planned_s(one, now_s)
    return at_s > now_s - kept_s


def _without_repeats(calls: Iterable[ArrivalShown]) -> list[ArrivalShown]:
    """Leave out the later ones of a headway that the timetable repeats."""
    said: set[tuple[str | None, str]] = set()
    kept = []
    for one in calls:
        if one.state == "scheduled" and one.headway_s:
            if (one.route_id, one.headsign) in said:
                continue
            said.add((one.route_id, one.headsign))
        kept.append(one)
    return kept


def unknown_html(base: str, language: Language) -> str:
    """Give the page of a stop that is none."""
    words = WORDS[language]
    link = f'<a href="{escape(base)}/rider?lang={language}">{words["all_stops"]}</a>'
    return _page(base, language, "", f"<p>{words['unknown_stop']}</p><p>{link}</p>")


def _alert(header: dict[str, str], language: Language) -> str:
    text = header.get(language) or next(iter(header.values()), "")
    return f'<p class="notice">{escape(text)}</p>'


def _row(
    words: dict[str, str], one: ArrivalShown, names: dict[str, str], now_s: int, zone: ZoneInfo
) -> str:
    when, kind = tell(words, one, now_s, zone)
    route = names.get(one.route_id or "", "?")
    return (
        f'<li class="call {one.state}">{_chip(route)} <span class="head">{escape(one.headsign)}'
        f'</span> <b class="when">{escape(when)}</b> <span class="kind">{escape(kind)}</span></li>'
    )


def tell(words: dict[str, str], one: ArrivalShown, now_s: int, zone: ZoneInfo) -> tuple[str, str]:
    """Say when a bus comes, and how that is known."""
    planned_s = one.scheduled_departure_s or one.scheduled_arrival_s
    planned = _clock(planned_s, zone) if planned_s else ""
    if one.state == "live":
        return _minutes(words, one, now_s), words["live"]
    if one.state == "no_signal":
        since = _clock(one.no_signal_since_s or now_s, zone)
        return planned, words["no_signal"].format(time=since)
    if one.state == "cancelled":
        return words["cancelled"].format(time=planned), ""
    if one.state in {"skipped", "passed"}:
        return words[one.state], ""
    if one.headway_s:
        return words["every"].format(n=round(one.headway_s / 60)), words["timetable"]
    return planned, words["timetable"]


def _minutes(words: dict[str, str], one: ArrivalShown, now_s: int) -> str:
    middle_s = one.arrival_s or one.departure_s or now_s
    low = max(0, math.floor(((one.earliest_s or middle_s) - now_s) / 60))
    high = max(low, math.ceil(((one.latest_s or middle_s) - now_s) / 60))
    if high <= 1:
        return words["now"]
    if low == high:
        return words["minutes"].format(n=low)
    return words["range"].format(low=low, high=high)


def _clock(unix_s: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(unix_s, zone).strftime("%H:%M")


def _chip(name: str) -> str:
    return f'<span class="chip">{escape(name)}</span>'


def _page(base: str, language: Language, path: str, body: str) -> str:
    links = " ".join(
        f'<a href="{escape(base)}/rider{escape(path)}?lang={one}" lang="{one}"'
        + (' aria-current="true"' if one == language else "")
        + f">{WORDS[one]['language']}</a>"
        for one in LANGUAGES
    )
    return (
        f'<header class="plain"><a href="{escape(base)}/rider?lang={language}">Sapar</a>'
        f'<nav class="languages">{links}</nav></header><main class="plain">{body}</main>'
    )
