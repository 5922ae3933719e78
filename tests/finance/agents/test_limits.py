"""An agent sells within its limit, its deposit and its terms, also through many tellers at once."""

import asyncio
from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sapar.core.db import connect_async
from sapar.core.errors import BadInput, NotFound, Refused, SaparError
from sapar.finance.agents.model import AgentTerms
from sapar.finance.agents.parties import add_party, agree_terms, require_known, set_status
from sapar.ticketing.cards.agents import Standing, commission_of, share_of
from sapar.ticketing.cards.operations import carry_out
from sapar.ticketing.cards.requests import Issue, Paid, SellPass, TakeBackPass, TopUp
from tests.finance.agents.laws import check_limit
from tests.finance.agents.money import move
from tests.finance.agents.support import AGENT, KASPI, PREPAID, WHO, add_agent, add_processor
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS, ServicePoint

DAY_MS = 86_400_000


async def refusal(point: ServicePoint, request: type, **values: Any) -> str:
    with pytest.raises(Refused) as caught:
        await point.do(request, **values)
    return caught.value.code


async def balance(point: ServicePoint, code: int, owner: str) -> int:
    rows = await point.fetch(
        "SELECT balance FROM account WHERE code = %s AND owner = %s", code, owner
    )
    return rows[0][0] if rows else 0


async def pay_in(point: ServicePoint, owner: str, amount: int) -> None:
    """Put money on a prepaid agent's deposit, from the bank."""
    await move(point, {(1010, "main"): amount, (2410, owner): -amount})


async def test_a_postpaid_agent_sells_up_to_its_limit(point, pool):
    await add_agent(pool, credit_limit_tiyn=100_000)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=60_000, paid=AGENT)
    assert await refusal(point, TopUp, amount_tiyn=40_001, paid=AGENT) == "agent_limit"
    sale = {"product_id": "month", "valid_from_ms": NOON_MS, "valid_to_ms": NOON_MS + DAY_MS}
    code = await refusal(point, SellPass, price_tiyn=40_001, paid=AGENT, **sale)
    assert code == "agent_limit"
    code = await refusal(
        point, Issue, card_ref="B", category="adult", price_tiyn=40_001, paid=AGENT
    )
    assert code == "agent_limit"
    assert await point.fetch("SELECT 1 FROM card WHERE card_ref = 'B'") == []
    await point.do(TopUp, amount_tiyn=40_000, paid=AGENT)
    assert await balance(point, 1110, "kassa24") == 100_000
    await point.check_balances()


async def test_a_desk_of_our_own_has_no_limit(point, pool):
    await add_agent(pool, "central", credit_limit_tiyn=None)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=10**12, paid=Paid(by="cash_desk", name="central"))


async def test_a_prepaid_agent_sells_what_it_has_paid_in(point, pool):
    await add_agent(pool, "halyk", kind="prepaid")
    await point.do(Issue, category="adult")
    assert await refusal(point, TopUp, amount_tiyn=1, paid=PREPAID) == "agent_deposit_short"
    await pay_in(point, "halyk", 50_000)
    await point.do(TopUp, amount_tiyn=50_000, paid=PREPAID)
    assert await refusal(point, TopUp, amount_tiyn=1, paid=PREPAID) == "agent_deposit_short"
    as_postpaid = Paid(by="agent", name="halyk")
    assert await refusal(point, TopUp, amount_tiyn=1, paid=as_postpaid) == "agent_kind"


async def test_an_agent_that_is_suspended_sells_nothing(point, pool):
    await add_agent(pool, credit_limit_tiyn=100_000)
    await add_processor(pool)
    await point.do(Issue, category="adult")
    sale = {"product_id": "month", "valid_from_ms": NOON_MS, "valid_to_ms": NOON_MS + DAY_MS}
    sold = (await point.do(SellPass, price_tiyn=5, paid=AGENT, **sale)).receipt.journal_no
    await set_status(pool, AGENCY, "agent", "kassa24", "suspended", WHO, reason="does not pay")
    await set_status(pool, AGENCY, "processor", "kaspi", "suspended", WHO, reason="is hacked")
    assert await refusal(point, TopUp, amount_tiyn=5, paid=AGENT) == "agent_suspended"
    assert await refusal(point, TopUp, amount_tiyn=5, paid=KASPI) == "processor_suspended"
    code = await refusal(point, TakeBackPass, sale_no=sold, reason="mistake")
    assert code == "agent_suspended"  # nor does it give anything back
    assert await set_status(pool, AGENCY, "agent", "kassa24", "active", WHO, reason="")
    await point.do(TakeBackPass, sale_no=sold, reason="mistake")
    assert await balance(point, 1110, "kassa24") == 0
    assert not await set_status(pool, AGENCY, "agent", "kassa24", "active", WHO, reason="")
    await point.do(TopUp, amount_tiyn=5, paid=AGENT)
    with pytest.raises(BadInput):
        await set_status(pool, AGENCY, "agent", "kassa24", "suspended", WHO, reason=" ")
    with pytest.raises(NotFound):
        await set_status(pool, AGENCY, "agent", "nobody", "active", WHO, reason="")


