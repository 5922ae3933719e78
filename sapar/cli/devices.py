"""`sapar devices`: trackers and validators, before they speak."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli import device_keys
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import Connection
    from sapar.fleet.device_import import ImportPlan
    from sapar.fleet.devices import DeviceRow

app = typer.Typer(no_args_is_help=True, help="Trackers and validators, before they speak.")
app.add_typer(device_keys.app, name="keys")

DeviceName = Annotated[str, typer.Argument(help="The device's name in topics.")]
AgencyName = Annotated[str | None, typer.Option("--agency", help="Its city; SAPAR_AGENCY if not.")]
VehicleName = Annotated[str, typer.Option("--vehicle", help="The vehicle it is mounted in.")]
FromTime = Annotated[
    str | None,
    typer.Option("--from", help="When it was mounted, as 2026-08-01T06:00 (city's time)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def _database(settings: Settings) -> Iterator[Connection]:
    from sapar.core.db import connect

    with reported(), connect(settings.database_url.get_secret_value()) as connection:
        yield connection


def _time_of(connection: Connection, agency_id: str, text: str | None) -> datetime | None:
    from sapar.fleet.agencies import get_agency
    from sapar.fleet.device_import import parse_time

    return None if text is None else parse_time(text, get_agency(connection, agency_id))


@app.command()
def add(
    device: DeviceName,
    vehicle: Annotated[
        str | None, typer.Option("--vehicle", help="The vehicle it is mounted in, if any.")
    ] = None,
    agency: AgencyName = None,
    kind: Annotated[str, typer.Option(help="tracker or validator.")] = "tracker",
    mounted_from: FromTime = None,
) -> None:
    """Add a device and print its user name and password, once: only a hash is kept."""
    from sapar.contract.topics import username
    from sapar.fleet.devices import NewDevice, add_device

    settings = Settings()
    agency_id = agency or settings.agency
    with _database(settings) as connection:
        at = _time_of(connection, agency_id, mounted_from)
        password = add_device(connection, NewDevice(agency_id, device, vehicle, kind, at))
    typer.echo(f"username: {username(agency_id, device)}\npassword: {password}")


@app.command("import")
def import_(
    csv: Annotated[
        Path, typer.Argument(help="Columns: agency, device, vehicle, kind, from, password.")
    ],
    agency: AgencyName = None,
    passwords_out: Annotated[
        Path | None, typer.Option(help="New file for generated passwords; standard output if not.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Check the file and change nothing.")] = False,
) -> None:
    """Import devices from a CSV in one transaction; exits with 1 when rows were refused.

    A device that is there already is moved when the file names another vehicle. Refused rows are
    reported and hold up no other row; correct them and import the file again.
    """
    from sapar.fleet.device_import import import_devices, render_passwords_csv

    settings = Settings()
    with (
        reported(),
        _progress() as show,
        _password_file(passwords_out, dry_run=dry_run) as write,
        _database(settings) as connection,
    ):
        plan = import_devices(
            connection,
            _read_text(csv),
            default_agency_id=agency or settings.agency,
            now=settings.clock().now(),
            progress=show,
        )
        if dry_run:
            connection.rollback()
        elif plan.generated:
            # before the commit: a password that cannot be written must not become the only one
            write(render_passwords_csv(plan.generated))
    _report(plan, dry_run=dry_run)
    if plan.refused:
        raise typer.Exit(1)


@app.command()
def mount(
    device: DeviceName, vehicle: VehicleName, agency: AgencyName = None, at: FromTime = None
) -> None:
    """Mount a device in a vehicle; its time in the old vehicle ends then."""
    from sapar.fleet.devices import mount_device

    settings = Settings()
    agency_id = agency or settings.agency
    with _database(settings) as connection:
        time = _time_of(connection, agency_id, at) or settings.clock().now()
        moved = mount_device(connection, agency_id, device, vehicle, time)
    typer.echo(
        f"{device} is in {vehicle} from {time.isoformat(timespec='seconds')} on"
        if moved
        else f"{device} is in {vehicle} already"
    )


@app.command()
def unmount(device: DeviceName, agency: AgencyName = None, at: FromTime = None) -> None:
    """Take a device out of its vehicle."""
    from sapar.fleet.devices import unmount_device

    settings = Settings()
    agency_id = agency or settings.agency
    with _database(settings) as connection:
        time = _time_of(connection, agency_id, at) or settings.clock().now()
        moved = unmount_device(connection, agency_id, device, time)
    typer.echo(f"{device} is out" if moved else f"{device} was in no vehicle")


@app.command()
def password(device: DeviceName, agency: AgencyName = None) -> None:
    """Give a device another password and print it; its connection ends within seconds."""
    from sapar.contract.topics import username
    from sapar.fleet.devices import renew_password

    settings = Settings()
    agency_id = agency or settings.agency
    with _database(settings) as connection:
        secret = renew_password(connection, agency_id, device)
    typer.echo(f"username: {username(agency_id, device)}\npassword: {secret}")


@app.command()
def revoke(device: DeviceName, agency: AgencyName = None) -> None:
    """Revoke a device for good: its connection ends within seconds and it gets no other."""
    from sapar.fleet.devices import revoke_device

    settings = Settings()
    agency_id = agency or settings.agency
    at = datetime.fromtimestamp(settings.clock().wall(), UTC)
    with _database(settings) as connection:
        revoked = revoke_device(connection, agency_id, device, at)
    typer.echo(f"{device} is revoked" if revoked else f"{device} was revoked before")


@app.command("list")
def list_(agency: AgencyName = None, as_json: AsJson = False) -> None:
    """List the devices of one city, or of all when none is named."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from sapar.fleet.devices import list_devices

    with _database(Settings()) as connection:
        rows = list_devices(connection, agency)
    if as_json:
        typer.echo(msgspec.json.encode([asdict(row) for row in rows]).decode())
        return
    table = Table("agency", "device", "kind", "vehicle", "mounted from", "state")
    for row in rows:
        vehicle = row.vehicle_id if row.is_mounted else None
        since = row.mounted_from.isoformat(timespec="minutes") if row.mounted_from else "ever"
        table.add_row(
            row.agency_id,
            row.device_id,
            row.kind,
            vehicle or "-",
            since if vehicle else "",
            _state(row),
        )
    Console().print(table)


