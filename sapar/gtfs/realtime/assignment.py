"""Gives each bus its run: one bus a run, the best explained first, and a reason in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.candidates import ELSEWHERE, ON_LINE, WAITING, Candidates, weigh
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days, join_runs
from sapar.gtfs.realtime.fleet_state import (
    NO,
    SOURCE_BLOCK,
    SOURCE_FIT,
    SOURCE_TRIP,
    FleetState,
    Slots,
)
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.options import fitting_options, signed_options
from sapar.gtfs.realtime.paths import Whereabouts, whereabouts

Claims = dict[tuple[int, int, int], int]
"""Who holds which run, by run key."""

RETRY_S = 10.0
"""Transit seconds between two looks at a bus that has no run."""
_RETRY_RUN_S = 20.0
_OFF_S = 90.0  # off the line for so long: look again
_OFF_GIVE_UP_S = 300.0
_STRAY_M = 500.0  # driven without getting on: look again
_SILENT_MAX_S = 1800.0  # silent for longer: what it runs when it is back is a new question
_PARKED_S = 600.0
_LATE_MAX_S = 9000.0  # the latest that any bus is believed to run, see `candidates`
_STEP_BACK_MAX_M = 250.0  # less than this back on the same run is noise, more another pass
_ASTRAY_M = 500.0
_SILENT_S = 180.0  # a silent bus loses its run to another
_ACTIVE_S = 150.0
_SECOND_CHOICE_COST = 3.0  # a run that explains the bus so much worse than its best is no choice
_CONFIDENCE = {SOURCE_TRIP: 0.98, SOURCE_BLOCK: 0.95, SOURCE_FIT: 0.9}
_SOURCE_WORDS = {
    SOURCE_TRIP: "signed on to trip",
    SOURCE_BLOCK: "by its block on trip",
    SOURCE_FIT: "best fit is trip",
}


def assign(fleet: FleetState, network: Network, days: Days, now_s: float) -> Slots:
    """Look at every bus that needs it; give the slots whose run changed.

    Deterministic: the same fleet, timetable and time give the same result.
    """
    days.look(now_s)
    _end_runs(fleet, network)
    _forget_old_runs(fleet, network, now_s)
    slots = _in_need(fleet, network, now_s)
    if not len(slots):
        return slots
    fleet["tried_s"][slots] = now_s
    fleet["resign"][slots] = False
    # how a parked bus came here says nothing of a trip that is due here now
    parked = fleet.floats("time_s")[slots] - fleet.floats("moved_s")[slots] > _PARKED_S
    where = whereabouts(
        fleet.floats("x")[slots],
        fleet.floats("y")[slots],
        fleet.floats("time_s")[slots],
        np.where(parked[:, None], np.nan, fleet.trail_x[slots]),
        np.where(parked[:, None], np.nan, fleet.trail_y[slots]),
    )
    found = _candidates(fleet, network, days, slots, where)
    changed = _settle(fleet, network, days, slots, found, now_s)
    return changed


def _end_runs(fleet: FleetState, network: Network) -> None:
    """Take finished runs away, and those of buses that left their line for good."""
    n = len(fleet)
    has = fleet.ints("trip")[:n] != NO
    finished = np.flatnonzero(has & fleet.flags("finished")[:n])
    for slot in finished:
        trip_id = network.timetable.trips.ids[int(fleet["trip"][slot])]
        fleet.clear_run(np.array([slot]), f"finished trip {trip_id}")
    fleet["tried_s"][finished] = -np.inf
    lost = has & (fleet.floats("time_s")[:n] - fleet.floats("off_since_s")[:n] > _OFF_GIVE_UP_S)
    for slot in np.flatnonzero(lost & ~fleet.flags("finished")[:n]):
        trip_id = network.timetable.trips.ids[int(fleet["trip"][slot])]
        off = fleet["off_m"][slot]
        fleet.clear_run(np.array([slot]), f"left the line of trip {trip_id}: {off:.0f} m off it")
        fleet["tried_s"][slot] = -np.inf
        fleet["lost_s"][slot] = fleet["time_s"][slot]


def _forget_old_runs(fleet: FleetState, network: Network, now_s: float) -> None:
    """Take the runs away from buses that were silent for long or stand beside their line.

    A bus parked on its line for the night would else begin the next day on a trip of the day
    before, a day late.
    """
    n = len(fleet)
    has = fleet.ints("trip")[:n] != NO
    silent = has & (now_s - fleet.floats("time_s")[:n] > _SILENT_MAX_S)
    late = has & fleet.flags("departed")[:n] & (fleet.floats("delay_s")[:n] > _LATE_MAX_S)
    for slot in np.flatnonzero(silent | late):
        trip_id = network.timetable.trips.ids[int(fleet["trip"][slot])]
        why = "silent since trip" if silent[slot] else "too late to be on trip"
        fleet.clear_run(np.array([slot]), f"{why} {trip_id}")
        fleet["tried_s"][slot] = -np.inf


def _in_need(fleet: FleetState, network: Network, now_s: float) -> Slots:
    """List the buses to look at: heard of lately, and without a run or in doubt about it."""
    n = len(fleet)
    time_s, trip = fleet.floats("time_s")[:n], fleet.ints("trip")[:n]
    active = now_s - time_s <= _ACTIVE_S
    waited = np.abs(now_s - fleet.floats("tried_s")[:n])  # the clock may have been put back
    none = (trip == NO) & (waited >= RETRY_S)
    sign = fleet.ints("sign_trip")[:n]
    resigned = fleet.flags("resign")[:n] & (trip != NO)
    resigned &= (sign != NO) & (sign != trip) | (fleet.ints("sign_block")[:n] != NO)
    doubt = (
        (time_s - fleet.floats("off_since_s")[:n] > _OFF_S)
        | (fleet.flags("departed")[:n] & (fleet.floats("stray_m")[:n] > _STRAY_M))
        | _astray(fleet, network, n)
    )
    need = none | resigned | (doubt & (trip != NO) & (waited >= _RETRY_RUN_S))
    return np.flatnonzero(active & need)


def _astray(fleet: FleetState, network: Network, n: int) -> NDArray[np.bool_]:
    """Tell which buses should be at a first stop and are far from it: perhaps on another run."""
    trip = np.maximum(fleet.ints("trip")[:n], 0)
    pattern = network.timetable.trips.pattern_idx[trip]
    distance = np.hypot(
        fleet.floats("x")[:n] - network.first_x[pattern],
        fleet.floats("y")[:n] - network.first_y[pattern],
    )
    result: NDArray[np.bool_] = ~fleet.flags("departed")[:n] & (distance > _ASTRAY_M)
    return result


def _candidates(
    fleet: FleetState, network: Network, days: Days, slots: Slots, where: Whereabouts
) -> Candidates:
    """Weigh what sign-on and blocks say; where that explains nothing, whatever fits the path."""
    signed = weigh(network, days, where, signed_options(fleet, days, slots))
    explained = np.zeros(len(slots), np.bool_)
    explained[signed.vehicle[signed.kind != ELSEWHERE]] = True
    rest = np.flatnonzero(~explained)
    seen = Whereabouts(
        where.x[rest],
        where.y[rest],
        where.time_s[rest],
        where.trail_x[rest],
        where.trail_y[rest],
        where.driven_m[rest],
    )
    fitting = weigh(network, days, seen, fitting_options(fleet, network, days, slots[rest], seen))
    return _stack(signed, fitting, rest)


def _stack(signed: Candidates, fitting: Candidates, rest: Slots) -> Candidates:
    runs = join_runs([signed.runs, fitting.runs])
    columns = {
        name: np.concatenate((getattr(signed, name), getattr(fitting, name)))
        for name in ("source", "kind", "along_m", "off_m", "fit", "delay_s", "cost")
    }
    return Candidates(np.concatenate((signed.vehicle, rest[fitting.vehicle])), runs, **columns)


def _settle(
    fleet: FleetState,
    network: Network,
    days: Days,
    slots: Slots,
    found: Candidates,
    now_s: float,
) -> Slots:
    """Hand out runs, cheapest candidate first; ties go by vehicle id."""
    claims = _claims_of_others(fleet, slots)
    names = np.argsort(np.argsort([fleet.ids[slot] for slot in slots], kind="stable"))
    order = np.lexsort((found.runs.first_s, names[found.vehicle], found.cost))
    taken: dict[int, int] = {}
    blocked: dict[int, str] = {}
    cheapest: dict[int, float] = {}
    for row in order:
        slot = int(slots[found.vehicle[row]])
        best = cheapest.setdefault(slot, float(found.cost[row]))
        if slot in taken or found.cost[row] > best + _SECOND_CHOICE_COST:
            continue
        owner = _claim(fleet, days, claims, found, int(row), slot, now_s, taken)
        if owner is None:
            taken[slot] = int(row)
        elif slot not in blocked:
            trip_id = network.timetable.trips.ids[int(found.runs.trip[row])]
            blocked[slot] = f"trip {trip_id} is run by {fleet.ids[owner]}"
    for slot, row in taken.items():
        _take(fleet, network, found, row, slot, now_s)
    _leave(fleet, claims, [int(slot) for slot in slots if int(slot) not in taken], blocked)
    return slots


def _claims_of_others(fleet: FleetState, looked_at: Slots) -> Claims:
    n = len(fleet)
    held = np.flatnonzero(fleet.ints("trip")[:n] != NO)
    held = held[~np.isin(held, looked_at)]
    return {fleet.run_key(int(slot)): int(slot) for slot in held}


def _claim(
    fleet: FleetState,
    days: Days,
    claims: Claims,
    found: Candidates,
    row: int,
    slot: int,
    now_s: float,
    taken: dict[int, int],
) -> int | None:
    """Take the candidate's run for the slot, or name the vehicle that keeps it."""
    runs = found.runs
    if days.kind[int(runs.trip[row])] == FREQUENCY_LOOSE:
        _keep_start(fleet, found, row, slot)
    key = (int(runs.trip[row]), int(runs.day[row]), int(runs.start_s[row]))
    owner = claims.get(key)
    if owner is not None and days.kind[key[0]] == FREQUENCY_LOOSE and found.kind[row] != ELSEWHERE:
        # any minute names a departure that follows no timetable: take the next free one
        while key in claims:
            key = (key[0], key[1], key[2] + 60)
            runs.start_s[row] += 60
            runs.base_s[row] += 60.0
            found.delay_s[row] -= 60.0
        owner = None
    if owner is not None:
        silent = now_s - fleet["time_s"][owner] > _SILENT_S
        weaker = fleet["source"][owner] < found.source[row] and found.kind[row] != ELSEWHERE
        if owner in taken or not (silent or weaker):
            return owner
        fleet.clear_run(np.array([owner]), f"its trip was taken over by {fleet.ids[slot]}")
    claims[key] = slot
    return None


