"""`sapar demo`: options in, a running city out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sapar.cli.report import reported


def demo(
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many minutes; else on Ctrl-C.")
    ] = None,
    buses: Annotated[int, typer.Option(min=1, help="Buses in service, per city.")] = 300,
    agencies: Annotated[
        str, typer.Option(help="Cities, with commas: aktobe,shymkent,almaty or names of your own.")
    ] = "aktobe",
    gtfs: Annotated[Path | None, typer.Option(help="A timetable, with --positions.")] = None,
    positions: Annotated[
        Path | None, typer.Option(help="A recording to replay, with --gtfs.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, help="Times real time, everywhere.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same city and rides.")] = 1,
    incidents: Annotated[
        bool, typer.Option(help="Plant things that a control room must see.")
    ] = False,
    finance_day: Annotated[
        bool,
        typer.Option(help="Lay down yesterday of generated cities for finance to close."),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON: what came of it.")
    ] = False,
) -> None:
    """Run everything on this machine: database, broker, ingest, engine, API and buses.

    Without a timetable the demo generates its own city. Everything is private to this checkout, and
    nothing is left running afterwards.
    """
    from sapar.cli.demo.run import Demo, DemoOptions
    from sapar.core.errors import BadInput
    from sapar.deploy.native import hold_directory, state_directory

    with reported():
        names = [name.strip() for name in agencies.split(",") if name.strip()]
        if (gtfs is None) != (positions is None):
            raise BadInput(
                "a recording needs its timetable, and a timetable a recording",
                code="gtfs_and_positions",
                hint="Give both --gtfs and --positions, or neither.",
            )
        directory = state_directory(Path.cwd()) / "demo"
        with hold_directory(directory):
            cities = _cities(names, buses, seed, gtfs, positions, directory)
            options = DemoOptions(
                minutes, speed, seed, incidents=incidents, finance_day=finance_day
            )
            report = Demo(cities, options, directory, _say).run()
        if as_json:
            typer.echo(json.dumps(report, ensure_ascii=False))
        else:
            _print_report(report)


def _cities(
    names: list[str],
    buses: int,
    seed: int,
    gtfs: Path | None,
    positions: Path | None,
    directory: Path,
) -> list[Any]:
    from sapar.cli.demo.cities import generated_city, recorded_city
    from sapar.core.clock import SystemClock
    from sapar.core.errors import BadInput

    if not names:
        raise BadInput("name at least one city", code="no_agency")
    if gtfs is not None and positions is not None:
        name = names[0] if names != ["aktobe"] else "replay"
        return [recorded_city(name, gtfs.resolve(), positions.resolve())]
    today = SystemClock().now().date()
    cities = []
    for name in names:
        _say(f"{name}: generating the city")
        cities.append(generated_city(name, buses, seed, today, directory / "cities"))
    return cities


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_report(report: dict[str, Any]) -> None:
    _say("")
    for name, value in report.items():
        _say(f"  {name:<26} {value}")
