"""`sapar city`: generate a synthetic city as a GTFS zip."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from sapar.simulators.city import (
    CitySize,
    build_city,
    default_service_dates,
    measure,
    write_city,
)

app = typer.Typer(help="Synthetic cities.", no_args_is_help=True)


@app.callback()
def city() -> None:
    """Generate cities to try things on, where there is no real timetable."""


@app.command("generate")
def generate(
    size: Annotated[CitySize, typer.Option(help="Whose bus fleet the city equals.")] = (
        CitySize.AKTOBE
    ),
    seed: Annotated[int, typer.Option(help="Another seed gives another city.")] = 1,
    out: Annotated[Path, typer.Option(help="Where the zip is written.")] = Path("city.zip"),
    agency: Annotated[
        str | None,
        typer.Option(help="Agency of the deployment; the name of the size if not given."),
    ] = None,
    date: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="A day that the city must run on; today in its time zone if not given.",
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone; that of the real city if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Generate a city: the same options always give the same zip."""
    with reported():
        built = build_city(size, seed)
        zone = timezone or built.profile.timezone
        day = date.date() if date else _today(zone)
        first, last = default_service_dates(day)
        feed = write_city(
            built, agency_id=agency or size.value, service_dates=(first, last), timezone=zone
        )
    out.write_bytes(feed)
    figures = asdict(measure(built))
    if as_json:
        dates = {"first": first.isoformat(), "last": last.isoformat()}
        print(json.dumps({"out": str(out), "bytes": len(feed), "service": dates, **figures}))
        return
    print(f"{out}: {len(feed) / 1e6:.1f} MB, service from {first} to {last}")
    for name, count in figures.items():
        print(f"  {name.replace('_', ' '):<14} {count:>9,}")


def _today(zone: str) -> dt.date:
    try:
        return Settings().clock().now().astimezone(ZoneInfo(zone)).date()
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"there is no time zone {zone!r}", code="bad_timezone") from None
