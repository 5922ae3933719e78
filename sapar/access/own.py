"""What a person changes of oneself, each time with the password: a screen may stand unlocked.

Where a second factor is set a code of it is needed besides: the password may be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sapar.access import audit, second_factor
from sapar.access.model import Person
from sapar.access.passwords import Passwords
from sapar.access.people import end_sessions, set_password
from sapar.access.register import Actor
from sapar.access.sign_in import Visitor, hold, use_code
from sapar.access.throttle import Tries, give_back, reserve, tries_of
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, Refused
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")


@dataclass(frozen=True, slots=True)
class Proved:
    """Whose password was right, and what has to be as it was still when the change is written.

    Attributes:
        person: whose.
        changed_at: since when the password is the person's: another one proves nothing.
        second_factor: what is set; a code of it was right.
    """

    person: Person
    changed_at: datetime | None
    second_factor: bytes | None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that the person's app has: a code of it came back, of this step."""

    secret: bytes
    step: int


async def prove(
    pool: Pool,
    settings: Settings,
    passwords: Passwords,
    visitor: Visitor,
    person: Person,
    password: str,
    code: str,
) -> Proved:
    """Take the password again; tries are counted as those of signing in are.

    Args:
        pool: the try is counted in a transaction of its own, before the password is looked at.
        settings: limits of tries.
        passwords: checks the password.
        visitor: where the try comes from.
        person: whose session it comes with.
        password: as typed.
        code: of the second factor that is set, as typed; not looked at where none is set.

    Raises:
        TooSoon: too many wrong tries.
        Refused: it is wrong (`wrong_password`), or the person has none here (`no_password`); a
            second factor is set and its code is missing (`code_needed`), or is wrong or was used
            before (`wrong_code_now`).
    """
    values = {"name": person.name, "address": visitor.address}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["find_by_name"], values)
            row = await cursor.fetchone()
            if row is None or row[1] is None:
                raise Refused(
                    "This person signs in at the provider of identities.", code="no_password"
                )
            # As at the sign-in: the session may be stolen, and an address costs a thief nothing.
            tries = tries_of(person.name, visitor.address, known_there=row[6])
            await reserve(connection, tries, visitor.at, settings)
    if not await passwords.check(row[1], password):
        raise _wrong()
    proof = Proved(person, row[7], row[3])
    if proof.second_factor is not None:
        await _prove_code(pool, visitor, proof, code, tries)
    with translated():
        async with pool.connection() as connection:
            await give_back(connection, tries)
    return proof


def check_new(passwords: Passwords, person: Person, old: str, new: str) -> None:
    """Check a new password, before `prove`: that uses up the code of the second factor.

    Raises:
        BadInput: it breaks a rule (`Passwords.check_rules`), or is the old one (`password_same`).
    """
    passwords.check_rules(new, person.name, person.full_name)
    if old == new:
        raise BadInput("The new password is the old one.", code="password_same")


async def change_password(
    pool: Pool, passwords: Passwords, visitor: Visitor, proof: Proved, new: str
) -> None:
    """Put a new password in place, after `check_new` and `prove`; one's other sessions end.

    Raises:
        Refused: the old one is not the person's any more (`wrong_password`), or the second factor
            is not the one that was proved (`wrong_code_now`).
    """
    person = proof.person
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


def accept(visitor: Visitor, secret: bytes, code: str) -> NewSecret:
    """Take a secret that was offered, before `prove`: that uses up the code of the one set now.

    Raises:
        BadInput: the code is not of this secret (`wrong_code`): the app has it wrong.
    """
    step = second_factor.find_step(secret, code, visitor.at)
    if step is None:
        raise BadInput("The code is not of this secret.", code="wrong_code")
    return NewSecret(secret, step)


async def set_second_factor(
    pool: Pool, visitor: Visitor, proof: Proved, new: NewSecret | None
) -> None:
    """Ask for codes of a secret from now on, or (None) for none, after `prove` with a code.

    A new secret ends the person's other sessions: no code of it opened them.

    Raises:
        Refused: the password is not the person's any more (`wrong_password`), or the second factor
            is not the one that was proved (`wrong_code_now`).
    """
    person = proof.person
    by = _by(visitor, person)
    after: dict[str, object] = {"second_factor": new is not None}
    with translated():
        async with pool.connection() as connection:
            await _hold(connection, proof)
            values = {"user_id": person.user_id, "secret": new and new.secret}
            await connection.execute(_QUERIES["set_second_factor"], values)
            if new is not None:
                used = {"user_id": person.user_id, "secret": new.secret, "step": new.step}
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
                before={"second_factor": proof.second_factor is not None},
                after=after,
            )


async def _prove_code(pool: Pool, visitor: Visitor, proof: Proved, code: str, tries: Tries) -> None:
    assert proof.second_factor is not None
    user_id = proof.person.user_id
    with translated():
        async with pool.connection() as connection:
            if not code.strip():
                # No wrong try, but no right one either: earlier wrong codes stay counted.
                await give_back(connection, tries)
            elif not await use_code(connection, user_id, proof.second_factor, code, visitor.at):
                raise _wrong_code()
    if not code.strip():
        raise Refused("A code of the second factor that is set is needed.", code="code_needed")


async def _hold(connection: AsyncConnection, proof: Proved) -> None:
    """See that what was proved holds still, and keep it so until the commit."""
    held = await hold(connection, proof.person.user_id, proof.changed_at)
    if held is None:
        raise _wrong()
    if held[0] != proof.second_factor:
        raise _wrong_code()


def _wrong() -> Refused:
    return Refused("The password is wrong.", code="wrong_password")


def _wrong_code() -> Refused:
    return Refused(
        "The code of the second factor that is set is wrong, or was used before.",
        code="wrong_code_now",
        hint="Wait for the next one; an admin helps where the telephone is lost.",
    )


def _by(visitor: Visitor, person: Person) -> Actor:
    return Actor(person.name, person.user_id, visitor.at, visitor.shown_at)
