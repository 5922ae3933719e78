"""What people match and take apart: once, with names and reasons, and to the tiyn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from sapar.core.db import AsyncConnection, Pool, connect, connect_async, open_pool
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.by_hand import Asked, HandMatch, match_by_hand
from sapar.finance.matching.items import cancel_item
from sapar.finance.matching.run import run_matching
from sapar.finance.matching.undoing import Undone, undo_match
from sapar.finance.matching.views import list_matches, open_lines
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import restricted
from tests.finance.matching.support import (
    AGENCY,
    DAY,
    NOW,
    BankLine,
    add,
    add_lines,
    balances,
    check_books,
    deposit,
    exceptions,
    payout,
)

AIDA = Who("aida", None)


@pytest.fixture
async def connection(town: str) -> AsyncIterator[AsyncConnection]:
    """A connection in no transaction."""
    opened = await connect_async(town)
    yield opened
    await opened.close()


class Desk:
    """Asks in Aida's name."""

    def __init__(self, connection: AsyncConnection, database: str) -> None:
        self.connection, self.accounts = connection, Accounts(database)

    async def match(self, asked: Asked) -> HandMatch:
        return await match_by_hand(self.connection, self.accounts, AGENCY, asked, by=AIDA, now=NOW)

    async def undo(self, match_no: int, reason: str = "a mistake") -> Undone:
        return await undo_match(self.connection, AGENCY, match_no, reason=reason, by=AIDA, now=NOW)


@pytest.fixture
def desk(connection: AsyncConnection, town: str) -> Desk:
    """Whose requests go to the town's database."""
    return Desk(connection, town)


def audit_of(database: str) -> list[tuple[str, str, str, str]]:
    with connect(database) as opened:
        return opened.execute(
            "SELECT person, action, target, reason FROM audit_log WHERE action <> 'match.run'"
            " ORDER BY audit_no"
        ).fetchall()


async def test_any_lines_with_any_items(town: str, pool: Pool, desk: Desk) -> None:
    items = await add(pool, [deposit("A-1", 300_00), payout("P-1", 1_000_00, 15_00)])
    lines = await add_lines(pool, [BankLine(285_00), BankLine(1_001_00)])
    asked = Asked("k1", tuple(lines), tuple(items), (5130, ""), "agreed by phone")
    made = await desk.match(asked)
    assert made.residual_tiyn == 1_00
    assert made.remainder_item_no is None
    assert balances(town) == {
        (1010, "main"): 1_286_00, (1110, "kassa"): -300_00, (1020, "kaspi"): -1_000_00,
        (5160, ""): 15_00, (5130, ""): -1_00,
    }  # fmt: skip
    assert audit_of(town) == [("aida", "match.make", f"match {made.match_no}", "agreed by phone")]
    again = await desk.match(asked)
    assert again == HandMatch(made.match_no, made.journal_no, 1_00, None, repeated=True)
    with pytest.raises(Refused, match="other content"):
        await desk.match(asked._replace(reason="something else"))
    check_books(town)


async def test_a_difference_needs_account_and_reason(town: str, pool: Pool, desk: Desk) -> None:
    (item,) = await add(pool, [deposit("A-1", 300_00)])
    (line,) = await add_lines(pool, [BankLine(299_00)])
    for number, asked in enumerate(
        [
            Asked("", (line,), (item,)),
            Asked("", (line,), (item,), (5130, "")),
            Asked("", (line,), (item,), None, "reason"),
        ]
    ):
        with pytest.raises(Refused) as refused:
            await desk.match(asked._replace(key=f"k{number}"))
        assert refused.value.code == "residual_needs_account"
    for account in ((2910, "main"), (1010, "main"), (2110, "1"), (5130, "x"), (1, "")):
        with pytest.raises(BadInput) as bad:
            await desk.match(Asked("k9", (line,), (item,), account, "reason"))
        assert bad.value.code == "bad_account"
    check_books(town)


async def test_what_an_agent_still_owes_is_an_item(town: str, pool: Pool, desk: Desk) -> None:
    (item,) = await add(pool, [deposit("A-1", 300_00)])
    (line,) = await add_lines(pool, [BankLine(200_00)])
    made = await desk.match(Asked("k", (line,), (item,), (1110, "kassa"), "the rest comes"))
    assert made.remainder_item_no is not None
    assert exceptions(town) == [("agent_short", f"item {item}", 100_00)]
    (rest,) = await add_lines(pool, [BankLine(100_00, DAY + timedelta(days=3), reference="A-1")])
    later = await run_matching(pool, AGENCY, "sapar", NOW + timedelta(days=3))
    assert later.matches == 1
    assert exceptions(town) == []
    with pytest.raises(Refused) as refused:
        await desk.undo(made.match_no)
    assert refused.value.code == "remainder_matched"
    async with pool.connection() as opened:
        (last, _) = await list_matches(opened, AGENCY)
        assert [one.line_no for one in last.lines] == [rest]
    await desk.undo(last.match_no)
    await desk.undo(made.match_no)
    assert balances(town) == {(1010, "main"): 300_00, (2910, "main"): -300_00}
    assert exceptions(town) == []
    check_books(town)


