"""Retention: whole chunks are dropped once all their records are older than the setting says."""

from __future__ import annotations

from datetime import timedelta

from sapar.core.clock import Clock
from sapar.core.db import Pool, load_queries, translated
from sapar.core.log import get_logger
from sapar.core.settings import Settings

_queries = load_queries("sapar.ingest")
_LOCK_KEY = 0x5A9A6
_log = get_logger()


async def apply_retention(pool: Pool, settings: Settings, clock: Clock) -> list[str]:
    """Drop what is past its retention; give the chunks dropped.

    Does nothing while another process is at it.
    """
    limits = {
        "fix": settings.fix_retention_days,
        "event": settings.event_retention_days,
        "shift": settings.event_retention_days,
    }
    dropped: list[str] = []
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_queries["try_maintenance_lock"], {"key": _LOCK_KEY})
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return []
            for table, days in limits.items():
                before = clock.now() - timedelta(days=days)
                cursor = await connection.execute(
                    _queries["drop_old_chunks"], {"table": table, "before": before}
                )
                dropped.extend(name for (name,) in await cursor.fetchall())
            await connection.execute(
                _queries["delete_old_dead_letters"],
                {
                    "before": clock.now() - timedelta(days=settings.dead_letter_retention_days),
                    "tap_before": clock.now() - timedelta(days=settings.tap_letter_retention_days),
                },
            )
    return dropped


async def compress_where_possible(pool: Pool) -> bool:
    """Switch compression of old chunks on where the edition has it; tell whether it did so now."""
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_queries["can_compress"])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return False
            await connection.execute(_queries["enable_compression"])
            await connection.execute(_queries["add_compression_policy"])
    return True