@app.command()
def show(device: DeviceName, agency: AgencyName = None, as_json: AsJson = False) -> None:
    """Show one device with all vehicles it was in."""
    import msgspec

    from sapar.contract.topics import username
    from sapar.fleet.devices import get_device, list_mountings

    settings = Settings()
    with _database(settings) as connection:
        row = get_device(connection, agency or settings.agency, device)
        mountings = list_mountings(connection, row.device_no)
    if as_json:
        keys = ("vehicle_id", "mounted_from", "mounted_until")
        ranges = [dict(zip(keys, mounting, strict=True)) for mounting in mountings]
        typer.echo(msgspec.json.encode(asdict(row) | {"mountings": ranges}).decode())
        return
    typer.echo(f"username: {username(row.agency_id, row.device_id)}")
    typer.echo(f"kind:     {row.kind}\nstate:    {_state(row)}")
    for vehicle, start, end in mountings:
        first = start.isoformat(timespec="seconds") if start else "ever"
        last = end.isoformat(timespec="seconds") if end else "now"
        typer.echo(f"vehicle:  {vehicle} from {first} to {last}")


def _state(row: DeviceRow) -> str:
    return f"revoked {row.revoked_at:%Y-%m-%d %H:%M} UTC" if row.revoked_at else "active"


def _report(plan: ImportPlan, *, dry_run: bool) -> None:
    for refused in plan.refused:
        typer.echo(f"line {refused.line}: {refused.code}: {refused.message}", err=True)
    done = "would be " if dry_run else ""
    typer.echo(
        f"{len(plan.added)} {done}added, {len(plan.moved)} {done}moved,"
        f" {len(plan.unchanged)} unchanged, {len(plan.refused)} refused",
        err=True,
    )


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's standard error, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("importing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _password_file(path: Path | None, *, dry_run: bool) -> Iterator[Callable[[str], None]]:
    """Give a writer for passwords; its file is made first, for its owner alone.

    Raises:
        Refused: the file exists, or cannot be made.
    """
    from sapar.core.errors import Refused

    if path is None or dry_run:
        yield lambda text: typer.echo(text, nl=False)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise Refused(
            f"cannot make {path}: {exc.strerror}", code="passwords_out", hint="Name a new file."
        ) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:

            def write(text: str) -> None:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())

            yield write
    finally:
        if path.stat().st_size == 0:
            path.unlink()


def _read_text(path: Path) -> str:
    """Read a CSV, `-` for standard input.

    Raises:
        BadInput: it cannot be read or is not UTF-8 (`csv_file`).
    """
    from sapar.core.errors import BadInput

    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as exc:
        raise BadInput(f"cannot read {path}: {exc.strerror}", code="csv_file") from None
    except UnicodeDecodeError as exc:
        raise BadInput(
            f"{path} is not UTF-8: byte {exc.start}", code="csv_file", hint="Save it as UTF-8."
        ) from None
