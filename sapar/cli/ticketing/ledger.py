"""`sapar ticketing chain`, `verify`, `check` and `export`: what proves the ledger."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.ticketing.ledger.verify import Verdict

T = TypeVar("T")

chain = typer.Typer(help="The chain of hashes over all journals.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@chain.command()
def head(
    publish: Annotated[
        bool, typer.Option("--publish", help="First hash what is new, and keep each day's head.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the head of each day, to be kept where the database's owner cannot reach.

    Whoever has one of them can tell later whether anything before it was changed: `verify --head`.
    """
    from sapar.ticketing.ledger.chain import hash_new, list_heads, publish_heads

    async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
        if publish:
            await hash_new(connection)
            await publish_heads(connection)
        return [
            {
                "date": str(one.head_date), "block_no": one.block_no, "head": one.hash.hex(),
                "journals": one.journals,
            }
            for one in await list_heads(connection)
        ]  # fmt: skip

    with reported():
        heads = _run(work)
    if as_json:
        typer.echo(json.dumps({"ok": True, "heads": heads}))
        return
    for one in heads:
        typer.echo(f"{one['date']}  {one['head']}  {one['journals']:,} journals")


@chain.command("export")
def export_chain(
    path: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
) -> None:
    """Write the chain with its journals into a file that `verify` needs no database for."""
    from sapar.ticketing.ledger.chain_file import write_chain

    async def work(connection: AsyncConnection) -> int:
        with path.open("wb") as file:
            return len(await write_chain(connection, file))

    with reported():
        typer.echo(f"{_run(work):,} blocks")


@chain.command()
def rebase() -> None:
    """After a restore from a dump: let the chain go on where it was; as the tables' owner."""
    from sapar.ticketing.ledger.chain import rebase as put_above

    with reported():
        typer.echo(f"transactions count on from {_run(put_above):,}")


def verify(
    export: Annotated[
        Path | None, typer.Option("--export", help="An exported chain; needs no database.")
    ] = None,
    database: Annotated[
        bool,
        typer.Option("--database", help="The database, also beside an export: names what differs."),
    ] = False,
    published: Annotated[
        str | None, typer.Option("--head", help="A published head, 64 hexadecimal digits.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that no journal was changed, removed or inserted; exit with 1 when one was."""
    from sapar.ticketing.ledger.verify import parse_head, verify_database, verify_file

    with reported(), ExitStack() as stack:
        wanted = parse_head(published) if published else None
        verdicts: dict[str, Verdict] = {}
        file = None
        if export is not None:
            if not export.is_file():
                raise BadInput(f"there is no file {export}", code="no_file")
            file = stack.enter_context(export.open("rb"))
            verdicts["export"] = verify_file(file, wanted)
            file.seek(0)
        if database or file is None:
            verdicts["database"] = _run(lambda c: verify_database(c, wanted, file))
    ok = not any(verdict.findings for verdict in verdicts.values())
    if as_json:
        found = {name: verdict.to_json() for name, verdict in verdicts.items()}
        typer.echo(json.dumps({"ok": ok, **found}))
    else:
        for name, verdict in verdicts.items():
            _show(name, verdict)
    if not ok:
        raise typer.Exit(1)


def _show(name: str, verdict: Verdict) -> None:
    typer.echo(
        f"{name}: {verdict.blocks:,} blocks, {verdict.journals:,} journals, head"
        f" {verdict.head.hex()}"
    )
    if verdict.unhashed:
        typer.echo(f"{name}: {verdict.unhashed:,} journals are younger than the last block")
    for one in verdict.findings:
        place = "" if one.block_no is None else f"block {one.block_no}: "
        journal = "" if one.journal_no is None else f"journal {one.journal_no}: "
        typer.echo(f"{name}: {place}{journal}{one.what}")


def check(as_json: JsonOption = False) -> None:
    """Hold every balance against its entries, and the entries against the taps; 1 when one is off.

    Reads the whole ledger.
    """
    from sapar.ticketing.ledger.export import check_ledger

    with reported():
        wrong = _run(check_ledger)
    if as_json:
        found = [one._asdict() for one in wrong]
        typer.echo(json.dumps({"ok": not wrong, "ledger_balanced": not wrong, "wrong": found}))
    else:
        for one in wrong:
            typer.echo(f"{one.rule}: {one.cases:,} cases, e.g. {one.example}")
        if not wrong:
            typer.echo("everything adds up")
    if wrong:
        raise typer.Exit(1)


def export_ledger(
    path: Annotated[
        Path | None, typer.Argument(help="File; standard output if not given.", metavar="FILE")
    ] = None,
) -> None:
    """Write what every tap and card came to, without our numbers and times of receipt.

    Two ledgers of the same facts give the same bytes, in whatever order the facts came.
    """
    from sapar.ticketing.ledger.export import export_ledger as export

    async def work(connection: AsyncConnection) -> None:
        with ExitStack() as stack:
            out = stack.enter_context(path.open("wb")) if path else sys.stdout.buffer
            async for piece in export(connection):
                out.write(piece)

    with reported():
        _run(work)


def _run(work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do something over one connection."""
    from sapar.core.db import connect_async

    async def main() -> T:
        connection = await connect_async(Settings().database_url.get_secret_value())
        async with connection:
            return await work(connection)

    return asyncio.run(main())
