"""The street network as a graph, and shortest ways through it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.simulators.city.words import Name

Floats = NDArray[np.float64]

AVENUE = "avenue"
STREET = "street"
ROAD = "road"

SPEED_MPS = {AVENUE: 10.0, STREET: 8.2, ROAD: 14.5}
"""Speed of a bus between stops on an empty street of each kind."""


@dataclass(frozen=True, slots=True)
class Street:
    """A named street; `kind` is AVENUE, STREET or ROAD."""

    name: Name
    kind: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A stretch of street between two crossings.

    Attributes:
        a, b: node numbers; `points_m` (n, 2) lead from a to b.
        one_way: 0 both ways, 1 only from a to b, -1 only from b to a.
    """

    a: int
    b: int
    street: int
    one_way: int
    points_m: Floats
    along_m: Floats

    @classmethod
    def between(cls, a: int, b: int, street: int, one_way: int, points: Floats) -> Edge:
        """Make an edge along a line of points, dropping the ones that hardly bend it."""
        kept = points[_bends(points, 1.5)]
        steps = np.hypot(*np.diff(kept, axis=0).T)
        return cls(a, b, street, one_way, kept, np.concatenate(([0.0], np.cumsum(steps))))

    @property
    def length_m(self) -> float:
        """Length along the street."""
        return float(self.along_m[-1])


def _bends(points: Floats, tolerance_m: float) -> list[int]:
    """Give the indices of the points that keep a line within tolerance (Douglas-Peucker)."""
    keep, todo = {0, len(points) - 1}, [(0, len(points) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        chord = points[last] - points[first]
        rest = points[first + 1 : last] - points[first]
        off = np.abs(chord[0] * rest[:, 1] - chord[1] * rest[:, 0]) / np.hypot(*chord)
        worst = int(np.argmax(off))
        if off[worst] > tolerance_m:
            middle = first + 1 + worst
            keep.add(middle)
            todo += [(first, middle), (middle, last)]
    return sorted(keep)


@dataclass(frozen=True)
class StreetMap:
    """All streets of a city.

    An *arc* is an edge in one direction of travel: arc 2e leads from a to b of edge e, arc 2e + 1
    back. `edge_share` (per node) is 0 at the centre and 1 at the city's outline.
    """

    streets: tuple[Street, ...]
    xy_m: Floats
    edge_share: Floats
    edges: tuple[Edge, ...]
    villages: tuple[int, ...]
    river_m: Floats
    railway_m: Floats
    arcs_from: list[list[tuple[int, int]]] = field(init=False)
    """For each node the (arc, node reached) pairs that leave it."""

    def __post_init__(self) -> None:
        arcs: list[list[tuple[int, int]]] = [[] for _ in self.xy_m]
        for number, edge in enumerate(self.edges):
            if edge.one_way >= 0:
                arcs[edge.a].append((2 * number, edge.b))
            if edge.one_way <= 0:
                arcs[edge.b].append((2 * number + 1, edge.a))
        object.__setattr__(self, "arcs_from", arcs)

    def edge_of(self, arc: int) -> Edge:
        """Give the edge that an arc runs on."""
        return self.edges[arc // 2]

    def kind_of(self, arc: int) -> str:
        """Give the kind of street that an arc runs on."""
        return self.streets[self.edge_of(arc).street].kind

    def head(self, arc: int) -> int:
        """Give the node that an arc leads to."""
        edge = self.edge_of(arc)
        return edge.a if arc % 2 else edge.b

    def tail(self, arc: int) -> int:
        """Give the node that an arc comes from."""
        edge = self.edge_of(arc)
        return edge.b if arc % 2 else edge.a

    def gap_m(self, a: int, b: int) -> float:
        """Straight distance between two nodes."""
        return float(np.hypot(*(self.xy_m[a] - self.xy_m[b])))


def free_times_s(streets: StreetMap) -> Floats:
    """Give the seconds a bus needs along each edge when the street is empty; shape (edges,)."""
    speeds = [SPEED_MPS[streets.streets[edge.street].kind] for edge in streets.edges]
    times: Floats = np.array([edge.length_m for edge in streets.edges]) / np.array(speeds)
    return times


def find_way(
    streets: StreetMap,
    start: int,
    goal: int,
    cost: Sequence[float],
    banned: Collection[int] = (),
) -> list[int] | None:
    """Find the cheapest way between two nodes (A*) that uses no `banned` edge.

    `cost` is per edge, in seconds, and never below the edge's length at 20 m/s.

    Returns:
        Arcs in order of travel, empty when start is goal; None when there is no way.
    """
    hope: list[float] = (np.hypot(*(streets.xy_m - streets.xy_m[goal]).T) / 20.0).tolist()
    best = {start: 0.0}
    came: dict[int, int] = {}
    todo = [(hope[start], start)]
    done: set[int] = set()
    while todo:
        _, node = heapq.heappop(todo)
        if node == goal:
            return _arcs_back(streets, came, start, goal)
        if node in done:
            continue
        done.add(node)
        so_far = best[node]
        for arc, other in streets.arcs_from[node]:
            total = so_far + cost[arc // 2]
            if total < best.get(other, float("inf")) and arc // 2 not in banned:
                best[other] = total
                came[other] = arc
                heapq.heappush(todo, (total + hope[other], other))
    return None


def _arcs_back(streets: StreetMap, came: dict[int, int], start: int, goal: int) -> list[int]:
    arcs, node = [], goal
    while node != start:
        arcs.append(came[node])
        node = streets.tail(came[node])
    return arcs[::-1]
