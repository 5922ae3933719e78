"""Content checks: one pure function a rule, each with a code, a reason and a source.

They depend on the record's content and on the clock's future bound alone, never on what arrived
before, so that any order and any repetition of messages leaves the same rows. Plausibility against
earlier fixes (jumps, staleness) is the live side's business and refuses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from sapar.contract.messages import INTEGER_MAX, Event, Fix, Record, Shift, Status
from sapar.contract.tap_checks import (
    check_pan,
    check_tap_numbers,
    check_tap_position,
    check_tap_texts,
)
from sapar.contract.texts import TEXT_CHARACTERS_MAX, is_id

DATA_DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is not used: a stable code, and what was seen."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Area:
    """A box in degrees that an agency's vehicles stay in; it does not cross the date line."""

    min_latitude: float
    min_longitude: float
    max_latitude: float
    max_longitude: float


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the rules know beside the record.

    Attributes:
        now_ms: the server's transit time in Unix milliseconds.
        area: the agency's area, or None while none is known.
        future_max_ms, past_max_ms: how far ahead or back a device time may lie.
    """

    now_ms: int
    area: Area | None
    future_max_ms: int
    past_max_ms: int


def check_numbers(record: Record, _: CheckContext) -> str | None:
    """`impossible_value`: epoch or seq is negative or beyond 2^53 - 1."""
    if not 0 <= record.epoch <= INTEGER_MAX:
        return f"epoch {record.epoch}"
    if not 0 <= record.seq <= INTEGER_MAX:
        return f"seq {record.seq}"
    return None


def check_clock_absurd(record: Record, context: CheckContext) -> str | None:
    """`clock_absurd`: the device time is older than any record could be; a clock never set."""
    if record.time_ms < context.now_ms - context.past_max_ms:
        return f"time_ms {record.time_ms} is {(context.now_ms - record.time_ms) // 1000} s ago"
    return None


def check_clock_future(record: Record, context: CheckContext) -> str | None:
    """`clock_future`: the device time lies ahead of the server's by more than the bound."""
    if record.time_ms > context.now_ms + context.future_max_ms:
        return f"time_ms {record.time_ms} is {(record.time_ms - context.now_ms) // 1000} s ahead"
    return None


def check_has_fix(fix: Fix, _: CheckContext) -> str | None:
    """`no_fix`: the receiver had no position."""
    if fix.latitude is None or fix.longitude is None:
        return "latitude or longitude is absent"
    return None


def check_position(fix: Fix, _: CheckContext) -> str | None:
    """`impossible_value`: latitude or longitude is not on the globe (or not a number)."""
    lat, lon = fix.latitude, fix.longitude
    if lat is None or lon is None or (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        return None
    return f"position {lat}, {lon}"


def check_null_island(fix: Fix, _: CheckContext) -> str | None:
    """`null_island`: latitude and longitude are both (almost) zero: a receiver without a fix."""
    lat, lon = fix.latitude, fix.longitude
    if lat is not None and lon is not None and -0.001 < lat < 0.001 and -0.001 < lon < 0.001:
        return f"position {lat}, {lon}"
    return None


def check_area(fix: Fix, context: CheckContext) -> str | None:
    """`outside_area`: the position lies outside the agency's area."""
    area, lat, lon = context.area, fix.latitude, fix.longitude
    if area is None or lat is None or lon is None:
        return None
    if (
        area.min_latitude <= lat <= area.max_latitude
        and area.min_longitude <= lon <= area.max_longitude
    ):
        return None
    return f"position {lat}, {lon}"


# Bounds: no road bus is faster than 60 m/s; 10^9 m is more than any bus drives; 200 m of accuracy
# and more is a cell fix that still says something, 100 km says nothing.
_BOUNDS = (
    ("speed_mps", 0.0, 60.0),
    ("bearing_deg", 0.0, 360.0),
    ("odometer_m", 0.0, 1e9),
    ("accuracy_m", 0.0, 1e5),
    ("satellites", 0, 200),
    ("occupancy_count", 0, 1000),
)
_measured = attrgetter(*(field for field, _, _ in _BOUNDS))


def check_values(fix: Fix, _: CheckContext) -> str | None:
    """`impossible_value`: a measured value lies outside what a bus can do (NaN included)."""
    for value, (field, low, high) in zip(_measured(fix), _BOUNDS, strict=True):
        if value is not None and not low <= value <= high:
            return f"{field} {value}"
    return None


def check_texts(record: Fix | Shift, _: CheckContext) -> str | None:
    """`impossible_value`: an id is empty, longer than 64 characters or has control characters."""
    for text in (record.trip_id, record.route_id, record.block_id, record.driver_id):
        if text is not None and not is_id(text):
            return f"id {text[:TEXT_CHARACTERS_MAX]!r}"
    return None


def check_event(event: Event, _: CheckContext) -> str | None:
    """`impossible_value`: the kind is no name, the position not on the globe, the data no JSON."""
    if not (event.kind.isascii() and event.kind.replace("_", "a").isalnum()):
        return f"kind {event.kind[:32]!r}"
    if len(event.kind) > 32:
        return "kind is longer than 32 characters"
    for value, bound in ((event.latitude, 90.0), (event.longitude, 180.0)):
        if value is not None and not (math.isfinite(value) and abs(value) <= bound):
            return f"position {event.latitude}, {event.longitude}"
    return _find_data_fault(event.data)


def _find_data_fault(data: object) -> str | None:
    """Say what keeps nested data from being stored as JSON, or None; layer by layer.

    MessagePack has more than JSON: keys that are no texts, bytes, extension types, NaN.
    """
    layer = [data]
    for _ in range(DATA_DEPTH_MAX):
        inner: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    return "data has a key that is no text"
                inner += (*value.keys(), *value.values())
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str):
                if "\0" in value:
                    return "data holds a NUL character"
            elif isinstance(value, float):
                if not math.isfinite(value):
                    return f"data holds {value}"
            elif not (value is None or isinstance(value, int)):
                return f"data holds a value of type {type(value).__name__}"
        if not inner:
            return None
        layer = inner
    return f"data is nested more than {DATA_DEPTH_MAX} deep"


