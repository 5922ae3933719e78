"""`sapar ticketing prove`, `rule`: the ways in for taps that are held."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import tenge, with_tools
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.ticketing.post import Tools
    from sapar.ticketing.prove import Proved
    from sapar.ticketing.rulings import Ruled

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]


def prove(
    device: Annotated[
        str | None, typer.Argument(help="One validator; all of the city if not.")
    ] = None,
    agency: Agency = None,
) -> None:
    """Judge again the seals of taps that are held for want of a key.

    Registering a key does so by itself; this is for what a worker stored meanwhile that had not
    heard of the key.
    """
    settings = Settings()
    typer.echo(told(prove_now(settings, agency or settings.agency, device)))


def prove_now(settings: Settings, agency_id: str, device_id: str | None) -> Proved:
    """Judge seals again by the keys as they are now."""
    from sapar.ticketing.prove import prove_seals

    async def work(connection: AsyncConnection, tools: Tools) -> Proved:
        master = settings.tap_master_key_file
        return await prove_seals(connection, tools, master, agency_id, device_id)

    return with_tools(settings, work)


def told(found: Proved) -> str:
    """Say what judging seals again came to."""
    return (
        f"held for want of a key: {found.looked_at}; of these have a good seal now: {found.good},"
        f" a wrong or revoked one: {found.disproved}; journals posted: {found.journals}"
    )


def rule(
    tap_no: Annotated[int, typer.Argument(help="The tap's number, as its exception names it.")],
    word: Annotated[str, typer.Argument(help="accept: it is a ride; reject: it is none.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")],
    agency: Agency = None,
) -> None:
    """Say that a held tap is a ride, whatever other records say, or that it is none.

    Of several contents under one number, or several taps with one card counter, accepting one
    chooses it. The newest word on a tap counts.
    """
    from sapar.core.errors import BadInput
    from sapar.ticketing.rulings import rule_on_tap

    settings = Settings()

    async def work(connection: AsyncConnection, tools: Tools) -> Ruled:
        if word not in {"accept", "reject"}:
            raise BadInput(f"{word!r} is neither accept nor reject", code="word")
        return await rule_on_tap(
            connection,
            tools,
            agency or settings.agency,
            tap_no,
            "accept" if word == "accept" else "reject",
            reason=reason,
            actor=getpass.getuser(),
        )

    found = with_tools(settings, work)
    now = found.status if found.code is None else f"{found.status}: {found.code}"
    typer.echo(
        f"tap {tap_no} is {now}; it costs {tenge(found.charged_tiyn)} tenge;"
        f" {found.journals} journals were posted"
    )
