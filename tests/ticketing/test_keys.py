"""Keys of devices: the master key's file, the registry in memory, the command line."""

import asyncio
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from sapar.cli import devices
from sapar.contract.seal import public_key_of
from sapar.core.db import connect
from sapar.core.errors import Fault, Refused
from sapar.fleet.agencies import ensure_agency
from sapar.ticketing.keys import (
    KeyRing,
    KeyWatcher,
    derive_secret,
    ensure_master_key,
    find_master_key,
    load_key_ring,
    public_key_of_text,
)
from tests.ticketing.evidence_support import MASTER, NOW_MS, sealed, seed_of, tap

PUBLIC = public_key_of(seed_of("val-1"))


@pytest.fixture
def run(database, monkeypatch, tmp_path):
    """Run `sapar devices` in a city with the device val-1."""
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", "aktobe")
    monkeypatch.setenv("SAPAR_TAP_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    monkeypatch.setenv("COLUMNS", "300")
    with connect(database) as connection:
        ensure_agency(connection, "aktobe", name="Aktobe", timezone="Asia/Aqtobe")

    def invoke(*arguments: str):
        with ThreadPoolExecutor(1) as beside:  # a command runs an event loop of its own
            result = beside.submit(CliRunner().invoke, devices.app, arguments).result()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    invoke("add", "val-1", "--kind", "validator")
    return invoke


def test_the_master_key_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "master.key"
    assert find_master_key(path) is None
    made = ensure_master_key(path)
    assert len(made) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_master_key(path) == find_master_key(path) == made
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "ä" * 64])
def test_a_file_without_a_key_is_a_fault_and_stays_as_it_is(tmp_path, text):
    path = tmp_path / "master.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(Fault, match="hexadecimal"):
        ensure_master_key(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_master_key_that_others_may_read_is_a_fault(tmp_path):
    path = tmp_path / "master.key"
    ensure_master_key(path)
    path.chmod(0o640)
    with pytest.raises(Fault, match="others may read"):
        find_master_key(path)


def test_secrets_differ_by_master_city_device_and_number():
    names = [("a", "bc", 1), ("ab", "c", 1), ("a", "bc", 2), ("a", "bd", 1)]
    found = {derive_secret(master, *name) for master in (MASTER, bytes(32)) for name in names}
    assert len(found) == 8


def test_a_ring_without_the_master_key_is_refused_when_it_is_needed():
    ed25519 = (1, "a", "d", 1, "ed25519", PUBLIC, 0, None)
    assert (1, 1) in KeyRing.of_rows([ed25519], None).keys
    with pytest.raises(Refused, match="master key"):
        KeyRing.of_rows([(1, "a", "d", 1, "hmac-sha256", None, 0, None)], None)


@pytest.mark.parametrize(
    "text",
    [
        PUBLIC.hex(),
        PUBLIC.hex().upper(),
        f" {PUBLIC.hex()}\n",
        __import__("base64").b64encode(PUBLIC).decode(),
        __import__("base64").urlsafe_b64encode(PUBLIC).decode().rstrip("="),
    ],
)
def test_a_public_key_as_a_person_brings_it(text):
    assert public_key_of_text(text) == PUBLIC


@pytest.mark.parametrize("text", ["", "abc", PUBLIC.hex()[:-2], "!" * 43, "ä" * 64])
def test_what_is_no_public_key(text):
    assert public_key_of_text(text) is None


async def test_a_change_of_keys_is_seen_by_a_running_watcher(run, pool, settings):
    slow = settings.model_copy(update={"registry_refresh_s": 60.0})
    async with KeyWatcher(pool, slow).running() as watcher:
        assert watcher.current.keys == {}
        await asyncio.sleep(0.2)  # it listens now
        run("keys", "add", "val-1", "--public-key", PUBLIC.hex())
        async with asyncio.timeout(10):
            while not watcher.current.keys:
                await asyncio.sleep(0.02)
        (key,) = watcher.current.keys.values()
    assert (key.key_id, key.algorithm, bytes(key.public or b"")) == (1, "ed25519", PUBLIC)


async def test_the_life_of_a_key(run, pool):
    assert run("keys", "add", "val-1", "--public-key", PUBLIC.hex(), "--from", "2026-08-01T06:00").stdout == "key_id: 1\n"  # fmt: skip
    # the same again is nothing; another key under its number is refused
    assert run("keys", "add", "val-1", "--public-key", PUBLIC.hex(), "--key-id", "1").exit_code == 0
    other = public_key_of(seed_of("val-1", 2)).hex()
    refused = run("keys", "add", "val-1", "--public-key", other, "--key-id", "1")
    assert (refused.exit_code, "has another key 1" in refused.stderr) == (1, True)
    # rotation: the next number, and the old one ends where the new one starts
    rotated = run("keys", "add", "val-1", "--public-key", other, "--from", "2026-09-01T00:00", "--replace")  # fmt: skip
    assert rotated.stdout == "key_id: 2\n"
    first, second = json.loads(run("keys", "list", "val-1", "--json").stdout)
    assert first["revoked_at"] == second["valid_from"]
    assert (second["public_key"], second["revoked_at"]) == (other, None)
    ring = await load_key_ring(pool, None)
    starts = {number: key.valid_from_ms for (_, number), key in ring.keys.items()}
    assert starts[1] == datetime(2026, 8, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert ring.keys[1, 1].revoked_ms == starts[2]
    # a revocation can be moved back, never forth
    assert "is revoked" in run("keys", "revoke", "val-1", "--key-id", "2").stdout
    assert "revoked before" in run("keys", "revoke", "val-1", "--key-id", "2").stdout
    earlier = run("keys", "revoke", "val-1", "--key-id", "2", "--at", "2026-09-02T00:00")
    assert "from 2026-09-02T00:00:00+05:00 on" in earlier.stdout
    assert other in run("keys", "list").stdout


async def test_a_secret_is_derived_and_proves_the_devices_taps(run, pool, tmp_path):
    added = run("keys", "add", "val-1", "--algorithm", "hmac-sha256", "--from", "2026-01-01T00:00")
    number, secret = [line.partition(": ")[2] for line in added.stdout.splitlines()]
    master = find_master_key(tmp_path / "master.key")
    assert master is not None
    assert derive_secret(master, "aktobe", "val-1", int(number)).hex() == secret
    key = (await load_key_ring(pool, master)).find_key(
        1, tap(alg="hmac-sha256", key_id=1, signature="x"), NOW_MS
    )
    assert not isinstance(key, str)
    assert key.secret.hex() == secret
    assert secret not in repr(key)
    assert secret not in run("keys", "list", "--json").stdout


def test_errors_are_one_sentence_and_a_hint(run):
    for arguments, message in (
        (("add", "nobody", "--public-key", PUBLIC.hex()), "no device nobody"),
        (("add", "val-1"), "Ed25519 takes a public key"),
        (("add", "val-1", "--public-key", "00"), "64 hexadecimal digits"),
        (("add", "val-1", "--algorithm", "rsa"), "neither ed25519"),
        (("add", "val-1", "--algorithm", "hmac-sha256", "--public-key", PUBLIC.hex()), "HMAC none"),
        (("add", "val-1", "--public-key", PUBLIC.hex(), "--key-id", "3000000000"), "not between"),
        (("revoke", "val-1", "--key-id", "7"), "has no key 7"),
        (("revoke", "nobody", "--key-id", "1"), "no device nobody"),
    ):
        result = run("keys", *arguments)
        assert result.exit_code == 1, arguments
        assert message in result.stderr.replace("\n", " "), (arguments, result.stderr)
        assert "Traceback" not in result.output


def test_find_key_needs_the_whole_seal():
    assert KeyRing().find_key(1, tap(), NOW_MS) == "unsigned"
    assert KeyRing().find_key(1, sealed(tap()), NOW_MS) == "unknown_key"
