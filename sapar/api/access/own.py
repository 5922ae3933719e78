"""One's own password, second factor and sessions."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from sapar.access import second_factor
from sapar.access.own import (
    Proved,
    accept,
    change_password,
    check_new,
    prove,
    set_second_factor,
)
from sapar.access.passwords import Passwords
from sapar.access.people import revoke_sessions
from sapar.access.sessions import SessionEntry, list_sessions
from sapar.api.access.asking import Body, Number, actor, private, seconds, visitor, wall_now
from sapar.api.access.guard import person_of
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import NotFound

_HOST = re.compile(r"[a-z0-9.-]{1,253}")  # as long as names in DNS get
_ADDRESS_LENGTH_MAX = 45  # of IPv6 with IPv4 at its end


class NewPassword(Body):
    """The password now and the one from now on; a code of the second factor, if one is set."""

    old: Annotated[str, Field(max_length=1000)]
    new: Annotated[str, Field(max_length=1000)]
    code_now: Annotated[str, Field(max_length=20)] = ""


class Proof(Body):
    """The password again, and a code of the second factor that is set, if one is."""

    password: Annotated[str, Field(max_length=1000)]
    code_now: Annotated[str, Field(max_length=20)] = ""


class NewSecondFactor(Proof):
    """A secret that was offered, and the code that the person's app makes of it."""

    secret: Annotated[str, Field(pattern=r"^[A-Z2-7]{32}$")]
    code: Annotated[str, Field(max_length=20)]


class OwnAnswers:
    """The addresses of what is one's own."""

    def __init__(self, parts: Parts, passwords: Passwords) -> None:
        self._parts = parts
        self._passwords = passwords

    async def change_password(self, request: Request, body: NewPassword) -> Response:
        """Change one's password; one's other sessions end."""
        check_new(self._passwords, person_of(request), body.old, body.new)
        proof = await self._prove(request, body.old, body.code_now)
        knocking = visitor(self._parts, request)
        await change_password(self._parts.pool, self._passwords, knocking, proof, body.new)
        return private(request, {"changed": True})

    async def offer_second_factor(self, request: Request) -> Response:
        """A new secret for a second factor; it counts once a code of it has come back."""
        secret = second_factor.make_secret()
        issuer = _issuer(self._parts, request)
        address = second_factor.secret_address(secret, person_of(request).name, issuer)
        offered = {
            "secret": second_factor.secret_text(secret),
            "address": address,
            "picture": second_factor.address_picture(address),
        }
        return private(request, offered)

    async def set_second_factor(self, request: Request, body: NewSecondFactor) -> Response:
        """Be asked for a code whenever signing in, from now on."""
        knocking = visitor(self._parts, request)
        new = accept(knocking, base64.b32decode(body.secret), body.code)
        proof = await self._prove(request, body.password, body.code_now)
        await set_second_factor(self._parts.pool, knocking, proof, new)
        return private(request, {"second_factor": True})

    async def drop_second_factor(self, request: Request, body: Proof) -> Response:
        """Be asked for no code any more."""
        proof = await self._prove(request, body.password, body.code_now)
        knocking = visitor(self._parts, request)
        await set_second_factor(self._parts.pool, knocking, proof, None)
        return private(request, {"second_factor": False})

    async def sessions(self, request: Request) -> Response:
        """Where one is signed in."""
        person = person_of(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await list_sessions(connection, person.user_id, wall_now(self._parts))
        return private(request, {"sessions": [shown(one, person.session_no) for one in found]})

    async def end_session(self, request: Request, session_no: Number) -> Response:
        """End one of one's sessions."""
        person = person_of(request)
        await end_one(self._parts, request, person.user_id, session_no)
        return private(request, {"ended": 1})

    async def _prove(self, request: Request, password: str, code: str) -> Proved:
        parts = self._parts
        return await prove(
            parts.pool,
            parts.settings,
            self._passwords,
            visitor(parts, request),
            person_of(request),
            password,
            code,
        )


def _issuer(parts: Parts, request: Request) -> str:
    """Name this deployment as the app on a telephone shows it beside others.

    A colon would end the name there (Key URI format), and IPv6 addresses have some.
    """
    host = urlsplit(parts.settings.public_url).hostname or _asked_host(request)
    return f"Sapar {host.replace(':', '-')}".strip()


def _asked_host(request: Request) -> str:
    """Name the host that the request is for; "" where what it says is none, or too long for one."""
    try:
        host = request.base_url.hostname or ""
        if _HOST.fullmatch(host):
            return host
        if len(host) <= _ADDRESS_LENGTH_MAX:
            return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    return ""


async def end_one(parts: Parts, request: Request, user_id: int, session_no: int) -> None:
    """End a session of a person.

    Raises:
        NotFound: no such session of that person stands (`unknown_session`).
    """
    by = actor(parts, person_of(request))
    with translated():
        async with parts.pool.connection() as connection:
            ended = await revoke_sessions(connection, by, user_id, only=session_no)
    if not ended:
        raise NotFound("There is no such session.", code="unknown_session")


def shown(session: SessionEntry, own_no: int) -> dict[str, Any]:
    """Describe a session to who may end it."""
    return {
        "session_no": session.session_no,
        "created_s": seconds(session.created_at),
        "last_seen_s": seconds(session.last_seen_at),
        "expires_s": seconds(session.expires_at),
        "idle_s": session.idle_s,
        "address": session.address,
        "agent": session.agent,
        "this": session.session_no == own_no,
    }
