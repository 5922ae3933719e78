"""What the commands on agents, processors and their registers share."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sapar.cli.at_desk import tenge
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import Pool
    from sapar.finance.agents.parties import Who

T = TypeVar("T")

Name = Annotated[str, typer.Argument(help="Owner of its accounts: `paid.name` of a sale.")]
Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Fare day.")]


def run_as(work: Callable[[Pool, str, Who], Awaitable[T]], agency: str | None) -> T:
    """Run `work` with a pool, the agency and who runs it."""
    settings = Settings()

    async def run() -> T:
        from sapar.core.db import open_pool
        from sapar.finance.agents.parties import Who

        who = Who(getpass.getuser(), settings.clock().now())
        conninfo = settings.database_url.get_secret_value()
        async with open_pool(conninfo, max_size=2, name="finance") as pool:
            return await work(pool, agency or settings.agency, who)

    with reported():
        return asyncio.run(run())


def show_table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], empty: str, *, as_json: bool
) -> None:
    """Print a table, amounts in tenge, or JSON with amounts in tiyn."""
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
        return
    if not rows:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for place, name in enumerate(names):
        heading = name.replace("_tiyn", "").replace("_", " ")
        table.add_column(heading, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(
            *(
                "" if value is None else tenge(value) if name.endswith("_tiyn") else str(value)
                for name, value in zip(names, row, strict=True)
            )
        )
    Console().print(table)
