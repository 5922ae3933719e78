"""Addresses of the messages to drivers: sent, followed, withdrawn; quick texts."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.parts import Parts
from sapar.dispatch.messages.store import (
    add_text,
    list_messages,
    list_recipients,
    list_texts,
    retire_text,
    withdraw_message,
    write_message,
)
from sapar.dispatch.messages.texts import (
    QUICK_TEXTS,
    TEXT_MAX,
    Letter,
    Target,
    check_letter,
    check_texts,
)
from sapar.gtfs.realtime.tick import FLEET


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """A quick text by language."""

    texts: dict[str, str]


class _Bus(msgspec.Struct):
    id: str
    route_id: str | None = None


class _Fleet(msgspec.Struct):
    vehicles: list[_Bus]


def make_messages_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs `viewer`, acting `dispatcher`."""
    viewer, dispatcher = parts.guard.needs("viewer"), parts.guard.needs("dispatcher")
    desk = MessagesDesk(parts)
    router = APIRouter()
    base = "/api/dispatch"
    add(router, viewer, "GET", f"{base}/messages.json", desk.messages)
    add(router, viewer, "GET", f"{base}/messages/{{message_no}}/recipients.json", desk.recipients)
    add(router, dispatcher, "POST", f"{base}/messages", desk.send_message, Letter)
    add(
        router,
        dispatcher,
        "POST",
        f"{base}/messages/{{message_no}}/withdraw",
        desk.withdraw_message,
    )
    add(router, viewer, "GET", f"{base}/texts.json", desk.quick_texts)
    add(router, dispatcher, "POST", f"{base}/texts", desk.add_quick_text, Texts)
    add(router, dispatcher, "POST", f"{base}/texts/{{text_no}}/retire", desk.retire_quick_text)
    return router


class MessagesDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id

    async def messages(self, request: Request, _person: Person) -> Response:
        """Newest messages with what became of them; of one `vehicle`, or `before` a number."""
        rows = await list_messages(
            self._parts.pool,
            self._agency(request),
            before=number_of(request, "before"),
            vehicle_id=request.query_params.get("vehicle") or None,
        )
        return answer({"time_s": self._parts.clock.time(), "messages": rows})

    async def recipients(self, request: Request, _person: Person) -> Response:
        """What became of a message on each bus."""
        number = request.path_params["message_no"]
        rows = await list_recipients(self._parts.pool, self._agency(request), number)
        return answer({"recipients": rows})

    async def send_message(self, request: Request, person: Person) -> Response:
        """Send a message to the drivers of some buses, of a route, or of all."""
        letter = await read_body(request, Letter)
        check_letter(letter)
        agency_id = self._agency(request)
        buses = await self._buses(agency_id, letter.target)
        now = self._parts.clock.now()
        number = await write_message(self._parts.pool, agency_id, letter, buses, person, now)
        return answer({"message_no": number, "buses": len(set(buses))}, 201)

    async def _buses(self, agency_id: str, target: Target) -> list[str]:
        """Find whom a message is for, of the buses that are heard now."""
        if target.kind == "vehicles":
            return target.vehicle_ids
        plain = await self._parts.body(agency_id, f"{FLEET}.json").plain.get()
        fleet = msgspec.json.decode(plain, type=_Fleet)
        return [
            bus.id
            for bus in fleet.vehicles
            if target.kind == "all" or bus.route_id == target.route_id
        ]

    async def withdraw_message(self, request: Request, person: Person) -> Response:
        """Stop sending a message to the buses that do not have it yet."""
        number, now = request.path_params["message_no"], self._parts.clock.now()
        spared = await withdraw_message(
            self._parts.pool, self._agency(request), number, person, now
        )
        return answer({"message_no": int(number), "buses": spared})

    async def quick_texts(self, request: Request, _person: Person) -> Response:
        """Texts that are sent again and again."""
        own = await list_texts(self._parts.pool, self._agency(request))
        listed: list[dict[str, Any]] = [
            {"key": key, "text_no": None, "texts": texts} for key, texts in QUICK_TEXTS.items()
        ]
        listed += [{"key": None, "text_no": number, "texts": texts} for number, texts in own]
        return answer({"texts": listed, "text_max": TEXT_MAX})

    async def add_quick_text(self, request: Request, person: Person) -> Response:
        """Add a quick text."""
        texts = (await read_body(request, Texts)).texts
        check_texts(texts)
        now = self._parts.clock.now()
        number = await add_text(self._parts.pool, self._agency(request), texts, person, now)
        return answer({"text_no": number}, 201)

    async def retire_quick_text(self, request: Request, person: Person) -> Response:
        """Take a quick text off the list."""
        number, now = request.path_params["text_no"], self._parts.clock.now()
        await retire_text(self._parts.pool, self._agency(request), number, person, now)
        return answer({"text_no": int(number)})
