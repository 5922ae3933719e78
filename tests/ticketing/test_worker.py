"""The ticketing worker against a real broker and database: committed first, then acknowledged."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import msgspec
import pytest

from sapar.contract.codec import encode
from sapar.contract.messages import Ack, Tap
from sapar.contract.seal import Algorithm, public_key_of, seal_tap
from sapar.contract.topics import device_topic
from sapar.core.clock import SystemClock
from sapar.core.db import connect
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.ticketing.key_store import add_key, revoke_key
from sapar.ticketing.keys import derive_secret, ensure_master_key
from sapar.ticketing.post import post_taps
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.worker import OpenPost, forget_session, retire, run_ticketing
from tests.ticketing.evidence_support import seed_of
from tests.ticketing.simulated import tools_of
from tests.ticketing.world import AGENCY, add_cards

A, B = "validator-0", "validator-1"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_names = count(1)


@pytest.fixture
def keyed(world, settings, tmp_path) -> Settings:
    """The town with a card, keys for two validators (1: Ed25519, 2: HMAC), and a master key."""
    add_cards(world, [("card-1", "adult")])
    with connect(world.conninfo) as connection:
        for device in (A, B):
            public = public_key_of(seed_of(device))
            add_key(connection, AGENCY, device, algorithm="ed25519", public_key=public, valid_from=LONG_AGO)  # fmt: skip
            add_key(connection, AGENCY, device, algorithm="hmac-sha256", public_key=None, valid_from=LONG_AGO)  # fmt: skip
    path = tmp_path / "master.key"
    ensure_master_key(path)
    return settings.model_copy(update={"tap_master_key_file": path, "ack_interval_ms": 20})


@asynccontextmanager
async def open_post(settings, clock, pool, registry):
    """The product's posting with the town's tariff."""
    async with pool.connection() as connection:
        carriers = await load_carriers(connection)
    tools = tools_of(settings.database_url.get_secret_value(), carriers)
    yield lambda connection, taps, patient: post_taps(connection, tools, taps, patient=patient)


@asynccontextmanager
async def worker(
    settings: Settings, number: int = 0, opener: OpenPost = open_post
) -> AsyncIterator[Metrics]:
    """Run a worker in this loop; its session stays at the broker."""
    metrics = Metrics()
    own = settings.model_copy(update={"ticketing_worker": number})
    task = asyncio.create_task(run_ticketing(own, own.clock(), metrics, opener))
    try:
        await listening(own, f"nobody-{next(_names)}")
        yield metrics
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


async def listening(settings: Settings, stranger: str) -> None:
    """Wait until a worker takes messages: until one of an unknown device is a dead letter."""
    async with device(settings, stranger) as client, asyncio.timeout(30):
        conninfo = settings.database_url.get_secret_value()
        while True:
            await client.publish(topic(stranger), b"{}", qos=1)
            await asyncio.sleep(0.1)
            with connect(conninfo) as connection:
                found = connection.execute(
                    "SELECT FROM dead_letter WHERE device_id = %s", (stranger,)
                ).fetchone()
            if found is not None:
                return


@pytest.fixture(autouse=True)
async def forgotten_sessions(settings):
    yield
    for number in (0, 1):
        await forget_session(settings.model_copy(update={"ticketing_worker": number}))


@asynccontextmanager
async def device(settings: Settings, name: str) -> AsyncIterator[MqttClient]:
    """Connect as a validator would, subscribed to its acknowledgements."""
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=f"test-{name}-{next(_names)}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    async with client:
        await client.subscribe(device_topic(AGENCY, name, "ack"), 1)
        yield client


def topic(name: str) -> str:
    return device_topic(AGENCY, name, "tap")


def sealed(
    settings: Settings,
    seq: int,
    name: str = A,
    algorithm: Algorithm = "ed25519",
    **changes: object,
) -> Tap:
    """A tap of card-1 now, sealed by the device."""
    values = {"epoch": 1, "seq": seq, "time_ms": int(SystemClock().time() * 1000), "card_ref": "card-1", "route_id": "route-0"}  # fmt: skip
    key_id = 1 if algorithm == "ed25519" else 2
    master = ensure_master_key(settings.tap_master_key_file)
    key = seed_of(name) if key_id == 1 else derive_secret(master, AGENCY, name, key_id)
    bare = msgspec.convert(values | changes, Tap)
    return seal_tap(AGENCY, name, bare, algorithm=algorithm, key_id=key_id, key=key)


async def told(client: MqttClient, until: Callable[[Ack], bool] = lambda _: True) -> Ack:
    """Gather acknowledgements until they say enough."""
    whole = Ack(kind="tap", server_time_ms=0)
    async with asyncio.timeout(20):
        while True:
            for message in await client.read():
                module = msgspec.json if message.payload[:1] == b"{" else msgspec.msgpack
                ack = module.decode(message.payload, type=Ack)
                assert ack.kind == "tap"
                whole.stored += ack.stored
                whole.refused += ack.refused
                whole.undecodable += ack.undecodable
            if until(whole):
                return whole


def numbers(ack: Ack) -> list[int]:
    return sorted(
        seq for s in ack.stored for first, last in s.ranges for seq in range(first, last + 1)
    )


def codes(ack: Ack) -> list[tuple[int, str]]:
    return sorted((one.seq, one.code) for one in ack.refused)


async def rows(pool, sql: str) -> list[tuple]:
    async with pool.connection() as connection:
        return await (await connection.execute(sql)).fetchall()


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("algorithm", ["ed25519", "hmac-sha256"])
async def test_a_sealed_tap_is_posted_and_then_acknowledged(keyed, pool, algorithm, encoding):
    one = sealed(keyed, 1, algorithm=algorithm)
    async with worker(keyed) as metrics, device(keyed, A) as bus:
        for _ in range(2):
            await bus.publish(topic(A), encode(one, encoding), qos=1)
            ack = await told(bus)
            assert (numbers(ack), codes(ack)) == ([1], [])
    value = metrics.registry.get_sample_value
    assert await rows(pool, "SELECT seq, sealed, status, payload, vehicle_id FROM tap") == [
        (1, None, "posted", encode(one, encoding), "bus-0")
    ]
    assert await rows(pool, "SELECT count(*) FROM journal WHERE tap_no IS NOT NULL") == [(1,)]
    assert value("sapar_ticketing_taps_total", {"outcome": "new"}) == 1
    assert value("sapar_ticketing_taps_total", {"outcome": "repeat"}) == 1
    # what is stored byte for byte is not proved again where that is costly
    known = value("sapar_ticketing_seals_total", {"verdict": "known"})
    assert known == (1 if algorithm == "ed25519" else None)


async def test_attempts_that_must_fail_are_held_and_told(keyed, pool, world):
    with connect(world.conninfo) as connection:
        revoke_key(connection, AGENCY, A, 2, datetime.fromtimestamp(SystemClock().time() - 60, UTC))
    now_ms = int(SystemClock().time() * 1000)
    for_b = sealed(keyed, 1, A)
    forged = msgspec.structs.replace(sealed(keyed, 2, B), balance_tiyn=99_999_900)
    bare = msgspec.structs.replace(sealed(keyed, 3, B), signature=None)
    late = sealed(keyed, 4, A, "hmac-sha256")
    early = sealed(keyed, 5, A, "hmac-sha256", time_ms=now_ms - 3_600_000)
    async with worker(keyed), device(keyed, A) as bus_a, device(keyed, B) as bus_b:
        await bus_b.publish(topic(B), encode([for_b, forged, bare]), qos=1)
        await bus_a.publish(topic(A), encode([late, early]), qos=1)
        ack_b = await told(bus_b, lambda ack: len(ack.refused) == 3)
        ack_a = await told(bus_a, lambda ack: bool(ack.refused and ack.stored))
    assert codes(ack_b) == [(1, "bad_signature"), (2, "bad_signature"), (3, "unsigned")]
    assert ack_b.stored == []
    assert (codes(ack_a), numbers(ack_a)) == ([(4, "revoked_key")], [5])
    held = await rows(pool, "SELECT seq, status, code, sealed FROM tap ORDER BY seq")
    assert held == [
        (1, "held", "bad_signature", "bad_signature"),
        (2, "held", "bad_signature", "bad_signature"),
        (3, "held", "unsigned", "unsigned"),
        (4, "held", "revoked_key", "revoked_key"),
        (5, "posted", None, None),
    ]
    opened = "SELECT kind FROM ticketing_exception WHERE closed_at IS NULL ORDER BY 1"
    kinds = [kind for (kind,) in await rows(pool, opened)]
    assert kinds == ["bad_signature", "bad_signature", "revoked_key", "unsigned"]
    assert await rows(pool, "SELECT count(*) FROM journal WHERE tap_no IS NOT NULL") == [(1,)]


async def test_a_forgery_first_does_not_keep_the_true_tap_out(keyed, pool):
    """Same content under a bad seal and under the good one are two records, in either order."""
    true = sealed(keyed, 1)
    false = msgspec.structs.replace(true, signature=sealed(keyed, 2).signature)
    async with worker(keyed), device(keyed, A) as bus:
        await bus.publish(topic(A), encode(false), qos=1)
        assert codes(await told(bus)) == [(1, "bad_signature")]
        await bus.publish(topic(A), encode(true), qos=1)
        assert numbers(await told(bus)) == [1]
    found = await rows(pool, "SELECT status, code FROM tap ORDER BY status")
    assert found == [("held", "bad_signature"), ("posted", None)]


async def test_what_is_refused_is_evidence_and_a_card_number_leaves_none(keyed, pool):
    pan = encode(sealed(keyed, 1)).replace(b'"card-1"', b'"4111111111111111"')
    bad = encode(sealed(keyed, 2, num_riders=99))
    good = encode(sealed(keyed, 3))
    async with worker(keyed), device(keyed, A) as bus:
        await bus.publish(topic(A), b"[" + b",".join([pan, bad, good]) + b"]", qos=1)
        await bus.publish(topic(A), b"no record", qos=1)
        ack = await told(bus, lambda ack: bool(ack.undecodable and ack.refused and ack.stored))
    assert codes(ack) == [(1, "pan_like"), (2, "impossible_value")]
    assert numbers(ack) == [3]
    letters = await rows(
        pool, "SELECT code, payload FROM dead_letter WHERE code <> 'unknown_device' ORDER BY code"
    )
    assert [code for code, _ in letters] == ["decode_error", "impossible_value", "pan_like"]
    assert letters[1][1] == bad
    assert len(letters[2][1]) == 32
    whole = await rows(pool, "SELECT string_agg(d::text, ' ') FROM dead_letter d")
    assert b"4111111111111111".hex() not in whole[0][0]
    assert "4111111111111111" not in whole[0][0]


async def test_what_cannot_be_posted_is_set_aside_alone(keyed, pool):
    """The database refuses one tap of a batch, and our own code trips over another."""
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE tap ADD CHECK (num_riders <> 13)")

    @asynccontextmanager
    async def tripping(*args):
        async with open_post(*args) as post:

            async def trip(connection, taps, patient):
                if any(one.tap.num_riders == 17 for one in taps):
                    raise RuntimeError("seventeen")
                return await post(connection, taps, patient)

            yield trip

    riders = {5: 13, 20: 17}
    batch = [sealed(keyed, seq, num_riders=riders.get(seq, 1)) for seq in range(1, 33)]
    async with worker(keyed, opener=tripping) as metrics, device(keyed, A) as bus:
        await bus.publish(topic(A), encode(batch), qos=1)
        ack = await told(bus, lambda ack: len(ack.refused) >= 2 and bool(ack.stored))
    stored = await rows(pool, "SELECT array_agg(seq ORDER BY seq) FROM tap")
    assert stored == [([seq for seq in range(1, 33) if seq not in riders],)]
    assert {(5, "database_refused"), (20, "server_fault")} <= set(codes(ack))
    letters = await rows(
        pool, "SELECT code, payload FROM dead_letter WHERE code <> 'unknown_device' ORDER BY code"
    )
    assert letters == [
        ("database_refused", encode(batch[4])),
        ("server_fault", encode(batch[19])),
    ]
    value = metrics.registry.get_sample_value
    assert (value("sapar_ticketing_bisected_batches_total") or 0) > 2


async def test_nothing_is_acknowledged_before_the_commit(keyed, pool):
    """A worker that dies while posting leaves the tap to the broker, which hands it out again."""
    reached = asyncio.Event()

    @asynccontextmanager
    async def hanging(*args):
        async def hang(connection, taps, patient):
            reached.set()
            await asyncio.Event().wait()

        yield hang

    async with device(keyed, A) as bus:
        async with worker(keyed, opener=hanging):
            await bus.publish(topic(A), encode(sealed(keyed, 1)), qos=1)
            async with asyncio.timeout(10):
                await reached.wait()
        assert await rows(pool, "SELECT count(*) FROM tap") == [(0,)]
        async with worker(keyed):
            assert numbers(await told(bus)) == [1]
    assert await rows(pool, "SELECT seq, status FROM tap") == [(1, "posted")]


async def test_a_lost_connection_to_the_database_is_waited_out(keyed, pool):
    async with worker(keyed), device(keyed, A) as bus:
        await bus.publish(topic(A), encode(sealed(keyed, 1)), qos=1)
        assert numbers(await told(bus)) == [1]
        await rows(
            pool,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        sooner = int(SystemClock().time() * 1000) - 3_600_000  # no double debit
        await bus.publish(topic(A), encode(sealed(keyed, 2, time_ms=sooner)), qos=1)
        assert numbers(await told(bus)) == [2]
    assert await rows(pool, "SELECT seq FROM tap ORDER BY seq") == [(1,), (2,)]


async def test_a_worker_that_retires_leaves_nothing_behind(keyed, pool):
    async with worker(keyed, 1):
        pass  # its session stays
    async with device(keyed, A) as bus:
        for seq in range(1, 6):
            await bus.publish(topic(A), encode(sealed(keyed, seq)), qos=1)
    own = keyed.model_copy(update={"ticketing_worker": 1})
    assert await retire(own, own.clock(), Metrics(), open_post, 0.5) >= 5
    assert await rows(pool, "SELECT count(*) FROM tap") == [(5,)]
    assert await retire(own, own.clock(), Metrics(), open_post, 0.5) == 0


async def test_two_workers_share_the_load_and_a_batch_is_posted_once(keyed, pool):
    taps = [sealed(keyed, seq, name) for seq in range(1, 41) for name in (A, B)]
    own = keyed.model_copy(update={"ticketing_batch_max": 7})
    async with worker(own, 0), worker(own, 1), device(own, A) as bus_a, device(own, B) as bus_b:
        messages = [
            (topic(A if place % 2 == 0 else B), encode(one)) for place, one in enumerate(taps)
        ]
        await asyncio.gather(bus_a.publish_many(messages), bus_b.publish_many(messages))
        for bus in (bus_a, bus_b):
            await told(bus, lambda ack: len({*numbers(ack), *(seq for seq, _ in codes(ack))}) == 40)
    assert await rows(pool, "SELECT count(*), count(DISTINCT (device_no, seq)) FROM tap") == [
        (80, 80)
    ]


async def test_the_command_runs_a_worker_until_it_is_asked_to_stop(keyed, pool):
    """The town has no published tariff: the tap is stored and held, and the device may free it."""
    environment = os.environ | {
        "SAPAR_DATABASE_URL": keyed.database_url.get_secret_value(),
        "SAPAR_BROKER_PORT": str(keyed.broker_port),
        "SAPAR_BROKER_PASSWORD": keyed.broker_password.get_secret_value(),
        "SAPAR_BROKER_DIR": str(keyed.broker_dir),
        "SAPAR_TAP_MASTER_KEY_FILE": str(keyed.tap_master_key_file),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sapar.cli.main", "ticketing", "run"),
        "--worker",
        "1",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with device(keyed, A) as bus:
            assert process.stdout is not None
            async with asyncio.timeout(30):
                assert b"ticketing_started" in await process.stdout.readline()
            await listening(keyed, "nobody")
            await bus.publish(topic(A), encode(sealed(keyed, 1)), qos=1)
            ack = await told(bus)
            assert [*numbers(ack), *(seq for seq, _ in codes(ack))] == [1]
    finally:
        process.terminate()
        rest, _ = await process.communicate()
    assert process.returncode == 0, rest.decode()
    assert await rows(pool, "SELECT seq, sealed FROM tap") == [(1, None)]
