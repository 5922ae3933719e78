"""Devices by the thousand from a CSV: read, planned, and stored in one transaction.

A row that cannot be used is reported with its number and reason and holds up no other row. To
import the same file again changes nothing, so a file is corrected and imported until it is clean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sapar.core.db import Connection, load_queries, translated
from sapar.core.errors import BadInput, SaparError
from sapar.fleet.agencies import list_agencies, unknown_agency
from sapar.fleet.credentials import generate_password
from sapar.fleet.devices import (
    DeviceRow,
    NewDevice,
    check_device,
    check_move,
    insert_values,
    list_devices,
    mounting_values,
)
from sapar.fleet.registry import AgencyEntry

_QUERIES = load_queries("sapar.fleet")

COLUMNS: Final = ("agency", "device", "vehicle", "kind", "from", "password")
"""Columns of the CSV; only `device` is required, others are ignored."""

_CHUNK_ROWS = 500

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not used: its line in the file, a stable code, and the reason."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import will do; each list in the file's order.

    Attributes:
        added: devices to insert, every one with a password.
        moved: devices that change their vehicle, with the time filled in.
        ended: those of `moved` that leave a vehicle at that time (others were in none).
        unchanged: devices that stand as the file says.
        refused: rows that were not used.
        generated: devices of `added` whose password was generated here.
    """

    added: list[NewDevice] = field(default_factory=list)
    moved: list[NewDevice] = field(default_factory=list)
    ended: list[NewDevice] = field(default_factory=list)
    unchanged: list[NewDevice] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    generated: list[NewDevice] = field(default_factory=list)


def read_csv(
    text: str, agencies: Mapping[str, AgencyEntry], default_agency_id: str | None
) -> Iterator[tuple[int, NewDevice | RefusedRow]]:
    """Read the rows of a CSV with a header line, as (line, device or refusal).

    Comma, semicolon and tab separate, whichever the header uses; a byte order mark is ignored.
    A time without an offset is local time of the row's agency.

    Raises:
        BadInput: there is no header with a column `device` (`csv_header`).
    """
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as exc:
        raise BadInput(f"the header cannot be read: {exc}", code="csv_header") from None
    if "device" not in names or len(set(names)) != len(names):
        raise BadInput(
            f"the first line must name the columns, `device` among them and none twice: {header!r}",
            code="csv_header",
            hint=f"Columns: {', '.join(COLUMNS)}.",
        )
    reader.fieldnames = names
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
            # blank lines are passed over, so only now is it known where the row stood
            yield reader.line_num, _read_row(row, agencies, default_agency_id)
        except StopIteration:
            return
        except csv.Error as exc:
            yield line, RefusedRow(line, "csv_row", str(exc))
        except SaparError as exc:
            yield reader.line_num, RefusedRow(reader.line_num, exc.code, exc.message)


def _read_row(
    row: dict[str, str | None], agencies: Mapping[str, AgencyEntry], default_agency_id: str | None
) -> NewDevice:
    if None in row:
        raise BadInput("the row has more fields than the header", code="csv_row")
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    agency_id = values["agency"] or default_agency_id
    if not agency_id:
        raise BadInput("the row names no agency", code="agency_id")
    agency = agencies.get(agency_id)
    if agency is None:
        raise unknown_agency(agency_id)
    device = NewDevice(
        agency_id,
        values["device"],
        vehicle_id=values["vehicle"] or None,
        kind=values["kind"].lower() or "tracker",
        mounted_from=parse_time(values["from"], agency) if values["from"] else None,
        password=values["password"] or None,
    )
    check_device(device)
    return device


