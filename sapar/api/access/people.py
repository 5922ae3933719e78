"""People, for who administers all agencies."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Role
from sapar.access.passwords import Passwords, make_password
from sapar.access.people import (
    add_person,
    change_person,
    drop_second_factor,
    revoke_sessions,
    set_password,
)
from sapar.access.register import (
    PersonEntry,
    get_person,
    list_people,
    parse_grant,
    written_grants,
)
from sapar.access.sessions import list_sessions
from sapar.api.access.asking import Body, Number, Text, actor, private, seconds, wall_now
from sapar.api.access.guard import person_of
from sapar.api.access.own import end_one, shown
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import Refused

Roles = Annotated[list[Text], Field(max_length=200, examples=[["dispatcher@demo", "viewer"]])]


class NewPerson(Body):
    """A person to be; the password is made here and told once."""

    name: Annotated[Text, Field(examples=["aigerim"])]
    full_name: Text = ""
    language: Text = ""
    roles: Roles = Field(default_factory=list)


class ChangedPerson(Body):
    """What changes of a person; what is missing stays."""

    full_name: Text | None = None
    language: Text | None = None
    roles: Roles | None = None
    ended: bool | None = None
    reason: Text = ""


class PeopleAnswers:
    """The addresses of people."""

    def __init__(self, parts: Parts, passwords: Passwords) -> None:
        self._parts = parts
        self._passwords = passwords

    async def people(
        self,
        request: Request,
        search: Annotated[Text, Query()] = "",
        role: Annotated[Role | None, Query()] = None,
        ended: bool = False,
        after: Annotated[Text, Query()] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        """People by name, a page at a time."""
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await list_people(
                    connection,
                    search=search,
                    role=role,
                    ended=ended,
                    after=after,
                    limit=limit + 1,
                )
        body = {
            "people": [described(person) for person in found[:limit]],
            "next": found[limit - 1].name if len(found) > limit else None,
        }
        return private(request, body)

    async def add(self, request: Request, body: NewPerson) -> Response:
        """Add a person; the answer tells the first password, once."""
        password = make_password()
        password_hash = await self._passwords.make_hash(password)
        by = actor(self._parts, person_of(request))
        with translated():
            async with self._parts.pool.connection() as connection:
                user_id = await add_person(
                    connection,
                    by,
                    body.name,
                    full_name=body.full_name,
                    language=body.language,
                    grants=[parse_grant(role) for role in body.roles],
                    password_hash=password_hash,
                    temporary=True,
                )
                person = await get_person(connection, user_id)
        return private(request, {"person": described(person), "password": password}, 201)

    async def person(self, request: Request, user_id: Number) -> Response:
        """One person, with the sessions that stand."""
        with translated():
            async with self._parts.pool.connection() as connection:
                person = await get_person(connection, user_id)
                sessions = await list_sessions(connection, user_id, wall_now(self._parts))
        own_no = person_of(request).session_no
        body = {
            "person": described(person),
            "sessions": [shown(session, own_no) for session in sessions],
        }
        return private(request, body)

    async def change(self, request: Request, user_id: Number, body: ChangedPerson) -> Response:
        """Change a person; whose rights change has to sign in again."""
        by = actor(self._parts, person_of(request))
        grants = None if body.roles is None else [parse_grant(role) for role in body.roles]
        with translated():
            async with self._parts.pool.connection() as connection:
                person = await change_person(
                    connection,
                    by,
                    user_id,
                    full_name=body.full_name,
                    language=body.language,
                    grants=grants,
                    ended=body.ended,
                    reason=body.reason,
                )
        return private(request, {"person": described(person)})

    async def new_password(self, request: Request, user_id: Number) -> Response:
        """Give a person a new first password and tell it once; all sessions of the person end."""
        asking = person_of(request)
        if asking.user_id == user_id:
            raise Refused(
                "One's own password is changed with the old one.",
                code="own_password",
                hint="POST /api/me/password.",
            )
        password = make_password()
        password_hash = await self._passwords.make_hash(password)
        by = actor(self._parts, asking)
        with translated():
            async with self._parts.pool.connection() as connection:
                await set_password(connection, by, user_id, password_hash, temporary=True)
        return private(request, {"password": password})

    async def drop_second_factor(self, request: Request, user_id: Number) -> Response:
        """Take away a person's second factor, as when the telephone is lost; sessions end."""
        asking = person_of(request)
        if asking.user_id == user_id:  # a screen may stand unlocked
            raise Refused(
                "One's own second factor is switched off with the password.",
                code="own_second_factor",
                hint="DELETE /api/me/second-factor.",
            )
        by = actor(self._parts, asking)
        with translated():
            async with self._parts.pool.connection() as connection:
                await drop_second_factor(connection, by, user_id)
                person = await get_person(connection, user_id)
        return private(request, {"person": described(person)})

    async def end_session(self, request: Request, user_id: Number, session_no: Number) -> Response:
        """End a session of a person."""
        await end_one(self._parts, request, user_id, session_no)
        return private(request, {"ended": 1})

    async def end_sessions(self, request: Request, user_id: Number) -> Response:
        """End all sessions of a person."""
        by = actor(self._parts, person_of(request))
        with translated():
            async with self._parts.pool.connection() as connection:
                ended = await revoke_sessions(connection, by, user_id)
        return private(request, {"ended": ended})


def described(person: PersonEntry) -> dict[str, Any]:
    """Describe a person to who administers people."""
    return {
        "user_id": person.user_id,
        "name": person.name,
        "full_name": person.full_name,
        "language": person.language,
        "roles": written_grants(person.grants),
        "created_s": seconds(person.created_at),
        "ended_s": seconds(person.ended_at),
        "last_seen_s": seconds(person.last_seen_at),
        "has_password": person.has_password,
        "password_temporary": person.password_temporary,
        "second_factor": person.has_second_factor,
    }
