"""`sapar ticketing gaps`, `controls`: what finance asks before it closes a day."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection

gaps_app = typer.Typer(help="Taps that devices never sent.", no_args_is_help=True)

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Most = Annotated[int, typer.Option("--most", min=1, help="At most so many, the dearest first.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")]


@gaps_app.command("list")
def list_open_gaps(agency: Agency = None, most: Most = 100, as_json: AsJson = False) -> None:
    """Show the open gaps, each with what it may be worth."""
    from sapar.ticketing.controls import list_gaps

    settings = Settings()
    rows = on_connection(settings, lambda c: list_gaps(c, agency or settings.agency, most))
    names = ("device", "epoch", "from_seq", "to_seq", "opened_at", "after", "value_tiyn")
    _show(names, rows, "No gaps are open.", as_json=as_json)


@gaps_app.command("void")
def void_gap(
    device: Annotated[str, typer.Argument(help="The validator's name in topics.")],
    epoch: int,
    from_seq: int,
    to_seq: int,
    reason: Reason,
    agency: Agency = None,
) -> None:
    """Say that taps of an open gap will never come, and why."""
    from sapar.ticketing.controls import get_validator
    from sapar.ticketing.taps.voids import void_range

    settings = Settings()
    agency_id = agency or settings.agency

    async def work(connection: AsyncConnection) -> int:
        device_no = await get_validator(connection, agency_id, device)
        return await void_range(
            connection,
            (device_no, epoch),
            (from_seq, to_seq),
            how="person",
            reason=reason,
            actor=getpass.getuser(),
            now=settings.clock().now(),
        )

    typer.echo(f"{on_connection(settings, work)} taps will never come")


def controls(
    days: Annotated[int, typer.Option(min=1, help="Look at taps received in so many days.")] = 3,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Look for rides without a journal, cards and devices whose records do not follow one another.

    Opens an exception for each finding; ends with 1 when a ride has no journal.
    """
    from sapar.ticketing.controls import CONTROLS, run_controls

    settings = Settings()
    now = settings.clock().now()
    agency_id = agency or settings.agency
    found = on_connection(
        settings, lambda c: run_controls(c, agency_id, since=now - timedelta(days=days), now=now)
    )
    rows = [
        (kind, len(findings), sum(one.value_tiyn for one in findings), CONTROLS[kind])
        for kind, findings in found.items()
    ]
    _show(("control", "findings", "value_tiyn", "meaning"), rows, "", as_json=as_json)
    if found["without_journal"]:
        raise typer.Exit(1)


def _show(
    names: Sequence[str], rows: Sequence[Sequence[Any]], empty: str, *, as_json: bool
) -> None:
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
        return
    if not rows:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("value_tiyn", "tenge").replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(_text(name, value) for name, value in zip(names, row, strict=True)))
    Console().print(table)


def _text(name: str, value: Any) -> str:
    if name == "value_tiyn":
        return tenge(value)
    return "" if value is None else str(value)