async def test_unknown_agents_sell_unless_all_must_be_known(point, pool):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=5, paid=AGENT)
    await require_known(pool, AGENCY, True, WHO)
    assert await refusal(point, TopUp, amount_tiyn=5, paid=AGENT) == "unknown_agent"
    assert await refusal(point, TopUp, amount_tiyn=5, paid=KASPI) == "unknown_processor"
    desk = Paid(by="cash_desk", name="central")
    assert await refusal(point, TopUp, amount_tiyn=5, paid=desk) == "unknown_agent"
    await add_agent(pool)
    await point.do(TopUp, amount_tiyn=5, paid=AGENT)
    await require_known(pool, AGENCY, False, WHO)
    await point.do(TopUp, amount_tiyn=5, paid=KASPI)


async def test_an_agent_sells_on_days_for_which_something_is_agreed(point, pool):
    await add_agent(pool, from_date=DAY + timedelta(days=1))
    await point.do(Issue, category="adult")
    assert await refusal(point, TopUp, amount_tiyn=5, paid=AGENT) == "agent_without_terms"
    point.clock.set((NOON_MS + DAY_MS) / 1000)
    await point.do(TopUp, amount_tiyn=5, paid=AGENT)


async def test_commission_comes_from_the_terms_when_the_request_names_none(point, pool):
    await add_agent(pool, commission_bp=125, commission_least_tiyn=500, commission_most_tiyn=10_000)
    await point.do(Issue, category="adult")
    for amount, expected in ((100_000, 1_250), (1_000, 500), (300, 300), (10**7, 10_000)):
        done = await point.do(TopUp, amount_tiyn=amount, paid=AGENT)
        moved = await point.moved(done.receipt.journal_no)
        assert moved["2420 kassa24"] == -expected
        assert moved["5150 kassa24"] == expected
    for named in (0, 77):
        paid = Paid(by="agent", name="kassa24", commission_tiyn=named)
        done = await point.do(TopUp, amount_tiyn=100_000, paid=paid)
        assert (await point.moved(done.receipt.journal_no)).get("2420 kassa24", 0) == -named


async def test_terms_hold_from_their_day_and_are_never_changed(point, pool):
    await add_agent(pool, commission_bp=100)
    later = AgentTerms(from_date=DAY + timedelta(days=1), kind="postpaid", commission_bp=200)
    assert await agree_terms(pool, AGENCY, "kassa24", later, WHO) == 2
    assert await agree_terms(pool, AGENCY, "kassa24", later, WHO) == 2  # the same: nothing new
    past = AgentTerms(from_date=DAY - timedelta(days=1), kind="postpaid")
    with pytest.raises(BadInput) as caught:
        await agree_terms(pool, AGENCY, "kassa24", past, WHO)
    assert caught.value.code == "terms_in_past"
    await point.do(Issue, category="adult")
    today = await point.do(TopUp, amount_tiyn=10_000, paid=AGENT)
    point.clock.set((NOON_MS + DAY_MS) / 1000)
    tomorrow = await point.do(TopUp, amount_tiyn=10_000, paid=AGENT)
    moved = [await point.moved(one.receipt.journal_no) for one in (today, tomorrow)]
    assert [one["2420 kassa24"] for one in moved] == [-100, -200]
    for change in ("UPDATE agent_terms SET commission_bp = 1", "DELETE FROM agent_terms"):
        with pytest.raises(Exception, match=r"append-only|permission denied"):
            await point.fetch(change)
    actions = await point.fetch("SELECT action FROM audit_log ORDER BY audit_no")
    assert actions == [("agent.create",), ("agent.terms",)]


async def test_an_agent_is_registered_once(pool, point):
    await add_agent(pool)
    await add_agent(pool)
    with pytest.raises(Refused) as caught:
        await add_agent(pool, commission_bp=1)
    assert caught.value.code == "agent_exists"
    for values in (
        {"commission_bp": 10_001}, {"due_days": -1}, {"bin": "1"}, {"iban": "KZ"},
        {"commission_least_tiyn": 5, "commission_most_tiyn": 4},
        {"kind": "prepaid", "credit_limit_tiyn": 5}, {"credit_limit_tiyn": -1}, {"bank_account_id": ""},
    ):  # fmt: skip
        with pytest.raises(BadInput):
            await add_agent(pool, "other", **values)
    terms = AgentTerms(from_date=DAY, kind="postpaid")
    with pytest.raises(BadInput):
        await add_party(pool, AGENCY, "a b", "x", terms, WHO)
    with pytest.raises(NotFound):
        await add_party(pool, "nowhere", "ab", "x", terms, WHO)


