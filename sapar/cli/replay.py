"""`sapar replay`: a recording, published as its devices would have."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.report import reported
from sapar.cli.simulate import (
    AgencyName,
    CredentialsFile,
    Minutes,
    MsgpackShare,
    PlainShare,
    Seed,
    TruthFolder,
    Zip,
    run_until_asked,
)
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.contract.checks import Area
    from sapar.core.clock import ScaledClock
    from sapar.simulators.replay import ReplaySettings


def replay(
    gtfs: Zip,
    positions: Annotated[
        Path, typer.Option("--positions", help="The recording, see docs/simulators.md.")
    ],
    credentials: CredentialsFile,
    truth: TruthFolder,
    agency: AgencyName = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Times real time, from the recording's start now; without it the shared clock.",
        ),
    ] = None,
    minutes: Minutes = None,
    stop_at_end: Annotated[
        bool, typer.Option("--stop-at-end", help="Leave when the recording is over.")
    ] = False,
    area: Annotated[
        str | None,
        typer.Option(help="min_lat,min_lon,max_lat,max_lon; without it the timetable's."),
    ] = None,
    seed: Seed = 1,
    msgpack_share: MsgpackShare = 0.3,
    plain_share: PlainShare = 0.0,
) -> None:
    """Publish a recording as its devices would have, until stopped.

    Rows follow the shared clock (settings clock_*). With --speed the clock is this command's own
    and starts at the recording's first row: the other parts then need the same clock.
    """
    from sapar.core.log import configure_logging
    from sapar.gtfs.timetable import load_timetable
    from sapar.simulators.replay import ReplaySettings, timetable_area
    from sapar.simulators.swarm import SwarmOptions

    settings = Settings()
    configure_logging(settings, "replay")
    name = agency or settings.agency
    with reported():
        recording = ReplaySettings(
            agency_id=name,
            address=(settings.device_broker_host, settings.device_broker_port),
            seed=seed,
            area=_parse_area(area) if area else timetable_area(load_timetable(gtfs, name)),
            duration_s=None if minutes is None else minutes * 60.0,
            stop_at_end=stop_at_end,
            swarm=SwarmOptions(msgpack_share=msgpack_share, plain_share=plain_share),
        )
        clock = settings.clock() if speed is None else _own_clock(positions, speed)
        _run(recording, positions, credentials, truth, clock)


def _run(
    recording: ReplaySettings, positions: Path, credentials: Path, truth: Path, clock: ScaledClock
) -> None:
    from sapar.simulators.recording import read_recording
    from sapar.simulators.replay import replay as replay_recording
    from sapar.simulators.swarm import read_credentials
    from sapar.simulators.truth import TruthWriter

    devices = read_credentials(credentials)
    with TruthWriter(truth) as writer:

        async def run(stop: asyncio.Event) -> None:
            rows = read_recording(positions)
            await replay_recording(rows, recording, devices, writer, clock, stop)

        run_until_asked(run)


def _own_clock(positions: Path, speed: float) -> ScaledClock:
    from sapar.core.clock import ScaledClock, SystemClock
    from sapar.simulators.recording import read_recording

    first = next(read_recording(positions))
    return ScaledClock(SystemClock().wall(), first.time_s, speed)


def _parse_area(text: str) -> Area:
    from sapar.contract.checks import Area
    from sapar.core.errors import BadInput

    try:
        south, west, north, east = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"not an area: {text}", code="bad_area", hint="write min_lat,min_lon,max_lat,max_lon"
        ) from None
    return Area(south, west, north, east)
