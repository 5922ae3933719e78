"""Keys of apps: found by their owner's text alone, noticed when they change."""

import asyncio
from datetime import UTC, datetime

import pytest

from sapar.access import audit
from sapar.access.app_keys import add_key, list_keys, revoke_key, set_rate
from sapar.access.keys import KeyRing
from sapar.access.register import (
    Actor,
)
from sapar.core.clock import SystemClock
from sapar.core.db import Pool, connect_async
from sapar.core.errors import BadInput

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BY = Actor("setup", None, AT, AT)


async def test_a_key_is_found_by_what_its_owner_has_and_by_nothing_else(
    pool: Pool, database: str
) -> None:
    async with pool.connection() as connection:
        entry, text = await add_key(connection, BY, "AktobeBus", 1200, "bus@example.kz")
        _, other = await add_key(connection, BY, "Another", 60)
    ring = KeyRing(database, SystemClock())
    assert ring.find(text) is None  # not read yet
    async with await connect_async(database) as connection:
        await ring.refresh(connection)
        found = ring.find(text)
        assert found is not None
        assert (found.name, found.rate_per_minute, found.prefix) == (
            "AktobeBus",
            1200,
            entry.prefix,
        )
        prefix, secret = text.split("_")[1], text.split("_", 2)[2]
        for wrong in (
            "", "TEST", prefix, secret, text[:-1], text + "a", f"sapar_{prefix}_{'a' * 43}",
            f"sapar_{prefix}_{other.split('_', 2)[2]}", text.upper(), f" {text}",
        ):  # fmt: skip
            assert ring.find(wrong) is None, wrong
        before = datetime.now(UTC).date()
        await ring.refresh(connection)
        cursor = await connection.execute("SELECT last_used_on FROM api_key ORDER BY key_no")
        used_on, never = [row[0] for row in await cursor.fetchall()]
        assert before <= used_on <= datetime.now(UTC).date()
        assert never is None
        cursor = await connection.execute(
            "SELECT api_key::text, encode(secret_hash, 'escape') FROM api_key"
        )
        assert secret not in str(await cursor.fetchall())


async def test_a_revoked_key_is_noticed_at_once_and_stays_revoked(
    pool: Pool, database: str
) -> None:
    async with pool.connection() as connection:
        entry, text = await add_key(connection, BY, "AktobeBus", 60)
    ring = KeyRing(database, SystemClock())
    running = asyncio.create_task(ring.run())
    try:
        async with asyncio.timeout(30):
            while ring.find(text) is None:
                await asyncio.sleep(0.01)
        async with pool.connection() as connection:
            await set_rate(connection, BY, entry.key_no, 90)
        async with asyncio.timeout(30):
            while (key := ring.find(text)) is None or key.rate_per_minute != 90:
                await asyncio.sleep(0.01)
        for _ in range(2):
            async with pool.connection() as connection:
                revoked = await revoke_key(connection, BY, entry.key_no)
        async with asyncio.timeout(30):
            while ring.find(text) is not None:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with pool.connection() as connection:
        assert await list_keys(connection) == []
        assert await list_keys(connection, revoked=True) == [revoked]
        actions = [line.action for line in await audit.list_lines(connection)]
    assert actions == ["key.revoke", "key.change", "key.create"]


@pytest.mark.parametrize(("name", "rate"), [("", 1), ("a", 0), ("a", -1), ("a", 10**9)])
async def test_a_key_without_a_name_or_a_rate_is_refused(pool: Pool, name: str, rate: int) -> None:
    async with pool.connection() as connection:
        with pytest.raises(BadInput):
            await add_key(connection, BY, name, rate)
