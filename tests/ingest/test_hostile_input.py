"""What a broken or hostile device can send never stops the line, nor makes it slow or large."""

import asyncio
import struct
import time

import msgspec
import pytest

from sapar.contract.codec import encode
from sapar.contract.messages import Event, Fix
from sapar.contract.topics import device_topic
from sapar.core.clock import ManualClock
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import AgencyEntry, DeviceEntry, Registry
from sapar.ingest.intake import Batch, Intake
from tests.ingest.support import AGENCY, add_devices, device, fix, next_ack, rows, worker

GPS = device_topic(AGENCY, "a", "gps")
EVENT = device_topic(AGENCY, "a", "event")
STATUS = device_topic(AGENCY, "a", "status")
PACK = msgspec.msgpack.encode
NAN = b"\xcb" + struct.pack(">d", float("nan"))


def event_with(data: bytes) -> bytes:
    """Make a MessagePack event whose `data` has the bytes of one value, whatever they are."""
    plain = PACK(Event(epoch=1, seq=1, time_ms=fix(1).time_ms, kind="x"))
    return bytes([plain[0] + 1]) + plain[1:] + PACK("data") + b"\x81" + PACK("a") + data


def nested(depth: int) -> bytes:
    head = b'{"epoch":1,"seq":1,"time_ms":%d,"kind":"x","data":{"a":' % fix(1).time_ms
    return head + b"[" * depth + b"]" * depth + b"}}"


DATA = {
    "extension type": event_with(b"\xd4\x05\x01"),
    "time stamp": event_with(b"\xd6\xff\x00\x00\x00\x01"),
    "bytes": event_with(b"\xc4\x01\xff"),
    "not a number": event_with(NAN),
    "number as key": event_with(b"\x81\x01\x01"),
    "keys of two types": event_with(b"\x82\x01\x01\xa1b\x01"),
    "nothing as key": event_with(b"\x81\xc0\x01"),
    "array as key": event_with(b"\x81\x91\x01\x01"),
    "33 deep": nested(32),
    "600 deep": nested(600),
    "900 deep": nested(900),
    "NUL": event_with(PACK("\0")),
    "NUL in a key": event_with(PACK({"a": {"\0": 1}})),
}


async def goes_on(bus, pool):
    """Prove that the worker still works (nothing starts it anew here): it stores the next fix."""
    await bus.publish(GPS, msgspec.json.encode(fix(77)), qos=1)
    while True:
        ack = await next_ack(bus)
        if ack.kind == "gps" and ack.stored:
            break
    assert ack.stored[0].ranges == [(77, 77)]
    assert await rows(pool, "SELECT seq FROM fix") == [(77,)]


@pytest.mark.parametrize("payload", DATA.values(), ids=DATA.keys())
async def test_event_data_that_json_cannot_hold_is_refused(settings, pool, payload):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(EVENT, payload, qos=1)
        message = (await bus.next()).payload
        ack = (msgspec.json if message[:1] == b"{" else msgspec.msgpack).decode(message)
        assert [(r["seq"], r["code"]) for r in ack["refused"]] == [(1, "impossible_value")]
        await goes_on(bus, pool)
    assert await rows(pool, "SELECT code, payload FROM dead_letter") == [
        ("impossible_value", payload)
    ]


