"""The street network: avenues and streets of a plausible city, its river, its country roads.

Streets are the lines of an uneven grid that is turned and bent by smooth waves, cut to an uneven
ellipse, thinned between the avenues into large blocks as post-war cities have them, and crossed
by a river with few bridges, a railway with few crossings and one slanting avenue. Positions are
metres east and north of the city's centre.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.simulators.city.barriers import Barrier
from sapar.simulators.city.dice import Dice
from sapar.simulators.city.network import AVENUE, ROAD, STREET, Edge, Street, StreetMap
from sapar.simulators.city.sizes import Profile
from sapar.simulators.city.words import AVENUE_STEMS, STREET_STEMS, Name

Floats = NDArray[np.float64]
Cell = tuple[int, int]

BLOCK_M = (340.0, 500.0)
"""Distance between neighbouring streets: one stop a block then gives the usual stop spacing."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A smooth displacement that turns straight grid lines into curved avenues."""

    length_m: float
    height_m: float
    angle: float
    phase: float

    def shift(self, points: Floats) -> Floats:
        """Give the displacement of each point, across the wave's own direction; shape (n, 2)."""
        along = points @ np.array([math.cos(self.angle), math.sin(self.angle)])
        size = self.height_m * np.sin(2 * math.pi * along / self.length_m + self.phase)
        return np.outer(size, [-math.sin(self.angle), math.cos(self.angle)])


class Ground:
    """Where the city lies: its outline and how its plan is bent."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self.half_u_m = profile.radius_m * math.sqrt(profile.stretch)
        self.half_v_m = profile.radius_m / math.sqrt(profile.stretch)
        self._turn = dice.between(-0.45, 0.45)
        self._waves = [
            Wave(length, height, dice.between(0, 2 * math.pi), dice.between(0, 2 * math.pi))
            for length, height in ((9_000, 320), (7_000, 260), (2_900, 55), (1_700, 22))
        ]
        self._lobes = [dice.between(0, 2 * math.pi) for _ in range(3)]

    def place(self, plan: Floats) -> Floats:
        """Give positions in metres for points of the unbent plan; both (n, 2)."""
        bent = plan + np.sum([wave.shift(plan) for wave in self._waves], axis=0)
        cos, sin = math.cos(self._turn), math.sin(self._turn)
        placed: Floats = bent @ np.array([[cos, sin], [-sin, cos]])
        return placed

    def edge_share(self, u_m: float, v_m: float) -> float:
        """Give 0 at the centre, 1 on the city's outline and more outside, for a plan position."""
        angle = math.atan2(v_m / self.half_v_m, u_m / self.half_u_m)
        lobes = zip(self._lobes, ((2, 0.10), (3, 0.09), (5, 0.05)), strict=True)
        limit = 1 + sum(size * math.sin(n * angle + phase) for phase, (n, size) in lobes)
        return math.hypot(u_m / self.half_u_m, v_m / self.half_v_m) / limit


@dataclass(frozen=True, slots=True)
class Line:
    """One grid line: where it lies in the plan, and the street that runs on it."""

    at_m: float
    street: int


