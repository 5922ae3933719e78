"""People: added, changed, ended, and never deleted; each change with its line in the audit log."""

from __future__ import annotations

from collections.abc import Iterable

from sapar.access import audit
from sapar.access.register import (
    LANGUAGES,
    Actor,
    Grant,
    PersonEntry,
    get_person,
    is_name,
    normal_name,
    written_grants,
)
from sapar.core.db import AsyncConnection, DatabaseRefused, load_queries, translated
from sapar.core.errors import BadInput, Refused

_QUERIES = load_queries("sapar.access")


async def add_person(
    connection: AsyncConnection,
    by: Actor,
    name: str,
    *,
    full_name: str = "",
    language: str = "",
    grants: Iterable[Grant] = (),
    password_hash: str | None = None,
    temporary: bool = False,
) -> int:
    """Add a person and give the number; the caller commits.

    Args:
        connection: of the caller's transaction.
        by: who does it.
        name: what the person will type to sign in.
        full_name: how others see the person.
        language: en, kk, ru, or empty.
        grants: roles with their agencies.
        password_hash: None: the person signs in at the provider of identities alone.
        temporary: whether the person has to change the password first of all.

    Raises:
        BadInput: the name is malformed (`person_name`), there is no such agency
            (`unknown_agency`).
        Refused: the name is or was somebody's (`name_taken`), or the actor gives itself a role.
    """
    name, grants = normal_name(name), tuple(grants)
    if not is_name(name):
        raise BadInput(
            f"{name!r} is no name to sign in with.",
            code="person_name",
            hint="At most 64 of a-z, 0-9 and . _ @ -, the first a letter or digit.",
        )
    values = {
        "name": name,
        "full_name": _checked_full_name(full_name),
        "language": _checked_language(language),
        "password_hash": password_hash,
        "temporary": temporary,
        "at": by.at,
    }
    with translated():
        cursor = await connection.execute(_QUERIES["insert_person"], values)
        row = await cursor.fetchone()
    if row is None:
        raise Refused(
            f"The name {name!r} is or was somebody's.",
            code="name_taken",
            hint="A name belongs to one person for good; choose another.",
        )
    user_id = int(row[0])
    await _give(connection, user_id, grants)
    after = {"full_name": full_name.strip(), "language": language}
    after_all: dict[str, object] = {**after, "roles": written_grants(grants)}
    await _record(connection, by, "user.create", name, None, after_all)
    return user_id


async def change_person(
    connection: AsyncConnection,
    by: Actor,
    user_id: int,
    *,
    full_name: str | None = None,
    language: str | None = None,
    grants: Iterable[Grant] | None = None,
    ended: bool | None = None,
    reason: str = "",
) -> PersonEntry:
    """Change what is given, end the sessions whose rights changed, and give the person after.

    Raises:
        BadInput: see `add_person`.
        NotFound: there is no such person.
        Refused: nobody changes the own roles or ends oneself (`own_roles`); somebody must be left
            who administers all agencies (`last_admin`).
    """
    with translated():
        await connection.execute(_QUERIES["lock_roles"])
    old = await get_person(connection, user_id)
    wanted = None if grants is None else frozenset(grants)
    ends = ended is not None and ended != (old.ended_at is not None)
    gives = wanted is not None and wanted != frozenset(old.grants)
    if (ends or gives) and by.user_id == user_id:
        raise Refused(
            "Nobody changes the own roles.", code="own_roles", hint="Another admin has to do it."
        )
    with translated():
        if full_name is not None or language is not None:
            values = {
                "user_id": user_id,
                "full_name": old.full_name if full_name is None else _checked_full_name(full_name),
                "language": old.language if language is None else _checked_language(language),
            }
            await connection.execute(_QUERIES["set_person"], values)
        if gives and wanted is not None:
            await connection.execute(_QUERIES["delete_roles"], {"user_id": user_id})
            await _give(connection, user_id, wanted)
        if ends:
            values = {"user_id": user_id, "at": by.at if ended else None}
            await connection.execute(_QUERIES["set_ended"], values)
    if ends or gives:
        await _keep_an_admin(connection, user_id, old)
        await end_sessions(connection, by, user_id, "ended" if ends else "roles")
    new = await get_person(connection, user_id)
    await _record_change(connection, by, old, new, reason)
    return new


async def set_password(
    connection: AsyncConnection,
    by: Actor,
    user_id: int,
    password_hash: str,
    *,
    temporary: bool,
    but_session: int | None = None,
) -> None:
    """Put another password in place and end the person's other sessions; the caller commits."""
    person = await get_person(connection, user_id)
    values = {"user_id": user_id, "password_hash": password_hash, "at": by.at}
    with translated():
        await connection.execute(_QUERIES["set_password"], {**values, "temporary": temporary})
    ended = await end_sessions(connection, by, user_id, "password", but=but_session)
    after: dict[str, object] = {"temporary": temporary, "sessions_ended": ended}
    await _record(connection, by, "user.password", person.name, None, after)


