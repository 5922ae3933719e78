"""Addresses of bank accounts, their statements and lines, and of importing a statement."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of
from sapar.api.finance.cards import path_number
from sapar.api.finance.workbench import Workbench, day_of, file_answer, file_name_of, read_file
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.finance.bank.accounts import Doer, list_accounts
from sapar.finance.bank.importing import import_statement
from sapar.finance.bank.reading import LineFilter, get_file, list_lines, list_statements
from sapar.finance.bank.taking import FILE_BYTES_MAX
from sapar.ticketing.ledger.accounts import Accounts

_FLAGS: Final = {"1": True, "0": False}


def make_bank_router(parts: Parts) -> APIRouter:
    """Make the router; importing needs a role of accounting, looking also `auditor`."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer = needs("accountant", "chief_accountant")
    desk = BankDesk(parts)
    router = APIRouter()
    base = "/api/finance/bank"
    add(router, looker, "GET", f"{base}.json", desk.bank_accounts)
    add(router, looker, "GET", f"{base}/lines.json", desk.bank_lines)
    add(router, doer, "POST", f"{base}/statements", desk.import_bank_statement)
    add(router, looker, "GET", f"{base}/statements/{{statement_no}}/file", desk.bank_statement_file)
    return router


class BankDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)
        self._accounts = Accounts(parts.settings.database_url.get_secret_value())

    async def bank_accounts(self, request: Request, _person: Person) -> Response:
        """Bank accounts with what bank and ledger say of each, and the newest statements."""
        agency_id = self._bench.agency(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                body = {
                    "time_s": self._parts.clock.time(),
                    "accounts": await list_accounts(connection, agency_id),
                    "statements": await list_statements(
                        connection, agency_id, below=number_of(request, "below")
                    ),
                }
        return answer(body)

    async def bank_lines(self, request: Request, _person: Person) -> Response:
        """Lines: of an `account`, `statement`, `from`, `to`, `unmatched` (`1`), `text`; `after`."""
        query = request.query_params
        which = LineFilter(
            account=query.get("account") or None,
            statement_no=number_of(request, "statement"),
            from_date=day_of(request, "from"),
            to_date=day_of(request, "to"),
            unmatched=_FLAGS.get(query.get("unmatched", "")),
            text=query.get("text") or None,
        )
        with translated():
            async with self._parts.pool.connection() as connection:
                page = await list_lines(
                    connection,
                    self._bench.agency(request),
                    which,
                    after=query.get("after") or None,
                )
        return answer(page)

    async def import_bank_statement(self, request: Request, person: Person) -> Response:
        """Import a statement: the file as the body, called `name`; `dry_run` (`1`) only looks."""
        data = await read_file(request, FILE_BYTES_MAX)
        query = request.query_params
        async with self._bench.ledger() as connection:
            done = await import_statement(
                connection,
                self._accounts,
                self._bench.agency(request),
                data,
                file_name_of(request),
                doer=Doer(person.name, person.user_id),
                now=self._parts.clock.now(),
                account=query.get("account") or None,
                dry_run=_FLAGS.get(query.get("dry_run", "")) is True,
            )
        return answer(done)

    async def bank_statement_file(self, request: Request, _person: Person) -> Response:
        """A statement's file as it was received, numbers of bank cards masked."""
        agency_id, number = self._bench.agency(request), path_number(request, "statement_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                name, data = await get_file(connection, agency_id, number)
        return file_answer(data, name, f"statement-{number}")
