"""The gate for feeds: the package gtfs-rt-validator over sampled ticks, three feeds together."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path

_ROLES = {"tu": "trip-updates", "vp": "vehicle-positions", "sa": "alerts"}


def validate_samples(gtfs: Path, samples_dir: Path) -> Counter[str]:
    """Count findings of severity error per rule over all samples, replayed in order.

    Args:
        gtfs: the timetable that the feeds speak of.
        samples_dir: one folder a tick, named by its header's Unix second, with the three feeds.
    """
    from gtfs_rt_validator.api import Mode, Request, prepare_feed, validate
    from gtfs_rt_validator.inputs import Inputs
    from gtfs_rt_validator.runner import Source

    cycles = []
    for folder in sorted(samples_dir.iterdir(), key=lambda path: int(path.name)):
        sources = []
        for role, name in _ROLES.items():
            path = folder / f"{name}.pb"
            # A replay is judged at the time of its files: that of the feed, not of this run.
            os.utime(path, (int(folder.name), int(folder.name)))
            sources.append(Source(f"{folder.name}/{path.name}", role, path))
        cycles.append(tuple(sources))
    feed = prepare_feed(gtfs, mode=Mode.MODERN)
    request = Request(
        mode=Mode.MODERN,
        gtfs=feed,
        inputs=Inputs(cycles=tuple(cycles), directory_replay=True),
    )
    result = validate(request)
    with tempfile.TemporaryDirectory() as folder_name:
        reports = result.write(Path(folder_name))
        report = json.loads(reports.report.read_text(encoding="utf-8"))
        failures = json.loads(reports.system_errors.read_text(encoding="utf-8"))
    (samples_dir.parent / "validator-report.json").write_text(json.dumps(report, indent=1))
    errors = Counter(
        {
            notice["code"]: int(notice["totalNotices"])
            for notice in report["notices"]
            if notice["severity"] == "ERROR"
        }
    )
    if failures.get("notices"):
        errors["system_error"] += len(failures["notices"])
    return errors
