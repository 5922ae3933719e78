"""A river or a railway: a long winding line that few streets cross."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.simulators.city.dice import Dice
from sapar.simulators.city.sizes import Profile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Barrier:
    """A line across the whole map, `offset_m` beside the centre, swinging by `wiggle_m`."""

    angle: float
    offset_m: float
    wiggle_m: float
    phase: float
    reach_m: float

    @classmethod
    def lay(cls, profile: Profile, dice: Dice, *, offset_share: float, wiggle_m: float) -> Barrier:
        """Lay a barrier at a random angle, `offset_share` city radii beside the centre."""
        return cls(
            angle=dice.between(-0.5, 0.5),
            offset_m=offset_share * profile.radius_m,
            wiggle_m=wiggle_m,
            phase=dice.between(0, 2 * math.pi),
            reach_m=profile.radius_m * 1.8,
        )

    def across_m(self, points: Floats) -> Floats:
        """Give the distance of points (n, 2) from the line: positive on its left side."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        along = points[:, 0] * cos + points[:, 1] * sin
        aside = points[:, 1] * cos - points[:, 0] * sin
        return aside - self._aside_m(along)

    def line_m(self) -> Floats:
        """Give the line itself as points (n, 2), for drawing."""
        along = np.linspace(-self.reach_m, self.reach_m, 200)
        aside = self._aside_m(along)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.column_stack((along * cos - aside * sin, along * sin + aside * cos))

    def _aside_m(self, along_m: Floats) -> Floats:
        swing = np.sin(along_m / 2_600 + self.phase) + 0.4 * np.sin(
            along_m / 1_100 + 2 * self.phase
        )
        return self.offset_m + self.wiggle_m * swing
