"""How likely a lateness is: at first by what is usual anywhere, then as buses run here now."""

from __future__ import annotations

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.fleet_state import NO, FleetState

_USUAL_S, _WIDTH_S, _WORST = 120.0, 400.0, 4.5
_BUSES = 10.0  # the first guess counts as much as so many buses
_WIDTH_MIN_S = 90.0
_SURE_MARGIN, _SURE_S, _SILENT_S = 4.0, 300.0, 180.0
_EARLY = 1.5  # early by so much less is as odd as late


class Lateness:
    """The lateness of an agency's buses: mean and width of a bell, flat far out.

    Attributes:
        usual_s, width_s: as learnt so far.
    """

    def __init__(self) -> None:
        self.usual_s, self.width_s = _USUAL_S, _WIDTH_S

    def cost(self, late_s: Floats) -> Floats:
        """Give how unlikely a lateness is: 0 for the usual one."""
        wide = (late_s - self.usual_s) / self.width_s
        wide = np.where(wide < 0, wide * _EARLY, wide)
        result: Floats = np.minimum(0.5 * wide * wide, _WORST)
        return result

    def learn(self, late_s: Floats) -> None:
        """Take the lateness of all buses that are surely on their runs at a moment."""
        n = len(late_s)
        low, middle, high = np.percentile(late_s, [16, 50, 84]) if n else (0.0, 0.0, 0.0)
        seen_s = max((high - low) / 2, _WIDTH_MIN_S)
        share = n / (n + _BUSES)
        self.usual_s = (1.0 - share) * _USUAL_S + share * float(middle)
        self.width_s = float(_WIDTH_S ** (1.0 - share) * seen_s**share)


def lateness_now(fleet: FleetState, now_s: float) -> Floats:
    """List how late the buses are that have been sure of their runs for a while."""
    n = len(fleet)
    sure = fleet.flags("departed")[:n] & (fleet.floats("margin")[:n] >= _SURE_MARGIN)
    sure &= (fleet.ints("trip")[:n] != NO) & ~np.isfinite(fleet.floats("off_since_s")[:n])
    time_s = fleet.floats("time_s")[:n]
    sure &= now_s - time_s <= _SILENT_S
    sure &= time_s - fleet.floats("claimed_s")[:n] > _SURE_S
    return fleet.floats("delay_s")[:n][sure]
