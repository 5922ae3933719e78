"""`sapar ticketing exceptions`: what a person must look at, and what people did about it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.at_desk import at_desk, on_connection, tenge
from sapar.cli.finance.tables import Column, parse_day, show
from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection

app = typer.Typer(help="What a person must look at.", no_args_is_help=True)

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Number = Annotated[int, typer.Argument(help="The exception's number.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")]

_LIST: tuple[Column, ...] = (
    ("no", "exception_no"), ("kind", "kind"), ("subject", "subject"), ("tenge", "value_tiyn"),
    ("detail", "detail"), ("day", "day"), ("days old", "age_days"), ("assignee", "assignee"),
    ("accepted", "accepted_by"),
)  # fmt: skip


@app.command("list")
def list_open(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only of these kinds.")] = None,
    age: Annotated[str | None, typer.Option(help="Only so old: 0-1, 2-7, 8-30, 30+ days.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only this person's; '': nobody's.")] = None,
    day: Annotated[str | None, typer.Option(help="Only about this day, as 2026-03-18.")] = None,
    text: Annotated[str | None, typer.Option(help="Only with this text.")] = None,
    state: Annotated[str, typer.Option(help="open, closed or all.")] = "open",
    order: Annotated[str, typer.Option(help="value, oldest or newest.")] = "value",
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many.")] = 100,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many: the next page.")] = 0,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show exceptions, those of the most value first."""
    from sapar.finance.exceptions.queue import list_exceptions

    settings = Settings()
    with reported():
        about = parse_day(day)
    page = on_connection(
        settings,
        lambda c: list_exceptions(
            c, agency or settings.agency, settings.clock().now(),
            state=state,  # type: ignore[arg-type]
            kinds=kind or None, bucket=age, assignee=assignee, day=about, text=text,
            order=order,  # type: ignore[arg-type]
            most=most, skip=skip,
        ),
    )  # fmt: skip
    show(page.rows, _LIST, "No exceptions are open.", as_json=as_json)
    if not as_json and page.count:
        typer.echo(f"{len(page.rows)} of {page.count}, {tenge(page.value_tiyn)} tenge in all")


@app.command("show")
def show_one(exception_no: Number, agency: Agency = None, as_json: AsJson = False) -> None:
    """Show one exception with its history and comments."""
    from sapar.finance.exceptions.queue import get_exception

    settings = Settings()
    found = on_connection(
        settings,
        lambda c: get_exception(c, agency or settings.agency, exception_no, settings.clock().now()),
    )
    if as_json:
        show([found], (), "", as_json=True)
        return
    one = found.exception
    typer.echo(f"exception {one.exception_no}: {one.kind}, {one.subject}, "
               f"{tenge(one.value_tiyn)} tenge\n{one.detail}")  # fmt: skip
    for line in found.history:
        change = (
            "" if line.after is None else f" {json.dumps(line.before)} → {json.dumps(line.after)}"
        )
        note = f": {line.note}" if line.note else ""
        typer.echo(f"{line.at:%Y-%m-%d %H:%M} {line.actor} {line.action}{note}{change}")


@app.command("assign")
def assign_one(
    exception_no: Number,
    to: Annotated[str, typer.Argument(help="Who looks at it; '' takes it from whoever does.")],
    agency: Agency = None,
) -> None:
    """Give an exception to a person."""
    from sapar.finance.exceptions import acts

    _act(agency, lambda c, **who: acts.assign(c, exception_no=exception_no, to=to or None, **who))
    typer.echo(f"exception {exception_no} is {to}'s" if to else f"{exception_no} is nobody's")


@app.command("comment")
def comment_one(exception_no: Number, text: str, agency: Agency = None) -> None:
    """Write something down about an exception."""
    from sapar.finance.exceptions import acts

    _act(agency, lambda c, **who: acts.comment(c, exception_no=exception_no, text=text, **who))
    typer.echo(f"exception {exception_no}: noted")


