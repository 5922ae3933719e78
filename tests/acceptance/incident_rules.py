"""When the alarm of a planted incident is due: from what devices sent and the simulator's truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sapar.contract.messages import Fix
from sapar.core.geometry import project_on_segments, to_plane
from sapar.gtfs.timetable import Timetable

SHOWN_AS = {"missing": "no_vehicle"}


@dataclass
class Seen:
    """What came over the broker: fixes and events by vehicle, and alarms by key."""

    fixes: dict[str, list[Fix]] = field(default_factory=lambda: defaultdict(list))
    events: dict[tuple[str, str], float] = field(default_factory=dict)
    first_s: dict[str, float] = field(default_factory=dict)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    plan_s: dict[str, float] = field(default_factory=dict)


def of_incident(incident: dict[str, str], seen: Seen, after_s: float) -> str | None:
    """The first alarm that is this incident's."""
    kind = SHOWN_AS.get(incident["kind"], incident["kind"])
    who = {incident["vehicle_id"], incident["other_vehicle_id"]} - {""}
    keys = []
    for key, alarm in seen.alarms.items():
        if alarm["kind"] != kind or seen.first_s[key] < after_s:
            continue
        mine = alarm["vehicle_id"] in who
        if kind == "no_vehicle":
            mine = alarm["values"]["start_s"] == float(incident["from_s"])
            mine = mine and alarm["route_id"] == incident["route_id"]
        if kind == "bunched":
            mine = set(key.partition(":")[2].split("+")) == who
        if mine:
            keys.append(key)
    return min(keys, key=seen.first_s.__getitem__, default=None)


def lasting(times: list[float], holds: list[bool], duration_s: float, from_s: float) -> float:
    """The moment at which a condition has held for so long without a break."""
    since = None
    for time_s, on in zip(times, holds, strict=True):
        if time_s < from_s:
            continue
        since = (time_s if since is None else since) if on else None
        if since is not None and time_s - since >= duration_s:
            return since + duration_s
    raise AssertionError("the incident never fulfilled its rule")


def due(
    incident: dict[str, str], seen: Seen, truth: list[dict[str, str]], timetable: Timetable
) -> float:
    """When the rule of an incident is fulfilled, by its default thresholds."""
    kind, who, from_s = incident["kind"], incident["vehicle_id"], float(incident["from_s"])
    fixes = sorted(seen.fixes[who], key=lambda fix: fix.time_ms)
    times = [f.time_ms / 1000 for f in fixes]
    if kind == "panic":
        return seen.events[who, "panic"]
    if kind == "gps_off":
        return seen.events[who, "gps_lost"] + 75.0
    if kind == "silent":
        return max(times) + 90.0
    if kind == "missing":
        return from_s + 180.0
    if kind == "speeding":
        return lasting(times, [(f.speed_mps or 0.0) >= 19.5 for f in fixes], 10.0, from_s)
    if kind == "not_signed_on":
        holds = [f.trip_id is None and f.block_id is None and f.route_id is None for f in fixes]
        return lasting(times, holds, 120.0, from_s)
    if kind == "wrong_sign_on":
        return wrong_since(fixes, from_s) + 80.0
    if kind == "off_route":
        return lasting(times, off_line(incident, fixes, truth, timetable), 70.0, from_s)
    own = [row for row in truth if row["vehicle_id"] == who and row["delay_s"]]
    delays = [float(row["delay_s"]) for row in own]
    when = [float(row["time_s"]) for row in own]
    if kind == "late":
        return lasting(when, [d >= 360 for d in delays], 60.0, from_s)
    if kind == "early":
        return lasting(when, [d <= -120 for d in delays], 45.0, from_s)
    return bunched_since(incident, seen, truth)


def wrong_since(fixes: list[Fix], from_s: float) -> float:
    """The first fix with another sign-on by a bus that drove since the one before."""
    before = next(f for f in reversed(fixes) if f.time_ms / 1000 < from_s)
    last = before
    for fix in fixes:
        if fix.time_ms / 1000 < from_s:
            continue
        moved_m = 111_195 * np.hypot(
            (fix.latitude or 0) - (last.latitude or 0),
            ((fix.longitude or 0) - (last.longitude or 0)) * np.cos(np.radians(50.3)),
        )
        if (fix.trip_id, fix.block_id) != (before.trip_id, before.block_id) and moved_m > 15:
            return fix.time_ms / 1000
        last = fix
    raise AssertionError("it never drove with the wrong sign-on")


def off_line(
    incident: dict[str, str], fixes: list[Fix], truth: list[dict[str, str]], timetable: Timetable
) -> list[bool]:
    """Which fixes are further than 60 m from the line of the trip that the bus truly drives."""
    trip_of = {
        float(row["time_s"]): row["trip_id"]
        for row in truth
        if row["vehicle_id"] == incident["vehicle_id"]
    }
    trip_id = trip_of[min(trip_of, key=lambda t: abs(t - float(incident["from_s"])))]
    line = timetable.trip_pattern(timetable.trips.index[trip_id])
    place = (50.3, 57.2)
    x, y = to_plane(line.polyline_lat, line.polyline_lon, place)
    found = []
    for fix in fixes:
        at = to_plane(np.array([fix.latitude]), np.array([fix.longitude]), place)
        many = len(x) - 1
        _, off = project_on_segments(
            np.repeat(at[0], many), np.repeat(at[1], many), x[:-1], y[:-1], x[1:], y[1:]
        )
        found.append(bool(off.min() > 60.0))
    return found


def bunched_since(incident: dict[str, str], seen: Seen, truth: list[dict[str, str]]) -> float:
    """When the follower has been as near as a quarter of the plan for a minute, in truth."""
    ahead, behind = incident["vehicle_id"], incident["other_vehicle_id"]
    by_bus: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for row in truth:
        if row["vehicle_id"] in {ahead, behind}:
            entry = (float(row["time_s"]), float(row["along_m"]), row["phase"])
            by_bus[row["vehicle_id"]].append(entry)
    first = np.array([(t, along) for t, along, _ in by_bus[ahead]])
    times, holds = [], []
    for t, along, _ in by_bus[behind]:
        passed = first[(first[:, 1] >= along) & (first[:, 0] <= t)]
        headway = t - passed[0, 0] if len(passed) else np.inf
        times.append(t)
        holds.append(bool(headway <= 0.25 * seen.plan_s[behind]))
    return lasting(times, holds, 60.0, float(incident["from_s"]))
