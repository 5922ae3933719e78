"""A town whose day is closed and settled: two carriers, an agent with a register, a processor."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sapar.core.clock import ManualClock, ScaledClock
from sapar.core.db import connect_async, open_pool
from sapar.core.settings import Settings
from sapar.finance.agents.model import AgentTerms, ProcessorTerms
from sapar.finance.agents.parties import Who, add_party
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import Paid, TopUp
from sapar.ticketing.ledger.accounts import Accounts
from tests.api import town
from tests.api.conftest import Instance, running
from tests.finance.settlement.support import DAY, NOW, finance_of
from tests.ticketing.world import AGENCY, MORNING_MS, make_world

SOLD_MS = MORNING_MS + 3_600_000  # 09:00 in Aqtobe


@dataclass(frozen=True)
class Settled:
    """The instance, and the drafts of the day."""

    api: Instance
    statements: list[int]


async def sell(conninfo: str) -> None:
    """Sell two top-ups through agent kassa24, and register it with a limit, and kaspi."""
    who = Who("accountant", NOW)
    async with open_pool(conninfo, name="agents") as pool:
        from_date = DAY - timedelta(days=40)
        terms = AgentTerms(
            from_date=from_date, kind="postpaid", credit_limit_tiyn=1_000_000_00, register_due_h=12
        )
        await add_party(pool, AGENCY, "kassa24", "Kassa 24", terms, who)
        await add_party(pool, AGENCY, "kaspi", "Kaspi", ProcessorTerms(from_date=from_date), who)
    desk = Desk(ManualClock(SOLD_MS / 1000), Accounts(conninfo))
    connection = await connect_async(conninfo)
    try:
        for key, amount in (("s-1", 250_000), ("s-2", 100_000)):
            asked = TopUp(
                agency_id=AGENCY, key=key, actor="kassa24", card_ref="c1", amount_tiyn=amount,
                paid=Paid(by="agent", name="kassa24"),
            )  # fmt: skip
            await carry_out(connection, desk, asked)
    finally:
        await connection.close()


@pytest.fixture
async def settled(settings: Settings) -> AsyncIterator[Settled]:
    """An instance at noon of the day after, all of it closed and in drafts."""
    conninfo = settings.database_url.get_secret_value()
    async with finance_of(make_world(conninfo, devices=8)) as finance:
        await finance.contract("north", title="No 5 of 1 January 2026")
        await finance.contract("south", commission_bp=500)
        await finance.post(finance.taps(7, 60))
        await sell(conninfo)
        finance.close(1)
        done = await finance.settle()
    town.import_town(conninfo, AGENCY)
    noon = datetime(2026, 3, 11, 7, tzinfo=UTC)
    clock = ScaledClock(time.time(), noon.timestamp())
    async with running(settings.model_copy(update={"agency": AGENCY}), clock=clock) as instance:
        yield Settled(instance, done.statements)
