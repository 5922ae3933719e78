"""The versions of an agency's tariff by the time from which each holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.tariff.model import Tariff


class Tariffs:
    """All published versions of one agency; immutable.

    A version holds from its `effective_from` to that of the next one. Before the first no tariff
    holds, and taps of that time are held.

    Args:
        versions: (effective from in Unix ms, tariff); no two from the same moment.
        zone: the agency's zone, for fare days while there is no version at all.
    """

    __slots__ = ("_calendar", "_froms", "_tariffs", "has_month_cap")

    def __init__(
        self, versions: Iterable[tuple[int, Tariff]], zone: ZoneInfo | None = None
    ) -> None:
        ordered = sorted(versions, key=lambda version: version[0])
        self._froms = [effective_ms for effective_ms, _ in ordered]
        if len(set(self._froms)) != len(self._froms):
            raise ValueError("two versions hold from the same moment")
        self._tariffs = [tariff for _, tariff in ordered]
        first = self._tariffs[0].calendar if ordered else FareCalendar(zone or ZoneInfo("UTC"))
        self._calendar = first
        self.has_month_cap = any(tariff.has_month_cap for tariff in self._tariffs)

    @property
    def versions(self) -> list[tuple[int, Tariff]]:
        """The versions in order, each with the moment from which it holds."""
        return list(zip(self._froms, self._tariffs, strict=True))

    def tariff_at(self, at_ms: int) -> Tariff | None:
        """Give the version that holds at a moment, None before the first."""
        at = bisect_right(self._froms, at_ms)
        return self._tariffs[at - 1] if at else None

    def calendar_at(self, at_ms: int) -> FareCalendar:
        """Give the calendar that tells fare days at a moment."""
        tariff = self.tariff_at(at_ms)
        return tariff.calendar if tariff else self._calendar

    def fare_day(self, at_ms: int) -> date:
        """Give the fare day that holds a moment."""
        return self.calendar_at(at_ms).fare_day(at_ms)
