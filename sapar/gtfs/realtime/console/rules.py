"""Rules of alarms: thresholds, dead bands and delays, for all routes or for one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.core.settings import Settings

Longs = NDArray[np.int64]

KINDS = (
    "late",
    "early",
    "off_route",
    "silent",
    "speeding",
    "not_signed_on",
    "wrong_sign_on",
    "gps_off",
    "panic",
    "bunched",
    "gap",
    "no_vehicle",
)
"""Kinds of alarms."""
(
    LATE, EARLY, OFF_ROUTE, SILENT, SPEEDING, NOT_SIGNED_ON, WRONG_SIGN_ON, GPS_OFF, PANIC,
    BUNCHED, GAP, NO_VEHICLE,
) = range(len(KINDS))  # fmt: skip


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When a kind of alarm is raised and when it is over.

    Attributes:
        kind: one of `KINDS`.
        route_id: the route that it is for, None for all without a rule of their own.
        raise_at: value from which it is raised; the unit is that of the kind, see docs/alarms.md.
        clear_at: end of the dead band: an alarm stays while the value has not passed it.
        on_delay_s: for how long without a break the value must be past the threshold.
        off_delay_s: for how long an alarm outlasts its condition.
        priority: 1 act at once, 2 soon, 3 a row in a list.
        enabled: whether there is this kind of alarm at all.
    """

    kind: str
    route_id: str | None = None
    raise_at: float
    clear_at: float
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    priority: int = 3
    enabled: bool = True


def _rule(kind: int, raise_at: float, clear_at: float, on: float, off: float, level: int) -> Rule:
    return Rule(
        kind=KINDS[kind],
        raise_at=raise_at,
        clear_at=clear_at,
        on_delay_s=on,
        off_delay_s=off,
        priority=level,
    )


DEFAULT_RULES = (
    _rule(LATE, 360.0, 270.0, 60.0, 30.0, 3),
    _rule(EARLY, 120.0, 75.0, 45.0, 30.0, 3),
    _rule(OFF_ROUTE, 60.0, 60.0, 10.0, 30.0, 2),
    _rule(SILENT, 90.0, 60.0, 0.0, 0.0, 2),
    _rule(SPEEDING, 19.5, 16.7, 10.0, 60.0, 2),
    _rule(NOT_SIGNED_ON, 1.0, 1.0, 120.0, 30.0, 3),
    _rule(WRONG_SIGN_ON, 60.0, 60.0, 20.0, 30.0, 2),
    _rule(GPS_OFF, 75.0, 75.0, 0.0, 0.0, 2),
    _rule(PANIC, 0.0, 0.0, 0.0, 0.0, 1),
    _rule(BUNCHED, 0.25, 0.4, 60.0, 60.0, 3),
    _rule(GAP, 1.75, 1.5, 60.0, 60.0, 2),
    _rule(NO_VEHICLE, 90.0, 90.0, 90.0, 0.0, 2),
)
"""Rules of a deployment that says nothing else, one a kind."""

_RISING = np.array([kind != "bunched" for kind in KINDS])
"""Kinds that are worse the larger the value; the others the smaller."""


def default_rules(settings: Settings) -> list[Rule]:
    """Give the rules of a deployment: `DEFAULT_RULES` with its thresholds; dead bands keep pace."""
    raise_at = {
        "late": settings.alarm_late_s,
        "early": settings.alarm_early_s,
        "silent": settings.alarm_silent_s,
        "gps_off": settings.alarm_gps_off_s,
        "speeding": settings.alarm_speed_mps,
        "gap": settings.alarm_gap_share,
        "bunched": settings.alarm_bunched_share,
        "no_vehicle": settings.alarm_missing_s,
    }
    rules = []
    for rule in DEFAULT_RULES:
        value = raise_at.get(rule.kind, rule.raise_at)
        clear_at = rule.clear_at * (value / rule.raise_at if rule.raise_at else 1.0)
        if rule.kind == "speeding":
            clear_at = min(settings.alarm_speed_clear_mps, value)
        rules.append(msgspec.structs.replace(rule, raise_at=value, clear_at=clear_at))
    return rules


def check_rule(rule: Rule) -> None:
    """Refuse a rule that means nothing.

    Raises:
        BadInput: the kind is unknown, a number is not finite or negative, or the dead band lies on
            the wrong side of the threshold.
    """
    if rule.kind not in KINDS:
        raise BadInput(f"there is no kind of alarm {rule.kind!r}", code="bad_rule")
    numbers = (rule.raise_at, rule.clear_at, rule.on_delay_s, rule.off_delay_s)
    if not all(np.isfinite(number) and 0 <= number <= 86_400 for number in numbers):
        raise BadInput("thresholds and delays are from 0 to 86400", code="bad_rule")
    if rule.priority not in {1, 2, 3}:
        raise BadInput("a priority is 1, 2 or 3", code="bad_rule")
    rising = bool(_RISING[KINDS.index(rule.kind)])
    if (rule.clear_at > rule.raise_at) if rising else (rule.clear_at < rule.raise_at):
        raise BadInput(
            "the dead band ends on the wrong side of the threshold",
            code="bad_rule",
            hint="an alarm is cleared at a better value than it is raised at",
        )


class RuleTable:
    """Rules as arrays, by kind and route.

    Args:
        rules: one a kind for all routes at least; those of routes come before them.
        route_ids: the routes, by number.
    """

    def __init__(self, rules: Iterable[Rule], route_ids: list[str]) -> None:
        shape = (len(KINDS), len(route_ids) + 1)  # the last column: without a route
        self._numbers = {
            name: np.zeros(shape) for name in ("raise_at", "clear_at", "on_delay_s", "off_delay_s")
        }
        self.enabled = np.zeros(shape, np.bool_)
        self.priority = np.full(shape, 3, np.int8)
        index = {route_id: number for number, route_id in enumerate(route_ids)}
        for rule in sorted(rules, key=lambda rule: rule.route_id is not None):
            kind = KINDS.index(rule.kind)
            route = slice(None) if rule.route_id is None else index.get(rule.route_id)
            if route is None:
                continue  # of another version of the timetable
            for name, table in self._numbers.items():
                table[kind, route] = getattr(rule, name)
            self.enabled[kind, route] = rule.enabled
            self.priority[kind, route] = rule.priority

    def past(
        self, kind: int, route: NDArray[np.integer], value: Floats
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which values are past the threshold, and which past the end of the dead band.

        Args:
            kind: index into `KINDS`.
            route: number of the route of each value, -1 for none.
            value: NaN is past nothing.
        """
        raise_at = self._numbers["raise_at"][kind, route]
        clear_at = self._numbers["clear_at"][kind, route]
        on = self.enabled[kind, route]
        if _RISING[kind]:
            return on & (value >= raise_at), on & (value >= clear_at)
        return on & (value <= raise_at), on & (value <= clear_at)

    def raise_at(self, kind: NDArray[np.integer], route: NDArray[np.integer]) -> Floats:
        """Give the thresholds of kinds on routes."""
        found: Floats = self._numbers["raise_at"][kind, route]
        return found

    def delays_s(
        self, kind: NDArray[np.integer], route: NDArray[np.integer]
    ) -> tuple[Floats, Floats]:
        """Give the on-delays and off-delays of kinds on routes."""
        return (
            self._numbers["on_delay_s"][kind, route],
            self._numbers["off_delay_s"][kind, route],
        )
