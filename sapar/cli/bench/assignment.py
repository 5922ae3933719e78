"""Assignment, scored on a simulated city, whose truth is known and whose faults are planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.assignment import (
    Samples,
    SignLooks,
    WrongSign,
    join_samples,
    outcomes,
    score_signs,
    summarise,
)
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.timetable import load_timetable
from sapar.gtfs.timetable.model import Timetable
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city
from sapar.simulators.plan import list_runs
from sapar.simulators.rehearsal import HeardFix, Rehearsal, RehearsalOptions, Truth
from sapar.simulators.signon import KINDS, SignOn

_SILENT_S = 180.0  # heard of again after so long, a bus is new
_NEIGHBOURS_S = 2700.0  # planned headway: mean gap of the starts so far around a run

Say = Callable[[str], None]

NO_RUN = (-1, 0, 0)
"""A run that is none: trip, day, start."""


@dataclass(frozen=True, slots=True)
class CityOptions:
    """A simulated city: the generated one of `city`, or the timetable of `gtfs`.

    Attributes:
        at: local date and time of the start, `YYYY-MM-DDTHH:MM`.
        look_s: seconds between two looks of the engine.
        warm_up_s: what the engine thought before is not scored.
    """

    city: str | None
    gtfs: Path | None
    at: str
    buses: int
    minutes: float
    sign_on: str = "none"
    wrong_share: float = 0.05
    detours: int = 3
    seed: int = 1
    look_s: float = 15.0
    warm_up_s: float = 300.0


@dataclass
class _Record:
    """What a rehearsal showed so far."""

    samples: list[Samples] = field(default_factory=list)
    sign_time_s: list[float] = field(default_factory=list)
    sign_rows: list[tuple[int, bool, bool]] = field(default_factory=list)
    layover: list[int] = field(default_factory=lambda: [0, 0])


def bench_city(options: CityOptions, say: Say) -> dict[str, Any]:
    """Rehearse a city and score the engine on it; see `Samples` and `score_signs`."""
    timetable = _timetable(options)
    start_s = _start_s(timetable, options.at)
    rehearsal = Rehearsal(
        timetable,
        RehearsalOptions(
            options.buses,
            options.seed,
            options.minutes * 60.0,
            sign_on=options.sign_on,
            wrong_share=options.wrong_share,
            detours=options.detours,
        ),
        start_s,
    )
    say(f"{rehearsal.count} buses, {len(rehearsal.wrong_spells)} wrong sign-ons")
    stage = _Stage(timetable, rehearsal, options, Engine(timetable))
    record = stage.play(start_s)
    samples = join_samples(record.samples)
    found = outcomes(timetable, samples)
    told = [WrongSign(s.vehicle, s.kind, s.begin_s, s.end_s) for s in rehearsal.wrong_spells]
    with_wrong = np.isin(samples.vehicle, [s.vehicle for s in told])
    looks = _sign_looks(record)
    return {
        "city": options.city or str(options.gtfs),
        "at": options.at,
        "buses": rehearsal.count,
        "minutes": options.minutes,
        "seed": options.seed,
        "sign_on": options.sign_on,
        **summarise(found, samples.weight),
        "on_detours": summarise(found[samples.detour], samples.weight[samples.detour]),
        "buses_told_wrong": summarise(found[with_wrong], samples.weight[with_wrong]),
        "layover_with_its_next_trip": round(record.layover[1] / max(record.layover[0], 1), 4),
        "wrong_sign_ons": score_signs(told, looks),
    }


def _sign_looks(record: _Record) -> SignLooks:
    rows = np.array(record.sign_rows, np.int64).reshape(-1, 3)
    return SignLooks(
        np.array(record.sign_time_s), rows[:, 0], rows[:, 1].astype(bool), rows[:, 2].astype(bool)
    )


class _Stage:
    """A rehearsal before the engine's eyes."""

    def __init__(
        self, timetable: Timetable, rehearsal: Rehearsal, options: CityOptions, engine: Engine
    ) -> None:
        self._timetable, self._rehearsal = timetable, rehearsal
        self._options, self._engine = options, engine
        self._ids = [f"bus-{number:04d}" for number in range(rehearsal.count)]
        self._last_s = np.full(rehearsal.count, -np.inf)
        self._since_s = np.full(rehearsal.count, -np.inf)
        self._sign: list[SignOn] = [SignOn()] * rehearsal.count
        self._headway_s = _headways(timetable, rehearsal)
        self._day_starts: dict[int, float] = {}

    def play(self, start_s: float) -> _Record:
        """Let the rehearsal run to its end."""
        options, record = self._options, _Record()
        end_s, due_s = start_s + options.minutes * 60.0, start_s + options.look_s
        heard: list[HeardFix] = []
        number = 0
        while self._rehearsal.time_s < end_s:
            heard.extend(self._rehearsal.step())
            now_s = self._rehearsal.time_s
            if now_s < due_s:
                continue
            due_s += options.look_s
            self._engine.ingest(self._columns(heard), now_s)
            seen = self._engine.look(now_s)
            if now_s >= start_s + options.warm_up_s:
                self._note(record, seen, heard, now_s, number)
            heard, number = [], number + 1
        return record

    def _columns(self, heard: Sequence[HeardFix]) -> FixColumns:
        for fix in heard:
            if fix.time_s - self._last_s[fix.vehicle] > _SILENT_S:
                self._since_s[fix.vehicle] = fix.time_s
            self._last_s[fix.vehicle] = max(self._last_s[fix.vehicle], fix.time_s)
            self._sign[fix.vehicle] = fix.sign_on
        return FixColumns(
            [self._ids[f.vehicle] for f in heard],
            np.array([f.time_s for f in heard]),
            np.array([f.latitude for f in heard]),
            np.array([f.longitude for f in heard]),
            np.array([f.speed_mps for f in heard]),
            np.array([f.bearing_deg for f in heard]),
            [f.sign_on.trip_id for f in heard],
            [f.sign_on.route_id for f in heard],
            [f.sign_on.block_id for f in heard],
        )

    def _note(
        self,
        record: _Record,
        seen: Picture,
        heard: Sequence[HeardFix],
        now_s: float,
        number: int,
    ) -> None:
        truth, on = self._rehearsal.truth(), runs_of(seen)
        fixes = np.bincount([f.vehicle for f in heard], minlength=self._rehearsal.count)
        heard_of = np.flatnonzero((fixes > 0) & (truth.run >= 0))
        runs = [on.get(self._ids[v], NO_RUN) for v in heard_of.tolist()]
        self._note_layovers(record, truth, heard_of, runs)
        conflicts = _conflicts(self._engine, self._timetable, self._ids, self._sign, on)
        for vehicle in heard_of.tolist():
            if self._sign[vehicle] != SignOn():
                record.sign_time_s.append(now_s)
                driving = bool(truth.driving[vehicle])
                record.sign_rows.append((vehicle, driving, conflicts[vehicle]))
        serving = truth.driving[heard_of]
        buses = heard_of[serving]
        picked = [run for run, use in zip(runs, serving, strict=True) if use]
        row = truth.run[buses]
        record.samples.append(
            Samples(
                np.full(len(buses), number),
                buses,
                fixes[buses].astype(np.float64),
                self._rehearsal.table.trip[row],
                truth.begin_s[buses],
                np.array([run[0] for run in picked], np.int32),
                np.array([self._start_of(run) for run in picked], np.float64),
                self._headway_s[row],
                now_s - self._since_s[buses],
                now_s - truth.departed_s[buses],
                truth.detour[buses],
            )
        )

    def _note_layovers(
        self,
        record: _Record,
        truth: Truth,
        heard_of: NDArray[np.int64],
        runs: Sequence[tuple[int, int, int]],
    ) -> None:
        for vehicle, run in zip(heard_of.tolist(), runs, strict=True):
            if not truth.driving[vehicle]:
                record.layover[0] += 1
                record.layover[1] += int(
                    run[0] == self._rehearsal.table.trip[truth.run[vehicle]]
                    and abs(self._start_of(run) - truth.begin_s[vehicle]) < 30.0
                )

    def _start_of(self, run: tuple[int, int, int]) -> float:
        trip, day, start_s = run
        if trip < 0:
            return np.nan
        if day not in self._day_starts:
            self._day_starts[day] = self._timetable.service_day_start(date.fromordinal(day))
        # the engine names starts by the first arrival, the plan by the first departure
        begin = self._timetable.trips.st_begin[trip]
        wait_s = self._timetable.trips.first_s[trip] - self._timetable.stop_times.arrival_s[begin]
        return self._day_starts[day] + start_s + float(wait_s)


