"""Designing the routes: which places each connects, and which streets it takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from sapar.core.errors import Fault
from sapar.simulators.city.dice import Dice
from sapar.simulators.city.network import StreetMap, find_way, free_times_s
from sapar.simulators.city.places import Places
from sapar.simulators.city.sizes import Profile

ATTEMPTS = 60
"""How many pairs of terminals are tried for one route before the best so far is taken."""


class LineKind(StrEnum):
    """How a route is laid out."""

    THROUGH = "through"
    CIRCULAR = "circular"
    BRANCHED = "branched"


@dataclass(frozen=True, slots=True)
class Way:
    """The streets of one direction of a route, as arcs in order of travel.

    `branch` is 0 for the main course and 1 for the branch; `end` is the node at the far terminal.
    """

    direction: int
    branch: int
    arcs: tuple[int, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """One route.

    Attributes:
        start: node of the home terminal.
        headway: run by headway instead of by timetable; `exact` then says that the departures
            are kept to the second all the same.
        popularity: how much service it gets, for its length.
    """

    number: str
    kind: LineKind
    start: int
    ways: tuple[Way, ...]
    suburban: bool
    headway: bool
    exact: bool
    popularity: float

    def way(self, direction: int, branch: int = 0) -> Way:
        """Get the way of a direction and branch; raises `KeyError` when there is none."""
        for way in self.ways:
            if (way.direction, way.branch) == (direction, branch):
                return way
        raise KeyError((direction, branch))


class _Designer:
    """Keeps what one route's design depends on of the others: streets and terminals in use."""

    def __init__(self, streets: StreetMap, places: Places, profile: Profile, dice: Dice) -> None:
        self.streets = streets
        self.places = places
        self.profile = profile
        self.dice = dice
        self.free_s = free_times_s(streets)
        self.length_m = np.array([edge.length_m for edge in streets.edges])
        self.street_of = np.array([edge.street for edge in streets.edges])
        self.lines_on = np.zeros(len(streets.edges))
        self.lines_at: Counter[int] = Counter()

    def costs(self) -> list[float]:
        """Give the edge costs of one more route: tastes differ, and crowded streets put off."""
        taste = np.array([self.dice.between(0.85, 1.35) for _ in self.streets.streets])
        crowd = 1 + 0.35 * self.lines_on / (1 + self.lines_on.max())
        costs: list[float] = (self.free_s * taste[self.street_of] * crowd).tolist()
        return costs

    def course(self, nodes: Sequence[int], cost: list[float]) -> tuple[int, ...] | None:
        """Find a way through the nodes in order that uses no street twice."""
        arcs: list[int] = []
        for start, goal in pairwise(nodes):
            leg = find_way(self.streets, start, goal, cost, {arc // 2 for arc in arcs})
            if leg is None:
                return None
            arcs += leg
        return tuple(arcs)

    def arcs_length_m(self, arcs: Sequence[int]) -> float:
        """Length of a way."""
        return float(self.length_m[[arc // 2 for arc in arcs]].sum())

    def take(self, ways: Sequence[Way], ends: Sequence[int]) -> None:
        """Count a finished route's streets and terminals as in use."""
        for edge in {arc // 2 for way in ways for arc in way.arcs}:
            self.lines_on[edge] += 1
        self.lines_at.update(ends)


def design_lines(streets: StreetMap, places: Places, profile: Profile, dice: Dice) -> list[Line]:
    """Design all routes of a city, ordered as their numbers are."""
    designer = _Designer(streets, places, profile, dice)
    designs = [_circular(designer) for _ in range(profile.circular_routes)]
    designs += [_branched(designer) for _ in range(profile.branch_routes)]
    while len(designs) < profile.routes:
        designs.append(_through(designer))
    return _number(designs, places, profile, dice.fork("numbers"))


_Design = tuple[LineKind, int, list[Way]]


def _through(designer: _Designer) -> _Design:
    best: tuple[float, _Design] | None = None
    for _ in range(ATTEMPTS):
        ends = _pick_ends(designer)
        if ends is None:
            continue
        cost = designer.costs()
        nodes = [ends[0], *_pick_hubs(designer, *ends), ends[1]]
        out, back = designer.course(nodes, cost), designer.course(nodes[::-1], cost)
        if out is None or back is None:
            continue
        ways = [Way(0, 0, out, ends[1]), Way(1, 0, back, ends[1])]
        design = (LineKind.THROUGH, ends[0], ways)
        misfit = _misfit(designer, nodes, [out, back])
        if best is None or misfit < best[0]:
            best = (misfit, design)
        if misfit == 0:
            break
    if best is None:
        raise Fault("no way between any two terminals", code="city_streets_disconnected")
    designer.take(best[1][2], [best[1][1], best[1][2][0].end])
    return best[1]


def _misfit(designer: _Designer, nodes: list[int], courses: list[tuple[int, ...]]) -> float:
    """How far a route is from wanted: 0 when its length and directness are right."""
    low, high = designer.profile.route_length_m
    straight = sum(designer.streets.gap_m(a, b) for a, b in pairwise(nodes))
    misfit = 0.0
    for arcs in courses:
        length = designer.arcs_length_m(arcs)
        misfit += max(0.0, low / length - 1) + max(0.0, length / high - 1)
        misfit += max(0.0, length / (1.65 * straight) - 1)
    return misfit


def _pick_ends(designer: _Designer) -> tuple[int, int] | None:
    """Pick two terminals that lie apart, those with few routes first."""
    ends = designer.places.ends
    villages = set(designer.places.villages)
    weight = [designer.lines_at[end] * (2 if end in villages else 1) for end in ends]
    order = sorted(range(len(ends)), key=lambda i: weight[i] + designer.dice.between(0, 1.5))
    first = ends[order[0]]
    second = ends[order[1 + designer.dice.below(max(3, len(ends) // 2))]]
    if first in villages and second in villages:
        return None
    a, b = designer.streets.xy_m[first], designer.streets.xy_m[second]
    turn = abs(math.atan2(a[1], a[0]) - math.atan2(b[1], b[0]))
    apart = min(turn, 2 * math.pi - turn)
    estimate = designer.streets.gap_m(first, second) * 1.3
    low, high = designer.profile.route_length_m
    return (first, second) if apart > 0.9 and low * 0.8 < estimate < high else None


def _pick_hubs(designer: _Designer, start: int, end: int) -> list[int]:
    """Pick the hub that is least out of the way among a few drawn at random."""
    gap = designer.streets.gap_m
    drawn = designer.dice.shuffled(designer.places.hubs)[:3]
    return [min(drawn, key=lambda hub: gap(start, hub) + gap(hub, end))]


def _circular(designer: _Designer) -> _Design:
    """Lay a ring around the centre: direction 0 and its opposite, from one terminal stop."""
    streets = designer.streets
    for attempt in range(ATTEMPTS):
        share = designer.dice.between(0.38, 0.62)
        first = designer.dice.between(0, 2 * math.pi)
        corners = []
        for step in range(5):
            angle = first + 2 * math.pi * step / 5
            toward = np.array([math.cos(angle), math.sin(angle)])
            ahead = streets.xy_m @ toward / np.maximum(np.hypot(*streets.xy_m.T), 1.0)
            off = np.abs(streets.edge_share - share) + 2 * (1 - ahead)
            corners.append(int(np.argmin(off)))
        ring = [*corners, corners[0]]
        cost = designer.costs()
        out, back = designer.course(ring, cost), designer.course(ring[::-1], cost)
        if out is None or back is None or len(set(corners)) < len(corners):
            continue
        ways = [Way(0, 0, out, corners[0]), Way(1, 0, back, corners[0])]
        if _misfit(designer, ring, [out, back]) < 0.1 + attempt / 20:
            designer.take(ways, [])
            return LineKind.CIRCULAR, corners[0], ways
    raise Fault("no ring of streets for a circular route", code="city_no_ring")


def _branched(designer: _Designer) -> _Design:
    """Give a through route a second far terminal, reached from a crossing past its middle."""
    for _ in range(ATTEMPTS):
        _, start, (out, back) = _through(designer)
        cost = designer.costs()
        split = _split_node(designer, out, back)
        if split is None:
            continue
        gap = designer.streets.gap_m
        others = [
            end
            for end in designer.places.terminals
            if end not in (start, out.end) and gap(end, out.end) > 1_500
        ]
        end = min(others, key=lambda other: gap(split, other))
        branch = _branch_ways(designer, out, back, split, end, cost)
        if branch is not None:
            designer.take(branch, [end])
            return LineKind.BRANCHED, start, [out, back, *branch]
    raise Fault("no crossing to branch a route at", code="city_no_branch")


def _split_node(designer: _Designer, out: Way, back: Way) -> int | None:
    shared = {designer.streets.tail(arc) for arc in back.arcs}
    nodes = [designer.streets.head(arc) for arc in out.arcs]
    for at in range(int(len(nodes) * 0.55), int(len(nodes) * 0.75)):
        if nodes[at] in shared and len(designer.streets.arcs_from[nodes[at]]) >= 3:
            return nodes[at]
    return None


def _branch_ways(
    designer: _Designer, out: Way, back: Way, split: int, end: int, cost: list[float]
) -> tuple[Way, Way] | None:
    streets = designer.streets
    heads = [streets.head(arc) for arc in out.arcs]
    trunk_out = out.arcs[: heads.index(split) + 1]
    tails = [streets.tail(arc) for arc in back.arcs]
    trunk_back = back.arcs[tails.index(split) :]
    main = {arc // 2 for arc in out.arcs + back.arcs}
    leg_out = find_way(streets, split, end, cost, main)
    leg_back = find_way(streets, end, split, cost, main)
    if not leg_out or not leg_back or designer.arcs_length_m(leg_out) < 1_500:
        return None
    return (
        Way(0, 1, (*trunk_out, *leg_out), end),
        Way(1, 1, (*leg_back, *trunk_back), end),
    )


def _number(designs: list[_Design], places: Places, profile: Profile, dice: Dice) -> list[Line]:
    """Number the routes: 1, 2, 3 … in the city, 101, 102 … to the villages, as is the custom."""
    villages = set(places.villages)
    ends = [{start, *(way.end for way in ways)} for _, start, ways in designs]
    suburban = [bool(stops & villages) for stops in ends]
    order = dice.shuffled(range(len(designs)))
    plain = [i for i in order if designs[i][0] is LineKind.THROUGH and not suburban[i]]
    rings = [i for i in order if designs[i][0] is LineKind.CIRCULAR]
    by_headway = set(rings[: len(rings) // 2])
    by_headway |= set(plain[: profile.headway_routes - len(by_headway)])
    exact = plain[0]
    city, country = 0, 100 * (1 + profile.routes // 100)
    lines = []
    for i in order:
        kind, start, ways = designs[i]
        if suburban[i]:
            country += 1
        else:
            city += 1
        lines.append(
            Line(
                number=str(country if suburban[i] else city),
                kind=kind,
                start=start,
                ways=tuple(ways),
                suburban=suburban[i],
                headway=i in by_headway,
                exact=i == exact,
                popularity=dice.between(0.25, 0.45) if suburban[i] else dice.between(0.55, 1.6),
            )
        )
    return sorted(lines, key=lambda line: int(line.number))
