"""The seal of a tap: bytes that mean one record only, and the examples of docs/wire-contract.md."""

import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.contract import seal
from sapar.contract.codec import decoder_for, encode
from sapar.contract.messages import Tap
from sapar.contract.seal import (
    SEALED_FIELDS,
    canonical_bytes,
    decode_seal,
    digest,
    digest_of_tap,
    encode_seal,
    public_key_of,
    seal_tap,
)

SEED = bytes(range(32))

NAMES = ("aktobe", "v-1042")
EXAMPLES = Path(seal.__file__).with_name("examples") / "tap" / "good"

# Devices in the field have sealed in this order: it may grow at its end and never change.
FIRST_RELEASE = [
    "epoch",
    "seq",
    "time_ms",
    "card_ref",
    "medium",
    "num_riders",
    "outcome",
    "alg",
    "key_id",
    "prev_hash",
    "counter",
    "balance_before_tiyn",
    "balance_tiyn",
    "nominal_tiyn",
    "charged_tiyn",
    "product_id",
    "rider_category",
    "transfer_of",
    "deny_reason",
    "tariff_version",
    "denylist_version",
    "route_id",
    "trip_id",
    "direction_id",
    "block_id",
    "stop_id",
    "latitude",
    "longitude",
    "gnss_age_s",
    "driver_id",
    "shift_no",
    "boot_no",
    "uptime_ms",
    "clock_src",
    "last_sync_age_s",
    "card_mac",
]


def read(payload: bytes) -> Tap:
    """The only record of a message."""
    (one,) = decoder_for("tap").decode(payload)
    assert isinstance(one, Tap)
    return one


texts = st.text(max_size=8)
numbers = st.integers(0, 2**53 - 1)
taps = st.builds(
    Tap,
    epoch=numbers,
    seq=numbers,
    time_ms=numbers,
    card_ref=texts,
    num_riders=st.integers(1, 50),
    counter=st.none() | numbers,
    balance_tiyn=st.none() | numbers,
    latitude=st.none() | st.floats(-90, 90),
    trip_id=st.none() | texts,
    route_id=st.none() | texts,
    outcome=st.sampled_from(["allow", "deny"]),
    deny_reason=st.none() | texts,
    card_mac=st.none() | texts,
)


def test_every_field_but_the_seal_is_sealed_in_an_order_that_stands():
    assert list(SEALED_FIELDS[: len(FIRST_RELEASE)]) == FIRST_RELEASE
    assert set(SEALED_FIELDS) == set(Tap.__struct_fields__) - {"signature"}
    assert len(set(SEALED_FIELDS)) == len(SEALED_FIELDS)


@given(taps, taps, texts, texts)
def test_other_records_or_senders_have_other_bytes(one, other, agency, device):
    same = one == other
    assert (canonical_bytes("a", "b", one) == canonical_bytes("a", "b", other)) == same
    assert (canonical_bytes(agency, device, one) == canonical_bytes("a", "b", one)) == (
        (agency, device) == ("a", "b")
    )


@given(taps)
def test_either_encoding_has_the_same_bytes(one):
    found = {
        canonical_bytes(*NAMES, read(encode(one, encoding))) for encoding in ("json", "msgpack")
    }
    assert found == {canonical_bytes(*NAMES, one)}


@given(taps)
def test_the_bytes_are_an_array_cut_at_its_last_value(one):
    values = msgspec.msgpack.decode(canonical_bytes(*NAMES, one))
    expected = ["sapar-tap-1", *NAMES, *(getattr(one, name) for name in SEALED_FIELDS)]
    assert values[-1] is not None
    assert values == expected[: len(values)]
    assert all(value is None for value in expected[len(values) :])


def test_the_seals_text_belongs_to_the_digest_and_not_to_the_bytes():
    bare = Tap(epoch=1, seq=1, time_ms=1, card_ref="c", alg="ed25519", key_id=1)
    whole = seal_tap(*NAMES, bare, algorithm="ed25519", key_id=1, key=SEED)
    assert canonical_bytes(*NAMES, whole) == canonical_bytes(*NAMES, bare)
    assert digest_of_tap(*NAMES, whole) != digest_of_tap(*NAMES, bare)
    assert digest(b"x") == hashlib.sha256(b"x").digest()[:16]


@given(st.binary(max_size=70))
def test_a_seal_has_one_spelling(value):
    text = encode_seal(value)
    assert decode_seal(text) == value
    for other in (text + "=", text + "A", " " + text, text.replace("A", "+"), text + "\n"):
        assert other == text or decode_seal(other) != value


@pytest.mark.parametrize("text", ["ä", "====", "A", "-_-", "AB=C", "\ud800"])
def test_what_no_encoder_writes_is_no_seal(text):
    assert decode_seal(text) is None or encode_seal(decode_seal(text) or b"") == text


@pytest.fixture(scope="session")
def page(repository: Path) -> str:
    return (repository / "docs/wire-contract.md").read_text(encoding="utf-8")


def blocks(page: str, name: str) -> list[str]:
    """Hexadecimal blocks of the worked example, without their white space."""
    section = page.partition("### The seal")[2].partition("\n## ")[0]
    found = re.findall(rf"^```{name}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return ["".join(block.split()) for block in found]


def test_the_worked_example_is_what_the_code_does(page):
    section = page.partition("### The seal")[2].partition("\n## ")[0]
    (record,) = [read(b.encode()) for b in blocks(page, "json")]
    (canonical,) = blocks(page, "hex")
    assert canonical_bytes(*NAMES, record).hex() == canonical
    assert record == seal_tap(*NAMES, record, algorithm="ed25519", key_id=1, key=SEED)
    for shown in (SEED, public_key_of(SEED), digest_of_tap(*NAMES, record)):
        assert f"`{shown.hex()}`" in section
    for name in SEALED_FIELDS:
        assert f"`{name}`" in section


def test_the_table_of_the_page_has_the_order_of_the_code(page):
    section = page.partition("### The seal")[2].partition("\n## ")[0]
    order = section.partition("in this order:")[2].partition(".\n")[0]
    assert tuple(re.findall(r"`([a-z_]+)`", order)) == SEALED_FIELDS


def test_the_examples_seals_are_good():
    one = read((EXAMPLES / "005.sealed.json").read_bytes())
    assert one == seal_tap(*NAMES, one, algorithm="ed25519", key_id=1, key=SEED)
    text = (EXAMPLES / "006.sealed_weak_reader.msgpack.hex").read_text(encoding="ascii")
    other = read(bytes.fromhex(text))
    assert other.alg == "hmac-sha256"
    assert other.prev_hash == digest_of_tap(*NAMES, one).hex()
