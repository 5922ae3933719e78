"""`sapar ticketing settle`: carriers' contracts, statements, disputes and payment orders."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.finance.tables import parse_day, show
from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.finance.exceptions.acts import Who
    from sapar.ticketing.ledger.accounts import Accounts

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="What carriers are paid: contracts, statements.")
contracts_app = typer.Typer(no_args_is_help=True, help="Versions of carriers' contracts.")
dispute_app = typer.Typer(no_args_is_help=True, help="Money of carriers on hold.")
app.add_typer(contracts_app, name="contracts")
app.add_typer(dispute_app, name="dispute")

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Carrier = Annotated[str | None, typer.Option("--carrier", help="Of this carrier only.")]
StatementNo = Annotated[int, typer.Argument(help="Number of the statement.", metavar="STATEMENT")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")]
By = Annotated[
    str | None,
    typer.Option("--by", help="Name of the person, as for signing in; this machine's user if not."),
]
Language = Annotated[Literal["kk", "ru", "en"], typer.Option("--language", help="kk, ru or en.")]
Form = Annotated[Literal["xlsx", "pdf", "csv"], typer.Option("--format", help="xlsx, pdf or csv.")]

CONTRACT_COLUMNS = (
    ("no", "contract_no"), ("carrier", "carrier_id"), ("from", "valid_from"), ("to", "valid_to"),
    ("kind", "kind"), ("commission bp", "commission_bp"), ("rate", "rate_tiyn"), ("city", "city"),
    ("budget", "funder"), ("paper", "title"), ("used", "used"),
)  # fmt: skip
STATEMENT_COLUMNS = (
    ("no", "statement_no"), ("carrier", "carrier_id"), ("from", "from_date"), ("to", "to_date"),
    ("part", "part"), ("status", "status"), ("number", "number"), ("boardings", "boardings"),
    ("fares", "gross_tiyn"), ("to the carrier", "payable_tiyn"), ("waiting", "waiting_tiyn"),
    ("order", "order_number"), ("at bank", "at_bank"),
)  # fmt: skip
LINE_COLUMNS = (
    ("line", "line_no"), ("section", "block"), ("service date", "service_date"),
    ("business date", "business_date"), ("boardings", "boardings"), ("metres", "metres"),
    ("fares", "gross_tiyn"), ("commission", "commission_tiyn"), ("city", "city_tiyn"),
    ("budget", "funder_tiyn"), ("to the carrier", "payable_tiyn"),
)  # fmt: skip
PART_COLUMNS = (
    ("journal", "journal_no"), ("tap", "tap_no"), ("card", "card_ref"), ("device", "device_id"),
    ("seq", "seq"), ("route", "route_id"), ("time", "event_at"), ("boardings", "boardings"),
    ("tenge", "amount_tiyn"), ("trip", "trip_id"), ("metres", "metres"),
)  # fmt: skip
DISPUTE_COLUMNS = (
    ("no", "dispute_no"), ("statement", "statement_no"), ("carrier", "carrier_id"),
    ("tenge", "amount_tiyn"), ("status", "status"), ("reason", "reason"), ("by", "opened_by"),
    ("decided by", "decided_by"), ("decision", "decision"),
)  # fmt: skip


def _accounts(settings: Settings) -> Accounts:
    from sapar.ticketing.ledger.accounts import Accounts

    return Accounts(settings.database_url.get_secret_value())


async def _who(connection: AsyncConnection, name: str | None) -> Who:
    from sapar.access.register import get_by_name
    from sapar.finance.exceptions.acts import Who

    if name is None:
        return Who(getpass.getuser())
    person = await get_by_name(connection, name)
    return Who(person.name, person.user_id)


def day_of(text: str) -> date:
    """Read a day that must be there."""
    with reported():
        found = parse_day(text)
    assert found is not None
    return found


def run_on(work: Callable[[AsyncConnection, str], Awaitable[T]], agency: str | None) -> T:
    """Run `work` with a connection and the agency."""
    settings = Settings()
    return on_connection(settings, lambda c: work(c, agency or settings.agency))


@contracts_app.command("list")
def list_contracts(carrier: Carrier = None, agency: Agency = None, as_json: AsJson = False) -> None:
    """Show the versions of all contracts."""
    from sapar.finance.settlement.contracts import list_contracts as find

    rows = run_on(lambda c, of: find(c, of, carrier), agency)
    show(rows, CONTRACT_COLUMNS, "There are no contracts.", as_json=as_json)


@contracts_app.command("add")
def add_contract(
    carrier: Annotated[str, typer.Argument(help="Short name of the carrier.")],
    valid_from: Annotated[str, typer.Option("--from", help="First service date, 2026-01-01.")],
    payee_bin: Annotated[str, typer.Option("--bin", help="The payee's BIN.")],
    payee_iban: Annotated[str, typer.Option("--iban", help="The payee's account.")],
    kind: Annotated[
        Literal["net", "gross_km", "boarding"],
        typer.Option("--kind", help="net: commission; gross_km, boarding: a rate, paid by a city."),
    ] = "net",
    commission_bp: Annotated[
        int, typer.Option("--commission-bp", help="Hundredths of a percent of the fares.")
    ] = 0,
    rate: Annotated[
        str | None, typer.Option("--rate", help="Tenge for a kilometre or a boarding: 450.50.")
    ] = None,
    city: Annotated[str, typer.Option(help="Whose the fares are, of gross contracts.")] = "",
    funder: Annotated[
        str | None, typer.Option(help="Budget that bears what fares do not cover.")
    ] = None,
    payee_bic: Annotated[str, typer.Option("--bic", help="BIC of the payee's bank.")] = "",
    title: Annotated[str, typer.Option(help="Number and date of the paper.")] = "",
    agency: Agency = None,
) -> None:
    """Add a version of a carrier's contract; it counts from a service date on."""
    from sapar.finance.settlement.contracts import NewContract
    from sapar.finance.settlement.contracts import add_contract as add

    with reported():
        new = NewContract(
            carrier_id=carrier, valid_from=day_of(valid_from), kind=kind, payee_bin=payee_bin,
            payee_iban=payee_iban, payee_bic=payee_bic, commission_bp=commission_bp,
            rate_tiyn=None if rate is None else parse_tenge(rate), city=city, funder=funder,
            title=title,
        )  # fmt: skip
    now = Settings().clock().now()
    one = run_on(lambda c, of: add(c, of, new, actor=getpass.getuser(), now=now), agency)
    typer.echo(f"contract {one.contract_no} of {carrier} counts from {one.valid_from}")


