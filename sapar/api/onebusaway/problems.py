"""report-problem-with-stop and -with-trip: into the same queue as the rider page's reports."""

from __future__ import annotations

from typing import Any

from sapar.api.onebusaway.asked import Asked, split_id
from sapar.api.onebusaway.cities import Cities
from sapar.api.parts import Parts
from sapar.api.rider.evidence import take_evidence
from sapar.api.rider.turnstile import Turnstile
from sapar.core.db import DatabaseRefused, translated
from sapar.core.errors import BadInput, NotFound
from sapar.dispatch.reports import NewReport, file_report
from sapar.dispatch.reports.filing import BODY_MAX, KIND_OF_ONEBUSAWAY, LANGUAGES

_MOST, _WITHIN_S = 10, 3600.0


class Problems:
    """Takes reports of OneBusAway's apps."""

    def __init__(self, parts: Parts, cities: Cities) -> None:
        self._parts = parts
        self._cities = cities
        self._turnstile = Turnstile(parts.clock, _MOST, _WITHIN_S)

    async def stop(self, full_id: str, asked: Asked, address: str) -> dict[str, Any]:
        """Keep a report about a stop; the id is in the address, or in the query as `stopId`."""
        full_id = full_id or asked.text("stopId")
        agency_id, local = split_id(full_id)
        await self._file(agency_id, asked, address, stop_id=local)
        return {}

    async def trip(self, full_id: str, asked: Asked, address: str) -> dict[str, Any]:
        """Keep a report about a trip; the id is in the address, or in the query as `tripId`."""
        full_id = full_id or asked.text("tripId")
        agency_id, local = split_id(full_id)
        # the documentation and Android write stopId, the official client stopID
        stop_id = asked.text("stopId") or asked.text("stopID")
        vehicle_id = asked.text("vehicleId") or asked.text("vehicleID")
        await self._file(
            agency_id,
            asked,
            address,
            trip_id=local,
            stop_id=_local(stop_id),
            vehicle_id=_local(vehicle_id) or asked.text("userVehicleNumber") or None,
        )
        return {}

    async def _file(
        self,
        agency_id: str,
        asked: Asked,
        address: str,
        *,
        trip_id: str | None = None,
        stop_id: str | None = None,
        vehicle_id: str | None = None,
    ) -> None:
        city = await self._cities.get(agency_id)
        timetable = city.now.plan.timetable
        if trip_id is None and (stop_id or "") not in timetable.stops.index:
            raise NotFound(f"There is no stop {stop_id!r}.", code="no_such_stop")
        trip = timetable.trips.index.get(trip_id or "", -1)
        route = int(timetable.trips.route_idx[trip]) if trip >= 0 else -1
        self._turnstile.enter(address)
        languages = [text for text in timetable.languages if text in LANGUAGES]
        now = self._parts.clock.now()
        report = NewReport(
            agency_id=agency_id,
            kind=KIND_OF_ONEBUSAWAY.get(asked.text("code"), "other"),
            body=asked.text("userComment")[:BODY_MAX],
            language=languages[0] if languages else "ru",
            happened_at=now,  # apps send it at once
            source="onebusaway",
            stop_id=stop_id or None,
            route_id=timetable.routes.ids[route] if route >= 0 else None,
            trip_id=trip_id,
            vehicle_id=vehicle_id,
            latitude=asked.number("userLat", -90, 90),
            longitude=asked.number("userLon", -180, 180),
            evidence=take_evidence(
                city.now, stop_id=stop_id, trip_id=trip_id, vehicle_id=vehicle_id
            ),
        )
        days = self._parts.settings.report_contact_days
        try:
            with translated():
                async with self._parts.pool.connection() as connection:
                    await file_report(connection, report, now=now, contact_days=days)
        except DatabaseRefused as exc:
            raise BadInput("the report cannot be kept", code="bad_report") from exc


def _local(full_id: str) -> str | None:
    return full_id.partition("_")[2] or full_id or None
