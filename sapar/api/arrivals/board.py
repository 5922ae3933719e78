"""One stop's board: what was promised, what is planned and what was seen, put together. Pure.

Each call is on the board once, in the most that is known about it:

- `live`: a bus is predicted, with the range that holds its arrival with 80 %;
- `passed`: the bus has been there, about when;
- `no_signal`: the bus on this run has fallen silent, since when;
- `cancelled`, `skipped`: it will not come: dispatch cancelled the run, or it leaves this stop out;
- `scheduled`: the timetable says so and nobody has seen a bus.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sapar.api.arrivals.decode import NO_DATA, SKIPPED, Live
from sapar.api.arrivals.index import Planned, StopIndex
from sapar.api.arrivals.memory import Memory

LIVE, PASSED, NO_SIGNAL = "live", "passed", "no_signal"
CANCELLED, LEFT_OUT, PLANNED = "cancelled", "skipped", "scheduled"


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A call of a run at the stop; times are Unix seconds, 0 where there is none.

    Attributes:
        state: one of the words above.
        trip: row of the trip, -1 of a run that the timetable lacks; `trip_id` as published.
        row: stop-time row, -1 of such a run; day, start_s: name the run together with the trip.
        route, direction: -1 unknown; headsign: "" unknown.
        planned_arrival_s, planned_departure_s: by the timetable; of headway service by its start.
        arrival_s, departure_s: predicted; unsure_s: half of the 80 % range, -1 unknown.
        passed_s: when it passed, 0 when only that it did is known.
        vehicle_id: "" unknown; heard_s: when it was heard of last.
        run: number of the run in the tick, -1 when the tick does not speak of it.
        headway_s: of headway service without exact times, else 0.
        added, detoured: a run that the timetable lacks; a run that is led round.
    """

    state: str
    trip: int
    trip_id: str
    row: int
    day: int
    start_s: int
    route: int
    direction: int
    headsign: str
    planned_arrival_s: int
    planned_departure_s: int
    arrival_s: int = 0
    departure_s: int = 0
    unsure_s: int = -1
    passed_s: int = 0
    vehicle_id: str = ""
    heard_s: float = 0.0
    run: int = -1
    headway_s: int = 0
    added: bool = False
    detoured: bool = False

    @property
    def time_s(self) -> int:
        """The one time that a rider wants: predicted, passed or planned."""
        return self.passed_s or self.departure_s or self.planned_departure_s


def make_board(
    index: StopIndex, live: Live | None, memory: Memory, stop: int, span: tuple[float, float, float]
) -> list[Arrival]:
    """Put the board of a stop together, in order of time.

    Args:
        index: the timetable by stop.
        live: the newest tick, None when there is none: then all is scheduled.
        memory: what was seen lately.
        stop: row of the stop.
        span: now, and the seconds before and after it that are asked for.
    """
    now_s, before_s, after_s = span
    seen: set[tuple[int, int, int]] = set()
    board: list[Arrival] = []
    if live is not None:
        _add_live(board, seen, index, live, stop, span)
    passed = memory.passed_at(stop, now_s - before_s) if live is not None else []
    for call in passed:
        if (call.row, *call.key[1:]) not in seen:
            seen.add((call.row, *call.key[1:]))
            board.append(
                _of_row(
                    index,
                    PASSED,
                    call.row,
                    call.key[1],
                    call.key[2],
                    passed_s=int(call.time_s),
                    vehicle_id=call.vehicle_id,
                )
            )
    planned = index.between(stop, now_s - before_s, now_s + after_s)
    _add_planned(board, seen, index, live, memory, planned, now_s)
    board.sort(key=_by_time)
    return board


def _by_time(one: Arrival) -> tuple[int, str]:
    # `time_s` written out: this is asked of every arrival of every board
    return one.passed_s or one.departure_s or one.planned_departure_s, one.trip_id


def _add_live(
    board: list[Arrival],
    seen: set[tuple[int, int, int]],
    index: StopIndex,
    live: Live,
    stop: int,
    span: tuple[float, float, float],
) -> None:
    now_s, from_s, until_s = live.header_s, span[0] - span[1], span[0] + span[2]
    runs, headsigns = live.runs, index.timetable.trips.headsigns
    for number, row, told_s, gone_s, arrive_s, leave_s, unsure_s, relation in _calls_at(live, stop):
        arrival_s, departure_s = told_s or gone_s, gone_s or told_s
        if departure_s < from_s and leave_s < from_s:
            continue
        if arrive_s > until_s and (not arrival_s or arrival_s > until_s):
            continue
        run = runs[number]
        if relation == NO_DATA or run.cancelled or (row < 0 and not run.added):
            continue
        trip, day, start_s = run.key
        if not run.added:
            seen.add((row, day, start_s))
        passed_s = 0
        if relation == SKIPPED:
            state, arrival_s, departure_s, unsure_s = LEFT_OUT, 0, 0, -1
        elif departure_s < now_s:
            if departure_s < from_s:  # it has been there, before all that is asked for
                continue
            state, passed_s, arrival_s, departure_s, unsure_s = PASSED, arrival_s, 0, 0, -1
        else:
            state = LIVE
        board.append(
            Arrival(
                state,
                -1 if run.added else trip,
                run.trip_id,
                row,
                day,
                start_s,
                run.route,
                run.direction,
                run.headsign if run.added else headsigns[trip],
                arrive_s,
                leave_s,
                arrival_s,
                departure_s,
                unsure_s,
                passed_s,
                run.vehicle_id,
                float(run.time_s),
                number,
                run.headway_s,
                run.added,
                run.detoured,
            )
        )


