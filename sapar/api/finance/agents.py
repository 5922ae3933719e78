"""Addresses of agents and processors: what they owe, statements, registers and their comparison."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.finance.cards import path_number
from sapar.api.finance.workbench import (
    Workbench,
    day_of,
    file_answer,
    file_name_of,
    in_path,
    read_file,
)
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import NotFound
from sapar.finance.agents import books
from sapar.finance.agents.desks import list_desks, list_sellers
from sapar.finance.agents.model import Party
from sapar.finance.agents.parties import Who, fare_day, is_required, set_status, zone_of
from sapar.finance.agents.reconcile import compare_day
from sapar.finance.agents.registers import get_register_file, import_register, list_registers
from sapar.finance.bank.accounts import find_accounts
from sapar.finance.cards.hiding import without_reference

_FILE_MAX = 16 * 2**20
_PERIOD = timedelta(days=30)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an agent or processor may take money, and why."""

    status: Literal["active", "suspended"]
    reason: str = ""


def make_agents_router(parts: Parts) -> APIRouter:
    """Make the router; acting needs `accountant` or `chief_accountant`, looking also `auditor`."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer = needs("accountant", "chief_accountant")
    desk = AgentsDesk(parts)
    router = APIRouter()
    base = "/api/finance/agents"
    one = f"{base}/{{party}}/{{party_id}}"
    add(router, looker, "GET", f"{base}.json", desk.agents)
    add(router, looker, "GET", one, desk.agent)
    add(router, looker, "GET", f"{one}/days/{{day}}", desk.agent_day)
    add(router, doer, "POST", f"{one}/days/{{day}}/register", desk.import_agent_register)
    add(router, doer, "POST", f"{one}/status", desk.set_agent_status, Standing)
    add(router, looker, "GET", f"{base}/registers/{{register_no}}/file", desk.agent_register_file)
    return router


class AgentsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)

    async def agents(self, request: Request, _person: Person) -> Response:
        """Agents, processors and cash desks: what each owes, its limit, how old it is."""
        agency_id, now = self._bench.agency(request), self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                body = {
                    "time_s": now.timestamp(),
                    "agents": await books.list_agents(connection, agency_id, now=now),
                    "processors": await books.list_processors(connection, agency_id, now=now),
                    "desks": await list_desks(connection, agency_id),
                    "cashiers": await list_sellers(connection, agency_id),
                    "required": await is_required(connection, agency_id),
                    "today": fare_day(await zone_of(connection, agency_id), now),
                    "bank_accounts": [
                        one.account for one in await find_accounts(connection, agency_id)
                    ],
                }
        return answer(body)

    async def agent(self, request: Request, _person: Person) -> Response:
        """One of them: terms, statement of a period (`from`, `to`; the last month), registers."""
        agency_id, now = self._bench.agency(request), self._parts.clock.now()
        party, party_id = _party(request), str(request.path_params["party_id"])
        get = books.get_agent if party == "agent" else books.get_processor
        with translated():
            async with self._parts.pool.connection() as connection:
                detail = await get(connection, agency_id, party_id, now=now)
                today = fare_day(await zone_of(connection, agency_id), now)
                last = day_of(request, "to") or today
                first = day_of(request, "from") or last - _PERIOD
                registers = await list_registers(
                    connection, agency_id, party=party, party_id=party_id
                )
                await connection.commit()  # the statement is read from a snapshot of its own
                statement = await books.read_statement(
                    connection, agency_id, party, party_id, first, last
                )
        return answer({"detail": detail, "statement": statement, "registers": registers})

    async def agent_day(self, request: Request, _person: Person) -> Response:
        """A day of a statement: its journals (`after` one), and its register's comparison."""
        agency_id = self._bench.agency(request)
        party, party_id = _party(request), str(request.path_params["party_id"])
        day = in_path(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                moved = await books.list_movements(
                    connection,
                    agency_id,
                    party,
                    party_id,
                    day,
                    after=number_of(request, "after") or 0,
                )
                try:
                    compared = await compare_day(connection, agency_id, party, party_id, day)
                except NotFound:
                    compared = None
        body: dict[str, Any] = {"movements": [without_reference(one) for one in moved]}
        body["comparison"] = None
        if compared is not None:
            differences = [without_reference(one) for one in compared.differences]
            body["comparison"] = {
                **msgspec.structs.asdict(compared),
                "differences": differences,
            }
        return answer(body)

    async def import_agent_register(self, request: Request, person: Person) -> Response:
        """Take a day's register: the file as the body, called `name`; compared at once.

        `again` 1 lets a file stand again that another one has corrected since.
        """
        data = await read_file(request, _FILE_MAX)
        done = await import_register(
            self._parts.pool,
            self._bench.agency(request),
            _party(request),
            str(request.path_params["party_id"]),
            in_path(request),
            data,
            self._who(person),
            file_name=file_name_of(request),
            again=request.query_params.get("again") == "1",
        )
        return answer(done, 200 if done.repeated else 201)

    async def set_agent_status(self, request: Request, person: Person) -> Response:
        """Suspend one of them, or let it take money again."""
        body = await read_body(request, Standing)
        changed = await set_status(
            self._parts.pool,
            self._bench.agency(request),
            _party(request),
            str(request.path_params["party_id"]),
            body.status,
            self._who(person),
            reason=body.reason,
        )
        return answer({"changed": changed})

    async def agent_register_file(self, request: Request, _person: Person) -> Response:
        """A register's file as it was received."""
        agency_id, number = self._bench.agency(request), path_number(request, "register_no")
        with translated():
            async with self._parts.pool.connection() as connection:
                data, name = await get_register_file(connection, agency_id, number)
        return file_answer(data, name, "register")

    def _who(self, person: Person) -> Who:
        return Who(person.name, self._parts.clock.now(), person.user_id)


def _party(request: Request) -> Party:
    name = request.path_params["party"]
    if name == "agent":
        return "agent"
    if name == "processor":
        return "processor"
    raise NotFound("An address names an `agent` or a `processor`.", code="no_such_party")
