"""Keys of apps, for who administers all agencies."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.app_keys import RATE_MAX, KeyEntry, add_key, list_keys, revoke_key, set_rate
from sapar.api.access.asking import Body, Number, Text, actor, private, seconds
from sapar.api.access.guard import person_of
from sapar.api.parts import Parts
from sapar.core.db import translated

Rate = Annotated[int, Field(ge=1, le=RATE_MAX)]


class NewKey(Body):
    """An app's key to be."""

    name: Annotated[Text, Field(examples=["AktobeBus for Android"])]
    contact: Text = ""
    rate_per_minute: Rate = 600


class ChangedKey(Body):
    """Another rate."""

    rate_per_minute: Rate


class KeyAnswers:
    """The addresses of keys."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def keys(self, request: Request, revoked: bool = False) -> Response:
        """Keys by name of their app."""
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await list_keys(connection, revoked=revoked)
        return private(request, {"keys": [described(key) for key in found]})

    async def add(self, request: Request, body: NewKey) -> Response:
        """Add a key; the answer tells it, once."""
        by = actor(self._parts, person_of(request))
        with translated():
            async with self._parts.pool.connection() as connection:
                key, text = await add_key(
                    connection, by, body.name, body.rate_per_minute, body.contact
                )
        return private(request, {"key": described(key), "text": text}, 201)

    async def change(self, request: Request, key_no: Number, body: ChangedKey) -> Response:
        """Give a key another rate."""
        by = actor(self._parts, person_of(request))
        with translated():
            async with self._parts.pool.connection() as connection:
                key = await set_rate(connection, by, key_no, body.rate_per_minute)
        return private(request, {"key": described(key)})

    async def revoke(self, request: Request, key_no: Number) -> Response:
        """Revoke a key, for good."""
        by = actor(self._parts, person_of(request))
        with translated():
            async with self._parts.pool.connection() as connection:
                key = await revoke_key(connection, by, key_no)
        return private(request, {"key": described(key)})


def described(key: KeyEntry) -> dict[str, Any]:
    """Describe a key to who administers keys."""
    return {
        "key_no": key.key_no,
        "prefix": key.prefix,
        "name": key.name,
        "contact": key.contact,
        "rate_per_minute": key.rate_per_minute,
        "created_s": seconds(key.created_at),
        "created_by": key.created_by,
        "revoked_s": seconds(key.revoked_at),
        "last_used_on": None if key.last_used_on is None else key.last_used_on.isoformat(),
    }
