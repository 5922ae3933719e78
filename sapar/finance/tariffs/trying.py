"""A draft tried on the stored taps of fare days: progress on the way, the sum at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, Final

from sapar.core.db import Pool, load_queries, translated
from sapar.core.errors import BadInput
from sapar.finance.cards.looking import label_of
from sapar.ticketing.pricing.dry_run import LARGEST, DryRun, Line, dry_run
from sapar.ticketing.tariff.model import Tariff

_QUERIES = load_queries("sapar.finance.tariffs")
DAYS_MAX: Final = 31
_TELL_S: Final = 0.5


def days_between(first: str, last: str) -> list[date]:
    """Give the fare days from one to another, both written as `2026-11-20`.

    Raises:
        BadInput: they are no days, not in order, or more than 31 (`bad_days`).
    """
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise BadInput("`from` and `to` are days: 2026-11-20.", code="bad_days") from None
    count = (end - begin).days + 1
    if not 1 <= count <= DAYS_MAX:
        raise BadInput(f"1 to {DAYS_MAX} days, in order.", code="bad_days")
    return [begin + timedelta(days=number) for number in range(count)]


class _Seen:
    """How many taps of the day are done."""

    taps = 0

    def __call__(self, taps: int) -> None:
        self.taps = taps


async def try_days(
    pool: Pool, agency_id: str, draft: Tariff, days: list[date]
) -> AsyncIterator[dict[str, Any]]:
    """Price the stored taps of days by the published tariffs and by a draft.

    Yields:
        `{"day", "days_done", "days", "taps"}` twice a second, and for each day that is done; at
        last `{"result"}`. Nothing is written.

    Raises:
        NotFound: there is no such agency.
    """
    whole = DryRun(days[0])
    for number, day in enumerate(days):
        seen = _Seen()
        task = asyncio.ensure_future(dry_run(pool, agency_id, draft, day, seen))
        try:
            while not task.done():
                await asyncio.wait([task], timeout=_TELL_S)
                if not task.done():
                    yield _progress(day, number, days, whole.taps + seen.taps)
        finally:
            task.cancel()
        add_day(whole, task.result())
        yield _progress(day, number + 1, days, whole.taps)
    refs = await _labels(pool, agency_id, [card_no for _, card_no in whole.largest])
    result = whole.to_json()
    result["days"] = [day.isoformat() for day in days]
    result["largest"] = [
        {"card_no": card_no, "label": refs.get(card_no, ""), "difference_tiyn": difference}
        for difference, card_no in whole.largest
    ]
    result["unpriced"] = [{"tap_no": tap_no, "code": code} for tap_no, code in whole.unpriced]
    yield {"result": result}


def _progress(day: date, done: int, days: list[date], taps: int) -> dict[str, Any]:
    return {"day": day.isoformat(), "days_done": done, "days": len(days), "taps": taps}


def add_day(whole: DryRun, day: DryRun) -> None:
    """Add a day to the sum of days; cards are counted once for each day."""
    whole.taps += day.taps
    whole.cards += day.cards
    whole.cards_dearer += day.cards_dearer
    whole.cards_cheaper += day.cards_cheaper
    for mine, other in ((whole.lines, day.lines), (whole.channels, day.channels)):
        for key, line in other.items():
            _add_line(mine.setdefault(key, Line()), line)
    for key, (now, then) in day.funders.items():
        both = whole.funders.setdefault(key, [0, 0])
        both[0] += now
        both[1] += then
    for mine_held, other_held in (
        (whole.held_now, day.held_now),
        (whole.held_then, day.held_then),
    ):
        for code, count in other_held.items():
            mine_held[code] = mine_held.get(code, 0) + count
    whole.keep_largest(day.largest)
    whole.unpriced = [*whole.unpriced, *day.unpriced][:LARGEST]


def _add_line(line: Line, other: Line) -> None:
    for name in Line.__slots__:
        setattr(line, name, getattr(line, name) + getattr(other, name))


async def _labels(pool: Pool, agency_id: str, numbers: list[int]) -> dict[int, str]:
    values = {"agency_id": agency_id, "card_nos": numbers}
    with translated():
        async with pool.connection() as connection:
            rows = await (await connection.execute(_QUERIES["references"], values)).fetchall()
    return {card_no: label_of(card_ref) for card_no, card_ref in rows}
