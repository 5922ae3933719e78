"""Keys that devices seal their taps with: an immutable ring and the part that renews it.

An Ed25519 key is known here by its public half alone. A shared secret is in no table: it is derived
from the deployment's master key, the device and the key's number, so whoever reads the database
cannot seal.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from nacl.signing import VerifyKey

from sapar.contract.messages import ShiftReport, Tap, TapVoid
from sapar.contract.seal import ED25519, PUBLIC_KEY_BYTES
from sapar.core.db import Pool, load_queries, translated
from sapar.core.errors import Fault, Refused
from sapar.core.log import get_logger
from sapar.core.settings import Settings
from sapar.fleet.registry import kept_current

MASTER_KEY_BYTES: Final = 32
_QUERIES = load_queries("sapar.ticketing")
_log = get_logger()


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A key of a device.

    Attributes:
        key_id: its number on the wire.
        algorithm: the only one that it may be used with.
        secret: what HMAC seals are made with; empty for Ed25519.
        public: what Ed25519 seals are proved with; None for HMAC.
        valid_from_ms: device time of the first tap that it may seal, Unix milliseconds.
        revoked_ms: device time from which it proves nothing, or None.
    """

    key_id: int
    algorithm: str
    secret: bytes = field(default=b"", repr=False)
    public: VerifyKey | None = None
    valid_from_ms: int = 0
    revoked_ms: int | None = None


@dataclass(frozen=True)
class KeyRing:
    """All keys as they stood at one moment; never changed, only replaced."""

    keys: Mapping[tuple[int, int], DeviceKey] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]], master: bytes | None) -> KeyRing:
        """Make the ring of rows of the query `list_device_keys`.

        Raises:
            Refused: a key must be derived and there is no master key (`tap_master_key`).
        """
        keys = {}
        for device_no, agency_id, device_id, key_id, algorithm, public, start_ms, end_ms in rows:
            secret, verify = b"", None
            if algorithm == ED25519:
                verify = VerifyKey(bytes(public))
            elif master is None:
                raise Refused(
                    "a device has an HMAC key and there is no master key to derive it from",
                    code="tap_master_key",
                    hint="Put the deployment's file where SAPAR_TAP_MASTER_KEY_FILE says.",
                )
            else:
                secret = derive_secret(master, agency_id, device_id, key_id)
            keys[device_no, key_id] = DeviceKey(key_id, algorithm, secret, verify, start_ms, end_ms)
        return cls(keys)

    def find_key(
        self, device_no: int, sealed: Tap | TapVoid | ShiftReport, time_ms: int
    ) -> DeviceKey | str:
        """Give the key that a record's seal must be proved with, or why there is none.

        The answer depends on the record's own time: a key that was revoked still proves what was
        tapped before.

        Returns:
            The key, or one of `unsigned`, `unknown_key`, `wrong_algorithm`, `key_not_valid`,
            `revoked_key`.
        """
        if sealed.signature is None or sealed.alg is None or sealed.key_id is None:
            return "unsigned"
        key = self.keys.get((device_no, sealed.key_id))
        if key is None:
            return "unknown_key"
        if key.algorithm != sealed.alg:
            return "wrong_algorithm"
        if time_ms < key.valid_from_ms:
            return "key_not_valid"
        if key.revoked_ms is not None and time_ms >= key.revoked_ms:
            return "revoked_key"
        return key


def derive_secret(master: bytes, agency_id: str, device_id: str, key_id: int) -> bytes:
    """Derive the 32 bytes that a device shares with us, one for each of its key numbers."""
    name = msgspec.msgpack.encode(["sapar-tap", agency_id, device_id, key_id])
    return hmac.digest(master, name, "sha256")


def find_master_key(path: Path) -> bytes | None:
    """Read the master key; None when there is no such file.

    Raises:
        Fault: the file is not 64 hexadecimal digits, or others may read it (`tap_master_key`).
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise Fault(f"others may read {path}", code="tap_master_key", hint=f"Run: chmod 600 {path}")
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise Fault(f"{path} does not hold 64 hexadecimal digits", code="tap_master_key")
    return key


def ensure_master_key(path: Path) -> bytes:
    """Read the master key, making one, readable by its owner alone, where there is none.

    Raises:
        Fault: there is a file and it holds no key (`tap_master_key`).
    """
    found = find_master_key(path)
    if found is not None:
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(MASTER_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # whole or not at all; whoever comes second takes the first's
        except FileExistsError:
            _log.debug("tap_master_key_made_by_another", path=str(path))
    finally:
        fresh.unlink()
    made = find_master_key(path)
    if made is None:
        raise Fault(f"{path} vanished while it was made", code="tap_master_key")
    return made


def public_key_of_text(text: str) -> bytes | None:
    """Read an Ed25519 public key as a person brings it: hexadecimal, base64 or base64url."""
    from base64 import b64decode

    bare = text.strip()
    try:
        if len(bare) == 2 * PUBLIC_KEY_BYTES:
            return bytes.fromhex(bare)
        standard = bare.rstrip("=").replace("-", "+").replace("_", "/")
        key = b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        return None
    return key if len(key) == PUBLIC_KEY_BYTES else None


async def load_key_ring(pool: Pool, master: bytes | None) -> KeyRing:
    """Read all keys.

    Raises:
        Unavailable: the database does not answer.
        Refused: there are HMAC keys and no master key.
    """
    with translated():
        async with pool.connection() as connection:
            rows = await (await connection.execute(_QUERIES["list_device_keys"])).fetchall()
    return KeyRing.of_rows(rows, master)


class KeyWatcher:
    """Keeps the ring current: on the registry's notices, and every `registry_refresh_s`.

    While the database does not answer, the last ring stands.
    """

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._master = find_master_key(settings.tap_master_key_file)
        self._current = KeyRing()

    @property
    def current(self) -> KeyRing:
        """The newest ring; take it once a batch."""
        return self._current

    async def refresh(self) -> KeyRing:
        """Read the keys now; errors as in `load_key_ring`, and the last ring stands."""
        if self._master is None:
            self._master = find_master_key(self._settings.tap_master_key_file)
        self._current = await load_key_ring(self._pool, self._master)
        return self._current

    @asynccontextmanager
    async def running(self) -> AsyncIterator[KeyWatcher]:
        """Read the keys, then keep them current in a task until the block ends."""
        async with kept_current(self._settings, self.refresh, "keys"):
            yield self
