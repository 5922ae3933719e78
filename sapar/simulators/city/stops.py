"""Placing stops along the streets: one a block on each side, shared by all routes that pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sapar.simulators.city.dice import Dice
from sapar.simulators.city.network import AVENUE, ROAD, Edge, StreetMap
from sapar.simulators.city.places import Places, district_name
from sapar.simulators.city.words import DISTRICTS, LANDMARKS, TITLES, Name

LONG_EDGE_M = 620.0
"""A stretch longer than this has more than one pair of stops."""

KERB_M = {AVENUE: 13.0, ROAD: 8.0}
"""How far from the middle of the street the stop stands, by kind of street (else 7 m)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop, on the right-hand side of an arc.

    Attributes:
        along_m: distance from the start of the arc, along the street.
        x_m, y_m: where the sign stands; `road_m` is the nearest point of the street.
        place: whether this is the stop of a hub, a terminal or a village.
    """

    stop_id: str
    name: Name
    along_m: float
    x_m: float
    y_m: float
    road_m: tuple[float, float]
    accessible: bool
    place: bool


StopsByArc = dict[int, tuple[Stop, ...]]


def place_stops(streets: StreetMap, places: Places, arcs: Iterable[int], dice: Dice) -> StopsByArc:
    """Place the stops of every arc that some route uses, in order of travel along each.

    The two sides of a street have stops opposite each other, a little apart, of the same name.
    """
    wanted = set(arcs)
    names = _Names(streets, places, dice.fork("names"))
    stops: StopsByArc = {}
    number = 0
    for edge_number in sorted({arc // 2 for arc in wanted}):
        edge = streets.edges[edge_number]
        shares = _shares(edge, places, dice)
        labels = [names.give(edge, share) for share in shares]
        sides = (dice.between(12, 30) / edge.length_m, -dice.between(12, 30) / edge.length_m)
        for arc, shift in zip((2 * edge_number, 2 * edge_number + 1), sides, strict=True):
            if arc not in wanted:
                continue
            pairs = list(zip(shares, labels, strict=True))
            row = []
            for share, (name, place) in pairs if arc % 2 == 0 else pairs[::-1]:
                number += 1
                along = (share + shift) * edge.length_m
                row.append(_stop(streets, arc, along, f"{number:04d}", name, place, dice))
            stops[arc] = tuple(row)
    return stops


def _shares(edge: Edge, places: Places, dice: Dice) -> list[float]:
    """Say where along an edge its stops lie, 0 at a and 1 at b."""
    pieces = max(1, round(edge.length_m / 480)) if edge.length_m > LONG_EDGE_M else 1
    if pieces > 1:
        return [(piece + 0.5) / pieces for piece in range(pieces)]
    if edge.a in places.names and edge.b not in places.names:
        return [0.33]
    if edge.b in places.names and edge.a not in places.names:
        return [0.67]
    return [dice.between(0.42, 0.58)]


def _stop(
    streets: StreetMap, arc: int, along_m: float, stop_id: str, name: Name, place: bool, dice: Dice
) -> Stop:
    """Stand a stop `along_m` metres from node a of the arc's edge, on the right of travel."""
    edge = streets.edge_of(arc)
    x = float(np.interp(along_m, edge.along_m, edge.points_m[:, 0]))
    y = float(np.interp(along_m, edge.along_m, edge.points_m[:, 1]))
    at = min(int(np.searchsorted(edge.along_m, along_m, side="right")), len(edge.along_m) - 1)
    dx, dy = edge.points_m[at] - edge.points_m[at - 1]
    way = -1.0 if arc % 2 else 1.0
    reach = way * KERB_M.get(streets.kind_of(arc), 7.0) / math.hypot(dx, dy)
    return Stop(
        stop_id=stop_id,
        name=name,
        along_m=along_m if way > 0 else edge.length_m - along_m,
        x_m=x + dy * reach,
        y_m=y - dx * reach,
        road_m=(x, y),
        accessible=place or dice.chance(0.7),
        place=place,
    )


class _Names:
    """Names stops: after the place they serve, a landmark nearby, or the street they cross."""

    def __init__(self, streets: StreetMap, places: Places, dice: Dice) -> None:
        self._streets = streets
        self._places = places
        self._dice = dice
        at_terminal = set(places.names.values())
        self._landmarks = [name for name in _landmarks(dice) if name not in at_terminal]
        self._crossing: list[set[int]] = [set() for _ in streets.xy_m]
        for edge in streets.edges:
            self._crossing[edge.a].add(edge.street)
            self._crossing[edge.b].add(edge.street)

    def give(self, edge: Edge, share: float) -> tuple[Name, bool]:
        """Give the name for a pair of stops, and whether it is that of a place."""
        for node, near in ((edge.a, share < 0.5), (edge.b, share >= 0.5)):
            if near and node in self._places.names:
                return self._places.names[node], True
        for node in (edge.a, edge.b):
            if node in self._places.names and edge.length_m <= LONG_EDGE_M:
                return self._places.names[node], True
        crossed = sorted(self._crossing[edge.b] - {edge.street})
        if self._landmarks and (not crossed or self._dice.chance(0.42)):
            return self._landmarks.pop(), False
        street = crossed[0] if crossed else edge.street
        return self._streets.streets[street].name, False


def _landmarks(dice: Dice) -> list[Name]:
    """Give a long list of different landmarks in random order; the first used are at its end."""
    named = list(LANDMARKS)
    for title in TITLES:
        named.append(Name(f"«{title.kk}» сауда үйі", f"ТД «{title.ru}»", f"{title.en} Mall"))
        named.append(Name(f"«{title.kk}» базары", f"Рынок «{title.ru}»", f"{title.en} Market"))
        named.append(
            Name(f"«{title.kk}» кинотеатры", f"Кинотеатр «{title.ru}»", f"{title.en} Cinema")
        )
        named.append(Name(f"«{title.kk}» кафесі", f"Кафе «{title.ru}»", f"{title.en} Café"))
    named += [district_name(stem) for stem in DISTRICTS]
    for n in range(1, 13):
        named.append(Name(f"{n}-шағын аудан", f"{n}-й микрорайон", f"Microdistrict {n}"))
        named.append(Name(f"№{n} емхана", f"Поликлиника №{n}", f"Polyclinic No. {n}"))
        named.append(Name(f"№{n} балабақша", f"Детский сад №{n}", f"Kindergarten No. {n}"))
    schools = [Name(f"№{n} мектеп", f"Школа №{n}", f"School No. {n}") for n in range(1, 180)]
    return dice.shuffled(schools[60:])[:80] + dice.shuffled(named + schools[:60])
