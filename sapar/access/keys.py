"""Keys of apps: `sapar_<prefix>_<secret>`, of which the database has the secret's SHA-256.

A key opens nothing that is not open anyway: it names an app, with a rate of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, connect_async, load_queries, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger

_QUERIES = load_queries("sapar.access")
_CHANNEL = "sapar_keys"
_REFRESH_S = 30.0  # also how often the days of use are written down
_FORM = re.compile(r"sapar_([0-9a-z]{8})_([0-9A-Za-z_-]{43})")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_log = get_logger()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that stands.

    Attributes:
        key_no: its number.
        prefix: how people tell it from others; no secret.
        name: of the app.
        rate_per_minute: requests a minute.
        secret_hash: SHA-256 of the secret.
    """

    key_no: int
    prefix: str
    name: str
    rate_per_minute: int
    secret_hash: bytes


def make_key() -> tuple[str, str, bytes]:
    """Make a key; give (the key as its owner gets it, its prefix, its secret's hash)."""
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    return f"sapar_{prefix}_{secret}", prefix, _hash(secret)


class KeyRing:
    """All keys that stand, in memory: a request's key is looked up without asking the database.

    Args:
        conninfo: the database; `run` follows its changes.
        clock: names the day on which a key was used, by the wall.
    """

    def __init__(self, conninfo: str, clock: Clock) -> None:
        self._conninfo = conninfo
        self._clock = clock
        self._keys: Mapping[str, ApiKey] = MappingProxyType({})
        self._used: dict[int, date] = {}
        self._written: dict[int, date] = {}

    def find(self, text: str) -> ApiKey | None:
        """Find the key that a client sent; None when there is none such or it was revoked."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        key = self._keys.get(match[1])
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(match[2])):
            return None
        self._used[key.key_no] = datetime.fromtimestamp(self._clock.wall(), UTC).date()
        return key

    async def refresh(self, connection: AsyncConnection) -> None:
        """Read the keys anew, and write down which were used on which day."""
        used = dict(self._used)
        news = {key_no: day for key_no, day in used.items() if self._written.get(key_no) != day}
        with translated():
            if news:
                values = {"key_nos": list(news), "days": list(news.values())}
                await connection.execute(_QUERIES["mark_keys_used"], values)
            cursor = await connection.execute(_QUERIES["list_standing_keys"])
            rows = await cursor.fetchall()
        self._written.update(news)
        self._keys = MappingProxyType({row[1]: ApiKey(*row) for row in rows})

    async def run(self) -> None:
        """Keep current until cancelled; without a database what was read last stays."""
        while True:
            try:
                await self._follow()
            except SaparError as exc:
                _log.warning("keys_not_current", code=exc.code, reason=exc.message)
                await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        connection = await connect_async(self._conninfo)
        async with connection:
            with translated():
                await connection.execute(f"LISTEN {_CHANNEL}")
            while True:
                await self.refresh(connection)
                with translated():
                    async for _ in connection.notifies(timeout=_REFRESH_S, stop_after=1):
                        pass


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
