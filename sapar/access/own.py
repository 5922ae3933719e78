"""What a person changes of oneself, each time with the password: a screen may stand unlocked."""

from __future__ import annotations

from sapar.access import audit, second_factor
from sapar.access.model import Person
from sapar.access.passwords import Passwords
from sapar.access.people import set_password
from sapar.access.register import Actor
from sapar.access.sign_in import Visitor
from sapar.access.throttle import give_back, reserve, tries_of
from sapar.core.db import Pool, load_queries, translated
from sapar.core.errors import BadInput, Refused
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")


async def prove(
    pool: Pool,
    settings: Settings,
    passwords: Passwords,
    visitor: Visitor,
    person: Person,
    password: str,
) -> None:
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
            password_hash = row[1] if row is not None else None
            if password_hash is None:
                raise Refused(
                    "This person signs in at the provider of identities.", code="no_password"
                )
            await reserve(connection, tries, visitor.at, settings)
    if not await passwords.check(password_hash, password):
        raise Refused("The password is wrong.", code="wrong_password")
    with translated():
        async with pool.connection() as connection:
            await give_back(connection, tries)


async def change_password(
    pool: Pool, passwords: Passwords, visitor: Visitor, person: Person, old: str, new: str
) -> None:
    """Put a new password in place, after `prove`; all other sessions of the person end.

    Raises:
        BadInput: it breaks a rule (`Passwords.check_rules`), or is the old one (`password_same`).
    """
    passwords.check_rules(new, person.name, person.full_name)
    if old == new:
        raise BadInput("The new password is the old one.", code="password_same")
    password_hash = await passwords.make_hash(new)
    by = _by(visitor, person)
    with translated():
        async with pool.connection() as connection:
            await set_password(
                connection,
                by,
                person.user_id,
                password_hash,
                temporary=False,
                but_session=person.session_no,
            )


async def set_second_factor(
    pool: Pool, visitor: Visitor, person: Person, secret: bytes | None, code: str = ""
) -> None:
    """Ask for a code from now on, or (None) no more, after `prove`.

    Raises:
        BadInput: the code is not of this secret (`wrong_code`): the app has it wrong.
    """
    step = None
    if secret is not None:
        step = second_factor.find_step(secret, code, visitor.at)
        if step is None:
            raise BadInput("The code is not of this secret.", code="wrong_code")
    by = _by(visitor, person)
    with translated():
        async with pool.connection() as connection:
            values = {"user_id": person.user_id, "secret": secret}
            await connection.execute(_QUERIES["set_second_factor"], values)
            if step is not None:
                used = {"user_id": person.user_id, "step": step}
                await connection.execute(_QUERIES["use_code"], used)
            await audit.record(
                connection,
                at=by.shown_at,
                person=by.name,
                user_id=by.user_id,
                agency_id=None,
                action="user.second_factor",
                target=f"user {person.name}",
                before={"second_factor": person.second_factor},
                after={"second_factor": secret is not None},
            )


def _by(visitor: Visitor, person: Person) -> Actor:
    return Actor(person.name, person.user_id, visitor.at, visitor.shown_at)