def runs_of(seen: Picture) -> dict[str, tuple[int, int, int]]:
    """Give the run (trip, day, start_s) of each vehicle that has one."""
    return {
        vehicle_id: (trip, day, start_s)
        for vehicle_id, trip, day, start_s in zip(
            seen.vehicle_ids,
            seen.trip.tolist(),
            seen.day.tolist(),
            seen.start_s.tolist(),
            strict=True,
        )
        if trip >= 0
    }


def _conflicts(
    engine: Engine,
    timetable: Timetable,
    ids: Sequence[str],
    signs: Sequence[SignOn],
    on: dict[str, tuple[int, int, int]],
) -> list[bool]:
    """Tell for each vehicle whether the engine holds what it says to be wrong."""
    fleet = engine.fleet
    if "sign_conflict_s" in fleet.columns:
        since_s = fleet.floats("sign_conflict_s")
        return [v in fleet.index and bool(since_s[fleet.index[v]] < np.inf) for v in ids]
    trips, found = timetable.trips, []
    for vehicle_id, sign in zip(ids, signs, strict=True):
        trip = on.get(vehicle_id, NO_RUN)[0]
        block = int(trips.block_idx[trip]) if trip >= 0 else -1
        found.append(
            trip >= 0
            and (
                (sign.trip_id is not None and trips.ids[trip] != sign.trip_id)
                or (sign.block_id is not None and timetable.blocks.ids[block] != sign.block_id)
                or (
                    sign.route_id is not None
                    and timetable.routes.ids[trips.route_idx[trip]] != sign.route_id
                )
            )
        )
    return found


