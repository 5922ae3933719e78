"""What came of a demo: what was published against what is stored, and how soon it was seen."""

from __future__ import annotations

import csv
import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sapar.cli.demo.observer import Observed
from sapar.core.clock import ScaledClock
from sapar.core.db import connect

_TABLES = {"gps": "fix", "event": "event", "shift": "shift"}
# A tap that is held as it was planted counts as rejected, though it is stored like any other.
# Nobody plants the window against double debits: who rides twice in it is a matter of chance.
_TAPS = (
    "SELECT agency_id, device_id, epoch, seq, count(*) FROM tap JOIN device USING (device_no)"
    " WHERE (status <> 'held' OR code = 'double_debit') AND received_at >= %s GROUP BY 1, 2, 3, 4"
)
_REJECTED = (
    "SELECT code, sum(count)::bigint FROM ("
    " SELECT code, count(*) FROM dead_letter GROUP BY 1 UNION ALL SELECT code, count(*) FROM tap"
    " WHERE status = 'held' AND code <> 'double_debit' GROUP BY 1) AS either GROUP BY 1"
)
_SETTLED_S = 8.0  # fixes of the last seconds have not had their tick yet

Identity = tuple[str, str, str, int, int]
"""agency, device, kind, epoch, seq"""


def compare_stored(conninfo: str, truth_dirs: Sequence[Path], begun: datetime) -> dict[str, Any]:
    """Compare what simulators published with what the database holds since they begun, as sets.

    Two contents under one number count as two. `rejected_as_planted` says that every code was
    given exactly as often as the simulators expected.
    """
    published, planted = _published(truth_dirs)
    stored: Counter[Identity] = Counter()
    rejected: Counter[str] = Counter()
    with connect(conninfo) as connection:
        for kind, table in _TABLES.items():
            rows = connection.execute(
                f"SELECT agency_id, device_id, epoch, seq, count(*) FROM {table}"  # noqa: S608
                " JOIN device USING (device_no) WHERE received_at >= %s GROUP BY 1, 2, 3, 4",
                (begun,),
            )
            for agency_id, device_id, epoch, seq, count in rows:
                stored[agency_id, device_id, kind, epoch, seq] = count
        for row in connection.execute(_TAPS, (begun,)):
            stored[row[0], row[1], "tap", row[2], row[3]] = row[4]
        for code, count in connection.execute(_REJECTED):
            rejected[code] = count
    return {
        "published": published.total(),
        "stored": stored.total(),
        "lost": (published - stored).total(),
        "duplicates": (stored - published).total(),
        "rejected": dict(sorted(rejected.items())),
        "rejected_as_planted": rejected == planted,
        "planted": dict(sorted(planted.items())),
    }


def _published(truth_dirs: Sequence[Path]) -> tuple[Counter[Identity], Counter[str]]:
    """Read what was published: good records by identity, planted refusals by code."""
    good: Counter[Identity] = Counter()
    planted: Counter[str] = Counter()
    for row in _rows(truth_dirs):
        if row["expected"] == "stored":
            good[
                row["agency_id"], row["device_id"], row["kind"], int(row["epoch"]), int(row["seq"])
            ] += 1
        else:
            planted[row["expected"]] += 1
    return good, planted


def _rows(truth_dirs: Sequence[Path]) -> Iterable[dict[str, str]]:
    for folder in truth_dirs:
        path = folder / "published.csv"
        if path.is_file():  # an early interrupt: the simulator had not begun
            with path.open(encoding="utf-8", newline="") as handle:
                yield from csv.DictReader(handle)


def in_service(truth_dir: Path) -> set[str]:
    """Give the vehicles in service by the simulator's last word on it; none before its first."""
    if not (truth_dir / "summary.json").is_file():
        return set()
    summary = json.loads((truth_dir / "summary.json").read_text(encoding="utf-8"))
    return set(summary["in_service"])


def publish_to_feed_s(
    truth_dir: Path, observed: Observed, until_wall_s: float, clock: ScaledClock
) -> tuple[list[float], int]:
    """Give wall seconds from publishing to the feed, for fixes that were their vehicle's newest.

    A fix has arrived once the feed shows it or a newer one of its vehicle. A device clock that runs
    ahead is held at the server's, so such a fix is known by the time it was published. Each fix is
    listed with its latency in `latency.csv` beside the truth.

    Returns:
        (latencies, fixes that never appeared).
    """
    latencies: list[float] = []
    unseen = 0
    lines = ["vehicle_id,time_ms,wall_s,fault,latency_s"]
    for row in _rows([truth_dir]):
        wall_s = float(row["wall_s"])
        if row["live"] != "1" or wall_s > until_wall_s - _SETTLED_S:
            continue
        sightings = observed.sightings.get(row["vehicle_id"], [])
        shown_as_s = min(int(row["time_ms"]) / 1000, clock.time_at(wall_s))
        first = _first_sighting_s(sightings, int(shown_as_s))
        shown = ""
        if first is None:
            unseen += 1
        else:
            latencies.append(max(0.0, first - wall_s))
            shown = f"{latencies[-1]:.3f}"
        lines.append(f"{row['vehicle_id']},{row['time_ms']},{wall_s},{row['fault']},{shown}")
    truth_dir.mkdir(parents=True, exist_ok=True)
    (truth_dir / "latency.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return latencies, unseen


def _first_sighting_s(sightings: Sequence[tuple[int, float]], time_s: int) -> float | None:
    """When a fix of `time_s` or newer was first seen; fix times of a vehicle never go back."""
    at = bisect_left(sightings, (time_s, -math.inf))
    return sightings[at][1] if at < len(sightings) else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the value that `share` of all values do not exceed; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 3)