async def drop_second_factor(connection: AsyncConnection, by: Actor, user_id: int) -> None:
    """Take a person's second factor away and end the sessions; the caller commits."""
    person = await get_person(connection, user_id)
    if not person.has_second_factor:
        return
    with translated():
        await connection.execute(
            _QUERIES["set_second_factor"], {"user_id": user_id, "secret": None}
        )
    await end_sessions(connection, by, user_id, "revoked")
    before: dict[str, object] = {"second_factor": True}
    await _record(
        connection, by, "user.second_factor", person.name, before, {"second_factor": False}
    )


async def end_sessions(
    connection: AsyncConnection,
    by: Actor,
    user_id: int,
    why: str,
    *,
    only: int | None = None,
    but: int | None = None,
) -> int:
    """End sessions of a person: all, one, or all but one; give how many. The caller commits."""
    values = {"user_id": user_id, "at": by.at, "why": why, "only": only, "but": but}
    with translated():
        cursor = await connection.execute(_QUERIES["end_sessions"], values)
        return len(await cursor.fetchall())


async def revoke_sessions(
    connection: AsyncConnection, by: Actor, user_id: int, *, only: int | None = None
) -> int:
    """End sessions of a person by somebody's wish, and write it down; give how many.

    Raises:
        NotFound: there is no such person.
    """
    person = await get_person(connection, user_id)
    own = by.user_id == user_id
    ended = await end_sessions(connection, by, user_id, "revoked", only=only)
    if ended:
        after: dict[str, object] = {"sessions_ended": ended}
        action = "session.end_own" if own else "session.revoke"
        await _record(connection, by, action, person.name, None, after)
    return ended


async def sign_out(connection: AsyncConnection, by: Actor, session_no: int) -> None:
    """End the session that the person is in; the caller commits."""
    assert by.user_id is not None
    if await end_sessions(connection, by, by.user_id, "signed_out", only=session_no):
        await _record(connection, by, "session.sign_out", by.name, None, None)


async def _give(connection: AsyncConnection, user_id: int, grants: Iterable[Grant]) -> None:
    try:
        with translated():
            for role, agency_id in grants:
                values = {"user_id": user_id, "role": role, "agency_id": agency_id}
                await connection.execute(_QUERIES["insert_role"], values)
    except DatabaseRefused:
        raise BadInput(
            "A role is given for an agency that does not exist.", code="unknown_agency"
        ) from None


async def _keep_an_admin(connection: AsyncConnection, user_id: int, old: PersonEntry) -> None:
    was_admin = ("admin", None) in old.grants and old.ended_at is None
    if not was_admin:
        return
    new = await get_person(connection, user_id)
    if ("admin", None) in new.grants and new.ended_at is None:
        return
    with translated():
        cursor = await connection.execute(_QUERIES["count_admins"], {"user_id": user_id})
        row = await cursor.fetchone()
    if row is None or row[0] == 0:
        raise Refused(
            "Nobody else administers all agencies.",
            code="last_admin",
            hint="Make somebody else an admin first.",
        )


async def _record_change(
    connection: AsyncConnection, by: Actor, old: PersonEntry, new: PersonEntry, reason: str
) -> None:
    before, after = _described(old), _described(new)
    changed = [name for name in before if before[name] != after[name]]
    if not changed:
        return
    action = "user.change"
    if "ended" in changed:
        action = "user.end" if after["ended"] else "user.restore"
    await _record(
        connection,
        by,
        action,
        old.name,
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
        reason,
    )


def _described(person: PersonEntry) -> dict[str, object]:
    return {
        "full_name": person.full_name,
        "language": person.language,
        "roles": written_grants(person.grants),
        "ended": person.ended_at is not None,
    }


async def _record(
    connection: AsyncConnection,
    by: Actor,
    action: str,
    name: str,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    reason: str = "",
) -> None:
    await audit.record(
        connection,
        at=by.shown_at,
        person=by.name,
        user_id=by.user_id,
        agency_id=None,
        action=action,
        target=f"user {name}",
        before=before,
        after=after,
        reason=reason,
    )


def _checked_full_name(full_name: str) -> str:
    full_name = full_name.strip()
    if len(full_name) > 200:
        raise BadInput("A name has at most 200 characters.", code="person_name")
    return full_name


def _checked_language(language: str) -> str:
    if language not in LANGUAGES:
        raise BadInput(f"The pages do not speak {language!r}.", code="language")
    return language
