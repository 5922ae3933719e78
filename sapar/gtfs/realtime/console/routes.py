"""The console's summary of each route in each direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console import rules as kinds
from sapar.gtfs.realtime.console.advising import Advised
from sapar.gtfs.realtime.console.model import ConsoleRoute
from sapar.gtfs.realtime.console.passages import Regularity
from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.console.rules import RuleTable
from sapar.gtfs.realtime.console.view import View
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.phases import NO_SIGNAL
from sapar.gtfs.realtime.snapshot import Picture

Longs = NDArray[np.int64]


def routes_of(
    view: View,
    picture: Picture,
    days: Days,
    posts: Posts,
    regularity: Regularity,
    rules: RuleTable,
    advised: Advised,
    now_s: float,
) -> list[ConsoleRoute]:
    """Sum up the groups that have planned or driven runs now."""
    size = len(posts)
    planned = planned_runs(days, posts, now_s)
    fresh = picture.phase[view.rows] != NO_SIGNAL
    under_way = fresh & ~view.waiting
    running = np.bincount(view.group[under_way], minlength=size)
    with np.errstate(invalid="ignore"):
        share = view.headways.headway_s / view.plan_s
    route = view.route.astype(np.int64)
    bunched = under_way & rules.past(kinds.BUNCHED, route, share)[1]
    gaps = fresh & rules.past(kinds.GAP, route, share)[1]
    has_plan = np.isfinite(view.plan_s)
    plan = np.bincount(view.group[has_plan], view.plan_s[has_plan], size)
    plan_count = np.bincount(view.group[has_plan], minlength=size)
    counts = [np.bincount(view.group[some], minlength=size) for some in (bunched, gaps)]
    found = []
    for group in np.flatnonzero((planned > 0) | (running > 0)).tolist():
        direction = int(posts.group_direction[group])
        mean_s = plan[group] / plan_count[group] if plan_count[group] else np.nan
        found.append(
            ConsoleRoute(
                days.timetable.routes.ids[posts.group_route[group]],
                None if direction < 0 else direction,
                int(planned[group]),
                int(running[group]),
                int(counts[0][group]),
                int(counts[1][group]),
                _whole(mean_s),
                None if np.isnan(s := regularity.share[group]) else round(float(s), 3),
                _whole(regularity.excess_wait_s[group]),
                advised.by_group.get(group, []),
            )
        )
    return found


def planned_runs(days: Days, posts: Posts, now_s: float) -> Longs:
    """Count the runs that the timetable has under way, by group."""
    size = len(posts)
    runs = days.runs
    on = (runs.first_s <= now_s) & (runs.last_s > now_s)
    planned = np.bincount(posts.group_of_trip[runs.trip[on]], minlength=size)
    h = days.headways
    trips = days.timetable.trips
    run_s = (trips.last_s - trips.first_s)[h.trip]
    since = now_s - h.day_start_s - h.from_s
    most = np.ceil((h.until_s - h.from_s) / h.headway_s)
    started = np.clip(np.floor(since / h.headway_s) + 1, 0, most)
    ended = np.clip(np.floor((since - run_s) / h.headway_s) + 1, 0, most)
    by_headway: Floats = np.bincount(
        posts.group_of_trip[h.trip], (started - ended).astype(np.float64), size
    ).astype(np.float64)
    result: Longs = planned.astype(np.int64) + by_headway.astype(np.int64)
    return result


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else round(float(value))
