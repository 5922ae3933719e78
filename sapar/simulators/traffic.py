"""How much slower or faster than the timetable the streets are, from a seed. Pure.

Three causes multiply: congestion that belongs to a square of the city (all routes through it suffer
together; part of it comes back at the same hour every day), a drift of each route, and the driver.
The moving parts are Ornstein-Uhlenbeck processes: they wander and return to their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Ints

_CELL_DEGREES = 0.01  # about 1.1 km north, 0.7 km east at 50 degrees
_CELLS = 4096  # cells share numbers by hashing: only their statistics matter
_UPDATE_S = 10.0


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """Sizes of the deviations, as standard deviations of the logarithm of the speed.

    Attributes:
        cell_sigma, cell_tau_s: passing congestion of a square, and how long it lasts.
        route_sigma, route_tau_s: drift of a route.
        driver_sigma: between drivers, constant for a vehicle.
        bias: how much slower than the timetable the streets are on average; -0.04 is 4 %.
        recurrent: largest slowing that a square shows every day at the peaks, 0.2 is 20 %.
    """

    cell_sigma: float = 0.15
    cell_tau_s: float = 1200.0
    route_sigma: float = 0.06
    route_tau_s: float = 900.0
    driver_sigma: float = 0.04
    bias: float = -0.04
    recurrent: float = 0.2


class Traffic:
    """Speed factors that change with time; advanced by the motion model alone.

    Args:
        routes: how many routes the timetable has; vehicles: how many drivers.
        seed: same seed, same traffic.
    """

    def __init__(
        self, routes: int, vehicles: int, seed: int, settings: TrafficSettings | None = None
    ) -> None:
        self._settings = settings or TrafficSettings()
        self._rng = np.random.default_rng([seed, 2])
        draw = self._rng.standard_normal
        self._cell = draw(_CELLS) * self._settings.cell_sigma
        self._route = draw(max(routes, 1)) * self._settings.route_sigma
        self._driver = draw(vehicles) * self._settings.driver_sigma
        self._recurrent = self._rng.random(_CELLS) * self._settings.recurrent
        self._due_s = 0.0

    def advance(self, duration_s: float) -> None:
        """Let `duration_s` seconds of transit time pass."""
        self._due_s += duration_s
        while self._due_s >= _UPDATE_S:
            self._due_s -= _UPDATE_S
            use = self._settings
            self._cell = self._wander(self._cell, use.cell_sigma, use.cell_tau_s)
            self._route = self._wander(self._route, use.route_sigma, use.route_tau_s)

    def _wander(self, state: Floats, sigma: float, tau_s: float) -> Floats:
        keep = np.exp(-_UPDATE_S / tau_s)
        step = sigma * np.sqrt(1.0 - keep * keep)
        moved: Floats = state * keep + step * self._rng.standard_normal(len(state))
        return moved

    def speed_factor(
        self, latitude: Floats, longitude: Floats, route: Ints, second_of_day: float
    ) -> Floats:
        """Give each vehicle's speed relative to the timetable's, 0.3 to 1.5.

        One entry per vehicle: where it is in degrees, the row of its route; and the local time in
        seconds after midnight.
        """
        row = np.floor(latitude / _CELL_DEGREES).astype(np.int64)
        column = np.floor(longitude / _CELL_DEGREES).astype(np.int64)
        cell = (row * 73_856_093 ^ column * 19_349_663) % _CELLS
        log_factor = self._settings.bias + self._cell[cell] + self._route[route] + self._driver
        slowed = 1.0 - self._recurrent[cell] * peak(second_of_day)
        factor: Floats = np.clip(np.exp(log_factor) * slowed, 0.3, 1.5)
        return factor


def peak(second_of_day: float) -> float:
    """Tell how much of a peak hour it is, 0 at night to 1 at 08:15 and 18:00 local time."""
    hour = second_of_day / 3600.0 % 24.0
    return float(max(np.exp(-(((hour - 8.25) / 1.2) ** 2)), np.exp(-(((hour - 18.0) / 1.6) ** 2))))
