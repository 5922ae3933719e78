"""The canonical export and the check of everything, on taps that were really posted."""

import random

import pytest

from sapar.core.db import connect, connect_async, migrate
from sapar.ticketing.ledger.chain import hash_new, publish_heads
from sapar.ticketing.ledger.export import check_ledger, export_ledger
from sapar.ticketing.ledger.role import restricted
from tests.ticketing.simulated import posting
from tests.ticketing.world import MORNING_MS, World, add_cards, make_world

CARDS = [(f"card-{n}", "adult" if n % 3 else "pupil") for n in range(12)]


def taps(world: World) -> list:
    """Forty rides of twelve cards and of one that nobody issued, a bad seal, a conflict, a repeat."""
    made = []
    for seq in range(1, 41):
        card = f"card-{seq * 7 % 12}" if seq % 10 else "stranger"
        device = f"validator-{seq % 4}"
        tap = world.tap(device, seq, MORNING_MS + seq * 400_000, card, num_riders=1 + (seq == 13))
        made.append(world.tap_in(device, tap, "bad_signature" if seq == 17 else None))
    other = world.tap("validator-1", 1, MORNING_MS + 5, "card-3")
    return [*made, world.tap_in("validator-1", other), made[5]]


async def posted(conninfo: str, order: random.Random | None = None) -> World:
    world = make_world(conninfo)
    add_cards(world, CARDS)
    items = taps(world)
    if order is not None:
        order.shuffle(items)
    async with posting(world) as post:
        while items:
            size = order.randrange(1, 9) if order else len(items)
            await post(items[:size])
            del items[:size]
    return world


async def exported(conninfo: str) -> bytes:
    connection = await connect_async(conninfo)
    async with connection:
        assert await check_ledger(connection) == []
        return b"".join([piece async for piece in export_ledger(connection)])


async def test_the_export_is_what_the_taps_came_to(database):
    await posted(database)
    lines = (await exported(database)).decode().splitlines()
    by_tap = [line.split("\t") for line in lines if line.startswith("tap")]
    assert len(by_tap) == 41
    assert by_tap == sorted(by_tap, key=lambda one: (one[2], int(one[3]), int(one[4]), one[5]))
    assert {one[7] for one in by_tap} == {"posted", "held"}
    strangers = [one for one in by_tap if one[6] == "stranger"]
    assert strangers
    assert any('2920 "' in one[9] and '2320 "' in one[9] for one in strangers)
    held = [one for one in by_tap if one[7] == "held"]
    assert {one[8] for one in held} >= {"bad_signature", "identity_conflict"}
    assert all(not one[9] for one in held)
    others = [line.split("\t") for line in lines if line.startswith("other")]
    assert {one[3] for one in others} == {"debt"}


async def test_the_order_of_arrival_does_not_show(database, empty_database):
    migrate(empty_database)
    await posted(database)
    await posted(empty_database, random.Random(5))
    assert await exported(database) == await exported(empty_database)


SPOILT = {
    "UPDATE journal SET amounts = amounts || 5::bigint, accounts = accounts || -1::bigint"
    " WHERE tap_no = (SELECT min(tap_no) FROM journal)": "the entries of an asset do not sum to zero",
    "UPDATE account SET balance = balance + 1 WHERE code = 2210": "an account's balance is not",
    "UPDATE card SET debt_tiyn = debt_tiyn + 1 WHERE debt_tiyn > 0": "a card's balance is not",
    "DELETE FROM journal WHERE journal_no = (SELECT max(journal_no) FROM journal WHERE tap_no > 0)":
        "a tap's postings are not its fare",
    "UPDATE tap SET charged_tiyn = charged_tiyn + 1 WHERE status = 'posted'":
        "a tap's postings are not its fare",
    "UPDATE tap SET status = 'posted' WHERE status = 'held'": "the boardings are not",
}  # fmt: skip


@pytest.mark.parametrize("statement", SPOILT)
async def test_what_does_not_add_up_is_found(database, statement):
    await posted(database)
    with connect(database) as connection:
        connection.execute("ALTER TABLE journal DROP CONSTRAINT journal_balanced")
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)
    reader = await connect_async(database)
    async with reader:
        wrong = await check_ledger(reader)
    assert any(one.rule.startswith(SPOILT[statement][:40]) for one in wrong), wrong
    assert all(one.cases and one.example for one in wrong)


async def test_the_restricted_role_does_all_that_posting_needs(database):
    world = make_world(database)
    add_cards(world, CARDS)
    items = taps(world)
    random.Random(3).shuffle(items)
    world.conninfo = restricted(database)
    assert world.conninfo != database
    async with posting(world) as post:
        for at in range(0, len(items), 5):
            await post(items[at : at + 5])
    connection = await connect_async(world.conninfo)
    async with connection:
        assert (await hash_new(connection)) is not None
        assert await publish_heads(connection) == []
    assert await exported(database) == await exported(world.conninfo)
