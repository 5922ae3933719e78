"""A simulated fleet on the shared clock: buses drive, devices speak, the truth is written down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sapar.core.clock import Clock
from sapar.core.errors import BadInput
from sapar.core.log import get_logger
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.buses import STEP_S, BusFleet
from sapar.simulators.device import Credentials, DeviceClient
from sapar.simulators.faults import FaultModel, FaultRates
from sapar.simulators.incidents import Incidents
from sapar.simulators.plan import fleet_plan
from sapar.simulators.sensing import Sensors, truth_rows
from sapar.simulators.signon import SignOnMix, SignOns
from sapar.simulators.swarm import SwarmOptions, drain, every, make_devices, running, wait_or_stop
from sapar.simulators.traffic import TrafficSettings
from sapar.simulators.truth import TruthWriter
from sapar.simulators.validators import TapTruth, Validators, ValidatorSettings

_SUMMARY_INTERVAL_S = 5.0
_FLUSH_INTERVAL_S = 0.5
_SLICES_PER_WALL_S = 10
_log = get_logger()


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What to simulate.

    Attributes:
        agency_id: whose fleet; address: host and port of the broker's device listener.
        buses: how many; seed: same seed, same rides and faults.
        fix_interval_s: seconds of transit time between two fixes of a bus, at least 0.1.
        truth_interval_s: seconds of transit time between two lines of truth a bus.
        duration_s: seconds of transit time to run, or None until stopped.
        faults, mix, swarm, traffic: what goes wrong, sign-ons, devices, streets.
        incidents: plant things that a control room must see.
    """

    agency_id: str
    address: tuple[str, int]
    buses: int
    seed: int
    fix_interval_s: float = 5.0
    truth_interval_s: float = 10.0
    duration_s: float | None = None
    faults: FaultRates = field(default_factory=FaultRates)
    mix: SignOnMix = field(default_factory=SignOnMix)
    swarm: SwarmOptions = field(default_factory=SwarmOptions)
    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    incidents: bool = False


