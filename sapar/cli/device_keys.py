"""`sapar devices keys`: what validators seal their taps with."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import Connection
    from sapar.ticketing.key_store import KeyRow

app = typer.Typer(no_args_is_help=True, help="What validators seal their taps with.")

DeviceName = Annotated[str, typer.Argument(help="The device's name in topics.")]
AgencyName = Annotated[str | None, typer.Option("--agency", help="Its city; SAPAR_AGENCY if not.")]
KeyNumber = Annotated[int | None, typer.Option("--key-id", min=0, help="The key's number.")]


@app.command()
def add(
    device: DeviceName,
    public_key: Annotated[
        str | None, typer.Option(help="Ed25519 public key: 64 hexadecimal digits, or base64.")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="ed25519 or hmac-sha256.")] = "ed25519",
    key_id: KeyNumber = None,
    valid_from: Annotated[
        str | None,
        typer.Option(
            "--from", help="Device time of the first tap it seals (city's time); now if not."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option(help="Rotate: the device's other keys are revoked from then on.")
    ] = False,
    agency: AgencyName = None,
) -> None:
    """Register a key of a device; for hmac-sha256 print the secret to put into it.

    The device makes an Ed25519 key itself and hands over its public half. A secret for HMAC is
    derived from the deployment's master key, which is made where there is none. Taps that were held
    for want of the key are judged again.
    """
    from sapar.core.db import connect
    from sapar.core.errors import BadInput
    from sapar.ticketing.key_store import add_key
    from sapar.ticketing.keys import derive_secret, ensure_master_key

    settings = Settings()
    agency_id = agency or settings.agency
    with reported(), connect(settings.database_url.get_secret_value()) as connection:
        if algorithm not in {"ed25519", "hmac-sha256"}:
            raise BadInput(f"{algorithm!r} is neither ed25519 nor hmac-sha256", code="algorithm")
        master = ensure_master_key(settings.tap_master_key_file) if algorithm[0] == "h" else None
        row = add_key(
            connection,
            agency_id,
            device,
            algorithm=algorithm,  # type: ignore[arg-type]
            public_key=_public_key(public_key),
            valid_from=_time(connection, agency_id, valid_from) or settings.clock().now(),
            key_id=key_id,
            replace=replace,
        )
    typer.echo(f"key_id: {row.key_id}")
    if master is not None:
        typer.echo(f"secret: {derive_secret(master, agency_id, device, row.key_id).hex()}")
    _prove(settings, agency_id, device)


@app.command()
def revoke(
    device: DeviceName,
    key_id: Annotated[int, typer.Option("--key-id", min=0, help="The key's number.")],
    at: Annotated[
        str | None, typer.Option("--at", help="From which device time on; now if not.")
    ] = None,
    agency: AgencyName = None,
) -> None:
    """Revoke a key: taps from then on are held, what was tapped before stays proved."""
    from sapar.core.db import connect
    from sapar.ticketing.key_store import revoke_key

    settings = Settings()
    agency_id = agency or settings.agency
    with reported(), connect(settings.database_url.get_secret_value()) as connection:
        time = _time(connection, agency_id, at) or settings.clock().now()
        revoked = revoke_key(connection, agency_id, device, key_id, time)
    since = time.isoformat(timespec="seconds")
    typer.echo(
        f"key {key_id} of {device} is revoked from {since} on"
        if revoked
        else f"key {key_id} of {device} was revoked before"
    )
    _prove(settings, agency_id, device)


@app.command("list")
def list_(
    device: Annotated[
        str | None, typer.Argument(help="One device; all of the city if not.")
    ] = None,
    agency: AgencyName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List keys; secrets are never shown."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from sapar.core.db import connect
    from sapar.ticketing.key_store import list_keys

    settings = Settings()
    with reported(), connect(settings.database_url.get_secret_value()) as connection:
        rows = list_keys(connection, agency or settings.agency, device)
    if as_json:
        typer.echo(msgspec.json.encode([_plain(row) for row in rows]).decode())
        return
    table = Table("device", "key", "algorithm", "public key", "valid from", "revoked from")
    for row in rows:
        table.add_row(
            row.device_id,
            str(row.key_id),
            row.algorithm,
            row.public_key.hex() if row.public_key else "-",
            row.valid_from.isoformat(timespec="seconds"),
            row.revoked_at.isoformat(timespec="seconds") if row.revoked_at else "-",
        )
    Console().print(table)


def _prove(settings: Settings, agency_id: str, device: str) -> None:
    """Judge the device's taps again that are held for want of a key; say so if there are any."""
    from sapar.cli.ticketing.held import prove_now, told

    found = prove_now(settings, agency_id, device)
    if found.looked_at:
        typer.echo(told(found))


def _plain(row: KeyRow) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(row) | {"public_key": row.public_key.hex() if row.public_key else None}


def _public_key(text: str | None) -> bytes | None:
    """Read a public key.

    Raises:
        BadInput: it is none (`public_key`).
    """
    from sapar.core.errors import BadInput
    from sapar.ticketing.keys import public_key_of_text

    if text is None:
        return None
    key = public_key_of_text(text)
    if key is None:
        raise BadInput(
            f"{text!r} is no Ed25519 public key",
            code="public_key",
            hint="It has 32 bytes: 64 hexadecimal digits, or 43 or 44 characters of base64.",
        )
    return key


def _time(connection: Connection, agency_id: str, text: str | None) -> datetime | None:
    from sapar.fleet.agencies import get_agency
    from sapar.fleet.device_import import parse_time

    return None if text is None else parse_time(text, get_agency(connection, agency_id))
