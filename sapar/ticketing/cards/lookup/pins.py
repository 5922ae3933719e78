"""Setting a card's PIN, and looking a card up by number and PIN with a bound on guesses.

A guess is counted before it is judged, in a transaction of its own, against the number and against
the address it comes from. Past a bound nothing is judged, nor counted, until the oldest guesses are
too old to count, whoever asks: 15 guesses a day at a PIN of four digits take a year to find half of
them. The answer to a wrong number and to a wrong PIN is the same, and takes as long.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sapar.access.errors import TooSoon
from sapar.access.throttle import network_of
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused

_QUERIES = load_queries("sapar.ticketing.cards.lookup")
_PIN: Final = re.compile(r"[0-9]{4,8}")
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's least

SHORT: Final = timedelta(minutes=15)
LONG: Final = timedelta(days=1)
"""How long a failed look-up counts, against the bounds of each span."""
CARD_MAX: Final = (5, 15)
ADDRESS_MAX: Final = (20, 100)
"""Failures that are allowed within (`SHORT`, `LONG`)."""


def make_pin() -> str:
    """Make a PIN of six digits for a holder who does not choose one."""
    while _is_plain(made := f"{secrets.randbelow(10**6):06}"):
        continue
    return made


def check_pin(pin: str) -> None:
    """Refuse a PIN that is none, or that everybody tries first.

    Raises:
        BadInput: not 4 to 8 digits, one digit repeated, or digits in a row (`pin`).
    """
    if not _PIN.fullmatch(pin):
        raise BadInput("A PIN has 4 to 8 digits.", code="pin")
    if _is_plain(pin):
        raise BadInput("That PIN is guessed first.", code="pin", hint="Take another.")


def _is_plain(pin: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


async def set_pin(
    connection: AsyncConnection,
    agency_id: str,
    card_ref: str,
    *,
    number_hash: bytes,
    pin: str,
    actor: str,
    now: datetime,
) -> None:
    """Give a card its PIN, or a new one, in the caller's transaction.

    Args:
        connection: may write `card_pin`.
        agency_id: the card's city.
        card_ref: the card, as validators name it.
        number_hash: see `numbers.hash_number`.
        pin: 4 to 8 digits.
        actor: who sets it.
        now: transit time.

    Raises:
        BadInput: see `check_pin`.
        NotFound: there is no such card (`unknown_card`).
        Refused: the number belongs to another card (`number_taken`).
    """
    check_pin(pin)
    values = {
        "agency_id": agency_id,
        "card_ref": card_ref,
        "number_hash": number_hash,
        "pin_hash": await asyncio.to_thread(_HASHER.hash, pin),
        "actor": actor,
        "now": now,
    }
    with translated():
        row = await (await connection.execute(_QUERIES["other_holder"], values)).fetchone()
        if row is not None:
            raise Refused("That number belongs to another card.", code="number_taken")
        done = await connection.execute(_QUERIES["set_pin"], values)
    if done.rowcount == 0:
        raise NotFound(f"there is no card {card_ref!r}", code="unknown_card")


async def find_card(
    connection: AsyncConnection,
    agency_id: str,
    *,
    number_hash: bytes,
    pin: str,
    address: str,
    wall: datetime,
) -> str:
    """Give the reference of the card that has this number and PIN.

    Args:
        connection: commits by itself, of the role that looks up.
        agency_id: the city.
        number_hash: see `numbers.hash_number`.
        pin: as it was typed.
        address: where the look-up comes from.
        wall: wall time: guesses are bounded in the time of those who guess.

    Raises:
        NotFound: no card has this number, or another PIN (`card_or_pin`).
        TooSoon: see the module.
    """
    of_card, of_address = (
        _subject("card", number_hash.hex()),
        _subject("address", network_of(address)),
    )
    tried = {"card": of_card, "address": of_address, "wall": wall}
    with translated():
        await _count(connection, tried, wall)
        found = {"agency_id": agency_id, "number_hash": number_hash}
        known = await (await connection.execute(_QUERIES["find_pin"], found)).fetchone()
        card_ref, pin_hash = known or (None, await _nobodys_hash())
        right = await asyncio.to_thread(_verify, pin_hash, pin)
        if card_ref is None or not right:
            raise NotFound(
                "No card has this number with this PIN.",
                code="card_or_pin",
                hint="A service desk gives a new PIN to whoever shows the card.",
            )
        await connection.execute(_QUERIES["forgive"], tried)
    return str(card_ref)


async def _count(connection: AsyncConnection, tried: dict[str, Any], wall: datetime) -> None:
    """Count a try, one at a time for a number and for an address; past a bound refuse it."""
    async with connection.transaction():
        await connection.execute(_QUERIES["one_at_a_time"], tried)
        spans = {**tried, "short": wall - SHORT, "long": wall - LONG}
        row = await (await connection.execute(_QUERIES["count_failures"], spans)).fetchone()
        failures = row or (0, 0, 0, 0)
        if any(n >= most for n, most in zip(failures, CARD_MAX + ADDRESS_MAX, strict=True)):
            minutes = SHORT.seconds // 60
            raise TooSoon(
                "Too many wrong tries.",
                SHORT.total_seconds(),
                hint=f"Try again in {minutes} minutes or tomorrow, or ask at a service desk.",
            )
        await connection.execute(_QUERIES["count_try"], spans)


def _verify(pin_hash: str, pin: str) -> bool:
    try:
        return _HASHER.verify(pin_hash, pin)
    except (VerificationError, InvalidHashError):
        return False


_nobody: list[str] = []


async def _nobodys_hash() -> str:
    """Give a hash that no PIN has, so that an unknown number takes as long as a wrong PIN."""
    if not _nobody:
        _nobody.append(await asyncio.to_thread(_HASHER.hash, secrets.token_hex()))
    return _nobody[0]


def _subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind} {value}".encode()).digest()
