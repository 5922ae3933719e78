"""Sessions: a random token in the person's cookie, its SHA-256 in the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from sapar.access.model import Person, Role
from sapar.core.db import AsyncConnection, load_queries, translated

_QUERIES = load_queries("sapar.access")
_TOKEN_BYTES = 32
_SEEN_EVERY = timedelta(seconds=60)  # how exact "last seen" is; each exactness costs a write


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """The person of a session, with roles by agency.

    Attributes:
        person: with the roles that were given for all agencies.
        by_agency: roles that were given for one agency.
        last_seen_at: when the person was seen last, exact to a minute.
    """

    person: Person
    by_agency: dict[str, frozenset[Role]]
    last_seen_at: datetime

    @property
    def looks_only(self) -> bool:
        """Whether the person has no role that acts, anywhere."""
        return all(
            roles <= {"viewer"} for roles in (self.person.everywhere, *self.by_agency.values())
        )

    def at(self, agency_id: str) -> Person:
        """Give the person with the roles for an agency."""
        roles = self.person.everywhere | self.by_agency.get(agency_id, frozenset())
        return replace(self.person, roles=roles)


def make_token() -> str:
    """Make a session's token: 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """The header value that belongs to a session: who cannot read the answer cannot make it."""
    return hmac.new(token.encode(), b"sapar csrf", hashlib.sha256).hexdigest()


async def open_session(
    connection: AsyncConnection,
    user_id: int,
    *,
    at: datetime,
    lasts: timedelta,
    idle: timedelta | None,
    address: str,
    agent: str,
) -> str:
    """Begin a session and give its token, always a new one.

    Args:
        connection: the caller commits.
        user_id: whose.
        at: now, by the wall clock.
        lasts: for how long at most.
        idle: how long it stands without being used; None: that does not end it.
        address: where the person is.
        agent: the browser's name for itself.
    """
    token = make_token()
    values = {
        "token_hash": token_hash(token),
        "user_id": user_id,
        "at": at,
        "idle_s": None if idle is None else round(idle.total_seconds()),
        "expires_at": at + lasts,
        "address": address[:100],
        "agent": agent[:300],
    }
    with translated():
        await connection.execute(_QUERIES["insert_session"], values)
    return token


async def find_holder(
    connection: AsyncConnection, token: str, at: datetime
) -> SessionHolder | None:
    """Find who a token belongs to; None when its session does not stand."""
    values = {"token_hash": token_hash(token), "at": at}
    with translated():
        cursor = await connection.execute(_QUERIES["find_session"], values)
        row = await cursor.fetchone()
    if row is None:
        return None
    session_no, last_seen_at, user_id, name, full_name, language, temporary, code, *given = row
    everywhere = frozenset(cast("list[Role]", given[0]))
    by_agency: dict[str, frozenset[Role]] = {}
    for pair in given[1]:
        role, _, agency_id = pair.partition(" ")
        by_agency[agency_id] = by_agency.get(agency_id, frozenset()) | {role}
    person = Person(
        user_id,
        name,
        everywhere,
        full_name,
        language,
        everywhere,
        session_no,
        password_temporary=temporary,
        second_factor=code,
    )
    return SessionHolder(person, by_agency, last_seen_at)


async def touch(connection: AsyncConnection, holder: SessionHolder, at: datetime) -> None:
    """Write down that the person was seen, once a minute at most; the caller commits."""
    if at - holder.last_seen_at < _SEEN_EVERY:
        return
    values = {"session_no": holder.person.session_no, "at": at}
    with translated():
        await connection.execute(_QUERIES["touch_session"], values)


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session as its person sees it.

    Attributes:
        session_no: its number.
        created_at: when the person signed in.
        last_seen_at: when the person was there last.
        expires_at: when it ends in any case.
        idle_s: how long it stands unused; None: that does not end it.
        address: where from.
        agent: the browser's name for itself.
    """

    session_no: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    idle_s: int | None
    address: str
    agent: str


async def list_sessions(
    connection: AsyncConnection, user_id: int, at: datetime
) -> list[SessionEntry]:
    """Sessions of a person that stand, newest first."""
    values = {"user_id": user_id, "at": at}
    with translated():
        cursor = await connection.execute(_QUERIES["list_sessions"], values)
        return [SessionEntry(*row) for row in await cursor.fetchall()]