def _keep_start(fleet: FleetState, found: Candidates, row: int, slot: int) -> None:
    """Let a bus that is on the trip already keep its start: published, it must not change.

    A bus under way that is back at the first stop, or far behind, has begun the trip anew.
    """
    runs = found.runs
    behind_m = float(fleet.floats("along_m")[slot] - found.along_m[row])
    anew = found.kind[row] == WAITING or (
        found.kind[row] == ON_LINE and behind_m > _STEP_BACK_MAX_M
    )
    if fleet["trip"][slot] == runs.trip[row] and not (fleet["departed"][slot] and anew):
        found.delay_s[row] += runs.base_s[row] - fleet.floats("base_s")[slot]
        for name in ("day", "start_s", "base_s"):
            getattr(runs, name)[row] = fleet[name][slot]


def _take(
    fleet: FleetState, network: Network, found: Candidates, row: int, slot: int, now_s: float
) -> None:
    """Put the vehicle on the candidate's run, at the candidate's place."""
    runs, kind = found.runs, found.kind[row]
    key = (int(runs.trip[row]), int(runs.day[row]), int(runs.start_s[row]))
    in_doubt = fleet["off_since_s"][slot] < np.inf or fleet["stray_m"][slot] > _STRAY_M
    same = fleet.run_key(slot) == key
    fleet.reasons[slot] = _reason(network, found, row)
    fleet["confidence"][slot] = _confidence(found, row)
    fleet["source"][slot] = found.source[row]
    if same and (kind == ELSEWHERE or (fleet["departed"][slot] and not in_doubt)):
        return  # nothing new: progress goes on from where it is
    along_m = float(found.along_m[row])
    if same and kind == ON_LINE and fleet["departed"][slot]:
        here_m = float(fleet.floats("along_m")[slot])
        along_m = here_m if here_m - _STEP_BACK_MAX_M < along_m < here_m else along_m
    for name, value in (
        ("trip", key[0]),
        ("day", key[1]),
        ("start_s", key[2]),
        ("base_s", runs.base_s[row]),
        ("departed", kind == ON_LINE),
        ("finished", False),
        ("along_m", along_m),
        ("tentative_m", along_m),
        ("off_m", found.off_m[row]),
        ("off_since_s", np.inf),
        ("advance_m", along_m),
        ("stray_m", 0.0),
        ("delay_s", found.delay_s[row]),
        ("claimed_s", now_s),
    ):
        fleet[name][slot] = value
    for anchor, now in (("anchor_x", "x"), ("anchor_y", "y"), ("anchor_s", "time_s")):
        fleet[anchor][slot] = fleet[now][slot]


