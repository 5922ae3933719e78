"""Agents, processors and registers for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sapar.core.db import Pool
from sapar.finance.agents.model import AgentTerms, ProcessorTerms
from sapar.finance.agents.parties import Who, add_party
from sapar.ticketing.cards.requests import Paid
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS

NOW = datetime.fromtimestamp(NOON_MS / 1000, UTC)
NEXT_MORNING = NOW + timedelta(hours=20)
"""08:00 on the day after; the fare day of the sales is over."""
WHO = Who("accountant", NOW)
AGENT = Paid(by="agent", name="kassa24")
PREPAID = Paid(by="prepaid_agent", name="halyk")
KASPI = Paid(by="processor", name="kaspi")


async def add_agent(pool: Pool, agent_id: str = "kassa24", **terms: Any) -> None:
    """Register an agent whose terms began with the month before."""
    given = {"from_date": DAY - timedelta(days=40), "kind": "postpaid", **terms}
    await add_party(pool, AGENCY, agent_id, agent_id.title(), AgentTerms(**given), WHO)


async def add_processor(pool: Pool, processor_id: str = "kaspi", **terms: Any) -> None:
    """Register a processor likewise."""
    given = {"from_date": DAY - timedelta(days=40), **terms}
    await add_party(pool, AGENCY, processor_id, processor_id.title(), ProcessorTerms(**given), WHO)


def csv_of(*rows: tuple[str, str, str] | tuple[str, str, str, str], head: str = "") -> bytes:
    """Write a register: (reference, time, amount in tenge[, status])."""
    lines = [head or "reference;time;amount;status"]
    lines += [";".join((*row, "done")[:4] if len(row) == 3 else row) for row in rows]
    return "\n".join(lines).encode()
