"""`sapar depots`: where vehicles are at home."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Where vehicles are at home.")

AgencyName = Annotated[str | None, typer.Option("--agency", help="Its city; SAPAR_AGENCY if not.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV: depot,name,latitude,longitude,vehicles.")],
    agency: AgencyName = None,
) -> None:
    """Store the depots of a city and who is at home there; the file is the whole list."""
    from sapar.core.db import connect
    from sapar.core.errors import BadInput
    from sapar.fleet.depots import read_depots, replace_depots

    settings = Settings()
    with reported():
        try:
            depots = read_depots(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as exc:
            raise BadInput(f"{file} cannot be read: {exc}", code="no_file") from exc
        with connect(settings.database_url.get_secret_value()) as connection:
            replace_depots(connection, agency or settings.agency, depots)
    vehicles = sum(len(depot.vehicle_ids) for depot in depots)
    typer.echo(f"{len(depots)} depots, {vehicles} vehicles at home there")


@app.command("list")
def list_(
    agency: AgencyName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the depots of a city."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from sapar.core.db import open_pool
    from sapar.fleet.depots import Depot, list_depots

    settings = Settings()

    async def read() -> list[Depot]:
        async with open_pool(settings.database_url.get_secret_value(), name="depots") as pool:
            return await list_depots(pool, agency or settings.agency)

    with reported():
        depots = asyncio.run(read())
    if as_json:
        typer.echo(msgspec.json.encode(depots).decode())
        return
    table = Table("depot", "name", "latitude", "longitude", "vehicles")
    for depot in depots:
        place = (f"{depot.latitude:.5f}", f"{depot.longitude:.5f}")
        table.add_row(depot.depot_id, depot.name, *place, str(len(depot.vehicle_ids)))
    Console().print(table)