def parse_time(text: str, agency: AgencyEntry) -> datetime:
    """Read an ISO 8601 time; without an offset it is local time of the agency.

    Raises:
        BadInput: it is no such time (`from`).
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{text!r} is not a time such as 2026-08-01T06:00 or 2026-08-01T06:00+05:00",
            code="from",
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=agency.zone)


def plan_import(
    rows: Iterable[tuple[int, NewDevice | RefusedRow]],
    existing: Mapping[Key, DeviceRow],
    now: datetime,
    make_password: Callable[[], str] = generate_password,
) -> ImportPlan:
    """Decide what each row does to the devices that exist; pure.

    Args:
        rows: as `read_csv` gives them.
        existing: devices by (agency_id, device_id).
        now: time of a move that names none.
        make_password: gives a new password.
    """
    plan = ImportPlan()
    seen: dict[Key, int] = {}
    for line, row in rows:
        if isinstance(row, RefusedRow):
            plan.refused.append(row)
            continue
        key = (row.agency_id, row.device_id)
        first = seen.setdefault(key, line)
        if first != line:
            message = f"device {row.device_id} stands in line {first} already"
            plan.refused.append(RefusedRow(line, "duplicate_row", message))
            continue
        try:
            _plan_row(plan, row, existing.get(key), now, make_password)
        except SaparError as exc:
            plan.refused.append(RefusedRow(line, exc.code, exc.message))
    return plan


def _plan_row(
    plan: ImportPlan,
    row: NewDevice,
    old: DeviceRow | None,
    now: datetime,
    make_password: Callable[[], str],
) -> None:
    if old is None:
        with_password = replace(row, password=row.password or make_password())
        plan.added.append(with_password)
        if row.password is None:
            plan.generated.append(with_password)
        return
    if old.kind != row.kind:
        raise BadInput(
            f"device {row.device_id} is a {old.kind}, not a {row.kind}", code="kind_differs"
        )
    vehicle_id = old.vehicle_id if old.is_mounted else None
    if row.vehicle_id is None or row.vehicle_id == vehicle_id:
        plan.unchanged.append(row)
        return
    at = row.mounted_from or now
    check_move(old, at)
    if old.is_mounted and old.mounted_from == at:
        raise BadInput(
            f"device {row.device_id} was mounted in {vehicle_id} at that very time",
            code="mounting_order",
        )
    moved = replace(row, mounted_from=at)
    plan.moved.append(moved)
    if old.is_mounted:
        plan.ended.append(moved)


def import_devices(
    connection: Connection,
    text: str,
    *,
    default_agency_id: str | None,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ImportPlan:
    """Import a CSV in the caller's transaction and give what was done.

    Args:
        connection: the caller commits, or rolls back to have had a rehearsal.
        text: the file.
        default_agency_id: agency of rows that name none.
        now: time of a move that names none, in transit time.
        progress: called with (statements done, statements in all) now and then.

    Raises:
        BadInput: the header is not one of a device file (`csv_header`).
    """
    with translated():
        connection.execute(_QUERIES["lock_devices"])
    agencies = {agency.agency_id: agency for agency in list_agencies(connection)}
    existing = {(row.agency_id, row.device_id): row for row in list_devices(connection)}
    plan = plan_import(read_csv(text, agencies, default_agency_id), existing, now)
    store_plan(connection, plan, progress)
    return plan


def store_plan(
    connection: Connection, plan: ImportPlan, progress: Callable[[int, int], None]
) -> None:
    """Carry a plan out, in chunks so that progress can be shown."""
    mounted = [device for device in plan.added if device.vehicle_id is not None]
    inserts = [insert_values(device, device.password or "") for device in plan.added]
    steps = [
        ("insert_device", inserts),
        ("end_mounting", [mounting_values(device) for device in plan.ended]),
        ("insert_mounting", [mounting_values(device) for device in (*mounted, *plan.moved)]),
    ]
    total, done = sum(len(rows) for _, rows in steps), 0
    with translated(), connection.cursor() as cursor:
        for name, rows in steps:
            for start in range(0, len(rows), _CHUNK_ROWS):
                chunk = rows[start : start + _CHUNK_ROWS]
                cursor.executemany(_QUERIES[name], chunk)
                done += len(chunk)
                progress(done, total)


def render_passwords_csv(devices: Iterable[NewDevice]) -> str:
    """Write the CSV that hands generated passwords over: one row a device."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("agency", "device", "vehicle", "username", "password"))
    writer.writerows(
        (d.agency_id, d.device_id, d.vehicle_id or "", f"{d.agency_id}.{d.device_id}", d.password)
        for d in devices
    )
    return out.getvalue()
