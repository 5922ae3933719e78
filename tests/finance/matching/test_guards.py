"""What the database refuses of matches by itself, to the ledger's role and to its owner alike."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sapar.core.db import AsyncConnection, DatabaseRefused, Pool, connect, connect_async, with_role
from sapar.core.errors import BadInput, Fault
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.by_hand import Asked, match_by_hand
from sapar.finance.matching.items import cancel_item
from sapar.finance.matching.run import run_matching
from sapar.finance.matching.undoing import undo_match
from sapar.ticketing.ledger.accounts import Accounts
from tests.finance.matching.support import (
    AGENCY,
    NOW,
    BankLine,
    add,
    add_lines,
    check_books,
    deposit,
)

REFUSED = (DatabaseRefused, Fault)  # `Fault`: the privilege is missing
AIDA = Who("aida")
UNDO = (
    "UPDATE bank_match SET undone_at = now(), undone_by = 'aida', undo_reason = 'x',"
    " undo_journal_no = %s WHERE match_no = %s"
)

CHANGES = (
    ("UPDATE bank_match_line SET active = false", "is not undone"),
    ("UPDATE bank_match_item SET active = false", "is not undone"),
    ("UPDATE bank_match SET lines_tiyn = 0, items_tiyn = 0", "append-only|permission"),
    ("UPDATE bank_match SET undone_by = 'x'", "changes by being undone"),
    ("UPDATE bank_match SET note = 'x'", "append-only|permission"),
    (
        "UPDATE bank_match_line SET match_no = match_no + 1, active = false",
        "stays as it was|permission",
    ),
    ("DELETE FROM bank_match_line", "append-only|permission"),
    ("DELETE FROM bank_match_item", "append-only|permission"),
    ("DELETE FROM bank_match", "append-only|permission"),
    ("TRUNCATE bank_match_line", "append-only|permission"),
    ("TRUNCATE bank_match CASCADE", "append-only|permission"),
    ("TRUNCATE finance_item CASCADE", "append-only|permission"),
    (
        "INSERT INTO bank_match_line (match_no, line_no) SELECT max(match_no), 3 FROM bank_match",
        "are not what it was made of",
    ),
    (
        (
            "INSERT INTO bank_match_item (match_no, item_no) SELECT max(match_no), item_no"
            " FROM bank_match, finance_item i WHERE i.source_key = 'deposit:DEP-1003' GROUP BY 2"
        ),
        "are not what it was made of",
    ),
    (
        "UPDATE finance_item SET cancelled_at = now() WHERE source_key = 'deposit:DEP-1001'",
        "is paid: undo its match",
    ),
)


@pytest.fixture(params=["owner", "role"])
def as_whom(request, town: str) -> str:
    """The database's owner, or the role that posts: neither may more."""
    return town if request.param == "owner" else with_role(town, "sapar_ticketing")


@pytest.fixture
async def connection(town: str) -> AsyncIterator[AsyncConnection]:
    opened = await connect_async(town)
    yield opened
    await opened.close()


@pytest.fixture
async def matches(town: str, pool: Pool) -> list[tuple[Any, ...]]:
    """Two matches, a line and an item that are open; the first left something to be paid."""
    await add(pool, [deposit("DEP-1001", 500_00), deposit("DEP-1002", 70_00)])
    await add(pool, [deposit("DEP-1003", 9_00)])
    lines = [BankLine(450_00, reference="DEP-1001"), BankLine(70_00, reference="DEP-1002")]
    await add_lines(pool, [*lines, BankLine(9_99)])
    assert (await run_matching(pool, AGENCY, "sapar", NOW)).matches == 2
    return rows(town, "SELECT match_no, journal_no FROM bank_match ORDER BY match_no")


