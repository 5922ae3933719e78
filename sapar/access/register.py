"""People as they are known: their names, roles and state; changing them is `people.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from sapar.access.model import Role
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound

_QUERIES = load_queries("sapar.access")
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
LANGUAGES = ("", "en", "kk", "ru")

Grant = tuple[Role, str | None]
"""A role and the agency that it is given for; None: all."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and when.

    Attributes:
        name: the person's, or the command's.
        user_id: the person's number; None for a command.
        at: now, by the wall clock.
        shown_at: now, by the deployment's clock: the time of the audit log.
    """

    name: str
    user_id: int | None
    at: datetime
    shown_at: datetime


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person as those who administer people see it.

    Attributes:
        user_id: the number, for good.
        name: what is typed to sign in.
        full_name: how others see the person.
        language: of the pages; empty: the browser's.
        created_at: when the person was added.
        ended_at: since when the person may not sign in; None: may.
        has_password: whether the person signs in here.
        password_temporary: whether somebody else gave the password.
        has_second_factor: whether a code is asked for besides.
        last_seen_at: when a session of the person was used last.
        grants: roles with their agencies.
    """

    user_id: int
    name: str
    full_name: str
    language: str
    created_at: datetime
    ended_at: datetime | None
    has_password: bool
    password_temporary: bool
    has_second_factor: bool
    last_seen_at: datetime | None
    grants: tuple[Grant, ...]


def normal_name(name: str) -> str:
    """Give a name as it is kept: what people type differs in capitals and stray spaces."""
    return name.strip().lower()


def is_name(name: str) -> bool:
    """Whether a name has the form of one to sign in with."""
    return _NAME.fullmatch(name) is not None


def parse_grant(text: str) -> Grant:
    """Read `role` or `role@agency`.

    Raises:
        BadInput: there is no such role (`unknown_role`).
    """
    role, _, agency_id = text.strip().partition("@")
    if role not in get_args(Role):
        raise BadInput(
            f"There is no role {role!r}.",
            code="unknown_role",
            hint=f"There are {', '.join(get_args(Role))}.",
        )
    return cast("Role", role), agency_id or None


def written_grants(grants: Iterable[Grant]) -> list[str]:
    """Write roles as `role` or `role@agency`, those for all agencies first."""
    ordered = sorted(grants, key=lambda grant: (grant[1] or "", grant[0]))
    return [role if agency_id is None else f"{role}@{agency_id}" for role, agency_id in ordered]


async def get_person(connection: AsyncConnection, user_id: int) -> PersonEntry:
    """Give one person.

    Raises:
        NotFound: there is none of this number (`unknown_person`).
    """
    with translated():
        cursor = await connection.execute(_QUERIES["get_person"], {"user_id": user_id})
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no person {user_id}.", code="unknown_person")
    return _entry(row)


async def get_by_name(connection: AsyncConnection, name: str) -> PersonEntry:
    """Give the person of a name.

    Raises:
        NotFound: there is none (`unknown_person`).
    """
    values = {"name": normal_name(name), "address": ""}
    with translated():
        cursor = await connection.execute(_QUERIES["find_by_name"], values)
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"There is no person {name!r}.", code="unknown_person", hint="sapar users list"
        )
    return await get_person(connection, row[0])


async def list_people(
    connection: AsyncConnection,
    *,
    search: str = "",
    role: Role | None = None,
    ended: bool = False,
    after: str = "",
    limit: int = 1000,
) -> list[PersonEntry]:
    """People by name.

    Args:
        connection: to read from.
        search: part of the name or the full name.
        role: only those who were given it somewhere.
        ended: with those who may sign in no more.
        after: only names behind this one: the next page.
        limit: at most so many.
    """
    values = {"search": search.strip(), "role": role, "ended": ended, "after": after}
    with translated():
        cursor = await connection.execute(_QUERIES["list_people"], {**values, "limit": limit})
        return [_entry(row) for row in await cursor.fetchall()]


def _entry(row: tuple[object, ...]) -> PersonEntry:
    pairs = [pair.partition(" ") for pair in cast("list[str]", row[-1])]
    grants = tuple((cast("Role", role), agency_id or None) for role, _, agency_id in pairs)
    return PersonEntry(*row[:-1], grants=grants)  # type: ignore[arg-type, misc]
