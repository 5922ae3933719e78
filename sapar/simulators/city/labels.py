"""What riders read: route names and headsigns, and their translations."""

from __future__ import annotations

from collections.abc import Iterable

from sapar.simulators.city.fleet import LineService
from sapar.simulators.city.lines import LineKind
from sapar.simulators.city.timing import Course
from sapar.simulators.city.words import Name

CIRCLE_SIGNS = (
    Name(
        "Айналма бағыт (сағат тіліне қарсы)",
        "По кольцу (против часовой стрелки)",
        "Circle (anticlockwise)",
    ),
    Name("Айналма бағыт (сағат тілімен)", "По кольцу (по часовой стрелке)", "Circle (clockwise)"),
)
"""Headsigns of a circular route, by direction."""


def join_names(names: Iterable[Name], mark: str) -> Name:
    """Join names into one, language by language."""
    return Name(*(mark.join(words) for words in zip(*names, strict=True)))


def route_name(service: LineService) -> Name:
    """Name a route by its terminals; a circular one by its terminal and the stop opposite."""
    stops = service.pattern(0).stops
    if service.line.kind is LineKind.CIRCULAR:
        return join_names((stops[0].name, stops[len(stops) // 2].name, stops[0].name), " – ")
    far = [stops[-1].name]
    if service.line.kind is LineKind.BRANCHED:
        far.append(service.pattern(0, 1).stops[-1].name)
    return join_names((stops[0].name, join_names(far, " / ")), " – ")


def headsign(circular: bool, course: Course) -> Name:
    """Give what the front of the bus shows: where the trip ends, or the sense of a circle."""
    if circular:
        return CIRCLE_SIGNS[course.pattern.direction]
    return course.pattern.stops[course.last].name


def translations(
    table: str, field: str, names: Iterable[tuple[Name, str | None]]
) -> list[tuple[str, ...]]:
    """List the rows of translations.txt for the names in a column of a table.

    Each name comes with its record's id; where that is None, the row is keyed by the Kazakh text
    itself and stands for every record that carries it.
    """
    rows: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for name, record_id in names:
        for language, text in (("ru", name.ru), ("en", name.en)):
            value = "" if record_id is not None else name.kk
            key = (language, record_id or "", value)
            rows.setdefault(key, (table, field, language, text, record_id or "", value))
    return list(rows.values())
