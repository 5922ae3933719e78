"""`sapar ticketing bank`: accounts at banks, statements in, lines."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.finance.bank.importing import Imported
    from sapar.finance.bank.reading import LinePage

app = typer.Typer(no_args_is_help=True, help="Accounts at banks, statements and their lines.")
accounts_app = typer.Typer(no_args_is_help=True, help="Our accounts at banks.")
mapping_app = typer.Typer(no_args_is_help=True, help="What the columns of a bank's tables are.")
app.add_typer(accounts_app, name="accounts")
app.add_typer(mapping_app, name="mapping")

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Account = Annotated[str, typer.Argument(help="Its short name, or its IBAN.", metavar="ACCOUNT")]
OfAccount = Annotated[str | None, typer.Option("--account", help="Short name of the account.")]
Form = Annotated[
    Literal["csv", "xlsx"], typer.Argument(help="Of the tables: csv or xlsx.", metavar="FORMAT")
]


@accounts_app.command("add")
def add(
    account: Annotated[str, typer.Argument(help="Short name: a-z, 0-9, -.", metavar="ACCOUNT")],
    iban: Annotated[str, typer.Argument(help="Its IBAN (ИИК).", metavar="IBAN")],
    name: Annotated[str, typer.Argument(help="Bank and use, for people.", metavar="NAME")],
    agency: Agency = None,
) -> None:
    """Register an account; its statements can then be imported."""
    from sapar.finance.bank.accounts import Doer, add_account

    settings = Settings()
    on_connection(
        settings,
        lambda c: add_account(
            c,
            agency or settings.agency,
            account=account,
            iban=iban,
            name=name,
            doer=Doer(getpass.getuser()),
            now=settings.clock().now(),
        ),
    )
    typer.echo(f"the account {account} is registered")


@accounts_app.command("list")
def list_all(agency: Agency = None, as_json: AsJson = False) -> None:
    """Show the accounts with what bank and ledger say of each; 1 when they do not agree."""
    from sapar.finance.bank.accounts import list_accounts

    settings = Settings()
    found = on_connection(settings, lambda c: list_accounts(c, agency or settings.agency))
    if as_json:
        _print_json([_plain(one) | {"agrees": one.agrees} for one in found])
    else:
        rows = [
            (one.account, one.iban, one.name, one.closing_on or "", _tenge(one.closing_tiyn),
             tenge(one.ledger_tiyn), one.unmatched_lines, tenge(one.unmatched_tiyn),
             "yes" if one.agrees else "NO")
            for one in found
        ]  # fmt: skip
        names = (
            "account", "IBAN", "name", "until", "bank", "ledger", "unmatched", "tenge", "agrees"
        )  # fmt: skip
        _table(names, rows, "No account is registered.")
    if not all(one.agrees for one in found):
        raise typer.Exit(1)


@mapping_app.command("set")
def set_one(
    account: Account,
    form: Form,
    path: Annotated[Path, typer.Argument(help="JSON, see docs/finance-bank.md.", metavar="FILE")],
    agency: Agency = None,
) -> None:
    """Keep which column of an account's tables is what."""
    from sapar.finance.bank.accounts import Doer, set_mapping
    from sapar.finance.bank.mapping import read_mapping

    settings = Settings()
    with reported():
        mapping = read_mapping(_read(path))
    on_connection(
        settings,
        lambda c: set_mapping(
            c,
            agency or settings.agency,
            account,
            form,
            mapping,
            doer=Doer(getpass.getuser()),
            now=settings.clock().now(),
        ),
    )
    typer.echo(f"{form} tables of {account} are read by this mapping")


