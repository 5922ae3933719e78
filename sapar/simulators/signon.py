"""What drivers sign on to: a trip, a block, a route or nothing, sometimes somebody else's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.errors import BadInput
from sapar.gtfs.timetable import Timetable
from sapar.simulators.plan import Run
from sapar.simulators.roads import RunTable

KINDS = ("trip", "block", "route", "none")


@dataclass(frozen=True, slots=True)
class SignOnMix:
    """Shares of vehicles by what their drivers sign on to; they add up to 1."""

    trip: float = 0.5
    block: float = 0.35
    route: float = 0.09
    none: float = 0.06

    @staticmethod
    def parse(text: str) -> SignOnMix:
        """Read `trip=0.5,block=0.4,route=0.05,none=0.05`; what is not named is 0.

        Raises:
            BadInput: another name, no number, or shares that do not add up to 1.
        """
        shares = dict.fromkeys(KINDS, 0.0)
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name not in shares:
                raise _bad_mix(text)
            try:
                shares[name] = float(value)
            except ValueError:
                raise _bad_mix(text) from None
        if min(shares.values()) < 0 or abs(sum(shares.values()) - 1.0) > 1e-6:
            raise _bad_mix(text)
        return SignOnMix(**shares)


def _bad_mix(text: str) -> BadInput:
    return BadInput(
        f"not a sign-on mix: {text}",
        code="bad_sign_on_mix",
        hint="write shares that add up to 1, such as trip=0.5,block=0.4,route=0.05,none=0.05",
    )


@dataclass(frozen=True, slots=True)
class SignOn:
    """The ids that a device sends with a fix."""

    trip_id: str | None = None
    route_id: str | None = None
    block_id: str | None = None


class SignOns:
    """Gives each vehicle's sign-on for the run that it is on.

    Args:
        timetable, table: the runs; mix: shares; seed: same seed, same drivers.
    """

    def __init__(self, timetable: Timetable, table: RunTable, mix: SignOnMix, seed: int) -> None:
        self._timetable = timetable
        rng = np.random.default_rng([seed, 6])
        count = len(table.begin) - 1
        shares = np.array([mix.trip, mix.block, mix.route, mix.none])
        self.kind = rng.choice(len(KINDS), count, p=shares / shares.sum())
        self._stranger = rng.integers(0, max(len(table.runs), 1), count)
        self._runs = table.runs

    def find(self, vehicle: int, run: Run | None, *, wrong: bool) -> SignOn:
        """Give what the vehicle's device says; `wrong` takes a run of another vehicle."""
        if wrong:
            run = self._runs[self._stranger[vehicle]]
        return make_sign_on(self._timetable, run, KINDS[self.kind[vehicle]])


def make_sign_on(timetable: Timetable, run: Run | None, kind: str) -> SignOn:
    """Give what a device sends of a run; a block where there is none becomes the route."""
    if run is None or kind == "none":
        return SignOn()
    trips = timetable.trips
    route_id = timetable.routes.ids[trips.route_idx[run.trip_idx]]
    block = int(trips.block_idx[run.trip_idx])
    if kind == "block" and block >= 0 and not run.frequency:
        return SignOn(block_id=timetable.blocks.ids[block])
    if kind == "trip":
        return SignOn(trip_id=trips.ids[run.trip_idx], route_id=route_id)
    return SignOn(route_id=route_id)


WRONG_KINDS = ("other_route", "other_direction", "other_trip")
"""What a wrong sign-on names: a run of another route, of the way back, or of the same direction."""
_OTHER_TRIP_MIN_S = 1200.0  # a trip that starts nearer is told from the true one by nobody
_SPELL_S = (600.0, 1500.0)


@dataclass(frozen=True, slots=True)
class WrongSpell:
    """A driver signed on to a run of somebody else for a while.

    Attributes:
        vehicle: number of the vehicle; kind: one of `WRONG_KINDS`; run: what is signed on to.
        begin_s, end_s: Unix seconds.
    """

    vehicle: int
    kind: str
    run: Run
    begin_s: float
    end_s: float


def plan_wrong_spells(
    timetable: Timetable, table: RunTable, share: float, seed: int, span_s: tuple[float, float]
) -> list[WrongSpell]:
    """Plan one spell for each of a share of the vehicles, kinds in turn.

    The run is one that is under way, as in the list that a driver picks from. A vehicle for which
    there is none of its kind gets one of another route.
    """
    rng = np.random.default_rng([seed, 8])
    count = len(table.begin) - 1
    chosen = np.sort(rng.permutation(count)[: round(share * count)])
    spells = []
    for number, vehicle in enumerate(chosen.tolist()):
        latest_s = max(span_s[1] - _SPELL_S[0], span_s[0] + 1.0)
        begin_s = float(rng.uniform(span_s[0], latest_s))
        own = _own_run(table, vehicle, begin_s)
        if own is None:
            continue
        kind = WRONG_KINDS[number % len(WRONG_KINDS)]
        runs = _runs_of_kind(timetable, table, own, kind, begin_s)
        if not len(runs):
            kind = WRONG_KINDS[0]
            runs = _runs_of_kind(timetable, table, own, kind, begin_s)
        if len(runs):
            run = table.runs[int(rng.choice(runs))]
            end_s = begin_s + float(rng.uniform(*_SPELL_S))
            spells.append(WrongSpell(vehicle, kind, run, begin_s, end_s))
    return spells


def under_way_elsewhere(
    timetable: Timetable, table: RunTable, own: int, at_s: float
) -> NDArray[np.int64]:
    """List the runs of other routes that are under way, as rows of the table."""
    return _runs_of_kind(timetable, table, own, WRONG_KINDS[0], at_s)


def _own_run(table: RunTable, vehicle: int, at_s: float) -> int | None:
    rows = range(int(table.begin[vehicle]), int(table.begin[vehicle + 1]))
    return next((row for row in rows if table.runs[row].end_s > at_s), None)


def _runs_of_kind(
    timetable: Timetable, table: RunTable, own: int, kind: str, at_s: float
) -> NDArray[np.int64]:
    end_s = np.array([run.end_s for run in table.runs])
    under_way = (table.begin_s <= at_s) & (end_s > at_s)
    direction = timetable.trips.direction[table.trip]
    same_route = table.route == table.route[own]
    if kind == "other_route":
        return np.flatnonzero(under_way & ~same_route)
    if kind == "other_direction":
        return np.flatnonzero(under_way & same_route & (direction != direction[own]))
    apart = np.abs(table.begin_s - table.begin_s[own]) >= _OTHER_TRIP_MIN_S
    return np.flatnonzero(under_way & same_route & (direction == direction[own]) & apart)
