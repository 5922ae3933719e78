"""Proof of runs: done, partly done or not done, by whom, and on what evidence. Pure.

A stop counts as visited when the bus was seen there, or when it was silent around that moment for
less than `Limits.silence_s`; a longer silence proves nothing. A run is what the worst rule of
`RULES` that holds makes of it, and all reasons are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.history.evidence import Evidence, Trace, evidence_between
from sapar.gtfs.history.planned import PlannedRun, RunName, planned_runs
from sapar.gtfs.history.visits import run_base_s
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]

DONE, PARTLY, NOT_DONE = "done", "partly", "not_done"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the lines are drawn; defaults and reasons stand with the settings `proof_…`."""

    done_share: float = 0.9
    partly_share: float = 0.1
    gap_s: float = 90.0
    silence_s: float = 360.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at: stops by their number on the trip, lengths in metres."""

    stops: int
    visited: tuple[int, ...]
    planned_m: float
    driven_m: float

    @property
    def share(self) -> float:
        """Share of the stops visited."""
        return len(self.visited) / self.stops


@dataclass(frozen=True, slots=True)
class Rule:
    """When `holds`, a run is at most `status`, for the reason `code`."""

    code: str
    status: str
    holds: Callable[[Facts, Limits], bool]


RULES = (
    Rule("never_seen", NOT_DONE, lambda f, _: not f.visited),
    Rule("few_stops", NOT_DONE, lambda f, at: 0 < f.share < at.partly_share),
    # buses turn beside a terminal: one stop from the end still is the end
    Rule("start_missed", PARTLY, lambda f, _: bool(f.visited) and f.visited[0] > 1),
    Rule("end_missed", PARTLY, lambda f, _: bool(f.visited) and f.visited[-1] < f.stops - 2),
    Rule("stops_missed", PARTLY, lambda f, at: bool(f.visited) and f.share < at.done_share),
    Rule(
        "distance_short",
        PARTLY,
        lambda f, at: bool(f.visited) and f.driven_m < at.done_share * f.planned_m,
    ),
)
_RANK = {DONE: 0, PARTLY: 1, NOT_DONE: 2}


@dataclass(frozen=True, slots=True)
class RunProof:
    """What is known of one run; times in Unix seconds, None where unknown."""

    run: PlannedRun
    vehicle_ids: tuple[str, ...]
    status: str
    reasons: tuple[str, ...]
    gps_off: bool
    scheduled_start_s: float
    scheduled_end_s: float
    first_stop_s: float | None
    last_stop_s: float | None
    first_delay_s: float | None
    last_delay_s: float | None
    facts: Facts
    stops_guessed: int
    evidence: tuple[Evidence, ...]
    gap_after_sequence: int | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one vehicle did on one run."""

    vehicle_id: str
    numbers: Longs  # stops visited
    guessed: int
    arrival_s: dict[int, float]
    departure_s: dict[int, float]
    evidence: Evidence


def judge(facts: Facts, limits: Limits) -> tuple[str, tuple[str, ...]]:
    """Give the status of a run and the codes of all rules that hold."""
    held = [rule for rule in RULES if rule.holds(facts, limits)]
    status = max((rule.status for rule in held), key=_RANK.__getitem__, default=DONE)
    return status, tuple(rule.code for rule in held)


