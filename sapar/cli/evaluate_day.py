"""`sapar evaluate-day`: score the predictions that were kept of a service day."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.report import reported
from sapar.core.errors import NotFound
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.gtfs.scores.day import RouteScore


def evaluate_day(
    day: Annotated[
        datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Service date, YYYY-MM-DD.")
    ],
    agency: Annotated[
        str | None,
        typer.Option("--agency", help="Agency of the deployment; SAPAR_AGENCY if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Hold the predictions kept of a day against its stop visits, per route and horizon.

    The nightly job does the same. A day whose predictions were dropped keeps the scores it has.
    """
    settings = Settings()
    agency_id = agency or settings.agency
    with reported():
        counts, scores = asyncio.run(_scored(settings, agency_id, day.date()))
        if not scores:
            raise NotFound(
                f"{agency_id} has no predictions of {day:%Y-%m-%d}",
                hint="the leading engine keeps them where SAPAR_ETA_SAMPLE_SHARE is above 0",
            )
    if as_json:
        rows = [asdict(score) for score in scores]
        typer.echo(
            json.dumps({"agency": agency_id, "date": f"{day:%Y-%m-%d}", **counts, "scores": rows})
        )
    else:
        _show(scores, counts)


async def _scored(
    settings: Settings, agency_id: str, day: date
) -> tuple[dict[str, int], list[RouteScore]]:
    from sapar.core.db import open_pool
    from sapar.gtfs.scores.store import list_scores, score_day

    async with open_pool(settings.database_url.get_secret_value(), name="sapar-scores") as pool:
        counts = await score_day(pool, settings, agency_id, day)
        return counts, await list_scores(pool, agency_id, day)


def _show(scores: list[RouteScore], counts: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("route", "minutes", "count", "good", "never", "MAE", "median", "bias", "80 %", "had")
    table = Table(*columns)
    for score in scores:
        judged = score.scored + score.never_came
        row: list[Any] = [
            score.route_id or "all",
            f"{score.from_min}-{score.until_min}",
            f"{judged:,}",
            _share(score.accurate, judged),
            _share(score.never_came, judged),
            f"{score.mae_s:.0f}",
            f"{score.median_mae_s:.0f}",
            f"{score.bias_s:+.0f}",
            _share(score.within_bounds, score.scored),
            _share(score.covered, score.due),
        ]
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(
        f"{counts['predictions']:,} predictions, {counts['arrivals']:,} arrivals. good: inside the"
        " window; never: the bus did not come; MAE and bias of the published time and MAE of the"
        " median, in seconds; 80 %: within the bounds; had: arrivals that had been predicted"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
