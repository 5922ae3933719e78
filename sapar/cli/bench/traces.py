"""Hand-labelled traces of single buses of New York, played through the engine.

Each trace is one bus alone, on the timetable that `TRACES.csv` names, twice: with its positions
only, and with the route of the destination sign code that the driver typed (sometimes wrong, or of
a line that the timetable lacks). Labels are `IN_PROGRESS`, `LAYOVER_…`, `DEADHEAD_…` and `AT_BASE`,
with alternatives joined by `+`, each of which is right; see `ACCEPTED`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.phases import PHASES
from sapar.gtfs.timetable import load_timetable
from sapar.gtfs.timetable.model import Timetable

ACCEPTED = {
    "IN_PROGRESS": {"in_progress", "detour"},
    "LAYOVER": {"layover"},
    "DEADHEAD": {"deadhead", "out_of_service"},
    "AT_BASE": {"depot"},
}
"""Phases that are right for a label, by how the label begins.

A bus without work that stands in the street has no label of its own: it is `DEADHEAD` in the
traces. Where the label's status says `deviated`, `off_route` is right for `IN_PROGRESS` too.
"""
FROM_S = 300.0
"""What the engine thought in the first five minutes of a trace is not scored."""

_MPH = 0.44704
_LOOK_AFTER_S = 1.0
_BOROUGHS = {"1": "M", "3": "BX", "4": "B", "6": "S", "7": "X"}
"""First digit of a destination sign code: the letters of the route; two digits number it."""
_VARIANTS = ("no-dsc", "informal-labeled")
"""Traces that are another's once more, by a part of the name."""
_ALONE = "7726-informal-labeled.csv"


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace as it is played; lists are aligned.

    Attributes:
        name: of the file; shifted_days: how far its date was moved, 0 where the feed covers it.
        time_s: Unix seconds; labels: phases by hand, empty where there is none.
        deviated: whether the label has the bus off its line; trips: trip by hand, empty for none.
        signs: destination sign codes as typed.
    """

    name: str
    shifted_days: int
    time_s: Floats
    latitude: Floats
    longitude: Floats
    speed_mps: Floats
    bearing_deg: Floats
    labels: list[str]
    deviated: list[bool]
    trips: list[str]
    signs: list[str]


@dataclass(frozen=True, slots=True)
class Thought:
    """What the engine thought at a fix."""

    phase: str
    trip_id: str
    reason: str
    confidence: float


def bench_traces(folder: Path) -> dict[str, Any]:
    """Play all traces whose timetable is held; give the report of both ways.

    Raises:
        BadInput: the folder has no `TRACES.csv`.
    """
    listing = folder / "TRACES.csv"
    if not listing.exists():
        raise BadInput(f"{folder} has no TRACES.csv", code="bad_traces")
    with listing.open(encoding="utf-8", newline="") as file:
        held = [row for row in csv.DictReader(file) if row["gtfs"]]
    timetables = {
        name: load_timetable(folder / name, "traces") for name in sorted({r["gtfs"] for r in held})
    }
    ways: dict[str, list[dict[str, Any]]] = {"positions": [], "signs": []}
    for row in held:
        timetable = timetables[row["gtfs"]]
        covered = row["gtfs_covers_date"] == "yes"
        trace = read_trace(folder / "traces" / row["file"], timetable, covered=covered)
        for way, rows in ways.items():
            thoughts = play(trace, timetable, signed=way == "signs")
            rows.append(_score(trace, timetable, thoughts))
    return {way: _total(rows) for way, rows in ways.items()}


def read_trace(path: Path, timetable: Timetable, *, covered: bool) -> Trace:
    """Read a trace; columns differ by file.

    Times are local without a zone. Some files give minutes only: their fixes are spread over the
    minute. Of a date that the timetable does not cover, the time of day is kept.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    local = _spread([datetime.fromisoformat(r["timestamp"].split(" l")[0]) for r in rows])
    days = 0 if covered else _shift(timetable, local[0].date())
    zone = timetable.timezone
    time_s = [(at + timedelta(days=days)).replace(tzinfo=zone).timestamp() for at in local]
    speed = _numbers(rows, "speed")
    bearing = _numbers(rows, "direction_deg")
    return Trace(
        path.name,
        days,
        np.array(time_s),
        _numbers(rows, "lat"),
        _numbers(rows, "lon"),
        np.where(speed >= 0, speed * _MPH, np.nan),
        np.where(speed > 0, bearing % 360.0, np.nan),
        [r.get("actual_phase", "") for r in rows],
        ["deviated" in r.get("actual_status", "") for r in rows],
        [r.get("actual_trip_id", "") for r in rows],
        [r.get("dsc", "") for r in rows],
    )


