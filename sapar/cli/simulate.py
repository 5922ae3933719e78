"""`sapar simulate`: a fleet of simulated buses on the timetable."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.gtfs.timetable import Timetable
    from sapar.simulators.fleet_run import FleetSettings
    from sapar.simulators.validators import ValidatorSettings

Zip = Annotated[Path, typer.Option("--gtfs", help="The timetable, a GTFS zip.")]
CredentialsFile = Annotated[
    Path, typer.Option("--credentials", help="CSV with device_id, password, vehicle_id.")
]
TruthFolder = Annotated[
    Path, typer.Option("--truth", help="Folder for what was published and what was true.")
]
AgencyName = Annotated[str | None, typer.Option("--agency", help="The city; SAPAR_AGENCY if not.")]
Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="Stop after so many minutes of transit time.")
]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same rides and faults.")]
MsgpackShare = Annotated[
    float, typer.Option(min=0, max=1, help="Share of devices that speak MessagePack, not JSON.")
]
PlainShare = Annotated[
    float, typer.Option(min=0, max=1, help="Share of trackers that cannot resend.")
]


def simulate(
    gtfs: Zip,
    credentials: CredentialsFile,
    truth: TruthFolder,
    agency: AgencyName = None,
    buses: Annotated[int, typer.Option(min=1, help="Vehicles in service.")] = 300,
    seed: Seed = 1,
    fix_interval: Annotated[
        float, typer.Option(min=0.1, help="Seconds of transit time between fixes of a bus.")
    ] = 5.0,
    minutes: Minutes = None,
    sign_on: Annotated[
        str | None,
        typer.Option(help="Shares of sign-ons, such as trip=0.5,block=0.4,route=0.05,none=0.05."),
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults/--no-faults", help="Let things go wrong.")
    ] = True,
    msgpack_share: MsgpackShare = 0.3,
    plain_share: PlainShare = 0.0,
    incidents: Annotated[
        bool, typer.Option(help="Plant things that a control room must see; see incidents.csv.")
    ] = False,
    validators: Annotated[
        Path | None,
        typer.Option(help="CSV with device_id, password, vehicle_id, algorithm, key_id, key."),
    ] = None,
    cards: Annotated[
        int, typer.Option(min=1, help="Cards of the people who tap, where there are validators.")
    ] = 100_000,
) -> None:
    """Drive buses along a timetable and publish as their devices would, until stopped.

    SIGTERM or SIGINT: no new fixes, wait at most 20 s for acknowledgements, write the summary.
    """
    from sapar.simulators.faults import FaultRates
    from sapar.simulators.fleet_run import FleetSettings
    from sapar.simulators.signon import SignOnMix
    from sapar.simulators.swarm import SwarmOptions

    settings = Settings()
    with reported():
        fleet = FleetSettings(
            agency_id=agency or settings.agency,
            address=(settings.device_broker_host, settings.device_broker_port),
            buses=buses,
            seed=seed,
            fix_interval_s=fix_interval,
            duration_s=None if minutes is None else minutes * 60.0,
            faults=FaultRates() if faults else FaultRates.none(),
            mix=SignOnMix() if sign_on is None else SignOnMix.parse(sign_on),
            swarm=SwarmOptions(msgpack_share=msgpack_share, plain_share=plain_share),
            incidents=incidents,
        )
        _run(settings, fleet, gtfs, credentials, truth, validators, cards)


def _run(
    settings: Settings,
    fleet: FleetSettings,
    gtfs: Path,
    credentials: Path,
    truth: Path,
    validators: Path | None,
    cards: int,
) -> None:
    from sapar.core.log import configure_logging
    from sapar.gtfs.timetable import load_timetable
    from sapar.simulators.fleet_run import simulate as simulate_fleet
    from sapar.simulators.swarm import read_credentials
    from sapar.simulators.truth import TruthWriter

    configure_logging(settings, "simulate")
    devices = read_credentials(credentials)
    timetable = load_timetable(gtfs, fleet.agency_id)
    aboard = None
    if validators is not None:
        aboard = _aboard(fleet, timetable, gtfs, validators, cards)
    with TruthWriter(truth) as writer:

        async def run(stop: asyncio.Event) -> None:
            clock = settings.clock()
            await simulate_fleet(timetable, fleet, devices, writer, clock, stop, aboard)

        run_until_asked(run)


def _aboard(
    fleet: FleetSettings, timetable: Timetable, gtfs: Path, validators: Path, cards: int
) -> ValidatorSettings:
    from sapar.simulators.faults import FaultRates
    from sapar.simulators.population import make_population
    from sapar.simulators.taps_faults import TapFaults
    from sapar.simulators.validators import LIVE_FAULTS, ValidatorSettings
    from sapar.simulators.validators_file import read_fares, read_totals, read_validators

    credentials, keys = read_validators(validators)
    people = make_population(cards, len(timetable.routes.ids), fleet.seed)
    faultless = fleet.faults == FaultRates.none()
    faults = TapFaults.none() if faultless else LIVE_FAULTS
    return ValidatorSettings(
        credentials, keys, people, faults, read_fares(gtfs), totals=read_totals(validators)
    )


def run_until_asked(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main(stop)`; SIGTERM and SIGINT set `stop`, and `main` ends in its own good order."""

    async def with_signals() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await main(stop)

    asyncio.run(with_signals())
