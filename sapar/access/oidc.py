"""Signing in at a provider of identities: OpenID Connect, authorization code with PKCE.

Who comes back is a person here: found by the provider's subject, never by a name (two parties could
claim the same one), and added at the first visit when a role is mapped to one of their groups.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sapar.access.errors import NotSignedIn
from sapar.access.people import add_person, change_person
from sapar.access.register import Actor, Grant, is_name, normal_name, parse_grant
from sapar.access.sign_in import Visitor, begin
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused, Unavailable
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")
_WAY_LASTS = timedelta(minutes=10)
_TIMEOUT_S = 10.0
_KNOWN_S = 3600.0  # how long the provider's own description and keys are taken as read
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # asymmetric: `none` and shared secrets are not
_LEEWAY_S = 60  # between the provider's clock and ours
_PROVIDER = "identity provider"


@dataclass(frozen=True, slots=True)
class _Known:
    at_s: float
    metadata: dict[str, Any]
    keys: KeySet


class Provider:
    """The provider that the settings name.

    Args:
        settings: issuer, client and the roles of its groups.
        clock: tokens live by the wall clock.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: _Known | None = None
        self._roles = read_roles(settings.oidc_roles)

    async def start(
        self, connection: AsyncConnection, redirect_uri: str, return_to: str, at: datetime
    ) -> tuple[str, str]:
        """Give (the address to send the browser to, the state that it comes back with).

        Raises:
            NotFound: no provider is set (`no_provider`).
            Unavailable: the provider does not answer.
        """
        metadata = (await self._read()).metadata
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        values = {
            "state_hash": _hash(state),
            "nonce": nonce,
            "verifier": verifier,
            "return_to": local_path(return_to),
            "expires_at": at + _WAY_LASTS,
        }
        with translated():
            await connection.execute(_QUERIES["drop_old_ways"], {"at": at})
            await connection.execute(_QUERIES["insert_way"], values)
        challenge = base64.urlsafe_b64encode(_hash(verifier)).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str(metadata["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", state

    async def finish(
        self, pool: Pool, visitor: Visitor, state: str, code: str, redirect_uri: str
    ) -> tuple[str, str]:
        """Give (the token of a new session, where the person wanted to go).

        Raises:
            NotSignedIn: the way was not begun here, took too long or was gone before (`way_lost`),
                or what the provider says is not proved (`not_proved`).
            Refused: the person is ended (`ended`), has no role here (`no_role`), or the name is
                somebody else's (`name_taken`).
            Unavailable: the provider does not answer.
        """
        with translated():
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    _QUERIES["take_way"], {"state_hash": _hash(state)}
                )
                row = await cursor.fetchone()
        if row is None or row[3] < visitor.at:
            raise NotSignedIn("This way to sign in has ended.", code="way_lost", hint="Try again.")
        nonce, verifier, return_to, _ = row
        claims = await self._redeem(code, verifier, nonce, redirect_uri)
        with translated():
            async with pool.connection() as connection:
                user_id, name = await self._person(connection, visitor, claims)
                settings = self._settings
                token = await begin(connection, settings, visitor, user_id, name, "provider")
        return token, str(return_to)

    async def _redeem(
        self, code: str, verifier: str, nonce: str, redirect_uri: str
    ) -> dict[str, Any]:
        known = await self._read()
        secret = self._settings.oidc_client_secret.get_secret_value()
        client_id = self._settings.oidc_client_id
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": client_id,
        }
        # RFC 6749, 2.3.1: both are written as in a form before they become name and password
        basic = httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))
        auth = basic if secret else httpx.USE_CLIENT_DEFAULT
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
                answer = await http.post(known.metadata["token_endpoint"], data=form, auth=auth)
        except httpx.HTTPError as exc:
            raise _silent(exc) from exc
        if answer.status_code != 200:
            raise _not_proved(f"the provider answered {answer.status_code}")
        try:
            id_token = str(answer.json()["id_token"])
        except (ValueError, KeyError, TypeError):
            raise _not_proved("the provider's answer has no id token") from None
        return await self._claims(id_token, nonce)

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Give what an id token says, once everything that proves it holds (OIDC Core, 3.1.3.7)."""
        try:
            token = jwt.decode(id_token, (await self._read()).keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may sign with a new key since.
            known = await self._read(anew=True)
            try:
                token = jwt.decode(id_token, known.keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError) as exc:
                raise _not_proved(f"its signature: {exc}") from exc
        client_id = self._settings.oidc_client_id
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock.wall()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(token.claims)
        except JoseError as exc:
            raise _not_proved(str(exc)) from exc
        if token.claims.get("azp", client_id) != client_id:
            raise _not_proved("the token is another party's")
        return token.claims

    async def _person(
        self, connection: AsyncConnection, visitor: Visitor, claims: dict[str, Any]
    ) -> tuple[int, str]:
        """Find or add the person, with the roles of today's groups; give (number, name)."""
        by = Actor(_PROVIDER, None, visitor.at, visitor.shown_at)
        subject = str(claims["sub"])
        values = {"issuer": self._settings.oidc_issuer, "subject": subject}
        with translated():
            cursor = await connection.execute(_QUERIES["find_identity"], values)
            row = await cursor.fetchone()
        grants = self._grants(claims)
        if row is not None:
            user_id, name, ended_at = row
            if ended_at is not None:
                raise Refused("This person may not sign in any more.", code="ended")
            if grants is not None:
                await change_person(connection, by, user_id, grants=grants)
            return user_id, name
        if not grants:
            raise Refused(
                "No role here belongs to this person.",
                code="no_role",
                hint="Who administers people here can give one.",
            )
        name = name_of(claims)
        full_name = "".join(c for c in str(claims.get("name", ""))[:200] if c.isprintable())
        user_id = await add_person(connection, by, name, full_name=full_name, grants=grants)
        await link(connection, self._settings, user_id, subject)
        return user_id, name

    def _grants(self, claims: dict[str, Any]) -> list[Grant] | None:
        """Roles of the groups that a token names; None when no roles are mapped here at all."""
        if not self._roles:
            return None
        said = claims.get(self._settings.oidc_role_claim, [])
        groups = said if isinstance(said, list) else [said]
        return [grant for group in groups for grant in self._roles.get(str(group), [])]

    async def _read(self, *, anew: bool = False) -> _Known:
        issuer = self._settings.oidc_issuer
        if not issuer:
            raise NotFound("No provider of identities is set.", code="no_provider")
        now = self._clock.monotonic()
        if not anew and self._known is not None and now - self._known.at_s < _KNOWN_S:
            return self._known
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
                place = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
                metadata = (await http.get(place)).raise_for_status().json()
                if metadata.get("issuer") != issuer:
                    raise _silent(ValueError("it calls itself otherwise"))
                keys = (await http.get(metadata["jwks_uri"])).raise_for_status().json()
            self._known = _Known(now, metadata, KeySet.import_key_set(keys))
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as exc:
            raise _silent(exc) from exc
        return self._known


