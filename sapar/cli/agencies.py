"""`sapar agencies`: the cities of this deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The cities of this deployment.")


@app.command()
def add(
    agency: Annotated[str, typer.Argument(help="Its name in topics, keys and URLs.")],
    name: Annotated[str | None, typer.Option(help="Its name for people.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name, as Asia/Almaty.")] = None,
) -> None:
    """Add an agency, or change its name or time zone."""
    from sapar.core.db import connect
    from sapar.fleet.agencies import ensure_agency

    with reported(), connect(Settings().database_url.get_secret_value()) as connection:
        ensure_agency(connection, agency, name=name, timezone=timezone)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all agencies."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from sapar.core.db import connect
    from sapar.fleet.agencies import list_agencies

    with reported(), connect(Settings().database_url.get_secret_value()) as connection:
        agencies = list_agencies(connection)
    if as_json:
        typer.echo(msgspec.json.encode(agencies).decode())
        return
    table = Table("agency", "name", "time zone", "area")
    for agency in agencies:
        area = agency.area
        box = (
            f"{area.min_latitude:.3f}..{area.max_latitude:.3f} N,"
            f" {area.min_longitude:.3f}..{area.max_longitude:.3f} E"
            if area
            else "not known yet"
        )
        table.add_row(agency.agency_id, agency.name, agency.timezone, box)
    Console().print(table)
