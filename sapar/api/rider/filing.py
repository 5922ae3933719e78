"""A rider's report: taken in with what the system knew, and followed by its code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sapar.api.arrivals.live import LiveStates
from sapar.api.rider.evidence import take_evidence
from sapar.api.rider.turnstile import Turnstile
from sapar.core.clock import Clock
from sapar.core.db import DatabaseRefused, Pool, translated
from sapar.core.errors import BadInput, NotFound
from sapar.core.settings import Settings
from sapar.dispatch.reports import Filed, NewReport, file_report, follow_report, forget_old

BODY_BYTES_MAX = 16_384
_OLDEST = timedelta(days=7)  # a report that waited on a telephone without a network


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A report as the page sends it; docs/rider.md describes the members."""

    code: str
    kind: str
    language: str
    text: str = ""
    contact: str = ""
    at_s: float | None = None
    stop_id: str | None = None
    route_id: str | None = None
    trip_id: str | None = None
    vehicle_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    shown: dict[str, Any] | None = None


class Filing:
    """Takes reports in."""

    def __init__(self, settings: Settings, clock: Clock, pool: Pool, live: LiveStates) -> None:
        self._settings = settings
        self._clock = clock
        self._pool = pool
        self._live = live
        self._turnstile = Turnstile(clock, 10, 3600.0)
        self._followers = Turnstile(clock, 120, 600.0)

    async def file(self, agency_id: str, body: bytes, address: str) -> Filed:
        """Keep a report.

        Raises:
            BadInput: it is malformed, or cannot be kept.
            TooSoon: there have been too many from this address.
        """
        try:
            sent = msgspec.json.decode(body, type=Sent)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise BadInput(f"That is no report: {exc}", code="bad_report") from None
        self._turnstile.enter(address)
        now = self._clock.now()
        report = NewReport(
            agency_id=agency_id,
            kind=sent.kind,
            body=sent.text,
            language=sent.language,
            happened_at=_moment(sent.at_s, now),
            code=sent.code,
            contact=sent.contact,
            stop_id=sent.stop_id or None,
            route_id=sent.route_id or None,
            trip_id=sent.trip_id or None,
            vehicle_id=sent.vehicle_id or None,
            latitude=sent.lat,
            longitude=sent.lon,
            evidence=await self._evidence(agency_id, sent),
        )
        try:
            with translated():
                async with self._pool.connection() as connection:
                    return await file_report(
                        connection, report, now=now, contact_days=self._settings.report_contact_days
                    )
        except DatabaseRefused as exc:  # what the page says that it showed is anybody's JSON
            raise BadInput("The report cannot be kept as it is.", code="bad_report") from exc

    async def follow(self, agency_id: str, code: str, address: str) -> dict[str, Any]:
        """Give what became of a report.

        Raises:
            BadInput, NotFound: there is no report of this code.
            TooSoon: that was asked for too often.
        """
        self._followers.enter(address)
        with translated():
            async with self._pool.connection() as connection:
                followed = await follow_report(connection, agency_id, code)
        names = {"happened_at", "filed_at", "answered_at", "closed_at", "contact_until"}
        plain: dict[str, Any] = {}
        for name in followed.__slots__:
            value = getattr(followed, name)
            if name in names:
                plain[f"{name[:-3]}_s" if name.endswith("_at") else f"{name}_s"] = (
                    None if value is None else int(value.timestamp())
                )
            else:
                plain[name] = value
        return plain

    async def forget(self) -> int:
        """Erase contacts and reports whose time is over; give how many."""
        with translated():
            async with self._pool.connection() as connection:
                return await forget_old(
                    connection,
                    now=self._clock.now(),
                    kept_days=self._settings.report_retention_days,
                )

    async def _evidence(self, agency_id: str, sent: Sent) -> dict[str, Any]:
        """What is known now, and what the page says that it showed when the rider pressed."""
        found: dict[str, Any] = {}
        if sent.shown is not None and len(msgspec.json.encode(sent.shown)) <= 4096:
            found["shown"] = sent.shown
        try:
            now = await self._live.get(agency_id)
        except NotFound:  # no timetable: the report is kept all the same
            return found
        return found | take_evidence(
            now, stop_id=sent.stop_id, trip_id=sent.trip_id, vehicle_id=sent.vehicle_id
        )


def _moment(at_s: float | None, now: datetime) -> datetime:
    """Give the moment that a report is about: as it says, but neither to come nor long past."""
    if at_s is None or not 0 <= at_s < 1e11:
        return now
    return min(max(datetime.fromtimestamp(at_s, UTC), now - _OLDEST), now)
