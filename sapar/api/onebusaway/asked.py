"""What is asked: ids, times, places and switches as OneBusAway writes them in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sapar.core.errors import BadInput, NotFound

_METRES_PER_DEGREE = 111_195.0
RADIUS_MAX_M = 20_000.0
_TIME_MAX_MS = 4_102_444_800_000  # the year 2100: further no timetable reaches, and no date fails


def join_id(agency_id: str, local: str) -> str:
    """Give the id of a thing of an agency; '' stays ''."""
    return f"{agency_id}_{local}" if local else ""


def split_id(text: str) -> tuple[str, str]:
    """Take an id apart at its first underscore: (agency, id).

    Raises:
        NotFound: it has none, so it is nobody's.
    """
    agency_id, underscore, local = text.partition("_")
    if not underscore or not agency_id or not local:
        raise NotFound(f"{text!r} is no id: agency, underscore, id.", code="no_such_id")
    return agency_id, local


@dataclass(frozen=True, slots=True)
class Box:
    """A box of WGS84 degrees around a place; `radius_m` when it was asked for by radius."""

    lat: float
    lon: float
    half_lat: float
    half_lon: float
    radius_m: float | None

    @property
    def low(self) -> tuple[float, float]:
        """South-west corner."""
        return self.lat - self.half_lat, self.lon - self.half_lon

    @property
    def high(self) -> tuple[float, float]:
        """North-east corner."""
        return self.lat + self.half_lat, self.lon + self.half_lon


class Asked:
    """The query of a request.

    Every method raises BadInput, which is answered 400, for a value that is none.
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query

    def text(self, name: str) -> str:
        """Give a text, '' when it is not there."""
        return self._query.get(name, "").strip()

    def flag(self, name: str, *, default: bool) -> bool:
        """Give a switch."""
        text = self.text(name).lower()
        if text not in {"", "true", "false", "1", "0"}:
            raise _bad(name, text)
        return default if not text else text in {"true", "1"}

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Give a whole number; outside the bounds it is taken for the nearer one."""
        text = self.text(name)
        if not text:
            return default
        try:
            return max(low, min(high, int(text)))
        except ValueError:
            raise _bad(name, text) from None

    def number(self, name: str, low: float, high: float) -> float | None:
        """Give a number, None when it is not there."""
        text = self.text(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise _bad(name, text) from None
        if not math.isfinite(value) or not low <= value <= high:
            raise _bad(name, text)
        return value

    def time_s(self, name: str, zone: ZoneInfo) -> float | None:
        """Give a moment: milliseconds, yyyy-MM-dd_HH-mm-ss or yyyy-MM-dd in the city's zone."""
        text = self.text(name)
        if not text:
            return None
        try:
            if text.isdecimal():
                if int(text) > _TIME_MAX_MS:
                    raise _bad(name, text)
                return int(text) / 1000
            form = "%Y-%m-%d_%H-%M-%S" if "_" in text else "%Y-%m-%d"
            moment = datetime.strptime(text, form).replace(tzinfo=zone)
            if moment.year < 1971:
                raise _bad(name, text)
            return min(moment.timestamp(), _TIME_MAX_MS / 1000)
        except (ValueError, OverflowError):
            raise _bad(name, text) from None

    def day(self, name: str, zone: ZoneInfo, today_s: float) -> date:
        """Give a date: yyyy-MM-dd or milliseconds; without one the city's day."""
        moment_s = self.time_s(name, zone)
        return datetime.fromtimestamp(today_s if moment_s is None else moment_s, zone).date()

    def box(self, default_m: float) -> Box:
        """Give the place asked for, by `radius` in metres or by `latSpan` and `lonSpan`."""
        lat, lon = self.number("lat", -90, 90), self.number("lon", -180, 180)
        if lat is None or lon is None:
            raise BadInput("lat and lon are needed", code="no_place")
        spans = self.number("latSpan", 0, 180), self.number("lonSpan", 0, 360)
        if spans[0] is not None and spans[1] is not None:
            return Box(lat, lon, spans[0] / 2, spans[1] / 2, None)
        radius_m = self.number("radius", 0, 1e7)
        radius_m = min(radius_m or default_m, RADIUS_MAX_M)
        half = radius_m / _METRES_PER_DEGREE
        return Box(lat, lon, half, half / max(0.01, math.cos(math.radians(lat))), radius_m)


def _bad(name: str, text: str) -> BadInput:
    return BadInput(f"{name}={text!r} is no value of it", code="bad_parameter")