async def test_lines_that_cancel_each_other(town: str, pool: Pool, desk: Desk) -> None:
    lines = await add_lines(pool, [BankLine(-500_00), BankLine(500_00, DAY + timedelta(days=1))])
    asked = Asked("k", tuple(lines), (), None, "came back")
    made = await desk.match(asked)
    assert made.journal_no is None
    assert (await desk.match(asked)).repeated
    with pytest.raises(Refused, match="other content"):
        await desk.match(asked._replace(reason="other"))
    assert await desk.undo(made.match_no) == Undone(made.match_no, None)
    with pytest.raises(Refused) as refused:
        await desk.undo(made.match_no)
    assert refused.value.code == "already_undone"
    check_books(town)


async def test_a_transfer_between_our_accounts(town: str, pool: Pool, desk: Desk) -> None:
    await add_lines(
        pool,
        [
            BankLine(-900_00, iban="KZ00SECOND"),
            BankLine(900_00, DAY + timedelta(days=1), iban="KZ00MAIN", account="second"),
        ],
    )
    run = await run_matching(pool, AGENCY, "sapar", NOW)
    assert run.by_rule == {"transfer": 1}
    assert balances(town) == {(1010, "main"): -900_00, (1010, "second"): 900_00}
    check_books(town)


async def test_undo_restores_and_the_rules_do_not_insist(
    town: str, pool: Pool, desk: Desk, connection: AsyncConnection
) -> None:
    (item,) = await add(pool, [deposit("DEP-1001", 300_00)])
    (line,) = await add_lines(pool, [BankLine(300_00, reference="DEP-1001")])
    before = balances(town)
    await run_matching(pool, AGENCY, "sapar", NOW)
    (match,) = await list_matches(connection, AGENCY)
    await connection.commit()
    undone = await desk.undo(match.match_no, "another agent's")
    assert undone.journal_no is not None
    assert balances(town) == before
    check_books(town)
    with pytest.raises(Refused) as refused:
        await desk.undo(match.match_no)
    assert refused.value.code == "already_undone"
    assert (await run_matching(pool, AGENCY, "sapar", NOW)).matches == 0
    (still,) = await open_lines(connection, AGENCY)
    await connection.commit()
    assert (still.hint, still.hint_items) == ("undone", [item])
    made = await desk.match(Asked("k", (line,), (item,)))
    assert balances(town)[1110, "kassa"] == -300_00
    assert audit_of(town) == [
        ("aida", "match.undo", f"match {match.match_no}", "another agent's"),
        ("aida", "match.make", f"match {made.match_no}", ""),
    ]
    await desk.undo(made.match_no)
    check_books(town)


async def test_an_unknown_line_is_explained_by_hand(town: str, pool: Pool, desk: Desk) -> None:
    (line,) = await add_lines(pool, [BankLine(-350_00, DAY - timedelta(days=5), purpose="fee")])
    await run_matching(pool, AGENCY, "sapar", NOW)
    assert exceptions(town) == [("bank_line_unknown", f"line {line}", 350_00)]
    made = await desk.match(Asked("k", (line,), (), (5160, ""), "the bank's monthly fee"))
    assert exceptions(town) == []
    assert balances(town) == {(1010, "main"): -350_00, (5160, ""): 350_00}
    await desk.undo(made.match_no)
    assert exceptions(town) == [("bank_line_unknown", f"line {line}", 350_00)]
    check_books(town)


