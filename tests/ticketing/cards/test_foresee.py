"""What an operation would come to: the same that it comes to, and nothing is kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sapar.core.db import AsyncConnection, connect_async
from sapar.core.errors import Refused
from sapar.ticketing.cards.operations import foresee
from sapar.ticketing.cards.requests import (
    Block,
    Issue,
    Receipt,
    Replace,
    Return,
    SellPass,
    TopUp,
    Withdraw,
)
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import restricted
from tests.ticketing.cards.counter import AGENCY, AGENT, NOON_MS, ServicePoint, prepare

_TABLES = (
    "journal", "card_operation", "refused_operation", "key_conflict", "card_block",
    "card_pass", "audit_log", "card_replacement",
)  # fmt: skip


@pytest.fixture
async def point(database: str) -> AsyncIterator[ServicePoint]:
    """A card A with money and a deposit; operations work as the ledger's role."""
    prepare(database)
    connection = await connect_async(restricted(database))
    try:
        made = ServicePoint(connection, Accounts(database))
        await made.do(Issue, category="adult", price_tiyn=50_000, deposit_tiyn=30_000, paid=AGENT)
        await made.do(TopUp, amount_tiyn=100_000, paid=AGENT)
        yield made
    finally:
        await connection.close()


async def everything(point: ServicePoint) -> dict[str, Any]:
    counts = {}
    for table in _TABLES:
        [(counts[table],)] = await point.fetch(f"SELECT count(*) FROM {table}")
    accounts = await point.fetch("SELECT code, owner, balance FROM account ORDER BY 1, 2")
    return {**counts, "accounts": accounts, "card": await point.card()}


async def look(
    connection: AsyncConnection, receipt: Receipt, numbers: list[int]
) -> tuple[Receipt, list[tuple[str, int]]]:
    found = await connection.execute(
        "SELECT j.kind, e.amount FROM journal j JOIN entry e USING (journal_no)"
        " WHERE j.journal_no = ANY(%s) ORDER BY j.journal_no, e.line",
        (numbers,),
    )
    return receipt, [(kind, amount) for kind, amount in await found.fetchall()]


@pytest.mark.parametrize(
    ("request_type", "values"),
    [
        (TopUp, {"amount_tiyn": 5_000, "paid": AGENT}),
        (TopUp, {"amount_tiyn": 5_000, "paid": AGENT, "activation_days": 3}),
        (SellPass, {"product_id": "month", "price_tiyn": 40_000, "valid_from_ms": NOON_MS,
                    "valid_to_ms": NOON_MS + 10**9}),
        (Withdraw, {"amount_tiyn": 30_000, "channel": "bank"}),
        (Return, {"channel": "bank"}),
        (Replace, {"new_card_ref": "B"}),
        (Block, {"reason": "lost"}),
    ],
)  # fmt: skip
async def test_it_tells_what_then_happens(
    point: ServicePoint, request_type: type, values: dict[str, Any]
) -> None:
    before = await everything(point)
    asked = request_type(agency_id=AGENCY, key="once", actor="t", card_ref="A", **values)
    for _ in range(2):
        receipt, entries = await foresee(point.connection, point.desk, asked, look)
        assert await everything(point) == before
    done = await point.do(request_type, key="once", **values)
    told = (receipt.status, receipt.purse_tiyn, receipt.deposit_tiyn, receipt.pending_tiyn)
    got = done.receipt
    assert told == (got.status, got.purse_tiyn, got.deposit_tiyn, got.pending_tiyn)
    posted = await point.fetch(
        "SELECT j.kind, e.amount FROM journal j JOIN entry e USING (journal_no)"
        " WHERE j.journal_no >= %s ORDER BY j.journal_no, e.line",
        got.journal_no if got.journal_no is not None else 10**9,
    )
    assert entries == posted


async def test_a_refusal_is_not_kept_under_the_key(point: ServicePoint) -> None:
    asked = Withdraw(
        agency_id=AGENCY, key="k", actor="t", card_ref="A", amount_tiyn=10**6, channel="bank"
    )
    before = await everything(point)
    with pytest.raises(Refused) as refused:
        await foresee(point.connection, point.desk, asked, look)
    assert refused.value.code == "insufficient_funds"
    assert (await everything(point))["refused_operation"] == before["refused_operation"]
    done = await point.do(Withdraw, key="k", amount_tiyn=100_000, channel="bank")
    assert done.receipt.purse_tiyn == 0