def _numbers(rows: Sequence[dict[str, str]], name: str) -> Floats:
    return np.array([float(row.get(name) or "nan") for row in rows])


def _spread(times: Sequence[datetime]) -> list[datetime]:
    """Spread fixes of one minute over it where a file gives no seconds."""
    if any(at.second for at in times):
        return list(times)
    counts, seen, spread = Counter(times), Counter[datetime](), []
    for at in times:
        spread.append(at + timedelta(seconds=60.0 * seen[at] / counts[at]))
        seen[at] += 1
    return spread


def _shift(timetable: Timetable, day: date) -> int:
    """Days to the date of the feed with the same weekday and the most trips, the first of such."""
    span = timetable.service_span
    if span is None:
        raise BadInput("the timetable has no service", code="no_service")
    dates = [span[0] + timedelta(days=n) for n in range((span[1] - span[0]).days + 1)]
    same = [d for d in dates if d.weekday() == day.weekday()] or dates
    return (max(same, key=lambda d: len(timetable.trips_active(d))) - day).days


def route_of_sign(timetable: Timetable, code: str) -> str | None:
    """Give the route that a destination sign code names, None where it names none of the feed."""
    if len(code) != 4 or code[0] not in _BOROUGHS or not code.isdigit():
        return None
    name = f"{_BOROUGHS[code[0]]}{int(code[1:3])}"
    return next((n for n in (name, f"{name}+") if n in timetable.routes.index), None)


def play(trace: Trace, timetable: Timetable, *, signed: bool) -> list[Thought]:
    """Play a trace; give what the engine thought a second after each fix."""
    engine, thoughts = Engine(timetable), []
    count = len(trace.time_s)
    fixes = FixColumns(
        ["bus"] * count,
        trace.time_s,
        trace.latitude,
        trace.longitude,
        trace.speed_mps,
        trace.bearing_deg,
        [None] * count,
        [route_of_sign(timetable, code) if signed else None for code in trace.signs],
        [None] * count,
    )
    for row, time_s in enumerate(trace.time_s.tolist()):
        now_s = time_s + _LOOK_AFTER_S
        engine.ingest(fixes.take([row]), now_s)
        seen = engine.look(now_s)
        trip = int(seen.trip[0])
        thoughts.append(
            Thought(
                PHASES[int(seen.phase[0])],
                timetable.trips.ids[trip] if trip >= 0 else "",
                str(seen.reasons[0]),
                float(seen.confidence[0]),
            )
        )
    return thoughts


def is_right(label: str, phase: str, *, deviated: bool) -> bool:
    """Tell whether a phase is one of a label's alternatives."""
    for part in label.split("+"):
        for name, phases in ACCEPTED.items():
            if part.startswith(name) and phase in phases:
                return True
            if part.startswith("IN_PROGRESS") and deviated and phase == "off_route":
                return True
    return False


def _score(trace: Trace, timetable: Timetable, thoughts: Sequence[Thought]) -> dict[str, Any]:
    after = trace.time_s >= trace.time_s[0] + FROM_S
    rows = [row for row, label in enumerate(trace.labels) if label and after[row]]
    right = [
        is_right(trace.labels[row], thoughts[row].phase, deviated=trace.deviated[row])
        for row in rows
    ]
    known = [row for row in rows if trace.trips[row] in timetable.trips.index]
    right_trips = [row for row in known if thoughts[row].trip_id == trace.trips[row]]
    zone = timetable.timezone
    wrong = [row for row, good in zip(rows, right, strict=True) if not good]
    missed = [row for row in known if row not in right_trips]
    return {
        "trace": trace.name,
        "shifted_days": trace.shifted_days,
        "fixes": len(trace.time_s),
        "labelled": len(rows),
        "right": sum(right),
        "phase_accuracy": round(sum(right) / len(rows), 4) if rows else None,
        "confusion": Counter((trace.labels[row], thoughts[row].phase) for row in rows),
        "trips_labelled": len(known),
        "trips_right": len(right_trips),
        "phase_misses": list(_stretches(trace, zone, thoughts, wrong)),
        "trip_misses": list(_stretches(trace, zone, thoughts, missed)),
    }


