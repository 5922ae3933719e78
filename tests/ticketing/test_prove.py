"""Taps whose key is registered when they have long been stored."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from sapar.cli.device_keys import add
from sapar.cli.ticketing.held import prove
from sapar.contract.seal import Algorithm, canonical_bytes, public_key_of, seal_tap
from sapar.core.clock import SystemClock
from sapar.core.db import AsyncConnection, connect, connect_async, load_queries
from sapar.core.errors import Refused
from sapar.core.settings import Settings
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.fitting import Entry
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.ticketing.controls import run_controls
from sapar.ticketing.key_store import add_key, revoke_key
from sapar.ticketing.keys import KeyRing, derive_secret, ensure_master_key
from sapar.ticketing.ledger.role import restricted
from sapar.ticketing.post import post_taps
from sapar.ticketing.prove import prove_seals
from sapar.ticketing.proving import prove_once
from sapar.ticketing.rulings import Word, rule_on_tap
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.verify import judge_seal
from tests.services import _database
from tests.ticketing.agreement import check_invariants
from tests.ticketing.machine_held import seed_of
from tests.ticketing.simulated import tools_of
from tests.ticketing.taps.support import state_of
from tests.ticketing.world import AGENCY, MORNING_MS, add_cards, make_world

FIRST, SECOND = "validator-0", "validator-1"
MINUTE_MS = 60_000
_KEYS = load_queries("sapar.ticketing")["list_device_keys"]


def at(minute: int) -> datetime:
    return datetime.fromtimestamp(MORNING_MS / 1000 + 60 * minute, UTC)


# device, number, algorithm, valid from, revoked from
KEYS: dict[str, tuple[str, int, Algorithm, datetime, datetime | None]] = {
    "first": (FIRST, 1, "ed25519", at(-9000), None),
    "not yet": (FIRST, 2, "ed25519", at(30), None),
    "revoked": (FIRST, 3, "hmac-sha256", at(-9000), at(30)),
    "second": (SECOND, 1, "ed25519", at(-9000), None),
}
# device, seq, minute, card, key, algorithm, the device in whose key's name it is sealed, changes
TAPS: dict[str, tuple[str, int, int, str, int, Algorithm, str, dict[str, Any]]] = {
    "plain": (FIRST, 1, 0, "a", 1, "ed25519", FIRST, {}),
    "changed": (SECOND, 1, 10, "a", 1, "ed25519", SECOND, {}),
    "earlier content": (FIRST, 2, 20, "b", 1, "ed25519", FIRST, {}),
    "later content": (FIRST, 2, 21, "b", 2, "ed25519", FIRST, {}),
    "counter": (FIRST, 4, 40, "c", 1, "ed25519", FIRST, {"counter": 7}),
    "counter again": (SECOND, 4, 45, "c", 1, "ed25519", SECOND, {"counter": 7}),
    "before its key": (FIRST, 5, 25, "d", 2, "ed25519", FIRST, {}),
    "with its key": (FIRST, 6, 35, "d", 2, "ed25519", FIRST, {}),
    "before the end": (FIRST, 7, 29, "e", 3, "hmac-sha256", FIRST, {}),
    "after the end": (FIRST, 8, 31, "e", 3, "hmac-sha256", FIRST, {}),
    "of another": (FIRST, 9, 50, "a", 1, "ed25519", SECOND, {}),
    "otherwise": (FIRST, 10, 55, "a", 1, "hmac-sha256", FIRST, {}),
    "slow clock": (SECOND, 5, -600, "f", 1, "ed25519", SECOND,
                   {"clock_src": "rtc", "boot_no": 1, "uptime_ms": 600_000}),
    "right clock": (SECOND, 6, 70, "f", 1, "ed25519", SECOND,
                    {"clock_src": "gnss", "boot_no": 1, "uptime_ms": 1_200_000}),
}  # fmt: skip
RULED = "counter again"
EXPECTED = {
    "plain": ("posted", None),
    "changed": ("posted", None),
    "earlier content": ("posted", None),
    "later content": ("held", "key_not_valid"),
    "counter": ("posted", None),
    "counter again": ("held", "counter_reused"),
    "before its key": ("held", "key_not_valid"),
    "with its key": ("posted", None),
    "before the end": ("posted", None),
    "after the end": ("held", "revoked_key"),
    "of another": ("held", "bad_signature"),
    "otherwise": ("held", "wrong_algorithm"),
    "slow clock": ("posted", None),
    "right clock": ("posted", None),
}


class Town:
    """A world whose validators' keys become known one by one."""

    def __init__(self, conninfo: str, master_key_file: Path) -> None:
        self.world = make_world(conninfo, devices=2)
        self.conninfo = conninfo
        self.file = master_key_file
        self.master = ensure_master_key(master_key_file)
        add_cards(self.world, [(card, "adult") for card in "abcdef"])

    async def open(self) -> None:
        self.connection = await connect_async(self.conninfo)
        self.tools = tools_of(self.conninfo, await load_carriers(self.connection))

    def sealed(self, name: str):
        """Give a tap as the worker has it, its seal judged by the keys of now."""
        device, seq, minute, card, key_id, algorithm, sealer, changes = TAPS[name]
        bare = self.world.tap(device, seq, MORNING_MS + minute * MINUTE_MS, card, **changes)
        key = (
            seed_of(f"{sealer} {key_id}")
            if algorithm == "ed25519"
            else derive_secret(self.master, AGENCY, sealer, key_id)
        )
        tap = seal_tap(AGENCY, device, bare, algorithm=algorithm, key_id=key_id, key=key)
        with connect(self.conninfo) as connection:
            ring = KeyRing.of_rows(connection.execute(_KEYS).fetchall(), self.master)
        number = self.world.devices[device].device_no
        canonical = canonical_bytes(AGENCY, device, tap)
        code = judge_seal(ring, number, tap, tap.time_ms, canonical)
        return self.world.tap_in(device, tap, code)

    def register(self, name: str) -> None:
        device, key_id, algorithm, valid_from, revoked_at = KEYS[name]
        public = public_key_of(seed_of(f"{device} {key_id}")) if algorithm[0] == "e" else None
        with connect(self.conninfo) as connection:
            add_key(
                connection, AGENCY, device,
                algorithm=algorithm, public_key=public, valid_from=valid_from, key_id=key_id,
            )  # fmt: skip
            if revoked_at is not None:
                revoke_key(connection, AGENCY, device, key_id, revoked_at)

    async def play(self, steps) -> None:
        """Post taps and register keys, each key followed by what the command does."""
        await self.open()
        async with self.connection:
            for step in steps:
                if step in TAPS:
                    await post_taps(self.connection, self.tools, [self.sealed(step)])
                else:
                    self.register(step)
                    await self.prove(KEYS[step][0])

    async def prove(self, device: str | None = None):
        return await prove_seals(self.connection, self.tools, self.file, AGENCY, device)

    def verdicts(self) -> dict:
        names = {self.sealed(name).digest: name for name in TAPS}
        with connect(self.conninfo) as connection:
            rows = connection.execute("SELECT digest, status, code FROM tap").fetchall()
        return {names[bytes(digest)]: (status, code) for digest, status, code in rows}


