"""First and last days of services, from weekdays and exceptions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Calendars(Protocol):
    """What a feed and a timetable both know of services; days are proleptic ordinals."""

    @property
    def ids(self) -> list[str]:
        """Service ids."""
        ...

    @property
    def weekdays(self) -> NDArray[np.bool_]:
        """Days of the week, bool[n_services, 7], Monday first."""
        ...

    @property
    def start_day(self) -> NDArray[np.signedinteger[Any]]:
        """First day of each service."""
        ...

    @property
    def end_day(self) -> NDArray[np.signedinteger[Any]]:
        """Last day of each service."""
        ...

    @property
    def exception_service(self) -> NDArray[np.signedinteger[Any]]:
        """Service of each exception."""
        ...

    @property
    def exception_day(self) -> NDArray[np.signedinteger[Any]]:
        """Day of each exception."""
        ...

    @property
    def exception_added(self) -> NDArray[np.bool_]:
        """Whether the exception adds the day."""
        ...


def service_ranges(services: Calendars) -> list[tuple[int, int] | None]:
    """Give each service's first and last day as ordinals, None for one that never runs."""
    added: list[list[int]] = [[] for _ in services.ids]
    removed: list[set[int]] = [set() for _ in services.ids]
    rows = zip(
        services.exception_service.tolist(),
        services.exception_day.tolist(),
        services.exception_added.tolist(),
        strict=True,
    )
    for service, day, is_added in rows:
        if is_added:
            added[service].append(day)
        else:
            removed[service].add(day)
    ranges: list[tuple[int, int] | None] = []
    for row, weekdays in enumerate(services.weekdays.tolist()):
        days = added[row]
        if any(weekdays):
            span = range(int(services.start_day[row]), int(services.end_day[row]) + 1)
            for ordered in (span, reversed(span)):
                days = days + _first_running(ordered, weekdays, removed[row])
        ranges.append((min(days), max(days)) if days else None)
    return ranges


def _first_running(days: Iterable[int], weekdays: list[bool], removed: set[int]) -> list[int]:
    for day in days:
        # ordinal 1 is a Monday
        if weekdays[(day - 1) % 7] and day not in removed:
            return [day]
    return []
