"""How much service runs when: vehicles by the hour, spans of the day."""

from __future__ import annotations

from dataclasses import dataclass

from sapar.simulators.city.dice import Dice
from sapar.simulators.city.lines import Line
from sapar.simulators.city.timing import HOUR_S, Day

FIRST_DEPARTURE_S = 5 * HOUR_S + 1_800
LAST_ARRIVAL_S = 25 * HOUR_S + 1_800
"""Service runs from 05:30 to 25:30."""

LAYOVER_S = 390
"""Usual rest at each terminal."""

MIN_LAYOVER_S = 300
MAX_LAYOVER_S = 720

SHARES: dict[Day, tuple[tuple[float, float], ...]] = {
    Day.WEEKDAY: (
        (0, 0.45), (6.0, 1.0), (9.5, 0.66), (16, 0.93), (19.5, 0.58), (21.5, 0.34), (23, 0.2),
    ),
    Day.SATURDAY: ((0, 0.3), (7.5, 0.6), (19.5, 0.42), (22, 0.2)),
    Day.SUNDAY: ((0, 0.26), (8, 0.5), (19.5, 0.36), (22, 0.18)),
}  # fmt: skip
"""(from hour of the service day, share of the peak's vehicles in service)."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a route runs: first departure from its home terminal, latest arrival anywhere."""

    first_s: int
    end_s: int


def choose_span(line: Line, night: bool, dice: Dice) -> Span:
    """Choose the span of a route; a `night` route runs until `LAST_ARRIVAL_S`."""
    first_s = FIRST_DEPARTURE_S + 300 * dice.below(6)
    if night:
        return Span(FIRST_DEPARTURE_S, LAST_ARRIVAL_S)
    latest = 23 if line.suburban else 24.5
    return Span(first_s, round(dice.between(22.5, latest) * 60) * 60)


def vehicles_at(day: Day, time_s: float, peak_vehicles: int) -> int:
    """Give how many of a route's vehicles are in service at a time of the service day."""
    share = 0.0
    for from_hour, value in SHARES[day]:
        if time_s >= from_hour * HOUR_S:
            share = value
    return max(min(2, peak_vehicles), round(peak_vehicles * share))
