"""The guard: who is asking, and whether that person may.

A route that needs a role depends on `guard.needs(...)`. The session is looked up on every request,
so what is revoked is revoked at once in all instances. While the database is away, who was known
shortly before may go on looking (not acting): the map must not go dark with it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request

from sapar.access.errors import NotSignedIn
from sapar.access.model import Person, Role
from sapar.access.sessions import SessionHolder, csrf_of, find_holder, token_hash, touch
from sapar.core.clock import Clock
from sapar.core.db import Pool, translated
from sapar.core.errors import Refused, Unavailable
from sapar.core.settings import Settings

CSRF_HEADER = "x-sapar-csrf"
COOKIE = "sapar_session"
SECURE_COOKIE = "__Host-sapar_session"
"""Over HTTPS: browsers take this name only with Secure, for the whole site and this host alone."""
GUARDED = "sapar.guarded"
"""Set in the scope of a request to a guarded address: its answer is not for everybody's cache."""

PERSON = "sapar.person"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_AWAY_S = 2.0  # after the database did not answer, it is left alone for so long
_PATIENCE_S = 10.0  # who can only be looked up waits: all connections may just be in use
_REMEMBERED_MAX = 10_000

Dependency = Callable[[Request], Awaitable[Person]]


class Guard:
    """Finds out who is asking.

    Args:
        settings: names the default agency and says how long who was known may look on.
        pool: connections to look sessions up.
        clock: sessions live by the wall clock, whatever the hour of the simulated city.
    """

    def __init__(self, settings: Settings, pool: Pool, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._roles: dict[Dependency, frozenset[Role]] = {}
        self._remembered: dict[bytes, tuple[float, SessionHolder]] = {}
        self._away_until = float("-inf")

    def needs(self, *roles: Role, everywhere: bool = False, temporary: bool = False) -> Dependency:
        """Make a dependency that gives the person, who has one of `roles`.

        Args:
            roles: one of them is enough; none: who has signed in.
            everywhere: the role must have been given for all agencies.
            temporary: let in who still has the password that somebody else gave.

        Raises (when a request comes):
            NotSignedIn: there is no session, or it has ended (`sign_in_first`, 401).
            Refused: the role is missing (`role_missing`), the password has to be changed first
                (`change_password`), or the request may have been made by another site's page
                (`csrf`).
            Unavailable: the database does not answer, and the request acts.
        """

        async def dependency(request: Request) -> Person:
            request.scope[GUARDED] = True
            person = await self.identify(request)
            if person.password_temporary and not temporary:
                raise Refused(
                    "Choose a password of your own first.",
                    code="change_password",
                    hint="POST /api/me/password.",
                )
            allowed = person.may_everywhere(*roles) if everywhere else person.may(*roles)
            request.scope[PERSON] = person
            if roles and not allowed:
                raise Refused(
                    f"This needs the role {' or '.join(roles)}.",
                    code="role_missing",
                    hint="Who administers people here can give it.",
                )
            return person

        self._roles[dependency] = frozenset(roles)
        return dependency

    def roles_of(self, dependency: object) -> frozenset[Role] | None:
        """The roles that a dependency lets in; None when it is none of this guard's."""
        return next((roles for known, roles in self._roles.items() if known is dependency), None)

    def is_secure(self, request: HTTPConnection) -> bool:
        """Whether browsers reach this deployment over HTTPS, here or at a proxy before it."""
        return self._settings.public_url.startswith("https://") or request.url.scheme == "https"

    def cookie_name(self, request: HTTPConnection) -> str:
        """Name of the session's cookie.

        Over HTTPS only the name with the prefix counts: somebody on the way who can answer for
        plain HTTP could set the other one.
        """
        return SECURE_COOKIE if self.is_secure(request) else COOKIE

    def token_of(self, request: HTTPConnection) -> str | None:
        """The session's token in a request's cookies, if there is one."""
        return request.cookies.get(self.cookie_name(request)) or None

    async def identify(self, request: Request, *, seen: bool = False) -> Person:
        """Give the person that a request comes from; check that the person meant to send it.

        Args:
            request: with the session's cookie; one that acts brings the CSRF header besides.
            seen: the person is there and did something, so the session is used, not idle. Every
                act says so by itself; pages that only look on do not.

        Raises:
            NotSignedIn, Refused, Unavailable: as for `needs`.
        """
        token = self.token_of(request)
        if token is None:
            raise NotSignedIn("Sign in first.", hint="POST /api/session, or the page /sign-in.")
        acts = request.method not in _SAFE
        if acts:
            refuse_other_sites(request)
            sent = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(sent.encode(), csrf_of(token).encode()):
                raise _forged("The header X-Sapar-Csrf is missing or of another session.")
        holder = await self.holder_of(token, seen=seen or acts, acts=acts)
        agency_id = str(request.path_params.get("agency", self._settings.agency))
        return holder.at(agency_id)

    async def holder_of(
        self, token: str, *, seen: bool = False, acts: bool = False
    ) -> SessionHolder:
        """Give who a token belongs to.

        Raises:
            NotSignedIn: its session has ended, or there was none.
            Unavailable: the database does not answer, and nobody remembers or the person acts.
        """
        holder = await self._find(token, seen=seen, acts=acts)
        if holder is None:
            raise NotSignedIn("The session has ended.", hint="Sign in again.")
        return holder

    async def _find(self, token: str, *, seen: bool, acts: bool) -> SessionHolder | None:
        key, wall = token_hash(token), self._clock.wall()
        remembered = None if acts else self._remembered.get(key)
        if remembered and wall - remembered[0] > self._settings.session_outage_s:
            remembered = None
        if remembered and self._clock.monotonic() < self._away_until:
            return remembered[1]
        patience_s = _AWAY_S if remembered else _PATIENCE_S
        at = datetime.fromtimestamp(wall, UTC)
        try:
            holder = await self._look_up(token, at, seen=seen, patience_s=patience_s)
        except Unavailable:
            self._away_until = self._clock.monotonic() + _AWAY_S
            if remembered is None:
                raise
            return remembered[1]
        self._away_until = float("-inf")
        self._remember(key, wall, holder)
        return holder

    def _remember(self, key: bytes, wall: float, holder: SessionHolder | None) -> None:
        self._remembered.pop(key, None)
        if holder is None:
            return
        self._remembered[key] = (wall, holder)
        while len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.pop(next(iter(self._remembered)))

    async def _look_up(
        self, token: str, at: datetime, *, seen: bool, patience_s: float
    ) -> SessionHolder | None:
        with translated():
            async with self._pool.connection(timeout=patience_s) as connection:
                holder = await find_holder(connection, token, at)
                if holder is not None and seen:
                    await touch(connection, holder, at)
                return holder


def person_of(request: Request) -> Person:
    """Give who the guard let in; for handlers of routes with `dependencies=[Depends(needs(…))]`."""
    person = request.scope[PERSON]
    assert isinstance(person, Person)
    return person


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site made the browser send.

    Browsers say it themselves in `Sec-Fetch-Site` and `Origin`; clients that are no browsers send
    neither, and have no cookies of anybody.

    Raises:
        Refused: another site's page sent it (`csrf`).
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise _forged("The request was made by a page of another site.")
    origin = request.headers.get("origin")
    if origin is not None and _host_of(origin) != request.headers.get("host", ""):
        raise _forged("The request was made by a page of another site.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # brackets that hold no address
        return None


def _forged(message: str) -> Refused:
    return Refused(message, code="csrf", hint="Ask /api/me for the header's value.")
