"""What an act will do, before it is decided. Pure: from timetable, act and time.

It asks the very functions that make the feeds, so nothing is promised here that they do not keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from sapar.dispatch.desk.alert_words import cancelled_once
from sapar.dispatch.desk.lines import LedLine, led_lines, missed_of, off_line_m
from sapar.dispatch.desk.streets import Neighbour, neighbours
from sapar.gtfs.realtime.acts import Act, Cancel, Detour, Extra, Skip, Swap
from sapar.gtfs.realtime.alerts import Alert
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days
from sapar.gtfs.realtime.orders import Orders, SkipRule, orders_of
from sapar.gtfs.realtime.updates import RunKey
from sapar.gtfs.timetable.model import Timetable

RUNS_MAX = 60
"""So many runs are listed; the others are counted."""
_AHEAD_S = 86_400.0  # runs of an act without an end are counted for a day
_JOIN_M = 80.0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run that an act touches; `start_s` is Unix seconds."""

    trip_id: str
    service_date: date
    start_s: float
    route_id: str
    headsign: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a person should know before deciding; the page has words for each code."""

    code: str
    values: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act will do.

    Attributes:
        runs: the first runs touched; `runs_total`: how many there are.
        route_ids: routes touched.
        stop_ids: stops that are not served.
        lines: for a detour, how each line is led.
        neighbours: for a detour, other routes on the street.
        alert: what riders are told; None: nothing.
        alert_published: the feeds draft this alert by themselves; otherwise it is a proposal.
        warnings: what to know first.
    """

    runs: list[RunRow]
    runs_total: int
    route_ids: list[str]
    stop_ids: list[str]
    lines: list[LedLine]
    neighbours: list[Neighbour]
    alert: Alert | None
    alert_published: bool
    warnings: list[Warned]


def preview(timetable: Timetable, days: Days, act: Act, now_s: float) -> Preview:
    """Tell what an act that `check_act` has passed will do."""
    orders = orders_of(timetable, days, (act,), now_s)
    what = act.what
    lines: list[LedLine] = []
    around: list[Neighbour] = []
    stops: list[str] = []
    if isinstance(what, Detour):
        lines = led_lines(timetable, act)
        around, stops = neighbours(timetable, act, lines), missed_of(lines)
    elif isinstance(what, Skip):
        stops = list(dict.fromkeys(what.stop_ids))
    runs = _runs(timetable, days, act, orders, now_s)
    rows = [_row(timetable, key) for key in runs[:RUNS_MAX]]
    if isinstance(what, Extra):
        rows = _extra_rows(timetable, orders)
    drafted = orders.alerts[0] if orders.alerts else None
    proposed = drafted
    if proposed is None and isinstance(what, Cancel) and runs:
        proposed = cancelled_once(timetable, act, rows[0].start_s, runs[0][0])
    routes = {row.route_id for row in rows} | {timetable.routes.ids[r] for r in _routes(orders)}
    return Preview(
        rows,
        len(rows) if isinstance(what, Extra) else len(runs),
        sorted(routes | _named(what)),
        stops,
        lines,
        around,
        proposed,
        drafted is not None,
        _warnings(timetable, days, act, lines, rows, now_s),
    )


def _runs(timetable: Timetable, days: Days, act: Act, orders: Orders, now_s: float) -> list[RunKey]:
    """List the runs that an act touches, by their start."""
    found = list(orders.cancelled)
    for rule in orders.skips:
        found += [rule.run] if rule.run is not None else _passing(timetable, days, rule, now_s)
    for pin in orders.pins:
        day_s = timetable.service_day_start(date.fromordinal(pin.day))
        found += [
            (trip, pin.day, int(days.template_start_s[trip]))
            for trip in pin.trips
            if day_s + float(timetable.trips.last_s[trip]) > now_s
        ]
    until_s = min(now_s + _AHEAD_S, act.until_s or float("inf"))
    for trip, day in orders.modified:
        key = (trip, day, int(days.template_start_s[trip]))
        if _unix(timetable, key) < until_s:
            found.append(key)
    return sorted(set(found), key=lambda key: (_unix(timetable, key), key))


