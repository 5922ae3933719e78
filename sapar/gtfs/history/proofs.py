"""Proofs of runs in the database: made from stop visits and fixes, kept, corrected, exported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import numpy as np

from sapar.core.db import AsyncConnection, Connection, Pool, translated
from sapar.core.errors import NotFound
from sapar.core.settings import Settings
from sapar.fleet.registry import Registry
from sapar.gtfs.history.evidence import Trace, empty_trace
from sapar.gtfs.history.proof import DONE, NOT_DONE, PARTLY, DayProof, Limits, RunProof
from sapar.gtfs.history.rebuild import day_span
from sapar.gtfs.history.store import (
    QUERIES,
    copy_out,
    places_of,
    read_traces,
    visit_rows,
    visits_from_rows,
)
from sapar.gtfs.history.visits import join_visits
from sapar.gtfs.timetable.model import Timetable

_VEHICLES = 200  # traces read at once: some 30 MB at a fix every ten seconds


async def make_proofs(
    pool: Pool, settings: Settings, registry: Registry, timetable: Timetable, service_date: date
) -> dict[str, int]:
    """Prove the runs of a service day and keep the proofs; give counts by status.

    Raises:
        Unavailable: the database does not answer; nothing has changed.
    """
    agency_id = timetable.agency_id
    visits = join_visits(
        [
            await asyncio.to_thread(visits_from_rows, timetable, service_date, rows)
            async for rows in visit_rows(pool, agency_id, service_date)
        ]
    )
    span = day_span(timetable, service_date, settings.nightly_delay_s)
    proof = DayProof(timetable, service_date, visits, limits_of(settings))
    vehicles = iter(proof.vehicle_ids)
    while some := list(islice(vehicles, _VEHICLES)):
        traces = await _traces(pool, registry, agency_id, set(some), span)
        for vehicle_id in some:
            proof.take(vehicle_id, traces.get(vehicle_id, empty_trace()))
            await asyncio.sleep(0)
    proofs = await asyncio.to_thread(proof.result)
    values = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(QUERIES["lock_day"], values)
            await cursor.execute(QUERIES["delete_proofs"], values)
            async with cursor.copy(QUERIES["copy_proof"]) as copy:
                for row in proof_rows(timetable, service_date, proofs):
                    await copy.write_row(row)
    counts = dict.fromkeys((DONE, PARTLY, NOT_DONE), 0)
    for run in proofs:
        counts[run.status] += 1
    return {"runs": len(proofs), **counts, "gps_off": sum(run.gps_off for run in proofs)}


def limits_of(settings: Settings) -> Limits:
    """Give where the settings draw the lines."""
    return Limits(
        settings.proof_done_share,
        settings.proof_partly_share,
        settings.proof_gap_s,
        settings.proof_silence_s,
    )


def proof_rows(
    timetable: Timetable, service_date: date, proofs: Sequence[RunProof]
) -> Iterator[tuple[Any, ...]]:
    """Write proofs as rows of `run_proof`, in the order of the query `copy_proof`."""
    table = timetable.trips
    for proof in proofs:
        trip = proof.run.trip
        direction, block = int(table.direction[trip]), int(table.block_idx[trip])
        seen = [e for e in proof.evidence if e.fixes]
        worst = max(proof.evidence, key=lambda e: e.longest_s, default=None)
        yield (
            timetable.agency_id,
            service_date,
            table.ids[trip],
            proof.run.start_s,
            proof.run.planned,
            timetable.routes.ids[int(table.route_idx[trip])],
            direction if direction >= 0 else None,
            timetable.blocks.ids[block] if block >= 0 else None,
            list(proof.vehicle_ids),
            proof.status,
            list(proof.reasons),
            proof.gps_off,
            _moment(proof.scheduled_start_s),
            _moment(proof.scheduled_end_s),
            _moment(proof.first_stop_s),
            _moment(proof.last_stop_s),
            proof.first_delay_s,
            proof.last_delay_s,
            proof.facts.stops,
            len(proof.facts.visited),
            proof.stops_guessed,
            proof.facts.planned_m,
            proof.facts.driven_m,
            sum(e.gaps for e in proof.evidence),
            worst.longest_s if worst is not None else 0.0,
            _number(worst.latitude) if worst is not None else None,
            _number(worst.longitude) if worst is not None else None,
            proof.gap_after_sequence,
            sum(e.fixes for e in seen),
            _moment(min((e.first_s for e in seen), default=None)),
            _moment(max((e.last_s for e in seen), default=None)),
        )


async def export_proofs(connection: AsyncConnection, agency_id: str, service_date: date) -> bytes:
    """Give a day's proofs as CSV, with what people corrected beside what was measured.

    Raises:
        Unavailable: the database does not answer.
    """
    return await copy_out(connection, "export_proofs", agency_id, service_date)


async def count_proofs(
    connection: AsyncConnection, agency_id: str, service_date: date
) -> dict[str, int]:
    """Count a day's runs by status, corrections counted.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        cursor = await connection.execute(
            QUERIES["count_proofs"], {"agency_id": agency_id, "service_date": service_date}
        )
        return dict(await cursor.fetchall())


def correct_run(
    connection: Connection,
    agency_id: str,
    service_date: date,
    trip_id: str,
    start_s: int | None,
    status: str,
    author: str,
    reason: str,
    now: datetime,
) -> int:
    """Say against a proof that a run was something else; the proof itself stays.

    Args:
        connection: to write with.
        agency_id: whose run it was.
        service_date: its day.
        trip_id: its trip.
        start_s: its start in seconds of the service day; None where the trip has one run only.
        status: done, partly or not_done.
        author: who says so.
        reason: why.
        now: when.

    Returns:
        the start of the run that was corrected.

    Raises:
        NotFound: there is no proof of such a run, or the start is needed.
    """
    run = {"agency_id": agency_id, "service_date": service_date, "trip_id": trip_id}
    with translated(), connection.transaction():
        starts = [s for (s,) in connection.execute(QUERIES["list_starts"], run).fetchall()]
        if start_s is None and len(starts) == 1:
            start_s = int(starts[0])
        if start_s is None or start_s not in starts:
            raise NotFound(
                f"{trip_id} has no such run on {service_date}",
                code="unknown_run",
                hint=f"its runs start at {', '.join(map(str, starts))}" if starts else "",
            )
        connection.execute(
            QUERIES["add_correction"],
            {
                **run,
                "start_s": start_s,
                "corrected_at": now,
                "status": status,
                "author": author,
                "reason": reason,
            },
        )
    return start_s


async def _traces(
    pool: Pool, registry: Registry, agency_id: str, vehicle_ids: set[str], span: tuple[float, float]
) -> dict[str, Trace]:
    """Read the traces of vehicles, each of all devices that were in it."""
    wanted = {
        device.device_no: places
        for device in registry.list_devices(agency_id)
        if (places := [p for p in places_of(device, span) if p[0] in vehicle_ids])
    }
    return await read_traces(pool, wanted, span)


def _moment(unix_s: float | None) -> datetime | None:
    if unix_s is None or np.isnan(unix_s):
        return None
    return datetime.fromtimestamp(round(unix_s, 3), UTC)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
