"""Addresses of what is agreed with agents and processors, and of our own cash desks."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, read_body
from sapar.api.finance.workbench import Workbench, answer_foreseen
from sapar.api.parts import Parts
from sapar.core.errors import BadInput
from sapar.finance.agents.desks import DeskSays, keep_desk
from sapar.finance.agents.foreseeing import foresee_terms
from sapar.finance.agents.model import AgentTerms, ProcessorTerms, Terms
from sapar.finance.agents.parties import Who, add_party, agree_terms, require_known
from sapar.finance.said import refuse_card_number

T = TypeVar("T", AgentTerms, ProcessorTerms)
_REASON_MAX = 400


class Agreed(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Terms of an agent or a processor, and why they change.

    Attributes:
        name: of one that is to be registered.
    """

    terms: T
    reason: str = ""
    name: str = ""


AgentAgreed = Agreed[AgentTerms]
ProcessorAgreed = Agreed[ProcessorTerms]


class Required(msgspec.Struct, frozen=True, kw_only=True):
    """Whether money is taken through registered agents, processors and cash desks alone."""

    required: bool


class DeskKept(msgspec.Struct, frozen=True, kw_only=True):
    """A cash desk as it is from now on, and why."""

    desk: DeskSays
    reason: str = ""


def make_terms_router(parts: Parts) -> APIRouter:
    """Make the router; all of it needs `chief_accountant`."""
    chief = parts.guard.needs("chief_accountant")
    desk = TermsDesk(parts)
    router = APIRouter()
    base = "/api/finance/agents"
    agent, processor = f"{base}/agent/{{party_id}}", f"{base}/processor/{{party_id}}"
    add(router, chief, "POST", agent, desk.add_agent, AgentAgreed)
    add(router, chief, "POST", processor, desk.add_processor, ProcessorAgreed)
    add(router, chief, "POST", f"{agent}/terms", desk.agree_agent_terms, AgentAgreed)
    add(router, chief, "POST", f"{processor}/terms", desk.agree_processor_terms, ProcessorAgreed)
    add(router, chief, "POST", f"{agent}/terms/foresee", desk.foresee_agent_terms, AgentAgreed)
    add(router, chief, "POST", f"{processor}/terms/foresee", desk.foresee_processor_terms,
        ProcessorAgreed)  # fmt: skip
    add(router, chief, "POST", f"{base}/rule", desk.require_registered, Required)
    add(router, chief, "POST", "/api/finance/cash-desks/{desk_id}", desk.keep_cash_desk, DeskKept)
    return router


class TermsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)

    async def add_agent(self, request: Request, person: Person) -> Response:
        """Register an agent with its first terms; the same again changes nothing."""
        body = await read_body(request, AgentAgreed)
        return await self._register(request, person, body.name, body.terms)

    async def add_processor(self, request: Request, person: Person) -> Response:
        """Register a processor with its first terms; the same again changes nothing."""
        body = await read_body(request, ProcessorAgreed)
        return await self._register(request, person, body.name, body.terms)

    async def agree_agent_terms(self, request: Request, person: Person) -> Response:
        """Agree on other terms with an agent, from today or a later day on."""
        body = await read_body(request, AgentAgreed)
        return await self._agree(request, person, body.terms, body.reason)

    async def agree_processor_terms(self, request: Request, person: Person) -> Response:
        """Agree on other terms with a processor, from today or a later day on."""
        body = await read_body(request, ProcessorAgreed)
        return await self._agree(request, person, body.terms, body.reason)

    async def foresee_agent_terms(self, request: Request, person: Person) -> Response:
        """What other terms of an agent would change; nothing is kept of them."""
        body = await read_body(request, AgentAgreed)
        return await self._foresee(request, person, body.terms)

    async def foresee_processor_terms(self, request: Request, person: Person) -> Response:
        """What other terms of a processor would change; nothing is kept of them."""
        body = await read_body(request, ProcessorAgreed)
        return await self._foresee(request, person, body.terms)

    async def require_registered(self, request: Request, person: Person) -> Response:
        """Say whether money is taken through registered ones alone."""
        body = await read_body(request, Required)
        agency_id = self._bench.agency(request)
        await require_known(self._parts.pool, agency_id, body.required, self._who(person))
        return answer({"required": body.required})

    async def keep_cash_desk(self, request: Request, person: Person) -> Response:
        """Register a cash desk, or write down its name, place, people, and whether it is open."""
        body = await read_body(request, DeskKept)
        changed = await keep_desk(
            self._parts.pool,
            self._bench.agency(request),
            str(request.path_params["desk_id"]),
            body.desk,
            self._who(person),
            reason=_one_line(body.reason),
        )
        return answer({"changed": changed})

    async def _register(
        self, request: Request, person: Person, name: str, terms: Terms
    ) -> Response:
        party_id = str(request.path_params["party_id"])
        agency_id = self._bench.agency(request)
        await add_party(self._parts.pool, agency_id, party_id, name, terms, self._who(person))
        return answer({"id": party_id}, 201)

    async def _agree(self, request: Request, person: Person, terms: Terms, reason: str) -> Response:
        said = _one_line(reason)
        if not said:
            raise BadInput("Say why the terms change.", code="reason_needed")
        number = await agree_terms(
            self._parts.pool,
            self._bench.agency(request),
            str(request.path_params["party_id"]),
            terms,
            self._who(person),
            reason=said,
        )
        return answer({"terms_no": number}, 201)

    async def _foresee(self, request: Request, person: Person, terms: Terms) -> Response:
        return await answer_foreseen(
            foresee_terms(
                self._parts.pool,
                self._bench.agency(request),
                str(request.path_params["party_id"]),
                terms,
                self._who(person),
            )
        )

    def _who(self, person: Person) -> Who:
        return Who(person.name, self._parts.clock.now(), person.user_id)


def _one_line(reason: str) -> str:
    said = reason.strip()
    if len(said) > _REASON_MAX or not said.isprintable():
        raise BadInput("A reason is one line of text.", code="reason_needed")
    refuse_card_number(said)
    return said
