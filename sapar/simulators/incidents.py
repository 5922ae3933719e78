"""Planted incidents: things that a control room must see, each with its truth. Pure.

Every incident has its own bus, and as far as the city allows its own route. What happened is
written to `incidents.csv` beside the other truth: `kind, vehicle_id, other_vehicle_id, route_id,
from_s, until_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, to_degrees
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Bools, Ints
from sapar.simulators.buses import BusFleet, Phase, Sight
from sapar.simulators.signon import SignOn, SignOns, make_sign_on, under_way_elsewhere

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
    "missing",
)
"""Kinds of incidents; a missing bus leaves a gap behind it."""
COLUMNS = "kind,vehicle_id,other_vehicle_id,route_id,from_s,until_s"

_BEGIN_S = 150.0  # after the start: by then an engine knows who drives what
_LASTS_S = 900.0
_LEFT_S = 900.0  # of the run that a bus is on when its incident begins
_ASIDE_M = 350.0
_RAMP_S = 20.0
_SPEED_MPS = 22.0
_HASTE = 2.0
_PAIR_PLAN_S = 280.0  # on closer lines nobody minds a bus that is missing or too near
_SOON_S = (150.0, 500.0)  # until the first run of a bus that never comes


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident.

    Attributes:
        kind: one of `KINDS`.
        vehicle: number of the vehicle; other: of the bus that follows a bunched one, else -1.
        route: row of the route.
        from_s, until_s: Unix transit seconds.
    """

    kind: str
    vehicle: int
    route: int
    from_s: float
    until_s: float
    other: int = -1