@app.command("accept")
def accept_one(
    exception_no: Number,
    reason: Reason,
    value: Annotated[
        str | None,
        typer.Option("--value", help="Tenge that you saw it is worth; refused if it changed."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Accept it no more.")] = False,
    agency: Agency = None,
) -> None:
    """Let its day be closed although it is open, for what you saw that it is worth."""
    from sapar.cli.finance.settle import parse_tenge
    from sapar.finance.exceptions import acts

    with reported():
        if (value is None) != undo:
            raise BadInput("say with --value what you accept, or --undo", code="no_value")
        seen = None if value is None else parse_tenge(value)
    if seen is None:
        _act(
            agency,
            lambda c, **who: acts.unaccept(c, exception_no=exception_no, reason=reason, **who),
        )
    else:
        _act(
            agency,
            lambda c, **who: acts.accept(
                c, exception_no=exception_no, reason=reason, seen_tiyn=seen, **who
            ),
        )
    typer.echo(f"exception {exception_no} is accepted{' no more' if undo else ''}")


@app.command("close")
def close_one(exception_no: Number, reason: Reason, agency: Agency = None) -> None:
    """Close an exception with what was found out."""
    from sapar.finance.exceptions import acts

    _act(agency, lambda c, **who: acts.close(c, exception_no=exception_no, reason=reason, **who))
    typer.echo(f"exception {exception_no} is closed")


@app.command("reopen")
def reopen_one(exception_no: Number, reason: Reason, agency: Agency = None) -> None:
    """Open an exception again that a person closed."""
    from sapar.finance.exceptions import acts

    _act(agency, lambda c, **who: acts.reopen(c, exception_no=exception_no, reason=reason, **who))
    typer.echo(f"exception {exception_no} is open again")


@app.command("resolve")
def resolve_one(
    exception_no: Number,
    reason: Reason,
    key: Annotated[str, typer.Option("--key", help="Yours; the same again posts nothing.")],
    entry: Annotated[
        list[str] | None,
        typer.Option("--entry", help="CODE:OWNER:AMOUNT in tenge; a debit is positive."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the posting back instead.")] = False,
    agency: Agency = None,
) -> None:
    """Resolve an exception by a posting that cites it."""
    from sapar.finance.exceptions.acts import Who
    from sapar.finance.exceptions.fitting import read_entry
    from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution

    settings = Settings()
    agency_id, now, who = agency or settings.agency, settings.clock().now(), getpass.getuser()
    with reported():
        entries = [read_entry(one) for one in entry or ()]
    if undo:
        done = on_connection(
            settings,
            lambda c: undo_resolution(
                c, agency_id, exception_no, reason=reason, key=key, by=Who(who), now=now
            ),
        )
    else:
        done = at_desk(
            settings,
            lambda c, desk: resolve_with_posting(
                c, desk.accounts, agency_id, exception_no, entries,
                reason=reason, key=key, by=Who(who), now=now,
            ),
        )  # fmt: skip
    again = ", as before" if done.repeated else ""
    typer.echo(f"journal {done.journal_no}{again}")


@app.command("ageing")
def ageing(
    within: Annotated[int, typer.Option(min=1, help="Explained within so many days.")] = 4,
    days: Annotated[int, typer.Option(min=1, help="Of what was opened in so many days.")] = 30,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show what is open by kind and age, and how much of the value is explained in time."""
    from sapar.finance.exceptions.queue import BUCKETS, explained_within, list_ageing

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()

    async def work(connection: AsyncConnection) -> tuple[Any, Any]:
        until = now - timedelta(days=within)
        return await list_ageing(connection, agency_id, now), await explained_within(
            connection, agency_id, within, from_at=until - timedelta(days=days), to_at=until
        )

    aged, explained = on_connection(settings, work)
    if as_json:
        import msgspec

        both = {"kinds": aged, "explained": explained}
        typer.echo(json.dumps(msgspec.to_builtins(both)))
        return
    rows = [
        {"kind": one.kind}
        | {
            bucket: f"{count}: {tenge(value)}" if count else ""
            for bucket, (count, value) in zip(BUCKETS, one.buckets, strict=True)
        }
        | {"all": f"{one.count}: {tenge(one.value_tiyn)}"}
        for one in aged
    ]
    names = ("kind", *BUCKETS, "all")
    show(rows, [(name, name) for name in names], "No exceptions are open.", as_json=False)
    if explained.permille is not None:
        typer.echo(
            f"{explained.permille / 10:.1f} % of {tenge(explained.value_tiyn)} tenge explained"
            f" within {within} days"
        )


def _act(agency: str | None, act: Callable[..., Awaitable[None]]) -> None:
    from sapar.finance.exceptions.acts import Who

    settings = Settings()
    now: datetime = settings.clock().now()

    async def work(connection: AsyncConnection) -> None:
        await act(
            connection, agency_id=agency or settings.agency, by=Who(getpass.getuser()), now=now
        )

    on_connection(settings, work)