def played(postgres, template, file: Path, steps) -> dict:
    with _database(postgres, template) as conninfo:
        town = Town(conninfo, file)
        asyncio.run(town.play(steps))
        assert town.verdicts() == EXPECTED
        check_invariants(conninfo)
        return state_of(conninfo)


@pytest.fixture(scope="module")
def as_if_known(postgres, template_database, tmp_path_factory) -> tuple[dict, Path]:
    """What the taps come to when all keys were there from the start."""
    file = tmp_path_factory.mktemp("keys") / "master"
    return played(postgres, template_database, file, [*KEYS, *TAPS]), file


@settings(
    max_examples=8, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(steps=st.permutations([*TAPS, *KEYS]))
def test_keys_and_taps_come_to_the_same_in_any_order(
    postgres, template_database, as_if_known, steps
):
    expected, file = as_if_known
    assert played(postgres, template_database, file, steps) == expected


async def test_what_is_proved_is_received_judged_and_posted_at_once(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.open()
    async with town.connection:
        taps = [town.sealed(name) for name in ("plain", "counter", "of another")]
        await post_taps(town.connection, town.tools, taps)
        assert {code for _, code in town.verdicts().values()} == {"unknown_key"}
        with connect(database) as connection:
            assert connection.execute("SELECT received FROM tap_sequence").fetchall() == [(0,)]
            assert connection.execute("SELECT 1 FROM journal").fetchall() == []
        town.register("first")
        assert await town.prove() == (3, 2, 1, 4)  # two rides, and what the cards owe for them
        assert await town.prove() == (0, 0, 0, 0)
        now = datetime.now(UTC)
        found = await run_controls(
            town.connection, AGENCY, since=now - timedelta(days=9999), now=now
        )
        assert found["without_journal"] == []
    with connect(database) as connection:
        gaps = connection.execute("SELECT from_seq, to_seq FROM tap_gap").fetchall()
        open_now = connection.execute(
            "SELECT kind FROM ticketing_exception WHERE closed_at IS NULL"
            " AND kind NOT IN ('unreported_tap')"
        ).fetchall()
        rules = connection.execute("SELECT rule FROM journal WHERE tap_no IS NOT NULL").fetchall()
    assert gaps == [(2, 3)]
    assert open_now == [("bad_signature",)]
    assert all("moved by" in rule for (rule,) in rules)
    check_invariants(database)


async def test_a_record_that_is_not_as_it_was_received_proves_nothing(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.open()
    async with town.connection:
        taken = town.sealed("plain")
        other = town.sealed("with its key")
        forged = taken._replace(payload=other.payload)
        await post_taps(town.connection, town.tools, [forged, town.sealed("changed")])
        with connect(database) as connection:  # nor one that nobody can read
            connection.execute("ALTER TABLE tap DISABLE TRIGGER tap_evidence")
            connection.execute("UPDATE tap SET payload = 'x' WHERE seq = 1 AND device_no <> %s",
                               (taken.device.device_no,))  # fmt: skip
        town.register("first")
        town.register("second")
        assert await town.prove() == (2, 0, 0, 0)
    assert set(town.verdicts().values()) == {("held", "unknown_key")}


async def test_what_a_posting_has_resolved_waits_until_that_is_undone(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.open()
    async with town.connection:
        await post_taps(town.connection, town.tools, [town.sealed("plain")])
        town.register("first")
        values: dict[str, Any] = {"reason": "lost for good", "by": Who("anna"), "now": at(99)}
        entries = [Entry(5170, "", 80_00), Entry(2320, "park", -80_00)]
        await resolve_with_posting(
            town.connection, town.tools.accounts, AGENCY, 1, entries, key="1", **values
        )
        assert await town.prove() == (0, 0, 0, 0)
        await undo_resolution(town.connection, AGENCY, 1, key="2", **values)
        assert (await town.prove()).good == 1
    check_invariants(database)


async def test_the_database_lets_no_other_seal_be_judged_again(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.play(["first", "plain", "of another"])
    with connect(database) as connection:
        for sealed in ("IS NULL", "= 'bad_signature'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"UPDATE tap SET sealed = 'unknown_key' WHERE sealed {sealed}")


async def test_what_a_worker_stored_that_had_not_heard_of_the_key_is_proved_soon(
    database, tmp_path
):
    town = Town(database, tmp_path / "master")
    await town.open()
    async with town.connection:
        stale = town.sealed("plain")
        town.register("first")
        await post_taps(town.connection, town.tools, [stale])
    settings = Settings(database_url=database, tap_master_key_file=tmp_path / "master")
    assert (await prove_once(settings, SystemClock()))[:3] == (1, 1, 0)
    assert town.verdicts() == {"plain": ("held", "no_tariff")}  # the town has published none
    assert (await prove_once(settings, SystemClock())).looked_at == 0


async def test_a_key_that_counts_from_an_earlier_time_proves_more(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.play(["not yet", "before its key"])
    assert town.verdicts() == {"before its key": ("held", "key_not_valid")}
    await town.open()
    async with town.connection:
        for since in (at(40), at(20)):  # a later time changes nothing
            with connect(database) as connection:
                public = public_key_of(seed_of(f"{FIRST} 2"))
                row = add_key(
                    connection, AGENCY, FIRST,
                    algorithm="ed25519", public_key=public, valid_from=since, key_id=2,
                )  # fmt: skip
            assert row.valid_from == min(since, at(30))
            proved = await town.prove()
            assert proved.good == (since == at(20))
    assert town.verdicts() == {"before its key": ("posted", None)}


async def test_registering_a_key_proves_what_waits_for_it(database, tmp_path, monkeypatch):
    town = Town(database, tmp_path / "master")
    await town.open()
    async with town.connection:
        await post_taps(town.connection, town.tools, [town.sealed("plain")])
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)
    app = typer.Typer()
    app.command()(add)
    app.command()(prove)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, done.output
        return done.output

    public = public_key_of(seed_of(f"{FIRST} 1")).hex()
    words = ("add", FIRST, "--public-key", public)
    assert await asyncio.to_thread(run, *words) == (
        "key_id: 1\nheld for want of a key: 1; of these have a good seal now: 0,"
        " a wrong or revoked one: 0; journals posted: 0\n"
    )
    assert await asyncio.to_thread(run, *words, "--key-id", "1", "--from", "2026-03-01") == (
        "key_id: 1\nheld for want of a key: 1; of these have a good seal now: 1,"
        " a wrong or revoked one: 0; journals posted: 0\n"
    )
    assert (await asyncio.to_thread(run, "prove")).startswith("held for want of a key: 0")


async def test_keys_taps_and_rulings_at_once_wait_for_one_another_and_never_in_a_circle(
    postgres, template_database, tmp_path
):
    states = []
    for at_once in (False, True):
        with _database(postgres, template_database) as conninfo:
            town = Town(conninfo, tmp_path / "master")
            await town.open()
            async with town.connection:
                if at_once:
                    halves = (list(TAPS)[start::2] for start in range(2))
                    await asyncio.gather(
                        *(upload(town, names) for names in halves), register_all(town), waver(town)
                    )
                else:
                    await register_all(town)
                    await upload(town, list(TAPS))
                await town.prove()  # what was stored by whoever had not heard of its key
                await say(town, town.connection, "reject", 10_000)
            assert town.verdicts() == EXPECTED | {RULED: ("held", "rejected")}
            check_invariants(conninfo)
            states.append(state_of(conninfo))
    assert states[0] == states[1]


async def upload(town: Town, names: list[str]) -> None:
    """Post taps one by one, twice, as a worker does: under the role that may only add."""
    connection = await connect_async(restricted(town.conninfo))
    async with connection:
        for name in [*names, *names]:
            await post_taps(connection, town.tools, [town.sealed(name)])


async def register_all(town: Town) -> None:
    connection = await connect_async(restricted(town.conninfo))
    async with connection:
        for name in KEYS:
            town.register(name)
            await prove_seals(connection, town.tools, town.file, AGENCY)


async def waver(town: Town) -> None:
    """Rule on a tap again and again while it is proved and its rival comes."""
    connection = await connect_async(restricted(town.conninfo))
    async with connection:
        for second in range(30):
            await say(town, connection, "accept" if second % 3 else "reject", second)


async def say(town: Town, connection: AsyncConnection, word: Word, second: int) -> None:
    digest = town.sealed(RULED).digest
    with connect(town.conninfo) as other:
        rows = other.execute("SELECT tap_no FROM tap WHERE digest = %s", (digest,)).fetchall()
    if not rows:
        await asyncio.sleep(0.01)
        return
    with suppress(Refused):  # it rides as yet, or nobody knows its key
        await rule_on_tap(
            connection, town.tools, AGENCY, rows[0][0], word,
            reason="seen", actor="dana", at=at(second),
        )  # fmt: skip
