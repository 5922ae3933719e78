"""A simulated fleet without devices and broker: what a server would read, and the truth, at once.

For scores of the engine: the same buses, faults and drivers as `fleet_run`, faster than time. What
a server refuses (see `faults.PLANTED`) is not made at all; records held back by a radio shadow come
together when it is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, to_degrees
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Bools, Ints
from sapar.simulators.buses import STEP_S, BusFleet, Phase, Sight
from sapar.simulators.detours import Detours
from sapar.simulators.faults import PLANTED, FaultModel, FaultRates
from sapar.simulators.plan import fleet_plan
from sapar.simulators.roads import RunTable
from sapar.simulators.signon import SignOn, WrongSpell, make_sign_on, plan_wrong_spells


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """What to rehearse.

    Attributes:
        buses, seed: how many; same seed, same rides and faults.
        duration_s: for how long, from the start.
        fix_interval_s: whole seconds between two fixes of a bus.
        sign_on: what drivers sign on to: trip, block, route or none.
        wrong_share: share of the buses that are signed on to a run of another for a while; where
            nobody else signs on, they do, to a trip.
        detours: streets that are closed for a third of the time each.
        faults: what else goes wrong.
    """

    buses: int
    seed: int
    duration_s: float
    fix_interval_s: int = 5
    sign_on: str = "none"
    wrong_share: float = 0.05
    detours: int = 3
    faults: FaultRates = field(default_factory=FaultRates)


@dataclass(frozen=True, slots=True)
class HeardFix:
    """One fix as the server reads it."""

    vehicle: int
    time_s: float
    latitude: float
    longitude: float
    speed_mps: float
    bearing_deg: float
    sign_on: SignOn


@dataclass(frozen=True, slots=True)
class Truth:
    """What every bus does at one moment; entries are vehicles.

    Attributes:
        run: row of the run table, -1 for none; driving: on its line; detour: led away from it.
        begin_s: Unix start of the run by the timetable; departed_s: when it really left.
    """

    run: Ints
    driving: Bools
    detour: Bools
    begin_s: Floats
    departed_s: Floats


class Rehearsal:
    """The fleet and its devices; call `step` once a second of transit time.

    Raises:
        BadInput: the timetable has no service at `start_s`.
    """

    def __init__(self, timetable: Timetable, options: RehearsalOptions, start_s: float) -> None:
        plan = fleet_plan(timetable, start_s, options.buses, options.seed)
        self._timetable, self._options = timetable, options
        self._fleet = BusFleet(timetable, plan, options.seed)
        count, span_s = self._fleet.count, (start_s, start_s + options.duration_s)
        rates = options.faults
        self._faults = FaultModel(count, options.seed, start_s, rates)
        self._detours = Detours(self._fleet.roads, options.seed, options.detours, span_s)
        self.wrong_spells: list[WrongSpell] = plan_wrong_spells(
            timetable, self._fleet.table, options.wrong_share, options.seed, span_s
        )
        self._wrong = {spell.vehicle: spell for spell in self.wrong_spells}
        self._turn = np.arange(count) * options.fix_interval_s // max(count, 1)
        self._held: dict[int, list[HeardFix]] = {}
        self._led = np.zeros(count, np.bool_)
        self._departed_s = np.full(count, np.nan)
        self._departed_run = np.full(count, -1, np.int32)
        self._number = 0

    @property
    def count(self) -> int:
        """How many buses there are; fewer than asked for where the timetable has no more."""
        return self._fleet.count

    @property
    def time_s(self) -> float:
        """Unix seconds of the next step."""
        return self._fleet.time_s

    @property
    def table(self) -> RunTable:
        """The runs that `Truth.run` names."""
        return self._fleet.table

    def step(self) -> list[HeardFix]:
        """Let a second pass; give the fixes that the server hears in it."""
        members = np.flatnonzero(self._turn == self._number % self._options.fix_interval_s)
        self._number += 1
        powered: Ints = members[self._fleet.powered()[members]].astype(np.int32)
        heard = self._sense(powered) if len(powered) else []
        lost, back = self._faults.radio(self._fleet.time_s, STEP_S)
        for number in lost:
            self._held[number] = []
        now = [fix for fix in heard if fix.vehicle not in self._held]
        for fix in heard:
            if fix.vehicle in self._held:
                self._held[fix.vehicle].append(fix)
        for number in back:
            now.extend(self._held.pop(number, ()))
        self._fleet.step()
        self._note_departures()
        return now

    def truth(self) -> Truth:
        """Say what the buses do now."""
        fleet = self._fleet
        driving = np.isin(fleet.phase, (Phase.DRIVING, Phase.DWELLING))
        return Truth(
            np.where(fleet.powered(), fleet.run, -1).astype(np.int32),
            driving,
            self._led & driving,
            fleet.table.begin_s[fleet.run],
            self._departed_s.copy(),
        )

    def _sense(self, members: Ints) -> list[HeardFix]:
        sight = self._fleet.look(members)
        lat, lon = self._led_by(sight)
        draw = self._faults.draw(members, sight.time_s)
        middle = float(lat.mean())
        d_lat, d_lon = to_degrees(draw.east_m, draw.north_m, (middle, 0.0))
        lat, lon = np.round(lat + (d_lat - middle), 6), np.round(lon + d_lon, 6)
        time_s = np.round(sight.time_s + draw.skew_ms / 1000.0, 3)
        good = ~draw.silent & ~np.isin(draw.kind, np.arange(len(PLANTED)))
        return [
            HeardFix(
                int(members[row]),
                float(time_s[row]),
                float(lat[row]),
                float(lon[row]),
                round(float(sight.speed_mps[row]), 1),
                self._bearing(sight, row),
                self._sign_on(int(members[row]), int(sight.run[row]), sight.time_s),
            )
            for row in np.flatnonzero(good).tolist()
        ]

    def _led_by(self, sight: Sight) -> tuple[Floats, Floats]:
        on_line = np.isin(sight.phase, (Phase.DRIVING, Phase.DWELLING))
        pattern = self._fleet.table.pattern[np.maximum(sight.run, 0)]
        along_m = np.where(on_line, sight.along_m, np.nan)
        lat, lon, led = self._detours.lead(
            pattern, along_m, sight.latitude, sight.longitude, sight.time_s
        )
        self._led[sight.vehicle] = led
        return lat, lon

    @staticmethod
    def _bearing(sight: Sight, row: int) -> float:
        moving = sight.speed_mps[row] > 0.7
        return float(np.round(sight.bearing_deg[row])) % 360.0 if moving else np.nan

    def _sign_on(self, vehicle: int, run: int, time_s: float) -> SignOn:
        kind, spell = self._options.sign_on, self._wrong.get(vehicle)
        if spell is not None and spell.begin_s <= time_s < spell.end_s:
            return make_sign_on(self._timetable, spell.run, "trip" if kind == "none" else kind)
        return make_sign_on(self._timetable, self._fleet.find_run(run), kind)

    def _note_departures(self) -> None:
        fleet = self._fleet
        new: NDArray[np.bool_] = np.isin(fleet.phase, (Phase.DRIVING, Phase.DWELLING))
        new &= self._departed_run != fleet.run
        self._departed_s[new] = fleet.time_s
        self._departed_run[new] = fleet.run[new]
