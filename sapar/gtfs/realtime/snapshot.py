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
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.forecast import Forecaster
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.phases import Around, phases
from sapar.gtfs.realtime.updates import RunKey, Updates, passed_calls, updates_of
from sapar.gtfs.realtime.ways import Ways
from sapar.gtfs.realtime.why import Reason

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

HEARD_S = 1800.0
"""A vehicle not heard of for so long is not shown at all."""
_OFF_ROUTE_SILENT_S = 180.0  # off the line for longer, nothing is predicted, ...
_FAR_OFF_M = 400.0  # ... nor from further off
MARGIN_MIN = 4.0
"""Below this margin it is too unsure where a bus is to promise anything."""
STUCK_S = 900.0
"""A bus that has stood for so long in the midst of its run is not coming."""
_STALLED_S = 900.0
_AWAY_OVERDUE_S = 60.0  # a bus far from the first stop that should have left it is elsewhere
_OVERDUE_MAX_S = 900.0  # nobody knows when a bus leaves that waits longer past its start
_SHAPE_DEGREES = 0.93 * 200.0 / 111_195.0  # rule E029's 200 m, with room for its polygon's corners
_NO_SHAPE_M = 400.0
_METRES_PER_DEGREE = 111_195.08


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
    reasons: list[Reason]
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


def picture(
    fleet: FleetState,
    network: Network,
    days: Days,
    now_s: float,
    stale_s: float,
    forecaster: Forecaster,
    claims: dict[RunKey, int],
    around: Around,
) -> Picture:
    """Look at the fleet at `now_s`; `claims` says which vehicle holds which run."""
    time_s = fleet.floats("time_s")[: len(fleet)]
    slots = np.flatnonzero(now_s - time_s <= HEARD_S)
    fresh = now_s - time_s[slots] <= stale_s
    has = fleet.ints("trip")[slots] != NO
    current = np.flatnonzero(fresh & has & _trusted(fleet, network, slots, now_s))
    forecast = forecaster.forecast(fleet, slots[current], now_s)
    inside = fresh & _inside(network, fleet, slots)
    near = np.zeros(len(slots), np.bool_)
    near[current] = _near_line(fleet, network, slots[current])
    with_trip = inside & near
    updates = updates_of(
        forecast,
        passed_calls(fleet, forecaster.ground, days, slots[current], now_s),
        forecaster.ground,
        forecaster.lean,
        slots[current],
        current,
        with_trip,
        claims,
        now_s,
    )
    updated = np.zeros(len(slots), np.bool_)
    updated[updates.vehicle] = True
    with_trip &= updated
    stop_row, ahead = _next_stops(fleet, network, slots)
    led = _led(fleet, forecaster.ground.ways, slots)
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
        phases(fleet, network, around, slots, fresh, led, now_s),
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


def _led(fleet: FleetState, ways: Ways, slots: Slots) -> Bools:
    """Tell which vehicles are on a stretch of their runs that dispatch leads round."""
    has = fleet.ints("trip")[slots] != NO
    result: Bools = has & ways.led(fleet.rows("next_row")[slots], fleet.ints("day")[slots])
    return result


def _trusted(fleet: FleetState, network: Network, slots: Slots, now_s: float) -> Bools:
    """Tell of which vehicles with a run something may be promised.

    Not while it is unsure where the bus is, when it is off its line, when it has stood for long in
    the midst of its run, or when it waits far past its time.
    """
    time_s = fleet.floats("time_s")[slots]
    trip = np.maximum(fleet.ints("trip")[slots], 0)
    due_s = fleet.floats("base_s")[slots] + network.timetable.trips.first_s[trip]
    waiting = ~fleet.flags("departed")[slots]
    sure = fleet.floats("margin")[slots] >= MARGIN_MIN
    off_s = time_s - fleet.floats("off_since_s")[slots]
    on = (off_s <= _OFF_ROUTE_SILENT_S) & (waiting | (fleet.floats("off_m")[slots] <= _FAR_OFF_M))
    stuck = now_s - fleet.floats("moved_s")[slots] > STUCK_S
    stalled = now_s - fleet.floats("advanced_s")[slots] > _STALLED_S
    stalled &= now_s - fleet.floats("claimed_s")[slots] > _STALLED_S
    away = (fleet.floats("off_m")[slots] > _FAR_OFF_M) & (now_s - due_s > _AWAY_OVERDUE_S)
    late = now_s - due_s > _OVERDUE_MAX_S
    coming = np.where(waiting, ~(late | away), ~(stuck | stalled))
    result: Bools = sure & on & coming
    return result


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
    along = fleet.floats("along_m")[slots]
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
    found = np.clip(fleet.rows("next_row")[slots[at]], begin, end - 1)
    row[at] = found
    ahead[at] = network.row_m[found] - along
    return row, ahead
