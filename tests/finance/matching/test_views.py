"""What people see of matching: open lines, ages, shares, suggestions, settings, commands."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from sapar.cli.main import app
from sapar.core.db import Pool, connect
from sapar.core.errors import BadInput, NotFound
from sapar.finance.matching.model import MatchingSettings
from sapar.finance.matching.run import run_matching
from sapar.finance.matching.store import keep_settings, read_settings
from sapar.finance.matching.suggesting import suggest
from sapar.finance.matching.views import (
    BUCKETS,
    check_suspense,
    explained_share,
    get_match,
    get_open_line,
    list_matches,
    open_items,
    open_lines,
    suspense_ages,
)
from tests.finance.matching.support import (
    AGENCY,
    DAY,
    NOW,
    BankLine,
    add,
    add_lines,
    balances,
    deposit,
    payout,
)

BIN = "060140002345"


async def test_lines_wait_with_a_reason(town: str, pool: Pool) -> None:
    first, second = await add(pool, [deposit("A-1", 300_00), deposit("A-2", 300_00)])
    numbers = await add_lines(
        pool, [BankLine(300_00, bin=BIN, purpose="deposit"), BankLine(-5_00, account="second")]
    )
    await run_matching(pool, AGENCY, "sapar", NOW)
    async with pool.connection() as connection:
        lines = await open_lines(connection, AGENCY)
        assert [line.line_no for line in lines] == numbers
        assert (lines[0].hint, lines[0].hint_items) == ("ambiguous", [first, second])
        assert lines[1].hint is None
        (only,) = await open_lines(connection, AGENCY, bank_account_id="second")
        assert only == await get_open_line(connection, AGENCY, numbers[1])
        assert await open_lines(connection, AGENCY, to_date=DAY - timedelta(days=1)) == []
        with pytest.raises(NotFound):
            await get_open_line(connection, AGENCY, 999)
        assert [item.item_no for item in await open_items(connection, AGENCY)] == [second, first]


async def test_a_match_shows_its_parts(town: str, pool: Pool) -> None:
    await add(pool, [payout("PAY-2001", 1_000_00, 15_00)])
    (line,) = await add_lines(pool, [BankLine(985_00, reference="PAY-2001")])
    await run_matching(pool, AGENCY, "sapar", NOW)
    async with pool.connection() as connection:
        (match,) = await list_matches(connection, AGENCY, line_no=line)
        assert match == await get_match(connection, AGENCY, match.match_no)
        assert (match.lines_tiyn, match.items_tiyn, match.fee_tiyn) == (985_00, 1_000_00, 15_00)
        assert [one.line_no for one in match.lines] == [line]
        assert match.items[0].item_date == DAY
        assert (match.rule, match.rule_version, match.settings_version) == ("reference", 1, 0)
        assert msgspec.json.decode(msgspec.json.encode(match))["made_by"] == "sapar"
        for nothing in (
            {"rule": "hand"}, {"undone": True}, {"item_no": 999}, {"to_date": date(2026, 1, 1)},
        ):  # fmt: skip
            assert await list_matches(connection, AGENCY, **nothing) == []
        with pytest.raises(NotFound):
            await get_match(connection, AGENCY, 999)


async def test_suspense_by_age_is_the_ledgers(town: str, pool: Pool) -> None:
    ages = {0: 1_00, 1: 2_00, 2: -4_00, 7: 8_00, 8: 16_00, 30: 32_00, 31: 64_00, 400: 128_00}
    await add_lines(
        pool, [BankLine(amount, DAY - timedelta(days=age)) for age, amount in ages.items()]
    )
    async with pool.connection() as connection:
        rows = await suspense_ages(connection, AGENCY, DAY)
        assert await check_suspense(connection, AGENCY) == []
    main = [row for row in rows if row.bank_account_id == "main"]
    assert [row.days for row in main] == list(BUCKETS)
    assert [(row.lines, row.receipts_tiyn, row.payments_tiyn) for row in main] == [
        (2, 3_00, 0), (2, 8_00, -4_00), (2, 48_00, 0), (2, 192_00, 0),
    ]  # fmt: skip
    total = sum(row.receipts_tiyn + row.payments_tiyn for row in main)
    assert balances(town)[2910, "main"] == -total


async def test_the_share_that_is_explained_in_time(town: str, pool: Pool) -> None:
    await add(pool, [deposit("DEP-1001", 600_00), deposit("DEP-1002", 300_00)])
    await add_lines(
        pool,
        [
            BankLine(600_00, DAY, reference="DEP-1001"),
            BankLine(300_00, DAY - timedelta(days=4), reference="DEP-1002"),
            BankLine(-100_00, DAY),
        ],
    )
    async with pool.connection() as connection:
        assert (await explained_share(connection, "other", 3)).basis_points is None
        assert (await explained_share(connection, AGENCY, 3)).basis_points == 0
    await run_matching(pool, AGENCY, "sapar", NOW)
    async with pool.connection() as connection:
        share = await explained_share(connection, AGENCY, 3)
        assert (share.value_tiyn, share.explained_tiyn, share.basis_points) == (
            1_000_00, 600_00, 6000,
        )  # fmt: skip
        assert (await explained_share(connection, AGENCY, 5)).basis_points == 9000
        today = await explained_share(connection, AGENCY, 3, from_date=DAY, to_date=DAY)
        assert (today.lines, today.explained_lines) == (2, 1)
        with pytest.raises(BadInput):
            await explained_share(connection, AGENCY, -1)


async def test_suggestions_are_ranked(town: str, pool: Pool) -> None:
    items = await add(
        pool,
        [
            deposit("DEP-1001", 300_00, item_date=DAY - timedelta(days=3)),
            deposit("DEP-1002", 300_00),
            deposit("DEP-1003", 310_00, counterparty_bin="111111111111", owner="other"),
            deposit("DEP-1004", 999_00, owner="kassa24"),
            deposit("DEP-1005", 9_00, counterparty_bin="111111111111", owner="other"),
            payout("PAY-2001", -300_00, 0),
        ],
    )
    (line,) = await add_lines(pool, [BankLine(300_00, bin=BIN, purpose="from kassa24 DEP-1004?")])
    async with pool.connection() as connection:
        found = await suggest(connection, AGENCY, line)
        assert [one.items for one in found] == [[items[3]], [items[1]], [items[0]], [items[2]]]
        assert found[0].reasons == ["named", "counterparty", "same_day", "words"]
        assert found[1].reasons == ["amount_equal", "counterparty", "same_day"]
        assert (found[2].days, found[2].difference_tiyn) == (3, 0)
        assert found[3].reasons == ["amount_near", "other_counterparty", "same_day"]
        assert await suggest(connection, AGENCY, line, most=1) == found[:1]
        with pytest.raises(NotFound):
            await suggest(connection, AGENCY, 999)


async def test_a_set_that_adds_up_comes_first(town: str, pool: Pool) -> None:
    day = DAY - timedelta(days=1)
    items = await add(
        pool,
        [
            deposit("", 100_00, item_date=day), deposit("x", 200_00),
            deposit("y", 150_00, item_date=day - timedelta(days=2)),
            deposit("z", 150_00, item_date=day - timedelta(days=1)),
        ],
    )  # fmt: skip
    (line,) = await add_lines(pool, [BankLine(450_00, bin=BIN)])
    async with pool.connection() as connection:
        found = await suggest(connection, AGENCY, line)
    assert (found[0].items, found[0].difference_tiyn) == (sorted([*items[:2], items[3]]), 0)
    assert found[0].reasons[0] == "adds_up"


async def test_settings_have_versions(town: str, pool: Pool) -> None:
    await add(pool, [deposit("DEP-1001", 600_00, reference="")])
    await add_lines(pool, [BankLine(600_00, DAY + timedelta(days=8), bin=BIN)])
    later = NOW + timedelta(days=9)
    assert (await run_matching(pool, AGENCY, "sapar", later)).matches == 0
    wider = MatchingSettings(after_days=9)
    async with pool.connection() as connection:
        assert await keep_settings(connection, AGENCY, wider, actor="a", now=NOW) == 1
        assert await keep_settings(connection, AGENCY, wider, actor="a", now=NOW) == 1
        assert await read_settings(connection, AGENCY) == (1, wider)
        for wrong in (MatchingSettings(fee_permille=1001), MatchingSettings(span_days=-1)):
            with pytest.raises(BadInput):
                await keep_settings(connection, AGENCY, wrong, actor="a", now=NOW)
    assert (await run_matching(pool, AGENCY, "sapar", later)).matches == 1
    async with pool.connection() as connection:
        (match,) = await list_matches(connection, AGENCY)
    assert match.settings_version == 1


def _sapar(town: str, words: Sequence[str]) -> Any:
    environment = {"SAPAR_DATABASE_URL": town, "SAPAR_AGENCY": AGENCY}
    return CliRunner().invoke(app, ["ticketing", "match", *words], env=environment)


async def _prepare(pool: Pool) -> None:
    await add(pool, [deposit("DEP-1001", 600_00), deposit("DEP-1002", 250_00)])
    lines = [BankLine(600_00, reference="DEP-1001"), BankLine(200_00, purpose="?")]
    await add_lines(pool, lines)


def test_the_commands(town: str) -> None:
    import asyncio

    from sapar.core.db import open_pool

    async def prepare() -> None:
        async with open_pool(town) as pool:
            await _prepare(pool)

    asyncio.run(prepare())

    def shown(*words: str) -> Any:
        result = _sapar(town, [*words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert shown("run")["by_rule"] == {"reference": 1}
    (match,) = shown("list")
    (line,) = shown("open")
    (item,) = shown("open", "--items")
    assert shown("suggest", str(line["line_no"]))[0]["items"] == [item["item_no"]]
    asked = [
        "hand", "--line", str(line["line_no"]), "--item", str(item["item_no"]), "--key", "k",
        "--residual", "1110:kassa", "--reason", "by phone",
    ]  # fmt: skip
    made = _sapar(town, asked)
    assert "is made, residual -50.00; item" in made.output
    assert "was made before" in _sapar(town, asked).output
    refused = _sapar(town, ["undo", "99", "--reason", "r"])
    assert refused.exit_code != 0
    assert "is undone" in _sapar(town, ["undo", str(match["match_no"]), "--reason", "r"]).output
    assert len(shown("list", "--undone")) == 1
    assert shown("ages")["explained"]["lines"] == 2
    changed = _sapar(town, ["rules", "--set", "after_days=7"])
    assert json.loads(changed.stdout)["after_days"] == 7
    assert _sapar(town, ["rules", "--set", "x=7"]).exit_code != 0
    for words in (["run"], ["list"], ["open"], ["open", "--items"], ["ages"], ["rules"]):
        assert _sapar(town, words).exit_code == 0
    with connect(town) as connection:
        row = connection.execute("SELECT count(*) FROM matching_settings").fetchone()
    assert row == (1,)
