"""Topic names, built and parsed; the version of the contract is part of each.

Up: `sapar/v1/{agency}/d/{device}/{gps|tap|event|shift|status}`; down: `…/{ack|cmd|config}`; per
agency: `sapar/v1/{agency}/all/{denylist|denylist-delta|tariff}`. Topics under `sapar/internal/`
never leave our own parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ROOT = "sapar/v1"
INTERNAL_ROOT = "sapar/internal"

UpKind = Literal["gps", "tap", "event", "shift", "status"]
DownKind = Literal["ack", "cmd", "config"]
AgencyKind = Literal["denylist", "denylist-delta", "tariff"]

UP_KINDS: tuple[UpKind, ...] = ("gps", "tap", "event", "shift", "status")
DOWN_KINDS: tuple[DownKind, ...] = ("ack", "cmd", "config")
AGENCY_KINDS: tuple[AgencyKind, ...] = ("denylist", "denylist-delta", "tariff")

AGENCY_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
DEVICE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_UP = re.compile(
    rf"sapar/v1/(?P<agency>{AGENCY_PATTERN})/d/(?P<device>{DEVICE_PATTERN})/"
    r"(?P<kind>gps|tap|event|shift|status)"
)


@dataclass(frozen=True, slots=True)
class UpTopic:
    """Who speaks, and of what."""

    agency_id: str
    device_id: str
    kind: UpKind


def device_topic(agency_id: str, device_id: str, kind: UpKind | DownKind) -> str:
    """Name the topic of one device."""
    return f"{ROOT}/{agency_id}/d/{device_id}/{kind}"


def agency_topic(agency_id: str, kind: AgencyKind) -> str:
    """Name the retained topic that all devices of an agency read."""
    return f"{ROOT}/{agency_id}/all/{kind}"


def up_filter(kind: UpKind, agency_id: str = "+") -> str:
    """Name the topic filter for one kind of upward message, of one agency or of all."""
    return f"{ROOT}/{agency_id}/d/+/{kind}"


def tick_topic(agency_id: str) -> str:
    """Name the internal, retained topic on which an engine publishes its ticks."""
    return f"{INTERNAL_ROOT}/{agency_id}/tick"


def find_up_topic(topic: str) -> UpTopic | None:
    """Parse the topic of an upward message; None when it has not this contract's form."""
    match = _UP.fullmatch(topic)
    if match is None:
        return None
    return UpTopic(match["agency"], match["device"], match["kind"])  # type: ignore[arg-type]


def username(agency_id: str, device_id: str) -> str:
    """Name the broker's user of a device: unique over all agencies, without `/`, `+` and `#`."""
    return f"{agency_id}.{device_id}"
