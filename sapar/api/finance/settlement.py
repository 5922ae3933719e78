"""Addresses of carriers and budgets: statements with their parts, payments, disputes, claims."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.finance.cards import path_number
from sapar.api.finance.workbench import Workbench, answer_foreseen, day_of
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import BadInput
from sapar.finance.agents.parties import fare_day
from sapar.finance.bank.accounts import find_accounts
from sapar.finance.cards.hiding import without_reference
from sapar.finance.claims import claiming
from sapar.finance.claims.claim_paper import claim_file
from sapar.finance.said import refuse_card_number
from sapar.finance.settlement import statements
from sapar.finance.settlement.bank_file import exchange_file, orders_csv
from sapar.finance.settlement.contracts import (
    NewContract,
    add_contract,
    list_contracts,
    remove_contract,
)
from sapar.finance.settlement.disputes import decide_dispute, list_disputes, open_dispute
from sapar.finance.settlement.foreseeing import foresee_contract
from sapar.finance.settlement.paper import Format
from sapar.finance.settlement.payments import list_orders, orders_for_bank, pay_statement
from sapar.finance.settlement.running import run_settlement
from sapar.finance.settlement.statement_paper import statement_file
from sapar.finance.settlement.wording import Language
from sapar.ticketing.ledger.accounts import Accounts

_TYPES: dict[Format, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
}
_PARTS = 500
_REASON_MAX = 400


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Business days that are settled, both inclusive."""

    from_date: date
    to_date: date


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """Short name of the bank account that pays."""

    bank_account: str


class Disputed(msgspec.Struct, frozen=True, kw_only=True):
    """A hold: of an amount, or of what the carrier gets for certain rides.

    Attributes:
        key: made by the page before the first try.
    """

    key: str
    reason: str
    amount_tiyn: int | None = None
    tap_nos: list[int] = []


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a hold: released to the carrier, or rejected to the city or as our loss."""

    decision: Literal["release", "reject"]
    reason: str
    destination: Literal["city", "loss"] = "city"
    city: str = ""


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version of a contract is taken away."""

    reason: str


