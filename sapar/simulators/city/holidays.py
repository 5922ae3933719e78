"""Public holidays of Kazakhstan on fixed dates, which the timetable runs as Sundays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

HOLIDAYS: frozenset[tuple[int, int]] = frozenset(
    {
        (1, 1), (1, 2),  # New Year
        (1, 7),  # Orthodox Christmas
        (3, 8),  # Women's Day
        (3, 21), (3, 22), (3, 23),  # Nauryz
        (5, 1),  # Unity Day
        (5, 7),  # Defender of the Fatherland Day
        (5, 9),  # Victory Day
        (7, 6),  # Capital Day
        (8, 30),  # Constitution Day
        (10, 25),  # Republic Day
        (12, 16),  # Independence Day
    }
)  # fmt: skip
"""(month, day). Kurban Ait moves with the lunar calendar and is left out."""

DAYS_BACK = 60
DAYS_AHEAD = 300


def default_service_dates(day: date) -> tuple[date, date]:
    """Give the first and last service date of a city that is to run on `day`."""
    return day - timedelta(days=1 + DAYS_BACK), day + timedelta(days=DAYS_AHEAD)


def holidays_between(first: date, last: date) -> Iterator[date]:
    """List the holidays from `first` to `last`, both included, in order."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if (day.month, day.day) in HOLIDAYS:
            yield day
