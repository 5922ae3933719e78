"""Who runs which vehicle or route from when: reference data in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated

_queries = load_queries("sapar.ticketing.taps")

UNASSIGNED = "unassigned"
"""Owner of the accounts of rides whose carrier nobody named; it should own nothing for long."""


class Service(NamedTuple):
    """A carrier runs a vehicle or a route from `from_ms` up to, not including, `until_ms`."""

    carrier_no: int
    from_ms: int
    until_ms: int


@dataclass(frozen=True)
class Carriers:
    """All carriers as they stood at one moment.

    Attributes:
        ids: carrier_no → carrier_id.
        vehicles, routes: (agency_id, vehicle or route) → services in order of time.
    """

    ids: dict[int, str] = field(default_factory=dict)
    vehicles: dict[tuple[str, str], list[Service]] = field(default_factory=dict)
    routes: dict[tuple[str, str], list[Service]] = field(default_factory=dict)

    def find(
        self, agency_id: str, vehicle_id: str | None, route_id: str | None, at_ms: int
    ) -> int | None:
        """Give the carrier's number: by the vehicle first, then by the route; None for nobody."""
        if vehicle_id is not None:
            for carrier_no, from_ms, until_ms in self.vehicles.get((agency_id, vehicle_id), ()):
                if from_ms <= at_ms < until_ms:
                    return carrier_no
        if route_id is not None:
            for carrier_no, from_ms, until_ms in self.routes.get((agency_id, route_id), ()):
                if from_ms <= at_ms < until_ms:
                    return carrier_no
        return None

    def owner(self, carrier_no: int | None) -> str:
        """Give the owner of the carrier's accounts."""
        return UNASSIGNED if carrier_no is None else self.ids[carrier_no]


async def load_carriers(connection: AsyncConnection) -> Carriers:
    """Read all carriers and what they run.

    Raises:
        Unavailable: the database does not answer.
    """
    carriers = Carriers()
    with translated():
        rows = await (await connection.execute(_queries["list_carriers"])).fetchall()
        services = await (await connection.execute(_queries["list_carrier_services"])).fetchall()
    carriers.ids.update(rows)
    _fill(carriers, services)
    return carriers


def _fill(
    carriers: Carriers, rows: Iterable[tuple[str, int, str | None, str | None, int, int]]
) -> None:
    for agency_id, carrier_no, vehicle_id, route_id, from_ms, until_ms in rows:
        service = Service(carrier_no, from_ms, until_ms)
        if vehicle_id is not None:
            carriers.vehicles.setdefault((agency_id, vehicle_id), []).append(service)
        if route_id is not None:
            carriers.routes.setdefault((agency_id, route_id), []).append(service)
