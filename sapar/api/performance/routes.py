"""Addresses of the performance pages; all need the role `viewer`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from sapar.api.parts import Parts
from sapar.api.performance.asked import Asked, read_asked
from sapar.api.performance.devices import device_figures
from sapar.api.performance.figures import (
    eta_figures,
    histograms,
    run_time_figures,
    segment_figures,
    service_figures,
    share,
)
from sapar.core.db import load_queries, translated
from sapar.core.errors import BadInput

QUERIES = load_queries("sapar.api.performance")
RUNS_MAX = 500
RUN_COLUMNS = (
    "trip_id",
    "start_s",
    "route_id",
    "direction",
    "block_id",
    "planned",
    "vehicle_ids",
    "status",
    "measured_status",
    "reasons",
    "gps_off",
    "scheduled_start_s",
    "scheduled_end_s",
    "first_stop_s",
    "last_stop_s",
    "stops_planned",
    "stops_visited",
    "stops_guessed",
    "planned_m",
    "driven_m",
    "gap_count",
    "gap_longest_s",
    "gap_latitude",
    "gap_longitude",
    "corrected_by",
    "correction",
)
CARRIER_COLUMNS = (
    "carrier_id",
    "name",
    "planned",
    "done",
    "partly",
    "extra",
    "gps_off",
    "planned_km",
    "driven_km",
    "corrected",
)
_REFUSED_DAYS = 7

Rows = list[tuple[Any, ...]]
Answer = Callable[[Request], Awaitable[dict[str, Any]]]


def make_performance_router(parts: Parts) -> APIRouter:
    """Make the router; every address stands alone and below the agency's name."""
    router = APIRouter()
    pages = PerformancePages(parts)
    guard = [Depends(parts.guard.needs("viewer"))]
    for name, answer in (
        ("performance/service", pages.service),
        ("performance/histograms", pages.histograms),
        ("performance/carriers", pages.carriers),
        ("performance/runs", pages.runs),
        ("performance/run-times", pages.run_times),
        ("performance/segments", pages.segments),
        ("performance/eta", pages.eta),
        ("devices", pages.devices),
    ):
        for prefix in ("", "/{agency}"):
            router.add_api_route(
                f"{prefix}/api/{name}.json",
                _answering(answer),
                methods=["GET"],
                response_model=None,
                dependencies=guard,
                name=f"{'agency_' if prefix else ''}{name}",
                summary=(answer.__doc__ or "").partition("\n")[0],
            )
    return router


def _answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = msgspec.json.encode(await answer(request))
        return Response(
            body, media_type="application/json", headers={"cache-control": "private, no-store"}
        )

    return endpoint