def _passing(timetable: Timetable, days: Days, rule: SkipRule, now_s: float) -> list[RunKey]:
    """List the runs that are to call at stops within the period, by the timetable."""
    times, trips = timetable.stop_times, timetable.trips
    rows = np.flatnonzero(np.isin(times.stop_idx, rule.stops))
    trip = np.searchsorted(trips.st_begin, rows, side="right") - 1
    if rule.route >= 0:
        keep = trips.route_idx[trip] == rule.route
        rows, trip = rows[keep], trip[keep]
    begin_s = max(now_s, rule.act.from_s or now_s)
    end_s = min(begin_s + _AHEAD_S, rule.act.until_s or float("inf"))
    found = []
    for day in sorted({*timetable.service_dates_at(begin_s), *timetable.service_dates_at(end_s)}):
        base_s = timetable.service_day_start(day)
        active = timetable.services.active(day)[trips.service_idx[trip]]
        at_s = base_s + times.arrival_s[rows]
        by_time = days.kind[trip] == FREQUENCY_NONE
        hit = active & np.where(by_time, (at_s >= begin_s) & (at_s < end_s), True)
        found += [
            (int(row), day.toordinal(), int(days.template_start_s[row]))
            for row in np.unique(trip[hit])
        ]
    return found


def _unix(timetable: Timetable, key: RunKey) -> float:
    return timetable.service_day_start(date.fromordinal(key[1])) + key[2]


def _row(timetable: Timetable, key: RunKey) -> RunRow:
    trip = key[0]
    return RunRow(
        timetable.trips.ids[trip],
        date.fromordinal(key[1]),
        _unix(timetable, key),
        timetable.routes.ids[int(timetable.trips.route_idx[trip])],
        timetable.trips.headsigns[trip],
    )


def _extra_rows(timetable: Timetable, orders: Orders) -> list[RunRow]:
    return [
        RunRow(
            run.trip_id,
            date.fromordinal(run.day),
            float(run.departure_s[0]),
            timetable.routes.ids[run.route],
            run.headsign or _headsign(timetable, run.template),
        )
        for run in orders.extras
    ]


def _headsign(timetable: Timetable, trip: int | None) -> str:
    return "" if trip is None else timetable.trips.headsigns[trip]


def _routes(orders: Orders) -> set[int]:
    return {rule.route for rule in orders.skips if rule.route >= 0}


def _named(what: object) -> set[str]:
    route_id = getattr(what, "route_id", None)
    return {route_id} if route_id else set()


def _warnings(
    timetable: Timetable,
    days: Days,
    act: Act,
    lines: list[LedLine],
    rows: list[RunRow],
    now_s: float,
) -> list[Warned]:
    what = act.what
    if act.until_s is not None and act.until_s <= now_s:
        return [Warned("over")]
    if isinstance(what, Detour):
        return _detour_warnings(timetable, what, lines)
    found = []
    if isinstance(what, Cancel | Swap | Extra) and not rows:
        found.append(Warned("nothing_touched"))
    if isinstance(what, Cancel) and rows and rows[0].start_s < now_s:
        found.append(Warned("under_way", {"minutes": round((now_s - rows[0].start_s) / 60)}))
    if isinstance(what, Skip) and not rows:
        found.append(Warned("nothing_touched"))
    loose = {row.trip_id for row in rows if _by_headway(timetable, days, row.trip_id)}
    if isinstance(what, Skip) and loose:
        found.append(Warned("headway_not_skipped"))
    return found


def _detour_warnings(timetable: Timetable, what: Detour, lines: list[LedLine]) -> list[Warned]:
    found = []
    if not lines:
        for code, point in (("start_off_line", what.path[0]), ("end_off_line", what.path[-1])):
            off_m = off_line_m(timetable, what.route_id, point)
            if off_m > _JOIN_M:
                found.append(Warned(code, {"metres": round(min(off_m, 99_999.0))}))
        return found or [Warned("wrong_way_round" if what.direction is not None else "no_line")]
    if not any(line.missed for line in lines):
        found.append(Warned("no_stop_missed"))
    longest = max(line.path_m - line.replaced_m for line in lines)
    if longest > 3000:
        found.append(Warned("long_way", {"metres": longest}))
    return found


def _by_headway(timetable: Timetable, days: Days, trip_id: str) -> bool:
    trip = timetable.trips.index.get(trip_id)
    return trip is not None and bool(days.kind[trip] != FREQUENCY_NONE)
