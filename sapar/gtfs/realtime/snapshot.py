"""What the engine publishes at one moment: an immutable picture, swapped and never locked.

`Picture` says which vehicles appear where, by the rules that the feeds must keep:

- a bus silent for too long, or outside the area, is in no feed;
- a position names its trip only near the trip's shape (rule E029 draws 200 m in raw degrees, which
  is less from east to west), and only while the trip's update is published (rule E047);
- a trip has one update (rule S003), and the update of a bus's current trip comes after those of
  its next ones, so that readers that keep the last see the current one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, FREQUENCY_NONE, Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.prediction import Predictions, Progress, next_starts, predict

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

PHASES = ("in_progress", "layover", "unassigned", "off_route", "no_signal", "out_of_service")
IN_PROGRESS, LAYOVER, UNASSIGNED, OFF_ROUTE, NO_SIGNAL, OUT_OF_SERVICE = range(6)

HEARD_S = 1800.0
"""A vehicle not heard of for so long is not shown at all."""
_OFF_ROUTE_S = 60.0
_OFF_ROUTE_SILENT_S = 180.0  # off the line for longer, nothing is predicted
_STANDING_S = 600.0  # without a run and standing so long: out of service
_OVERDUE_MAX_S = 1800.0  # a bus that waits longer past its start will not come, ...
_STUCK_S = 1800.0  # ... nor one, so late, that has stood on its way for so long
_NEXT_RUNS_MAX = 50_000  # some days' runs: start over rather than grow for ever
_NEXT_WITHIN_S = 1800.0
_SHAPE_DEGREES = 0.93 * 200.0 / 111_195.0  # rule E029's 200 m, with room for its polygon's corners
_NO_SHAPE_M = 400.0
_METRES_PER_DEGREE = 111_195.08

RunKey = tuple[int, int, int]
NextRun = tuple[int, int, int, float, float]
"""A block's next run: trip, day, start_s, base_s, first_s."""


@dataclass(frozen=True, slots=True)
class Picture:
    """State of all vehicles heard of lately; columns are aligned with `slots`.

    Attributes:
        header_s: the feeds' timestamp, whole Unix seconds.
        slots, vehicle_ids, reasons: who; and why they are on their run or on none.
        time_s, latitude, longitude, speed_mps, bearing_deg: the newest fix, NaN if not sent.
        phase: index into `PHASES`.
        trip, day, start_s: the run, `NO` for none.
        delay_s: lateness, NaN without a run.
        in_feed: whether the vehicle is in VehiclePositions; `with_trip`: together with its trip.
        stop_row: stop-time row of the next stop, `NO` for none; stop_ahead_m: metres to it.
        updates: runs with an update, in the order of the feed; see `Updates`.
        heard, expected: vehicles heard of within the last 30 min, buses that the timetable has
            on the road.
    """

    header_s: int
    slots: Slots
    vehicle_ids: list[str]
    reasons: list[str]
    time_s: Floats
    latitude: Floats
    longitude: Floats
    speed_mps: Floats
    bearing_deg: Floats
    phase: NDArray[np.int8]
    trip: Ints
    day: Ints
    start_s: Ints
    delay_s: Floats
    confidence: Floats
    in_feed: Bools
    with_trip: Bools
    stop_row: NDArray[np.int64]
    stop_ahead_m: Floats
    updates: Updates
    heard: int
    expected: int


@dataclass(frozen=True, slots=True)
class Updates:
    """Runs with predictions: next runs of blocks first, current ones after.

    `vehicle` is the row of the picture. `times[i]` is (predictions, number of the run in them).
    """

    vehicle: NDArray[np.int64]
    keys: list[RunKey]
    source: NDArray[np.int8]
    number: NDArray[np.int64]
    predictions: tuple[Predictions, Predictions]


