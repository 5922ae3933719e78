"""Signing in with name and password: the same answer and the same work for every wrong try."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sapar.access import audit, second_factor
from sapar.access.errors import NotSignedIn
from sapar.access.passwords import LENGTH_MAX, Passwords
from sapar.access.people import end_sessions
from sapar.access.register import Actor, is_name, normal_name
from sapar.access.sessions import find_holder, open_session
from sapar.access.throttle import Tries, forgive, give_back, reserve, tries_of
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")
_NAME_MAX = 64
_KEPT = timedelta(days=30)  # sessions that are over: where a person was before


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who knocks.

    Attributes:
        address: where the request comes from.
        agent: the browser's name for itself.
        old_token: the session that the browser has already; it ends.
        at: now, by the wall clock.
        shown_at: now, by the deployment's clock.
    """

    address: str
    agent: str
    old_token: str | None
    at: datetime
    shown_at: datetime


@dataclass(frozen=True, slots=True)
class _Found:
    user_id: int | None = None
    password_hash: str | None = None
    second_factor: bytes | None = None
    known_there: bool = False
    changed_at: datetime | None = None


async def sign_in(
    pool: Pool,
    settings: Settings,
    passwords: Passwords,
    visitor: Visitor,
    name: str,
    password: str,
    code: str = "",
) -> str:
    """Give the token of a new session.

    Args:
        pool: the try is counted in a transaction of its own, before the password is looked at.
        settings: limits of tries and of sessions.
        passwords: checks the password.
        visitor: where the try comes from.
        name: as typed.
        password: as typed.
        code: of the second factor, as typed; empty when none was asked for yet.

    Raises:
        TooSoon: too many wrong tries for the name or from the address.
        NotSignedIn: `wrong_sign_in`, whatever is wrong with name or password; `code_needed` when
            both are right and a second factor is set; `wrong_code` when that is wrong.
    """
    name = normal_name(name)[: _NAME_MAX + 1]
    found = await _find(pool, name, visitor.address)
    tries = tries_of(name, visitor.address, known_there=found.known_there)
    with translated():
        async with pool.connection() as connection:
            await reserve(connection, tries, visitor.at, settings)
    right = await passwords.check(found.password_hash, password[: LENGTH_MAX + 1])
    if not right or found.user_id is None or found.password_hash is None:
        raise await _refuse(pool, visitor, name, found)
    renewed = None
    if passwords.is_old(found.password_hash):
        renewed = await passwords.make_hash(password)
    if found.second_factor is not None:
        await _check_code(pool, visitor, name, found, code, tries)
    with translated():
        async with pool.connection() as connection:
            held = await hold(connection, found.user_id, found.changed_at)
            # A second factor that was set meanwhile has ended all sessions that no code had opened.
            if held is not None and held[0] == found.second_factor:
                await forgive(connection, tries)
                if renewed is not None:
                    values = {"user_id": found.user_id, "old_hash": found.password_hash}
                    await connection.execute(
                        _QUERIES["renew_hash"], {**values, "password_hash": renewed}
                    )
                return await begin(connection, settings, visitor, found.user_id, name, "password")
    raise await _refuse(pool, visitor, name, found)


async def hold(
    connection: AsyncConnection, user_id: int, changed_at: datetime | None
) -> tuple[bytes | None] | None:
    """Give the second factor that is set, where the password is still the one that was checked.

    Both stay so until the commit. Checking takes a while, and longer when many wait for it; a
    password that was changed meanwhile has ended all sessions, and must neither begin another one
    nor change anything.

    Args:
        connection: of the caller's transaction.
        user_id: whose.
        changed_at: since when the password that was checked is the person's.
    """
    values = {"user_id": user_id, "changed_at": changed_at}
    return await (await connection.execute(_QUERIES["hold_password"], values)).fetchone()