class Ride:
    """Everything that moves and measures, in simulated time; no I/O of its own.

    Args:
        timetable, settings: what to drive, and how.
        start_s: Unix transit seconds of the start.
        devices: at least one per vehicle of the plan, in its order.

    Attributes:
        validators: one in every bus, or None; tapped: truth of the taps of the last slice.

    Raises:
        BadInput: the timetable has no service at `start_s`.
    """

    def __init__(
        self,
        timetable: Timetable,
        settings: FleetSettings,
        start_s: float,
        devices: Sequence[DeviceClient],
        slices: int = _SLICES_PER_WALL_S,
    ) -> None:
        plan = fleet_plan(timetable, start_s, settings.buses, settings.seed)
        self.fleet = BusFleet(timetable, plan, settings.seed, settings.traffic)
        self.faults = FaultModel(self.fleet.count, settings.seed, start_s, settings.faults)
        self.devices = devices[: self.fleet.count]
        self.vehicle_ids = [device.credentials.vehicle_id for device in self.devices]
        sign_ons = SignOns(timetable, self.fleet.table, settings.mix, settings.seed)
        self.incidents = (
            Incidents(timetable, self.fleet, sign_ons, settings.seed)
            if settings.incidents
            else None
        )
        self._sensors = Sensors(
            self.fleet,
            self.faults,
            sign_ons,
            self.devices,
            timetable.bounding_box,
            self.incidents,
        )
        self._slices = slices
        self._slice = 0
        rounds = max(1, round(settings.fix_interval_s * slices / STEP_S))
        turn = np.arange(self.fleet.count) * rounds // self.fleet.count
        self._members = [np.flatnonzero(turn == n).astype(np.int32) for n in range(rounds)]
        self._truth_every = max(1, round(settings.truth_interval_s / STEP_S))
        self.validators: Validators | None = None
        self.tapped: list[str] = []
        self._silenced: list[int] = []

    @property
    def speaking(self) -> list[DeviceClient]:
        """All devices: trackers, and validators where there are any."""
        return [*self.devices, *(self.validators.devices if self.validators else ())]

    @property
    def next_s(self) -> float:
        """Unix transit seconds of the next slice."""
        return self.fleet.time_s + (self._slice % self._slices) * STEP_S / self._slices

    def advance(self) -> list[str]:
        """Make the fixes of one slice of a step, and the step after the last; give truth rows."""
        part = self._slice % self._slices
        members: Ints = self._members[self._slice % len(self._members)]
        if len(members):
            self._sensors.observe(members, part * STEP_S / self._slices)
        self._slice += 1
        self.tapped = []
        if part + 1 < self._slices:
            return []
        if self.incidents is not None:
            self.incidents.drive()
        self.fleet.step()
        self.tapped = self.validators.observe() if self.validators else []
        lost, back = self.faults.radio(self.fleet.time_s, STEP_S)
        aboard = [self.devices, self.validators.devices] if self.validators else [self.devices]
        for devices in aboard:
            for number in lost:
                devices[number].go_offline()
            for number in back:
                devices[number].go_online()
        self._silence_validators()
        if (self._slice // self._slices) % self._truth_every:
            return []
        everyone = np.flatnonzero(self.fleet.powered()).astype(np.int32)
        return truth_rows(self.fleet, self.vehicle_ids, self.fleet.look(everyone))

    def _silence_validators(self) -> None:
        """Keep the validators of buses that are planted as silent from being heard."""
        if self.incidents is None or self.validators is None:
            return
        away = self.incidents.out_of_reach(self.fleet.time_s)
        for number in away:
            self.validators.devices[number].go_offline()
        for number in self._silenced:
            if number not in away:
                self.validators.devices[number].go_online()
        self._silenced = away

    def in_service(self) -> list[str]:
        """List the vehicles on a trip or in a layover before one."""
        return [self.vehicle_ids[n] for n in np.flatnonzero(self.fleet.in_service()).tolist()]


async def simulate(
    timetable: Timetable,
    settings: FleetSettings,
    credentials: Sequence[Credentials],
    truth: TruthWriter,
    clock: Clock,
    stop: asyncio.Event,
    validators: ValidatorSettings | None = None,
) -> dict[str, Any]:
    """Run a fleet until `stop` is set or its duration is over, drain it, and give the summary.

    Raises:
        BadInput: there are fewer devices than vehicles, or no service at this time.
    """
    slices = max(1, round(_SLICES_PER_WALL_S / clock.rate))
    devices = make_devices(
        settings.address,
        settings.agency_id,
        credentials,
        clock=clock,
        seed=settings.seed,
        observer=truth,
        options=settings.swarm,
    )
    ride = Ride(timetable, settings, math.floor(clock.time()), devices, slices)
    _enough(ride.fleet.count, len(devices), "devices")
    if ride.incidents is not None:
        ride.incidents.write(truth.folder, ride.vehicle_ids)
    if validators is not None:
        _mount_validators(ride, timetable, settings, validators, truth, clock)
    _log.info("simulation_started", agency=settings.agency_id, vehicles=ride.fleet.count)

    def summarise(*, finished: bool = False) -> dict[str, Any]:
        state = _state(ride, settings, clock)
        return truth.summary(ride.speaking, state, finished=finished)

    async with running(ride.speaking), asyncio.TaskGroup() as group:
        group.create_task(every(stop, _FLUSH_INTERVAL_S, truth.flush))
        group.create_task(every(stop, _SUMMARY_INTERVAL_S, summarise))
        await _drive(ride, settings, truth, clock, stop)
        stop.set()
        left = await drain(ride.speaking, clock)
        _log.info("simulation_drained", agency=settings.agency_id, unacknowledged=left)
    return summarise(finished=True)


def _enough(vehicles: int, devices: int, what: str) -> None:
    if devices < vehicles:
        raise BadInput(
            f"{vehicles} vehicles and only {devices} {what}",
            code="few_devices",
            hint="add devices to the credentials file or ask for fewer buses",
        )


def _mount_validators(
    ride: Ride,
    timetable: Timetable,
    settings: FleetSettings,
    validators: ValidatorSettings,
    truth: TruthWriter,
    clock: Clock,
) -> None:
    """Put a validator into every bus."""
    mounted = {who.vehicle_id: who for who in validators.credentials}
    aboard = [mounted[vehicle] for vehicle in ride.vehicle_ids if vehicle in mounted]
    _enough(ride.fleet.count, len(aboard), "validators")
    devices = make_devices(
        settings.address,
        settings.agency_id,
        aboard,
        clock=clock,
        seed=settings.seed + 1,
        observer=truth,
        options=replace(settings.swarm, plain_share=0.0),  # a tap that is gone is money
    )
    ride.validators = Validators(ride.fleet, timetable, devices, validators, settings.seed)


async def _drive(
    ride: Ride, settings: FleetSettings, truth: TruthWriter, clock: Clock, stop: asyncio.Event
) -> None:
    end_s = math.inf
    if settings.duration_s is not None:
        end_s = ride.fleet.time_s + settings.duration_s
    with TapTruth(truth.folder) as taps:
        await _drive_until(ride, end_s, truth, taps, clock, stop)
    if ride.validators is not None:
        ride.validators.end_shifts()


async def _drive_until(
    ride: Ride,
    end_s: float,
    truth: TruthWriter,
    taps: TapTruth,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    while ride.next_s < end_s:
        wait_s = (ride.next_s - clock.time()) / clock.rate
        if wait_s > 0 and await wait_or_stop(stop, wait_s):
            return
        truth.truth(ride.advance())
        if ride.tapped:
            taps.write(ride.tapped)
        if wait_s <= 0:
            await asyncio.sleep(0)  # behind: catch up, but let the devices speak
            if stop.is_set():
                return


def _state(ride: Ride, settings: FleetSettings, clock: Clock) -> dict[str, Any]:
    return {
        "agency_id": settings.agency_id,
        "seed": settings.seed,
        "vehicles": ride.fleet.count,
        "faults": dict(sorted(ride.faults.counts.items())),
        "taps": dict(sorted(ride.validators.counts.items())) if ride.validators else {},
        "behind_s": round(max(0.0, clock.time() - ride.next_s), 1),
        "wall_s": round(clock.wall(), 3),
        "time_s": round(clock.time(), 3),
        "in_service": ride.in_service(),
    }
