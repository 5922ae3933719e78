"""A town with eight validators, two carriers and twelve cards."""

import pytest

from tests.finance.settlement.support import finance_of
from tests.ticketing.world import make_world


@pytest.fixture
async def finance(database: str):
    async with finance_of(make_world(database, devices=8)) as finance:
        yield finance
