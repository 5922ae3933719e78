"""`sapar ticketing shifts`: shift (Z) reports of validators against the taps that came."""

from __future__ import annotations

from typing import Annotated

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.finance.tables import Column, parse_day, show
from sapar.cli.report import reported
from sapar.core.settings import Settings

app = typer.Typer(help="Shift (Z) reports of validators.", no_args_is_help=True)

Agency = Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, amounts in tiyn.")]
Device = Annotated[str, typer.Argument(help="The validator's name in topics.")]

_LIST: tuple[Column, ...] = (
    ("report", "report_no"), ("validator", "device_id"), ("epoch", "epoch"), ("shift", "shift_no"),
    ("day", "service_date"), ("first", "first_seq"), ("last", "last_seq"), ("taps", "taps"),
    ("tenge", "sum_tiyn"), ("difference", "value_tiyn"), ("what", "detail"),
)  # fmt: skip
_LINES: tuple[Column, ...] = (
    ("product", "product_id"), ("reported", "reported_taps"), ("received", "received_taps"),
    ("reported tenge", "reported_tiyn"), ("received tenge", "received_tiyn"), ("", "code"),
)  # fmt: skip


@app.command("list")
def list_reports(
    device: Annotated[str | None, typer.Option(help="Only this validator's.")] = None,
    day: Annotated[str | None, typer.Option(help="Only begun on this day.")] = None,
    differing: Annotated[bool, typer.Option("--differing", help="Only open differences.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many.")] = 100,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show shift reports, the last that came first."""
    from sapar.finance.shifts.listing import list_shifts

    settings = Settings()
    with reported():
        begun = parse_day(day)
    rows = on_connection(
        settings,
        lambda c: list_shifts(
            c, agency or settings.agency, device=device, day=begun, differing=differing, most=most
        ),
    )
    show(rows, _LIST, "No shift reports.", as_json=as_json)


@app.command("show")
def show_one(
    device: Device,
    shift_no: int,
    epoch: Annotated[int | None, typer.Option(help="The newest if not given.")] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show one shift beside what came of its numbers."""
    from sapar.finance.shifts.listing import compare_shift

    settings = Settings()
    found = on_connection(
        settings,
        lambda c: compare_shift(c, agency or settings.agency, device, shift_no, epoch=epoch),
    )
    if as_json:
        show([found], (), "", as_json=True)
        return
    show(found.lines, _LINES, "Nobody tapped.", as_json=False)
    typer.echo(f"denied: reported {found.reported_denied}, received {found.received_denied}")
    expected = "not known" if found.expected_tiyn is None else tenge(found.expected_tiyn)
    typer.echo(f"grand total: {tenge(found.total_tiyn)} tenge, expected {expected}")
    typer.echo(found.detail or "All agrees.")


@app.command("compare")
def compare(
    since: Annotated[
        str | None, typer.Option(help="Shifts from this day on; a week if not given.")
    ] = None,
    agency: Agency = None,
) -> None:
    """Compare reports with taps, value gaps, and bring their exceptions up to date.

    Ends with 1 when something new was found.
    """
    from sapar.finance.exceptions.gaps import watch_gaps
    from sapar.finance.shifts.watch import watch_shifts

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()
    with reported():
        from_day = parse_day(since)
    watched = on_connection(settings, lambda c: watch_shifts(c, agency_id, now, since=from_day))
    gaps = on_connection(settings, lambda c: watch_gaps(c, agency_id, now))
    kinds = (*zip(watched._fields, watched, strict=True), ("gaps", gaps))
    for name, kept in kinds:
        typer.echo(
            f"{name}: {len(kept.opened)} opened, {len(kept.changed)} changed,"
            f" {len(kept.closed)} closed"
        )
    if any(kept.opened or kept.changed for _, kept in kinds):
        raise typer.Exit(1)
