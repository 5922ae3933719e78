"""From messages to candidates: what intake takes, refuses and withholds; no services needed."""

import hashlib

import msgspec
import pytest

from sapar.contract.codec import encode
from sapar.contract.seal import canonical_bytes, digest_of_tap
from sapar.contract.topics import device_topic
from sapar.core.clock import ManualClock
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.ticketing.intake import TapBatch, TapIntake
from tests.ticketing.evidence_support import AGENCY, NOW_MS, REGISTRY, A, sealed, tap

TOPIC = device_topic(AGENCY, "val-a", "tap")
PAN = "4111111111111111"


def taken(*payloads: bytes, topic: str = TOPIC, **changes) -> TapBatch:
    """Intake at the tests' moment, one message each."""
    intake = TapIntake(Settings(**changes), ManualClock(NOW_MS / 1000), Metrics())
    batch = TapBatch()
    messages = [Message(topic, payload, n, 1, False) for n, payload in enumerate(payloads)]
    intake.take(messages, REGISTRY, batch)
    return batch


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_each_record_comes_with_its_own_bytes_and_digest(encoding):
    records = [sealed(tap(1)), tap(2), sealed(tap(3), A, "hmac-sha256")]
    batch = taken(encode(records, encoding), encode(records[0], encoding))
    assert [c.tap for c in batch.candidates] == [*records, records[0]]
    assert [c.payload for c in batch.candidates] == [
        encode(record, encoding) for record in (*records, records[0])
    ]
    for one in batch.candidates:
        assert one.canonical == canonical_bytes(AGENCY, "val-a", one.tap)
        assert one.digest == digest_of_tap(AGENCY, "val-a", one.tap)
        assert one.received_ms == NOW_MS
    assert batch.candidates[0].identity == batch.candidates[3].identity
    assert len({one.identity for one in batch.candidates}) == 3


def test_one_bad_record_does_not_spoil_its_batch():
    good, bad = encode(tap(1)), encode(tap(2, num_riders=51))
    batch = taken(b"[" + b",".join([good, bad, b'{"seq":3}', good]) + b"]")
    assert [one.tap.seq for one in batch.candidates] == [1, 1]
    assert [(one.code, one.payload, one.seq) for one in batch.dead] == [
        ("impossible_value", bad, 2),
        ("missing_field", b'{"seq":3}', None),
    ]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"card_ref": PAN}, "pan_like"),
        ({"card_ref": "4111-1111-1111-1111"}, "pan_like"),
        ({"driver_id": PAN}, "pan_like"),
        ({"unknown": {"deep": [PAN]}}, "pan_like"),
        ({"unknown": int(PAN)}, "pan_like"),
        # the first rule that speaks is the one on card numbers, or nothing is quoted
        ({"card_ref": PAN, "num_riders": 0}, "pan_like"),
        ({"medium": PAN}, "decode_error"),
        ({"card_ref": PAN, "epoch": "x"}, "decode_error"),
    ],
)
def test_of_a_bank_cards_number_nothing_is_kept(encoding, changes, code):
    plain = msgspec.to_builtins(tap()) | changes
    payload = (msgspec.json if encoding == "json" else msgspec.msgpack).encode(plain)
    batch = taken(b"[" + payload + b"]" if encoding == "json" else b"\x91" + payload)
    assert batch.candidates == []
    (letter,) = batch.dead
    assert letter.code == code
    assert letter.payload == hashlib.sha256(payload).digest()
    assert letter.name == hashlib.sha256(payload).hexdigest()
    assert "4111" not in repr(letter).replace(letter.name, "")
    assert (letter.seq is not None) == (code == "pan_like")


def test_a_numeric_card_reference_is_withheld_too():
    payload = encode(tap()).replace(b'"f55799', b'4111111111111111,"x":"f55799')
    (letter,) = taken(payload).dead
    assert (letter.code, letter.payload) == ("decode_error", hashlib.sha256(payload).digest())


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (device_topic(AGENCY, "nobody", "tap"), "unknown_device"),
        (device_topic(AGENCY, "val-a", "gps"), "wrong_topic"),
        ("sapar/v1/x/y", "wrong_topic"),
    ],
)
def test_who_may_not_speak_is_evidence(topic, code):
    batch = taken(encode(tap()), topic=topic)
    assert (batch.candidates, [one.code for one in batch.dead]) == ([], [code])


def test_a_message_beyond_the_limit_is_refused_whole():
    (letter,) = taken(encode([tap(seq) for seq in range(9)]), message_bytes_max=200).dead
    assert (letter.code, len(letter.payload)) == ("message_too_large", 200)


def test_a_batch_closes_by_count_whatever_a_message_holds():
    intake = TapIntake(Settings(ticketing_batch_max=250), ManualClock(NOW_MS / 1000), Metrics())
    payload = encode([tap(seq) for seq in range(100)])
    messages = [Message(TOPIC, payload, n, 1, False) for n in range(7)]
    batch = TapBatch()
    assert intake.take(messages, REGISTRY, batch) == 3
    assert (batch.size, len(batch.messages)) == (300, 3)
    assert intake.encodings == {1: "json"}