def picture(
    fleet: FleetState,
    network: Network,
    days: Days,
    now_s: float,
    stale_s: float,
    next_runs: dict[RunKey, NextRun | None],
) -> Picture:
    """Look at the fleet at `now_s`; `next_runs` is the caller's cache for one timetable."""
    time_s = fleet.floats("time_s")[: len(fleet)]
    slots = np.flatnonzero(now_s - time_s <= HEARD_S)
    fresh = now_s - time_s[slots] <= stale_s
    has = fleet.ints("trip")[slots] != NO
    off_s = time_s[slots] - fleet.floats("off_since_s")[slots]
    current = np.flatnonzero(fresh & has & (off_s <= _OFF_ROUTE_SILENT_S))
    current = current[_still_coming(fleet, network, slots[current], now_s)]
    progress = _progress(fleet, days, slots[current])
    now_times = predict(network, progress, now_s)
    shown = (now_times.count() > 0) & (now_times.ends() > now_s)
    inside = fresh & _inside(network, fleet, slots)
    near = np.zeros(len(slots), np.bool_)
    near[current[shown]] = _near_line(fleet, network, slots[current[shown]])
    with_trip = inside & near
    updates = _updates(
        fleet, network, days, slots, current, shown, now_times, with_trip, now_s, next_runs
    )
    stop_row, ahead = _next_stops(fleet, network, slots)
    return Picture(
        int(now_s),
        slots,
        [fleet.ids[s] for s in slots],
        [fleet.reasons[s] for s in slots],
        np.minimum(time_s[slots], now_s),
        fleet.floats("latitude")[slots],
        fleet.floats("longitude")[slots],
        fleet.floats("speed_mps")[slots],
        fleet.floats("bearing_deg")[slots],
        _phases(fleet, slots, fresh, has, off_s, now_s),
        fleet.ints("trip")[slots],
        fleet.ints("day")[slots],
        fleet.ints("start_s")[slots],
        _delays(fleet, network, slots, now_s),
        fleet.floats("confidence")[slots],
        inside,
        with_trip,
        stop_row,
        ahead,
        updates,
        len(slots),
        days.expected(now_s),
    )


def _progress(fleet: FleetState, days: Days, slots: Slots) -> Progress:
    trip, departed = fleet.ints("trip")[slots], fleet.flags("departed")[slots]
    return Progress(
        trip,
        fleet.floats("base_s")[slots],
        fleet.floats("along_m")[slots],
        departed,
        np.where(departed, fleet.floats("delay_s")[slots], 0.0),
        days.kind[trip] == FREQUENCY_LOOSE,
    )


def _still_coming(fleet: FleetState, network: Network, slots: Slots, now_s: float) -> Bools:
    due_s = (
        fleet.floats("base_s")[slots] + network.timetable.trips.first_s[fleet.ints("trip")[slots]]
    )
    departed = fleet.flags("departed")[slots]
    stuck = (now_s - fleet.floats("moved_s")[slots] > _STUCK_S) & (
        fleet.floats("delay_s")[slots] > _OVERDUE_MAX_S
    )
    result: Bools = np.where(departed, ~stuck, now_s - due_s <= _OVERDUE_MAX_S)
    return result & ~fleet.flags("finished")[slots]


def _phases(
    fleet: FleetState, slots: Slots, fresh: Bools, has: Bools, off_s: Floats, now_s: float
) -> NDArray[np.int8]:
    standing = now_s - fleet.floats("moved_s")[slots] > _STANDING_S
    phase = np.where(standing, OUT_OF_SERVICE, UNASSIGNED)
    phase = np.where(has, np.where(fleet.flags("departed")[slots], IN_PROGRESS, LAYOVER), phase)
    phase = np.where(has & (off_s > _OFF_ROUTE_S), OFF_ROUTE, phase)
    return np.where(fresh, phase, NO_SIGNAL).astype(np.int8)


def _delays(fleet: FleetState, network: Network, slots: Slots, now_s: float) -> Floats:
    trip = fleet.ints("trip")[slots]
    due_s = fleet.floats("base_s")[slots] + network.timetable.trips.first_s[np.maximum(trip, 0)]
    waiting = np.maximum(0.0, now_s - due_s)
    delay = np.where(fleet.flags("departed")[slots], fleet.floats("delay_s")[slots], waiting)
    return np.where(trip != NO, delay, np.nan)


def _inside(network: Network, fleet: FleetState, slots: Slots) -> Bools:
    low_lat, low_lon, high_lat, high_lon = network.publish_box
    lat, lon = fleet.floats("latitude")[slots], fleet.floats("longitude")[slots]
    result: Bools = (lat >= low_lat) & (lat <= high_lat) & (lon >= low_lon) & (lon <= high_lon)
    return result


