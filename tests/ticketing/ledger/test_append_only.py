"""Nobody changes the ledger: not the role that posts, and not the owner by mistake."""

import pytest

from sapar.core.db import connect, connect_async
from sapar.core.errors import Fault, SaparError
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import ROLE, restricted
from tests.ticketing.ledger.support import CLEARING, fare, journal, post_all, rows, top_up

CHANGES = [
    "UPDATE journal SET amounts = '{1,-1}'",
    "UPDATE journal SET rule = rule",
    "DELETE FROM journal",
    "TRUNCATE journal",
    "UPDATE chain_block SET hash = hash",
    "DELETE FROM chain_block",
    "TRUNCATE chain_block CASCADE",
    "UPDATE tap SET payload = ''",
    "UPDATE tap SET card_no = 2",
    "DELETE FROM tap",
    "TRUNCATE tap",
]


@pytest.fixture
async def posted(connection, accounts):
    """A ledger with a journal, a tap and a block of the chain in it."""
    await post_all(connection, [top_up(accounts, 1, "k"), fare(accounts, 1, 1)])
    await insert_tap(connection)
    await connection.execute(
        "INSERT INTO chain_block SELECT 1, 1, 2, 1, h, h FROM (SELECT"
        " decode(repeat('00', 32), 'hex') AS h) zero"
    )
    return connection


@pytest.mark.parametrize("statement", CHANGES)
async def test_the_owner_is_stopped_by_triggers(posted, statement):
    before = await rows(posted, "SELECT * FROM journal ORDER BY 1")
    with pytest.raises(Fault, match=r"append-only"), connect(posted_url(posted)) as other:
        other.execute(statement)
    assert await rows(posted, "SELECT * FROM journal ORDER BY 1") == before


@pytest.mark.parametrize("statement", CHANGES)
async def test_the_role_that_posts_has_no_right_to(posted, statement):
    with (
        pytest.raises(Fault, match=r"permission denied for table"),
        connect(restricted(posted_url(posted))) as other,
    ):
        other.execute(statement)


async def test_no_entry_is_changed_through_the_view(posted):
    with pytest.raises(SaparError), connect(posted_url(posted)) as other:
        other.execute("UPDATE entry SET amount = 1")


async def test_the_role_posts(database, posted):
    url = restricted(database)
    with connect(url) as other:
        assert other.execute("SELECT current_user").fetchone() == (ROLE,)
        other.execute("UPDATE tap SET status = 'denied', revision = 2")
    connection = await connect_async(url)
    try:
        found = await Accounts(url).numbers([(CLEARING[0], 1110, "shop"), CLEARING])
        sent = journal({16: 5, found[CLEARING]: -5}, tap_no=2, revision=1)
        assert len(await post_all(connection, [sent])) == 2
    finally:
        await connection.close()


async def test_without_the_role_the_ledger_is_used_as_it_is(database, monkeypatch):
    monkeypatch.setattr("sapar.ticketing.ledger.role.ROLE", "no_such_role")
    assert restricted(database) == database


def posted_url(connection) -> str:
    """The same database for another session; the driver hides the password in its own text."""
    info = connection.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"


async def insert_tap(connection) -> None:
    """A tap of which nothing matters but that it is there."""
    values = {"digest": bytes(16), "status": "posted"}
    samples = {"bigint": 1, "integer": 1, "smallint": 1, "bytea": b"x", "text": "x",
               "boolean": True, "date": "2026-03-18", "timestamp with time zone": "2026-03-18Z"}  # fmt: skip
    columns = await rows(
        connection,
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'tap' AND is_nullable = 'NO' ORDER BY ordinal_position",
    )
    names = [name for name, _ in columns]
    await connection.execute(
        f"INSERT INTO tap ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
        [values.get(name, samples[kind]) for name, kind in columns],
    )
