"""Laws of ingest: any order, any repetition, any batching leaves the same rows; any text survives."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sapar.contract.messages import Fix
from sapar.contract.topics import device_topic
from sapar.core.clock import ManualClock
from sapar.core.db import connect, load_queries
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import AgencyEntry, DeviceEntry, Registry
from sapar.ingest.intake import Batch, Intake
from sapar.ingest.retention import apply_retention, compress_where_possible
from sapar.ingest.rows import TABLES, content_digest
from sapar.ingest.writer import Writer
from sapar.uplink.acks import ranges
from tests.ingest.support import AGENCY, add_devices, fix, rows

DIGEST = -4687311891025094518
NOW_S = 1_795_000_000.0
EXPORT = """
SELECT device_id, epoch, seq, time, digest, latitude, longitude, speed_mps, trip_id FROM fix
JOIN device USING (device_no) ORDER BY 1, 2, 3, 4, 5
"""
LETTERS = "SELECT digest, topic, payload, code, detail FROM dead_letter ORDER BY digest"


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers(seqs):
    found = ranges(seqs)
    assert {seq for first, last in found for seq in range(first, last + 1)} == set(seqs)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))


contents = st.fixed_dictionaries(
    {"seq": st.integers(0, 3), "latitude": st.sampled_from([50.0, 50.5])},
    optional={"trip_id": st.sampled_from(["", "a", "b"]), "doors_open": st.booleans()},
)


@given(contents, contents)
def test_other_content_has_another_digest(one, other):
    records = [fix(time_ms=1, **values) for values in (one, other)]
    digests = [content_digest(record) for record in records]
    assert (digests[0] == digests[1]) == (records[0] == records[1])


def test_a_field_that_is_added_later_changes_no_digest_of_records_without_it():
    class LaterFix(Fix, kw_only=True, omit_defaults=True):
        a_new_field: float | None = None

    now = fix(1, time_ms=1, trip_id="a")
    later = LaterFix(**msgspec.structs.asdict(now))
    assert content_digest(later) == content_digest(now)
    assert content_digest(msgspec.structs.replace(later, a_new_field=1.0)) != content_digest(now)


def test_the_digest_is_the_one_recorded():
    """It is part of stored keys: another value here means that resent records double."""
    known = fix(7, time_ms=1_700_000_000_000, trip_id="қ", speed_mps=8.5)
    assert content_digest(known) == DIGEST


def sizes(rng: random.Random) -> Iterator[int]:
    """Batch sizes without end."""
    while True:
        yield rng.randint(1, 9)


def registry_of(device_numbers):
    agency = AgencyEntry(AGENCY, AGENCY, "Asia/Aqtobe")
    entries = [DeviceEntry(no, AGENCY, device_id) for device_id, no in device_numbers]
    return Registry.of([agency], entries)


def messages_of(seed):
    """A day in small: good fixes, repeats, conflicts, batches, refusals, bytes that are none."""
    rng = random.Random(seed)
    found = []
    for device_id in ("a", "b"):
        good = [
            fix(n, time_ms=int(NOW_S * 1000) - n * 1000, latitude=50 + n / 1000, trip_id="т\\1")
            for n in range(12)
        ]
        other = msgspec.structs.replace(good[3], longitude=57.5)
        bad = [
            msgspec.structs.replace(good[4], latitude=0.0, longitude=0.0),
            msgspec.structs.replace(good[5], speed_mps=999.0),
        ]
        topic = device_topic(AGENCY, device_id, "gps")
        payloads = [msgspec.json.encode(r) for r in [*good, other, *bad]]
        payloads += [msgspec.msgpack.encode(good[2:6]), b"not a record", payloads[0]]
        found += [(topic, payload) for payload in payloads]
    rng.shuffle(found)
    return found


async def store(conninfo, device_numbers, messages, batch_sizes):
    """Store messages in batches of the given sizes."""
    clock, metrics, own = ManualClock(NOW_S), Metrics(), Settings()
    intake, writer = Intake(own, clock, metrics), Writer(conninfo, clock, metrics)
    registry, rest = registry_of(device_numbers), list(messages)
    try:
        while rest:
            size = next(batch_sizes)
            batch = Batch()
            part, rest = rest[:size], rest[size:]
            taken = [Message(topic, payload, 1, 1, False) for topic, payload in part]
            intake.take(taken, registry, batch)
            await writer.write(batch)
    finally:
        await writer.close()


async def test_any_order_repetition_and_batching_leave_the_same_rows(database, pool):
    await add_devices(pool, AGENCY, ["a", "b"])
    numbers = await rows(pool, "SELECT device_id, device_no FROM device")
    exports = []
    for seed in range(8):
        rng = random.Random(seed)
        messages = messages_of(seed)
        messages += rng.sample(messages, 10)
        async with pool.connection() as connection:
            await connection.execute("TRUNCATE fix, dead_letter")
        await store(database, numbers, messages, sizes(rng))
        exports.append((await rows(pool, EXPORT), await rows(pool, LETTERS)))
    assert len(exports[0][0]) == 26
    assert len(exports[0][1]) == 6
    assert all(export == exports[0] for export in exports)


async def test_the_newest_status_stands_whichever_worker_writes_first(database, pool):
    """A reconnect: the last will of the old connection, then `online` on the new one."""
    await add_devices(pool, AGENCY, ["a"])
    registry = registry_of(await rows(pool, "SELECT device_id, device_no FROM device"))
    clock, metrics = ManualClock(NOW_S), Metrics()
    batches = []
    for payload in (b'{"online":false}', b'{"online":true}'):
        batch = Batch()
        message = Message(device_topic(AGENCY, "a", "status"), payload, 1, 1, False)
        Intake(Settings(), clock, metrics).take([message], registry, batch)
        batches.append(batch)
        clock.advance(0.05)
    writer = Writer(database, clock, metrics)
    try:
        for batch in reversed(batches):
            await writer.write(batch)
            clock.advance(0.05)
    finally:
        await writer.close()
    assert await rows(pool, "SELECT online FROM device_status") == [(True,)]


tricky = st.sampled_from(
    ["null", "None", "\\N", "\\.", '"', '\\"', "a,b", ",", "\\", "'", "қ", "\x00", "\n"]
)
ids = st.one_of(st.none(), tricky, st.text(min_size=1, max_size=64))


@hypothesis_settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trip_id=ids, driver_id=ids, speed_mps=st.one_of(st.none(), st.floats(0, 60)))
def test_what_is_stored_is_what_was_sent(database, trip_id, driver_id, speed_mps):
    """Any text that the checks let pass comes back as it was; the others are dead letters."""
    with connect(database) as connection:
        connection.execute("TRUNCATE fix, dead_letter")
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, '', 'UTC')"
            " ON CONFLICT DO NOTHING",
            (AGENCY,),
        )
        connection.execute(
            "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, 'a', '')"
            " ON CONFLICT DO NOTHING",
            (AGENCY,),
        )
        numbers = connection.execute("SELECT device_id, device_no FROM device").fetchall()
    sent = fix(
        1, time_ms=int(NOW_S * 1000), trip_id=trip_id, driver_id=driver_id, speed_mps=speed_mps
    )
    topic = device_topic(AGENCY, "a", "gps")
    asyncio.run(store(database, numbers, [(topic, msgspec.json.encode(sent))], iter([1])))
    with connect(database) as connection:
        found = connection.execute("SELECT trip_id, driver_id, speed_mps FROM fix").fetchall()
        letters = connection.execute("SELECT code FROM dead_letter").fetchall()
    printable = all(text is None or text.isprintable() for text in (trip_id, driver_id))
    if printable:
        assert letters == []
        assert found == [(trip_id, driver_id, speed_mps)]
    else:
        assert letters == [("impossible_value",)]


async def test_staging_tables_have_the_fields_of_their_records(pool):
    """A field that is added to a record without its column would shift all that follow."""
    async with pool.connection() as connection:
        await connection.execute(load_queries("sapar.ingest")["create_staging"])
        for table in TABLES.values():
            cursor = await connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                " ORDER BY attnum",
                (f"{table.name}_in",),
            )
            columns = [name for (name,) in await cursor.fetchall()]
            assert columns == ["device_no", "digest", *table.fields]


async def test_retention_drops_whole_old_chunks_and_keeps_the_rest(database, pool):
    await add_devices(pool, AGENCY, ["a"])
    numbers = await rows(pool, "SELECT device_id, device_no FROM device")
    topic = device_topic(AGENCY, "a", "gps")
    days = [0, 1, 39, 41, 80]
    sent = [
        (topic, msgspec.json.encode(fix(day, time_ms=int((NOW_S - day * 86_400) * 1000))))
        for day in days
    ]
    await store(database, numbers, sent, iter([10]))
    own = Settings(fix_retention_days=40)
    dropped = await apply_retention(pool, own, ManualClock(NOW_S))
    assert len(dropped) == 2
    kept = await rows(pool, "SELECT min(time), count(*) FROM fix")
    assert kept == [(datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=39), 3)]
    assert await apply_retention(pool, own, ManualClock(NOW_S)) == []


async def test_refused_taps_are_kept_as_long_as_evidence_of_money(pool):
    old = datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=100)
    async with pool.connection() as connection:
        for topic in (device_topic(AGENCY, "a", "gps"), device_topic(AGENCY, "a", "tap")):
            await connection.execute(
                "INSERT INTO dead_letter (digest, topic, payload, code, detail, first_received_at,"
                " last_received_at) VALUES (sha256(%s), %s, '', 'decode_error', '', %s, %s)",
                (topic.encode(), topic, old, old),
            )
    for days, left in ((1000, ["tap"]), (99, [])):
        own = Settings(tap_letter_retention_days=days)
        await apply_retention(pool, own, ManualClock(NOW_S))
        kept = await rows(pool, "SELECT topic FROM dead_letter")
        assert [topic.rpartition("/")[2] for (topic,) in kept] == left


async def test_compression_is_left_alone_where_the_edition_has_none(pool):
    licence = await rows(pool, "SELECT current_setting('timescaledb.license')")
    assert await compress_where_possible(pool) == (licence == [("timescale",)])
