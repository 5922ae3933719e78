"""Tables of a dry run for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from sapar.ticketing.pricing.dry_run import DryRun


def print_dry_run(result: DryRun) -> None:
    """Show what a draft would have changed, as tables."""
    console = Console()
    console.print(
        f"{result.service_date}: {result.taps:,} taps of {result.cards:,} cards;"
        f" {result.cards_dearer:,} cards pay more, {result.cards_cheaper:,} less"
    )
    table = Table(
        "category", "product", "rides now", "then", "charged now", "then", "difference, tenge"
    )
    for (category, product_id), line in sorted(result.lines.items()):
        table.add_row(
            category,
            product_id,
            f"{line.taps_now:,}",
            f"{line.taps_then:,}",
            _tenge(line.charged_now_tiyn),
            _tenge(line.charged_then_tiyn),
            _tenge(line.charged_then_tiyn - line.charged_now_tiyn, signed=True),
        )
    console.print(table)
    if result.funders:
        table = Table("borne as", "by", "now", "then", "difference, tenge")
        for (kind, funder), (now, then) in sorted(result.funders.items()):
            table.add_row(kind, funder, _tenge(now), _tenge(then), _tenge(then - now, signed=True))
        console.print(table)
    if result.held_now or result.held_then:
        table = Table("held as", "now", "then")
        for code in sorted(result.held_now.keys() | result.held_then.keys()):
            table.add_row(
                code, f"{result.held_now.get(code, 0):,}", f"{result.held_then.get(code, 0):,}"
            )
        console.print(table)


def _tenge(amount_tiyn: int, *, signed: bool = False) -> str:
    sign = "-" if amount_tiyn < 0 else "+" if signed and amount_tiyn else ""
    tenge, tiyn = divmod(abs(amount_tiyn), 100)
    return f"{sign}{tenge:,}.{tiyn:02}"
