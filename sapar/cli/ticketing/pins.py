"""`sapar ticketing cards pin`: a holder's PIN for looking the card up."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import on_connection
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection


def pin(
    card: Annotated[str, typer.Argument(help="The card's reference.", metavar="CARD")],
    agency: Annotated[str | None, typer.Option(help="Its city; SAPAR_AGENCY if not.")] = None,
    choose: Annotated[
        bool, typer.Option(help="Ask for the PIN that the holder wants; else one is made.")
    ] = False,
) -> None:
    """Give a card a PIN, or a new one; asks for the number that is printed on the card.

    Neither is an argument: those stand in the shell's history and in the list of processes.
    """
    from sapar.cli.report import reported
    from sapar.ticketing.cards.lookup import numbers, pins

    settings = Settings()
    agency_id = agency or settings.agency
    with reported():
        number = numbers.read_number(typer.prompt("Number of the card", hide_input=True))
        chosen = typer.prompt("PIN", hide_input=True) if choose else pins.make_pin()
        key = numbers.ensure_lookup_key(settings.card_lookup_key_file)

    async def work(connection: AsyncConnection) -> None:
        await pins.set_pin(
            connection,
            agency_id,
            card,
            number_hash=numbers.hash_number(key, agency_id, number),
            pin=chosen,
            actor=getpass.getuser(),
            now=settings.clock().now(),
        )

    on_connection(settings, work)
    typer.echo(f"{card} has a PIN" if choose else f"{card} has the PIN {chosen}; it is shown once")
