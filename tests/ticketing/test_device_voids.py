"""Gaps that a device closes under its seal: judged once each, a bad one changes nothing."""

import asyncio

import msgspec
import pytest

from sapar.contract.messages import TapVoid
from sapar.contract.seal import seal_void
from sapar.core.clock import ManualClock
from sapar.core.db import connect
from sapar.fleet.registry import AgencyEntry, Registry
from sapar.ticketing.device_voids import NUMBERS_MAX, VoidEvent, read_void, take_device_voids
from sapar.ticketing.keys import KeyRing
from tests.ticketing.evidence_support import NOW_MS, A, B, ring, seed_of
from tests.ticketing.world import AGENCY as TOWN

CLOCK = ManualClock(NOW_MS / 1000)


def void(device=A, time_ms=NOW_MS, **changes) -> dict:
    """The data of a good void, as JSON brings it back."""
    values = {"epoch": 1, "from_seq": 5, "to_seq": 8, "reason": "storage erased"} | changes
    one = msgspec.convert(values, TapVoid)
    done = seal_void(
        device.agency_id,
        device.device_id,
        time_ms,
        one,
        algorithm="ed25519",
        key_id=1,
        key=seed_of(device.device_id),
    )
    return msgspec.to_builtins(done)


def event(data: object, device=A, time_ms=NOW_MS) -> VoidEvent:
    return VoidEvent(device.device_no, 9, 1, 77, time_ms, data)


def test_a_good_void_is_read():
    found = read_void(event(void()), A, ring())
    assert isinstance(found, TapVoid)
    assert (found.epoch, found.from_seq, found.to_seq) == (1, 5, 8)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "decode_error"),
        ({"epoch": 1}, "decode_error"),
        (void() | {"epoch": "1"}, "decode_error"),
        (void(to_seq=4), "impossible_value"),
        (void(from_seq=-1), "impossible_value"),
        (void(to_seq=5 + NUMBERS_MAX), "impossible_value"),
        (void(reason=" "), "impossible_value"),
        (void(reason="a\nb"), "impossible_value"),
        (void() | {"signature": None}, "unsigned"),
        (void() | {"key_id": 9}, "unknown_key"),
        (void() | {"alg": "hmac-sha256"}, "wrong_algorithm"),
        (void(B), "bad_signature"),
        (void(time_ms=NOW_MS + 1), "bad_signature"),
        *((void() | change, "bad_signature") for change in ({"epoch": 2}, {"from_seq": 4}, {"to_seq": 9}, {"reason": "x"})),
    ],
)  # fmt: skip
def test_what_does_not_count(data, code):
    assert read_void(event(data), A, ring()) == code


def test_a_revoked_key_voids_nothing():
    assert read_void(event(void()), A, ring(revoked_ms=NOW_MS)) == "revoked_key"


async def test_voids_close_gaps_once_and_bad_ones_are_looked_at(world, pool):
    """Validators 0 and 1 of the town have the keys of A and B."""
    names = {"validator-0": A, "validator-1": B}
    devices = [world.devices[name] for name in names]
    registry = Registry.of([AgencyEntry(TOWN, TOWN, "Asia/Aqtobe")], devices)
    keys = KeyRing(
        {
            (entry.device_no, 1): ring().keys[names[entry.device_id].device_no, 1]
            for entry in devices
        }
    )

    def sealed(entry, **changes):
        values = {"epoch": 1, "from_seq": 5, "to_seq": 8, "reason": "erased"} | changes
        one = msgspec.convert(values, TapVoid)
        seed = seed_of(names[entry.device_id].device_id)
        done = seal_void(
            TOWN, entry.device_id, NOW_MS, one, algorithm="ed25519", key_id=1, key=seed
        )
        return msgspec.json.encode(done).decode()

    first, second = devices
    bad = sealed(second).replace('"to_seq":8', '"to_seq":80')
    with connect(world.conninfo) as connection:
        for seq, (entry, data) in enumerate(
            [(first, sealed(first)), (first, sealed(first, from_seq=7, to_seq=9)), (second, bad)]
        ):
            connection.execute(
                "INSERT INTO event (device_no, digest, time, epoch, seq, kind, data, received_at)"
                " VALUES (%s, 1, to_timestamp(%s), 1, %s, 'tap_void', %s, now())",
                (entry.device_no, NOW_MS / 1000, seq, data),
            )
    counts = await asyncio.gather(
        *(take_device_voids(pool, registry, keys, CLOCK) for _ in range(3))
    )
    assert sum(counts) == 5
    assert await take_device_voids(pool, registry, keys, CLOCK) == 0
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT device_no, from_seq, to_seq, how, actor FROM tap_void ORDER BY from_seq"
        )
        assert await cursor.fetchall() == [
            (first.device_no, 5, 8, "device", "validator-0"),
            (first.device_no, 9, 9, "device", "validator-0"),
        ]
        cursor = await connection.execute("SELECT kind, detail FROM ticketing_exception")
        assert await cursor.fetchall() == [("void_refused", "bad_signature")]
        cursor = await connection.execute("SELECT code FROM device_void ORDER BY seq")
        assert await cursor.fetchall() == [(None,), (None,), ("bad_signature",)]


def test_the_page_tells_every_field(repository):
    page = (repository / "docs/wire-contract.md").read_text(encoding="utf-8")
    section = page.partition("### Numbers that will never come")[2].partition("\n### ")[0]
    assert all(f"`{name}`" in section for name in TapVoid.__struct_fields__)
    assert f"{NUMBERS_MAX:,}" in section


async def test_what_the_database_refuses_stops_no_other(world, pool):
    device = world.devices["validator-0"]
    registry = Registry.of([AgencyEntry(TOWN, TOWN, "Asia/Aqtobe")], [device])
    key = ring().keys[A.device_no, 1]
    with connect(world.conninfo) as connection:
        connection.execute("ALTER TABLE tap_void ADD CHECK (from_seq <> 5)")
        for seq, start in enumerate((5, 20)):
            one = TapVoid(epoch=1, from_seq=start, to_seq=start + 1, reason="erased")
            seed = seed_of(A.device_id)
            done = seal_void(
                TOWN, "validator-0", NOW_MS, one, algorithm="ed25519", key_id=1, key=seed
            )
            connection.execute(
                "INSERT INTO event (device_no, digest, time, epoch, seq, kind, data, received_at)"
                " VALUES (%s, 1, to_timestamp(%s), 1, %s, 'tap_void', %s, now())",
                (device.device_no, NOW_MS / 1000, seq, msgspec.json.encode(done).decode()),
            )
    keys = KeyRing({(device.device_no, 1): key})
    assert await take_device_voids(pool, registry, keys, CLOCK) == 2
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT kind, detail FROM ticketing_exception")
        assert await cursor.fetchall() == [("void_refused", "database_refused")]
