"""What other terms would change: told exactly, and nothing is kept of it."""

from datetime import timedelta

import pytest

from sapar.core.db import Pool
from sapar.core.errors import BadInput, NotFound
from sapar.finance.agents.foreseeing import foresee_terms
from sapar.finance.agents.model import AgentTerms, ProcessorTerms
from sapar.finance.agents.parties import agree_terms, list_terms
from sapar.ticketing.cards.requests import Issue, TopUp
from tests.finance.agents.support import AGENT, KASPI, WHO, add_agent, add_processor
from tests.ticketing.cards.counter import AGENCY, DAY, ServicePoint

NEXT = DAY + timedelta(days=7)


async def counted(pool: Pool, party: str, party_id: str) -> int:
    async with pool.connection() as connection:
        return len((await list_terms(connection, AGENCY, party, party_id))[party_id])  # type: ignore[arg-type]


async def test_terms_of_an_agent(point: ServicePoint, pool: Pool) -> None:
    await add_agent(pool, credit_limit_tiyn=100_000)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=60_000, paid=AGENT)
    lower = AgentTerms(from_date=NEXT, kind="postpaid", credit_limit_tiyn=45_000)
    told = await foresee_terms(pool, AGENCY, "kassa24", lower, WHO)
    assert isinstance(told.before, AgentTerms)
    assert (told.before.credit_limit_tiyn, told.after) == (100_000, lower)
    assert (told.owes_tiyn, told.over_tiyn, told.later, told.repeated) == (
        60_000,
        15_000,
        [],
        False,
    )
    assert await counted(pool, "agent", "kassa24") == 1
    number = await agree_terms(pool, AGENCY, "kassa24", lower, WHO, reason="less trust")
    assert number == 2
    assert (await foresee_terms(pool, AGENCY, "kassa24", lower, WHO)).repeated
    sooner = AgentTerms(from_date=DAY, kind="postpaid", credit_limit_tiyn=None)
    told = await foresee_terms(pool, AGENCY, "kassa24", sooner, WHO)
    assert [one.terms for one in told.later] == [lower]
    assert (told.over_tiyn, told.before is not None) == (0, True)
    [(lines,)] = await point.fetch("SELECT count(*) FROM audit_log WHERE action = 'agent.terms'")
    assert lines == 1


async def test_fees_of_a_processor_and_what_is_refused(point: ServicePoint, pool: Pool) -> None:
    await add_processor(pool, fee_bp=95)
    dearer = ProcessorTerms(from_date=NEXT, fee_bp=120)
    told = await foresee_terms(pool, AGENCY, KASPI.name, dearer, WHO)
    assert isinstance(told.before, ProcessorTerms)
    assert (told.before.fee_bp, told.owes_tiyn, told.over_tiyn) == (95, 0, 0)
    with pytest.raises(NotFound):
        await foresee_terms(pool, AGENCY, "nobody", dearer, WHO)
    for terms, code in (
        (ProcessorTerms(from_date=DAY - timedelta(days=1)), "terms_in_past"),
        (ProcessorTerms(from_date=NEXT, bin="12"), "bin"),
        (ProcessorTerms(from_date=NEXT, fee_bp=10_001), "share"),
    ):
        with pytest.raises(BadInput) as refused:
            await foresee_terms(pool, AGENCY, KASPI.name, terms, WHO)
        assert refused.value.code == code
    assert await counted(pool, "processor", KASPI.name) == 1