@pytest.mark.parametrize("paid", [AGENT, PREPAID], ids=["limit", "deposit"])
async def test_tellers_at_once_never_get_past_the_limit(point, pool, database, paid):
    limit = 20_000
    await add_agent(pool, credit_limit_tiyn=limit)
    await add_agent(pool, "halyk", kind="prepaid")
    await pay_in(point, "halyk", limit)
    for number in range(8):
        await point.do(Issue, f"card{number}", category="adult")
    codes: list[str] = []

    async def teller(number: int) -> None:
        connection = await connect_async(database)
        try:
            for turn in range(8):
                request = TopUp(
                    agency_id=AGENCY, key=f"t{number}-{turn}", actor="teller",
                    card_ref=f"card{(number + turn) % 8}", amount_tiyn=701 + 13 * turn, paid=paid,
                )  # fmt: skip
                try:
                    await carry_out(connection, point.desk, request)
                    codes.append("")
                except SaparError as exc:
                    codes.append(exc.code)
        finally:
            await connection.close()

    await asyncio.gather(*(teller(number) for number in range(8)))
    expected = "agent_limit" if paid is AGENT else "agent_deposit_short"
    assert set(codes) == {"", expected}
    if paid is AGENT:
        owed = await balance(point, 1110, "kassa24")
        assert limit - 800 < owed <= limit  # nothing smaller was refused while there was room
    else:
        assert -800 < await balance(point, 2410, "halyk") <= 0
    await point.check_balances()


async def test_no_tellers_whatever_they_sell_get_past_a_limit(point, database):
    for place in range(4):
        await point.do(Issue, f"card{place}", category="adult")
    numbers = count()

    @settings(
        max_examples=20, suppress_health_check=list(HealthCheck), database=None,
        phases=(Phase.generate,),
    )  # fmt: skip
    @given(
        st.integers(0, 5_000),
        st.lists(st.lists(st.integers(1, 1_500), max_size=5), min_size=2, max_size=4),
    )
    def law(limit, tellers):
        asyncio.run(check_limit(database, next(numbers), limit, tellers))

    await asyncio.to_thread(law)


async def test_a_suspension_counts_from_its_commit(point, pool, database):
    """Tellers sell while the agent is suspended: after the commit no sale goes through."""
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=1, paid=AGENT)
    suspended = asyncio.Event()
    after: list[str] = []

    async def teller(number: int) -> None:
        connection = await connect_async(database)
        try:
            for turn in range(40):
                was = suspended.is_set()
                request = TopUp(
                    agency_id=AGENCY, key=f"t{number}-{turn}", actor="teller", card_ref="A",
                    amount_tiyn=1, paid=AGENT,
                )  # fmt: skip
                try:
                    await carry_out(connection, point.desk, request)
                    code = ""
                except Refused as exc:
                    code = exc.code
                if was:
                    after.append(code)
        finally:
            await connection.close()

    async def suspend() -> None:
        await asyncio.sleep(0.1)
        await set_status(pool, AGENCY, "agent", "kassa24", "suspended", WHO, reason="x")
        suspended.set()

    await asyncio.gather(suspend(), *(teller(number) for number in range(4)))
    assert after
    assert set(after) == {"agent_suspended"}


@given(st.integers(1, 10**15), st.integers(0, 10_000))
def test_a_share_is_the_nearest_tiyn(amount, basis_points):
    share = share_of(amount, basis_points)
    assert abs(share * 10_000 - amount * basis_points) <= 5_000
    assert 0 <= share <= amount


@given(
    st.integers(1, 10**12),
    st.integers(0, 10_000),
    st.integers(0, 10**9),
    st.none() | st.integers(0, 10**9),
)
def test_a_commission_lies_between_least_and_most(amount, basis_points, least, more):
    most = None if more is None else least + more
    terms = Standing(False, "active", "postpaid", None, basis_points, least, most, 0)
    earned = commission_of(terms, amount)
    assert 0 <= earned <= amount
    assert earned >= min(least, amount)
    assert most is None or earned <= most
    if least <= share_of(amount, basis_points) <= (amount if most is None else most):
        assert earned == share_of(amount, basis_points)
