"""The chain: nothing is skipped, and no byte can change unseen."""

import asyncio
import contextlib
import io
import random
from datetime import date

import pytest

from sapar.core.clock import SystemClock
from sapar.core.db import AsyncConnection, connect_async
from sapar.core.errors import BadInput, Refused, Unavailable
from sapar.ticketing.ledger.chain import (
    hash_new,
    keep_chain,
    list_blocks,
    list_heads,
    publish_heads,
    read_body,
    rebase,
)
from sapar.ticketing.ledger.chain_file import split_journals, write_chain
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.ledger.verify import parse_head, verify_database, verify_file
from tests.ticketing.ledger.support import deposit, fare, journal, post_all, purse, rows, top_up

INSERTED = (
    "INSERT INTO journal SELECT (jsonb_populate_record(j,"
    ' \'{"journal_no": 9999, "tap_no": 9999}\')).* FROM journal j WHERE tap_no = 3'
)


@pytest.fixture
async def chained(connection, accounts) -> AsyncConnection:
    """A ledger with three blocks and a journal that is not hashed yet."""
    await post_all(connection, [top_up(accounts, 1, "a"), top_up(accounts, 2, "b")])
    await hash_new(connection)
    await post_all(connection, [fare(accounts, n % 5 + 1, n) for n in range(20)])
    await hash_new(connection)
    await post_all(connection, [fare(accounts, 1, 100), fare(accounts, 2, 101)])
    await hash_new(connection)
    await post_all(connection, [fare(accounts, 1, 200)])
    return connection


