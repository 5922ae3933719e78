"""Whatever runs and people do, in whatever order: the books agree after every step."""

import asyncio
import random
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.core.db import connect, connect_async, open_pool
from sapar.core.errors import Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.by_hand import Asked, match_by_hand
from sapar.finance.matching.items import cancel_item
from sapar.finance.matching.run import run_matching
from sapar.finance.matching.undoing import undo_match
from sapar.finance.matching.views import check_suspense
from sapar.ticketing.ledger.accounts import Accounts
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

BY = Who("aida")
steps = st.lists(
    st.sampled_from(["items", "lines", "run", "run", "hand", "undo", "cancel"]),
    min_size=4,
    max_size=10,
)


@given(steps=steps, seed=st.integers(0, 10**6))
@settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_the_books_agree_after_every_step(town: str, steps: list[str], seed: int) -> None:
    """Invariants 26 and 27; the town goes on from example to example."""
    asyncio.run(_walk(town, ["items", "lines", *steps, "run"], random.Random(seed)))


async def _walk(town: str, steps: list[str], chance: random.Random) -> None:
    async with open_pool(town, max_size=2) as pool:
        for step in steps:
            before = balances(town)
            if not await _take(step, town, pool, chance):
                assert balances(town) == before
            check_books(town)
        all_before = balances(town), exceptions(town), _matches(town)
        assert (await run_matching(pool, AGENCY, "sapar", NOW)).matches == 0
        assert (balances(town), exceptions(town), _matches(town)) == all_before
        async with pool.connection() as connection:
            assert await check_suspense(connection, AGENCY) == []


async def _take(step: str, town: str, pool: Any, chance: random.Random) -> bool:
    """Take a step; False when it was refused and must have changed nothing."""
    if step == "items":
        await add(pool, [_item(chance) for _ in range(6)])
    elif step == "lines":
        await add_lines(pool, [_line(town, chance) for _ in range(6)])
    elif step == "run":
        await run_matching(pool, AGENCY, "sapar", NOW)
    else:
        connection = await connect_async(town)
        try:
            await _by_hand(step, town, connection, chance)
        except Refused:
            return False
        finally:
            await connection.close()
    return True


async def _by_hand(step: str, town: str, connection: Any, chance: random.Random) -> None:
    if step == "undo":
        numbers = _numbers(town, "SELECT match_no FROM bank_match ORDER BY 1")
        if numbers:
            await undo_match(connection, AGENCY, chance.choice(numbers), reason="r", by=BY, now=NOW)
        return
    items = _numbers(town, "SELECT item_no FROM finance_item ORDER BY 1")
    if step == "cancel":
        await cancel_item(connection, AGENCY, chance.choice(items), now=NOW)
        return
    lines = _numbers(town, "SELECT line_no FROM bank_line ORDER BY 1")
    account = chance.choice([None, (5130, ""), (1110, "kassa")])
    asked = Asked(
        f"k{chance.random()}",
        tuple(chance.sample(lines, min(len(lines), chance.randint(1, 2)))),
        tuple(chance.sample(items, min(len(items), chance.randint(0, 2)))),
        account,
        "reason",
    )
    await match_by_hand(connection, Accounts(town), AGENCY, asked, by=BY, now=NOW)


def _numbers(town: str, query: str) -> list[int]:
    with connect(town) as connection:
        return [row[0] for row in connection.execute(query.encode()).fetchall()]


def _matches(town: str) -> list[Any]:
    with connect(town) as connection:
        return connection.execute("SELECT * FROM bank_match ORDER BY match_no").fetchall()


def _item(chance: random.Random) -> Any:
    key = f"K{chance.randrange(10**9):09}"
    amount = chance.choice([100_00, 200_00, 300_00])
    day = DAY - timedelta(days=chance.randint(0, 6))
    if chance.random() < 0.4:
        return payout(key, amount, amount // 100, item_date=day)
    return deposit(key, amount, item_date=day)


def _line(town: str, chance: random.Random) -> BankLine:
    with connect(town) as connection:
        row = connection.execute(
            "SELECT reference, amount_tiyn - fee_tiyn, counterparty_bin, item_date"
            " FROM finance_item ORDER BY hashtext(item_no::text || %s) LIMIT 1",
            (str(chance.random()),),
        ).fetchone()
    assert row is not None
    reference, amount, bin_, day = row
    return BankLine(
        chance.choice([amount, amount, amount - 50, amount + 1_00, amount // 2]) or 1_00,
        day + timedelta(days=chance.randint(0, 4)),
        reference=chance.choice([reference, "", ""]),
        purpose=chance.choice([f"for {reference}", "", "deposit"]),
        bin=chance.choice([bin_, None]),
        account=chance.choice(["main", "main", "second"]),
    )