def _near_line(fleet: FleetState, network: Network, slots: Slots) -> Bools:
    """Tell which buses are near enough to their line to name the trip with the position."""
    pattern = network.timetable.trips.pattern_idx[fleet.ints("trip")[slots]]
    departed = fleet.flags("departed")[slots]
    along = np.where(departed, fleet.floats("along_m")[slots], fleet.floats("tentative_m")[slots])
    x, y = network.place_at(pattern, along)
    dx, dy = fleet.floats("x")[slots] - x, fleet.floats("y")[slots] - y
    east = _METRES_PER_DEGREE * np.cos(np.radians(network.reference[0]))
    degrees = np.hypot(dx / east, dy / _METRES_PER_DEGREE)
    return np.where(
        network.has_shape[pattern],
        degrees <= _SHAPE_DEGREES,
        departed | (np.hypot(dx, dy) <= _NO_SHAPE_M),
    )


def _next_stops(
    fleet: FleetState, network: Network, slots: Slots
) -> tuple[NDArray[np.int64], Floats]:
    """Give each bus's next stop as a row of the stop times, and the metres to it."""
    row = np.full(len(slots), NO, np.int64)
    ahead = np.full(len(slots), np.nan)
    at = np.flatnonzero(fleet.ints("trip")[slots] != NO)
    trip = fleet.ints("trip")[slots[at]]
    begin, end = (network.timetable.trips.st_begin[trip + n] for n in (0, 1))
    along = fleet.floats("along_m")[slots[at]]
    found = np.where(
        fleet.flags("departed")[slots[at]], network.next_row(trip, along - 25.0), begin
    )
    found = np.minimum(found, end - 1)
    row[at] = found
    ahead[at] = network.row_m[found] - along
    return row, ahead


def _updates(
    fleet: FleetState,
    network: Network,
    days: Days,
    slots: Slots,
    current: NDArray[np.int64],
    shown: Bools,
    now_times: Predictions,
    with_trip: Bools,
    now_s: float,
    next_runs: dict[RunKey, NextRun | None],
) -> Updates:
    """Put the updates in order: next runs, current ones without their position, then the rest."""
    number = np.flatnonzero(shown)
    number = number[np.argsort(with_trip[current[number]], kind="stable")]
    keys = [fleet.run_key(int(slot)) for slot in slots[current[number]]]
    taken = set(keys)
    ends = now_times.ends()
    follow: list[tuple[int, NextRun, float]] = []
    for run, key in sorted(zip(number.tolist(), keys, strict=True)):
        coming = _next_of(days, key, next_runs)
        if coming is None or coming[:3] in taken:
            continue
        if max(coming[4], float(ends[run]) + 60.0) <= now_s + _NEXT_WITHIN_S:
            taken.add(coming[:3])
            follow.append((run, coming, float(ends[run])))
    later = _predict_next(network, follow, now_s)
    return Updates(
        np.concatenate((current[[run for run, _, _ in follow]].astype(np.int64), current[number]))
        if follow
        else current[number],
        [coming[:3] for _, coming, _ in follow] + keys,
        np.repeat(np.array([1, 0], np.int8), [len(follow), len(number)]),
        np.concatenate((np.arange(len(follow)), number)),
        (now_times, later),
    )


def _predict_next(
    network: Network, follow: list[tuple[int, NextRun, float]], now_s: float
) -> Predictions:
    count = len(follow)
    end_s = np.array([end for _, _, end in follow])
    due_s = np.array([coming[4] for _, coming, _ in follow])
    return predict(
        network,
        Progress(
            np.array([coming[0] for _, coming, _ in follow], np.int32),
            np.array([coming[3] for _, coming, _ in follow], np.float64),
            np.zeros(count),
            np.zeros(count, np.bool_),
            next_starts(end_s, due_s),
            np.zeros(count, np.bool_),
        ),
        now_s,
    )


def _next_of(days: Days, key: RunKey, next_runs: dict[RunKey, NextRun | None]) -> NextRun | None:
    """Find the run that the block has after this one on the same service date."""
    if key in next_runs:
        return next_runs[key]
    found: NextRun | None = None
    block = int(days.timetable.trips.block_idx[key[0]])
    if block != NO and days.kind[key[0]] == FREQUENCY_NONE:
        runs = days.of_block(block)
        same = np.flatnonzero(runs.day == key[1])
        at = np.flatnonzero(runs.trip[same] == key[0])
        if len(at) and at[0] + 1 < len(same):
            row = int(same[at[0] + 1])
            found = (
                int(runs.trip[row]),
                key[1],
                int(runs.start_s[row]),
                float(runs.base_s[row]),
                float(runs.first_s[row]),
            )
    if len(next_runs) >= _NEXT_RUNS_MAX:
        next_runs.clear()
    next_runs[key] = found
    return found
