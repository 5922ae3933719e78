"""Exceptions of matching: what is short, over, doubled, unknown, or kept as another fee.

They follow from what is stored, so they are the same however matches came about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.bank.model import tenge
from sapar.finance.exceptions.keep import Finding, keep_findings

if TYPE_CHECKING:
    from sapar.finance.matching.store import Town

_QUERIES = load_queries("sapar.finance.matching")
_AGENTS: Final = [1110, 2410]
_FEES: Final = [5160]


async def keep_matching_findings(connection: AsyncConnection, town: Town, now: datetime) -> None:
    """Bring the exceptions in line with what is open and matched now.

    In a transaction of the caller's, or in autocommit.
    """
    doubled = await _doubled(connection, town)
    kinds = {
        "bank_line_doubled": doubled,
        "bank_line_unknown": await _unknown(
            connection, town, now, {finding.subject for finding in doubled}
        ),
        "agent_short": await _short(connection, town),
        "agent_over": await _over(connection, town),
        "fee_difference": await _fees(connection, town),
    }
    for kind, findings in kinds.items():
        about = "line " if kind.startswith("bank_line") else "item "
        await keep_findings(
            connection, town.agency_id, kind, findings, now=now, among=_is_about(about)
        )


def _is_about(prefix: str) -> Callable[[str], bool]:
    return lambda subject: subject.startswith(prefix)


async def _rows(connection: AsyncConnection, name: str, town: Town, **names: Any) -> Sequence[Any]:
    with translated():
        found = await connection.execute(_QUERIES[name], {"agency_id": town.agency_id, **names})
        return await found.fetchall()


async def _doubled(connection: AsyncConnection, town: Town) -> list[Finding]:
    rows = await _rows(connection, "find_doubled", town, days=town.settings.doubled_days)
    return [
        Finding(
            f"line {line_no}",
            value,
            f"equals line {twin}, which match {match_no} explains, and pays nothing",
            business_date=booked_on,
            code=2910,
            owner=account,
        )
        for line_no, value, booked_on, account, twin, match_no in rows
    ]


async def _unknown(
    connection: AsyncConnection, town: Town, now: datetime, doubled: set[str]
) -> list[Finding]:
    until = town.today(now) - timedelta(days=town.settings.unknown_days)
    rows = await _rows(connection, "find_unknown", town, until=until)
    return [
        Finding(
            f"line {line_no}",
            value,
            _why_unknown(reason, count),
            business_date=booked_on,
            code=2910,
            owner=account,
        )
        for line_no, value, booked_on, account, reason, count in rows
        if f"line {line_no}" not in doubled
    ]


def _why_unknown(reason: str | None, count: int | None) -> str:
    match reason:
        case "ambiguous":
            return f"{count} items fit it equally well"
        case "amount_differs":
            return "it names what it pays, and the amount differs"
        case "undone":
            return "its match was undone"
        case _:
            return "nothing explains it"


async def _short(connection: AsyncConnection, town: Town) -> list[Finding]:
    rows = await _rows(connection, "find_short", town, codes=_AGENTS)
    return [
        Finding(
            f"item {item_no}",
            value,
            f"{owner} paid {tenge(value)} too little for {reference or item_date}",
            business_date=day,
            code=code,
            owner=owner,
        )
        for item_no, value, day, code, owner, reference, item_date in rows
    ]


async def _over(connection: AsyncConnection, town: Town) -> list[Finding]:
    rules = ["difference", "late_difference", "hand"]
    rows = await _rows(connection, "find_residuals", town, codes=_AGENTS, rules=rules, over=True)
    return [
        Finding(
            f"item {item_no}",
            abs(value),
            f"{owner} paid {tenge(abs(value))} too much for {reference or item_date}",
            business_date=day,
            code=code,
            owner=owner,
        )
        for item_no, value, day, code, owner, reference, item_date in rows
    ]


async def _fees(connection: AsyncConnection, town: Town) -> list[Finding]:
    rules = ["difference", "late_difference"]
    rows = await _rows(connection, "find_residuals", town, codes=_FEES, rules=rules, over=False)
    return [
        Finding(
            f"item {item_no}",
            abs(value),
            f"{tenge(abs(value))} {'more' if value < 0 else 'less'} was kept of"
            f" {reference or item_date} than agreed",
            business_date=day,
            code=code,
            owner=owner,
        )
        for item_no, value, day, code, owner, reference, item_date in rows
    ]
