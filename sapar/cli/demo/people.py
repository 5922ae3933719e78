"""People of the demo: one for each desk, all with the same password, which is made each time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sapar.access.model import Role
from sapar.access.passwords import Passwords, make_password
from sapar.access.people import add_person
from sapar.access.register import Actor
from sapar.core.db import connect_async
from sapar.core.settings import Settings

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("wall", "Настенный экран", "viewer"),
    ("aigerim", "Айгерім Сапарова", "dispatcher"),
    ("daniyar", "Данияр Оспанов", "dispatcher"),
    ("auditor", "Сәуле Ахметова", "auditor"),
    ("aigul", "Айгүл Нұрланова", "accountant"),
    ("bota", "Бота Серікқызы", "chief_accountant"),
    ("admin", "Ерлан Жұмабаев", "admin"),
)
"""Name to sign in with, full name, role in all cities."""


def prepare_people(settings: Settings) -> str:
    """Add the people; give their password."""
    password = make_password()
    asyncio.run(_add(settings, password))
    return password


def people_table(password: str) -> str:
    """Tell who may sign in, for the terminal that started the demo."""
    names = ", ".join(f"{name} ({role})" for name, _, role in PEOPLE)
    return f"  sign in as  {names}\n  password    {password}\n"


async def _add(settings: Settings, password: str) -> None:
    clock = settings.clock()
    by = Actor("demo", None, datetime.fromtimestamp(clock.wall(), UTC), clock.now())
    password_hash = await Passwords(settings).make_hash(password)
    conninfo = settings.database_url.get_secret_value()
    async with await connect_async(conninfo, autocommit=False) as connection:
        for name, full_name, role in PEOPLE:
            await add_person(
                connection,
                by,
                name,
                full_name=full_name,
                grants=[(role, None)],
                password_hash=password_hash,
            )
