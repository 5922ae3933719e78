"""Numbers of bank cards: recognised so that they are never stored. Pure.

A bank card's number (PAN) has 13 to 19 digits of which the last is a check digit (Luhn). A device
must never send one; when one does, the bytes that hold it are withheld from the database and only
their digest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sapar.contract.messages import Tap

PAN_DIGITS_MIN: Final = 13
PAN_DIGITS_MAX: Final = 19

_KNOWN_FIELDS: Final = frozenset(Tap.__struct_fields__)


class _BareTap(Tap, kw_only=True, forbid_unknown_fields=True):
    """A tap with no field that the contract lacks."""


_bare_json = msgspec.json.Decoder(_BareTap).decode
_bare_msgpack = msgspec.msgpack.Decoder(_BareTap).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_SEPARATORS = str.maketrans("", "", " -")
# A run of digits, grouped by single blanks or hyphens or not at all, that is no part of a longer
# word or of a fraction.
_RUN = re.compile(rb"(?<![0-9A-Za-z_.])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z_]|\.[0-9])")


def is_pan_like(text: str) -> bool:
    """Tell whether a text is a Luhn-valid number of 13 to 19 digits, grouped or not."""
    if text.isalnum() and not text.isdigit():  # nearly all: a name without separators
        return False
    digits = text.translate(_SEPARATORS)
    if not (
        PAN_DIGITS_MIN <= len(digits) <= PAN_DIGITS_MAX and digits.isascii() and digits.isdigit()
    ):
        return False
    odd = sum(map(int, digits[-1::-2]))
    return (odd + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def may_hold_pan(payload: bytes) -> bool:
    """Tell whether bytes that could not be read may hold a bank card's number.

    A number of 13 digits that JSON writes bare is a time in milliseconds, and passes.
    """
    for match in _RUN.finditer(payload):
        text = match[0].decode("ascii")
        bare_time = len(text) == PAN_DIGITS_MIN and payload[: match.start()].rstrip()[-1:] == b":"
        if not bare_time and is_pan_like(text):
            return True
    return False


def tap_holds_pan(payload: bytes) -> bool:
    """Tell whether the bytes of a tap hold a bank card's number in a field the contract lacks.

    Unknown fields are ignored, yet they stand in the bytes that are kept as evidence. What cannot
    be looked through counts as holding one.
    """
    try:
        (_bare_msgpack if payload[:1] >= b"\x80" else _bare_json)(payload)
    except _UNREADABLE:
        return _unknown_holds_pan(payload)
    return False  # nearly all: there is no such field


def _unknown_holds_pan(payload: bytes) -> bool:
    module: Any = msgspec.msgpack if payload[:1] >= b"\x80" else msgspec.json
    try:
        record = module.decode(payload)
        unknown = record.keys() - _KNOWN_FIELDS
        return any(
            _value_is_pan(value) for key in unknown for value in (key, *_leaves(record[key]))
        )
    except _UNREADABLE:
        return True


def _value_is_pan(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return is_pan_like(str(value))
    if isinstance(value, bytes):
        return may_hold_pan(value)
    return isinstance(value, str) and may_hold_pan(value.encode())


def _leaves(value: object) -> Iterator[object]:
    """Give every text and number within nested data."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += (*value.keys(), *value.values())
        elif isinstance(value, list):
            waiting += value
        else:
            yield value
