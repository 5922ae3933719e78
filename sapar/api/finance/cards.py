"""Addresses of the card desk: look-up with a reason, all about a card, operations, journals."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, read_body
from sapar.api.finance.workbench import Workbench, answer_foreseen
from sapar.api.parts import Parts
from sapar.core.db import AsyncConnection, translated
from sapar.core.errors import NotFound, Refused
from sapar.finance.agents.desks import check_desk, desks_of
from sapar.finance.agents.parties import get_stored
from sapar.finance.bank.accounts import find_accounts
from sapar.finance.cards.acting import (
    AT_DESK,
    Asked,
    Check,
    Foreseen,
    act,
    cash_desk_of,
    check_payer,
    look_ahead,
    request_of,
    without_references,
)
from sapar.finance.cards.looking import (
    category_of,
    find_card,
    find_card_of_tap,
    has_looked,
    log_look,
    reason_needed,
    reference_of,
)
from sapar.finance.cards.passes import PassOffer, check_offered, offer_passes
from sapar.finance.cards.telling import list_channels, tell_card, tell_journal
from sapar.ticketing.cards.lookup.numbers import load_lookup_key
from sapar.ticketing.cards.requests import AnyRequest, PayOut, SellPass
from sapar.ticketing.tariff.versions import load_tariffs

NUMBER_MAX = 2**63 - 1


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """A look-up: by one of the three, with the reason the first time in a session.

    Attributes:
        text: the number that is printed on the card, or its reference.
        tap_no: the number of a ride.
        card_no: the number of the card in the database.
        reason: why the card is looked at.
    """

    text: str | None = None
    tap_no: int | None = None
    card_no: int | None = None
    reason: str = ""


def make_cards_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs a role of money or `auditor`, acting one of money."""
    needs = parts.guard.needs
    looker = needs("cashier", "accountant", "chief_accountant", "auditor")
    doer = needs("cashier", "accountant", "chief_accountant")
    desk = CardsDesk(parts)
    router = APIRouter()
    base = "/api/finance"
    add(router, looker, "GET", f"{base}/cards.json", desk.card_choices)
    add(router, looker, "POST", f"{base}/cards/look-up", desk.look_up_card, LookUp)
    add(router, looker, "GET", f"{base}/cards/{{card_no}}", desk.card)
    add(router, doer, "POST", f"{base}/cards/{{card_no}}/operations", desk.act_on_card, Asked)
    add(router, doer, "POST", f"{base}/cards/{{card_no}}/foresee", desk.foresee_on_card, Asked)
    add(router, looker, "GET", f"{base}/journals/{{journal_no}}", desk.journal)
    return router


def path_number(request: Request, name: str) -> int:
    """Read a number of the address.

    Raises:
        NotFound: it is no number that anything has.
    """
    text = str(request.path_params[name])
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= NUMBER_MAX):
        raise NotFound(f"There is nothing with the number {text[:20]!r}.", code="no_such_number")
    return int(text)


class CardsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)

    async def card_choices(self, request: Request, person: Person) -> Response:
        """What may be chosen at a card's desk.

        Rider categories of the tariff in force, the operations that this person may do, the cash
        desks where this person takes money, channels and bank accounts of refunds.
        """
        agency_id = self._bench.agency(request)
        tariffs = await load_tariffs(self._parts.pool, agency_id)
        tariff = tariffs.tariff_at(int(self._parts.clock.time() * 1000))
        names = tariff.categories if tariff else {}
        allowed = [name for name, roles in AT_DESK.items() if person.may(*roles)]
        with translated():
            async with self._parts.pool.connection() as connection:
                kept, desks = await desks_of(connection, agency_id, person.user_id)
                accounts = await find_accounts(connection, agency_id)
                channels = await list_channels(connection, agency_id)
        body = {
            "categories": dict(names),
            "operations": allowed,
            "desks_kept": kept,
            "desks": [{"desk_id": one, "name": name} for one, name in desks],
            "channels": channels,
            "bank_accounts": [one.account for one in accounts],
        }
        return answer(body)

    async def look_up_card(self, request: Request, person: Person) -> Response:
        """Find a card and log why it is looked at: the first time in a session with a `reason`."""
        asked = await read_body(request, LookUp)
        agency_id = self._bench.agency(request)
        now = self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                card_no = await self._find(connection, agency_id, asked)
                logged = await log_look(
                    connection, agency_id, card_no, person, reason=asked.reason, now=now
                )
        return answer({"card_no": card_no, "reason_needed": not logged})

    async def _find(self, connection: AsyncConnection, agency_id: str, asked: LookUp) -> int:
        if asked.card_no is not None:
            await reference_of(connection, agency_id, _bounded(asked.card_no))
            return asked.card_no
        if asked.tap_no is not None:
            return await find_card_of_tap(connection, agency_id, _bounded(asked.tap_no))
        path = self._parts.settings.card_lookup_key_file
        return await find_card(
            connection, agency_id, asked.text or "", lambda: load_lookup_key(path)
        )

    async def card(self, request: Request, person: Person) -> Response:
        """All about a card that was looked up in this session: state, history, receipts."""
        agency_id, card_no = self._bench.agency(request), path_number(request, "card_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                card_ref = await reference_of(connection, agency_id, card_no)
                if not await has_looked(connection, agency_id, card_no, person):
                    raise reason_needed()
            async with self._parts.pool.connection() as connection:
                told = await tell_card(connection, agency_id, card_ref)
        body: dict[str, Any] = msgspec.to_builtins(told, str_keys=True)
        body["passes_on_offer"] = await self._offers(agency_id, told.statement["category"])
        return answer({"time_s": self._parts.clock.time(), **body})

    async def _offers(self, agency_id: str, category: str) -> list[PassOffer]:
        now_ms = int(self._parts.clock.time() * 1000)
        tariffs = await load_tariffs(self._parts.pool, agency_id)
        return offer_passes(tariffs.tariff_at(now_ms), category, now_ms)

    async def foresee_on_card(self, request: Request, person: Person) -> Response:
        """What an operation would post, and how the card would stand; nothing is kept of it."""
        agency_id, card_no = self._bench.agency(request), path_number(request, "card_no")
        asked = await read_body(request, Asked)
        reason = asked.reason.strip() or "–"  # it need not be known yet
        seen = msgspec.structs.replace(asked, key=f"foresee-{asked.key}", reason=reason)
        async with self._bench.ledger() as connection:
            card_ref = await reference_of(connection, agency_id, card_no)
            if not await has_looked(connection, agency_id, card_no, person):
                raise reason_needed()
            asking = request_of(seen, agency_id, card_ref, person)
            check = await self._check(agency_id, asking, card_no, person)
            desk = await self._bench.desk()

            async def told() -> Foreseen:
                await _refuse_agents(connection, agency_id, asked)
                with without_references(asking):
                    return await look_ahead(connection, desk, asking, check=check)

            return await answer_foreseen(told())

    async def act_on_card(self, request: Request, person: Person) -> Response:
        """Carry out one of the operations of `cards.json` on a card: once, with a reason."""
        agency_id, card_no = self._bench.agency(request), path_number(request, "card_no")
        asked = await read_body(request, Asked)
        async with self._bench.ledger() as connection:
            card_ref = await reference_of(connection, agency_id, card_no)
            await _refuse_agents(connection, agency_id, asked)
            asking = request_of(asked, agency_id, card_ref, person)
            with without_references(asking):
                outcome = await act(
                    connection,
                    await self._bench.desk(),
                    asking,
                    card_no=card_no,
                    person=person,
                    reason=asked.reason,
                    clock=self._parts.clock,
                    check=await self._check(agency_id, asking, card_no, person),
                )
        receipt = msgspec.to_builtins(outcome.receipt)
        del receipt["card_ref"]
        body = {"receipt": receipt, "repeated": outcome.repeated, "key": asked.key}
        return answer({"time_s": self._parts.clock.time(), **body}, 201)

    async def _check(
        self, agency_id: str, asking: AnyRequest, card_no: int, person: Person
    ) -> Check:
        """Make what refuses an operation in its transaction: the desk, the pass, who pays out."""
        now_ms = int(self._parts.clock.time() * 1000)
        tariffs = await load_tariffs(self._parts.pool, agency_id)

        async def check(inside: AsyncConnection) -> None:
            desk_id = cash_desk_of(asking)
            if desk_id is not None:
                await check_desk(inside, agency_id, desk_id, person.user_id)
            if isinstance(asking, SellPass):
                category = await category_of(inside, card_no)
                offers = offer_passes(tariffs.tariff_at(now_ms), category, now_ms)
                check_offered(offers, asking)
            if isinstance(asking, PayOut):
                await check_payer(inside, card_no, person)

        return check

    async def journal(self, request: Request, _person: Person) -> Response:
        """A journal with its entries."""
        agency_id, number = self._bench.agency(request), path_number(request, "journal_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                told = await tell_journal(connection, agency_id, number)
        return answer(told)


def _bounded(number: int) -> int:
    if not 0 < number <= NUMBER_MAX:
        raise NotFound("There is nothing with that number.", code="no_such_number")
    return number


async def _refuse_agents(connection: AsyncConnection, agency_id: str, asked: Asked) -> None:
    """Refuse a cash desk that has the name of an agent: both owe on the same account.

    Raises:
        Refused: an agent is called so (`paid_elsewhere`).
    """
    paid = asked.values.get("paid")
    name = paid.get("name") if isinstance(paid, dict) else None
    if not isinstance(name, str):
        return
    try:
        with translated():
            await get_stored(connection, agency_id, "agent", name)
    except NotFound:
        return
    raise Refused(f"{name} is an agent, no cash desk.", code="paid_elsewhere")