def check_status(status: Status) -> str | None:
    """`impossible_value`: the firmware's name is not printable, or the voltage is no number."""
    if not (status.firmware or "").isprintable():
        return "firmware is not printable"
    if not math.isfinite(status.battery_v or 0.0):
        return f"battery_v {status.battery_v}"
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its code, the reason in one line, and where the bound comes from."""

    code: str
    reason: str
    source: str
    check: Callable[..., str | None]


_NUMBERS = Rule(
    "impossible_value",
    "a number is out of range",
    "2^53 - 1: exact in every JSON reader",
    check_numbers,
)
_ABSURD = Rule(
    "clock_absurd",
    "device time is too long ago",
    "setting past_clock_max_days",
    check_clock_absurd,
)
_FUTURE = Rule(
    "clock_future",
    "device time lies in the future",
    "setting future_clock_max_s",
    check_clock_future,
)

FIX_RULES: tuple[Rule, ...] = (
    _NUMBERS,
    Rule("no_fix", "the receiver had no position", "contract: Fix", check_has_fix),
    Rule("impossible_value", "position is not on the globe", "WGS84", check_position),
    Rule(
        "null_island",
        "position is 0, 0",
        "the value that receivers report before their first fix",
        check_null_island,
    ),
    _ABSURD,
    _FUTURE,
    Rule(
        "outside_area",
        "position is outside the agency's area",
        "the timetable's bounding box and a margin",
        check_area,
    ),
    Rule("impossible_value", "a measured value is impossible", "contract: Fix", check_values),
    Rule(
        "impossible_value", "an id is malformed", "contract: 64 printable characters", check_texts
    ),
)
"""Rules for `gps`, in order; the first that speaks decides."""

EVENT_RULES: tuple[Rule, ...] = (
    _NUMBERS,
    _ABSURD,
    _FUTURE,
    Rule("impossible_value", "an event's field is malformed", "contract: Event", check_event),
)
"""Rules for `event`."""

SHIFT_RULES: tuple[Rule, ...] = (
    _NUMBERS,
    _ABSURD,
    _FUTURE,
    Rule(
        "impossible_value", "an id is malformed", "contract: 64 printable characters", check_texts
    ),
)
"""Rules for `shift`."""

TAP_RULES: tuple[Rule, ...] = (
    # before all others: no detail of theirs may quote the number
    Rule(
        "pan_like",
        "a text looks like the number of a bank card",
        "PCI DSS 3: no such number may be stored; Luhn (ISO/IEC 7812-1)",
        check_pan,
    ),
    _NUMBERS,
    _ABSURD,
    _FUTURE,
    Rule(
        "impossible_value", "a text is malformed", "contract: printable characters", check_tap_texts
    ),
    Rule("impossible_value", "a number is out of range", "contract: Tap", check_tap_numbers),
    Rule("impossible_value", "position is not on the globe", "WGS84", check_tap_position),
)
"""Rules for `tap`. A place outside the agency's area refuses none: money has left a card."""

WITHHELD_CODES: frozenset[str] = frozenset({"pan_like"})
"""Refusals whose bytes must not be stored: only their digest is kept."""

MESSAGE_CODES: dict[str, str] = {
    "decode_error": "the bytes are neither JSON nor MessagePack of this contract",
    "missing_field": "a required field is absent",
    "batch_too_long": "a message holds more than 1,000 records",
    "message_too_large": "a message is larger than the limit",
    "unknown_device": "no such device is registered",
    "revoked_device": "the device was revoked",
    "wrong_topic": "the topic is not one of this contract",
    "database_refused": "the database refused the record although every check passed",
    "server_fault": "a fault of the server kept the record from being used",
}
"""Codes that concern the whole message, beside those of the rules."""

SEAL_CODES: dict[str, str] = {
    "unsigned": "the tap has no complete seal: `alg`, `key_id` or `signature` is absent",
    "unknown_key": "the device has no key of this number",
    "wrong_algorithm": "the key is registered for another algorithm",
    "key_not_valid": "the tap is older than the key",
    "revoked_key": "the tap is not older than the key's revocation",
    "bad_signature": "the seal is not that of these bytes under this key",
}
"""Why a tap's seal does not count. Such a tap is held: kept, acknowledged, looked at by a person,
and never dropped, for money may have left a card."""

RULES_BY_KIND: dict[str, tuple[Rule, ...]] = {
    "gps": FIX_RULES,
    "event": EVENT_RULES,
    "shift": SHIFT_RULES,
    "tap": TAP_RULES,
}


def find_refusal(record: Record, rules: tuple[Rule, ...], context: CheckContext) -> Refusal | None:
    """Run the rules in order; give the first refusal, or None when the record is good."""
    for rule in rules:
        detail = rule.check(record, context)
        if detail is not None:
            return Refusal(rule.code, detail)
    return None
