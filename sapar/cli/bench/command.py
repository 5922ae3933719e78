"""The benchmarks as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sapar.cli.report import reported
from sapar.core.errors import BadInput

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


@app.command()
def feeds(
    gtfs: Annotated[Path, typer.Option(help="The timetable that the fleet runs by.")],
    vehicles: Annotated[int, typer.Option(min=1, help="Buses under way.")] = 3000,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many is given.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Milliseconds to encode each feed of a fleet, beside one protobuf object a vehicle."""
    from sapar.cli.bench.feeds import run_feeds

    with reported():
        report = run_feeds(gtfs, vehicles, rounds)
    _end(report, as_json)


@app.command()
def traces(
    folder: Annotated[Path, typer.Option(help="Holds TRACES.csv, traces/ and the timetables.")],
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Hand-labelled traces of single buses: share of right phases and trips, and every miss.

    Twice: with positions only, and with the route that the driver's sign code names. The first
    five minutes of each trace are not scored.
    """
    from sapar.cli.bench.traces import bench_traces, readable

    with reported():
        report = bench_traces(folder)
    if as_json:
        typer.echo(json.dumps(report))
        return
    for line in readable(report):
        typer.echo(line)


@app.command()
def assignment(
    positions: Annotated[
        Path | None, typer.Option(help="A recording to play; without it a city is simulated.")
    ] = None,
    gtfs: Annotated[Path | None, typer.Option(help="The timetable, a GTFS zip.")] = None,
    city: Annotated[str, typer.Option(help="The city to generate where no --gtfs is given.")] = (
        "aktobe"
    ),
    blank: Annotated[
        str, typer.Option(help="Fields of the recording that the engine must not see.")
    ] = "trip_id,block_id",
    at: Annotated[str, typer.Option(help="Local start of the simulation.")] = "2024-06-05T17:00",
    buses: Annotated[int, typer.Option(min=1, help="Buses simulated, at most.")] = 300,
    minutes: Annotated[
        float | None, typer.Option(min=1, help="Length; 60 simulated, a recording to its end.")
    ] = None,
    sign_on: Annotated[str, typer.Option(help="trip, block, route or none.")] = "none",
    wrong_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of buses with a wrong sign-on for a while.")
    ] = 0.05,
    detours: Annotated[int, typer.Option(min=0, help="Streets that are closed for a while.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same rides and faults.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Share of in-service fixes that the engine had on the right run, and wrong sign-ons found.

    On a recording with sign-on blanked, by the blocks recorded; else on a simulated city with
    noise, jumps, gaps, radio shadows, detours and wrong sign-ons, by the simulator's truth.
    docs/evaluation.md says what is counted.
    """
    from sapar.cli.bench.assignment import CityOptions, bench_city
    from sapar.cli.bench.blanked import RecordingOptions, bench_recording

    with reported():
        if positions is not None:
            if gtfs is None:
                raise BadInput("a recording needs its timetable", code="no_timetable")
            fields = tuple(name for name in blank.split(",") if name)
            report = bench_recording(
                RecordingOptions(gtfs, positions, fields, minutes=minutes), _say
            )
        else:
            options = CityOptions(
                None if gtfs else city,
                gtfs,
                at,
                buses,
                minutes or 60.0,
                sign_on=sign_on,
                wrong_share=wrong_share,
                detours=detours,
                seed=seed,
            )
            report = bench_city(options, _say)
    _end(report, as_json)


@app.command()
def engine(
    vehicles: Annotated[int, typer.Option(min=1, help="Buses that drive.")] = 3000,
    seconds: Annotated[float, typer.Option(min=5, help="Simulated seconds measured.")] = 60.0,
    minutes: Annotated[
        float | None, typer.Option(min=1, help="The same in minutes: an hour shows flat memory.")
    ] = None,
    interval_s: Annotated[int, typer.Option(min=1, help="Seconds between fixes of a bus.")] = 1,
    city: Annotated[str, typer.Option(help="Size of the city: aktobe, shymkent, almaty.")] = (
        "almaty"
    ),
    curve: Annotated[
        bool, typer.Option("--curve", help="300, 1,000, 3,000 and 9,000 buses in turn.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same rides.")] = 1,
    console_cost: Annotated[
        bool,
        typer.Option(help="Make the control room's body every other tick, and compare the two."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Positions a second through the engine on one core, with a tick every 5 simulated seconds.

    As fast as it goes, on simulated buses of a synthetic city; their fixes are made outside the
    measured time. The resident memory is that of the whole process, simulated street included.
    """
    from sapar.cli.bench.engine import EngineOptions, bench_curve, bench_engine, find_city

    simulated_s = seconds if minutes is None else minutes * 60
    with reported():
        options = EngineOptions(
            vehicles,
            simulated_s,
            interval_s,
            seed=seed,
            city=find_city(city),
            alternate=console_cost,
        )
        report = bench_curve(options, _say) if curve else bench_engine(options, _say)
    if as_json or not curve:
        _end(report, as_json)
        return
    for point in report["curve"]:
        typer.echo(
            f"  {point['vehicles']:>6,} buses  {point['us_per_position']:>8.1f} µs a position"
            f"  {point['positions_per_s']:>9,.0f} positions a second"
            f"  {point['tick_ms_p50']:>7.0f} ms a tick, {point['tick_ms_p99']:.0f} ms at p99"
        )


@app.command(name="api")
def bench_of_api(
    vehicles: Annotated[int, typer.Option(min=1, help="Buses under way.")] = 3000,
    city: Annotated[str, typer.Option(help="Whose timetable: aktobe, shymkent, almaty.")] = (
        "almaty"
    ),
    seconds: Annotated[float, typer.Option(min=1, help="For each figure.")] = 6.0,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many is given.")] = 3,
    consoles: Annotated[int, typer.Option(min=0, help="Open streams; 0: no such part.")] = 50,
    packed: Annotated[bool, typer.Option("--gzip", help="Ask for arrivals with gzip.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Requests a second of one worker: a feed of 60 kB beside nginx, arrivals, and consoles.

    The same bytes, the same generator, the same run, in turns. Latencies are taken at half of what
    was reached, from the moment at which a request was due.
    """
    from sapar.cli.bench.api import ApiOptions, bench_api
    from sapar.cli.bench.engine import find_city

    with reported():
        options = ApiOptions(
            vehicles, find_city(city), seconds, rounds, consoles=consoles, packed=packed
        )
        report = bench_api(options, _say)
    _end(report, as_json)


@app.command()
def consoles(
    vehicles: Annotated[int, typer.Option(min=1, help="Buses that drive.")] = 3000,
    count: Annotated[int, typer.Option("--consoles", min=1, help="Open streams.")] = 50,
    seconds: Annotated[float, typer.Option(min=4, help="Measured; a tick every two.")] = 40.0,
    interval_s: Annotated[int, typer.Option(min=1, help="Seconds between fixes of a bus.")] = 1,
    city: Annotated[str, typer.Option(help="Size of the city: aktobe, shymkent, almaty.")] = (
        "almaty"
    ),
    plain: Annotated[bool, typer.Option("--plain", help="Consoles take no gzip.")] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="One more is a browser: publish to pixels.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Milliseconds from the publish of a tick to the screens of a control room.

    A real engine's ticks, a real broker and API process; consoles parse all that they get.
    """
    from sapar.cli.bench.consoles import ConsoleOptions, bench_consoles
    from sapar.cli.bench.engine import find_city

    with reported():
        options = ConsoleOptions(
            vehicles,
            count,
            seconds,
            interval_s,
            packed=not plain,
            city=find_city(city),
            browser=browser,
        )
        report = bench_consoles(options, _say)
    _end(report, as_json)


@app.command()
def history(
    days: Annotated[int, typer.Option(min=2, help="Days simulated; the last one is scored.")] = 28,
    city: Annotated[str, typer.Option(help="Size of the city: aktobe, shymkent, almaty.")] = (
        "aktobe"
    ),
    buses: Annotated[int, typer.Option(min=1, help="About so many: all of some lines.")] = 60,
    hours: Annotated[
        float | None, typer.Option(min=0.5, help="Only the first hours of the last day.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same month.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """What stored travel times are worth: the last day of a simulated month, with and without them.

    Buses of a synthetic city drive for some weeks, through peaks that come again, days that differ
    and jams that come and go. Scored are an engine that knows the days before, one that begins
    cold, and the timetable plus the delay of each bus.
    """
    from sapar.cli.bench.engine import find_city
    from sapar.cli.bench.history import HistoryOptions, bench_history

    with reported():
        report = bench_history(HistoryOptions(days, find_city(city), buses, hours, seed), _say)
    _end(report, as_json)


@app.command()
def ledger(
    cards: Annotated[int, typer.Option(min=1, help="Cards in the database.")] = 1_300_000,
    taps: Annotated[int, typer.Option(min=400, help="Taps in all.")] = 200_000,
    transfers: Annotated[int, typer.Option(min=1, help="For each figure of them.")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Taps a second from bytes to committed journals: seal, repeats, fare, posting, commit.

    Half the validators seal with Ed25519, half with HMAC. One carrier for all buses, and carriers
    of unequal size; one writer and four. Beside it posting alone, repeats, and a plain ledger that
    posts one by one. Exit status 1 when the ledger does not add up afterwards.
    """
    from sapar.cli.bench.ledger import LedgerOptions, bench_ledger

    with reported():
        report = bench_ledger(LedgerOptions(cards, taps, transfers), _say)
    _end(report, as_json)
    if not report["ledger_balanced"]:
        raise typer.Exit(1)


@app.command()
def close(
    cards: Annotated[int, typer.Option(min=1, help="Cards in the database.")] = 1_300_000,
    taps: Annotated[int, typer.Option(min=1000, help="Taps of the day.")] = 1_000_000,
    lines: Annotated[int, typer.Option(min=0, help="Bank lines to match; 0: none.")] = 50_000,
    items: Annotated[int, typer.Option(min=1, help="Items that they may pay.")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Seconds to close a day through all stages and both signatures, and to match bank lines.

    The day's taps are written at once; what stands in its way was accepted before. Exit status 1
    when the ledger does not add up afterwards.
    """
    from sapar.cli.bench.close import CloseOptions, bench_close

    with reported():
        report = bench_close(CloseOptions(cards, taps, lines, items), _say)
    _end(report, as_json)
    if not report["ledger_balanced"]:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _end(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
        return
    for name, value in report.items():
        typer.echo(f"  {name:<34} {value}")
