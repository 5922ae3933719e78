"""Proving held taps while somebody resolves them by a posting: one of the two counts."""

import asyncio

import psycopg

from sapar.core.db import connect, connect_async
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.fitting import Entry
from sapar.finance.exceptions.resolve import resolve_with_posting
from sapar.ticketing.post import post_taps
from tests.ticketing.agreement import check_invariants
from tests.ticketing.test_prove import Town, at
from tests.ticketing.world import AGENCY


async def until_waiting(watcher: psycopg.Connection, count: int) -> None:
    """Wait until so many wait for somebody's lock."""
    query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
    while watcher.execute(query).fetchone() != (count,):
        await asyncio.sleep(0.01)


async def test_what_a_posting_resolves_meanwhile_is_not_posted_as_a_ride_too(database, tmp_path):
    town = Town(database, tmp_path / "master")
    await town.open()
    other = await connect_async(database)
    entries = [Entry(5170, "", 80_00), Entry(2320, "park", -80_00)]
    async with town.connection, other:
        await post_taps(town.connection, town.tools, [town.sealed("plain")])
        town.register("first")
        with connect(database, autocommit=True) as watcher, connect(database) as holder:
            holder.execute("SELECT FROM ticketing_exception FOR UPDATE")
            resolving = asyncio.create_task(
                resolve_with_posting(
                    other, town.tools.accounts, AGENCY, 1, entries,
                    key="1", reason="lost for good", by=Who("anna"), now=at(99),
                )
            )  # fmt: skip
            await until_waiting(watcher, 1)
            proving = asyncio.create_task(town.prove())  # it has found the tap before it waits
            await until_waiting(watcher, 2)
            holder.rollback()
            await resolving
        assert (await proving).good == 0
    check_invariants(database)