async def tamper(connection: AsyncConnection, *statements: str) -> None:
    """Change the ledger as somebody who owns the server can."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)


async def exported(connection: AsyncConnection) -> io.BytesIO:
    file = io.BytesIO()
    await write_chain(connection, file)
    file.seek(0)
    return file


async def test_an_untouched_ledger_verifies_inside_and_outside(chained):
    verdict = await verify_database(chained)
    assert verdict.findings == []
    assert (verdict.blocks, verdict.journals, verdict.unhashed) == (3, 27, 1)
    outside = verify_file(await exported(chained), verdict.head)
    assert outside.findings == []
    assert (outside.blocks, outside.journals, outside.head) == (3, 27, verdict.head)
    assert await hash_new(chained) is not None
    assert await hash_new(chained) is None
    assert (await verify_database(chained, verdict.head)).findings == []


async def test_every_column_is_hashed(chained):
    columns = await rows(
        chained,
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'journal' ORDER BY ordinal_position",
    )
    assert len(columns) == 23
    changes = {
        "bigint": "coalesce({0}, 0) + 1000000",
        "smallint": "coalesce({0}, 0) + 1",
        "integer": "coalesce({0}, 0) + 1",
        "text": "coalesce({0}, '') || 'x'",
        "bytea": r"coalesce({0}, '') || '\x00'",
        "date": "{0} + 1",
        "timestamp with time zone": "{0} + interval '1 microsecond'",
        "ARRAY": "ARRAY[{0}[2], {0}[1]] || {0}[3:]",
    }
    for name, kind in columns:
        change = changes[kind].format(name)
        async with chained.transaction(force_rollback=True):
            await chained.execute("SET LOCAL session_replication_role = replica")
            await chained.execute("ALTER TABLE journal DROP CONSTRAINT journal_check")
            await chained.execute("ALTER TABLE journal DROP CONSTRAINT journal_check1")
            await chained.execute("ALTER TABLE journal DROP CONSTRAINT journal_check2")
            await chained.execute(f"UPDATE journal SET {name} = {change} WHERE tap_no = 7")
            verdict = await verify_database(chained)
            assert [one.block_no for one in verdict.findings][:1] == [2], name
    assert (await verify_database(chained)).findings == []


@pytest.mark.parametrize(
    ("statement", "block_no"),
    [
        ("DELETE FROM journal WHERE journal_no = 1", 1),
        ("DELETE FROM journal WHERE tap_no = 101", 3),
        (INSERTED, 2),
        ("UPDATE chain_block SET hash = previous_hash WHERE block_no = 2", 2),
        ("DELETE FROM chain_block WHERE block_no = 2", 3),
        ("UPDATE chain_block SET to_xid = to_xid - 1 WHERE block_no = 1", 1),
        ("UPDATE chain_block SET journals = journals + 1 WHERE block_no = 3", 3),
    ],
)  # fmt: skip
async def test_what_was_removed_or_inserted_is_found(chained, statement, block_no):
    await tamper(chained, statement)
    findings = (await verify_database(chained)).findings
    assert findings[0].block_no == block_no


async def test_an_export_tells_which_journal_differs(chained):
    copy = await exported(chained)
    await tamper(
        chained,
        "UPDATE journal SET amounts = ARRAY[1,-1] || amounts[3:] WHERE journal_no = 5",
        "DELETE FROM journal WHERE journal_no = 9",
    )
    verdict = await verify_database(chained, copy=copy)
    named = [(one.block_no, one.journal_no, one.what) for one in verdict.findings if one.journal_no]
    assert named == [(2, 5, "it was changed"), (2, 9, "it is missing")]


async def test_whoever_hashes_everything_again_is_caught_by_a_published_head(chained):
    head = (await verify_database(chained)).head
    copy = await exported(chained)
    await tamper(
        chained,
        "DELETE FROM journal WHERE journal_no = 1",
        "TRUNCATE chain_block CASCADE",
    )
    await hash_new(chained)
    assert (await verify_database(chained)).findings == []
    findings = (await verify_database(chained, head)).findings
    assert [one.what for one in findings] == ["no block has the published head"]
    findings = (await verify_database(chained, copy=copy)).findings
    assert {one.what for one in findings} == {"the copy has another block"}


async def test_any_changed_byte_of_an_export_is_found(chained):
    whole = (await exported(chained)).getvalue()
    head = (await verify_database(chained)).head
    rng = random.Random(4)
    places = {0, 15, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(400))}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(8)
        assert_found(bytes(changed), head)
    for _ in range(200):
        begin, length = rng.randrange(len(whole)), rng.randrange(1, 200)
        assert_found(whole[:begin] + whole[begin + length :], head)
        again = whole[:begin] + whole[begin : begin + length]
        if again + whole[begin:] != whole:
            assert_found(again + whole[begin:], head)


def assert_found(data: bytes, head: bytes) -> None:
    with contextlib.suppress(BadInput):
        assert verify_file(io.BytesIO(data), head).findings


async def test_nothing_is_skipped_however_late_it_commits(database, chained, accounts):
    """Many post at once and commit when they like, while the hasher runs all the time."""
    rng = random.Random(7)
    posted: list[int] = []

    async def writer(number: int) -> None:
        connection = await connect_async(database)
        try:
            for turn in range(8):
                tap_no = 1000 * (number + 1) + turn
                async with connection.transaction(force_rollback=rng.random() < 0.2) as outer:
                    await connection.execute("SELECT pg_current_xact_id()")  # drawn early
                    await asyncio.sleep(rng.random() * 0.05)
                    cards = await lock_cards(connection, [number + 1])
                    done = await post(connection, [fare(accounts, number + 1, tap_no)], cards)
                    await asyncio.sleep(rng.random() * 0.02)
                if not outer.force_rollback:
                    posted.extend(journal.journal_no or 0 for journal in done)
        finally:
            await connection.close()

    writers = asyncio.gather(*(writer(number) for number in range(8)))
    hashed = 0
    while not writers.done():
        hashed += await hash_new(chained) is not None
        await asyncio.sleep(0.005)
    await writers
    await hash_new(chained)
    verdict = await verify_database(chained)
    assert verdict.findings == []
    assert verdict.unhashed == 0
    assert hashed > 3
    bodies = [
        piece
        for block in await list_blocks(chained)
        async for piece in read_body(chained, block.from_xid, block.to_xid)
    ]
    numbers = [number for number, _ in split_journals(b"".join(bodies))]
    assert len(numbers) == len(set(numbers))
    assert set(posted) <= set(numbers)
    assert [(len(numbers),)] == await rows(chained, "SELECT count(*) FROM journal")


async def test_one_hashes_at_a_time(database, chained):
    other = await connect_async(database)
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(1935765858, 0)")
            assert await hash_new(chained) is None
        assert await hash_new(chained) is not None
    finally:
        await other.close()


async def test_a_running_transaction_holds_the_horizon(database, chained, accounts):
    other = await connect_async(database)
    try:
        async with other.transaction():
            cards = await lock_cards(other, [5])
            own = journal({purse(5): 1, deposit(5): -1}, tap_no=300, revision=1)
            await post(other, [own], cards)
            await post_all(chained, [fare(accounts, 4, 301)])  # committed, but younger
            await hash_new(chained)
            assert (await verify_database(chained)).unhashed >= 1
        await hash_new(chained)
        verdict = await verify_database(chained)
        assert (verdict.unhashed, verdict.findings) == (0, [])
    finally:
        await other.close()


async def test_a_ledger_restored_into_a_younger_server_goes_on(chained, accounts):
    """As after a restore from a dump: the server's transactions are far below the chain's."""
    far = 10**9
    await tamper(
        chained,
        "DELETE FROM chain_block",
        f"UPDATE journal SET xid = xid + {far}",
        "CREATE OR REPLACE FUNCTION xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE"
        f" PARALLEL SAFE RETURN {far}::bigint",
    )
    await hash_new(chained)
    assert (await verify_database(chained)).blocks == 1
    await post_all(chained, [fare(accounts, 5, 400)])  # not hashed when the dump is made
    await tamper(
        chained,
        "CREATE OR REPLACE FUNCTION xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE"
        " PARALLEL SAFE RETURN 0::bigint",
    )
    with pytest.raises(Refused) as caught:
        await hash_new(chained)
    assert caught.value.code == "chain_restored"
    with pytest.raises(Unavailable, match="restored"):
        await post_all(chained, [fare(accounts, 5, 401)])
    assert await rebase(chained) > far
    await post_all(chained, [fare(accounts, 5, 401)])
    await hash_new(chained)
    verdict = await verify_database(chained)
    assert (verdict.findings, verdict.unhashed, verdict.blocks) == ([], 0, 2)
    assert await rows(chained, "SELECT count(*) FROM journal") == [(verdict.journals,)]


async def test_each_ended_day_gets_its_head_once(chained):
    [(today,)] = await rows(chained, "SELECT (now() AT TIME ZONE 'UTC')::date")
    assert await publish_heads(chained) == []  # the day has not ended
    later = date.fromordinal(today.toordinal() + 2)
    published = await publish_heads(chained, later)
    assert [head.head_date for head in published] == [
        today, date.fromordinal(today.toordinal() + 1),
    ]  # fmt: skip
    assert {head.hash for head in published} == {(await list_blocks(chained))[-1].hash}
    assert {head.journals for head in published} == {27}
    assert await publish_heads(chained, later) == []
    assert await list_heads(chained) == published
    await tamper(chained, "UPDATE chain_head SET hash = decode(repeat('00', 32), 'hex')")
    assert len((await verify_database(chained)).findings) == 2


def test_a_head_is_64_digits():
    assert parse_head("00" * 32) == bytes(32)
    for wrong in ("", "00", "zz" * 32, "00" * 33):
        with pytest.raises(BadInput):
            parse_head(wrong)


async def test_the_chain_is_kept_until_cancelled(database, chained, accounts):
    async def reaches(blocks: int) -> None:
        while len(await list_blocks(chained)) < blocks:
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20):
        keeper = asyncio.create_task(keep_chain(database, SystemClock(), 0.01))
        await reaches(4)
        await post_all(chained, [fare(accounts, 3, 500)])
        await reaches(5)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    assert keeper.cancelled()
    assert (await verify_database(chained)).findings == []
