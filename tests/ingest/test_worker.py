"""A worker against a real broker and a real database: stored once, acknowledged after the commit."""

import asyncio
import hashlib

import msgspec
import pytest

from sapar.contract.messages import Event, Shift
from sapar.contract.topics import device_topic
from tests.ingest.support import AGENCY, add_devices, device, fix, next_ack, rows, worker

GPS = device_topic(AGENCY, "a", "gps")


async def test_a_fix_is_stored_and_then_acknowledged(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        sent = fix(7, speed_mps=8.5, trip_id="None", doors_open=True, driver_id="д\\1")
        await bus.publish(GPS, msgspec.json.encode(sent), qos=1)
        ack = await next_ack(bus)
        stored = await rows(
            pool,
            "SELECT epoch, seq, extract(epoch FROM time) * 1000, latitude, speed_mps, trip_id,"
            " route_id, doors_open, driver_id FROM fix",
        )
    assert ack.kind == "gps"
    assert [(s.epoch, s.ranges) for s in ack.stored] == [(1, [(7, 7)])]
    assert stored == [(1, 7, sent.time_ms, 50.28, 8.5, "None", None, True, "д\\1")]


async def test_a_batch_is_acknowledged_as_ranges(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        batch = [fix(seq) for seq in (1, 2, 3, 9, 10)]
        await bus.publish(GPS, msgspec.json.encode(batch), qos=1)
        ack = await next_ack(bus)
    assert ack.stored[0].ranges == [(1, 3), (9, 10)]


async def test_the_device_is_answered_in_its_own_encoding(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(GPS, msgspec.msgpack.encode([fix(1)]), qos=1)
        message = await bus.next()
    assert msgspec.msgpack.decode(message.payload)["stored"] == [{"epoch": 1, "ranges": [[1, 1]]}]


async def test_a_repeat_is_acknowledged_again_and_stored_once(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    sent = msgspec.json.encode(fix(1))
    async with worker(settings) as metrics, device(settings, "a") as bus:
        for _ in range(2):
            await bus.publish(GPS, sent, qos=1)
            assert (await next_ack(bus)).stored[0].ranges == [(1, 1)]
        assert await rows(pool, "SELECT count(*) FROM fix") == [(1,)]
    assert metrics.registry.get_sample_value("sapar_ingest_repeats_total", {"kind": "gps"}) == 1


async def test_one_identity_with_two_contents_keeps_both_and_opens_a_conflict(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    first = fix(1)
    second = msgspec.structs.replace(first, latitude=50.5)
    third = msgspec.structs.replace(first, time_ms=first.time_ms - 86_400_000)
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(GPS, msgspec.json.encode([first, second, third]), qos=1)
        await next_ack(bus)
    assert await rows(pool, "SELECT count(*) FROM fix") == [(3,)]
    assert await rows(pool, "SELECT epoch, seq, versions FROM fix_conflict") == [(1, 1, 3)]


REFUSED = [
    ("null_island", {"latitude": 0.0, "longitude": 0.0}),
    ("no_fix", {"latitude": None}),
    ("outside_area", {"latitude": 43.2, "longitude": 76.9}),
    ("impossible_value", {"speed_mps": 400.0}),
    ("clock_future", {"time_ms": 4_000_000_000_000}),
    ("clock_absurd", {"time_ms": 315_964_800_000}),
]


@pytest.mark.parametrize(("code", "changes"), REFUSED, ids=[code for code, _ in REFUSED])
async def test_a_refused_record_is_kept_with_its_code_and_acknowledged(
    settings, pool, code, changes
):
    await add_devices(pool, AGENCY, ["a"])
    sent = msgspec.json.encode(fix(5, **changes))
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(GPS, sent, qos=1)
        await bus.publish(GPS, sent, qos=1)
        ack = await next_ack(bus)
        assert [(r.epoch, r.seq, r.code) for r in ack.refused][:1] == [(1, 5, code)]
        if len(ack.refused) == 1:
            await next_ack(bus)
    letters = await rows(pool, "SELECT code, payload, agency_id, device_id, times FROM dead_letter")
    assert letters == [(code, sent, AGENCY, "a", 2)]
    assert await rows(pool, "SELECT count(*) FROM fix") == [(0,)]


async def test_undecodable_bytes_are_named_by_their_digest(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(GPS, b"\x01 no record", qos=1)
        ack = await next_ack(bus)
    assert [(u.digest, u.code) for u in ack.undecodable] == [
        (hashlib.sha256(b"\x01 no record").hexdigest(), "decode_error")
    ]


async def test_one_bad_record_does_not_spoil_its_batch(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    good, bad = msgspec.json.encode(fix(1)), b'{"epoch":1,"seq":"two"}'
    far = msgspec.json.encode(fix(3, latitude=0.0, longitude=10.0))
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(GPS, b"[" + b",".join([good, bad, far]) + b"]", qos=1)
        ack = await next_ack(bus)
    assert ack.stored[0].ranges == [(1, 1)]
    assert [(r.seq, r.code) for r in ack.refused] == [(3, "outside_area")]
    assert [u.digest for u in ack.undecodable] == [hashlib.sha256(bad).hexdigest()]
    letters = await rows(pool, "SELECT payload FROM dead_letter ORDER BY code")
    assert letters == [(bad,), (far,)]


async def test_what_the_database_refuses_is_bisected_out(settings, pool):
    """The checks let no NUL pass; a rule that the database alone has stands in for the unknown."""
    await add_devices(pool, AGENCY, ["a"])
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE fix ADD CHECK (satellites IS DISTINCT FROM 13)")
    batch = [fix(seq, satellites=13 if seq in {3, 40} else 9) for seq in range(1, 65)]
    async with worker(settings) as metrics, device(settings, "a") as bus:
        await bus.publish(GPS, msgspec.json.encode(batch), qos=1)
        ack = await next_ack(bus)
    assert ack.stored[0].ranges == [(1, 2), (4, 39), (41, 64)]
    assert sorted((r.seq, r.code) for r in ack.refused) == [
        (3, "database_refused"),
        (40, "database_refused"),
    ]
    letters = await rows(pool, "SELECT payload FROM dead_letter")
    assert sorted(msgspec.json.decode(payload)["seq"] for (payload,) in letters) == [3, 40]
    assert (metrics.registry.get_sample_value("sapar_ingest_bisected_batches_total") or 0) > 2


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (device_topic(AGENCY, "nobody", "gps"), "unknown_device"),
        (device_topic(AGENCY, "gone", "gps"), "revoked_device"),
        ("sapar/v1/Not An Agency/d/a/gps", "wrong_topic"),
    ],
)
async def test_who_may_not_speak_is_kept_as_evidence(settings, pool, topic, code):
    await add_devices(pool, AGENCY, ["a", "gone"])
    async with pool.connection() as connection:
        await connection.execute("UPDATE device SET revoked_at = now() WHERE device_id = 'gone'")
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(topic, msgspec.json.encode(fix(1)), qos=1)
        await bus.publish(GPS, msgspec.json.encode(fix(1)), qos=1)
        await next_ack(bus)
    assert await rows(pool, "SELECT code, topic FROM dead_letter") == [(code, topic)]


async def test_events_shifts_and_status_are_stored(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    now_ms = fix(1).time_ms
    panic = Event(epoch=1, seq=1, time_ms=now_ms, kind="panic", data={"button": "қызыл"})
    sign_on = Shift(epoch=1, seq=1, time_ms=now_ms, action="sign_on", driver_id="1182")
    async with worker(settings), device(settings, "a") as bus:
        await bus.publish(device_topic(AGENCY, "a", "event"), msgspec.json.encode(panic), qos=1)
        assert (await next_ack(bus)).kind == "event"
        await bus.publish(device_topic(AGENCY, "a", "shift"), msgspec.json.encode(sign_on), qos=1)
        assert (await next_ack(bus)).kind == "shift"
        await bus.publish(device_topic(AGENCY, "a", "status"), b'{"online":true}', qos=1)
        await bus.publish(GPS, msgspec.json.encode(fix(2)), qos=1)
        await next_ack(bus)
    assert await rows(pool, "SELECT kind, data FROM event") == [("panic", {"button": "қызыл"})]
    assert await rows(pool, "SELECT action, driver_id FROM shift") == [("sign_on", "1182")]
    assert await rows(pool, "SELECT online FROM device_status") == [(True,)]


async def test_two_cities_with_the_same_numbers_live_side_by_side(settings, pool):
    for agency in ("aktobe", "almaty"):
        await add_devices(pool, agency, ["bus-1"])
    async with (
        worker(settings),
        device(settings, "bus-1", "aktobe") as one,
        device(settings, "bus-1", "almaty") as other,
    ):
        for agency, bus, latitude in (("aktobe", one, 50.2), ("almaty", other, 50.3)):
            topic = device_topic(agency, "bus-1", "gps")
            await bus.publish(topic, msgspec.json.encode(fix(1, latitude=latitude)), qos=1)
            assert (await next_ack(bus)).stored[0].ranges == [(1, 1)]
    stored = await rows(
        pool, "SELECT agency_id, latitude FROM fix JOIN device USING (device_no) ORDER BY 1"
    )
    assert stored == [("aktobe", 50.2), ("almaty", 50.3)]


async def test_the_latest_state_moves_on_and_never_back(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    now_ms = fix(1).time_ms
    async with (
        worker(settings.model_copy(update={"latest_interval_s": 0.05})),
        device(settings, "a") as bus,
    ):
        for seq, (offset_s, latitude) in enumerate([(0, 50.3), (-60, 50.1), (5, 50.4)]):
            late = fix(seq, time_ms=now_ms + offset_s * 1000, latitude=latitude)
            await bus.publish(GPS, msgspec.json.encode(late), qos=1)
            await next_ack(bus)
        shown = set()
        async with asyncio.timeout(30):
            while ("a", 50.4) not in shown:
                shown |= set(await rows(pool, "SELECT vehicle_id, latitude FROM vehicle_latest"))
                await asyncio.sleep(0.01)
    assert shown <= {("a", 50.3), ("a", 50.4)}, "the late one was the latest for a while"
