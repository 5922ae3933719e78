"""From the sale to the bank line: items are paid, in part, late, or not at all."""

from datetime import timedelta
from typing import Any

import pytest

from sapar.core.db import open_pool
from sapar.finance.agents.books import list_agents, list_processors, read_statement
from sapar.finance.agents.day import close_agents_day
from sapar.finance.agents.deposits import expect_deposit
from sapar.finance.agents.reconcile import compare_day
from sapar.finance.agents.registers import import_register
from sapar.finance.bank.accounts import Doer, add_account
from sapar.finance.bank.importing import import_statement
from sapar.finance.bank.model import Line, Statement
from sapar.finance.matching.run import run_matching
from sapar.ticketing.cards.requests import Issue, PayOut, TopUp, Withdraw
from tests.finance.agents.support import (
    AGENT,
    KASPI,
    NEXT_MORNING,
    NOW,
    PREPAID,
    WHO,
    add_agent,
    add_processor,
    csv_of,
)
from tests.finance.bank.writers import write_1c
from tests.ticketing.cards.counter import AGENCY, DAY, ServicePoint

IBAN = "KZ86125KZT5004100100"
KASSA, KASPI_BIN, HALYK = "060140002345", "971240001315", "940140000385"
ONE_DAY = timedelta(days=1)


class Bank:
    """Our account, day by day."""

    def __init__(self, point: ServicePoint, database: str) -> None:
        self._point = point
        self._database = database
        self._balance = 0

    async def shows(self, day, *lines: tuple[int, str, str]) -> None:
        """Import a day's statement of (amount, counterparty's BIN, purpose), and match."""
        opening = self._balance
        self._balance += sum(amount for amount, _, _ in lines)
        booked = tuple(
            Line(booked_on=day, amount_tiyn=amount, counterparty_bin=bin_, purpose=purpose)
            for amount, bin_, purpose in lines
        )
        statement = Statement(
            account=IBAN, from_date=day, to_date=day, opening_tiyn=opening,
            closing_tiyn=self._balance, currency="KZT", lines=booked,
        )  # fmt: skip
        await import_statement(
            self._point.connection, self._point.accounts, AGENCY, write_1c(statement), f"{day}.txt",
            doer=Doer("clerk"), now=NEXT_MORNING, account="main",
        )  # fmt: skip
        async with open_pool(self._database, name="matching") as pool:
            await run_matching(pool, AGENCY, "clerk", NEXT_MORNING + (day - DAY))


@pytest.fixture
async def bank(point, pool, database) -> Bank:
    """The bank, an agent, a prepaid one, a processor, and a card."""
    await add_account(
        point.connection,
        AGENCY,
        account="main",
        iban=IBAN,
        name="Main",
        doer=Doer("clerk"),
        now=NOW,
    )
    common: dict[str, Any] = {"bank_account_id": "main"}
    await add_agent(pool, bin=KASSA, commission_bp=100, netted=True, **common)
    await add_agent(pool, "halyk", kind="prepaid", bin=HALYK, **common)
    await add_processor(pool, fee_bp=95, bin=KASPI_BIN, **common)
    await point.do(Issue, category="adult")
    return Bank(point, database)


async def day_job(pool, days: int = 0) -> None:
    """Close a day on the morning after it."""
    await close_agents_day(pool, AGENCY, DAY + days * ONE_DAY, NEXT_MORNING + days * ONE_DAY, "r")


async def exceptions(point) -> list[tuple]:
    return await point.fetch(
        "SELECT kind, value_tiyn, owner FROM ticketing_exception WHERE closed_at IS NULL ORDER BY 1"
    )


async def balances(point) -> dict[str, int]:
    rows = await point.fetch(
        """SELECT code || ' ' || owner, balance FROM account
           WHERE code IN (1020, 1110, 2410, 2420, 2910, 5160) AND balance <> 0"""
    )
    return dict(rows)


