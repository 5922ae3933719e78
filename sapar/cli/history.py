"""`sapar history`: stop visits made again, travel times learnt, runs proven and corrected."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection, Pool

    Export = Callable[[AsyncConnection, str, date], Awaitable[bytes]]

app = typer.Typer(help="History: stop visits, travel times, proof of runs.", no_args_is_help=True)

AgencyOption = Annotated[
    str | None,
    typer.Option("--agency", help="Agency of the deployment; SAPAR_AGENCY if not given."),
]
DateOption = Annotated[
    datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Service date, YYYY-MM-DD.")
]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="File to write; standard output if not given.")
]


@app.command("rebuild")
def rebuild(
    day: DateOption,
    agency: AgencyOption = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last service date; --date if not given."),
    ] = None,
) -> None:
    """Drive service days again from all stored positions and replace their stop visits."""
    with reported():
        asyncio.run(_rebuild(agency, _days(day, until)))


async def _rebuild(agency: str | None, days: list[date]) -> None:
    from sapar.fleet.registry import load_registry
    from sapar.gtfs.history.rebuild import rebuild_day, timetable_of

    async with _pool() as (settings, pool):
        agency_id = agency or settings.agency
        for day in days:
            timetable = await timetable_of(pool, agency_id, day)
            registry = await load_registry(pool)
            now = settings.clock().now()
            shown = _progress(f"rebuild {day}")
            found = await rebuild_day(pool, settings, registry, timetable, day, now, shown)
            typer.echo(f"{day}: {found.visits:,} stop visits from {found.fixes:,} positions")


@app.command("visits")
def visits(day: DateOption, agency: AgencyOption = None, csv: CsvOption = None) -> None:
    """Export a day's stop visits; the same visits always give the same bytes."""
    from sapar.gtfs.history.store import export_visits

    with reported():
        _write(asyncio.run(_exported(export_visits, agency, day.date())), csv)


@app.command("runs")
def runs(day: DateOption, agency: AgencyOption = None, csv: CsvOption = None) -> None:
    """Export the proof of each run of a service day, measured and corrected."""
    from sapar.gtfs.history.proofs import export_proofs

    with reported():
        _write(asyncio.run(_exported(export_proofs, agency, day.date())), csv)
        if csv is not None:
            typer.echo(_counts(asyncio.run(_counted(agency, day.date()))))


async def _exported(export: Export, agency: str | None, day: date) -> bytes:
    async with _pool() as (settings, pool), pool.connection() as connection:
        return await export(connection, agency or settings.agency, day)


async def _counted(agency: str | None, day: date) -> dict[str, int]:
    from sapar.gtfs.history.proofs import count_proofs

    async with _pool() as (settings, pool), pool.connection() as connection:
        return await count_proofs(connection, agency or settings.agency, day)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())


def _write(content: bytes, csv: Path | None) -> None:
    if csv is None:
        sys.stdout.write(content.decode())
        return
    csv.write_bytes(content)
    lines = content.count(b"\n") - 1
    typer.echo(f"{csv}: {lines:,} lines, SHA-256 {hashlib.sha256(content).hexdigest()}")


@app.command("prove")
def prove(day: DateOption, agency: AgencyOption = None) -> None:
    """Prove the runs of a service day from its stop visits and positions."""
    with reported():
        asyncio.run(_prove(agency, day.date()))


async def _prove(agency: str | None, day: date) -> None:
    from sapar.fleet.registry import load_registry
    from sapar.gtfs.history.proofs import make_proofs
    from sapar.gtfs.history.rebuild import timetable_of

    async with _pool() as (settings, pool):
        timetable = await timetable_of(pool, agency or settings.agency, day)
        registry = await load_registry(pool)
        counts = await make_proofs(pool, settings, registry, timetable, day)
    typer.echo(_counts(counts))


@app.command("correct")
def correct(
    day: DateOption,
    trip: Annotated[str, typer.Option("--trip", help="trip_id of the run.")],
    status: Annotated[str, typer.Option("--status", help="done, partly or not_done.")],
    author: Annotated[str, typer.Option("--author", help="Who says so.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    agency: AgencyOption = None,
    start: Annotated[
        int | None,
        typer.Option("--start", help="Start of the run in seconds of the day, on headway routes."),
    ] = None,
) -> None:
    """Say against the proof of a run what it was; the export shows both."""
    from sapar.core.db import connect
    from sapar.gtfs.history.proofs import correct_run

    if status not in {"done", "partly", "not_done"}:
        raise typer.BadParameter("done, partly or not_done", param_hint="--status")
    with reported():
        settings = Settings()
        with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
            start_s = correct_run(
                connection,
                agency or settings.agency,
                day.date(),
                trip,
                start,
                status,
                author,
                reason,
                settings.clock().now(),
            )
    typer.echo(f"{trip} of {day:%Y-%m-%d}, start {start_s}: {status}")


@app.command("learn")
def learn(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    agency: AgencyOption = None,
) -> None:
    """Learn travel times anew from stop visits, in place of all that was known."""
    with reported():
        asyncio.run(_learn(agency, _days(first, last)))


async def _learn(agency: str | None, days: list[date]) -> None:
    from sapar.gtfs.history.learnt import learn_days

    async with _pool() as (settings, pool):
        observations, records = await learn_days(
            pool, settings, agency or settings.agency, days, _progress("learn")
        )
    typer.echo(f"{records:,} travel times from {observations:,} observations")


@app.command("nightly")
def nightly(
    agency: AgencyOption = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Service date; all due if not given."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Do steps again that are done.")] = False,
) -> None:
    """Do what is made of a service day after its end: rebuild, proofs, scores, retention."""
    with reported():
        asyncio.run(_nightly(agency, day.date() if day else None, again))


async def _nightly(agency: str | None, day: date | None, again: bool) -> None:
    from sapar.gtfs.history.nightly import Nightly

    shown: dict[str, Callable[[float], None]] = {}

    def progress(step: str, share: float) -> None:
        shown.setdefault(step, _progress(step))(share)

    async with _pool() as (settings, pool):
        job = Nightly(
            pool, settings, settings.clock(), agency or settings.agency, progress=progress
        )
        done = await job.run(None if day is None else [day], again=again)
    typer.echo(f"done: {', '.join(map(str, done))}" if done else "nothing is due")


def _days(first: datetime, last: datetime | None) -> list[date]:
    count = 0 if last is None else (last - first).days
    if count < 0:
        raise typer.BadParameter("ends before it begins", param_hint="--to")
    return [first.date() + timedelta(days=n) for n in range(count + 1)]


@asynccontextmanager
async def _pool() -> AsyncIterator[tuple[Settings, Pool]]:
    from sapar.core.db import open_pool

    settings = Settings()
    async with open_pool(settings.database_url.get_secret_value(), name="sapar-history") as pool:
        yield settings, pool


def _progress(what: str) -> Callable[[float], None]:
    """Show how much is done, on a terminal alone."""

    def show(share: float) -> None:
        if sys.stderr.isatty():
            end = "\n" if share >= 1.0 else ""
            sys.stderr.write(f"\r{what} {share:.0%}{end}")
            sys.stderr.flush()

    return show