def _stretches(
    trace: Trace, zone: ZoneInfo, thoughts: Sequence[Thought], rows: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Put misses in a row together: what the label says, what the engine thought, and why."""
    last: dict[str, Any] = {}
    before = -2
    for row in rows:
        thought = thoughts[row]
        same = (trace.labels[row], thought.phase, thought.trip_id, trace.trips[row])
        at = datetime.fromtimestamp(trace.time_s[row], zone).strftime("%H:%M:%S")
        if last and last["key"] == same and row == before + 1:
            last.update(until_row=row, fixes=last["fixes"] + 1, reason=thought.reason)
        else:
            if last:
                yield {k: v for k, v in last.items() if k != "key"}
            last = {
                "key": same,
                "row": row,
                "until_row": row,
                "fixes": 1,
                "at": at,
                "label": trace.labels[row],
                "label_trip": trace.trips[row],
                "phase": thought.phase,
                "trip": thought.trip_id,
                "reason": thought.reason,
                "confidence": thought.confidence,
            }
        before = row
    if last:
        yield {k: v for k, v in last.items() if k != "key"}


def _total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    confusion: Counter[tuple[str, str]] = Counter()
    for row in rows:
        confusion.update(row["confusion"])
    own = [r for r in rows if r["trace"] == _ALONE or not any(v in r["trace"] for v in _VARIANTS)]
    return {
        "phase_accuracy": _accuracy(rows, "right", "labelled"),
        "phase_accuracy_without_variants": _accuracy(own, "right", "labelled"),
        "labelled": sum(row["labelled"] for row in rows),
        "trip_accuracy": _accuracy(rows, "trips_right", "trips_labelled"),
        "trips_labelled": sum(row["trips_labelled"] for row in rows),
        "confusion": _table(confusion),
        "traces": [
            {name: value for name, value in row.items() if name != "confusion"} for row in rows
        ],
    }


def _accuracy(rows: Sequence[dict[str, Any]], right: str, among: str) -> float | None:
    total = sum(row[among] for row in rows)
    return round(sum(row[right] for row in rows) / total, 4) if total else None


def _table(confusion: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Give label by label, alternatives as one label, how often each phase was thought."""
    table: dict[str, dict[str, int]] = {}
    for (label, phase), count in sorted(confusion.items()):
        name = "+".join(dict.fromkeys(_short(part) for part in label.split("+")))
        row = table.setdefault(name, {})
        row[phase] = row.get(phase, 0) + count
    return table


def _short(part: str) -> str:
    return next((name for name in ACCEPTED if part.startswith(name)), part)


def readable(report: dict[str, Any]) -> Iterator[str]:
    """Write the report of both ways as lines of text."""
    for way, total in report.items():
        yield f"== {way}: phases {total['phase_accuracy']}, trips {total['trip_accuracy']}"
        for row in total["traces"]:
            yield (
                f"{row['trace']:<48} {row['right']:>4} of {row['labelled']:>4}"
                f"  trips {row['trips_right']} of {row['trips_labelled']}"
            )
        for label, phases in total["confusion"].items():
            counts = ", ".join(f"{phase} {count}" for phase, count in sorted(phases.items()))
            yield f"  {label:<32} {counts}"
        for row in total["traces"]:
            for miss in row["trip_misses"]:
                yield (
                    f"  {row['trace']} {miss['at']} {miss['fixes']} fixes: {miss['label_trip']}"
                    f" taken for {miss['trip'] or 'none'}: {miss['reason']}"
                )
