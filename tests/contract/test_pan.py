"""Numbers of bank cards are recognised, wherever a device puts them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.contract.messages import Tap
from sapar.contract.pan import is_pan_like, may_hold_pan, tap_holds_pan
from sapar.contract.tap_checks import check_pan

PAN = "4111111111111111"


def luhn_complete(head: list[int]) -> str:
    """The number with these digits and its check digit."""
    for last in range(10):
        text = "".join(map(str, [*head, last]))
        total = sum(
            sum(divmod(int(digit) * (2 if place % 2 else 1), 10))
            for place, digit in enumerate(reversed(text))
        )
        if total % 10 == 0:
            return text
    raise AssertionError


@given(st.lists(st.integers(0, 9), min_size=12, max_size=18), st.integers(1, 9))
def test_a_number_with_its_check_digit_is_one_and_with_another_is_none(head, off):
    number = luhn_complete(head)
    assert is_pan_like(number)
    assert is_pan_like("-".join(number[at : at + 4] for at in range(0, len(number), 4)))
    assert not is_pan_like(f"{number[:-1]}{(int(number[-1]) + off) % 10}")


@pytest.mark.parametrize("text", ["", "411111111111", PAN + "0000", "4111x11111111111", "f" * 64])
def test_what_is_none(text):
    assert not is_pan_like(text)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize(
    "hidden",
    [{"pan": PAN}, {"pan": int(PAN)}, {"a": {"b": [1, f"card {PAN}."]}}, {PAN: 1}, {"x": {PAN: 1}}],
)
def test_unknown_fields_are_looked_through(encode, hidden):
    record = {"epoch": 1, "seq": 1, "time_ms": 1785563941000, "card_ref": "f00d"}
    assert not tap_holds_pan(encode(record))
    assert tap_holds_pan(encode(record | hidden))


def test_what_cannot_be_looked_through_counts_as_one():
    assert tap_holds_pan(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}")


def test_names_of_the_timetable_may_look_like_anything():
    record = {"epoch": 1, "seq": 1, "time_ms": 4111111111111, "card_ref": "f00d", "trip_id": PAN}
    assert not tap_holds_pan(msgspec.json.encode(record))
    assert check_pan(msgspec.convert(record, Tap), None) is None


@pytest.mark.parametrize(
    "field", ["card_ref", "driver_id", "product_id", "rider_category", "deny_reason", "card_mac"]
)
def test_texts_of_a_taps_own_are_checked(field):
    record = {"epoch": 1, "seq": 1, "time_ms": 1, "card_ref": "f00d", field: "4111-1111-1111-1111"}
    detail = check_pan(msgspec.convert(record, Tap), None)
    assert detail is not None
    assert "4111" not in detail


@pytest.mark.parametrize(
    ("payload", "held"),
    [
        (b'{"card_ref":4111111111111111}', True),
        (b'{"card_ref":"4111 1111 1111 1111"', True),
        (b"\x81\xa8card_ref\xb04111111111111111", True),
        (b'{"time_ms": 1785563941008}', False),  # a bare number of 13 digits is a time
        (b'{"latitude":50.4111111111111111}', False),
        (b"f55799f06b5b4111111111111111f", False),
        (b"", False),
    ],
)
def test_bytes_that_could_not_be_read(payload, held):
    assert may_hold_pan(payload) == held
