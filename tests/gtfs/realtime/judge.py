"""The gate for feeds: the package gtfs-rt-validator, all rules, over consecutive ticks."""

import datetime as dt
from pathlib import Path

from gtfs_rt_validator.api import Inputs, Mode, PreparedFeed, Request, prepare_feed, validate
from gtfs_rt_validator.results import FAILING_SEVERITY
from gtfs_rt_validator.rules.registry import severity_for
from gtfs_rt_validator.runner.sources import Source

from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES, VEHICLE_POSITIONS, Tick

_ROLES = {
    TRIP_UPDATES: "tu",
    VEHICLE_POSITIONS: "vp",
    ALERTS: "sa",
}


def prepare(gtfs: Path) -> PreparedFeed:
    """Read the static feed once for many runs of the validator."""
    return prepare_feed(gtfs, mode=Mode.MODERN)


def findings(feed: PreparedFeed, ticks: list[Tick]) -> dict[str, list[str]]:
    """Run the validator over ticks in a row; give the messages of each rule that fired."""
    cycles = tuple(
        tuple(
            Source(f"{tick.tick}.{name}", role, None, tick.bodies[name].plain)
            for name, role in _ROLES.items()
        )
        for tick in ticks
    )
    at = dt.datetime.fromtimestamp(ticks[-1].time_s, dt.UTC)
    result = validate(Request(Mode.MODERN, feed, Inputs(cycles, directory_replay=False), at=at))
    assert result.run.messages_validated == 3 * len(ticks)
    assert not result.run.files_skipped
    return {
        rule_id: [occurrence.prefix for occurrence in occurrences]
        for rule_id, occurrences in result.run.notices.grouped().items()
    }


def errors(feed: PreparedFeed, ticks: list[Tick]) -> dict[str, list[str]]:
    """The findings whose severity is error."""
    return {
        rule_id: messages
        for rule_id, messages in findings(feed, ticks).items()
        if severity_for(rule_id) == FAILING_SEVERITY
    }
