"""Reading the past out of the database."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sapar.api.replay.columns import MINUTE_S, VisitsByVehicle
from sapar.core.db import Pool, load_queries, translated

As = Literal["was", "known"]
QUERIES = load_queries("sapar.api.replay")

_HOUR_S = 3600
_AROUND_S = 2700  # how far apart two visits of a run may lie: the longest leg, and a layover
_HOURS_KEPT = 4  # of 3,000 buses some 100 MB
_LATE_S = 600.0
_MARKS_MAX = 500
BIN_S = 300


class Past:
    """What is stored of all agencies.

    Args:
        pool: where to read.
        ahead_s: how far a device's clock may run ahead.
    """

    def __init__(self, pool: Pool, ahead_s: float) -> None:
        self._pool = pool
        self._ahead_s = ahead_s
        self._hours: OrderedDict[tuple[str, int], tuple[float, VisitsByVehicle]] = OrderedDict()
        self._reading = asyncio.Lock()

    async def fetch(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a query of this part."""
        with translated():
            async with self._pool.connection() as connection:
                cursor = connection.cursor(binary=True)
                await cursor.execute(QUERIES[query], values)
                return await cursor.fetchall()

    async def fixes(
        self, agency_id: str, since_s: int, known_as: As
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Give where each bus was at the begin of a minute, and the fixes of the minute."""
        values = {
            "agency_id": agency_id,
            "since": _moment(since_s),
            "until": _moment(since_s + MINUTE_S),
            "ahead_s": self._ahead_s,
            "late_s": _LATE_S,
        }
        start = await self.fetch(f"list_start_{known_as}", **values)
        return start, await self.fetch(f"list_fixes_{known_as}", **values)

    async def visits(
        self, agency_id: str, since_s: int, zone: ZoneInfo, now_s: float
    ) -> VisitsByVehicle:
        """Give the visits of the hour that holds a moment, with those around it.

        Hours that are over are kept; one that is not is read again after a while.
        """
        hour_s = since_s - since_s % _HOUR_S
        key = (agency_id, hour_s)
        async with self._reading:
            kept = self._hours.get(key)
            if kept is not None and now_s < kept[0]:
                self._hours.move_to_end(key)
                return kept[1]
            begin_s, end_s = hour_s - _AROUND_S, hour_s + _HOUR_S + _AROUND_S
            rows = await self.fetch(
                "list_visits_between",
                agency_id=agency_id,
                since=_moment(begin_s),
                until=_moment(end_s),
                **_dates(begin_s, end_s, zone),
            )
            found = await asyncio.to_thread(VisitsByVehicle.of, rows)
            # what came in late is seen after ten minutes, what happens now after five seconds
            self._hours[key] = (now_s + (600 if now_s > end_s + _HOUR_S else 5), found)
            while len(self._hours) > _HOURS_KEPT:
                self._hours.popitem(last=False)
            return found

    async def heard(self, agency_id: str, since_s: int, until_s: int) -> list[bool]:
        """Tell for each `BIN_S` of a span whether any device was heard."""
        rows = await self.fetch(
            "list_heard_bins",
            agency_id=agency_id,
            since=_moment(since_s),
            until=_moment(until_s),
            bin_s=BIN_S,
        )
        return [row[0] for row in rows]

    async def alarms(self, agency_id: str, since_s: int, until_s: int) -> list[tuple[Any, ...]]:
        """Give the alarms that were raised in a span."""
        return await self.fetch(
            "list_alarm_marks",
            agency_id=agency_id,
            since=_moment(since_s),
            until=_moment(until_s),
            most=_MARKS_MAX,
        )

    async def visits_of_trips(
        self, agency_id: str, service_date: date, trips: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """Give what buses did on some trips of a service date."""
        return await self.fetch(
            "list_visits_of_trips",
            agency_id=agency_id,
            service_date=service_date,
            trips=list(trips),
        )


def _moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)


def _dates(begin_s: float, end_s: float, zone: ZoneInfo) -> dict[str, date]:
    """Give the service dates that may have buses on the road: a day's runs end after midnight."""
    first = datetime.fromtimestamp(begin_s, zone).date() - timedelta(days=1)
    return {"first": first, "last": datetime.fromtimestamp(end_s, zone).date()}
