"""What requests to this part have in common: who knocks, who acts, texts that are safe to keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sapar.access.model import Person
from sapar.access.register import Actor
from sapar.access.sign_in import Visitor
from sapar.api.access.guard import GUARDED
from sapar.api.parts import Parts

PRIVATE = {"cache-control": "no-store"}

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1000)]
"""One line of text: PostgreSQL keeps no NUL, and logs are read line by line."""


NUMBER_MAX = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=NUMBER_MAX)]
"""A number in an address, as the database counts."""


class Body(BaseModel):
    """The body of a request; a member that nobody knows is a mistake of the caller."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def visitor(parts: Parts, request: Request) -> Visitor:
    """Describe where a request comes from."""
    return Visitor(
        address=request.client.host if request.client else "",
        agent=printable(request.headers.get("user-agent", "")),
        old_token=parts.guard.token_of(request),
        at=wall_now(parts),
        shown_at=parts.clock.now(),
    )


def actor(parts: Parts, person: Person) -> Actor:
    """Make who is asking into who does it."""
    return Actor(person.name, person.user_id, wall_now(parts), parts.clock.now())


def wall_now(parts: Parts) -> datetime:
    """The wall time; sessions live by it."""
    return datetime.fromtimestamp(parts.clock.wall(), UTC)


def printable(text: str) -> str:
    """Leave out what is no printable character."""
    return "".join(letter for letter in text if letter.isprintable())


def private(request: Request, body: object, status: int = 200) -> Response:
    """Answer one person: nothing may keep it and no other site's page may read it."""
    request.scope[GUARDED] = True
    return JSONResponse(body, status, PRIVATE)


def seconds(at: datetime | None) -> int | None:
    """Write a time as Unix seconds."""
    return None if at is None else round(at.timestamp())