def parse_tenge(text: str) -> int:
    """Read tenge with at most two decimals as tiyn.

    Raises:
        BadInput: `bad_amount`: it is no such amount.
    """
    from decimal import Decimal, InvalidOperation

    try:
        tiyn = Decimal(text) * 100
        whole = int(tiyn)
    except (InvalidOperation, ValueError, OverflowError):
        raise BadInput(f"{text!r} is no amount", code="bad_amount", hint="Like 450.50.") from None
    if whole != tiyn:
        raise BadInput(f"{text} has more than two decimals", code="bad_amount")
    return whole


@contracts_app.command("remove")
def remove_contract(contract_no: int, agency: Agency = None) -> None:
    """Take a version away that nothing was settled by."""
    from sapar.finance.settlement.contracts import remove_contract as remove

    now = Settings().clock().now()
    run_on(lambda c, of: remove(c, of, contract_no, actor=getpass.getuser(), now=now), agency)
    typer.echo(f"contract {contract_no} is gone")


@app.command()
def run(
    from_day: Annotated[str, typer.Argument(help="First business day, 2026-10-01.")],
    to_day: Annotated[str, typer.Argument(help="Last business day.")],
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Settle the closed days of a period: drafts of statements, and what they post.

    Doing it again settles only what was found since.
    """
    from sapar.finance.settlement.running import run_settlement

    settings = Settings()
    first, last = day_of(from_day), day_of(to_day)
    done = on_connection(
        settings,
        lambda c: run_settlement(
            c, _accounts(settings), agency or settings.agency, first, last,
            actor=getpass.getuser(), now=settings.clock().now(),
        ),
    )  # fmt: skip
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(done).decode())
        return
    typer.echo(
        f"{done.lines} lines in {len(done.statements)} statements, {tenge(done.payable_tiyn)} tenge"
    )
    for left in done.left:
        typer.echo(f"left: {left.owner} {tenge(left.amount_tiyn)} tenge ({left.reason})")
    for day in done.without_proof:
        typer.echo(f"no run is proved on {day}")


@app.command("show")
def show_one(
    statement_no: Annotated[int | None, typer.Argument(help="A statement; else all.")] = None,
    line: Annotated[int | None, typer.Option("--line", help="The parts of this line.")] = None,
    carrier: Carrier = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show statements, the lines of one, or the taps and runs of a line."""
    from sapar.finance.settlement import statements

    async def find_lines(c: AsyncConnection, of: str) -> list[statements.StatementLine]:
        assert statement_no is not None
        await statements.get_statement(c, of, statement_no)
        return await statements.list_lines(c, statement_no)

    if line is not None:
        parts = run_on(lambda c, of: statements.parts_of(c, of, line, most=1_000_000), agency)
        rows = [{name: getattr(one, name) for name in one.__struct_fields__} for one in parts]
        show(rows, PART_COLUMNS, "The line has no parts.", as_json=as_json)
    elif statement_no is not None:
        show(run_on(find_lines, agency), LINE_COLUMNS, "It is empty.", as_json=as_json)
    else:
        found = run_on(lambda c, of: statements.list_statements(c, of, carrier_id=carrier), agency)
        show(found, STATEMENT_COLUMNS, "There are no statements.", as_json=as_json)


@app.command()
def issue(statement_no: StatementNo, by: By = None, agency: Agency = None) -> None:
    """Number a draft and close it for good; another person orders its payment."""
    from sapar.finance.settlement.statements import Statement, issue_statement

    now = Settings().clock().now()

    async def work(c: AsyncConnection, of: str) -> Statement:
        who = await _who(c, by)
        return await issue_statement(
            c, of, statement_no, actor=who.name, now=now, user_id=who.user_id
        )

    one = run_on(work, agency)
    ended = "; nothing is to be paid" if one.status == "ended" else ""
    typer.echo(f"statement {one.number} is issued: {tenge(one.payable_tiyn)} tenge{ended}")


@app.command()
def pay(
    statement_no: StatementNo,
    account: Annotated[str, typer.Option("--account", help="Our bank account, its short name.")],
    by: By = None,
    agency: Agency = None,
) -> None:
    """Order the payment of what another issued; `export --orders` writes it for the bank."""
    from sapar.finance.settlement.payments import Order, pay_statement

    settings = Settings()

    async def work(c: AsyncConnection) -> Order:
        who = await _who(c, by)
        return await pay_statement(
            c, _accounts(settings), agency or settings.agency, statement_no, account,
            actor=who.name, now=settings.clock().now(), user_id=who.user_id,
        )  # fmt: skip

    order = on_connection(settings, work)
    typer.echo(f"order {order.number}: {tenge(order.amount_tiyn)} tenge to {order.payee_name}")


@dispute_app.command("list")
def list_disputes(agency: Agency = None, as_json: AsJson = False) -> None:
    """Show all disputes, the newest first."""
    from sapar.finance.settlement.disputes import list_disputes as find

    show(run_on(find, agency), DISPUTE_COLUMNS, "There are no disputes.", as_json=as_json)


@dispute_app.command("open")
def open_dispute(
    statement_no: StatementNo,
    reason: Reason,
    key: Annotated[str, typer.Option("--key", help="Of your own; a repeat changes nothing.")],
    amount: Annotated[str | None, typer.Option("--amount", help="Tenge, or …")] = None,
    tap: Annotated[list[int] | None, typer.Option("--tap", help="… numbers of taps.")] = None,
    agency: Agency = None,
) -> None:
    """Put an amount, or the fares of taps, on hold."""
    from sapar.finance.settlement.disputes import open_dispute as hold

    settings = Settings()
    with reported():
        tiyn = None if amount is None else parse_tenge(amount)
    one = on_connection(
        settings,
        lambda c: hold(
            c, _accounts(settings), agency or settings.agency, statement_no, key=key,
            reason=reason, actor=getpass.getuser(), now=settings.clock().now(),
            amount_tiyn=tiyn, tap_nos=tap or (),
        ),
    )  # fmt: skip
    typer.echo(f"dispute {one.dispute_no}: {tenge(one.amount_tiyn)} tenge are on hold")


@dispute_app.command("decide")
def decide_dispute(
    dispute_no: int,
    decision: Annotated[Literal["release", "reject"], typer.Argument(help="release or reject.")],
    reason: Reason,
    to: Annotated[
        Literal["city", "loss"], typer.Option("--to", help="Where rejected money goes.")
    ] = "city",
    city: Annotated[str, typer.Option("--city", help="Owner of the city's fares.")] = "",
    agency: Agency = None,
) -> None:
    """Release what is on hold to the carrier, or reject it."""
    from sapar.finance.settlement.disputes import decide_dispute as decide

    settings = Settings()
    one = on_connection(
        settings,
        lambda c: decide(
            c, _accounts(settings), agency or settings.agency, dispute_no, decision,
            reason=reason, actor=getpass.getuser(), now=settings.clock().now(), destination=to,
            city=city,
        ),
    )  # fmt: skip
    typer.echo(f"dispute {one.dispute_no} is {one.status}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    statement: Annotated[int | None, typer.Option("--statement", help="A statement, or …")] = None,
    orders: Annotated[
        bool, typer.Option("--orders", help="… payment orders: 1CClientBankExchange, or CSV.")
    ] = False,
    form: Form = "xlsx",
    language: Language = "ru",
    from_day: Annotated[str | None, typer.Option("--from", help="Orders from this day.")] = None,
    to_day: Annotated[str | None, typer.Option("--to", help="Orders to this day.")] = None,
    our_bin: Annotated[str, typer.Option("--our-bin", help="Our BIN, for the bank.")] = "",
    agency: Agency = None,
) -> None:
    """Write a statement as XLSX, PDF or CSV, or payment orders for the bank."""
    from sapar.finance.settlement import bank_file, payments, statement_paper

    with reported():
        if (statement is None) != orders:
            raise BadInput("give a statement, or --orders", code="bad_export")
        first, last = parse_day(from_day), parse_day(to_day)
    if statement is not None:
        data = run_on(
            lambda c, of: statement_paper.statement_file(c, of, statement, form, language), agency
        )
    else:
        found = run_on(
            lambda c, of: payments.orders_for_bank(c, of, from_date=first, to_date=last), agency
        )
        as_csv = out.suffix == ".csv"
        data = bank_file.orders_csv(found) if as_csv else bank_file.exchange_file(found, our_bin)
    out.write_bytes(data)
    typer.echo(f"{out}: {len(data):,} bytes")
