"""`sapar users` and `sapar keys`: the first admin, and people and keys without a browser."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.access.register import Actor
    from sapar.core.db import AsyncConnection

Result = TypeVar("Result")

users = typer.Typer(no_args_is_help=True, help="People who sign in, their roles and sessions.")
keys = typer.Typer(no_args_is_help=True, help="Keys of apps that ask the passenger API.")

Name = Annotated[str, typer.Argument(help="What the person types to sign in.")]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", help="role (in all cities) or role@city; as often as needed."),
]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input."),
]


@users.command("add")
def add_user(
    name: Name,
    role: Roles = None,
    full_name: Annotated[str, typer.Option(help="How others see the person.")] = "",
    language: Annotated[str, typer.Option(help="en, kk or ru; empty: the browser's.")] = "",
    subject: Annotated[
        str | None,
        typer.Option(help="Signs in at the provider of identities, as this subject of it."),
    ] = None,
    password_stdin: FromStdin = False,
) -> None:
    """Add a person; without --password-stdin a first password is made and printed once."""
    from sapar.access.oidc import link
    from sapar.access.passwords import Passwords, make_password
    from sapar.access.people import add_person
    from sapar.access.register import parse_grant

    settings = Settings()
    with reported():
        grants = [parse_grant(text) for text in role or []]
        passwords = Passwords(settings)
        password = None
        if subject is None:
            password = _read_password() if password_stdin else make_password()
            passwords.check_rules(password, name, full_name)

        async def add(connection: AsyncConnection, by: Actor) -> None:
            hashed = None if password is None else await passwords.make_hash(password)
            user_id = await add_person(
                connection,
                by,
                name,
                full_name=full_name,
                language=language,
                grants=grants,
                password_hash=hashed,
                temporary=password is not None and not password_stdin,
            )
            if subject is not None:
                await link(connection, settings, user_id, subject)

        _change(settings, add)
    if password is not None and not password_stdin:
        typer.echo(f"name: {name}\npassword: {password}  (to be changed when signing in)")


@users.command("list")
def list_users(
    search: Annotated[str, typer.Option(help="Part of a name.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Those who have left too.")] = False,
) -> None:
    """List people with their roles."""
    from rich.console import Console
    from rich.table import Table

    from sapar.access.register import PersonEntry, list_people, written_grants

    async def read(connection: AsyncConnection, _by: Actor) -> list[PersonEntry]:
        return await list_people(connection, search=search, ended=everybody, limit=100_000)

    with reported():
        found = _change(Settings(), read)
    table = Table("no", "name", "full name", "roles", "seen", "ended")
    for person in found:
        table.add_row(
            str(person.user_id),
            person.name,
            person.full_name,
            " ".join(written_grants(person.grants)),
            _shown(person.last_seen_at),
            _shown(person.ended_at),
        )
    Console().print(table)


@users.command("roles")
def set_roles(
    name: Name,
    role: Roles = None,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")] = "",
) -> None:
    """Give a person these roles and no other; the person has to sign in again."""
    from sapar.access.people import change_person
    from sapar.access.register import get_by_name, parse_grant

    with reported():
        grants = [parse_grant(text) for text in role or []]

        async def change(connection: AsyncConnection, by: Actor) -> None:
            person = await get_by_name(connection, name)
            await change_person(connection, by, person.user_id, grants=grants, reason=reason)

        _change(Settings(), change)


@users.command("password")
def new_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Put another password in place, made and printed once; all sessions of the person end."""
    from sapar.access.passwords import Passwords, make_password
    from sapar.access.people import set_password
    from sapar.access.register import get_by_name

    settings = Settings()
    with reported():
        passwords = Passwords(settings)
        password = _read_password() if password_stdin else make_password()

        async def change(connection: AsyncConnection, by: Actor) -> None:
            person = await get_by_name(connection, name)
            passwords.check_rules(password, person.name, person.full_name)
            hashed = await passwords.make_hash(password)
            await set_password(connection, by, person.user_id, hashed, temporary=not password_stdin)

        _change(settings, change)
    if not password_stdin:
        typer.echo(f"name: {name}\npassword: {password}  (to be changed when signing in)")