def _leave(fleet: FleetState, claims: Claims, slots: list[int], blocked: dict[int, str]) -> None:
    """Say why a vehicle got no run; one in doubt keeps the run it has unless another took it."""
    for slot in slots:
        if fleet["trip"][slot] != NO:
            owner = claims.get(fleet.run_key(slot))
            if owner is None:
                continue
            fleet.clear_run(np.array([slot]), f"its trip was taken over by {fleet.ids[owner]}")
        elif slot in blocked:
            fleet.reasons[slot] = blocked[slot]
        elif not fleet.reasons[slot].startswith(("finished", "left", "its trip")):
            fleet.reasons[slot] = "no trip fits where it is and was"


def _confidence(found: Candidates, row: int) -> float:
    best = _CONFIDENCE[int(found.source[row])]
    return round(float(best * np.exp(-0.06 * found.cost[row])), 2)


def _reason(network: Network, found: Candidates, row: int) -> str:
    trip_id = network.timetable.trips.ids[int(found.runs.trip[row])]
    words = f"{_SOURCE_WORDS[int(found.source[row])]} {trip_id}"
    minutes = round(float(found.delay_s[row]) / 60)
    timing = (
        f"{minutes} min late"
        if minutes > 0
        else (f"{-minutes} min early" if minutes < 0 else "on time")
    )
    if found.kind[row] == ON_LINE:
        return (
            f"{words}: {found.off_m[row]:.0f} m from its line, "
            f"path fits {found.fit[row]:.2f}, {timing}"
        )
    where = f"{found.off_m[row]:.0f} m from its first stop"
    return f"{words}: waits {where}" if found.kind[row] != ELSEWHERE else f"{words}: {where}"