class _Builder:
    """Collects streets, nodes and edges; `finish` checks them into a `StreetMap`."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self.profile = profile
        self.dice = dice
        self.ground = Ground(profile, dice.fork("ground"))
        self.streets: list[Street] = []
        self.names = _street_names(dice.fork("names"))
        self.cells: dict[Cell, Floats] = {}
        self.share: dict[Cell, float] = {}
        self.edges: list[tuple[Cell, Cell, int, Floats]] = []

    def street(self, kind: str) -> int:
        """Name a new street of a kind; gives its number."""
        self.streets.append(Street(self.names[kind](), kind))
        return len(self.streets) - 1

    def lines(self, half_m: float) -> list[Line]:
        """Lay the grid lines of one direction; every third or fourth is an avenue."""
        out: list[Line] = []
        at_m, until_avenue = -half_m * 1.15, 1
        while at_m < half_m * 1.15:
            kind = AVENUE if until_avenue == 0 else STREET
            until_avenue = 2 + self.dice.below(2) if until_avenue == 0 else until_avenue - 1
            out.append(Line(at_m, self.street(kind)))
            at_m += self.dice.between(*BLOCK_M)
        return out


def build_streets(profile: Profile, dice: Dice) -> StreetMap:
    """Build the street network of a city.

    Every place can be reached from every other; dead ends exist only where country roads end.
    """
    build = _Builder(profile, dice)
    columns, rows = build.lines(build.ground.half_u_m), build.lines(build.ground.half_v_m)
    _lay_nodes(build, columns, rows)
    _lay_grid(build, columns, rows)
    _lay_diagonal(build, columns, rows)
    river = Barrier.lay(profile, dice.fork("river"), offset_share=0.30, wiggle_m=300)
    railway = Barrier.lay(profile, dice.fork("railway"), offset_share=-0.42, wiggle_m=90)
    _open_bridges(build, river, clear_m=110, open_share=0.8)
    _open_bridges(build, railway, clear_m=0, open_share=0.65)
    _thin_blocks(build)
    _prune(build)
    villages = _lay_roads(build)
    return _finish(build, villages, river, railway)


def _street_names(dice: Dice) -> dict[str, _NameSource]:
    avenues, streets = dice.shuffled(AVENUE_STEMS), dice.shuffled(STREET_STEMS)
    street = _NameSource(streets, Name("{} көшесі", "улица {}", "{} Street"))
    avenue = _NameSource(avenues, Name("{} даңғылы", "проспект {}", "{} Avenue"))
    road = _NameSource(streets[::-1], Name("{} тас жолы", "шоссе {}", "{} Road"))
    return {AVENUE: avenue, STREET: street, ROAD: road}


class _NameSource:
    """Hands out street names one by one, and from the start again when all are taken."""

    def __init__(self, stems: list[Name], form: Name) -> None:
        self._stems = stems
        self._form = form
        self._next = 0

    def __call__(self) -> Name:
        stem = self._stems[self._next % len(self._stems)]
        self._next += 1
        return Name(*(form.format(word) for form, word in zip(self._form, stem, strict=True)))


def _lay_nodes(build: _Builder, columns: list[Line], rows: list[Line]) -> None:
    for i, column in enumerate(columns):
        for j, row in enumerate(rows):
            share = build.ground.edge_share(column.at_m, row.at_m)
            if share < 1.0:
                build.cells[i, j] = np.array([column.at_m, row.at_m])
                build.share[i, j] = share


def _lay_grid(build: _Builder, columns: list[Line], rows: list[Line]) -> None:
    for i, j in list(build.cells):
        if (i + 1, j) in build.cells:
            _add_edge(build, (i, j), (i + 1, j), rows[j].street)
        if (i, j + 1) in build.cells:
            _add_edge(build, (i, j), (i, j + 1), columns[i].street)


def _add_edge(build: _Builder, a: Cell, b: Cell, street: int) -> None:
    step = np.linspace(0.0, 1.0, 13)[:, None]
    plan = build.cells[a] * (1 - step) + build.cells[b] * step
    build.edges.append((a, b, street, build.ground.place(plan)))


def _lay_diagonal(build: _Builder, columns: list[Line], rows: list[Line]) -> None:
    """Lay the slanting avenue from a corner of the city to a little past its centre."""
    street = build.street(AVENUE)
    steps = int(min(len(columns), len(rows)) * 0.42)
    upwards = build.dice.chance(0.5)
    i, j = len(columns) // 2 + 1, len(rows) // 2 + (1 if upwards else -1)
    for _ in range(steps):
        a, b = (i, j), (i - 1, j - 1 if upwards else j + 1)
        if a in build.cells and b in build.cells:
            _add_edge(build, a, b, street)
        i, j = b


def _open_bridges(build: _Builder, barrier: Barrier, clear_m: float, open_share: float) -> None:
    """Keep only the avenues' crossings of a barrier, and clear its banks of small streets."""
    bridges: dict[int, bool] = {}
    kept = []
    for edge in build.edges:
        _, _, street, points = edge
        across = barrier.across_m(points)
        avenue = build.streets[street].kind == AVENUE
        if (across.min() < 0) != (across.max() < 0):
            if not avenue or not bridges.setdefault(street, build.dice.chance(open_share)):
                continue
        elif not avenue and np.abs(across).min() < clear_m:
            continue
        kept.append(edge)
    build.edges = kept


def _thin_blocks(build: _Builder) -> None:
    """Take out stretches of small streets between avenues, so that blocks differ in size."""
    avenue_cells = set()
    for a, b, street, _ in build.edges:
        if build.streets[street].kind == AVENUE:
            avenue_cells |= {a, b}
    removed_street, kept = -1, []
    for edge in sorted(build.edges, key=lambda e: (e[2], e[0])):
        a, _, street, _ = edge
        if build.streets[street].kind == STREET:
            if a in avenue_cells or street != abs(removed_street) - 1:
                removed_street = (street + 1) * (1 if build.dice.chance(0.24) else -1)
            if removed_street > 0:
                continue
        kept.append(edge)
    build.edges = kept