def _headways(timetable: Timetable, rehearsal: Rehearsal) -> Floats:
    """Give the planned headway around each run of the rehearsal, inf where it is alone."""
    table = rehearsal.table
    starts: dict[tuple[int, int], list[float]] = {}
    trips = timetable.trips
    first, last = float(table.begin_s.min()), float(table.begin_s.max())
    for run in list_runs(timetable, first - _NEIGHBOURS_S, last + _NEIGHBOURS_S):
        line = int(trips.route_idx[run.trip_idx]), int(trips.direction[run.trip_idx])
        starts.setdefault(line, []).append(run.begin_s)
    sorted_starts = {line: np.sort(values) for line, values in starts.items()}
    found = np.full(len(table.runs), np.inf)
    for row, run in enumerate(table.runs):
        line = int(trips.route_idx[run.trip_idx]), int(trips.direction[run.trip_idx])
        near = sorted_starts[line]
        near = near[np.abs(near - run.begin_s) <= _NEIGHBOURS_S]
        if len(near) > 1:
            found[row] = (near[-1] - near[0]) / (len(near) - 1)
    return found


def _timetable(options: CityOptions) -> Timetable:
    if options.sign_on not in KINDS:
        raise BadInput(f"no such sign-on: {options.sign_on}", code="bad_sign_on")
    if options.gtfs is not None:
        return load_timetable(options.gtfs, "bench")
    day = datetime.fromisoformat(options.at).date()
    built = build_city(CitySize(options.city or CitySize.AKTOBE), 1)
    feed = write_city(
        built,
        agency_id="bench",
        service_dates=default_service_dates(day),
        timezone=built.profile.timezone,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "city.zip"
        path.write_bytes(feed)
        return load_timetable(path, "bench")


def _start_s(timetable: Timetable, at: str) -> float:
    local = datetime.fromisoformat(at)
    day_s = timetable.service_day_start(local.date())
    return day_s + timedelta(hours=local.hour, minutes=local.minute).total_seconds()