async def begin(
    connection: AsyncConnection,
    settings: Settings,
    visitor: Visitor,
    user_id: int,
    name: str,
    way: str,
) -> str:
    """Open a session for who has proved to be that person; the one before ends. Give its token."""
    by = Actor(name, user_id, visitor.at, visitor.shown_at)
    if visitor.old_token is not None:
        holder = await find_holder(connection, visitor.old_token, visitor.at)
        if holder is not None:
            old = holder.person
            await end_sessions(connection, by, old.user_id, "signed_out", only=old.session_no)
    with translated():
        cursor = await connection.execute(_QUERIES["list_roles"], {"user_id": user_id})
        looks_only = {row[0] for row in await cursor.fetchall()} <= {"viewer"}
        await connection.execute(_QUERIES["drop_old_sessions"], {"before": visitor.at - _KEPT})
        await connection.execute(_QUERIES["drop_old_tries"], {"before": visitor.at - _KEPT})
    token = await open_session(
        connection,
        user_id,
        at=visitor.at,
        lasts=timedelta(days=settings.session_viewer_days_max)
        if looks_only
        else timedelta(hours=settings.session_hours_max),
        idle=None if looks_only else timedelta(minutes=settings.session_idle_minutes),
        address=visitor.address,
        agent=visitor.agent,
    )
    await _record(connection, by, "session.sign_in", name, {"address": visitor.address, "by": way})
    return token


async def _find(pool: Pool, name: str, address: str) -> _Found:
    if not is_name(name):
        return _Found()
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                _QUERIES["find_by_name"], {"name": name, "address": address}
            )
            row = await cursor.fetchone()
    if row is None or row[5] is not None:
        return _Found()
    return _Found(row[0], row[1], row[3], row[6], row[7])


async def _refuse(pool: Pool, visitor: Visitor, name: str, found: _Found) -> NotSignedIn:
    """Write the try down and give the refusal.

    A name that is nobody's is not written: it may be a misplaced password.
    """
    with translated():
        async with pool.connection() as connection:
            known = found.user_id is not None
            by = Actor("sign-in", None, visitor.at, visitor.shown_at)
            target = name if known else "(unknown)"
            await _record(connection, by, "session.refuse", target, {"address": visitor.address})
    return NotSignedIn(
        "Name or password is wrong.",
        code="wrong_sign_in",
        hint="Passwords tell capitals from small letters. Who administers people here can help.",
    )


async def _check_code(
    pool: Pool, visitor: Visitor, name: str, found: _Found, code: str, tries: Tries
) -> None:
    """Take the code of the second factor, once.

    Raises:
        NotSignedIn: there is none yet (`code_needed`), or it is wrong (`wrong_code`).
    """
    assert found.user_id is not None
    assert found.second_factor is not None
    with translated():
        async with pool.connection() as connection:
            if not code.strip():
                # No wrong try, but no right one either: earlier wrong codes stay counted.
                await give_back(connection, tries)
            elif await use_code(connection, found.user_id, found.second_factor, code, visitor.at):
                return
            else:
                by = Actor("sign-in", None, visitor.at, visitor.shown_at)
                after: dict[str, object] = {"address": visitor.address, "by": "code"}
                await _record(connection, by, "session.refuse", name, after)
    if not code.strip():
        raise NotSignedIn("The code of the second factor is needed.", code="code_needed")
    raise NotSignedIn(
        "The code is wrong, or was used before.",
        code="wrong_code",
        hint="Wait for the next one; the telephone's clock must be right.",
    )


async def use_code(
    connection: AsyncConnection, user_id: int, secret: bytes, code: str, at: datetime
) -> bool:
    """Whether this is a code of the second factor that nobody used before; it is used now."""
    step = second_factor.find_step(secret, code, at)
    if step is None:
        return False
    values = {"user_id": user_id, "secret": secret, "step": step}
    cursor = await connection.execute(_QUERIES["use_code"], values)
    return await cursor.fetchone() is not None


async def _record(
    connection: AsyncConnection, by: Actor, action: str, name: str, after: dict[str, object]
) -> None:
    await audit.record(
        connection,
        at=by.shown_at,
        person=by.name,
        user_id=by.user_id,
        agency_id=None,
        action=action,
        target=f"user {name}",
        before=None,
        after=after,
    )