def rows(conninfo: str, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
    with connect(conninfo) as opened:
        return opened.execute(query.encode(), values).fetchall()


def attempt(conninfo: str, statement: str, values: Any = ()) -> None:
    with connect(conninfo) as opened:
        opened.execute(statement.encode(), values)
        opened.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit would


def counts(town: str) -> list[tuple[Any, ...]]:
    return rows(
        town,
        "SELECT m::text, (SELECT string_agg(l::text, ' ' ORDER BY line_no) FROM bank_match_line l"
        " WHERE l.match_no = m.match_no), (SELECT string_agg(i::text, ' ' ORDER BY item_no)"
        " FROM bank_match_item i WHERE i.match_no = m.match_no) FROM bank_match m ORDER BY 1",
    )


async def test_no_match_changes_without_being_undone(town, matches, as_whom):
    before = counts(town)
    for statement, why in CHANGES:
        with pytest.raises(REFUSED, match=why):
            attempt(as_whom, statement)
    assert counts(town) == before
    check_books(town)


async def test_a_match_is_undone_by_the_reversal_of_its_own_journal(
    town, matches, as_whom, connection
):
    """Not without one, nor by another match's, nor by any journal."""
    (first, first_journal), (second, second_journal) = matches
    undone = await undo_match(connection, AGENCY, second, reason="x", by=AIDA, now=NOW)
    for journal_no in (None, first_journal, second_journal, undone.journal_no):
        with pytest.raises(REFUSED, match="is undone by the reversal"):
            attempt(as_whom, UNDO, (journal_no, first))
    with pytest.raises(REFUSED):  # and once
        attempt(as_whom, UNDO, (undone.journal_no, second))
    check_books(town)


async def test_undone_whole_or_not_at_all(town, matches, as_whom, connection):
    """The reversal, the match, its lines, its items and what it left: nothing of it alone."""
    first = matches[0][0]
    await undo_match(connection, AGENCY, first, reason="x", by=AIDA, now=NOW)
    assert rows(town, "SELECT count(*) FROM journal WHERE reverses IS NOT NULL") == [(1,)]
    with connect(town) as opened:  # as it would be if the undo had been left half done
        opened.execute("SET LOCAL session_replication_role = replica")
        opened.execute(
            "UPDATE bank_match SET undone_at = NULL, undone_by = NULL, undo_reason = NULL,"
            " undo_journal_no = NULL WHERE match_no = %s",
            (first,),
        )
        opened.execute("UPDATE bank_match_line SET active = true WHERE match_no = %s", (first,))
    [(reversal,)] = rows(town, "SELECT journal_no FROM journal WHERE reverses IS NOT NULL")
    with pytest.raises(REFUSED, match="are open again, all of them"):
        attempt(as_whom, UNDO, (reversal, first))
    with connect(as_whom) as opened:
        opened.execute(UNDO.encode(), (reversal, first))
        opened.execute("UPDATE bank_match_line SET active = false WHERE match_no = %s", (first,))
    check_books(town)
    for statement in (
        "UPDATE bank_match_line SET active = true", "UPDATE bank_match_item SET active = true",
    ):  # fmt: skip
        with pytest.raises(REFUSED, match="stays as it was made"):
            attempt(as_whom, statement)


async def test_no_match_is_made_of_nothing(town, matches, as_whom):
    """Without the journal that posts it, or with another one's, or undone from the beginning."""
    insert = (
        "INSERT INTO bank_match (agency_id, source_key, content_hash, rule, rule_version,"
        " settings_version, lines_tiyn, items_tiyn, journal_no, made_at, made_by, undone_at,"
        " undone_by, undo_reason) VALUES ('demo', 'x', '', 'hand', 1, 0, %s, %s, %s, now(), 'x',"
        " %s, %s, %s)"
    )
    undone = ("2026-11-21", "x", "x")
    for values in (
        (999, 999, None, None, None, None), (999, 999, matches[0][1], None, None, None),
        (0, 0, None, *undone),
    ):  # fmt: skip
        with pytest.raises(REFUSED, match="has no journal of its own"):
            attempt(as_whom, insert, values)


async def test_an_item_is_cancelled_once(town, pool, connection, as_whom):
    [number] = await add(pool, [deposit("DEP-1001", 500_00)])
    assert await cancel_item(connection, AGENCY, number, now=NOW)
    for when in ("NULL", "now()"):
        with pytest.raises(REFUSED, match="cancelled once"):
            attempt(as_whom, f"UPDATE finance_item SET cancelled_at = {when}")


async def test_the_products_own_way_passes_as_the_role(town, pool):
    """By the rules, by hand, with a rest, without a journal, undone and made again."""
    items = await add(pool, [deposit("DEP-1001", 500_00), deposit("A-2", 70_00)])
    lines = await add_lines(
        pool, [BankLine(450_00, reference="DEP-1001"), BankLine(70_00), BankLine(5), BankLine(-5)]
    )
    conninfo = with_role(town, "sapar_ticketing")
    opened = await connect_async(conninfo)
    async with opened:
        for key in ("a", "b"):
            asked = [
                Asked(f"{key}1", (lines[0],), (items[0],), (1110, "kassa"), "a part"),
                Asked(f"{key}2", (lines[1],), (items[1],)),
                Asked(f"{key}3", (lines[2], lines[3]), ()),
            ]
            made = [
                await match_by_hand(opened, Accounts(conninfo), AGENCY, one, by=AIDA, now=NOW)
                for one in asked
            ]
            check_books(town)
            if key == "a":
                for one in made:
                    await undo_match(opened, AGENCY, one.match_no, reason="x", by=AIDA, now=NOW)
                check_books(town)


async def test_no_bank_cards_number_is_a_reason_or_a_key(town, matches, connection):
    pan = "4111 1111 1111 1111"
    for asked in (Asked(pan, (3,), (), (5160, ""), "x"), Asked("k", (3,), (), (5160, ""), pan)):
        with pytest.raises(BadInput) as refused:
            await match_by_hand(connection, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
        assert refused.value.code == "pan_like"
    with pytest.raises(BadInput) as refused:
        await undo_match(connection, AGENCY, matches[0][0], reason=pan, by=AIDA, now=NOW)
    assert refused.value.code == "pan_like"
    assert rows(town, "SELECT count(*) FROM bank_match WHERE undone_at IS NULL") == [(2,)]


async def test_each_run_is_in_the_audit_log_once(town, pool):
    await add(pool, [deposit("DEP-1001", 500_00)])
    await add_lines(pool, [BankLine(500_00, reference="DEP-1001")])
    [(person,)] = rows(
        town, "INSERT INTO person (name, created_at) VALUES ('aida', now()) RETURNING user_id"
    )
    await run_matching(pool, AGENCY, "aida", NOW, user_id=person)
    await run_matching(pool, AGENCY, "bek", NOW)
    log = rows(
        town,
        "SELECT person, user_id, target, after -> 'matches', after -> 'matched_tiyn'"
        " FROM audit_log WHERE action = 'match.run' ORDER BY audit_no",
    )
    assert log == [
        ("aida", person, "matching demo", 1, 500_00),
        ("bek", None, "matching demo", 0, 0),
    ]
