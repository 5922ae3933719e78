"""Addresses of matching: what is open, suggestions, matches, matching by hand and by the rules."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.finance.cards import NUMBER_MAX, path_number
from sapar.api.finance.lines import Progress, answer_lines, with_progress
from sapar.api.finance.workbench import Workbench, day_of
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching import views
from sapar.finance.matching.by_hand import Asked, match_by_hand
from sapar.finance.matching.postings import ResidualPart
from sapar.finance.matching.run import MatchingRun, run_matching
from sapar.finance.matching.suggesting import suggest
from sapar.finance.matching.undoing import undo_match
from sapar.ticketing.ledger.accounts import CHART, Accounts

SHARE_DAYS = 1
"""The explained share is that of lines that were matched by the day after booking."""

Number = Annotated[int, msgspec.Meta(gt=0, le=NUMBER_MAX)]


class Residual(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a difference that goes to several accounts; signed as the difference is."""

    code: int
    owner: str
    amount_tiyn: int


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Lines and items that go together.

    Attributes:
        key: made by the page before the first try, the same for every try of it.
        lines: numbers of open bank lines, at least one.
        items: numbers of open items.
        residual: account, as (code, owner), of what the lines show beyond the items; with a reason.
        residuals: the same for several accounts; they sum up to the difference.
        reason: the person's words.
    """

    key: str
    lines: list[Number]
    items: list[Number]
    residual: tuple[int, str] | None = None
    residuals: list[Residual] = []
    reason: str = ""


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """Why a match is undone."""

    reason: str


def make_matching_router(parts: Parts) -> APIRouter:
    """Make the router; acting needs `accountant` or `chief_accountant`, looking also `auditor`."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer = needs("accountant", "chief_accountant")
    desk = MatchingDesk(parts)
    router = APIRouter()
    base = "/api/finance/matching"
    add(router, looker, "GET", f"{base}.json", desk.open_for_matching)
    add(router, looker, "GET", f"{base}/lines/{{line_no}}/suggestions.json", desk.suggestions)
    add(router, looker, "GET", f"{base}/matches.json", desk.matches)
    add(router, doer, "POST", f"{base}/matches", desk.match_by_hand, Together)
    add(router, doer, "POST", f"{base}/matches/{{match_no}}/undo", desk.undo_match, Apart)
    add(router, doer, "POST", f"{base}/run", desk.run_matching)
    return router


class MatchingDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)
        self._accounts = Accounts(parts.settings.database_url.get_secret_value())

    async def open_for_matching(self, request: Request, _person: Person) -> Response:
        """Open bank lines and items, the lines' ages, how much is explained, and the check of 2910.

        Of one bank `account`, or booked in `from` to `to`, when these are given.
        """
        agency_id = self._bench.agency(request)
        account = request.query_params.get("account") or None
        first, last = day_of(request, "from"), day_of(request, "to")
        zone = ZoneInfo(self._parts.known(agency_id).timezone)
        today = self._parts.clock.now().astimezone(zone).date()
        with translated():
            async with self._parts.pool.connection() as connection:
                lines = await views.open_lines(
                    connection, agency_id, bank_account_id=account, from_date=first, to_date=last
                )
                body = {
                    "time_s": self._parts.clock.time(),
                    "today": today,
                    "lines": lines,
                    "items": await views.open_items(connection, agency_id),
                    "ages": await views.suspense_ages(connection, agency_id, today),
                    "share": await views.explained_share(
                        connection, agency_id, SHARE_DAYS, from_date=first, to_date=last
                    ),
                    "differences": await views.check_suspense(connection, agency_id),
                    "accounts": _residual_accounts(),
                }
        return answer(body)

    async def suggestions(self, request: Request, _person: Person) -> Response:
        """What an open line may pay, best first, with the reasons."""
        agency_id, line_no = self._bench.agency(request), path_number(request, "line_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await suggest(connection, agency_id, line_no, most=8)
        return answer({"suggestions": found})

    async def matches(self, request: Request, _person: Person) -> Response:
        """Matches, newest first: of a `rule`, a `line`, an `item`; `undone` ones or not."""
        query = request.query_params
        undone = {"1": True, "0": False}.get(query.get("undone", ""))
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await views.list_matches(
                    connection,
                    self._bench.agency(request),
                    line_no=number_of(request, "line"),
                    item_no=number_of(request, "item"),
                    rule=query.get("rule") or None,
                    undone=undone,
                    from_date=day_of(request, "from"),
                    to_date=day_of(request, "to"),
                )
        return answer({"matches": found})

    async def match_by_hand(self, request: Request, person: Person) -> Response:
        """Match lines and items; a difference needs an account and a reason."""
        body = await read_body(request, Together)
        asked = Asked(
            key=body.key,
            lines=tuple(body.lines),
            items=tuple(body.items),
            residual=body.residual,
            reason=body.reason,
            residuals=tuple(
                ResidualPart(one.code, one.owner, one.amount_tiyn) for one in body.residuals
            ),
        )
        async with self._bench.ledger() as connection:
            done = await match_by_hand(
                connection,
                self._accounts,
                self._bench.agency(request),
                asked,
                by=_who(person),
                now=self._parts.clock.now(),
            )
        return answer(done, 201)

    async def undo_match(self, request: Request, person: Person) -> Response:
        """Take a match apart; its journal is reversed, its lines and items are open again."""
        body = await read_body(request, Apart)
        async with self._bench.ledger() as connection:
            done = await undo_match(
                connection,
                self._bench.agency(request),
                path_number(request, "match_no"),
                reason=body.reason,
                by=_who(person),
                now=self._parts.clock.now(),
            )
        return answer(done)

    async def run_matching(self, request: Request, person: Person) -> Response:
        """Let the rules match what they can: lines of JSON, progress first, the result last."""
        agency_id, now = self._bench.agency(request), self._parts.clock.now()

        async def work(progress: Progress) -> MatchingRun:
            async with self._bench.room():
                return await run_matching(
                    self._parts.pool, agency_id, person.name, now, progress, user_id=person.user_id
                )

        return answer_lines(with_progress(work))


def _who(person: Person) -> Who:
    return Who(person.name, person.user_id)


_RESIDUALS = (5160, 1110, 1020, 1220, 1230, 2310, 2410, 2420, 2510, 2520)


def _residual_accounts() -> list[dict[str, Any]]:
    """Where a difference may go: codes of the chart, and whether each wants an owner."""
    return [{"code": code, "has_owner": bool(CHART[code].owner)} for code in _RESIDUALS]