def _prune(build: _Builder) -> None:
    """Drop dead ends and whatever is cut off from the largest connected part."""
    while True:
        ends: dict[Cell, int] = {}
        for a, b, _, _ in build.edges:
            ends[a] = ends.get(a, 0) + 1
            ends[b] = ends.get(b, 0) + 1
        kept = [edge for edge in build.edges if ends[edge[0]] > 1 and ends[edge[1]] > 1]
        if len(kept) == len(build.edges):
            break
        build.edges = kept
    largest = max(_components(build.edges), key=len)
    build.edges = [edge for edge in build.edges if edge[0] in largest]
    build.cells = {cell: at for cell, at in build.cells.items() if cell in largest}


def _components(edges: list[tuple[Cell, Cell, int, Floats]]) -> Iterator[set[Cell]]:
    near: dict[Cell, list[Cell]] = {}
    for a, b, _, _ in edges:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    seen: set[Cell] = set()
    for start in near:
        if start in seen:
            continue
        part, todo = {start}, [start]
        while todo:
            for other in near[todo.pop()]:
                if other not in part:
                    part.add(other)
                    todo.append(other)
        seen |= part
        yield part


def _lay_roads(build: _Builder) -> list[Cell]:
    """Lay country roads outwards from the outermost avenues; gives the villages at their ends."""
    rim = sorted(
        {
            cell
            for a, b, street, _ in build.edges
            if build.streets[street].kind == AVENUE
            for cell in (a, b)
            if build.share[cell] > 0.8
        }
    )
    first = build.dice.between(0, 2 * math.pi)
    villages = []
    for number in range(build.profile.villages):
        wanted = first + 2 * math.pi * number / build.profile.villages
        toward = np.array([math.cos(wanted), math.sin(wanted)])
        start = max(
            rim, key=lambda cell: float(build.ground.place(build.cells[cell][None])[0] @ toward)
        )
        villages.append(_lay_road(build, start, number))
        rim.remove(start)
    return villages


def _lay_road(build: _Builder, start: Cell, number: int) -> Cell:
    origin = build.ground.place(build.cells[start][None])[0]
    ahead = origin / np.hypot(*origin)
    aside = np.array([-ahead[1], ahead[0]])
    length_m, sway_m = build.dice.between(2_800, 5_600), build.dice.between(-700, 700)
    pieces = max(3, round(length_m / 900))
    street, cell = build.street(ROAD), start
    for piece in range(pieces):
        t = np.linspace(piece / pieces, (piece + 1) / pieces, 13)[:, None]
        points = origin + ahead * t * length_m + aside * np.sin(t * math.pi * 1.4) * sway_m
        following = (-1 - number, piece)
        build.cells[following] = points[-1]
        build.share[following] = 1.0 + piece / pieces
        build.edges.append((cell, following, street, points))
        cell = following
    return cell


def _finish(build: _Builder, villages: list[Cell], river: Barrier, railway: Barrier) -> StreetMap:
    used = sorted({cell for a, b, _, _ in build.edges for cell in (a, b)})
    number = {cell: index for index, cell in enumerate(used)}
    xy_m = np.zeros((len(used), 2))
    edges = []
    for a, b, street, points in build.edges:
        xy_m[number[a]], xy_m[number[b]] = points[0], points[-1]
        one_way = _one_way(build, a, b, street)
        edges.append(Edge.between(number[a], number[b], street, one_way, points))
    return StreetMap(
        streets=tuple(build.streets),
        xy_m=xy_m,
        edge_share=np.array([build.share[cell] for cell in used]),
        edges=tuple(edges),
        villages=tuple(number[cell] for cell in villages),
        river_m=river.line_m(),
        railway_m=railway.line_m(),
    )


def _one_way(build: _Builder, a: Cell, b: Cell, street: int) -> int:
    """Make the small streets of the inner city one-way, neighbours in opposite directions."""
    inner = max(build.share[a], build.share[b]) < 0.35
    if not inner or build.streets[street].kind != STREET or a[0] < 0 or b[0] < 0:
        return 0
    along_row = a[1] == b[1]
    line = a[1] if along_row else a[0]
    return (1 if line % 2 else -1) if line % 4 < 2 else 0
