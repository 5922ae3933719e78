"""Registering, rotating and revoking keys of devices. The caller's transaction holds it all."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as change
from datetime import datetime

from sapar.contract.messages import INTEGER_MAX
from sapar.contract.seal import ED25519, Algorithm
from sapar.core.db import Connection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused

_QUERIES = load_queries("sapar.ticketing")
_KEY_ID_MAX = 2**31 - 1
assert _KEY_ID_MAX < INTEGER_MAX


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is registered."""

    agency_id: str
    device_id: str
    key_id: int
    algorithm: str
    public_key: bytes | None
    valid_from: datetime
    revoked_at: datetime | None
    created_at: datetime


def list_keys(connection: Connection, agency_id: str, device_id: str | None = None) -> list[KeyRow]:
    """List the keys of an agency's devices, or of one device."""
    with translated():
        rows = connection.execute(
            _QUERIES["list_key_rows"], {"agency_id": agency_id, "device_id": device_id}
        ).fetchall()
    return [KeyRow(*row) for row in rows]


def add_key(
    connection: Connection,
    agency_id: str,
    device_id: str,
    *,
    algorithm: Algorithm,
    public_key: bytes | None,
    valid_from: datetime,
    key_id: int | None = None,
    replace: bool = False,
) -> KeyRow:
    """Register a key of a device.

    Args:
        connection: the caller's transaction.
        agency_id: the device's city.
        device_id: the device.
        algorithm: the only one that the key may be used with.
        public_key: 32 bytes for Ed25519, None for HMAC, whose secret is derived.
        valid_from: device time of the first tap that it may seal. Of a key that is registered
            already an earlier one counts from now on, a later one changes nothing.
        key_id: its number; None for the next.
        replace: revoke the device's other keys from `valid_from` on.

    Raises:
        BadInput: the number is none (`key_id`), or key and algorithm do not fit (`public_key`).
        NotFound: there is no such device (`unknown_device`).
        Refused: the number is taken by another key (`key_exists`).
    """
    if key_id is not None and not 0 <= key_id <= _KEY_ID_MAX:
        raise BadInput(f"key number {key_id} is not between 0 and {_KEY_ID_MAX}", code="key_id")
    if (algorithm == ED25519) != (public_key is not None):
        raise BadInput("Ed25519 takes a public key, HMAC none", code="public_key")
    device_no = _lock_device(connection, agency_id, device_id)
    rows = list_keys(connection, agency_id, device_id)
    number = max((row.key_id for row in rows), default=0) + 1 if key_id is None else key_id
    for row in rows:
        if row.key_id == number:
            if (row.algorithm, row.public_key) == (algorithm, public_key):
                return _count_from(connection, device_no, row, valid_from)
            raise Refused(
                f"{device_id} has another key {number} already",
                code="key_exists",
                hint="A number names one key for ever; leave --key-id out to take the next.",
            )
    with translated():
        connection.execute(
            _QUERIES["insert_device_key"],
            {
                "device_no": device_no,
                "key_id": number,
                "algorithm": algorithm,
                "public_key": public_key,
                "valid_from": valid_from,
            },
        )
        if replace:
            connection.execute(
                _QUERIES["revoke_device_keys"],
                {"device_no": device_no, "key_id": None, "all_but": number, "at": valid_from},
            )
    return next(r for r in list_keys(connection, agency_id, device_id) if r.key_id == number)


def _count_from(connection: Connection, device_no: int, row: KeyRow, since: datetime) -> KeyRow:
    """Let a key seal taps from an earlier time on, where it is one."""
    if since >= row.valid_from:
        return row
    values = {"device_no": device_no, "key_id": row.key_id, "valid_from": since}
    with translated():
        connection.execute(_QUERIES["count_key_from"], values)
    return change(row, valid_from=since)


def revoke_key(
    connection: Connection, agency_id: str, device_id: str, key_id: int, at: datetime
) -> bool:
    """Revoke a key: taps from `at` on (device time) are not proved by it any more.

    Returns:
        False when it was revoked then, or earlier, already.

    Raises:
        NotFound: there is no such device (`unknown_device`) or key (`unknown_key`).
    """
    device_no = _lock_device(connection, agency_id, device_id)
    if all(row.key_id != key_id for row in list_keys(connection, agency_id, device_id)):
        raise NotFound(f"{device_id} has no key {key_id}", code="unknown_key")
    with translated():
        revoked = connection.execute(
            _QUERIES["revoke_device_keys"],
            {"device_no": device_no, "key_id": key_id, "all_but": None, "at": at},
        ).fetchall()
    return bool(revoked)


def _lock_device(connection: Connection, agency_id: str, device_id: str) -> int:
    with translated():
        row = connection.execute(
            _QUERIES["lock_device"], {"agency_id": agency_id, "device_id": device_id}
        ).fetchone()
    if row is None:
        raise NotFound(f"there is no device {device_id} of {agency_id}", code="unknown_device")
    return int(row[0])
