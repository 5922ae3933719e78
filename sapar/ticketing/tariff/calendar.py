"""Local time of a tariff: fare days and the clock on the wall, exact also where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sapar.core.errors import BadInput

QUARTER_MS = 900_000
"""Offsets from UTC change, and fare days begin, on a quarter of an hour: what holds for one moment
of a quarter holds for all of it, which makes the answers below a look-up."""

_CACHED_MAX = 200_000  # quarters: six years; taps with wild clocks cannot fill the memory


class FareCalendar:
    """Fare days of a zone: each lasts from `day_start_s` local time to the next day's.

    Raises:
        BadInput: the day begins in the middle of a quarter, or after noon.
    """

    __slots__ = ("_days", "_offsets", "day_start_s", "zone")

    def __init__(self, zone: ZoneInfo, day_start_s: int = 4 * 3600) -> None:
        if day_start_s % 900 or not 0 <= day_start_s <= 12 * 3600:
            raise BadInput("a fare day begins on a quarter of an hour, at noon or before")
        self.zone = zone
        self.day_start_s = day_start_s
        self._days: dict[int, date] = {}
        self._offsets: dict[int, int] = {}

    def fare_day(self, at_ms: int) -> date:
        """Give the fare day that holds a moment."""
        quarter = at_ms // QUARTER_MS
        day = self._days.get(quarter)
        if day is None:
            day = self._find_day(quarter * QUARTER_MS)
            if len(self._days) >= _CACHED_MAX:
                self._days.clear()
            self._days[quarter] = day
        return day

    def start_ms(self, day: date) -> int:
        """Give the moment at which a fare day begins; the first one where the clock shows it twice.

        Where the clock skips it, the day begins as if it had not been moved yet.
        """
        local = datetime.combine(day, time(), self.zone) + timedelta(seconds=self.day_start_s)
        return round(local.timestamp()) * 1000

    def bounds_ms(self, day: date) -> tuple[int, int]:
        """Give the first moment of a fare day and the first one after it."""
        return self.start_ms(day), self.start_ms(day + timedelta(days=1))

    def local(self, at_ms: int) -> tuple[int, int]:
        """Give the local calendar day (proleptic ordinal) and the second of it on the clock."""
        quarter = at_ms // QUARTER_MS
        offset_s = self._offsets.get(quarter)
        if offset_s is None:
            moment = datetime.fromtimestamp(quarter * (QUARTER_MS // 1000), UTC)
            shift = moment.astimezone(self.zone).utcoffset() or timedelta()
            offset_s = round(shift.total_seconds())
            if len(self._offsets) >= _CACHED_MAX:
                self._offsets.clear()
            self._offsets[quarter] = offset_s
        days, second = divmod(at_ms // 1000 + offset_s, 86400)
        return days + _EPOCH_ORDINAL, second

    def _find_day(self, at_ms: int) -> date:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)
        day = moment.date() + timedelta(days=1)
        while self.start_ms(day) > at_ms:
            day -= timedelta(days=1)
        return day


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
