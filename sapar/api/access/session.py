"""Signing in and out, and who one is."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.errors import NotSignedIn
from sapar.access.model import ROLES, Person, with_implied
from sapar.access.passwords import Passwords
from sapar.access.people import change_person, sign_out
from sapar.access.sessions import csrf_of
from sapar.access.sign_in import sign_in
from sapar.api.access.asking import Body, Text, actor, private, visitor
from sapar.api.access.guard import GUARDED, person_of, refuse_other_sites
from sapar.api.parts import Parts
from sapar.core.db import translated


class SignIn(Body):
    """Name and password, and the code of the second factor once it is asked for."""

    name: Annotated[str, Field(max_length=1000, examples=["aigerim"])]
    password: Annotated[str, Field(max_length=1000, examples=["three-words-or-more"])]
    code: Annotated[str, Field(max_length=20)] = ""


class Own(Body):
    """What a person may change of oneself."""

    language: Text


class SessionAnswers:
    """The addresses of signing in and out."""

    def __init__(self, parts: Parts, passwords: Passwords) -> None:
        self._parts = parts
        self._passwords = passwords

    async def sign_in(self, request: Request, body: SignIn) -> Response:
        """Sign in: the session comes as a cookie that no script can read."""
        request.scope[GUARDED] = True  # refusals too are for this page alone
        refuse_other_sites(request)
        parts = self._parts
        knocking = visitor(parts, request)
        token = await sign_in(
            parts.pool,
            parts.settings,
            self._passwords,
            knocking,
            body.name,
            body.password,
            body.code,
        )
        holder = await parts.guard.holder_of(token)
        response = private(request, self._described(holder.at(parts.agency_id(request)), token))
        await give_cookie(parts, response, request, token)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Sign out: the session ends here and now, in all instances."""
        parts = self._parts
        try:
            person = await parts.guard.identify(request)
        except NotSignedIn:
            person = None
        if person is not None:
            by = actor(parts, person)
            with translated():
                async with parts.pool.connection() as connection:
                    await sign_out(connection, by, person.session_no)
        response = private(request, self._nobody())
        response.delete_cookie(
            parts.guard.cookie_name(request),
            path="/",
            secure=parts.guard.is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def me(self, request: Request) -> Response:
        """Who is signed in, with roles and the header value that acting needs; or nobody.

        Asking counts as being there: pages ask after a person's input, not by the clock.
        """
        guard = self._parts.guard
        token = guard.token_of(request)
        try:
            person = await guard.identify(request, seen=True)
        except NotSignedIn:
            return private(request, self._nobody())
        assert token is not None
        return private(request, self._described(person, token))

    async def change_me(self, request: Request, body: Own) -> Response:
        """Choose the language of one's pages."""
        person = person_of(request)
        by = actor(self._parts, person)
        with translated():
            async with self._parts.pool.connection() as connection:
                await change_person(connection, by, person.user_id, language=body.language)
        return await self.me(request)

    def _nobody(self) -> dict[str, Any]:
        return {"person": None, "csrf": None, "sign_in": self._ways()}

    def _described(self, person: Person, token: str) -> dict[str, Any]:
        may, everywhere = with_implied(person.roles), with_implied(person.everywhere)
        return {
            "person": {
                "user_id": person.user_id,
                "name": person.name,
                "full_name": person.full_name,
                "language": person.language,
                "roles": [role for role in ROLES if role in may],
                "everywhere": [role for role in ROLES if role in everywhere],
                "password_temporary": person.password_temporary,
                "second_factor": person.second_factor,
            },
            "csrf": csrf_of(token),
            "sign_in": self._ways(),
        }

    def _ways(self) -> dict[str, Any]:
        settings = self._parts.settings
        provider = settings.oidc_label or urlsplit(settings.oidc_issuer).hostname
        return {
            "password_length_min": settings.password_length_min,
            "provider": provider if settings.oidc_issuer else None,
        }


async def give_cookie(parts: Parts, response: Response, request: Request, token: str) -> None:
    """Give the browser a session: no script reads it, no other site's request carries it.

    It ends with the browser, but for who only looks: a wall screen starts by itself again.
    """
    holder = await parts.guard.holder_of(token)
    lasts = timedelta(days=parts.settings.session_viewer_days_max)
    response.set_cookie(
        parts.guard.cookie_name(request),
        token,
        max_age=round(lasts.total_seconds()) if holder.looks_only else None,
        path="/",
        secure=parts.guard.is_secure(request),
        httponly=True,
        samesite="lax",
    )