class DayProof:
    """The proof of a service day, vehicle by vehicle: the traces of a day are more than memory.

    Args:
        timetable: the timetable in force on the day.
        service_date: the day.
        visits: the day's stop visits; others are left out.
        limits: where the lines are drawn.
    """

    def __init__(
        self, timetable: Timetable, service_date: date, visits: Visits, limits: Limits
    ) -> None:
        self._timetable, self._visits, self._limits = timetable, visits, limits
        self._day = service_date.toordinal()
        self._rows = _rows_by_vehicle(visits, service_date)
        found = {run for runs in self._rows.values() for run in runs}
        self._runs = planned_runs(timetable, service_date, found)
        self._tails = _silent_tails(timetable, self._runs, self._rows)
        self._pieces: dict[RunName, list[_Piece]] = defaultdict(list)
        self._silent: dict[RunName, tuple[str, Evidence]] = {}

    @property
    def vehicle_ids(self) -> list[str]:
        """The vehicles whose traces are needed."""
        return sorted(self._rows)

    def take(self, vehicle_id: str, trace: Trace) -> None:
        """Take the fixes of a vehicle, all of the day."""
        for name, at in self._rows[vehicle_id].items():
            piece = _piece(self._timetable, self._visits, at, vehicle_id, trace, self._limits)
            self._pieces[name].append(piece)
        for run in self._tails.get(vehicle_id, ()):
            start_s, end_s = scheduled_span(self._timetable, run, self._day)
            seen = evidence_between(trace, start_s, end_s, self._limits.gap_s)
            if not seen.fixes:
                self._silent[run.name] = (vehicle_id, seen)

    def result(self) -> list[RunProof]:
        """Give the proofs, in order of trip and start; call when all vehicles are taken."""
        return [
            _proof(
                self._timetable,
                self._day,
                run,
                self._pieces.get(run.name, []),
                self._silent.get(run.name),
                self._limits,
            )
            for run in self._runs
        ]


def scheduled_span(timetable: Timetable, run: PlannedRun, day: int) -> tuple[float, float]:
    """Give the Unix times of a run's first departure and last arrival by the timetable."""
    base_s = run_base_s(timetable, run.trip, day, run.start_s)
    table = timetable.trips
    return base_s + int(table.first_s[run.trip]), base_s + int(table.last_s[run.trip])


def _rows_by_vehicle(visits: Visits, service_date: date) -> dict[str, dict[RunName, list[int]]]:
    """Give the rows of each vehicle and run, in order of the stops."""
    rows: dict[str, dict[RunName, list[int]]] = defaultdict(lambda: defaultdict(list))
    timed = np.isfinite(visits.arrival_s) | np.isfinite(visits.departure_s)
    today = np.flatnonzero(timed & (visits.day == service_date.toordinal()))
    for n in today[np.argsort(visits.row[today], kind="stable")].tolist():
        rows[visits.vehicle_ids[n]][int(visits.trip[n]), int(visits.start_s[n])].append(n)
    return rows


def _piece(
    timetable: Timetable,
    visits: Visits,
    at: list[int],
    vehicle_id: str,
    trace: Trace,
    limits: Limits,
) -> _Piece:
    rows = visits.row[at]
    trip = int(visits.trip[at[0]])
    begin, end = int(timetable.trips.st_begin[trip]), int(timetable.trips.st_begin[trip + 1])
    arrival, departure = visits.arrival_s[at], visits.departure_s[at]
    when = np.where(np.isfinite(arrival), arrival, departure)
    seen = visits.seen[at]
    sure = seen | (trace.silence_at(when) < limits.silence_s)
    numbers = np.unique(rows[sure] - begin)
    until_s = float(when[-1])
    if rows[-1] < end - 1:  # it did not arrive: look at the time in which it should have
        times = timetable.stop_times
        until_s += float(times.arrival_s[end - 1] - times.departure_s[rows[-1]])
    since_s = float(np.nanmin(np.where(sure, when, np.nan))) if sure.any() else float(when[0])
    return _Piece(
        vehicle_id,
        numbers,
        int((~sure).sum()),
        dict(zip((rows - begin)[seen].tolist(), arrival[seen].tolist(), strict=True)),
        dict(zip((rows - begin)[seen].tolist(), departure[seen].tolist(), strict=True)),
        evidence_between(trace, since_s, max(until_s, since_s), limits.gap_s),
    )


def _silent_tails(
    timetable: Timetable,
    runs: Iterable[PlannedRun],
    rows: Mapping[str, Mapping[RunName, list[int]]],
) -> dict[str, list[PlannedRun]]:
    """Give for each vehicle the runs of its block that nobody was seen on after it began."""
    drivers: dict[RunName, str] = {}
    for vehicle_id in sorted(rows):
        for name in rows[vehicle_id]:
            drivers[name] = vehicle_id
    blocks: dict[int, list[PlannedRun]] = defaultdict(list)
    for run in runs:
        block = int(timetable.trips.block_idx[run.trip])
        if block >= 0 and not run.loose:
            blocks[block].append(run)
    tails: dict[str, list[PlannedRun]] = defaultdict(list)
    for mates in blocks.values():
        driver = None
        for run in sorted(mates, key=lambda run: run.start_s):
            if run.name in drivers:
                driver = drivers[run.name]
            elif driver is not None:
                tails[driver].append(run)
    return tails