def _calls_at(live: Live, stop: int) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
    """Give the columns of the tick's calls at a stop, side by side."""
    calls = live.calls
    here = slice(int(calls.begin[stop]), int(calls.begin[stop + 1]))
    return zip(
        calls.run[here].tolist(),
        calls.row[here].tolist(),
        calls.arrival_s[here].tolist(),
        calls.departure_s[here].tolist(),
        calls.planned_arrival_s[here].tolist(),
        calls.planned_departure_s[here].tolist(),
        calls.unsure_s[here].tolist(),
        calls.relation[here].tolist(),
        strict=True,
    )


def _of_row(
    index: StopIndex,
    state: str,
    row: int,
    day: int,
    start_s: int,
    *,
    passed_s: int = 0,
    vehicle_id: str = "",
    heard_s: float = 0.0,
    run: int = -1,
    headway_s: int = 0,
    detoured: bool = False,
) -> Arrival:
    trips, times = index.timetable.trips, index.timetable.stop_times
    trip = int(index.trip_of_row[row])
    base_s = int(index.base_s(trip, day, start_s))
    return Arrival(
        state,
        trip,
        trips.ids[trip],
        row,
        day,
        start_s,
        int(trips.route_idx[trip]),
        int(trips.direction[trip]),
        trips.headsigns[trip],
        base_s + int(times.arrival_s[row]),
        base_s + int(times.departure_s[row]),
        passed_s=passed_s,
        vehicle_id=vehicle_id,
        heard_s=heard_s,
        run=run,
        headway_s=headway_s,
        detoured=detoured,
    )


def _add_planned(
    board: list[Arrival],
    seen: set[tuple[int, int, int]],
    index: StopIndex,
    live: Live | None,
    memory: Memory,
    planned: Planned,
    now_s: float,
) -> None:
    until = _promised_until(board)
    columns = zip(
        planned.row.tolist(),
        planned.trip.tolist(),
        planned.day.tolist(),
        planned.start_s.tolist(),
        planned.arrival_s.tolist(),
        planned.headway_s.tolist(),
        strict=True,
    )
    for row, trip, day, start_s, arrival_s, headway_s in columns:
        if (row, day, start_s) in seen:
            continue
        if headway_s:
            # a headway's grid is a guess: it goes on where the predictions end
            if arrival_s < max(now_s, until.get(row, 0) + headway_s / 2):
                continue
            board.append(_of_row(index, PLANNED, row, day, start_s, headway_s=headway_s))
        elif live is None:
            board.append(_of_row(index, PLANNED, row, day, start_s))
        else:
            board.append(_unpromised(index, live, memory, row, (trip, day, start_s)))


def _promised_until(board: list[Arrival]) -> dict[int, int]:
    """Give the last prediction of each call that is made by headway, by stop-time row."""
    until: dict[int, int] = {}
    for call in board:
        if call.headway_s:
            until[call.row] = max(until.get(call.row, 0), call.time_s)
    return until


def _unpromised(
    index: StopIndex, live: Live, memory: Memory, row: int, key: tuple[int, int, int]
) -> Arrival:
    """Say what is known of a planned call that the tick has no time for."""
    trip, day, start_s = key
    number = live.by_key.get(key, -1)
    if row in live.missed.get((trip, day), ()):
        return _of_row(index, LEFT_OUT, row, day, start_s, run=number, detoured=True)
    if number >= 0:
        run = live.runs[number]
        state, next_row = PLANNED, int(live.first_row[number])
        if run.cancelled:
            state = CANCELLED
        elif live.last_s[number] and row < next_row:
            state = PASSED
        vehicle_id = "" if state == CANCELLED else run.vehicle_id
        return _of_row(
            index,
            state,
            row,
            day,
            start_s,
            vehicle_id=vehicle_id,
            heard_s=float(run.time_s),
            run=number,
            detoured=run.detoured,
        )
    lost = memory.find_lost(key)
    if lost is not None:
        fix = live.vehicles.get(lost.vehicle_id)
        if fix is None or fix.stale:
            since_s = lost.since_s if fix is None else fix.time_s
            return _of_row(
                index,
                NO_SIGNAL,
                row,
                day,
                start_s,
                vehicle_id=lost.vehicle_id,
                heard_s=since_s,
            )
        return _of_row(index, PLANNED, row, day, start_s)
    silent = live.silent.get(index.timetable.trips.ids[trip])
    if silent is not None and _underway(index, key, live.header_s):
        return _of_row(
            index, NO_SIGNAL, row, day, start_s, vehicle_id=silent.id, heard_s=silent.time_s
        )
    return _of_row(index, PLANNED, row, day, start_s)


def _underway(index: StopIndex, key: tuple[int, int, int], now_s: float) -> bool:
    """Tell whether a run of the timetable is under way about now: a trip id alone has no date."""
    trips = index.timetable.trips
    start_s = index.day_start(key[1]) + int(trips.first_s[key[0]])
    length_s = int(trips.last_s[key[0]]) - int(trips.first_s[key[0]])
    return bool(start_s - 1800 <= now_s <= start_s + length_s + 3600)
