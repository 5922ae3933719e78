"""What a person changes of oneself, each time with the password: a screen may stand unlocked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sapar.access import audit, second_factor
from sapar.access.model import Person
from sapar.access.passwords import Passwords
from sapar.access.people import end_sessions, set_password
from sapar.access.register import Actor
from sapar.access.sign_in import Visitor, holds
from sapar.access.throttle import give_back, reserve, tries_of
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, Refused
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")


@dataclass(frozen=True, slots=True)
class Proved:
    """Whose password was right, and since when it is the person's: another one proves nothing."""

    person: Person
    changed_at: datetime | None


async def prove(
    pool: Pool,
    settings: Settings,
    passwords: Passwords,
    visitor: Visitor,
    person: Person,
    password: str,
) -> Proved:
    """Take the password again; tries are counted as those of signing in are.

    Raises:
        TooSoon: too many wrong tries.
        Refused: it is wrong (`wrong_password`), or the person has none here (`no_password`).
    """
    tries = tries_of(person.name, visitor.address, known_there=True)
    values = {"name": person.name, "address": visitor.address}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["find_by_name"], values)
            row = await cursor.fetchone()
            if row is None or row[1] is None:
                raise Refused(
                    "This person signs in at the provider of identities.", code="no_password"
                )
            await reserve(connection, tries, visitor.at, settings)
    if not await passwords.check(row[1], password):
        raise _wrong()
    with translated():
        async with pool.connection() as connection:
            await give_back(connection, tries)
    return Proved(person, row[7])


async def change_password(
    pool: Pool, passwords: Passwords, visitor: Visitor, proof: Proved, old: str, new: str
) -> None:
    """Put a new password in place, after `prove`; all other sessions of the person end.

    Raises:
        BadInput: it breaks a rule (`Passwords.check_rules`), or is the old one (`password_same`).
        Refused: the old one is not the person's any more (`wrong_password`).
    """
    person = proof.person
    passwords.check_rules(new, person.name, person.full_name)
    if old == new:
        raise BadInput("The new password is the old one.", code="password_same")
    password_hash = await passwords.make_hash(new)
    by = _by(visitor, person)
    with translated():
        async with pool.connection() as connection:
            await _hold(connection, proof)
            await set_password(
                connection,
                by,
                person.user_id,
                password_hash,
                temporary=False,
                but_session=person.session_no,
            )


async def set_second_factor(
    pool: Pool, visitor: Visitor, proof: Proved, secret: bytes | None, code: str = ""
) -> None:
    """Ask for a code from now on, or (None) no more, after `prove`.

    A new secret ends the person's other sessions: no code of it opened them.

    Raises:
        BadInput: the code is not of this secret (`wrong_code`): the app has it wrong.
        Refused: the password is not the person's any more (`wrong_password`).
    """
    person, step = proof.person, None
    if secret is not None:
        step = second_factor.find_step(secret, code, visitor.at)
        if step is None:
            raise BadInput("The code is not of this secret.", code="wrong_code")
    by = _by(visitor, person)
    after: dict[str, object] = {"second_factor": secret is not None}
    with translated():
        async with pool.connection() as connection:
            await _hold(connection, proof)
            values = {"user_id": person.user_id, "secret": secret}
            await connection.execute(_QUERIES["set_second_factor"], values)
            if step is not None:
                used = {"user_id": person.user_id, "step": step}
                await connection.execute(_QUERIES["use_code"], used)
                after["sessions_ended"] = await end_sessions(
                    connection, by, person.user_id, "revoked", but=person.session_no
                )
            await audit.record(
                connection,
                at=by.shown_at,
                person=by.name,
                user_id=by.user_id,
                agency_id=None,
                action="user.second_factor",
                target=f"user {person.name}",
                before={"second_factor": person.second_factor},
                after=after,
            )


async def _hold(connection: AsyncConnection, proof: Proved) -> None:
    if not await holds(connection, proof.person.user_id, proof.changed_at):
        raise _wrong()


def _wrong() -> Refused:
    return Refused("The password is wrong.", code="wrong_password")


def _by(visitor: Visitor, person: Person) -> Actor:
    return Actor(person.name, person.user_id, visitor.at, visitor.shown_at)
