"""Proving held taps while somebody resolves them by a posting: one of the two counts, none crosses."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest

from sapar.core.db import AsyncConnection, connect, connect_async, load_queries
from sapar.core.errors import Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.fitting import Entry
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.ticketing.ledger.operations import Outcome
from sapar.ticketing.post import post_taps
from sapar.ticketing.rulings import rule_on_tap
from tests.ticketing.agreement import check_invariants
from tests.ticketing.test_prove import Town, at
from tests.ticketing.world import AGENCY

LOCKS = {
    "sequence": "SELECT FROM tap_sequence FOR NO KEY UPDATE",
    "days": load_queries("sapar.ticketing.ledger")["lock_closing"],
    "card": "SELECT FROM card WHERE card_ref = 'a' FOR NO KEY UPDATE",
    "exception": "SELECT FROM ticketing_exception FOR NO KEY UPDATE",
}
ORDERS = {
    "post": ("sequence", "days", "card"),
    "prove": ("sequence", "days", "card", "exception"),
    "rule": ("sequence", "days", "card", "exception"),
    "resolve": ("days", "card", "exception"),
    "undo": ("days", "card", "exception"),
}
OF_CARD = [Entry(1210, "a", 80_00), Entry(2320, "park", -80_00)]
OF_NO_CARD = [Entry(5170, "", 80_00), Entry(2320, "park", -80_00)]


async def until_waiting(
    watcher: psycopg.Connection, holder: psycopg.Connection, count: int
) -> None:
    """Wait until so many wait for a connection's lock, in line behind each other too."""
    query = """
        WITH RECURSIVE waiting AS (
            SELECT pid, pg_blocking_pids(pid) AS pids FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
        ), behind AS (
            SELECT %s::int AS pid
            UNION SELECT w.pid FROM waiting w JOIN behind b ON b.pid = ANY(w.pids)
        ) SELECT count(*) - 1 FROM behind
    """
    async with asyncio.timeout(60):
        while watcher.execute(query, (holder.info.backend_pid,)).fetchone() != (count,):
            await asyncio.sleep(0.01)


async def resolving(connection: AsyncConnection, town: Town, entries: list[Entry]) -> Outcome:
    return await resolve_with_posting(
        connection, town.tools.accounts, AGENCY, 1, entries,
        key="1", reason="lost for good", by=Who("anna"), now=at(99),
    )  # fmt: skip


async def to_prove(stack: AsyncExitStack, database: str, tmp_path, *taps: str) -> Town:
    """Make taps that are held for want of a key, which is known by now."""
    town = Town(database, tmp_path / "master")
    await town.open()
    await stack.enter_async_context(town.connection)
    await post_taps(town.connection, town.tools, [town.sealed(tap) for tap in taps])
    town.register("first")
    return town


@pytest.mark.parametrize("act", ORDERS)
async def test_all_lock_in_one_order(database, tmp_path, act):
    async with AsyncExitStack() as stack:
        town = await to_prove(stack, database, tmp_path, "plain")
        own, tools = town.connection, town.tools
        if act == "undo":
            await resolving(own, town, OF_CARD)
        [(tap_no,)] = await (await own.execute("SELECT tap_no FROM tap")).fetchall()
        acts: dict[str, Callable[[], Awaitable]] = {
            "post": lambda: post_taps(own, tools, [town.sealed("of another")]),
            "prove": town.prove,
            "rule": lambda: rule_on_tap(
                own, tools, AGENCY, tap_no, "reject", reason="a trial", actor="anna"
            ),
            "resolve": lambda: resolving(own, town, OF_CARD),
            "undo": lambda: undo_resolution(
                own, AGENCY, 1, reason="a mistake", key="2", by=Who("anna"), now=at(99)
            ),
        }
        watcher = stack.enter_context(connect(database, autocommit=True))
        holders = {name: stack.enter_context(connect(database)) for name in LOCKS}
        for name, lock in LOCKS.items():
            holders[name].execute(lock, {"agency_id": AGENCY})
        done = asyncio.ensure_future(acts[act]())
        for name in ORDERS[act]:  # it waits for each while others hold all that comes after
            await until_waiting(watcher, holders[name], 1)
            holders[name].rollback()
        await done
    check_invariants(database)


@pytest.mark.parametrize("first", ["resolve", "prove"])
async def test_two_who_want_the_same_card_and_exception_both_end_well(database, tmp_path, first):
    async with AsyncExitStack() as stack:
        town = await to_prove(stack, database, tmp_path, "plain")
        other = await stack.enter_async_context(await connect_async(database))
        acts = {"resolve": lambda: resolving(other, town, OF_CARD), "prove": town.prove}
        watcher = stack.enter_context(connect(database, autocommit=True))
        holder = stack.enter_context(connect(database))
        holder.execute(LOCKS["card"])
        tasks = {}
        for count, act in enumerate(sorted(acts, key=lambda act: act != first), 1):
            tasks[act] = asyncio.ensure_future(acts[act]())
            await until_waiting(watcher, holder, count)
        watcher.execute("SELECT FROM ticketing_exception FOR UPDATE NOWAIT")
        holder.rollback()
        if first == "resolve":
            assert not (await tasks["resolve"]).repeated
            assert (await tasks["prove"])[:2] == (1, 0)
        else:
            assert (await tasks["prove"])[:2] == (1, 1)
            with pytest.raises(Refused) as caught:
                await tasks["resolve"]
            assert caught.value.code == "closed"
    check_invariants(database)


async def test_what_a_posting_resolves_meanwhile_is_not_posted_as_a_ride_too(database, tmp_path):
    async with AsyncExitStack() as stack:
        town = await to_prove(stack, database, tmp_path, "plain", "counter")
        other = await stack.enter_async_context(await connect_async(database))
        watcher = stack.enter_context(connect(database, autocommit=True))
        holder = stack.enter_context(connect(database))
        holder.execute(LOCKS["exception"])
        resolved = asyncio.ensure_future(resolving(other, town, OF_NO_CARD))
        await until_waiting(watcher, holder, 1)
        proved = asyncio.ensure_future(town.prove())  # it has found the tap before it waits
        await until_waiting(watcher, holder, 2)
        holder.rollback()
        await resolved
        assert (await proved)[:3] == (2, 1, 0)  # the other tap is
    check_invariants(database)
