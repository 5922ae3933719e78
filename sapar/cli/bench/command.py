"""The benchmarks as commands."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from sapar.cli.report import reported

app = typer.Typer(no_args_is_help=True, help="Measure this machine: speed as ratios, and memory.")


@app.callback()
def bench() -> None:
    """Measure this machine: speed as ratios taken side by side, and memory."""


@app.command()
def ingest(
    seconds: Annotated[float, typer.Option(min=2, help="About so long for each figure.")] = 20.0,
    workers: Annotated[int, typer.Option(min=1, help="Ingest workers.")] = 1,
    devices: Annotated[int, typer.Option(min=1, help="Devices that speak.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Messages a second from the broker to committed rows, beside a subscriber that does nothing.

    Same broker, same publisher, same run, in turns; one fix a message in JSON. The latency is
    taken at a steady 1,000 messages a second, from the stamp in the fix to the commit.
    """
    from sapar.cli.bench.ingest import IngestBench

    with reported():
        report = IngestBench(seconds, workers, devices, _say).run()
    _end(report, as_json)


@app.command()
def kills(
    seed: Annotated[int, typer.Option(help="Chooses who is killed when.")] = 1,
    worker_kills: Annotated[int, typer.Option(min=0, help="SIGKILLs to ingest workers.")] = 20,
    postgres_kills: Annotated[int, typer.Option(min=0, help="SIGKILLs to PostgreSQL.")] = 3,
    broker_kills: Annotated[int, typer.Option(min=0, help="SIGKILLs to the broker.")] = 3,
    rate: Annotated[float, typer.Option(min=1, help="Fixes a second, one a message.")] = 1000.0,
    seconds: Annotated[float, typer.Option(min=1, help="The kills fall into so long.")] = 120.0,
    devices: Annotated[int, typer.Option(min=1, help="Devices that resend.")] = 500,
    plain_devices: Annotated[int, typer.Option(min=0, help="Trackers that cannot resend.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Kill ingest workers, database and broker under load; what was published must be stored, once.

    Compares sets of (device, epoch, seq, time). Exit status 1 when a record of a device that
    resends is missing, stands twice, or was acknowledged and is not there. What trackers lost that
    do not resend is reported.
    """
    from sapar.cli.bench.kill_devices import FleetOptions
    from sapar.cli.bench.kills import KillOptions, run_kills

    fleet = FleetOptions(devices, plain_devices, rate)
    options = KillOptions(seed, seconds, worker_kills, postgres_kills, broker_kills, fleet)
    with reported():
        report = run_kills(options, _say)
    _end(report, as_json)
    if not report["passed"]:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _end(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
        return
    for name, value in report.items():
        typer.echo(f"  {name:<34} {value}")
