"""`sapar ticketing close`: a business day from its stages to its signed report."""

from __future__ import annotations

import getpass
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.finance.closing.days import DayStatus, StageRun
    from sapar.finance.closing.signing import Signer

app = typer.Typer(help="Close business days: stages, signatures, reports.", no_args_is_help=True)

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Day = Annotated[
    datetime, typer.Argument(formats=["%Y-%m-%d"], help="The business date.", metavar="DATE")
]
By = Annotated[str, typer.Option("--by", help="Name of the person, as for signing in.")]


@app.command()
def status(day: Day, agency: Agency = None, as_json: AsJson = False) -> None:
    """Show how far the close of a day is; ends with 1 while it is not closed."""
    from sapar.finance.closing.days import read_status

    settings = Settings()
    agency_id = agency or settings.agency
    found = on_connection(settings, lambda c: read_status(c, agency_id, day.date()))
    _show(found, as_json=as_json)
    if found.state != "closed":
        raise typer.Exit(1)


@app.command()
def days(agency: Agency = None, as_json: AsJson = False) -> None:
    """List the days that anything is known of, the newest first."""
    from sapar.finance.closing.days import list_days

    settings = Settings()
    found = on_connection(settings, lambda c: list_days(c, agency or settings.agency))
    if as_json:
        _print_json(found)
        return
    for one in found:
        lapsed = ", opened again and not closed since" if one.lapsed else ""
        typer.echo(
            f"{one.business_date}  {one.state:<9} revision {one.revision} {one.closed_by}{lapsed}"
        )


