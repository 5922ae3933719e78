"""A difference that stays on the accounts of several agents: what each still owes is told."""

from sapar.core.db import Pool, connect_async
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.by_hand import Asked, match_by_hand
from sapar.finance.matching.postings import ResidualPart
from sapar.finance.matching.undoing import undo_match
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

AIDA = Who("aida", None)


async def test_what_several_agents_are_short_of_is_told_of_each(town: str, pool: Pool) -> None:
    first, second = await add(pool, [deposit("A-1", 300_00), deposit("B-1", 200_00, owner="kiosk")])
    (line,) = await add_lines(pool, [BankLine(450_00)])
    before = balances(town)
    parts = (ResidualPart(1110, "kassa", -30_00), ResidualPart(1110, "kiosk", -20_00))
    asked = Asked("k", (line,), (first, second), reason="one bag", residuals=parts)
    async with await connect_async(restricted(town)) as opened:
        made = await match_by_hand(opened, Accounts(town), AGENCY, asked, by=AIDA, now=NOW)
        assert sorted(exceptions(town)) == [
            ("agent_short", f"item {first}", 30_00),
            ("agent_short", f"item {second}", 20_00),
        ]
        check_books(town)
        await undo_match(opened, AGENCY, made.match_no, reason="no", by=AIDA, now=NOW)
    assert (exceptions(town), balances(town)) == ([], before)
