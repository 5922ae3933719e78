"""Named places that routes lead to: hubs in the city, terminals at its edge and villages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sapar.simulators.city.dice import Dice
from sapar.simulators.city.network import AVENUE, StreetMap
from sapar.simulators.city.sizes import Profile
from sapar.simulators.city.words import DISTRICTS, EDGE_PLACES, HUBS, VILLAGES, Name


@dataclass(frozen=True, slots=True)
class Places:
    """Nodes of the street network that have a name of their own."""

    names: dict[int, Name]
    hubs: tuple[int, ...]
    terminals: tuple[int, ...]
    villages: tuple[int, ...]

    @property
    def ends(self) -> tuple[int, ...]:
        """Every place where a route may begin or end."""
        return self.terminals + self.villages


def district_name(stem: Name) -> Name:
    """Name a housing district («шағын аудан», микрорайон)."""
    return Name(f"{stem.kk} шағын ауданы", f"Микрорайон {stem.ru}", f"{stem.en} Microdistrict")


def choose_places(streets: StreetMap, profile: Profile, dice: Dice) -> Places:
    """Choose hubs around the centre and terminals around the edge, each set well spread."""
    avenues = {
        node
        for arc_edge in streets.edges
        if streets.streets[arc_edge.street].kind == AVENUE
        for node in (arc_edge.a, arc_edge.b)
    }
    crossings = [n for n in sorted(avenues) if len(streets.arcs_from[n]) >= 3]
    inner = [n for n in crossings if streets.edge_share[n] < 0.5]
    rim = [n for n, share in enumerate(streets.edge_share) if 0.74 < share < 1.0]
    hub_count = min(len(HUBS), 4 + profile.routes // 8)
    hubs = _spread(
        inner, hub_count, [min(inner, key=lambda n: _radius_m(streets, n))], streets.gap_m
    )
    first = max(rim, key=lambda n: _radius_m(streets, n))
    gates = [first]
    terminals = _spread(rim, profile.terminals - profile.villages, gates, streets.gap_m)
    terminals.sort(key=lambda n: math.atan2(streets.xy_m[n][1], streets.xy_m[n][0]))

    edge_names = list(EDGE_PLACES[: max(2, len(terminals) // 4)])
    district_names = [district_name(stem) for stem in dice.shuffled(DISTRICTS)]
    terminal_names = dice.shuffled(edge_names + district_names[: len(terminals) - len(edge_names)])
    names = dict(zip(hubs, HUBS, strict=False))
    names |= dict(zip(terminals, terminal_names, strict=True))
    names |= dict(zip(streets.villages, dice.shuffled(VILLAGES), strict=False))
    return Places(names, tuple(hubs), tuple(terminals), streets.villages)


def _radius_m(streets: StreetMap, node: int) -> float:
    return math.hypot(*streets.xy_m[node])


def _spread(
    nodes: Sequence[int], count: int, chosen: list[int], gap_m: Callable[[int, int], float]
) -> list[int]:
    """Choose nodes one after another, each the farthest from those already chosen."""
    nearest = {node: min(gap_m(node, one) for one in chosen) for node in nodes}
    while len(chosen) < min(count, len(nodes)):
        farthest = max(nearest, key=lambda node: (nearest[node], -node))
        chosen.append(farthest)
        nearest = {node: min(gap, gap_m(node, farthest)) for node, gap in nearest.items()}
    return chosen
