"""Messages to drivers in the database: written, listed, withdrawn; quick texts."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import Pool, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.dispatch.messages.texts import Letter

QUERIES = load_queries("sapar.dispatch.messages")

STATES = ("waiting", "sent", "delivered", "read", "failed", "expired")
_LONGEST_NO = 18  # digits of a number that the database takes


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message, and on how many buses it is in which state."""

    message_no: int
    texts: dict[str, str]
    urgent: bool
    target: dict[str, Any]
    author: str
    created_s: float
    expires_s: float
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of a message on one bus; times are Unix seconds."""

    vehicle_id: str
    state: str
    tries: int
    sent_s: float | None
    delivered_s: float | None
    read_s: float | None
    ended_s: float | None
    failure: str | None


async def write_message(
    pool: Pool,
    agency_id: str,
    letter: Letter,
    vehicle_ids: Sequence[str],
    person: Person,
    now: datetime,
) -> int:
    """Write a message that `check_letter` has passed, to these buses; give its number.

    Raises:
        BadInput: nobody would get it.
        Unavailable: the database does not answer.
    """
    listed = sorted(set(vehicle_ids))
    if not listed:
        raise BadInput("No bus would get this message.", code="no_recipients")
    values = {
        "agency_id": agency_id,
        "command_id": secrets.token_hex(8),
        "texts": json_value(letter.texts),
        "urgent": letter.urgent,
        "target": json_value(msgspec.to_builtins(letter.target)),
        "author": person.name,
        "now": now,
        "expires_at": now + timedelta(seconds=letter.valid_s),
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["insert_message"], values)
            row = await cursor.fetchone()
            message_no = 0 if row is None else int(row[0])
            await connection.execute(
                QUERIES["insert_recipients"],
                {
                    "message_no": message_no,
                    "agency_id": agency_id,
                    "vehicle_ids": listed,
                    "now": now,
                },
            )
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="message.send",
                target=f"message {message_no}",
                before=None,
                after={**msgspec.to_builtins(letter), "buses": len(listed)},
            )
    return message_no


async def list_messages(
    pool: Pool,
    agency_id: str,
    *,
    before: int | None = None,
    vehicle_id: str | None = None,
    limit: int = 50,
) -> list[MessageRow]:
    """List the newest messages, before a number, or to one bus."""
    values = {"agency_id": agency_id, "before": before, "vehicle_id": vehicle_id, "limit": limit}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_messages"], values)
            rows = await cursor.fetchall()
    return [_message(row) for row in rows]


async def list_recipients(pool: Pool, agency_id: str, message_no: str) -> list[Recipient]:
    """Tell what became of a message on each bus.

    Raises:
        NotFound: there is no such message.
    """
    values = {"agency_id": agency_id, "message_no": _number(message_no)}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_recipients"], values)
            rows = await cursor.fetchall()
    if not rows:
        raise _no_message(message_no)
    return [Recipient(*row) for row in rows]


async def withdraw_message(
    pool: Pool, agency_id: str, message_no: str, person: Person, now: datetime
) -> int:
    """Stop sending a message; give how many buses will not get it (those that have it keep it).

    Raises:
        NotFound: there is no such message.
    """
    await list_recipients(pool, agency_id, message_no)
    values = {"agency_id": agency_id, "message_no": _number(message_no), "now": now}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["withdraw_message"], values)
            spared = len(await cursor.fetchall())
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="message.withdraw",
                target=f"message {message_no}",
                before=None,
                after={"buses": spared},
            )
    return spared


async def list_texts(pool: Pool, agency_id: str) -> list[tuple[int, dict[str, str]]]:
    """List the agency's own quick texts, with their numbers."""
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_texts"], {"agency_id": agency_id})
            return [(int(number), texts) for number, texts in await cursor.fetchall()]


async def add_text(
    pool: Pool, agency_id: str, texts: dict[str, str], person: Person, now: datetime
) -> int:
    """Add a quick text that `check_texts` has passed; give its number."""
    values = {
        "agency_id": agency_id,
        "texts": json_value(texts),
        "author": person.name,
        "now": now,
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["insert_text"], values)
            row = await cursor.fetchone()
            number = 0 if row is None else int(row[0])
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="text.add",
                target=f"text {number}",
                before=None,
                after=texts,
            )
    return number


async def retire_text(
    pool: Pool, agency_id: str, text_no: str, person: Person, now: datetime
) -> None:
    """Take a quick text off the list.

    Raises:
        NotFound: it is not on it.
    """
    values = {"agency_id": agency_id, "text_no": _number(text_no), "now": now}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["retire_text"], values)
            row = await cursor.fetchone()
            if row is None:
                raise NotFound(f"There is no quick text {text_no!r}.", code="no_such_text")
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="text.retire",
                target=f"text {text_no}",
                before=row[0],
                after=None,
            )


def _message(row: Sequence[Any]) -> MessageRow:
    number, texts, urgent, target, author, created_s, expires_s, *counts = row
    by_state = dict(zip(STATES, counts, strict=True))
    return MessageRow(number, texts, urgent, target, author, created_s, expires_s, by_state)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NO):
        raise _no_message(text)
    return int(text)


def _no_message(message_no: str) -> NotFound:
    return NotFound(f"There is no message {message_no!r}.", code="no_such_message")
