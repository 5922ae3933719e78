"""Content checks of taps; `checks.py` says in which order they run."""

from __future__ import annotations

from operator import attrgetter

from sapar.contract.messages import INTEGER_MAX, Tap
from sapar.contract.pan import is_pan_like
from sapar.contract.texts import TEXT_CHARACTERS_MAX, is_id

AMOUNT_TIYN_MAX = 10**12
RIDERS_MAX = 50
MAC_CHARACTERS_MAX = 128
SIGNATURE_CHARACTERS_MAX = 128
_HEX = frozenset("0123456789abcdef")

_tap_texts = attrgetter(
    "card_ref",
    "trip_id",
    "route_id",
    "block_id",
    "stop_id",
    "driver_id",
    "product_id",
    "rider_category",
    "deny_reason",
    "alg",
)
_tap_amounts = attrgetter("balance_tiyn", "balance_before_tiyn", "nominal_tiyn", "charged_tiyn")
_tap_counts = attrgetter(
    "counter",
    "transfer_of",
    "tariff_version",
    "denylist_version",
    "shift_no",
    "boot_no",
    "uptime_ms",
    "last_sync_age_s",
    "gnss_age_s",
    "key_id",
)
# Texts that are no names of the timetable's; those may be long numbers in some feeds.
_tap_own_texts = attrgetter(
    "card_ref", "driver_id", "product_id", "rider_category", "deny_reason", "alg", "card_mac"
)


def check_pan(tap: Tap, _: object) -> str | None:
    """`pan_like`: a text is a Luhn-valid number of 13 to 19 digits, as on a bank card."""
    for text in _tap_own_texts(tap):
        if text is not None and len(text) >= 13 and is_pan_like(text):
            return "a text looks like the number of a bank card"
    return None


def check_tap_texts(tap: Tap, _: object) -> str | None:
    """`impossible_value`: a text is empty, too long, or has control characters."""
    for text in _tap_texts(tap):
        if text is not None and not is_id(text):
            return f"text {text[:TEXT_CHARACTERS_MAX]!r}"
    for name, text, bound in (
        ("card_mac", tap.card_mac, MAC_CHARACTERS_MAX),
        ("signature", tap.signature, SIGNATURE_CHARACTERS_MAX),
    ):
        if text is not None and not (text.isascii() and text.isprintable() and len(text) <= bound):
            return f"{name} is not of at most {bound} printable characters"
    previous = tap.prev_hash
    if previous is not None and not (len(previous) == 32 and _HEX.issuperset(previous)):
        return "prev_hash is not 32 hexadecimal digits"
    return None


def check_tap_numbers(tap: Tap, _: object) -> str | None:
    """`impossible_value`: riders, a counter, a version or an amount is out of range."""
    if not 1 <= tap.num_riders <= RIDERS_MAX:
        return f"num_riders {tap.num_riders}"
    for amount in _tap_amounts(tap):
        if amount is not None and not 0 <= amount < AMOUNT_TIYN_MAX:
            return f"amount {amount} tiyn"
    for count in _tap_counts(tap):
        if count is not None and not 0 <= count <= INTEGER_MAX:
            return f"number {count}"
    if tap.direction_id not in {None, 0, 1}:
        return f"direction_id {tap.direction_id}"
    return None


def check_tap_position(tap: Tap, _: object) -> str | None:
    """`impossible_value`: latitude or longitude is not on the globe (or not a number)."""
    for value, bound in ((tap.latitude, 90.0), (tap.longitude, 180.0)):
        if value is not None and not -bound <= value <= bound:
            return f"position {tap.latitude}, {tap.longitude}"
    return None