@users.command("end")
def end_user(
    name: Name,
    back: Annotated[bool, typer.Option(help="The other way: the person comes back.")] = False,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")] = "",
) -> None:
    """End a person: no signing in any more, sessions are over, everything done stays on record."""
    from sapar.access.people import change_person
    from sapar.access.register import get_by_name

    async def change(connection: AsyncConnection, by: Actor) -> None:
        person = await get_by_name(connection, name)
        await change_person(connection, by, person.user_id, ended=not back, reason=reason)

    with reported():
        _change(Settings(), change)


@users.command("sessions")
def sessions(
    name: Name,
    end: Annotated[bool, typer.Option("--end", help="End them all.")] = False,
) -> None:
    """List where a person is signed in, or end that."""
    from sapar.access.people import revoke_sessions
    from sapar.access.register import get_by_name
    from sapar.access.sessions import SessionEntry, list_sessions

    async def look(connection: AsyncConnection, by: Actor) -> list[SessionEntry]:
        person = await get_by_name(connection, name)
        found = await list_sessions(connection, person.user_id, by.at)
        if end:
            await revoke_sessions(connection, by, person.user_id)
        return found

    with reported():
        found = _change(Settings(), look)
    for session in found:
        typer.echo(
            f"{session.session_no}  since {_shown(session.created_at)}"
            f"  seen {_shown(session.last_seen_at)}  {session.address}  {session.agent}"
        )
    if end:
        typer.echo(f"{len(found)} ended")


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Name of the app.")],
    rate: Annotated[int, typer.Option(help="Requests a minute.")] = 600,
    contact: Annotated[str, typer.Option(help="Who runs the app.")] = "",
) -> None:
    """Add a key and print it, once: only a hash is kept."""
    from sapar.access.app_keys import add_key as add

    async def change(connection: AsyncConnection, by: Actor) -> str:
        return (await add(connection, by, name, rate, contact))[1]

    with reported():
        typer.echo(_change(Settings(), change))


@keys.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", help="Revoked ones too.")] = False,
) -> None:
    """List keys by the name of their app."""
    from rich.console import Console
    from rich.table import Table

    from sapar.access.app_keys import KeyEntry
    from sapar.access.app_keys import list_keys as list_all

    async def read(connection: AsyncConnection, _by: Actor) -> list[KeyEntry]:
        return await list_all(connection, revoked=everything)

    with reported():
        found = _change(Settings(), read)
    table = Table("no", "prefix", "app", "a minute", "used on", "revoked")
    for key in found:
        used = "" if key.last_used_on is None else key.last_used_on.isoformat()
        rate = str(key.rate_per_minute)
        row = (str(key.key_no), key.prefix, key.name, rate, used, _shown(key.revoked_at))
        table.add_row(*row)
    Console().print(table)


@keys.command("revoke")
def revoke_key(
    key_no: Annotated[int, typer.Argument(help="Its number in the list.")],
) -> None:
    """Revoke a key, for good; instances notice within a second."""
    from sapar.access.app_keys import revoke_key as revoke

    async def change(connection: AsyncConnection, by: Actor) -> None:
        await revoke(connection, by, key_no)

    with reported():
        _change(Settings(), change)


def _change(
    settings: Settings, work: Callable[[AsyncConnection, Actor], Awaitable[Result]]
) -> Result:
    """Run one transaction, as the account of this machine that runs the command."""
    from sapar.access.register import Actor
    from sapar.core.db import connect_async

    clock = settings.clock()
    at = datetime.fromtimestamp(clock.wall(), UTC)
    by = Actor(f"sapar command ({getpass.getuser()})", None, at, clock.now())

    async def run() -> Result:
        conninfo = settings.database_url.get_secret_value()
        async with await connect_async(conninfo, autocommit=False) as connection:
            return await work(connection, by)

    return asyncio.run(run())


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("password: ")
    return sys.stdin.readline().rstrip("\r\n")


def _shown(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
