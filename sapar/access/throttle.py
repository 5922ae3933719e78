"""Brute force: tries are counted before they are heard, in the database, by name and by address.

A try is reserved by one statement, so that no two instances, and no thousand requests at once, hear
more than the limit. After the free tries each further one has to wait, twice as long as the one
before. What is counted is a hash of the name, whether anybody has it or not.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sapar.access.errors import TooSoon
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.settings import Settings

_QUERIES = load_queries("sapar.access")
_FORGOTTEN = timedelta(hours=1)  # after so long without a try, counting begins anew


@dataclass(frozen=True, slots=True)
class Tries:
    """What a try is counted under.

    Attributes:
        name: the person's name, with the address where that person has signed in from there
            before: whoever guesses from elsewhere cannot lock the person out.
        address: the address; of IPv6 the network, for one customer has all of it.
    """

    name: bytes
    address: bytes


def tries_of(name: str, address: str, *, known_there: bool) -> Tries:
    """Give what a try is counted under."""
    by_name = f"name {name} {network_of(address)}" if known_there else f"name {name}"
    return Tries(_digest(by_name), _digest(f"address {network_of(address)}"))


def network_of(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


async def reserve(
    connection: AsyncConnection, tries: Tries, at: datetime, settings: Settings
) -> None:
    """Count a try, or refuse it. The caller commits at once; a refusal counts nothing.

    Raises:
        TooSoon: the name or the address has to wait; it tells how long.
    """
    limits = (
        (tries.name, settings.sign_in_tries_name),
        (tries.address, settings.sign_in_tries_address),
    )
    with translated():
        async with connection.transaction():
            for subject, free in limits:
                values = {
                    "subject": subject,
                    "at": at,
                    "free": free,
                    "forgotten_at": at - _FORGOTTEN,
                    "wait_max_s": settings.sign_in_wait_max_s,
                }
                cursor = await connection.execute(_QUERIES["reserve_try"], values)
                if await cursor.fetchone() is None:
                    raise _too_soon(await _wait_s(connection, subject, at))


async def forgive(connection: AsyncConnection, tries: Tries) -> None:
    """The try was right: the name starts anew, the address gets this one try back.

    An address is not started anew: else one's own account would buy tries for others.
    """
    with translated():
        await connection.execute(_QUERIES["forget_tries"], {"subject": tries.name})
        await connection.execute(_QUERIES["return_try"], {"subject": tries.address})


async def give_back(connection: AsyncConnection, tries: Tries) -> None:
    """The try was neither right nor wrong: it is not counted, those before it are."""
    with translated():
        for subject in (tries.name, tries.address):
            await connection.execute(_QUERIES["return_try"], {"subject": subject})


async def _wait_s(connection: AsyncConnection, subject: bytes, at: datetime) -> float:
    cursor = await connection.execute(_QUERIES["find_block"], {"subject": subject})
    row = await cursor.fetchone()
    return max(1.0, (row[0] - at).total_seconds()) if row else 1.0


def _too_soon(wait_s: float) -> TooSoon:
    return TooSoon(
        "Too many wrong tries.", wait_s, hint=f"The next try is heard in {wait_s:.0f} s."
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
