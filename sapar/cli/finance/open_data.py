"""`sapar ticketing open-data`: figures for the public."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.finance.settle import Agency, run_on
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection

app = typer.Typer(no_args_is_help=True, help="Figures for the public.")

MonthText = Annotated[str, typer.Argument(help="Like 2026-10; its days are closed.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.", file_okay=False)]


@app.command()
def month(
    month: MonthText,
    out: Out,
    smallest: Annotated[
        int, typer.Option("--k", min=1, help="The smallest count that is published.")
    ] = 10,
    agency: Agency = None,
) -> None:
    """Write ridership, revenue and service of a month by route: CSV, Parquet, data dictionary."""
    from sapar.finance.opendata.publishing import month_files

    files = run_on(lambda c, of: month_files(c, of, month, k=smallest), agency)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
        typer.echo(f"{out / name}: {len(data):,} bytes")


@app.command()
def tides(month: MonthText, out: Out, agency: Agency = None) -> None:
    """Write the rides of a month as TIDES fare_transactions; tokens of cards change each month."""
    from sapar.finance.opendata.tides import write_transactions
    from sapar.ticketing.keys import ensure_master_key

    async def work(connection: AsyncConnection, of: str) -> int:
        master = ensure_master_key(Settings().tap_master_key_file)
        out.mkdir(parents=True, exist_ok=True)
        with (out / "fare_transactions.csv").open("w", encoding="utf-8", newline="") as file:
            return await write_transactions(connection, of, month, master, file)

    typer.echo(f"{run_on(work, agency):,} transactions")