async def test_event_data_as_deep_as_allowed_is_stored(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(EVENT, nested(31), qos=1)
        assert (await next_ack(bus)).stored[0].ranges == [(1, 1)]
    assert len(await rows(pool, "SELECT data FROM event")) == 1


STATUSES = {
    "nested beyond the stack": (b'{"online":true,"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "decode_error"),
    "not a number": (b"\x82" + PACK("online") + b"\xc3" + PACK("battery_v") + NAN, "impossible_value"),
    "empty": (b"", "decode_error"),
    "a batch": (b"[]", "decode_error"),
    "a huge number": (b'{"online":true,"backlog":' + b"9" * 5000 + b"}", "decode_error"),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "code"), STATUSES.values(), ids=STATUSES.keys())
async def test_a_status_that_cannot_be_kept_is_evidence(settings, pool, payload, code):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(STATUS, payload, qos=1)
        await goes_on(bus, pool)
    assert await rows(pool, "SELECT code, payload FROM dead_letter") == [(code, payload)]


async def test_a_status_that_the_database_refuses_is_evidence_and_spoils_no_other(settings, pool):
    await add_devices(pool, AGENCY, ["a", "b", "c"])
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE device_status ADD CHECK (status->>'firmware' <> 'x')")
    own = settings.model_copy(update={"ingest_batch_age_ms": 200})
    async with worker(own), device(settings, "a") as bus:
        for name, firmware in (("a", "1"), ("b", "x"), ("c", "2")):
            payload = b'{"online":true,"firmware":"%s"}' % firmware.encode()
            await bus.publish(device_topic(AGENCY, name, "status"), payload, qos=1)
        await goes_on(bus, pool)
    kept = await rows(
        pool, "SELECT device_id FROM device_status JOIN device USING (device_no) ORDER BY 1"
    )
    assert kept == [("a",), ("c",)]
    assert await rows(pool, "SELECT code, device_id, payload FROM dead_letter") == [
        ("database_refused", "b", b'{"online":true,"firmware":"x"}')
    ]


async def test_numbers_that_no_acknowledgement_can_carry_are_named_by_digest(settings, pool):
    """MessagePack ends at 64 bits, JSON does not: the device speaks both."""
    await add_devices(pool, AGENCY, ["a"])
    huge = b'{"epoch":%d,"seq":1,"time_ms":%d}' % (2**70, fix(1).time_ms)
    own = settings.model_copy(update={"ingest_batch_age_ms": 200})
    async with worker(own), device(settings, "a") as bus:
        await bus.publish_many([(GPS, huge), (GPS, PACK([fix(1)]))])
        found = msgspec.msgpack.decode((await bus.next()).payload)
    assert found["stored"] == [{"epoch": 1, "ranges": [[1, 1]]}]
    assert [entry["code"] for entry in found["undecodable"]] == ["impossible_value"]


async def test_white_space_before_a_record_is_json_too(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        for before in (b"\n", b" \t\r\n"):
            await bus.publish(
                GPS, before + encode(fix(1, time_ms=1_000 * (fix(1).time_ms // 1000))), qos=1
            )
            assert (await next_ack(bus)).stored[0].ranges == [(1, 1)]


async def test_an_empty_batch_is_nothing(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish_many([(GPS, b"[]"), (GPS, b"\x90"), (EVENT, b"[]")])
        await goes_on(bus, pool)
    assert await rows(pool, "SELECT count(*) FROM dead_letter") == [(0,)]


def intake_with(now_s: float, **changes) -> tuple[Intake, Registry]:
    clock = ManualClock(now_s)
    registry = Registry.of(
        [AgencyEntry(AGENCY, AGENCY, "Asia/Aqtobe")], [DeviceEntry(1, AGENCY, "a")]
    )
    return Intake(Settings(**changes), clock, Metrics()), registry


def test_a_batch_closes_by_count_whatever_a_message_holds():
    now_ms = fix(1).time_ms
    payload = encode([fix(seq, time_ms=now_ms) for seq in range(100)])
    messages = [Message(GPS, payload, n, 1, False) for n in range(50)]
    intake, registry = intake_with(now_ms / 1000, ingest_batch_max=250)
    sizes, at = [], 0
    while at < len(messages):
        batch = Batch()
        at += intake.take(messages[at:], registry, batch)
        sizes.append(len(batch.rows["gps"]))
        assert [m.packet_id for m in batch.messages] == list(range(at - len(batch.messages), at))
    assert sizes == [300] * 16 + [200]


def taken(records: list[Fix], now_ms: int) -> tuple[Batch, float]:
    """Take a message of these records in four times; give the batch and the CPU time spent."""
    payload = encode(records)
    intake, registry = intake_with(now_ms / 1000)
    batch = Batch()
    started_s = time.process_time()
    intake.take([Message(GPS, payload, n, 1, False) for n in range(4)], registry, batch)
    return batch, time.process_time() - started_s


def test_a_thousand_refusals_in_one_message_take_no_longer_than_a_thousand_records():
    now_ms = fix(1).time_ms
    good = [fix(n, time_ms=now_ms, trip_id="x" * 64) for n in range(1000)]
    bad = [msgspec.structs.replace(one, latitude=0.0, longitude=0.0) for one in good]
    good_s, bad_s = [], []
    for _ in range(3):  # the least of each: what else the machine does only adds
        batch, spent_s = taken(good, now_ms)
        assert not batch.dead
        good_s.append(spent_s)
        batch, spent_s = taken(bad, now_ms)
        assert len(batch.dead) == 4000
        bad_s.append(spent_s)
    assert encode(bad[7]) == batch.dead[7].payload
    # about as long; were the message taken apart for each, it would be thirty times
    assert min(bad_s) < 6 * min(good_s), "each refusal takes the whole message apart"


async def test_a_side_job_that_the_database_refuses_does_not_end_the_worker(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE vehicle_latest ADD CHECK (latitude < 50.5)")
    own = settings.model_copy(update={"latest_interval_s": 0.05})
    async with worker(own), device(settings, "a") as bus:
        await bus.publish(GPS, encode(fix(1, latitude=50.6)), qos=1)
        await next_ack(bus)
        await asyncio.sleep(0.2)
        await bus.publish(GPS, encode(fix(77, latitude=50.4)), qos=1)
        assert (await next_ack(bus)).stored[0].ranges == [(77, 77)]
        async with asyncio.timeout(30):
            while await rows(pool, "SELECT latitude FROM vehicle_latest") != [(50.4,)]:
                await asyncio.sleep(0.05)
