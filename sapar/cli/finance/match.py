"""`sapar ticketing match`: which bank line pays what."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.finance.tables import parse_day, show
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.finance.matching.by_hand import HandMatch
    from sapar.finance.matching.postings import ResidualPart
    from sapar.finance.matching.run import MatchingRun
    from sapar.finance.matching.store import Town
    from sapar.finance.matching.undoing import Undone
    from sapar.finance.matching.views import ExplainedShare, SuspenseAge

app = typer.Typer(no_args_is_help=True, help="Which bank line pays what.")

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Most = Annotated[int, typer.Option("--most", min=1, help="At most so many.")]
From = Annotated[str | None, typer.Option("--from", help="Booked on this day or later.")]
To = Annotated[str | None, typer.Option("--to", help="Booked on this day or before.")]


@app.command()
def run(agency: Agency = None, as_json: AsJson = False) -> None:
    """Match all that the rules can; what is matched stays, a second run finds nothing."""
    import msgspec

    settings = Settings()

    async def work() -> MatchingRun:
        from sapar.core.db import open_pool
        from sapar.finance.matching.run import run_matching

        conninfo = settings.database_url.get_secret_value()
        async with open_pool(conninfo, max_size=1, name="matching") as pool:
            return await run_matching(
                pool,
                agency or settings.agency,
                getpass.getuser(),
                settings.clock().now(),
                lambda done, of: None if as_json else typer.echo(f"{done:,} of {of:,}", err=True),
            )

    with reported():
        found = asyncio.run(work())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    typer.echo(
        f"{found.matches:,} matches of {found.matched_lines:,} of {found.lines:,} lines,"
        f" {tenge(found.matched_tiyn)} of {tenge(found.value_tiyn)}"
    )
    for rule, count in found.by_rule.items():
        typer.echo(f"  {rule}: {count:,}")
    if found.hints or found.doubled:
        typer.echo(f"{found.hints:,} lines wait for a choice, {found.doubled:,} came twice")


@app.command("list")
def list_all(
    rule: Annotated[str | None, typer.Option("--rule", help="Only of this rule.")] = None,
    line: Annotated[int | None, typer.Option("--line", help="Only of this line.")] = None,
    item: Annotated[int | None, typer.Option("--item", help="Only of this item.")] = None,
    undone: Annotated[
        bool | None, typer.Option("--undone/--active", help="Only undone ones, or only others.")
    ] = None,
    from_day: From = None,
    to_day: To = None,
    agency: Agency = None,
    most: Most = 100,
    as_json: AsJson = False,
) -> None:
    """Show matches, the newest first."""
    from sapar.finance.matching.views import list_matches

    settings = Settings()
    with reported():
        days = parse_day(from_day), parse_day(to_day)
    rows = on_connection(
        settings,
        lambda c: list_matches(
            c,
            agency or settings.agency,
            rule=rule,
            line_no=line,
            item_no=item,
            undone=undone,
            from_date=days[0],
            to_date=days[1],
            most=most,
        ),
    )
    columns = [
        ("match", "match_no"), ("account", "bank_account_id"), ("rule", "rule"),
        ("lines", "lines_tiyn"), ("items", "items_tiyn"), ("fee", "fee_tiyn"),
        ("residual", "residual_tiyn"), ("to", "residual_code"), ("made", "made_at"),
        ("by", "made_by"), ("undone by", "undone_by"),
    ]  # fmt: skip
    show(rows, columns, "There are no matches.", as_json=as_json)


@app.command("open")
def list_open(
    items: Annotated[
        bool, typer.Option("--items", help="What is to be paid, instead of bank lines.")
    ] = False,
    account: Annotated[
        str | None, typer.Option("--account", help="Only lines of this bank account.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only items of this kind.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only items of this one.")] = None,
    from_day: From = None,
    to_day: To = None,
    agency: Agency = None,
    most: Most = 100,
    as_json: AsJson = False,
) -> None:
    """Show the bank lines that nothing explains yet, the oldest first."""
    from sapar.finance.matching.views import open_items, open_lines

    settings = Settings()
    agency_id = agency or settings.agency
    with reported():
        begin, end = parse_day(from_day), parse_day(to_day)
    if items:
        found = on_connection(
            settings,
            lambda c: open_items(
                c, agency_id, kind=kind, owner=owner, from_date=begin, to_date=end, most=most
            ),
        )
        columns = [
            ("item", "item_no"), ("kind", "kind"), ("account", "code"), ("of", "owner"),
            ("amount", "amount_tiyn"), ("fee", "fee_tiyn"), ("day", "item_date"),
            ("reference", "reference"), ("batch", "batch_ref"),
        ]  # fmt: skip
        show(found, columns, "Nothing is to be paid.", as_json=as_json)
        return
    lines = on_connection(
        settings,
        lambda c: open_lines(
            c, agency_id, bank_account_id=account, from_date=begin, to_date=end, most=most
        ),
    )
    columns = [
        ("line", "line_no"), ("account", "bank_account_id"), ("booked", "booked_on"),
        ("amount", "amount_tiyn"), ("from or to", "counterparty_name"),
        ("reference", "reference"), ("purpose", "purpose"), ("why", "hint"),
        ("items", "hint_count"),
    ]  # fmt: skip
    show(lines, columns, "Every line is matched.", as_json=as_json)


def _residuals(
    texts: Sequence[str],
) -> tuple[tuple[int, str] | None, tuple[ResidualPart, ...]]:
    """Read where a difference goes: one account, or several with amounts."""
    from sapar.core.errors import BadInput
    from sapar.finance.bank.values import amount
    from sapar.finance.matching.postings import ResidualPart

    found: list[tuple[int, str, int | None]] = []
    for text in texts:
        account, _, tiyn = text.partition("=")
        code, _, owner = account.partition(":")
        if not code.isdecimal():
            raise BadInput(f"{text!r} is no account", code="bad_account")
        found.append((int(code), owner, amount(tiyn, None) if tiyn else None))
    if len(found) == 1 and found[0][2] is None:
        return found[0][:2], ()
    parts = [ResidualPart(code, owner, tiyn) for code, owner, tiyn in found if tiyn is not None]
    if len(parts) != len(found):
        raise BadInput("each of several accounts has its amount", code="bad_match")
    return None, tuple(parts)


@app.command()
def hand(
    line: Annotated[list[int], typer.Option("--line", help="A bank line; may be repeated.")],
    key: Annotated[str, typer.Option("--key", help="Names this match; the same again is once.")],
    item: Annotated[
        list[int] | None, typer.Option("--item", help="What it pays; may be repeated.")
    ] = None,
    residual: Annotated[
        list[str] | None,
        typer.Option(
            "--residual",
            help="CODE or CODE:OWNER: where the difference goes; several with =TENGE each.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with your name.")] = "",
    agency: Agency = None,
) -> None:
    """Match lines with items as you say."""
    from sapar.finance.matching.by_hand import Asked, match_by_hand

    settings = Settings()
    with reported():
        account, parts = _residuals(residual or [])

    async def work(connection: AsyncConnection) -> HandMatch:
        from sapar.finance.exceptions.acts import Who
        from sapar.ticketing.ledger.accounts import Accounts

        return await match_by_hand(
            connection,
            Accounts(settings.database_url.get_secret_value()),
            agency or settings.agency,
            Asked(key, tuple(line), tuple(item or ()), account, reason, parts),
            by=Who(getpass.getuser()),
            now=settings.clock().now(),
        )

    made = on_connection(settings, work)
    told = "was made before" if made.repeated else "is made"
    rest = "" if made.remainder_item_no is None else f"; item {made.remainder_item_no} is owed"
    typer.echo(f"match {made.match_no} {told}, residual {tenge(made.residual_tiyn)}{rest}")


@app.command()
def undo(
    match_no: int,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with your name.")],
    agency: Agency = None,
) -> None:
    """Take a match apart: what it posted is reversed, its lines and items are open again."""
    from sapar.finance.matching.undoing import undo_match

    settings = Settings()

    async def work(connection: AsyncConnection) -> Undone:
        from sapar.finance.exceptions.acts import Who

        return await undo_match(
            connection,
            agency or settings.agency,
            match_no,
            reason=reason,
            by=Who(getpass.getuser()),
            now=settings.clock().now(),
        )

    undone = on_connection(settings, work)
    typer.echo(f"match {match_no} is undone, journal {undone.journal_no or 'none'}")


@app.command()
def suggest(line_no: int, agency: Agency = None, most: Most = 10, as_json: AsJson = False) -> None:
    """Rank what an open line may pay."""
    from sapar.finance.matching.suggesting import suggest as rank

    settings = Settings()
    rows = on_connection(settings, lambda c: rank(c, agency or settings.agency, line_no, most=most))
    columns = [
        ("items", "items"), ("score", "score"), ("difference", "difference_tiyn"),
        ("days", "days"), ("reasons", "reasons"),
    ]  # fmt: skip
    show(rows, columns, "Nothing comes near.", as_json=as_json)


@app.command()
def ages(
    days: Annotated[int, typer.Option("--days", min=0, help="Explained within so many.")] = 3,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show how old the open lines are, and what share was explained in time."""
    import msgspec

    from sapar.finance.matching.store import read_town
    from sapar.finance.matching.views import explained_share, suspense_ages

    settings = Settings()
    agency_id = agency or settings.agency

    async def work(connection: AsyncConnection) -> tuple[list[SuspenseAge], ExplainedShare]:
        town = await read_town(connection, agency_id)
        return (
            await suspense_ages(connection, agency_id, town.today(settings.clock().now())),
            await explained_share(connection, agency_id, days),
        )

    buckets, share = on_connection(settings, work)
    if as_json:
        typer.echo(msgspec.json.encode({"ages": buckets, "explained": share}).decode())
        return
    columns = [
        ("account", "bank_account_id"), ("days", "days"), ("lines", "lines"),
        ("receipts", "receipts_tiyn"), ("payments", "payments_tiyn"),
    ]  # fmt: skip
    show(buckets, columns, "There is no bank account.", as_json=False)
    if share.basis_points is not None:
        typer.echo(
            f"{share.basis_points // 100}.{share.basis_points % 100:02} % of the value was"
            f" explained within {days} days"
        )


@app.command("rules")
def rules(
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=NUMBER of a window or limit; may be repeated."),
    ] = None,
    agency: Agency = None,
) -> None:
    """Show the windows and limits of the rules, or let others hold from now on."""
    import msgspec

    from sapar.core.errors import BadInput
    from sapar.finance.matching.model import MatchingSettings
    from sapar.finance.matching.store import keep_settings, read_settings, read_town

    settings = Settings()
    agency_id = agency or settings.agency

    async def work(connection: AsyncConnection) -> tuple[int, MatchingSettings, Town]:
        town = await read_town(connection, agency_id)
        if change:
            values = msgspec.structs.asdict(town.settings)
            for one in change:
                name, _, number = one.partition("=")
                if name not in values or not number.isdecimal():
                    raise BadInput(f"{one!r} is no setting", code="bad_setting")
                values[name] = int(number)
            await keep_settings(
                connection,
                agency_id,
                MatchingSettings(**values),
                actor=getpass.getuser(),
                now=settings.clock().now(),
            )
            await connection.commit()
        return (*await read_settings(connection, agency_id), town)

    version, held, _ = on_connection(settings, work)
    typer.echo(json.dumps({"version": version, **msgspec.structs.asdict(held)}, indent=2))
