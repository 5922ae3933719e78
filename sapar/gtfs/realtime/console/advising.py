"""Which buses to hold, and which to turn back into a gap."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console.holding import hold_gain_s, hold_s, turn_gain_s
from sapar.gtfs.realtime.console.model import Advice
from sapar.gtfs.realtime.console.passages import Passages
from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.console.view import View
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.phases import IN_PROGRESS, LAYOVER
from sapar.gtfs.realtime.snapshot import Picture

Longs = NDArray[np.int64]

TURN_S = 180.0
"""What a bus needs to let its riders off and turn."""
_NEAR_M = 200.0  # stops of the two directions that face each other
_GAP = 2.0  # of the plan: from here on a turn is thought of
_GAIN_LEAST_S = 15.0
_GAPS_MAX = 30  # the widest are looked at first
_FIRST, _LAST = 0.25, 0.75  # where in the gap a bus must come


@dataclass(frozen=True, slots=True)
class Advised:
    """Advice of a moment.

    Attributes:
        hold_s: by row of the view, 0 for none.
        by_group: all advice, by group, the best first.
    """

    hold_s: Floats
    by_group: dict[int, list[Advice]]


def advise(
    view: View, picture: Picture, network: Network, posts: Posts, passages: Passages
) -> Advised:
    """Work out what would even out the headways."""
    by_group: dict[int, list[Advice]] = defaultdict(list)
    phase = picture.phase[view.rows]
    steady = np.isin(phase, (IN_PROGRESS, LAYOVER))
    h = view.headways
    held = np.where(steady, hold_s(h.headway_s, h.behind_s, view.plan_s), 0.0)
    gain = hold_gain_s(h.headway_s, h.behind_s, held)
    stop = network.timetable.stop_times.stop_idx[view.place.row]
    for row in np.flatnonzero(held > 0).tolist():
        by_group[int(view.group[row])].append(
            Advice(
                "hold",
                picture.vehicle_ids[view.rows[row]],
                network.timetable.stops.ids[stop[row]],
                int(held[row]),
                round(float(gain[row]), 1),
            )
        )
    _add_turns(by_group, view, picture, network, posts, passages)
    for listed in by_group.values():
        listed.sort(key=lambda advice: -advice.gain_s)
    return Advised(held, dict(by_group))


def _add_turns(
    by_group: dict[int, list[Advice]],
    view: View,
    picture: Picture,
    network: Network,
    posts: Posts,
    passages: Passages,
) -> None:
    with np.errstate(invalid="ignore"):
        share = view.headways.headway_s / view.plan_s
    gaps = np.flatnonzero((share >= _GAP) & ~view.waiting)
    gaps = gaps[np.argsort(-share[gaps], kind="stable")][:_GAPS_MAX]
    used: set[int] = set()
    for gap in gaps.tolist():
        found = _turn_into(gap, view, network, posts, passages)
        if found is None or found[0] in used:
            continue
        row, gain = found
        used.add(row)
        stop = network.timetable.stop_times.stop_idx[posts.turn_row[view.place.row[row]]]
        by_group[int(view.group[gap])].append(
            Advice(
                "turn_back",
                picture.vehicle_ids[view.rows[row]],
                network.timetable.stops.ids[stop],
                None,
                round(gain, 1),
            )
        )


def _turn_into(
    gap: int, view: View, network: Network, posts: Posts, passages: Passages
) -> tuple[int, float] | None:
    """Find the bus of the other direction whose turn into a gap gains most, and what it gains.

    It turns at the next place where runs of its own direction end.
    """
    group = int(view.group[gap])
    h = view.headways
    others = np.flatnonzero(
        (view.route == view.route[gap])
        & (posts.group_direction[view.group] == 1 - posts.group_direction[group])
        & ~view.waiting
        & np.isfinite(h.headway_s)
        & np.isfinite(h.behind_s)
        & (posts.turn_row[view.place.row] != NO)
    )
    if not len(others) or posts.group_direction[group] == NO:
        return None
    times = network.timetable.stop_times
    end = int(network.timetable.trips.st_begin[view.trip[gap] + 1])
    ahead = np.arange(int(view.place.row[gap]) + 1, end - 1)
    if not len(ahead):
        return None
    turn = posts.turn_row[view.place.row[others]]
    place, off_m = _facing(network, times.stop_idx[turn], times.stop_idx[ahead])
    row = ahead[place]
    post = posts.of_row[row]
    due_s = view.expected_s[gap] + times.arrival_s[row] - times.arrival_s[view.place.row[gap]]
    gap_s = due_s - passages.last_s[post]
    way_s = times.arrival_s[turn] - times.arrival_s[view.place.row[others]]
    first_s = view.expected_s[others] + way_s + TURN_S - passages.last_s[post]
    fits = (off_m <= _NEAR_M) & (passages.last_slot[post] == h.ahead[gap])
    fits &= (first_s >= _FIRST * gap_s) & (first_s <= _LAST * gap_s)
    gain = turn_gain_s(gap_s, first_s, h.headway_s[others], h.behind_s[others])
    gain = np.where(fits, gain, -np.inf)
    best = int(np.argmax(gain))
    return (int(others[best]), float(gain[best])) if gain[best] >= _GAIN_LEAST_S else None


def _facing(
    network: Network, stop: NDArray[np.int32], among: NDArray[np.int32]
) -> tuple[Longs, Floats]:
    """Give for each stop the nearest of some others, and how far it is."""
    stops = network.timetable.stops
    x, y = network.plane(stops.latitude[stop], stops.longitude[stop])
    to_x, to_y = network.plane(stops.latitude[among], stops.longitude[among])
    off = np.hypot(x[:, None] - to_x[None, :], y[:, None] - to_y[None, :])
    place = off.argmin(axis=1)
    return place, off[np.arange(len(stop)), place]
