"""Many counters at once: no deadlock, no lost tenge."""

import asyncio
import random
from typing import Any

from sapar.core.db import connect_async
from sapar.core.errors import SaparError
from sapar.ticketing.cards.operations import carry_out
from sapar.ticketing.cards.requests import (
    Block,
    Goodwill,
    Issue,
    Replace,
    TopUp,
    Unblock,
    Withdraw,
    WriteOff,
)
from tests.ticketing.cards.counter import AGENCY, AGENT, ServicePoint

CARDS = [f"card-{n}" for n in range(5)]


def any_request(dice: random.Random, number: int):
    common: dict[str, Any] = {
        "agency_id": AGENCY,
        "key": f"any-{number}",
        "actor": "t",
        "card_ref": dice.choice(CARDS),
    }
    amount = dice.randrange(1, 5_000)
    return dice.choice([
        lambda: TopUp(**common, amount_tiyn=amount, paid=AGENT),
        lambda: TopUp(**common, amount_tiyn=amount, paid=AGENT, activation_days=30),
        lambda: Withdraw(**common, amount_tiyn=amount, channel="cash"),
        lambda: Goodwill(**common, amount_tiyn=amount, reason="x"),
        lambda: WriteOff(**common, reason="x"),
        lambda: Block(**common, reason="debt"),
        lambda: Unblock(**common),
        lambda: Replace(**common, new_card_ref=dice.choice(CARDS)),
    ])()  # fmt: skip


async def test_operations_at_many_counters(point: ServicePoint, database: str):
    for ref in CARDS:
        await point.do(Issue, ref, category="adult")
    requests = [any_request(random.Random(n), n) for n in range(160)]
    codes: list[str] = []

    async def counter(mine: list) -> None:
        connection = await connect_async(database)
        try:
            for request in mine:
                try:
                    await carry_out(connection, point.desk, request)
                except SaparError as exc:
                    codes.append(exc.code)
        finally:
            await connection.close()

    # each request comes to two counters
    await asyncio.gather(*(counter(requests[n % 4 :: 4]) for n in range(8)))
    assert not {"database_unavailable", "crossed"} & set(codes)  # a deadlock would be `crossed`
    await point.check_balances()
    done = await point.fetch("SELECT count(*) FROM card_operation WHERE source_key LIKE 'any-%%'")
    refused = await point.fetch("SELECT count(*) FROM refused_operation")
    assert done[0][0] + refused[0][0] == len(requests)
    assert done[0][0] > 20
    [(brought,)] = await point.fetch(
        "SELECT coalesce(sum(balance), 0)::bigint FROM account WHERE code IN (1110, 5130, 5140, 2510)"
    )
    [(held,)] = await point.fetch(
        "SELECT sum(purse_tiyn + pending_tiyn + deposit_tiyn - debt_tiyn)::bigint FROM card"
    )
    assert brought == held
