"""A town whose bank statement came in: deposits of agents, a payout, and lines that nobody knows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sapar.core.clock import ScaledClock
from sapar.core.db import open_pool
from sapar.core.settings import Settings
from tests.api import town
from tests.api.conftest import Instance, running
from tests.finance.matching.support import (
    AGENCY,
    DAY,
    BankLine,
    add,
    add_lines,
    deposit,
    make_town,
    payout,
)

NOON = datetime(2026, 11, 21, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Books:
    """The instance, and numbers of lines and items."""

    api: Instance
    lines: list[int]
    items: list[int]


@pytest.fixture
async def books(settings: Settings) -> AsyncIterator[Books]:
    """Four lines: one names its item, two look like something, one that nothing explains."""
    conninfo = settings.database_url.get_secret_value()
    make_town(conninfo)
    town.import_town(conninfo, AGENCY)
    before = DAY - timedelta(days=1)
    async with open_pool(conninfo, name="books") as pool:
        lines = await add_lines(
            pool,
            [
                BankLine(100_000_00, reference="KASSA-20"),
                BankLine(486_000_00, purpose="Seller K, two days", bin="060140002345"),
                BankLine(97_500_50, purpose="Kaspi, 19.11"),
                BankLine(12_000_00, purpose="?"),
            ],
        )
        items = await add(
            pool,
            [
                deposit("KASSA-20", 100_000_00),
                deposit("K-18", 241_500_00, owner="seller-k", item_date=before),
                deposit("K-19", 244_500_00, owner="seller-k"),
                payout("P-19", 100_000_00, 2_500_00),
            ],
        )
    clock = ScaledClock(time.time(), NOON.timestamp())
    async with running(settings.model_copy(update={"agency": AGENCY}), clock=clock) as instance:
        yield Books(instance, lines, items)
