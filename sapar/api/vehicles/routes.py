"""The address of a vehicle's trail."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of
from sapar.api.parts import Parts
from sapar.core.db import load_queries, translated
from sapar.core.errors import BadInput

_QUERIES = load_queries("sapar.api.vehicles")
_MINUTES = 30
_MINUTES_MAX = 240
_AHEAD = timedelta(minutes=2)  # a device's clock may run ahead by that


def make_vehicles_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs `viewer`."""
    router = APIRouter()
    vehicles = VehiclesDesk(parts)
    path = "/api/vehicles/{vehicle_id}/trail"
    add(router, parts.guard.needs("viewer"), "GET", path, vehicles.trail)
    return router


class VehiclesDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def trail(self, request: Request, _person: Person) -> Response:
        """Where a vehicle has been in the last `minutes`: its true fixes, oldest first.

        Raises:
            BadInput: more minutes are asked for than a trail has.
            NotFound, Unavailable: as `Parts.known`; or the database does not answer.
        """
        minutes = number_of(request, "minutes")
        minutes = _MINUTES if minutes is None else minutes
        if not 1 <= minutes <= _MINUTES_MAX:
            raise BadInput(f"`minutes` is from 1 to {_MINUTES_MAX}.", code="bad_minutes")
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        vehicle_id = str(request.path_params["vehicle_id"])
        now = self._parts.clock.now()
        values = {
            "agency_id": agency_id,
            "vehicle_id": vehicle_id,
            "since": now - timedelta(minutes=minutes),
            "until": now + _AHEAD,
        }
        points: list[tuple[float, float, float, float | None]] = []
        with translated():
            async with self._parts.pool.connection() as connection:
                for query in ("list_trail", "list_own_trail"):
                    cursor = await connection.execute(_QUERIES[query], values)
                    points += await cursor.fetchall()
        return answer(
            {
                "vehicle_id": vehicle_id,
                "points": [
                    [
                        round(time_s, 1),
                        round(latitude, 6),
                        round(longitude, 6),
                        None if speed_mps is None else round(speed_mps, 1),
                    ]
                    for time_s, latitude, longitude, speed_mps in sorted(points)
                ],
            }
        )
