"""`sapar ticketing desks`: cash desks of our own, and who takes money there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import on_connection
from sapar.cli.finance.agent_shared import Agency, AsJson, Reason, run_as, show_table
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection

app = typer.Typer(no_args_is_help=True, help="Cash desks: which there are, who sells there.")

Desk = Annotated[str, typer.Argument(help="Owner of its account: `paid.name` of a sale.")]


@app.command("list")
def list_all(agency: Agency = None, as_json: AsJson = False) -> None:
    """Show the cash desks, what each holds, and who takes money there."""
    from sapar.finance.agents.desks import list_desks

    settings = Settings()
    desks = on_connection(settings, lambda c: list_desks(c, agency or settings.agency))
    names = ["desk", "name", "place", "status", "balance_tiyn", "sellers"]
    rows = [
        (
            one.desk_id, one.name, one.place, one.status, one.balance_tiyn,
            ", ".join(seller.name for seller in one.sellers),
        )
        for one in desks
    ]  # fmt: skip
    show_table(names, rows, "There are no cash desks.", as_json=as_json)


@app.command()
def keep(
    desk: Desk,
    name: Annotated[str, typer.Argument(help="As people call it.")],
    place: Annotated[str, typer.Option("--place", help="Where it is.")] = "",
    seller: Annotated[
        list[str] | None, typer.Option("--seller", help="A cashier's name; may be repeated.")
    ] = None,
    closed: Annotated[bool, typer.Option("--closed/--open", help="Whether it sells.")] = False,
    reason: Reason = "",
    agency: Agency = None,
) -> None:
    """Register a cash desk, or say in full what is so now."""
    from sapar.finance.agents.desks import DeskSays, keep_desk

    settings = Settings()
    sellers = on_connection(
        settings, lambda c: _numbers(c, agency or settings.agency, seller or [])
    )
    says = DeskSays(name=name, place=place, status="closed" if closed else "open", sellers=sellers)
    changed = run_as(
        lambda pool, agency_id, who: keep_desk(pool, agency_id, desk, says, who, reason=reason),
        agency,
    )
    typer.echo(f"{desk} is kept" if changed else f"{desk} stands so already")


async def _numbers(connection: AsyncConnection, agency_id: str, names: list[str]) -> list[int]:
    from sapar.core.errors import BadInput
    from sapar.finance.agents.desks import list_sellers

    known = {one.name: one.user_id for one in await list_sellers(connection, agency_id)}
    missing = [one for one in names if one not in known]
    if missing:
        raise BadInput(f"{missing[0]!r} is no cashier of {agency_id}", code="sellers")
    return [known[one] for one in names]
