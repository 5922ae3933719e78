"""`sapar ticketing judge`: taps again, after what their fares depend on has changed."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from sapar.cli.report import reported
from sapar.core.errors import BadInput
from sapar.core.settings import Settings


def judge(
    since: Annotated[
        str, typer.Option("--from", help="First event time: 2026-12-01T04:00, in UTC if bare.")
    ],
    until: Annotated[str | None, typer.Option("--until", help="Up to, not including.")] = None,
    agency: Annotated[str | None, typer.Option("--agency", help="SAPAR_AGENCY if not.")] = None,
) -> None:
    """Judge and price stored taps again and post the differences; nothing changes where none is."""
    settings = Settings()
    with reported():
        first, last = _moment(since), None if until is None else _moment(until)
        count = judge_again_since(settings, agency or settings.agency, first, last)
    typer.echo(f"{count} journals were posted")


def judge_again_since(
    settings: Settings, agency_id: str, since: datetime, until: datetime | None
) -> int:
    """Judge the taps of a span again, with a line of progress; give the number of journals."""
    from rich.progress import Progress

    from sapar.core.db import connect_async, open_pool
    from sapar.ticketing.post import judge_span
    from sapar.ticketing.reference import Reference, make_tools

    async def run(bar: Progress) -> int:
        conninfo = settings.database_url.get_secret_value()
        task = bar.add_task("judging cards", total=None)
        async with open_pool(conninfo, max_size=2, name="judge") as pool:
            reference = Reference(pool, settings)
            await reference.refresh()
            tools = make_tools(settings, settings.clock(), reference)
            connection = await connect_async(conninfo)
            async with connection:
                return await judge_span(
                    connection,
                    tools,
                    agency_id,
                    since,
                    until,
                    lambda done, whole: bar.update(task, completed=done, total=whole),
                )

    with Progress() as bar:
        return asyncio.run(run(bar))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no time", hint="Write it as 2026-12-01T04:00+05:00.") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("UTC"))
