"""People for tests of guarded addresses: made in the database directly, signed in for real.

`session_of` opens a session without a password, for tests that are not about signing in.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import httpx
from playwright.async_api import Browser, BrowserContext

from sapar.access.model import Role
from sapar.access.passwords import Passwords
from sapar.access.people import add_person
from sapar.access.register import Actor, parse_grant
from sapar.access.sessions import csrf_of, open_session
from sapar.api.access.guard import COOKIE, CSRF_HEADER
from sapar.core.db import connect_async
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from tests.api.conftest import Instance

_numbers = count(1)


async def make_session(
    conninfo: str, roles: Iterable[Role] = ("viewer",), agency_id: str | None = None
) -> tuple[str, str]:
    """Make a person with roles, in one agency or all, and a session; give (name, token)."""
    name = f"person-{next(_numbers)}"
    at = datetime.now(UTC)
    async with await connect_async(conninfo, autocommit=False) as connection:
        cursor = await connection.execute(
            "INSERT INTO person (name, full_name, created_at) VALUES (%s, %s, %s)"
            " RETURNING user_id",
            (name, name.capitalize(), at),
        )
        row = await cursor.fetchone()
        assert row is not None
        user_id = row[0]
        for role in roles:
            await connection.execute(
                "INSERT INTO person_role (user_id, agency_id, role) VALUES (%s, %s, %s)",
                (user_id, agency_id, role),
            )
        token = await open_session(
            connection,
            user_id,
            at=at,
            lasts=timedelta(hours=1),
            idle=None,
            address="127.0.0.1",
            agent="test",
        )
    return name, token


async def add_user(
    settings: Settings,
    name: str,
    password: str,
    grants: Iterable[str] = ("viewer",),
    *,
    temporary: bool = False,
) -> int:
    """Add a person with a password, as the command does; give the number."""
    by = Actor("test", None, datetime.now(UTC), datetime.now(UTC))
    conninfo = settings.database_url.get_secret_value()
    async with await connect_async(conninfo, autocommit=False) as connection:
        return await add_person(
            connection,
            by,
            name,
            grants=[parse_grant(grant) for grant in grants],
            password_hash=await Passwords(settings).make_hash(password),
            temporary=temporary,
        )


async def sign_in(
    http: httpx.AsyncClient,
    conninfo: str,
    roles: Iterable[Role] = ("viewer",),
    agency_id: str | None = None,
) -> str:
    """Let a client act as a new person with these roles; give the person's name.

    The client sends the session's cookie and the CSRF header from now on.
    """
    name, token = await make_session(conninfo, roles, agency_id)
    http.cookies.set(COOKIE, token)
    http.headers[CSRF_HEADER] = csrf_of(token)
    return name


@asynccontextmanager
async def signed_in_context(
    browser: Browser, instance: "Instance", roles: Iterable[Role] = ("viewer",), **options: object
) -> AsyncIterator[BrowserContext]:
    """A browser context whose pages are signed in as a new person with these roles."""
    _, token = await make_session(instance.conninfo, roles)
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    await context.add_cookies(
        [{"name": COOKIE, "value": token, "url": instance.url, "httpOnly": True}]
    )
    try:
        yield context
    finally:
        await context.close()