def _proof(
    timetable: Timetable,
    day: int,
    run: PlannedRun,
    pieces: list[_Piece],
    silent: tuple[str, Evidence] | None,
    limits: Limits,
) -> RunProof:
    begin, end = (
        int(timetable.trips.st_begin[run.trip]),
        int(timetable.trips.st_begin[run.trip + 1]),
    )
    pieces = _who_drove(pieces)
    facts = _facts(timetable, run, end - begin, pieces)
    status, reasons = judge(facts, limits)
    evidence = tuple(piece.evidence for piece in pieces)
    gps_off = any(seen.longest_s >= limits.silence_s for seen in evidence)
    if gps_off:
        reasons = (*reasons, "gps_silent")
    vehicles = tuple(piece.vehicle_id for piece in pieces)
    if not pieces and silent is not None:
        vehicles, evidence, gps_off = (silent[0],), (silent[1],), True
        reasons = (*reasons, "block_silent")
    if len(vehicles) > 1:
        reasons = (*reasons, "vehicle_changed")
    if not run.planned:
        reasons = (*reasons, "not_planned")
    start_s, end_s = scheduled_span(timetable, run, day)
    first_s = next((t for p in pieces if (t := _first_time(p)) is not None), None)
    last_s = next(
        (t for p in reversed(pieces) if (t := _last_time(p, end - begin)) is not None), None
    )
    return RunProof(
        run,
        vehicles,
        status,
        reasons,
        gps_off,
        start_s,
        end_s,
        first_s,
        last_s,
        None if first_s is None or run.loose else first_s - start_s,
        None if last_s is None or run.loose else last_s - end_s,
        facts,
        sum(piece.guessed for piece in pieces),
        evidence,
        _gap_after(timetable, begin, pieces),
    )


def _who_drove(pieces: list[_Piece]) -> list[_Piece]:
    """Keep the vehicles that drove a part of the run, in their order; a single stop is no part."""
    parts = [piece for piece in pieces if len(piece.numbers) > 1]
    kept = parts or [piece for piece in pieces if len(piece.numbers)] or pieces
    return sorted(kept, key=lambda piece: (_number(piece), piece.vehicle_id))


def _number(piece: _Piece) -> int:
    return int(piece.numbers[0]) if len(piece.numbers) else 0


def _facts(timetable: Timetable, run: PlannedRun, stops: int, pieces: list[_Piece]) -> Facts:
    stop_m = timetable.trip_pattern(run.trip).stop_m
    legs = np.zeros(max(stops - 1, 0), np.bool_)
    visited: set[int] = set()
    for piece in pieces:
        visited.update(piece.numbers.tolist())
        neighbours = piece.numbers[:-1][np.diff(piece.numbers) == 1]
        legs[neighbours] = True
    return Facts(
        stops,
        tuple(sorted(visited)),
        float(stop_m[-1] - stop_m[0]),
        float(np.diff(stop_m)[legs].sum()),
    )


def _first_time(piece: _Piece) -> float | None:
    left_s = piece.departure_s.get(0, np.nan)
    known = left_s if np.isfinite(left_s) else piece.arrival_s.get(0, np.nan)
    return float(known) if np.isfinite(known) else None


def _last_time(piece: _Piece, stops: int) -> float | None:
    came_s = piece.arrival_s.get(stops - 1, np.nan)
    return float(came_s) if np.isfinite(came_s) else None


def _gap_after(timetable: Timetable, begin: int, pieces: list[_Piece]) -> int | None:
    """Give the stop_sequence of the last stop seen before the longest silence."""
    if not pieces:
        return None
    worst = max(pieces, key=lambda piece: piece.evidence.longest_s)
    from_s = worst.evidence.longest_from_s
    before = [number for number, at_s in worst.arrival_s.items() if at_s <= from_s]
    if not before:
        return None
    return int(timetable.stop_times.stop_sequence[begin + max(before)])
