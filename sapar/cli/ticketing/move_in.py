"""`sapar ticketing move-in`: another system's cards, from CSV files."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import at_desk, tenge
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.ticketing.cards.move_in import Report
    from sapar.ticketing.cards.operations import Desk

_SHOWN = 20


def move_in(
    cards: Annotated[Path, typer.Option(help="Columns: card_ref, category, purse, debt, deposit.")],
    control_total: Annotated[
        str, typer.Option(help="Tenge that the old system says its cards and passes hold.")
    ],
    passes: Annotated[
        Path | None,
        typer.Option(help="Columns: card_ref, product_id, valid_from, valid_to, unearned."),
    ] = None,
    blocks: Annotated[
        Path | None, typer.Option(help="Columns: card_ref, reason, note, from.")
    ] = None,
    agency: Annotated[
        str | None, typer.Option("--agency", help="Their city; SAPAR_AGENCY if not.")
    ] = None,
    name: Annotated[str, typer.Option(help="Names the import; the same for a repetition.")] = "old",
    refused_out: Annotated[Path | None, typer.Option(help="CSV file for the refused rows.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Compare everything and write nothing.")] = False,
) -> None:
    """Move cards, balances, passes and blocks in from another system; amounts are tenge.

    The files must hold the control total to the tiyn, or nothing is written. Rows that cannot be
    used are reported and hold up no other; exits with 1 then. To run it again adds nothing.
    """
    from sapar.ticketing.cards.move_in import Files, MoveIn
    from sapar.ticketing.cards.move_in import move_in as move

    settings = Settings()
    agency_id = agency or settings.agency

    async def work(connection: AsyncConnection, desk: Desk) -> Report:
        plan = MoveIn(
            agency_id,
            name,
            getpass.getuser(),
            _signed_tiyn(control_total),
            await _categories(settings, agency_id),
        )
        with _progress() as show:
            return await move(
                connection,
                desk,
                plan,
                Files(cards, passes, blocks),
                dry_run=dry_run,
                progress=show,
            )

    report = at_desk(settings, work)
    _print(report, refused_out, dry_run=dry_run)
    if report.refused:
        raise typer.Exit(1)


def _signed_tiyn(text: str) -> int:
    from sapar.ticketing.cards.move_in_rows import tiyn

    return -tiyn(text[1:]) if text.startswith("-") else tiyn(text)


async def _categories(settings: Settings, agency_id: str) -> frozenset[str] | None:
    """Give the rider categories of the newest tariff; None where there is none yet."""
    from sapar.core.db import open_pool
    from sapar.ticketing.tariff.versions import load_tariffs

    async with open_pool(settings.database_url.get_secret_value(), name="move-in") as pool:
        tariffs = await load_tariffs(pool, agency_id)
    names = [category for _, tariff in tariffs.versions for category in tariff.categories]
    return frozenset(names) or None


def _print(report: Report, refused_out: Path | None, *, dry_run: bool) -> None:
    would = "would move" if dry_run else "moved"
    for kind, added in report.added.items():
        typer.echo(f"{kind}: {would} {added:,} in, {report.unchanged[kind]:,} were there")
    typer.echo(
        f"control total {tenge(report.file_tiyn)} = {tenge(report.moved_tiyn)} in or there"
        f" + {tenge(report.refused_tiyn)} refused"
    )
    if refused_out is not None:
        with refused_out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("file", "line", "code", "reason", "tenge"))
            for row in report.refused:
                writer.writerow((*row[:4], tenge(row.amount_tiyn)))
    for row in report.refused[:_SHOWN]:
        typer.echo(f"refused: {row.kind} line {row.line}: {row.code}: {row.message}", err=True)
    if len(report.refused) > _SHOWN:
        typer.echo(f"… {len(report.refused):,} rows refused; see --refused-out", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done)

        yield show