async def test_everything_is_paid(point, pool, bank):
    await point.do(TopUp, key="k1", amount_tiyn=100_000, paid=AGENT)
    await point.do(TopUp, key="k2", amount_tiyn=200_000, paid=KASPI)
    await point.do(Withdraw, amount_tiyn=30_000, channel="iban")
    await point.do(PayOut, amount_tiyn=30_000, channel="iban", bank="main")
    register = csv_of(("k2", "2026-08-01 12:00:00", "2000"))
    await import_register(
        pool, AGENCY, "processor", "kaspi", DAY, register, WHO._replace(now=NEXT_MORNING),
        number="KSP-771/26",
    )  # fmt: skip
    await day_job(pool)
    [(refund,)] = await point.fetch("SELECT reference FROM finance_item WHERE kind = 'refund'")
    await bank.shows(
        DAY + ONE_DAY,
        (99_000, KASSA, "deposit kassa24-20260801"),
        (200_000 - 1_900, KASPI_BIN, "payout by register KSP-771/26"),
        (-30_000, "850101300123", f"return of money, {refund}"),
    )
    await day_job(pool, 1)
    await day_job(pool, 2)
    assert await balances(point) == {"5160 ": 1_900}
    assert await exceptions(point) == []
    compared = await compare_day(point.connection, AGENCY, "processor", "kaspi", DAY)
    assert (compared.expected_tiyn, compared.open_tiyn) == (198_100, 0)
    await point.check_balances()


async def test_a_short_deposit_stays_owed_and_ages(point, pool, bank):
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await day_job(pool)
    await bank.shows(DAY + ONE_DAY, (90_000, KASSA, "deposit kassa24-20260801"))
    await day_job(pool, 1)
    assert await exceptions(point) == [("agent_short", 9_000, "kassa24")]
    assert await balances(point) == {"1110 kassa24": 9_000}
    now = NEXT_MORNING + 9 * ONE_DAY
    row = next(r for r in await list_agents(point.connection, AGENCY, now=now) if r.id == "kassa24")
    assert (row.ageing.days_8_30, row.ageing.no_item, row.oldest_unpaid) == (9_000, 0, DAY)
    assert row.overdue_tiyn == row.balance_tiyn == 9_000
    statement = await read_statement(
        point.connection, AGENCY, "agent", "kassa24", DAY, DAY + ONE_DAY
    )
    assert (statement.totals.sold, statement.totals.netted, statement.totals.paid) == (
        100_000, -1_000, -90_000,
    )  # fmt: skip
    await bank.shows(DAY + 3 * ONE_DAY, (9_000, KASSA, "rest of kassa24-20260801"))
    await day_job(pool, 3)
    assert await exceptions(point) == []
    assert await balances(point) == {}


async def test_a_deposit_pays_what_came_to_light_later_too(point, pool, bank):
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await day_job(pool)
    await point.do(TopUp, amount_tiyn=50_000, paid=AGENT)
    await day_job(pool)
    await bank.shows(DAY + ONE_DAY, (148_500, KASSA, "deposit kassa24-20260801"))
    await day_job(pool, 2)
    assert await exceptions(point) == []
    assert await balances(point) == {}


async def test_a_payout_that_does_not_come(point, pool, bank):
    await point.do(TopUp, amount_tiyn=200_000, paid=KASPI)
    await day_job(pool)
    await bank.shows(DAY + ONE_DAY)
    await day_job(pool, 1)
    assert await exceptions(point) == [("payout_missing", 198_100, "kaspi")]
    [kaspi] = await list_processors(point.connection, AGENCY, now=NEXT_MORNING + ONE_DAY)
    assert (kaspi.balance_tiyn, kaspi.overdue_tiyn) == (200_000, 200_000)
    await bank.shows(DAY + 2 * ONE_DAY, (198_100, KASPI_BIN, "kaspi-20260801"))
    await day_job(pool, 2)
    assert await exceptions(point) == []


async def test_a_prepaid_agent_sells_when_the_bank_shows_its_deposit(point, pool, bank):
    await expect_deposit(pool, AGENCY, "halyk", 500_000, WHO, key="1", reference="INV-2026/55")
    await bank.shows(DAY + ONE_DAY, (500_000, HALYK, "by invoice INV-2026/55"))
    assert await balances(point) == {"2410 halyk": -500_000}
    await point.do(TopUp, amount_tiyn=500_000, paid=PREPAID)
    await day_job(pool)
    assert await balances(point) == {}
