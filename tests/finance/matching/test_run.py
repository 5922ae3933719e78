"""Runs over a real database: what they post, that they repeat, meet and are undone."""

import asyncio
from datetime import timedelta

from sapar.core.db import Pool
from sapar.finance.matching.run import run_matching
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


async def test_a_deposit_and_a_payout(town: str, pool: Pool) -> None:
    await add(pool, [deposit("DEP-1001", 5_000_00), payout("PAY-2001", 1_000_00, 15_00)])
    await add_lines(
        pool,
        [
            BankLine(5_000_00, reference="DEP-1001"),
            BankLine(985_00, purpose="Возмещение по PAY-2001 за 20.11"),
        ],
    )
    run = await run_matching(pool, AGENCY, "sapar", NOW)
    assert (run.matches, run.by_rule, run.matched_tiyn) == (2, {"reference": 2}, 5_985_00)
    assert balances(town) == {
        (1010, "main"): 5_985_00, (1110, "kassa"): -5_000_00, (1020, "kaspi"): -1_000_00,
        (5160, ""): 15_00,
    }  # fmt: skip
    assert exceptions(town) == []
    check_books(town)


async def test_a_second_run_changes_nothing(town: str, pool: Pool) -> None:
    await add(pool, [deposit("DEP-1001", 5_000_00), deposit("DEP-1002", 400_00)])
    lines = [BankLine(4_000_00, reference="DEP-1001"), BankLine(77_00, DAY - timedelta(days=9))]
    await add_lines(pool, lines)
    await run_matching(pool, AGENCY, "sapar", NOW)
    before = balances(town), exceptions(town)
    again = await run_matching(pool, AGENCY, "sapar", NOW)
    assert again.matches == 0
    assert (balances(town), exceptions(town)) == before
    check_books(town)


async def test_runs_at_the_same_time_do_not_double(town: str, pool: Pool) -> None:
    items = [deposit(f"DEP-{1000 + n}", 1000 + n) for n in range(200)]
    await add(pool, items)
    await add_lines(pool, [BankLine(1000 + n, reference=f"DEP-{1000 + n}") for n in range(200)])
    runs = await asyncio.gather(*(run_matching(pool, AGENCY, "sapar", NOW) for _ in range(3)))
    assert sorted(run.matches for run in runs) == [0, 0, 200]
    check_books(town)


async def test_a_short_deposit_and_the_rest_of_it(town: str, pool: Pool) -> None:
    (item,) = await add(pool, [deposit("DEP-1001", 5_000_00)])
    await add_lines(pool, [BankLine(4_100_00, reference="DEP-1001")])
    await run_matching(pool, AGENCY, "sapar", NOW)
    assert exceptions(town) == [("agent_short", f"item {item}", 900_00)]
    assert balances(town)[1110, "kassa"] == -4_100_00
    await add_lines(pool, [BankLine(300_00, DAY + timedelta(days=1), reference="DEP-1001")])
    await run_matching(pool, AGENCY, "sapar", NOW)
    assert exceptions(town) == [("agent_short", f"item {item}", 600_00)]
    await add_lines(
        pool, [BankLine(600_00, DAY + timedelta(days=20), bin="060140002345", purpose="rest")]
    )
    run = await run_matching(pool, AGENCY, "sapar", NOW)
    assert run.by_rule == {"window": 1}
    assert exceptions(town) == []
    assert balances(town)[1110, "kassa"] == -5_000_00
    check_books(town)


async def test_planted_faults_are_found_exactly(town: str, pool: Pool) -> None:
    over, _, fee, _ = await add(
        pool,
        [
            deposit("DEP-1001", 5_000_00),
            deposit("DEP-1002", 700_00),
            payout("PAY-2001", 1_000_00, 15_00),
            payout("PAY-2002", 2_000_00, 30_00),
        ],
    )
    old = DAY - timedelta(days=4)
    numbers = await add_lines(
        pool,
        [
            BankLine(5_200_00, reference="DEP-1001"),
            BankLine(700_00, reference="DEP-1002"),
            BankLine(700_00, DAY + timedelta(days=1), reference="DEP-1002"),
            BankLine(978_50, reference="PAY-2001"),
            BankLine(1_970_00, reference="PAY-2002"),
            BankLine(-12_34, old, purpose="?"),
        ],
    )
    await run_matching(pool, AGENCY, "sapar", NOW)
    assert exceptions(town) == [
        ("agent_over", f"item {over}", 200_00),
        ("bank_line_doubled", f"line {numbers[2]}", 700_00),
        ("bank_line_unknown", f"line {numbers[5]}", 12_34),
        ("fee_difference", f"item {fee}", 6_50),
    ]
    assert balances(town)[5160, ""] == 21_50 + 30_00
    check_books(town)
