"""Devices and mountings: added, moved, revoked, listed. The caller's transaction holds it all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sapar.contract.texts import TEXT_CHARACTERS_MAX
from sapar.contract.topics import DEVICE_PATTERN
from sapar.core.db import Connection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.fleet.agencies import get_agency
from sapar.fleet.credentials import generate_password, hash_password

_QUERIES = load_queries("sapar.fleet")

KINDS: Final = ("tracker", "validator")
"""What a device may be: a GPS tracker, or a validator that reads cards and codes."""

PASSWORD_CHARACTERS_MIN: Final = 12
"""Shortest password that a device may bring along."""

_PASSWORD_CHARACTERS_MAX = 128


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to add, or to move into another vehicle.

    Attributes:
        agency_id, device_id: its name in topics.
        vehicle_id: the vehicle it is mounted in, as the timetable's side names vehicles; None for
            a device on the shelf.
        kind: one of `KINDS`.
        mounted_from: when it was mounted. None means since ever for the first vehicle of a device
            (an older backlog then counts for that vehicle), and now for every later one.
        password: None to have one generated.
    """

    agency_id: str
    device_id: str
    vehicle_id: str | None = None
    kind: str = "tracker"
    mounted_from: datetime | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as it stands, with its newest mounting (an aware UTC range, open where None)."""

    device_no: int
    agency_id: str
    device_id: str
    kind: str
    created_at: datetime
    revoked_at: datetime | None
    vehicle_id: str | None
    mounted_from: datetime | None
    mounted_until: datetime | None

    @property
    def is_mounted(self) -> bool:
        """Whether it is in a vehicle now, as far as the registry knows."""
        return self.vehicle_id is not None and self.mounted_until is None


def check_device(device: NewDevice) -> None:
    """Check names, kind and password.

    Raises:
        BadInput: with code `device_id`, `vehicle_id`, `kind`, `password` or `from`.
    """
    if re.fullmatch(DEVICE_PATTERN, device.device_id) is None:
        raise BadInput(
            f"device {device.device_id!r} is not a name of at most 64 of A-Z, a-z, 0-9, _ and -,"
            " with a letter or digit first",
            code="device_id",
        )
    if device.vehicle_id is not None:
        check_vehicle(device.vehicle_id)
    if device.kind not in KINDS:
        raise BadInput(f"kind {device.kind!r} is neither {' nor '.join(KINDS)}", code="kind")
    if device.mounted_from is not None and device.mounted_from.tzinfo is None:
        raise BadInput("the time of mounting names no time zone", code="from")
    length = None if device.password is None else len(device.password)
    if length is not None and not PASSWORD_CHARACTERS_MIN <= length <= _PASSWORD_CHARACTERS_MAX:
        raise BadInput(
            f"the password has {length} characters; {PASSWORD_CHARACTERS_MIN} to"
            f" {_PASSWORD_CHARACTERS_MAX} are allowed",
            code="password",
        )


def check_vehicle(vehicle_id: str) -> None:
    """Check the name of a vehicle.

    Raises:
        BadInput: it is empty, too long or has control characters (`vehicle_id`).
    """
    if not (0 < len(vehicle_id) <= TEXT_CHARACTERS_MAX and vehicle_id.isprintable()):
        raise BadInput(
            f"vehicle {vehicle_id!r} is not a name of 1 to {TEXT_CHARACTERS_MAX} characters",
            code="vehicle_id",
        )


def add_device(connection: Connection, device: NewDevice) -> str:
    """Add a device and mount it; give its password, which is stored nowhere.

    Raises:
        BadInput: a name, the kind or the password is malformed.
        NotFound: there is no such agency (`unknown_agency`).
        Refused: the device is there already (`device_exists`).
    """
    check_device(device)
    get_agency(connection, device.agency_id)
    with translated():
        connection.execute(_QUERIES["lock_devices"])
        if find_device(connection, device.agency_id, device.device_id) is not None:
            raise Refused(
                f"device {device.device_id} of {device.agency_id} exists already",
                code="device_exists",
                hint="`sapar devices mount` moves it, `sapar devices password` renews its secret.",
            )
        password = device.password or generate_password()
        connection.execute(_QUERIES["insert_device"], insert_values(device, password))
        if device.vehicle_id is not None:
            connection.execute(_QUERIES["insert_mounting"], mounting_values(device))
    return password


def insert_values(device: NewDevice, password: str) -> dict[str, Any]:
    """Give the parameters of the query `insert_device`."""
    return {
        "agency_id": device.agency_id,
        "device_id": device.device_id,
        "kind": device.kind,
        "password_hash": hash_password(password),
    }


def mounting_values(device: NewDevice) -> dict[str, Any]:
    """Give the parameters of the queries `insert_mounting` and `end_mounting`."""
    return {
        "agency_id": device.agency_id,
        "device_id": device.device_id,
        "vehicle_id": device.vehicle_id,
        "at": device.mounted_from,
    }


def mount_device(
    connection: Connection, agency_id: str, device_id: str, vehicle_id: str, at: datetime
) -> bool:
    """Mount a device in a vehicle from `at` on; the range in its old vehicle ends there.

    Returns:
        False when it is in that vehicle already.

    Raises:
        BadInput: the vehicle's name is malformed.
        NotFound: there is no such device.
        Refused: it is revoked (`revoked_device`) or was moved later than `at` (`mounting_order`).
    """
    check_vehicle(vehicle_id)
    with translated():
        connection.execute(_QUERIES["lock_devices"])
        row = get_device(connection, agency_id, device_id)
        if row.is_mounted and row.vehicle_id == vehicle_id:
            return False
        _end_mounting(connection, row, at)
        values = {
            "agency_id": agency_id,
            "device_id": device_id,
            "vehicle_id": vehicle_id,
            "at": at,
        }
        connection.execute(_QUERIES["insert_mounting"], values)
    return True


def unmount_device(connection: Connection, agency_id: str, device_id: str, at: datetime) -> bool:
    """Take a device out of its vehicle at `at`; False when it is in none.

    Raises:
        NotFound: there is no such device.
        Refused: it was moved later than `at` (`mounting_order`).
    """
    with translated():
        connection.execute(_QUERIES["lock_devices"])
        row = get_device(connection, agency_id, device_id)
        if not row.is_mounted:
            return False
        _end_mounting(connection, row, at)
    return True


def check_move(row: DeviceRow, at: datetime) -> None:
    """Check that a device may be moved at `at`.

    Raises:
        Refused: it is revoked (`revoked_device`) or was moved later than `at` (`mounting_order`).
    """
    if row.revoked_at is not None:
        raise Refused(f"device {row.device_id} is revoked", code="revoked_device")
    newest = row.mounted_until or row.mounted_from
    if newest is not None and at < newest:
        raise Refused(
            f"device {row.device_id} was moved at {newest.isoformat()}, which is later than"
            f" {at.isoformat()}",
            code="mounting_order",
        )


def _end_mounting(connection: Connection, row: DeviceRow, at: datetime) -> None:
    check_move(row, at)
    if row.is_mounted:
        name = "delete_open_mounting" if row.mounted_from == at else "end_mounting"
        values = {"agency_id": row.agency_id, "device_id": row.device_id, "at": at}
        connection.execute(_QUERIES[name], values)


def renew_password(
    connection: Connection, agency_id: str, device_id: str, password: str | None = None
) -> str:
    """Give a device another password and return it; its open connection ends within seconds.

    Raises:
        BadInput: the password is too short or too long.
        NotFound: there is no such device.
        Refused: it is revoked (`revoked_device`).
    """
    row = get_device(connection, agency_id, device_id)
    if row.revoked_at is not None:
        raise Refused(f"device {row.device_id} is revoked", code="revoked_device")
    device = NewDevice(agency_id, device_id, password=password)
    check_device(device)
    password = password or generate_password()
    with translated():
        connection.execute(_QUERIES["set_password_hash"], insert_values(device, password))
    return password


def revoke_device(connection: Connection, agency_id: str, device_id: str, at: datetime) -> bool:
    """Revoke a device for good: it may not connect any more; False when it was revoked before.

    What it sent stays, and so does its name: another device takes another name, so that records
    of the two are never mixed up.

    Raises:
        NotFound: there is no such device.
    """
    get_device(connection, agency_id, device_id)
    values = {"agency_id": agency_id, "device_id": device_id, "at": at}
    with translated():
        return connection.execute(_QUERIES["revoke_device"], values).rowcount > 0


def find_device(connection: Connection, agency_id: str, device_id: str) -> DeviceRow | None:
    """Give a device with its newest mounting, if it is there."""
    values = {"agency_id": agency_id, "device_id": device_id}
    with translated():
        row = connection.execute(_QUERIES["list_device_rows"], values).fetchone()
    return DeviceRow(*row) if row is not None else None


def get_device(connection: Connection, agency_id: str, device_id: str) -> DeviceRow:
    """Give a device with its newest mounting.

    Raises:
        NotFound: there is no such device (`unknown_device`).
    """
    row = find_device(connection, agency_id, device_id)
    if row is None:
        raise NotFound(f"there is no device {device_id!r} of {agency_id!r}", code="unknown_device")
    return row


def list_devices(connection: Connection, agency_id: str | None = None) -> list[DeviceRow]:
    """All devices of an agency, or of all agencies, revoked ones too."""
    values = {"agency_id": agency_id, "device_id": None}
    with translated():
        return [DeviceRow(*row) for row in connection.execute(_QUERIES["list_device_rows"], values)]


def list_mountings(
    connection: Connection, device_no: int
) -> list[tuple[str, datetime | None, datetime | None]]:
    """Where a device was when: (vehicle, from, until), open where None, in order of time."""
    with translated():
        rows = connection.execute(_QUERIES["list_mountings"], {"device_no": device_no})
        return [(vehicle, start, end) for vehicle, start, end in rows]
