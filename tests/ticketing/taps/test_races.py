"""Another worker changes a tap between our look at it and the lock of its card."""

import asyncio

from sapar.core.db import connect_async
from sapar.ticketing.ledger.export import check_ledger
from sapar.ticketing.post import post_taps
from tests.ticketing.taps.support import tap_of


async def is_waiting(town) -> bool:
    """Tell whether somebody waits for a row of this database."""
    waiting = (
        "SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(await town.rows(waiting))


async def post_while(town, first, then) -> None:
    """Post `then` while `first` is posted and not committed; `then` waits for a card of it."""
    one, other = [await connect_async(town.conninfo) for _ in range(2)]
    try:
        async with asyncio.timeout(30):
            async with one.transaction():
                await post_taps(one, town.tools, [first])
                task = asyncio.create_task(post_taps(other, town.tools, [then]))
                while not await is_waiting(town):
                    await asyncio.sleep(0.01)
                assert not task.done()
            await task
    finally:
        await one.close()
        await other.close()


async def test_a_version_whose_fare_changed_meanwhile_is_taken_back_as_it_is_posted(town):
    one, two = town.devices[:2]
    await town.post(tap_of(one, 1, "c4", 10))
    # an earlier ride makes it a transfer; then a better version of it comes, on another card
    earlier = tap_of(two, 1, "c4", 5, vehicle="b2", route_id="9")
    await post_while(town, earlier, tap_of(one, 1, "c1", 1))
    assert town.taps()["v1", 1] == [
        ("held", "identity_conflict", 0, "[]"),
        ("posted", None, 8000, "[]"),
    ]
    assert await check_ledger(town.connection) == []


async def test_a_held_version_that_became_a_ride_meanwhile_is_taken_back(town):
    one, two = town.devices[:2]
    await town.post(tap_of(two, 1, "c4", 9.5), tap_of(one, 1, "c4", 10))
    assert town.taps()["v1", 1] == ("held", "double_debit", 0, "[]")
    # the ride before it loses to another version, so that it counts; then it loses itself
    await post_while(town, tap_of(two, 1, "c7", 1), tap_of(one, 1, "c1", 1))
    assert [row[1] for row in town.taps()["v1", 1]] == ["identity_conflict", None]
    assert [row[0] for row in town.state()["exceptions"]] == ["identity_conflict"] * 2
    assert await check_ledger(town.connection) == []


async def test_without_patience_what_another_holds_is_put_off(town):
    """A device's sequence, a card, and neither: only the last is stored; later all are."""
    one, two = town.devices[:2]
    await town.post(tap_of(one, 1, "c2", 1))
    holder, other = [await connect_async(town.conninfo) for _ in range(2)]
    same_device, same_card = tap_of(one, 3, "c2", 12), tap_of(two, 1, "c1", 13, vehicle="b2")
    free, nobodys = tap_of(two, 2, "c3", 14, vehicle="b2"), tap_of(two, 3, "x1", 15)
    batch = [same_device, same_card, free, nobodys]
    try:
        async with asyncio.timeout(30):
            async with holder.transaction():
                await post_taps(holder, town.tools, [tap_of(one, 2, "c1", 10)])
                task = asyncio.create_task(
                    post_taps(other, town.tools, batch, patient=False)
                )  # and waits at the accounts, which come last
                while not await is_waiting(town):
                    await asyncio.sleep(0.01)
            posted = await task
            assert posted.put_off == [same_device, same_card]
            assert (posted.new, posted.stored) == (2, {(two.device_no, 1): [2, 3]})
            posted = await post_taps(other, town.tools, posted.put_off, patient=False)
    finally:
        await holder.close()
        await other.close()
    assert (posted.new, posted.put_off) == (2, [])
    assert await check_ledger(town.connection) == []


async def test_what_moves_stored_taps_waits_even_without_patience(town):
    """A better version of a stored tap on another card: both cards' locks are taken in order."""
    one = town.devices[0]
    await town.post(tap_of(one, 1, "c4", 10))
    better = tap_of(one, 1, "c1", 1)
    posted = await post_taps(town.connection, town.tools, [better], patient=False)
    assert (posted.put_off, posted.conflicts, posted.new) == ([], 0, 1)
    assert [row[1] for row in town.taps()["v1", 1]] == ["identity_conflict", None]
    assert await check_ledger(town.connection) == []
