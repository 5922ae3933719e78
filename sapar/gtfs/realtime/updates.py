"""From a forecast to what the feed carries: one update a run, and times that rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.beliefs import Ground
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import FleetState, Slots
from sapar.gtfs.realtime.forecast import Forecast, Lean, rising
from sapar.gtfs.realtime.ragged import expand

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
RunKey = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Updates:
    """Runs with predictions: next runs of blocks first, current ones after.

    Attributes:
        vehicle: row of the picture, of each run; keys: the runs.
        begin: where the stops of each run begin in the columns below.
        row: stop-time rows.
        arrival_s, departure_s: what is published, whole Unix seconds, rising along each run.
        median_s, low_s, high_s: the arrival's median, 10 % and 90 % bounds.
        scheduled_s: the arrival by the timetable.
        passed: reached already; in the feed because its scheduled time is still ahead.
    """

    vehicle: NDArray[np.int64]
    keys: list[RunKey]
    begin: NDArray[np.int64]
    row: NDArray[np.int64]
    arrival_s: NDArray[np.int64]
    departure_s: NDArray[np.int64]
    median_s: Floats
    low_s: Floats
    high_s: Floats
    scheduled_s: Floats
    passed: Bools

    def count(self) -> NDArray[np.int64]:
        """Give the number of stops of each run."""
        return np.diff(np.append(self.begin, len(self.row)))


@dataclass(frozen=True, slots=True)
class PassedCalls:
    """Calls already made that stay in the feed, flat.

    Attributes:
        vehicle: number of the vehicle asked for; row: stop-time row.
        time_s: about when it was; before now, rising along each run.
    """

    vehicle: Longs
    row: Longs
    time_s: Floats


def passed_calls(
    fleet: FleetState, ground: Ground, days: Days, slots: Slots, now_s: float
) -> PassedCalls:
    """List the calls that early buses have made before their time.

    A past stop may be dropped only once its scheduled time is past (GTFS-realtime best practices).
    Runs without timetable have none.
    """
    trip = fleet.ints("trip")[slots]
    early = fleet.flags("departed")[slots] & (fleet.floats("delay_s")[slots] < 0)
    early &= days.kind[trip] != FREQUENCY_LOOSE
    who = np.flatnonzero(early)
    low = ground.lattice.first_row[trip[who]]
    row, which, _ = expand(low, fleet.rows("next_row")[slots[who]])
    vehicle = who[which]
    times = days.timetable.stop_times
    base_s = fleet.floats("base_s")[slots[vehicle]]
    keep = base_s + times.departure_s[row] >= now_s
    keep &= ~ground.ways.left_out(row, fleet.ints("day")[slots[vehicle]])
    row, vehicle, base_s = row[keep], vehicle[keep], base_s[keep]
    calls_ago = fleet.rows("next_row")[slots[vehicle]] - row
    then_s = base_s + times.arrival_s[row] + fleet.floats("delay_s")[slots[vehicle]]
    return PassedCalls(vehicle, row, np.minimum(then_s, now_s - 2.0 * calls_ago))


def updates_of(
    forecast: Forecast,
    passed: PassedCalls,
    ground: Ground,
    lean: Lean,
    slots: Slots,
    picture_row: Longs,
    with_trip: Bools,
    claims: dict[RunKey, int],
    now_s: float,
) -> Updates:
    """Put together what is published of a forecast.

    Args:
        forecast: of some vehicles.
        passed: of the same.
        lean: how much earlier than the median to publish.
        slots: the vehicles.
        picture_row: their rows in the picture.
        ground: whose unserved stops get no times, and whose uncertainty goes with the others.
        with_trip: by row of the picture: its position names its trip.
        claims: who holds which run; a run is published for nobody else.
        now_s: Unix time.
    """
    keys = list(
        zip(forecast.trip.tolist(), forecast.day.tolist(), forecast.start_s.tolist(), strict=True)
    )
    vehicle = picture_row[forecast.vehicle]
    # readers that keep the last update see the run that the bus is on
    order = np.lexsort((with_trip[vehicle], -forecast.depth))
    order = order[_shown(forecast, keys, slots, claims)[order]]
    at, run, first = expand(forecast.begin[order], (forecast.begin + forecast.count())[order])
    times = ground.lattice.network.timetable.stop_times
    unserved = ground.stops.unserved(times.stop_idx[forecast.row[at]])
    unserved[first] = False  # a run begins somewhere
    at, run = at[~unserved], run[~unserved]
    median, row, kind = forecast.arrival_s[at], forecast.row[at], forecast.kind[at]
    low, high = ground.uncertainty.bounds(median, kind, now_s)
    ground.uncertainty.note(slots[forecast.vehicle[order][run]], row, median, kind, now_s)
    arrival = lean.of(median, now_s)
    departure = _departures(forecast, at, forecast.base_s[order][run], ground, lean, now_s)
    past = _past_of(forecast, passed, order)
    run = np.concatenate((run, past))
    row = np.concatenate((row, passed.row[past >= 0]))
    run = run[run >= 0]
    then_s = passed.time_s[past >= 0]
    sort = np.lexsort((row, run))
    is_past = np.repeat([False, True], [len(median), len(then_s)])[sort]

    def flat(ahead: Floats) -> Floats:
        return np.concatenate((ahead, then_s))[sort]

    run, row = run[sort], row[sort]
    whole_arrival, whole_departure = rising(flat(arrival), flat(departure), run)
    return Updates(
        vehicle[order],
        [keys[n] for n in order.tolist()],
        np.searchsorted(run, np.arange(len(order))),
        row,
        whole_arrival,
        whole_departure,
        flat(median),
        flat(low),
        flat(high),
        forecast.base_s[order][run] + times.arrival_s[row],
        is_past,
    )


def _departures(
    forecast: Forecast, at: Longs, base_s: Floats, ground: Ground, lean: Lean, now_s: float
) -> Floats:
    """Give published departures: nobody is told that a bus leaves its first stop before it is due.

    `at` are rows of the forecast, `base_s` goes with them.
    """
    lattice = ground.lattice
    row, median = forecast.row[at], forecast.departure_s[at]
    due_s = base_s + lattice.network.timetable.stop_times.departure_s[row]
    begins = (row == lattice.first_row[lattice.trip_of_row[row]]) & (median >= due_s)
    published = lean.of(median, now_s)
    return np.where(begins, np.maximum(published, due_s), published)


def _shown(
    forecast: Forecast, keys: list[RunKey], slots: Slots, claims: dict[RunKey, int]
) -> Bools:
    """Tell which runs are published: each once, for its holder or the first to come to it."""
    owner, depth = slots[forecast.vehicle].tolist(), forecast.depth.tolist()
    taken: set[RunKey] = set()
    shown = np.zeros(len(keys), np.bool_)
    for run in sorted(range(len(keys)), key=depth.__getitem__):
        key = keys[run]
        if key not in taken and claims.get(key, owner[run]) == owner[run]:
            taken.add(key)
            shown[run] = True
    return shown


def _past_of(forecast: Forecast, passed: PassedCalls, order: Longs) -> Longs:
    """Give the published run that each passed call belongs to, -1 where it is not published."""
    current = np.flatnonzero(forecast.depth[order] == 0)
    run_of = np.full(int(forecast.vehicle.max(initial=0)) + 1, -1, np.int64)
    run_of[forecast.vehicle[order[current]]] = current
    return run_of[passed.vehicle]
