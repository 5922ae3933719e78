"""Addresses of the queue of exceptions: what a person must explain, and what was done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypedDict, get_args

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.errors import error_response
from sapar.api.finance.cards import path_number
from sapar.api.finance.workbench import Workbench, answer_foreseen, day_of
from sapar.api.parts import Parts
from sapar.core.db import AsyncConnection, translated
from sapar.core.errors import BadInput, Refused
from sapar.finance.cards.hiding import without_reference
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.fitting import Entry, fitting_codes
from sapar.finance.exceptions.queue import (
    Order,
    State,
    get_exception,
    list_ageing,
    list_exceptions,
)
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.finance.exceptions.ruling import (
    MEANWHILE,
    foresee_ruling,
    rule_on_exception,
    tell_held,
)
from sapar.ticketing.ledger.accounts import CARD_CODES, CHART, Accounts
from sapar.ticketing.rulings import Word

PAGE = 200


class _Doing(TypedDict):
    by: Who
    now: datetime


class _Act(Protocol):
    async def __call__(
        self,
        connection: AsyncConnection,
        agency_id: str,
        exception_no: int,
        /,
        *,
        reason: str,
        by: Who,
        now: datetime,
    ) -> None: ...


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The person's words; not empty."""

    text: str


class Accepting(msgspec.Struct, frozen=True, kw_only=True):
    """Why a day may be closed with an exception, and what the person saw that it is worth."""

    text: str
    value_tiyn: int


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at an exception; null: nobody."""

    to: str | None


class Resolving(msgspec.Struct, frozen=True, kw_only=True):
    """A posting: entries as (code, owner, tiyn; debits positive), why, and the page's own key."""

    entries: list[tuple[int, str, int]]
    text: str
    key: str


class Undoing(msgspec.Struct, frozen=True, kw_only=True):
    """Why a posting is taken back, and the page's own key."""

    text: str
    key: str


