"""What drivers sign on to: a trip, a block, a route or nothing, sometimes somebody else's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        kind = KINDS[self.kind[vehicle]]
        if run is None or kind == "none":
            return SignOn()
        trips = self._timetable.trips
        route_id = self._timetable.routes.ids[trips.route_idx[run.trip_idx]]
        block = int(trips.block_idx[run.trip_idx])
        if kind == "block" and block >= 0 and not run.frequency:
            return SignOn(block_id=self._timetable.blocks.ids[block])
        if kind == "trip":
            return SignOn(trip_id=trips.ids[run.trip_idx], route_id=route_id)
        return SignOn(route_id=route_id)
