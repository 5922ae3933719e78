"""A difference that goes to several accounts: exact, named, and undone as one."""

from collections.abc import AsyncIterator
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.cli.finance.match import _residuals
from sapar.core.db import AsyncConnection, Pool, connect, connect_async
from sapar.core.errors import BadInput, Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.by_hand import Asked, match_by_hand
from sapar.finance.matching.postings import ResidualPart
from sapar.finance.matching.undoing import undo_match
from sapar.finance.matching.views import get_match
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import restricted
from tests.finance.matching.support import (
    AGENCY,
    NOW,
    BankLine,
    add,
    add_lines,
    balances,
    check_books,
    deposit,
    exceptions,
)

_numbers = count(1)
AIDA = Who("aida", None)
ACCOUNTS = ((5160, ""), (1110, "kassa"), (2520, "town"), (1020, "kaspi"), (2310, "park"))


@pytest.fixture
async def connection(town: str) -> AsyncIterator[AsyncConnection]:
    """A connection of the ledger's role, in no transaction."""
    opened = await connect_async(restricted(town))
    yield opened
    await opened.close()


@st.composite
def parts_of(draw: st.DrawFn) -> tuple[ResidualPart, ...]:
    """Parts of one sign; that of the item's own account, the second, of either."""
    sign = draw(st.sampled_from([1, -1]))
    sizes = draw(st.lists(st.integers(1, 300_00), min_size=2, max_size=len(ACCOUNTS)))
    amounts = [sign * size for size in sizes]
    if draw(st.booleans()) and sum(amounts) * sign > 2 * sizes[1]:
        amounts[1] = -amounts[1]
    return tuple(map(ResidualPart, *zip(*ACCOUNTS, strict=True), amounts))


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=parts_of())
async def test_parts_are_posted_to_the_tiyn_and_undone_as_one(
    town: str,
    pool: Pool,
    connection: AsyncConnection,
    parts: tuple[ResidualPart, ...],
) -> None:
    number, total = next(_numbers), sum(part.amount for part in parts)
    if total in {0, -1_000_00}:
        return
    (item,) = await add(pool, [deposit(f"A-{number}x", 1_000_00)])
    (line,) = await add_lines(pool, [BankLine(1_000_00 + total)], prefix=f"{number}-")
    imported = balances(town)
    asked = Asked(str(number), (line,), (item,), reason="as told by phone", residuals=parts)
    made = await match_by_hand(connection, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
    assert made.residual_tiyn == total
    after = balances(town)
    moved = {key: after.get(key, 0) - imported.get(key, 0) for key in {*after, *imported}}
    expected = {(part.code, part.owner): -part.amount for part in parts}
    expected[2910, "main"] = 1_000_00 + total
    expected[1110, "kassa"] = expected.get((1110, "kassa"), 0) - 1_000_00
    assert {key: amount for key, amount in moved.items() if amount} == {
        key: amount for key, amount in expected.items() if amount
    }
    told = await get_match(connection, AGENCY, made.match_no)
    assert (told.residual_code, told.residual_tiyn) == (None, total)
    assert [(one.code, one.owner, one.amount_tiyn) for one in told.residuals] == sorted(parts)
    # what stays on the item's own account, and is short, is looked for further
    own = next((part.amount for part in parts if part[:2] == (1110, "kassa")), 0)
    assert (made.remainder_item_no is not None) == (own < 0)
    again = await match_by_hand(connection, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
    assert (again.match_no, again.repeated) == (made.match_no, True)
    check_books(town)
    await undo_match(connection, AGENCY, made.match_no, reason="no", by=AIDA, now=NOW)
    assert balances(town) == imported
    assert exceptions(town) == []
    check_books(town)
    await match_by_hand(
        connection, Accounts(town), AGENCY,
        Asked(f"{number} clean", (line,), (), (2520, "town"), "out of the way"), by=AIDA, now=NOW,
    )  # fmt: skip


async def test_what_does_not_add_up_is_refused(
    town: str, pool: Pool, connection: AsyncConnection
) -> None:
    (item,) = await add(pool, [deposit("A-1", 300_00)])
    (line,) = await add_lines(pool, [BankLine(280_00)])
    fee, town_part = ResidualPart(5160, "", -15_00), ResidualPart(2520, "town", -5_00)

    async def code(asked: Asked) -> str:
        with pytest.raises((Refused, BadInput)) as refused:
            await match_by_hand(connection, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
        return refused.value.code

    base = Asked("k", (line,), (item,), reason="so")
    short = town_part._replace(amount=-4_99)
    assert await code(base._replace(key="a", residuals=(fee, short))) == "residual_sum"
    # a small difference is no way to move between accounts what no line and no item is about
    much, back = fee._replace(amount=-580_01), town_part._replace(amount=560_01)
    assert await code(base._replace(key="c", residuals=(much, back))) == "residual_sum"
    much, back = fee._replace(amount=-20_01), town_part._replace(amount=1)
    assert await code(base._replace(key="d", residuals=(much, back))) == "residual_sign"
    own = ResidualPart(1110, "kassa", 1)
    other = (fee._replace(amount=-20_00 - 2), own, town_part._replace(amount=1))
    assert await code(base._replace(key="e", residuals=other)) == "residual_sign"
    # nor where there is no difference at all
    (even,) = await add_lines(pool, [BankLine(300_00)], prefix="even-")
    nothing = (fee, town_part._replace(amount=15_00))
    assert await code(base._replace(key="f", lines=(even,), residuals=nothing)) == "residual_sum"
    assert await code(base._replace(key="b", residuals=(fee, town_part), reason=" ")) == (
        "residual_needs_account"
    )
    assert await code(base._replace(residuals=(fee, fee._replace(amount=-5_00)))) == "bad_account"
    assert await code(base._replace(residuals=(fee, ResidualPart(2910, "main", -5_00)))) == (
        "bad_account"
    )
    assert await code(base._replace(residuals=(fee._replace(amount=-20_00),))) == "bad_match"
    assert await code(base._replace(residuals=(fee, town_part._replace(amount=0)))) == "bad_match"
    assert await code(base._replace(residuals=(fee, town_part), residual=(5130, ""))) == "bad_match"
    assert exceptions(town) == []
    made = await match_by_hand(
        connection, Accounts(town), AGENCY, base._replace(residuals=(fee, town_part)), by=AIDA,
        now=NOW,
    )  # fmt: skip
    # nobody makes the parts of a match say something else afterwards, nor adds a lie
    with connect(town) as direct:
        for statement in (
            "UPDATE bank_match_residual SET amount_tiyn = amount_tiyn - 1",
            "DELETE FROM bank_match_residual",
            "TRUNCATE bank_match_residual",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), direct.transaction():
                direct.execute(statement)
        with pytest.raises(psycopg.errors.CheckViolation), direct.transaction():
            direct.execute(
                "INSERT INTO bank_match_residual VALUES (%s, 3, 1020, 'kaspi', 1)",
                (made.match_no,),
            )
        with pytest.raises(psycopg.errors.CheckViolation), direct.transaction():
            direct.execute(
                "INSERT INTO bank_match (agency_id, source_key, content_hash, rule, rule_version,"
                " settings_version, lines_tiyn, items_tiyn, residual_tiyn, made_at, made_by)"
                " VALUES (%s, 'x', '', 'hand', 1, 0, 5, 0, 5, now(), 'test')",
                (AGENCY,),
            )


def test_a_command_names_accounts_with_amounts() -> None:
    assert _residuals([]) == (None, ())
    assert _residuals(["5160"]) == ((5160, ""), ())
    parts = (ResidualPart(5160, "", -15_00), ResidualPart(2520, "town", -5_50))
    assert _residuals(["5160=-15", "2520:town=-5,50"]) == (None, parts)
    for texts in (["town"], ["5160", "2520:town=1"], ["5160=1.234.5", "2520:town=1"]):
        with pytest.raises(BadInput):
            _residuals(texts)