async def link(connection: AsyncConnection, settings: Settings, user_id: int, subject: str) -> None:
    """Say who a person is at the provider; the caller commits.

    Raises:
        NotFound: no provider is set (`no_provider`).
    """
    if not settings.oidc_issuer:
        raise NotFound("No provider of identities is set.", code="no_provider")
    values = {"issuer": settings.oidc_issuer, "subject": subject, "user_id": user_id}
    with translated():
        await connection.execute(_QUERIES["insert_identity"], values)


def read_roles(text: str) -> dict[str, list[Grant]]:
    """Read `group=role, group=role@agency` into roles by group.

    Raises:
        BadInput: there is no such role (`unknown_role`), or no group before it (`oidc_roles`).
    """
    roles: dict[str, list[Grant]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, equals, role = part.rpartition("=")
        if not equals or not group.strip():
            raise BadInput(f"{part!r} is no group=role", code="oidc_roles")
        roles.setdefault(group.strip(), []).append(parse_grant(role))
    return roles


def name_of(claims: dict[str, Any]) -> str:
    """Make a name to be known by of what a token says.

    Raises:
        Refused: it says nothing that could be one (`no_name`).
    """
    for claim in ("preferred_username", "email"):
        name = normal_name(str(claims.get(claim, "")))
        if is_name(name):
            return name
    raise Refused("The provider says no name of this person.", code="no_name")


def local_path(path: str) -> str:
    """Give a path of this deployment; what leads elsewhere becomes the first page."""
    try:
        parts = urlsplit(path)
    except ValueError:  # brackets that hold no address
        return "/"
    leads_away = bool(parts.scheme or parts.netloc) or not path.startswith("/")
    odd = path.startswith(("//", "/\\")) or "\\" in path or not path.isprintable()
    return "/" if leads_away or odd or len(path) > 500 else path


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _silent(exc: Exception) -> Unavailable:
    return Unavailable(f"The provider of identities is of no help: {exc}", code="provider_silent")


def _not_proved(reason: str) -> NotSignedIn:
    return NotSignedIn(
        f"What the provider of identities says is not proved: {reason}.", code="not_proved"
    )