class PerformancePages:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id

    async def _fetch(self, query: str, values: dict[str, object]) -> Rows:
        with translated():
            async with self._parts.pool.connection() as connection:
                cursor = await connection.execute(QUERIES[query], values, binary=True)
                return await cursor.fetchall()

    async def service(self, request: Request) -> dict[str, Any]:
        """Runs delivered, punctuality, regularity, excess wait; by day, route, direction, hour."""
        asked, values = self._asked(request)
        rows = service_figures(
            await self._fetch("sum_service", values), await self._fetch("sum_runs", values)
        )
        return {**_told(asked), "rows": rows}

    async def histograms(self, request: Request) -> dict[str, Any]:
        """Departures by lateness, and headways by their share of the planned one."""
        asked, values = self._asked(request)
        return {**_told(asked), **histograms(await self._fetch("list_bins", values))}

    async def carriers(self, request: Request) -> dict[str, Any]:
        """Runs and kilometres proven, by carrier."""
        asked, values = self._asked(request)
        rows = []
        for row in await self._fetch("sum_carriers", values):
            entry = dict(zip(CARRIER_COLUMNS, row, strict=True))
            entry |= {name: round(float(entry[name]), 3) for name in ("planned_km", "driven_km")}
            rows.append({**entry, "run_share": share(entry["done"], entry["planned"])})
        return {**_told(asked), "rows": rows}

    async def runs(self, request: Request) -> dict[str, Any]:
        """Proofs of the runs of one day (`from`), some hundred at once (`after`)."""
        asked, values = self._asked(request)
        status = request.query_params.get("status") or None
        if status not in {None, "done", "partly", "not_done"}:
            raise BadInput("`status` is done, partly or not_done.", code="bad_status")
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise BadInput("`after` is a number of rows.", code="bad_number")
        values |= {"day": asked.first, "status": status, "after": int(after), "most": RUNS_MAX + 1}
        found = await self._fetch("list_runs", values)
        rows = [dict(zip(RUN_COLUMNS, row, strict=True)) for row in found[:RUNS_MAX]]
        more = int(after) + RUNS_MAX if len(found) > RUNS_MAX else None
        return {"day": asked.first.isoformat(), "rows": rows, "next_after": more}

    async def run_times(self, request: Request) -> dict[str, Any]:
        """Percentiles of a route's run times by direction and hour."""
        asked, values = self._asked(request)
        if asked.route_id is None:
            raise BadInput("Run times are those of one `route`.", code="route_missing")
        rows = run_time_figures(await self._fetch("list_run_times", values))
        return {**_told(asked), "rows": rows}

    async def segments(self, request: Request) -> dict[str, Any]:
        """Speeds between stops, and before (`before_from`, `before_to`): a bus lane's effect."""
        asked, values = self._asked(request)
        values |= await self._pairs(request, asked)
        now = await self._fetch("list_segments", values)
        before: Rows = []
        if "before_from" in request.query_params:
            earlier = read_asked(request, "before_")
            before = await self._fetch(
                "list_segments", {**values, "first": earlier.first, "last": earlier.last}
            )
        return {**_told(asked), "rows": segment_figures(now, before)}

    async def _pairs(self, request: Request, asked: Asked) -> dict[str, object]:
        """Give the pairs of neighbouring stops of a route, nulls for all."""
        if asked.route_id is None:
            return {"from_ids": None, "to_ids": None}
        timetable = await self._parts.timetables.get(self._agency(request))
        route = timetable.routes.index.get(asked.route_id)
        ids = timetable.stops.ids
        pairs = {
            (ids[one], ids[other])
            for pattern in timetable.patterns
            if pattern.route_idx == route
            for one, other in zip(
                pattern.stop_idx[:-1].tolist(), pattern.stop_idx[1:].tolist(), strict=True
            )
        }
        return {"from_ids": [one for one, _ in pairs], "to_ids": [other for _, other in pairs]}

    async def eta(self, request: Request) -> dict[str, Any]:
        """How arrival predictions held, by horizon, and by day or route."""
        asked, values = self._asked(request)
        return {**_told(asked), "rows": eta_figures(await self._fetch("sum_eta", values))}

    async def devices(self, request: Request) -> dict[str, Any]:
        """Health of trackers and validators."""
        now = self._parts.clock.now()
        values = {
            "agency_id": self._agency(request),
            "now": now,
            "since": now - timedelta(days=_REFUSED_DAYS),
        }
        rows = await self._fetch("list_devices", values)
        return {"time_s": round(now.timestamp(), 3), **device_figures(rows, now.timestamp())}

    def _asked(self, request: Request) -> tuple[Asked, dict[str, object]]:
        asked = read_asked(request)
        return asked, asked.values(self._agency(request))


def _told(asked: Asked) -> dict[str, Any]:
    """Repeat what was asked, so that a page shows what its figures are of."""
    return {
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "from_hour": asked.from_hour,
        "until_hour": asked.until_hour,
        "early_min": asked.early_min,
        "late_min": asked.late_min,
        **({} if asked.route_id is None else {"route_id": asked.route_id}),
    }