class Foreseeing(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would say of a held tap: `accept`, it is a ride; `reject`, it is none.

    `seen`: the newest ruling on it that the page shows; null: there is none.
    """

    word: Word
    seen: int | None


class Ruling(Foreseeing, frozen=True, kw_only=True):
    """What a person says of a held tap, why, and the page's own key."""

    text: str
    key: str


def make_exceptions_router(parts: Parts) -> APIRouter:
    """Make the router; acting needs `accountant` or `chief_accountant`, looking also `auditor`."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer = needs("accountant", "chief_accountant")
    desk = ExceptionsDesk(parts)
    router = APIRouter()
    base = "/api/finance/exceptions"
    one = f"{base}/{{exception_no}}"
    add(router, looker, "GET", f"{base}.json", desk.finance_exceptions)
    add(router, looker, "GET", f"{one}/history.json", desk.finance_exception)
    add(router, doer, "POST", f"{one}/comment", desk.comment_on, Said)
    add(router, doer, "POST", f"{one}/assign", desk.assign, Given)
    add(router, doer, "POST", f"{one}/accept", desk.accept, Accepting)
    add(router, doer, "POST", f"{one}/unaccept", desk.unaccept, Said)
    add(router, doer, "POST", f"{one}/close", desk.close_exception, Said)
    add(router, doer, "POST", f"{one}/reopen", desk.reopen_exception, Said)
    add(router, doer, "POST", f"{one}/resolve", desk.resolve, Resolving)
    add(router, doer, "POST", f"{one}/undo", desk.undo_resolution, Undoing)
    add(router, doer, "POST", f"{one}/rule", desk.rule_on_tap, Ruling)
    add(router, doer, "POST", f"{one}/rule/foresee", desk.foresee_ruling, Foreseeing)
    return router


class ExceptionsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)
        self._accounts = Accounts(parts.settings.database_url.get_secret_value())

    async def finance_exceptions(self, request: Request, _person: Person) -> Response:
        """Exceptions: by `state`, `kind`, `age`, `assignee`, `day`, `text`, `order`; the ageing."""
        query, agency_id = request.query_params, self._bench.agency(request)
        state, order = query.get("state") or "open", query.get("order") or "value"
        if state not in get_args(State) or order not in get_args(Order):
            raise BadInput("There is no such state or order.", code="filter")
        now = self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                page = await list_exceptions(
                    connection,
                    agency_id,
                    now,
                    state=state,  # type: ignore[arg-type]  # as checked above
                    kinds=query.getlist("kind") or None,
                    bucket=query.get("age") or None,
                    assignee=query.get("assignee"),
                    day=day_of(request, "day"),
                    text=query.get("text") or None,
                    order=order,  # type: ignore[arg-type]
                    most=PAGE,
                    skip=number_of(request, "skip") or 0,
                )
                ageing = await list_ageing(connection, agency_id, now)
        told = {
            **msgspec.structs.asdict(page),
            "rows": [without_reference(row) for row in page.rows],
        }
        return answer({"time_s": self._parts.clock.time(), "page": told, "ageing": ageing})

    async def finance_exception(self, request: Request, _person: Person) -> Response:
        """One exception with all that was done to it, and the accounts that a posting may move.

        Its tap, if it has one, with the words that may be said of it now and those that were said.
        """
        agency_id, number = self._bench.agency(request), path_number(request, "exception_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                card = await get_exception(connection, agency_id, number, self._parts.clock.now())
                row = card.exception
                tap = row.tap_no and await tell_held(connection, agency_id, row.tap_no, row.kind)
        about_ride = row.tap_no is not None or row.card_ref is not None
        codes = sorted(fitting_codes(row.kind, about_ride=about_ride, code=row.code))
        accounts = [
            {"code": code, "has_owner": bool(CHART[code].owner) and code not in CARD_CODES}
            for code in codes
            if code not in CARD_CODES or row.card_ref is not None
        ]
        told = without_reference(row)
        about = {"exception": told, "history": card.history, "accounts": accounts, "tap": tap}
        return answer(about)

    async def comment_on(self, request: Request, person: Person) -> Response:
        """Write something down about an exception; it stays."""
        said = await read_body(request, Said)
        async with self._bench.ledger() as connection:
            await acts.comment(
                *self._which(connection, request), text=said.text, **self._by(person)
            )
        return await self.finance_exception(request, person)

    async def assign(self, request: Request, person: Person) -> Response:
        """Give an exception to a person, or take it from whoever has it."""
        given = await read_body(request, Given)
        async with self._bench.ledger() as connection:
            await acts.assign(*self._which(connection, request), to=given.to, **self._by(person))
        return await self.finance_exception(request, person)

    async def accept(self, request: Request, person: Person) -> Response:
        """Let its day be closed with the exception as it stands; it stays open."""
        said = await read_body(request, Accepting)
        async with self._bench.ledger() as connection:
            await acts.accept(
                *self._which(connection, request),
                reason=said.text,
                seen_tiyn=said.value_tiyn,
                **self._by(person),
            )
        return await self.finance_exception(request, person)

    async def unaccept(self, request: Request, person: Person) -> Response:
        """Take an acceptance back."""
        return await self._act(acts.unaccept, request, person)

    async def close_exception(self, request: Request, person: Person) -> Response:
        """Close an exception with what was found out, without a posting."""
        return await self._act(acts.close, request, person)

    async def reopen_exception(self, request: Request, person: Person) -> Response:
        """Undo a close: the exception is open as before."""
        return await self._act(acts.reopen, request, person)

    async def _act(self, act: _Act, request: Request, person: Person) -> Response:
        said = await read_body(request, Said)
        async with self._bench.ledger() as connection:
            await act(*self._which(connection, request), reason=said.text, **self._by(person))
        return await self.finance_exception(request, person)

    async def resolve(self, request: Request, person: Person) -> Response:
        """Post what resolves an exception; the journal cites it, and it is closed.

        An account of a card is that of the card that the exception is about, whatever the owner.
        """
        asked = await read_body(request, Resolving)
        agency_id, number = self._bench.agency(request), path_number(request, "exception_no")
        now = self._parts.clock.now()
        async with self._bench.ledger() as connection:
            card = (await get_exception(connection, agency_id, number, now)).exception.card_ref
            await resolve_with_posting(
                connection,
                self._accounts,
                agency_id,
                number,
                [
                    Entry(code, (card or "") if code in CARD_CODES else owner, amount_tiyn)
                    for code, owner, amount_tiyn in asked.entries
                ],
                reason=asked.text,
                key=asked.key,
                **self._by(person),
            )
        return await self.finance_exception(request, person)

    async def undo_resolution(self, request: Request, person: Person) -> Response:
        """Take a resolving posting back, and open the exception again."""
        asked = await read_body(request, Undoing)
        async with self._bench.ledger() as connection:
            await undo_resolution(
                *self._which(connection, request),
                reason=asked.text,
                key=asked.key,
                **self._by(person),
            )
        return await self.finance_exception(request, person)

    async def foresee_ruling(self, request: Request, person: Person) -> Response:
        """What a word on an exception's held tap would post and hold; nothing is kept of it."""
        asked = await read_body(request, Foreseeing)
        async with self._bench.ledger() as connection:
            which, tools = self._which(connection, request), await self._bench.tools()
            by = self._by(person)["by"]
            return await answer_foreseen(
                foresee_ruling(which[0], tools, *which[1:], asked.word, seen=asked.seen, by=by)
            )

    async def rule_on_tap(self, request: Request, person: Person) -> Response:
        """Say of an exception's held tap that it is a ride, or that it is none.

        The newest word on a tap counts: the opposite one takes it back. Who has not seen the newest
        is refused (409, `ruled_meanwhile`).
        """
        asked = await read_body(request, Ruling)
        async with self._bench.ledger() as connection:
            which, tools = self._which(connection, request), await self._bench.tools()
            by = self._by(person)["by"]
            ruling = rule_on_exception(
                which[0], tools, *which[1:], asked.word,
                seen=asked.seen, reason=asked.text, key=asked.key, by=by,
            )  # fmt: skip
            try:
                return answer(await ruling)
            except Refused as exc:
                if exc.code != MEANWHILE:
                    raise
                return error_response(409, exc.code, exc.message, exc.hint)

    def _which(
        self, connection: AsyncConnection, request: Request
    ) -> tuple[AsyncConnection, str, int]:
        return connection, self._bench.agency(request), path_number(request, "exception_no")

    def _by(self, person: Person) -> _Doing:
        return {"by": Who(person.name, person.user_id), "now": self._parts.clock.now()}