@app.command()
def run(
    day: Day,
    stage: Annotated[str | None, typer.Option("--stage", help="Only this one.")] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Run the stages of a day; ends with 1 when one does not pass. May be repeated at will."""
    from sapar.finance.closing.days import read_status
    from sapar.finance.closing.stages import run_all, run_stage

    settings = Settings()
    agency_id, actor, clock = agency or settings.agency, getpass.getuser(), settings.clock()

    async def work(connection: AsyncConnection) -> DayStatus:
        if stage is None:
            await run_all(
                connection, agency_id, day.date(), actor=actor, now=clock.now, progress=_progress
            )
        else:
            await run_stage(connection, agency_id, day.date(), stage, actor=actor, now=clock.now())
        return await read_status(connection, agency_id, day.date())

    found = on_connection(settings, work)
    _show(found, as_json=as_json)
    if not all(one.passed for one in found.stages if stage in {None, one.stage}):
        raise typer.Exit(1)


def _progress(stage: str, run_: StageRun | None) -> None:
    if run_ is None:
        typer.echo(f"{stage} ...", err=True)
    else:
        what = "passed" if run_.passed else f"{run_.waiting} to decide"
        typer.echo(f"{stage}: {what}", err=True)


@app.command()
def sign(
    day: Day,
    act: Annotated[str, typer.Option("--as", help="prepared or approved.")],
    by: By,
    digest: Annotated[
        str | None, typer.Option("--digest", help="What was looked at; refused if it changed.")
    ] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Sign a day; the second signature, of another person, closes it."""
    from sapar.finance.closing.signing import sign as sign_day

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()

    async def work(connection: AsyncConnection) -> DayStatus:
        signer = await _signer(connection, by)
        return await sign_day(
            connection,
            agency_id,
            day.date(),
            act,  # type: ignore[arg-type]  # checked there
            signer,
            now=now,
            digest=digest,
        )

    _show(on_connection(settings, work), as_json=as_json)


@app.command("reopen")
def reopen_day(
    day: Day,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept for ever.")],
    by: By,
    hours: Annotated[float, typer.Option("--hours", min=0.01, max=168, help="So long.")] = 4.0,
    second: Annotated[str | None, typer.Option("--second", help="Who agreed to it.")] = None,
    agency: Agency = None,
) -> None:
    """Let a closed day be posted to again for a while."""
    from sapar.finance.closing.reopening import Reopening, reopen

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()

    async def work(connection: AsyncConnection) -> Reopening:
        who = await _signer(connection, by)
        agreed = None if second is None else (await _signer(connection, second)).user_id
        return await reopen(
            connection,
            agency_id,
            day.date(),
            user_id=who.user_id,
            name=who.name,
            reason=reason,
            lasts=timedelta(hours=hours),
            now=now,
            second_user_id=agreed,
        )

    found = on_connection(settings, work)
    typer.echo(f"{day.date()} is open for what is about it until {found.ends_at.isoformat()}")


@app.command()
def report(
    day: Day,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV; JSON if not given.")] = False,
    revision: Annotated[
        int | None, typer.Option("--revision", min=1, help="The newest if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File; standard output if not given.")
    ] = None,
    agency: Agency = None,
) -> None:
    """Give out the report of a closed day: the same bytes every time."""
    from sapar.finance.closing.reports import get_report

    settings = Settings()
    agency_id, form = agency or settings.agency, "csv" if as_csv else "json"
    found = on_connection(
        settings,
        lambda c: get_report(c, agency_id, day.date(), form, revision),  # type: ignore[arg-type]
    )
    if out is None:
        sys.stdout.buffer.write(found.body)
    else:
        out.write_bytes(found.body)
    typer.echo(f"revision {found.revision}, SHA-256 {found.digest}", err=True)


@app.command()
def parts(
    day: Day,
    code: Annotated[int | None, typer.Option(help="Account, e.g. 2210.")] = None,
    owner: Annotated[str | None, typer.Option(help="Its owner, e.g. a carrier.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of journal.")] = None,
    route: Annotated[str | None, typer.Option(help="Route of the ride.")] = None,
    channel: Annotated[str | None, typer.Option(help="card, qr, bank_card, nfc.")] = None,
    product: Annotated[str | None, typer.Option(help="Fare product.")] = None,
    category: Annotated[str | None, typer.Option(help="Rider category.")] = None,
    late: Annotated[
        bool | None, typer.Option("--late/--in-time", help="Of earlier days, or not.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Journal number: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """List the journals behind a total of a day."""
    from sapar.finance.closing.parts import Which, list_parts

    settings = Settings()
    which = Which(
        code=code, owner=owner, kind=kind, route=route, channel=channel, product=product,
        rider_category=category, late=late,
    )  # fmt: skip
    agency_id = agency or settings.agency
    page = on_connection(
        settings,
        lambda c: list_parts(c, agency_id, day.date(), which, after=after, limit=limit),
    )
    if as_json:
        _print_json(page)
        return
    for one in page.parts:
        moved = "; ".join(f"{e.code} {e.owner or e.card_no} {e.amount}" for e in one.entries)
        about = one.source_key or f"tap {one.tap_no}"
        typer.echo(f"{one.journal_no} {one.kind} {one.service_date} {about}: {moved}")
    if page.next_after is not None:
        typer.echo(f"more: --after {page.next_after}", err=True)


@app.command()
def today(
    day: Annotated[
        datetime | None,
        typer.Argument(formats=["%Y-%m-%d"], help="Another business date.", metavar="[DATE]"),
    ] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show the day that is under way: rides, revenue, gaps, exceptions, what is not matched."""
    from sapar.finance.closing.today import today as glance

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()
    asked: date | None = None if day is None else day.date()
    found = on_connection(settings, lambda c: glance(c, agency_id, now, asked))
    if as_json:
        _print_json(found)
        return
    typer.echo(f"{found.business_date} ({found.state}): {found.taps:,} rides of")
    typer.echo(f"{found.riders:,} riders earn {tenge(found.earned_tiyn)} tenge")
    for hour in found.hours:
        typer.echo(f"  {hour.hour:%H:%M}  {hour.taps:>9,}  {tenge(hour.earned_tiyn):>16}")
    for late in found.late:
        typer.echo(f"late for {late.service_date}: {late.taps:,}, {tenge(late.earned_tiyn)}")
    typer.echo(f"gaps: {found.open_gaps} ({found.missing_taps} taps, {tenge(found.gaps_tiyn)})")
    for kind in found.exceptions:
        typer.echo(f"exceptions: {kind.kind} {kind.count}, {tenge(kind.value_tiyn)}")
    for age in found.unmatched:
        typer.echo(f"not matched, {age.from_days}+ days: {age.count}, {tenge(age.value_tiyn)}")
    typer.echo(f"explained: {found.explained_ppm / 10_000:.2f} %")


async def _signer(connection: AsyncConnection, name: str) -> Signer:
    from sapar.access.register import get_by_name
    from sapar.finance.closing.signing import Signer

    person = await get_by_name(connection, name)
    return Signer(person.user_id, person.name)


def _show(found: DayStatus, *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    typer.echo(f"{found.business_date} is {found.state}, revision {found.revision}")
    if (again := found.reopening) is not None:
        typer.echo(
            f"  opened again by {again.name} until {again.ends_at.isoformat()}: {again.reason}"
        )
        posted = f"  {again.journals} journals were posted with its date since it was closed"
        if again.journals:
            posted += f", {again.from_journal} to {again.to_journal}"
        typer.echo(posted)
        if again.lapsed:
            typer.echo("  its time has passed: run and sign it, or they stay in no report")
    for one in found.stages:
        if one.run_no is None:
            what = "not run yet"
        elif one.stale:
            what = "something was posted since: run it again"
        elif one.passed:
            what = f"passed, {one.findings} accepted" if one.findings else "passed"
        else:
            what = f"{one.waiting} to decide {' '.join(one.evidence.get('obstacles', []))}"
        typer.echo(f"  {one.stage:<9} {what}")
    for signature in found.signatures:
        state = "" if signature.valid else " (of other evidence)"
        typer.echo(f"  {signature.act} by {signature.name}{state}")
    if found.digest is not None:
        typer.echo(f"  to be signed: {found.digest}")
    if found.obstacle is not None:
        typer.echo(f"  {found.obstacle}")


def _print_json(found: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(found).decode())