@mapping_app.command("show")
def show_one(account: Account, form: Form, agency: Agency = None) -> None:
    """Print an account's mapping, as `set` takes it."""
    from sapar.finance.bank.accounts import get_mapping

    settings = Settings()
    mapping = on_connection(
        settings, lambda c: get_mapping(c, agency or settings.agency, account, form)
    )
    typer.echo(json.dumps(_plain(mapping), ensure_ascii=False, indent=2))


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(help="The statement.", metavar="FILE")],
    account: Annotated[
        str | None, typer.Option("--account", help="Short name or IBAN; the file says it if not.")
    ] = None,
    opening: Annotated[
        str | None, typer.Option(help="Opening balance in tenge, for a table without one.")
    ] = None,
    closing: Annotated[str | None, typer.Option(help="Closing balance, likewise.")] = None,
    from_date: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day, for a table without one."),
    ] = None,
    to_date: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, likewise.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell all, change nothing.")] = False,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Import a statement: 1C text, CSV, XLSX, CAMT.053 or MT940, told from what is in it.

    What came before, in whatever file or format, is not added again. A file that is broken or does
    not balance is refused whole.
    """
    from sapar.finance.bank.accounts import Doer
    from sapar.finance.bank.importing import import_statement
    from sapar.finance.bank.table import Given
    from sapar.finance.bank.values import amount
    from sapar.ticketing.ledger.accounts import Accounts

    settings = Settings()
    with reported():
        data = _read(path)
        given = Given(
            opening_tiyn=amount(opening, None) if opening else None,
            closing_tiyn=amount(closing, None) if closing else None,
            from_date=from_date.date() if from_date else None,
            to_date=to_date.date() if to_date else None,
        )

    async def work(connection: AsyncConnection) -> Imported:
        return await import_statement(
            connection,
            Accounts(settings.database_url.get_secret_value()),
            agency or settings.agency,
            data,
            path.name,
            doer=Doer(getpass.getuser()),
            now=settings.clock().now(),
            account=account,
            given=given,
            dry_run=dry_run,
        )

    done = on_connection(settings, work)
    if as_json:
        _print_json(_plain(done))
    else:
        _show_import(done)


def _show_import(done: Imported) -> None:
    typer.echo(
        f"{done.account} ({done.iban}), {done.format}, {done.from_date} to {done.to_date}:"
        f" opening {tenge(done.opening_tiyn)}, closing {tenge(done.closing_tiyn)}"
    )
    typer.echo(
        f"{done.lines:,} lines: receipts {tenge(done.receipts_tiyn)},"
        f" payments {tenge(done.payments_tiyn)}; {done.new_lines:,} are new"
        f" ({tenge(done.new_tiyn)})"
    )
    if done.opening_posted_tiyn:
        typer.echo(f"opening balance posted: {tenge(done.opening_posted_tiyn)}")
    for warning in done.warnings:
        typer.echo(f"note: {warning}", err=True)
    if done.dry_run:
        names = ("booked", "tenge", "who", "reference", "purpose")
        rows = [
            (one.booked_on, tenge(one.amount_tiyn), one.counterparty_name, one.reference,
             one.purpose)
            for one in done.preview
        ]  # fmt: skip
        _table(names, rows, "Nothing in it is new.")
    after = "would be" if done.dry_run else "are"
    typer.echo(
        f"{done.unmatched_lines:,} lines of the account {after} unmatched"
        f" ({tenge(done.unmatched_tiyn)})"
    )
    if done.repeated:
        typer.echo(f"this file came before, as statement {done.statement_no}")
    elif done.dry_run:
        typer.echo("nothing was changed")
    else:
        typer.echo(f"stored as statement {done.statement_no}")


@app.command("lines")
def lines(
    account: OfAccount = None,
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Only what no match explains.")
    ] = False,
    from_date: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    to_date: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Stands in name, BIN, IBAN, references or purpose.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    after: Annotated[str | None, typer.Option(help="Go on where a page ended.")] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show lines, the newest day first."""
    from sapar.finance.bank.reading import LineFilter, list_lines

    settings = Settings()
    which = LineFilter(
        account=account,
        unmatched=True if unmatched else None,
        from_date=_day(from_date),
        to_date=_day(to_date),
        text=text,
    )

    async def work(connection: AsyncConnection) -> LinePage:
        return await list_lines(
            connection, agency or settings.agency, which, after=after, limit=most
        )

    page = on_connection(settings, work)
    if as_json:
        _print_json(_plain(page))
        return
    rows = [
        (one.line_no, one.booked_on, one.account, tenge(one.amount_tiyn),
         one.counterparty_name or one.counterparty_bin or "", one.reference, one.purpose,
         one.match_no or "")
        for one in page.lines
    ]  # fmt: skip
    names = ("no", "booked", "account", "tenge", "who", "reference", "purpose", "match")
    _table(names, rows, "No line is like that.")
    typer.echo(
        f"{page.count:,} lines: receipts {tenge(page.receipts_tiyn)},"
        f" payments {tenge(page.payments_tiyn)}; {page.unmatched:,} unmatched"
    )
    if page.next:
        typer.echo(f"more: --after {page.next}")


@app.command("statements")
def statements(
    account: OfAccount = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show the files that were imported, the newest first."""
    from sapar.finance.bank.reading import list_statements

    settings = Settings()
    found = on_connection(
        settings,
        lambda c: list_statements(c, agency or settings.agency, account=account, limit=most),
    )
    if as_json:
        _print_json([_plain(one) for one in found])
        return
    rows = [
        (one.statement_no, one.account, one.from_date, one.to_date, tenge(one.opening_tiyn),
         tenge(one.closing_tiyn), one.format, one.file_name, one.lines, one.new_lines,
         one.imported_by)
        for one in found
    ]  # fmt: skip
    names = (
        "no", "account", "from", "to", "opening", "closing", "format", "file", "lines", "new", "by"
    )  # fmt: skip
    _table(names, rows, "No statement was imported.")


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise BadInput(f"there is no file {path}", code="no_file")
    return path.read_bytes()


def _plain(value: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _tenge(amount_tiyn: int | None) -> str:
    return "" if amount_tiyn is None else tenge(amount_tiyn)


def _table(names: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    if not rows:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*names)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row))  # banks write [ and ] too
    Console().print(table)
