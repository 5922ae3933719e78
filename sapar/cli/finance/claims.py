"""`sapar ticketing claims`: what budgets owe for concessions."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from sapar.cli.finance.settle import Agency, AsJson, Form, Language, day_of, run_on
from sapar.cli.finance.tables import show
from sapar.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What budgets owe for concessions.")

ClaimNo = Annotated[int, typer.Argument(help="Number of the claim.", metavar="CLAIM")]

CLAIM_COLUMNS = (
    ("no", "claim_no"), ("budget", "funder"), ("from", "from_date"), ("to", "to_date"),
    ("part", "part"), ("number", "number"), ("tenge", "amount_tiyn"), ("open", "open_tiyn"),
    ("paid", "paid"),
)  # fmt: skip
LINE_COLUMNS = (
    ("line", "position"), ("section", "block"), ("category", "category"), ("fare", "product_id"),
    ("rides", "rides"), ("difference", "difference_tiyn"), ("tenge", "amount_tiyn"),
)  # fmt: skip
PART_COLUMNS = (
    ("journal", "journal_no"), ("tap", "tap_no"), ("card", "card_ref"), ("device", "device_id"),
    ("seq", "seq"), ("route", "route_id"), ("time", "event_at"), ("rides", "rides"),
    ("tenge", "amount_tiyn"),
)  # fmt: skip


@app.command()
def run(
    from_day: Annotated[str, typer.Argument(help="First business day, 2026-10-01.")],
    to_day: Annotated[str, typer.Argument(help="Last business day.")],
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Claim from every budget what closed days left on it, once."""
    from sapar.finance.claims.claiming import run_claims

    first, last, now = day_of(from_day), day_of(to_day), Settings().clock().now()
    made = run_on(
        lambda c, of: run_claims(c, of, first, last, actor=getpass.getuser(), now=now), agency
    )
    show(made, CLAIM_COLUMNS, "Everything is claimed.", as_json=as_json)


@app.command("show")
def show_one(
    claim_no: Annotated[int | None, typer.Argument(help="A claim; else all.")] = None,
    line: Annotated[int | None, typer.Option("--line", help="The rides of this line.")] = None,
    agency: Agency = None,
    as_json: AsJson = False,
) -> None:
    """Show claims, the lines of one, or the rides of a line."""
    from sapar.finance.claims import claiming

    if claim_no is None:
        found = run_on(claiming.list_claims, agency)
        show(found, CLAIM_COLUMNS, "There are no claims.", as_json=as_json)
    elif line is None:
        run_on(lambda c, of: claiming.get_claim(c, of, claim_no), agency)
        lines = run_on(lambda c, _: claiming.list_claim_lines(c, claim_no), agency)
        show(lines, LINE_COLUMNS, "It is empty.", as_json=as_json)
    else:
        parts = run_on(
            lambda c, of: claiming.claim_parts(c, of, claim_no, line, most=1_000_000), agency
        )
        show(parts, PART_COLUMNS, "The line has no rides.", as_json=as_json)


@app.command()
def check(agency: Agency = None, as_json: AsJson = False) -> None:
    """Open an exception for each claim that was paid otherwise than claimed."""
    from sapar.finance.claims.claiming import check_claims

    now = Settings().clock().now()
    kept = run_on(lambda c, of: check_claims(c, of, now=now), agency)
    rows = [
        {"change": name, "claim": subject}
        for name in ("opened", "changed", "closed")
        for subject in getattr(kept, name)
    ]
    show(rows, (("change", "change"), ("claim", "claim")), "Nothing changed.", as_json=as_json)


@app.command()
def export(
    claim_no: ClaimNo,
    out: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    form: Form = "xlsx",
    language: Language = "ru",
    agency: Agency = None,
) -> None:
    """Write a claim as XLSX, PDF or CSV."""
    from sapar.finance.claims.claim_paper import claim_file

    data = run_on(lambda c, of: claim_file(c, of, claim_no, form, language), agency)
    out.write_bytes(data)
    typer.echo(f"{out}: {len(data):,} bytes")