class Incidents:
    """Plants incidents into a fleet and plays them.

    Args:
        timetable, fleet, sign_ons: what is altered; the fleet stands at its start.
        seed: same seed, same incidents.
    """

    def __init__(self, timetable: Timetable, fleet: BusFleet, sign_ons: SignOns, seed: int) -> None:
        self._fleet, self._timetable, self._sign_ons = fleet, timetable, sign_ons
        self._rng = np.random.default_rng([seed, 31])
        self.planned = self._plan(fleet.time_s)
        self._wrong: dict[int, SignOn] = {}
        self._told: set[Incident] = set()
        for incident in self.planned:
            if incident.kind == "missing":
                fleet.absent[incident.vehicle] = True

    def _plan(self, start_s: float) -> list[Incident]:
        planned: list[Incident] = []
        used_routes: set[int] = set()
        from_s, until_s = start_s + _BEGIN_S, start_s + _BEGIN_S + _LASTS_S
        missing = self._find_absent(start_s)
        if missing is not None:
            route = int(self._fleet.table.route[self._fleet.run[missing]])
            begin_s = float(self._fleet.table.begin_s[self._fleet.run[missing]])
            used_routes.add(route)
            planned.append(Incident("missing", missing, route, begin_s, np.inf))
        pair = self._find_pair(used_routes)
        if pair is not None:
            route = int(self._fleet.table.route[self._fleet.run[pair[0]]])
            used_routes.add(route)
            planned.append(Incident("bunched", pair[0], route, from_s, until_s, pair[1]))
        taken = {n for i in planned for n in (i.vehicle, i.other)}
        free = [n for n in self._rng.permutation(self._candidates()).tolist() if n not in taken]
        for kind in KINDS[:9]:
            vehicle = self._pick(free, used_routes)
            if vehicle is None:
                break
            route = int(self._fleet.table.route[self._fleet.run[vehicle]])
            used_routes.add(route)
            planned.append(Incident(kind, vehicle, route, from_s, until_s))
        return planned

    def _candidates(self) -> Ints:
        """List the buses under way whose run goes on for long enough, on timetabled trips."""
        fleet = self._fleet
        ends = np.array([run.end_s for run in fleet.table.runs])[fleet.run]
        under_way = np.isin(fleet.phase, (Phase.DRIVING, Phase.DWELLING))
        long = ends > fleet.time_s + _BEGIN_S + _LEFT_S
        found = np.flatnonzero(under_way & long & fleet.table.exact[fleet.run])
        return found.astype(np.int32)

    def _pick(self, free: list[int], used_routes: set[int]) -> int | None:
        routes = self._fleet.table.route[self._fleet.run]
        for vehicle in free:
            if int(routes[vehicle]) not in used_routes:
                free.remove(vehicle)
                return vehicle
        return free.pop() if free else None

    def _find_pair(self, used_routes: set[int]) -> tuple[int, int] | None:
        """Find a bus and the next one behind it on the same line."""
        fleet, best = self._fleet, None
        begin_s = fleet.table.begin_s[fleet.run]
        for vehicle in self._candidates().tolist():
            run = fleet.run[vehicle]
            if int(fleet.table.route[run]) in used_routes:
                continue
            same = np.flatnonzero(
                (fleet.table.pattern[fleet.run] == fleet.table.pattern[run])
                & (fleet.phase == Phase.DRIVING)
                & (fleet.along_m < fleet.along_m[vehicle] - 500.0)
                & (begin_s - begin_s[vehicle] >= _PAIR_PLAN_S)
            )
            if len(same):
                behind = int(same[np.argmax(fleet.along_m[same])])
                apart_m = float(fleet.along_m[vehicle] - fleet.along_m[behind])
                if best is None or apart_m < best[0]:
                    best = (apart_m, vehicle, behind)
        return None if best is None else (best[1], best[2])

    def _find_absent(self, start_s: float) -> int | None:
        """Find a bus that is not on the road yet and has a run soon."""
        fleet = self._fleet
        begin_s = fleet.table.begin_s[fleet.run]
        waiting = np.isin(fleet.phase, (Phase.PARKED, Phase.LAYOVER))
        soon = (begin_s > start_s + _SOON_S[0]) & (begin_s < start_s + _SOON_S[1])
        found = np.flatnonzero(waiting & soon & fleet.table.exact[fleet.run]).tolist()
        # where buses follow each other closely the gap shows soon, but it must be worth a name
        found = [n for n in found if self._follower_s(n) - begin_s[n] >= _PAIR_PLAN_S]
        return min(found, key=self._follower_s, default=None)

    def _follower_s(self, vehicle: int) -> float:
        """Give when the bus after a waiting one is due to leave."""
        table, run = self._fleet.table, int(self._fleet.run[vehicle])
        same = (table.pattern == table.pattern[run]) & (table.begin_s > table.begin_s[run])
        return float(table.begin_s[same].min(initial=np.inf))

    # -- what they do -------------------------------------------------------------------------

    def drive(self) -> None:
        """Make buses stand or hurry during the next step."""
        fleet = self._fleet
        for incident in self.planned:
            one = incident.vehicle
            on = incident.from_s <= fleet.time_s < incident.until_s
            if incident.kind == "late":
                fleet.haste[one] = 0.0 if on else 1.0
            elif incident.kind == "early":
                fleet.haste[one] = _HASTE if on else 1.0
                fleet.unheld[one] = on
            elif incident.kind == "bunched":
                gap_m = fleet.along_m[one] - fleet.along_m[incident.other]
                near = gap_m < 150.0
                fleet.haste[one] = 0.0 if on and not near else 1.0

    def events(self, vehicle: Ints, time_s: float) -> list[tuple[int, str]]:
        """List the events that devices send now: (vehicle, kind)."""
        found = []
        asked = set(vehicle.tolist())
        kinds = {"panic": "panic", "gps_off": "gps_lost"}
        for incident in self.planned:
            due = incident.vehicle in asked and time_s >= incident.from_s
            if incident.kind in kinds and due and incident not in self._told:
                self._told.add(incident)
                found.append((incident.vehicle, kinds[incident.kind]))
        return found

    def silent(self, vehicle: Ints, time_s: float) -> Bools:
        """Tell which devices make no fix."""
        quiet = self._on({"silent", "gps_off"}, time_s)
        return np.isin(vehicle, quiet)

    def out_of_reach(self, time_s: float) -> list[int]:
        """List the vehicles none of whose devices is heard: not the tracker alone."""
        return self._on({"silent"}, time_s)

    def alter(self, sight: Sight) -> Sight:
        """Change what devices see: places off the line, and speeds."""
        lat, lon, speed = sight.latitude.copy(), sight.longitude.copy(), sight.speed_mps.copy()
        for incident in self.planned:
            at = np.flatnonzero(sight.vehicle == incident.vehicle)
            on = incident.from_s <= sight.time_s < incident.until_s
            if not len(at) or not on:
                continue
            if incident.kind == "off_route":
                lat[at], lon[at] = self._aside(sight, at, incident)
            elif incident.kind == "speeding":
                speed[at] = np.where(speed[at] > 0.7, _SPEED_MPS, speed[at])
        return replace(sight, latitude=lat, longitude=lon, speed_mps=speed)

    def sign_on(self, vehicle: int, signed: SignOn, time_s: float) -> SignOn:
        """Change what a device says of its driver's sign-on."""
        if vehicle in self._on({"not_signed_on"}, time_s):
            return SignOn()
        if vehicle in self._on({"wrong_sign_on"}, time_s):
            found = self._wrong.get(vehicle)
            if found is None:
                table, row = self._fleet.table, int(self._fleet.run[vehicle])
                runs = under_way_elsewhere(self._timetable, table, row, time_s)
                run = table.runs[int(self._rng.choice(runs))] if len(runs) else None
                found = self._wrong[vehicle] = make_sign_on(self._timetable, run, "trip")
            return found
        return signed

    def _aside(self, sight: Sight, at: Longs, incident: Incident) -> tuple[Floats, Floats]:
        ramp = min(1.0, (sight.time_s - incident.from_s) / _RAMP_S)
        turn = np.radians(sight.bearing_deg[at] + 90.0)
        east, north = np.sin(turn) * _ASIDE_M * ramp, np.cos(turn) * _ASIDE_M * ramp
        middle = float(sight.latitude[at].mean())
        d_lat, d_lon = to_degrees(east, north, (middle, 0.0))
        return sight.latitude[at] + (d_lat - middle), sight.longitude[at] + d_lon

    def _on(self, kinds: set[str], time_s: float) -> list[int]:
        return [
            incident.vehicle
            for incident in self.planned
            if incident.kind in kinds and incident.from_s <= time_s < incident.until_s
        ]

    def write(self, folder: Path, vehicle_ids: Sequence[str]) -> None:
        """Write `incidents.csv`."""
        routes = self._timetable.routes.ids
        lines = [COLUMNS]
        for incident in self.planned:
            other = vehicle_ids[incident.other] if incident.other >= 0 else ""
            until = "" if np.isinf(incident.until_s) else f"{incident.until_s:.1f}"
            lines.append(
                f"{incident.kind},{vehicle_ids[incident.vehicle]},{other},"
                f"{routes[incident.route]},{incident.from_s:.1f},{until}"
            )
        (folder / "incidents.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
