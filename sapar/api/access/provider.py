"""The way to the provider of identities and back."""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sapar.access.errors import NotSignedIn
from sapar.access.oidc import Provider
from sapar.api.access.asking import PRIVATE, Text, visitor, wall_now
from sapar.api.access.guard import GUARDED
from sapar.api.access.session import give_cookie
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger

_COOKIE = "sapar_way"
_LASTS_S = 600
_CALLBACK = "/api/oidc/callback"
_log = get_logger()


class ProviderAnswers:
    """The addresses of the way; the browser itself opens both, so both lead to a page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._provider = Provider(parts.settings, parts.clock)

    async def start(
        self, request: Request, return_to: Annotated[Text, Query(max_length=500)] = "/"
    ) -> Response:
        """Go to the provider of identities."""
        parts = self._parts
        with translated():
            async with parts.pool.connection() as connection:
                address, state = await self._provider.start(
                    connection, self._redirect_uri(request), return_to, wall_now(parts)
                )
        response = self._redirect(request, address)
        # The browser that went must be the one that comes back: else somebody could be made to
        # sign in as somebody else.
        response.set_cookie(
            _COOKIE,
            state,
            max_age=_LASTS_S,
            path=_CALLBACK,
            secure=parts.guard.is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(
        self,
        request: Request,
        state: Annotated[Text, Query(max_length=200)] = "",
        code: Annotated[Text, Query(max_length=4000)] = "",
    ) -> Response:
        """Come back from the provider of identities, signed in or told why not."""
        parts = self._parts
        try:
            sent = request.cookies.get(_COOKIE, "")
            if not state or not hmac.compare_digest(sent.encode(), state.encode()):
                raise NotSignedIn("This way to sign in was not begun here.", code="way_lost")
            token, return_to = await self._provider.finish(
                parts.pool, visitor(parts, request), state, code, self._redirect_uri(request)
            )
        except SaparError as exc:
            _log.warning("provider_sign_in_refused", code=exc.code, reason=exc.message)
            query = urlencode({"refused": exc.code})
            return self._redirect(request, f"/console/sign-in?{query}")
        response = self._redirect(request, return_to)
        await give_cookie(parts, response, request, token)
        response.delete_cookie(_COOKIE, path=_CALLBACK)
        return response

    def _redirect_uri(self, request: Request) -> str:
        base = self._parts.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
        return base + _CALLBACK

    def _redirect(self, request: Request, address: str) -> Response:
        request.scope[GUARDED] = True
        return RedirectResponse(address, 303, PRIVATE)