async def test_only_what_is_open_is_matched(
    town: str, pool: Pool, desk: Desk, connection: AsyncConnection
) -> None:
    first, second = await add(pool, [deposit("A-1", 300_00), deposit("A-2", 300_00)])
    lines = await add_lines(pool, [BankLine(300_00), BankLine(300_00, account="second")])
    await desk.match(Asked("k1", (lines[0],), (first,)))
    async with connection.transaction():
        assert await cancel_item(connection, AGENCY, second, now=NOW)
    for number, asked in enumerate(
        [
            Asked("", (lines[0],), (second,)),
            Asked("", (lines[1],), (first,)),
            Asked("", (lines[1],), (second,)),
            Asked("", (999,), (second,)),
        ]
    ):
        with pytest.raises(Refused) as refused:
            await desk.match(asked._replace(key=f"x{number}"))
        assert refused.value.code == "not_open"
    with pytest.raises(Refused) as matched:
        async with connection.transaction():
            await cancel_item(connection, AGENCY, first, now=NOW)
    assert matched.value.code == "item_matched"
    with pytest.raises(NotFound):
        await desk.undo(12345)
    with pytest.raises(BadInput):
        await desk.undo(1, "  ")
    for bad in (Asked("k", (), ()), Asked("k", (1, 1), ()), Asked(" ", (1,), ())):
        with pytest.raises(BadInput):
            await desk.match(bad)
    check_books(town)


async def test_an_item_is_paid_on_its_account(town: str, pool: Pool, desk: Desk) -> None:
    with connect(town) as opened:
        row = opened.execute(
            "SELECT bank_account_no FROM bank_account WHERE bank_account_id = 'second'"
        ).fetchone()
    assert row is not None
    (item,) = await add(pool, [deposit("DEP-1001", 300_00, bank_account_no=row[0])])
    (line,) = await add_lines(pool, [BankLine(300_00, reference="DEP-1001")])
    assert (await run_matching(pool, AGENCY, "sapar", NOW)).matches == 0
    with pytest.raises(Refused) as refused:
        await desk.match(Asked("k", (line,), (item,)))
    assert refused.value.code == "wrong_account"


async def test_two_people_at_once(town: str, pool: Pool) -> None:
    (item,) = await add(pool, [deposit("A-1", 300_00)])
    lines = await add_lines(pool, [BankLine(300_00), BankLine(300_00)])

    async def one(number: int) -> str:
        connection = await connect_async(town)
        try:
            asked = Asked(f"k{number}", (lines[number],), (item,))
            await match_by_hand(connection, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
        except Refused as exc:
            return exc.code
        finally:
            await connection.close()
        return "made"

    assert sorted(await asyncio.gather(one(0), one(1))) == ["made", "not_open"]
    check_books(town)


async def test_undone_by_two_people_at_once(town: str, pool: Pool, desk: Desk) -> None:
    (item,) = await add(pool, [deposit("A-1", 300_00)])
    (line,) = await add_lines(pool, [BankLine(300_00)])
    before = balances(town)
    made = await desk.match(Asked("k", (line,), (item,)))

    async def one() -> str:
        connection = await connect_async(town)
        try:
            await undo_match(connection, AGENCY, made.match_no, reason="r", by=AIDA, now=NOW)
        except Refused as exc:
            return exc.code
        finally:
            await connection.close()
        return "undone"

    answers = await asyncio.gather(*(one() for _ in range(3)))
    assert sorted(answers) == ["already_undone", "already_undone", "undone"]
    assert balances(town) == before
    check_books(town)


async def test_the_ledgers_role_is_enough(town: str, pool: Pool) -> None:
    """And it can change no match, only undo it once."""
    await add(pool, [deposit("DEP-1001", 500_00), deposit("A-2", 70_00)])
    lines = await add_lines(pool, [BankLine(450_00, reference="DEP-1001"), BankLine(70_00)])
    conninfo = restricted(town)
    assert conninfo != town
    async with open_pool(conninfo) as as_role:
        assert (await run_matching(as_role, AGENCY, "sapar", NOW)).matches == 1
    connection = await connect_async(conninfo)
    try:
        desk = Desk(connection, conninfo)
        (_, item) = _items(town)
        made = await desk.match(Asked("k", (lines[1],), (item,)))
        await desk.undo(made.match_no)
        for statement in (
            "UPDATE bank_match SET rule = 'x'",
            "UPDATE finance_item SET amount_tiyn = 1",
            "DELETE FROM bank_match",
            "DELETE FROM bank_match_line",
            "UPDATE matching_settings SET version = 2",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())
    finally:
        await connection.close()
    with connect(town) as opened, pytest.raises(psycopg.errors.InsufficientPrivilege):
        opened.execute("UPDATE bank_match SET undone_by = 'other' WHERE undone_at IS NOT NULL")
    check_books(town)


def _items(town: str) -> list[int]:
    with connect(town) as opened:
        rows = opened.execute("SELECT item_no FROM finance_item ORDER BY item_no LIMIT 2")
        return [row[0] for row in rows.fetchall()]
