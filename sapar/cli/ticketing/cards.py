"""`sapar ticketing cards`: operations on cards, their statements, the deny list."""

from __future__ import annotations

import getpass
import sys
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.at_desk import at_desk, on_connection, tenge
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.ticketing.cards.operations import Desk
    from sapar.ticketing.cards.requests import AnyRequest
    from sapar.ticketing.cards.statement import Movement, Statement

app = typer.Typer(no_args_is_help=True, help="Cards: operations, statements, the deny list.")

CardRef = Annotated[str, typer.Argument(help="The card's reference.", metavar="CARD")]
Agency = Annotated[str | None, typer.Option("--agency", help="Its city; SAPAR_AGENCY if not.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Key = Annotated[
    str | None, typer.Option("--key", help="Idempotency key; a new one is made if not given.")
]


@app.command("do")
def do_() -> None:
    """Carry out operations from standard input, one JSON object a line; print a receipt for each.

    A line that is refused is answered with its code and holds up no other; exits with 1 then. The
    same lines may be sent again: each key works once.
    """
    import msgspec

    from sapar.core.errors import BadInput, NotFound, Refused
    from sapar.ticketing.cards.operations import carry_out
    from sapar.ticketing.cards.requests import AnyRequest as Any_

    decoder = msgspec.json.Decoder(Any_)

    async def work(connection: AsyncConnection, desk: Desk) -> int:
        refused = 0
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            try:
                outcome = await carry_out(connection, desk, decoder.decode(line))
                answer: dict[str, Any] = {"ok": True, "repeated": outcome.repeated}
                answer |= msgspec.to_builtins(outcome.receipt)
            except msgspec.DecodeError as exc:
                answer = {"ok": False, "code": "decode_error", "message": str(exc)}
            except (BadInput, Refused, NotFound) as exc:
                answer = {"ok": False, "code": exc.code, "message": exc.message, "hint": exc.hint}
            refused += not answer["ok"]
            typer.echo(msgspec.json.encode(answer))
        return refused

    if at_desk(Settings(), work):
        raise typer.Exit(1)


@app.command()
def block(
    card: CardRef,
    reason: Annotated[str, typer.Option(help="stolen, lost, debt, fraud or other.")],
    note: Annotated[str, typer.Option(help="What whoever helps the holder should know.")] = "",
    agency: Agency = None,
    key: Key = None,
) -> None:
    """Put a card on the deny list; buses have it within minutes where there is a network."""
    _carry_out("block", card, agency, key, reason=reason, note=note)


@app.command()
def unblock(card: CardRef, agency: Agency = None, key: Key = None) -> None:
    """Take a card off the deny list."""
    _carry_out("unblock", card, agency, key)


@app.command()
def replace(
    card: CardRef,
    new: Annotated[str, typer.Argument(help="The card that takes its place.", metavar="NEW")],
    agency: Agency = None,
    key: Key = None,
) -> None:
    """Move balances and passes to another card, and block the old one for good."""
    _carry_out("replace", card, agency, key, new_card_ref=new)


@app.command()
def category(
    card: CardRef,
    to: Annotated[str, typer.Argument(help="Rider category of the tariff.", metavar="CATEGORY")],
    agency: Agency = None,
    key: Key = None,
) -> None:
    """Give a card another rider category from now on."""
    _carry_out("change_category", card, agency, key, category=to)


@app.command("take-back-pass")
def take_back_pass(
    card: CardRef,
    sale: Annotated[int, typer.Argument(help="Number of its sale; `show` has it.", metavar="SALE")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the journal.")],
    agency: Agency = None,
    key: Key = None,
) -> None:
    """Take back a pass that no ride has used: it ends, and its price goes back as it was paid.

    Rides of its days that come to light later are priced as if it had not been sold. Refused for a
    pass that was used (pass_used), was taken back before, or was sold at a desk that is closed now
    or by an agent that is suspended.
    """
    _carry_out("take_back_pass", card, agency, key, sale_no=sale, reason=reason)


def _carry_out(
    operation: str, card_ref: str, agency: str | None, key: str | None, **values: Any
) -> None:
    import msgspec

    from sapar.core.errors import BadInput
    from sapar.ticketing.cards.operations import carry_out
    from sapar.ticketing.cards.requests import AnyRequest as Any_

    settings = Settings()
    plain = {
        "operation": operation,
        "agency_id": agency or settings.agency,
        "key": key or f"cli-{uuid.uuid4()}",
        "actor": getpass.getuser(),
        "card_ref": card_ref,
        **values,
    }

    async def work(connection: AsyncConnection, desk: Desk) -> str:
        try:
            request: AnyRequest = msgspec.convert(plain, Any_)
        except msgspec.ValidationError as exc:
            raise BadInput(str(exc)) from None
        return (await carry_out(connection, desk, request)).receipt.status

    typer.echo(f"{card_ref} is {at_desk(settings, work)}")


@app.command()
def show(card: CardRef, agency: Agency = None, as_json: AsJson = False) -> None:
    """Show all movements of a card with the running balance, and why it is blocked."""
    import msgspec

    from sapar.ticketing.cards.statement import read_statement

    settings = Settings()
    agency_id = agency or settings.agency
    statement = on_connection(settings, lambda c: read_statement(c, agency_id, card))
    if as_json:
        typer.echo(msgspec.json.encode(statement).decode())
    else:
        _print_statement(statement)


def _print_statement(statement: Statement) -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"{statement.card_ref}: {statement.status}, {statement.category}; purse"
        f" {tenge(statement.purse_tiyn)}, debt {tenge(statement.debt_tiyn)}, deposit"
        f" {tenge(statement.deposit_tiyn)}, waiting for a tap {tenge(statement.pending_tiyn)}"
    )
    if statement.replaced_by:
        typer.echo(f"replaced by {statement.replaced_by}")
    for product_id, from_ms, to_ms, sale_no, price_tiyn in statement.passes:
        typer.echo(
            f"pass {product_id} from {_time(from_ms)} to {_time(to_ms)}, sale {sale_no}:"
            f" {tenge(price_tiyn)}"
        )
    for block_ in statement.blocks:
        until = "still" if block_.to_ms is None else f"until {_time(block_.to_ms)}"
        typer.echo(f"blocked from {_time(block_.from_ms)}, {until}: {block_.reason} {block_.note}")
        for movement in block_.owed:
            typer.echo(f"  owes for {_time(movement.at_ms)}: {_explain(movement)}")
    table = Table("time (UTC)", "what", "amount", "balance", "why")
    for movement in statement.movements:
        table.add_row(
            _time(movement.at_ms),
            movement.kind,
            tenge(movement.amount_tiyn),
            tenge(movement.balance_tiyn),
            _explain(movement),
        )
    Console().print(table)


def _explain(movement: Movement) -> str:
    ride = movement.ride
    if ride is None:
        return movement.rule
    parts = [f"route {ride.route_id or '?'}", movement.rule, f"price {tenge(ride.nominal_tiyn)}"]
    parts += [f"{kind} by {funder} {tenge(amount)}" for kind, funder, amount in ride.adjustments]
    if ride.refunded_tiyn:
        parts.append(f"given back {tenge(ride.refunded_tiyn)}")
    if ride.status != "posted":
        parts.append(f"{ride.status}: {ride.code or 'the validator refused it'}")
    return ", ".join(parts)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def publish() -> None:
    """Keep the deny list and the tariff notice of every city on the broker, until stopped."""
    from sapar.cli.process import run_until_signal, start_part
    from sapar.cli.report import reported
    from sapar.ticketing.cards.publisher import run_publisher

    settings = Settings()
    start_part(settings, "publisher")
    with reported():
        run_until_signal(run_publisher(settings))