def make_settlement_router(parts: Parts) -> APIRouter:
    """Make the router; paying, deciding and agreeing on contracts need `chief_accountant`."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer, chief = needs("accountant", "chief_accountant"), needs("chief_accountant")
    desk = SettlementDesk(parts)
    router = APIRouter()
    base = "/api/finance"
    one = f"{base}/statements/{{statement_no}}"
    contracts = f"{base}/contracts"
    add(router, looker, "GET", f"{base}/carriers.json", desk.carriers)
    add(router, chief, "POST", contracts, desk.add_carrier_contract, NewContract)
    add(router, chief, "POST", f"{contracts}/foresee", desk.foresee_carrier_contract, NewContract)
    add(router, chief, "POST", f"{contracts}/{{contract_no}}/withdraw",
        desk.withdraw_carrier_contract, Withdrawn)  # fmt: skip
    add(router, looker, "GET", one, desk.statement)
    add(router, looker, "GET", f"{one}/file", desk.statement_file)
    add(router, looker, "GET", f"{base}/statement-lines/{{line_no}}/parts.json", desk.line_parts)
    add(router, doer, "POST", f"{base}/statements", desk.settle_period, Period)
    add(router, doer, "POST", f"{one}/issue", desk.issue_statement)
    add(router, chief, "POST", f"{one}/payment", desk.pay_statement, Paid)
    add(router, doer, "POST", f"{one}/disputes", desk.open_dispute, Disputed)
    add(router, chief, "POST", f"{base}/disputes/{{dispute_no}}/decision", desk.decide_dispute,
        Decided)  # fmt: skip
    add(router, looker, "GET", f"{base}/payment-orders/file", desk.payment_file)
    claim = f"{base}/claims/{{claim_no}}"
    add(router, looker, "GET", claim, desk.claim)
    add(router, looker, "GET", f"{claim}/file", desk.claim_file)
    add(router, looker, "GET", f"{claim}/lines/{{position}}/parts.json", desk.claim_parts)
    return router


class SettlementDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)
        self._accounts = Accounts(parts.settings.database_url.get_secret_value())

    async def carriers(self, request: Request, _person: Person) -> Response:
        """Carriers with contracts and balances, statements, payment orders, disputes, claims."""
        agency_id = self._bench.agency(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                accounts = await find_accounts(connection, agency_id)
                body = {
                    "time_s": self._parts.clock.time(),
                    "today": fare_day(
                        ZoneInfo(self._parts.known(agency_id).timezone), self._parts.clock.now()
                    ),
                    "carriers": await statements.list_carriers(connection, agency_id),
                    "contracts": await list_contracts(connection, agency_id),
                    "statements": await statements.list_statements(connection, agency_id),
                    "orders": await list_orders(connection, agency_id),
                    "disputes": await list_disputes(connection, agency_id),
                    "claims": await claiming.list_claims(connection, agency_id),
                    "bank_accounts": [one.account for one in accounts],
                }
        return answer(body)

    async def foresee_carrier_contract(self, request: Request, person: Person) -> Response:
        """What a version of a contract would change; nothing is kept of it."""
        body = await read_body(request, NewContract)
        by = self._by(person)
        agency_id = self._bench.agency(request)
        async with self._bench.ledger() as connection:
            return await answer_foreseen(
                foresee_contract(connection, agency_id, body, actor=by["actor"], now=by["now"])
            )

    async def add_carrier_contract(self, request: Request, person: Person) -> Response:
        """Add a version of a carrier's contract; the same again gives the one that is there."""
        body = await read_body(request, NewContract)
        async with self._bench.ledger() as connection:
            added = await add_contract(
                connection, self._bench.agency(request), body, **self._by(person)
            )
        return answer(added, 201)

    async def withdraw_carrier_contract(self, request: Request, person: Person) -> Response:
        """Take a version away that nothing was settled by."""
        agency_id, number = self._bench.agency(request), path_number(request, "contract_no")
        body = await read_body(request, Withdrawn)
        if not body.reason.strip() or len(body.reason) > _REASON_MAX:
            raise BadInput("Say why, in one line.", code="reason_needed")
        refuse_card_number(body.reason)
        async with self._bench.ledger() as connection:
            await remove_contract(
                connection, agency_id, number, reason=body.reason.strip(), **self._by(person)
            )
        return answer({"withdrawn": number})

    async def statement(self, request: Request, _person: Person) -> Response:
        """A statement with its lines and disputes."""
        agency_id, number = self._bench.agency(request), path_number(request, "statement_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await statements.get_statement(connection, agency_id, number)
                body = {
                    "statement": found,
                    "lines": await statements.list_lines(connection, number),
                    "disputes": await list_disputes(connection, agency_id, statement_no=number),
                }
        return answer(body)

    async def line_parts(self, request: Request, _person: Person) -> Response:
        """What a line of a statement is made of: rides, refunds or runs, `after` a number."""
        agency_id, number = self._bench.agency(request), path_number(request, "line_no")
        after = number_of(request, "after") or 0
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await statements.parts_of(
                    connection, agency_id, number, after=after, most=_PARTS
                )
        return answer({"parts": [without_reference(one) for one in found], "page": _PARTS})

    async def statement_file(self, request: Request, _person: Person) -> Response:
        """A statement as a file: `form` (`xlsx`, `pdf`, `csv`) in a `language`."""
        agency_id, number = self._bench.agency(request), path_number(request, "statement_no")
        form, language = _form(request)
        async with self._bench.ledger() as connection:
            data = await statement_file(connection, agency_id, number, form, language)
        return _file(data, f"statement-{number}.{form}", _TYPES[form])

    async def settle_period(self, request: Request, person: Person) -> Response:
        """Settle closed days: every carrier with a contract gets a draft, or lines in it."""
        body = await read_body(request, Period)
        async with self._bench.ledger() as connection:
            done = await run_settlement(
                connection,
                self._accounts,
                self._bench.agency(request),
                body.from_date,
                body.to_date,
                **self._by(person),
            )
        return answer(done, 201)

    async def issue_statement(self, request: Request, person: Person) -> Response:
        """Give a draft its number; it never changes after that."""
        async with self._bench.ledger() as connection:
            done = await statements.issue_statement(
                connection,
                self._bench.agency(request),
                path_number(request, "statement_no"),
                **self._by(person),
            )
        return answer(done)

    async def pay_statement(self, request: Request, person: Person) -> Response:
        """Order the payment of an issued statement; once, however often it is asked."""
        body = await read_body(request, Paid)
        async with self._bench.ledger() as connection:
            done = await pay_statement(
                connection,
                self._accounts,
                self._bench.agency(request),
                path_number(request, "statement_no"),
                body.bank_account,
                **self._by(person),
            )
        return answer(done)

    async def open_dispute(self, request: Request, person: Person) -> Response:
        """Put an amount, or what the carrier gets for certain rides, on hold."""
        body = await read_body(request, Disputed)
        async with self._bench.ledger() as connection:
            done = await open_dispute(
                connection,
                self._accounts,
                self._bench.agency(request),
                path_number(request, "statement_no"),
                key=body.key,
                reason=body.reason,
                amount_tiyn=body.amount_tiyn,
                tap_nos=body.tap_nos,
                **self._by(person),
            )
        return answer(done, 201)

    async def decide_dispute(self, request: Request, person: Person) -> Response:
        """Release what is on hold to the carrier, or reject it."""
        body = await read_body(request, Decided)
        async with self._bench.ledger() as connection:
            done = await decide_dispute(
                connection,
                self._accounts,
                self._bench.agency(request),
                path_number(request, "dispute_no"),
                body.decision,
                reason=body.reason,
                destination=body.destination,
                city=body.city,
                **self._by(person),
            )
        return answer(done)

    async def payment_file(self, request: Request, _person: Person) -> Response:
        """Payment orders for the bank's client, `form` `1c` or `csv`.

        Of days (`from`, `to`), or all that no statement shows yet.
        """
        agency_id = self._bench.agency(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                orders = await orders_for_bank(
                    connection,
                    agency_id,
                    from_date=day_of(request, "from"),
                    to_date=day_of(request, "to"),
                )
        form = request.query_params.get("form", "1c")
        if form == "csv":
            return _file(orders_csv(orders), "payment-orders.csv", _TYPES["csv"])
        if form != "1c":
            raise BadInput("`form` is `1c` or `csv`.", code="bad_form")
        return _file(exchange_file(orders), "kl_to_1c.txt", "text/plain; charset=windows-1251")

    async def claim(self, request: Request, _person: Person) -> Response:
        """A claim against a budget with its lines."""
        agency_id, number = self._bench.agency(request), path_number(request, "claim_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await claiming.get_claim(connection, agency_id, number)
                lines = await claiming.list_claim_lines(connection, number)
        return answer({"claim": found, "lines": lines})

    async def claim_parts(self, request: Request, _person: Person) -> Response:
        """The rides of a claim's line, `after` a journal."""
        agency_id = self._bench.agency(request)
        number, position = path_number(request, "claim_no"), path_number(request, "position")
        after = number_of(request, "after") or 0
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await claiming.claim_parts(
                    connection, agency_id, number, position, after=after, most=_PARTS
                )
        return answer({"parts": [without_reference(one) for one in found], "page": _PARTS})

    async def claim_file(self, request: Request, _person: Person) -> Response:
        """A claim as a file, as it was given out the first time."""
        agency_id, number = self._bench.agency(request), path_number(request, "claim_no")
        form, language = _form(request)
        async with self._bench.ledger() as connection:
            data = await claim_file(connection, agency_id, number, form, language)
        return _file(data, f"claim-{number}.{form}", _TYPES[form])

    def _by(self, person: Person) -> dict[str, Any]:
        return {
            "actor": person.name,
            "now": self._parts.clock.now(),
            "user_id": person.user_id,
        }


def _form(request: Request) -> tuple[Format, Language]:
    forms: dict[str, Format] = {"xlsx": "xlsx", "pdf": "pdf", "csv": "csv"}
    languages: dict[str, Language] = {"kk": "kk", "ru": "ru", "en": "en"}
    form = forms.get(request.query_params.get("form", "xlsx"))
    language = languages.get(request.query_params.get("language", "ru"))
    if form is None or language is None:
        raise BadInput("`form` is xlsx, pdf or csv; `language` is kk, ru or en.", code="bad_form")
    return form, language


def _file(data: bytes, name: str, media_type: str) -> Response:
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Response(data, 200, headers, media_type)
