"""Registers are kept as received, corrected by another file, and compared until they agree."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sapar.core.db import DatabaseRefused, connect, with_role
from sapar.core.errors import BadInput, Fault, NotFound, Refused
from sapar.finance.agents.day import close_agents_day
from sapar.finance.agents.mapping import RegisterMapping, plain_mapping
from sapar.finance.agents.parties import keep_mapping
from sapar.finance.agents.reconcile import compare_day
from sapar.finance.agents.registers import get_register_file, import_register, list_registers
from sapar.finance.bank.model import BrokenFile
from sapar.ticketing.cards.requests import Issue, SellPass, TakeBackPass, TopUp
from tests.finance.agents.support import (
    AGENT,
    KASPI,
    NEXT_MORNING,
    WHO,
    add_agent,
    add_processor,
    csv_of,
)
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS

NOON = "2026-08-01 12:00:00"
NEXT = WHO._replace(now=NEXT_MORNING)


async def take(pool, data: bytes, who=NEXT, **values):
    given: dict[str, Any] = {"party": "agent", "party_id": "kassa24", "day": DAY} | values
    return await import_register(
        pool,
        AGENCY,
        given.pop("party"),
        given.pop("party_id"),
        given.pop("day"),
        data,
        who,
        **given,
    )


async def exceptions(point, *kinds: str) -> list[tuple]:
    return await point.fetch(
        """SELECT kind, subject, value_tiyn FROM ticketing_exception
           WHERE closed_at IS NULL AND kind = ANY(%s) ORDER BY kind, subject""",
        list(kinds) or ["register_difference", "register_missing", "payout_missing"],
    )


async def sell(point, key: str, amount: int, paid=AGENT, card: str = "A") -> None:
    await point.do(TopUp, card, key=key, amount_tiyn=amount, paid=paid)


async def test_a_register_that_agrees(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await sell(point, "k1", 50_000)
    await sell(point, "k2", 70_050)
    done = await take(
        pool, csv_of(("k1", NOON, "500"), ("k2", NOON, "700,50")), file_name="august.csv"
    )
    assert (done.repeated, done.row_count, done.total_tiyn) == (False, 2, 120_050)
    compared = await compare_day(point.connection, AGENCY, "agent", "kassa24", DAY)
    assert (compared.agreed, compared.by_reference, compared.differences) == (2, 2, [])
    assert compared.register_tiyn == compared.ledger_tiyn == 120_050
    assert (compared.expected_tiyn, compared.open_tiyn) == (0, 0)  # the daily job has not run
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    compared = await compare_day(point.connection, AGENCY, "agent", "kassa24", DAY)
    assert (compared.expected_tiyn, compared.open_tiyn) == (120_050, 120_050)
    assert await exceptions(point) == []
    [kept] = await list_registers(point.connection, AGENCY, party="agent")
    assert (kept.file_name, kept.number, kept.format) == ("august.csv", "kassa24-20260801", "csv")


@pytest.mark.parametrize(
    ("next_day", "word", "found"),
    [
        (True, "done", []),
        (True, "cancelled", []),
        (False, "cancelled", []),
        (False, "done", ["register_difference"]),
    ],
)
async def test_a_sale_that_was_taken_back(point, pool, next_day: bool, word: str, found: list[str]):
    """On the day itself both sides know; the register of a day may be older than the next one."""
    await add_agent(pool)
    await point.do(Issue, category="adult")
    of_pass = {"product_id": "month", "valid_from_ms": NOON_MS, "valid_to_ms": NOON_MS + 9}
    sold = await point.do(SellPass, key="k1", price_tiyn=50_000, paid=AGENT, **of_pass)
    if next_day:
        point.clock.set(NEXT_MORNING.timestamp())
    await point.do(TakeBackPass, sale_no=sold.receipt.journal_no, reason="mistake")
    await take(pool, csv_of(("k1", NOON, "500", word)))
    assert [kind for kind, *_ in await exceptions(point)] == found


async def test_the_same_file_again_adds_nothing(point, pool):
    await add_agent(pool)
    first = await take(pool, csv_of(("k1", NOON, "500")))
    again = await take(pool, csv_of(("k1", NOON, "500")), number="other")
    assert again.repeated
    assert (again.register_no, again.number) == (first.register_no, first.number)
    assert await point.fetch("SELECT count(*) FROM register_row") == [(1,)]
    assert await point.fetch("SELECT count(*) FROM audit_log WHERE action = 'register.import'") == [
        (1,)
    ]


async def test_one_file_from_several_hands_at_once(point, pool):
    await add_agent(pool)
    files = [csv_of(("k1", NOON, "500")), csv_of(("k1", NOON, "600"))] * 3
    done = await asyncio.gather(*(take(pool, data) for data in files))
    assert sorted(one.repeated for one in done) == [False, False, True, True, True, True]
    standing = await point.fetch("SELECT count(*) FROM register WHERE replaced_at IS NULL")
    assert standing == [(1,)]


async def test_another_file_for_the_day_corrects_the_first(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await sell(point, "k1", 50_000)
    wrong, right = csv_of(("k1", NOON, "480")), csv_of(("k1", NOON, "500"))
    first = await take(pool, wrong)
    assert await exceptions(point) == [
        ("register_difference", "register agent kassa24 2026-08-01 k1", 2_000)
    ]
    second = await take(pool, right)
    assert second.replaced == first.register_no
    assert await exceptions(point) == []
    rows = await list_registers(point.connection, AGENCY, replaced=True)
    assert [(row.register_no, row.replaced_at is None) for row in rows] == [
        (second.register_no, True),
        (first.register_no, False),
    ]
    assert [row.register_no for row in await list_registers(point.connection, AGENCY)] == [
        second.register_no
    ]
    for number, data in ((first.register_no, wrong), (second.register_no, right)):
        assert (await get_register_file(point.connection, AGENCY, number))[0] == data
    # the first one again: it is here already, and what corrects it still stands, which is said
    again = await take(pool, wrong)
    assert (again.repeated, again.register_no) == (True, first.register_no)
    assert again.standing_no == second.register_no
    assert await exceptions(point) == []
    with pytest.raises(NotFound):
        await get_register_file(point.connection, "elsewhere", first.register_no)


async def test_a_file_that_was_corrected_stands_again_when_that_is_asked_for(point, pool):
    """The first, another, the first again: by asking, as a register of its own, and once."""
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await sell(point, "k1", 50_000)
    right, wrong = csv_of(("k1", NOON, "500")), csv_of(("k1", NOON, "480"))
    first, second = await take(pool, right), await take(pool, wrong)
    assert len(await exceptions(point)) == 1
    third = await take(pool, right, again=True)
    assert (third.repeated, third.replaced) == (False, second.register_no)
    assert third.standing_no == third.register_no > second.register_no > first.register_no
    assert await exceptions(point) == []
    for asked in (False, True):
        same = await take(pool, right, again=asked)
        assert (same.repeated, same.register_no) == (True, third.register_no)
    assert [row.register_no for row in await list_registers(point.connection, AGENCY)] == [
        third.register_no
    ]
    assert len(await list_registers(point.connection, AGENCY, replaced=True)) == 3


async def test_a_register_is_replaced_for_good_and_by_another_file(point, pool):
    await add_agent(pool)
    await take(pool, csv_of(("k1", NOON, "500")))
    await take(pool, csv_of(("k1", NOON, "480")))
    copy = (
        "INSERT INTO register (agency_id, agent_id, day, number, format, file_name, digest, file,"
        " mapping, row_count, total_tiyn, replaces, replaced_at, imported_at, imported_by)"
        " SELECT agency_id, agent_id, day, number, format, file_name, digest, file, mapping,"
        " row_count, total_tiyn, register_no, now(), now(), 'x' FROM register"
        " WHERE replaced_at IS NULL"
    )
    for change, why in (
        ("UPDATE register SET replaced_at = NULL", "replaced once"),
        ("UPDATE register SET replaced_at = now() WHERE replaced_at IS NOT NULL", "replaced once"),
        (copy, "of the same file"),
    ):
        for conninfo in (pool.conninfo, with_role(pool.conninfo, "sapar_ticketing")):
            with pytest.raises((DatabaseRefused, Fault), match=why), connect(conninfo) as opened:
                opened.execute(change)


async def test_each_difference_is_one_exception_of_its_value(point, pool):
    await add_agent(pool, credit_limit_tiyn=10**7)
    await point.do(Issue, category="adult")
    for number, amount in enumerate((10_000, 20_000, 30_000, 40_000, 50_000), start=1):
        await sell(point, f"k{number}", amount)
    with pytest.raises(Refused):
        await sell(point, "no", 10**8)
    register = csv_of(
        ("k1", NOON, "100"),  # agrees
        ("their-2", NOON, "200"),  # agrees by amount and time
        ("k3", NOON, "299.99"),
        ("k4", NOON, "400", "cancelled"),
        ("ghost", NOON, "7.77"),
        ("no", NOON, "1000000"),
    )
    await take(pool, register)
    prefix = "register agent kassa24 2026-08-01"
    expected = [
        ("register_difference", f"{prefix} ghost", 777),
        ("register_difference", f"{prefix} k3", 1),
        ("register_difference", f"{prefix} k4", 40_000),
        ("register_difference", f"{prefix} k5", 50_000),
        ("register_difference", f"{prefix} no", 100_000_000),
    ]
    assert await exceptions(point) == expected
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    assert await exceptions(point) == expected
    [(details, days)] = await point.fetch(
        "SELECT array_agg(detail ORDER BY subject), array_agg(DISTINCT business_date)"
        " FROM ticketing_exception"
    )
    assert [one.split(":")[0] for one in details] == [
        "missing_in_ledger", "amount_mismatch", "status_mismatch", "missing_in_register",
        "missing_in_ledger",
    ]  # fmt: skip
    assert days == [DAY]


async def test_a_sale_that_comes_to_light_later_settles_its_difference(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await take(pool, csv_of(("k1", NOON, "500")))
    assert len(await exceptions(point)) == 1
    point.clock.set(NEXT_MORNING.timestamp())
    await point.do(TopUp, key="k1", amount_tiyn=50_000, paid=AGENT, at_ms=NOON_MS)
    # the job of the next day looks at what differed before
    done = await close_agents_day(
        pool, AGENCY, DAY + timedelta(days=1), NEXT_MORNING + timedelta(days=1), "robot"
    )
    assert done.differences == 0
    assert await exceptions(point, "register_difference") == []


async def test_a_register_that_does_not_come(point, pool):
    await add_agent(pool, register_due_h=10)  # until 14:00 on the next day
    await add_agent(pool, "idle", register_due_h=1)
    await add_processor(pool, register_due_h=1)
    await point.do(Issue, category="adult")
    await sell(point, "k1", 50_000)
    await sell(point, "k2", 9_900, KASPI)
    kaspi = ("register_missing", "register processor kaspi 2026-08-01", 9_900)
    kassa = ("register_missing", "register agent kassa24 2026-08-01", 50_000)
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    assert await exceptions(point, "register_missing") == [kaspi]
    late = NEXT_MORNING + timedelta(hours=6)
    # looked for in the days after, too
    await close_agents_day(pool, AGENCY, DAY + timedelta(days=1), late, "robot")
    assert await exceptions(point, "register_missing") == [kassa, kaspi]
    await take(pool, csv_of(("k1", NOON, "500")), who=WHO._replace(now=late))
    assert await exceptions(point) == [kaspi]


async def test_a_register_before_its_day_is_over_is_compared_when_it_is(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await sell(point, "k1", 50_000)
    await take(pool, csv_of(("k1", NOON, "480")), who=WHO)
    await close_agents_day(pool, AGENCY, DAY, WHO.now, "robot")
    assert await exceptions(point) == []
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    assert len(await exceptions(point)) == 1


async def test_a_processors_own_references_meet_by_card_amount_and_time(point, pool):
    await add_processor(pool)
    await point.do(Issue, category="adult")
    await point.do(Issue, "B", category="adult")
    await sell(point, "k1", 50_000, KASPI)
    await sell(point, "k2", 50_000, KASPI, "B")
    head = "rrn;time;amount;card;status;masked"
    rows = f"{head}\n900;2026-08-01 12:04:00;500;B;;4400**1234\n901;2026-08-01 12:05:00;500;A;;"
    mapping = RegisterMapping(columns={"reference": "rrn"})
    await keep_mapping(pool, AGENCY, "processor", "kaspi", plain_mapping(mapping), WHO)
    await take(pool, rows.encode(), party="processor", party_id="kaspi", number="R-77")
    compared = await compare_day(point.connection, AGENCY, "processor", "kaspi", DAY)
    assert (compared.agreed, compared.by_reference, compared.differences) == (2, 0, [])
    await close_agents_day(pool, AGENCY, DAY, NEXT_MORNING, "robot")
    assert await point.fetch("SELECT batch_ref, kind FROM finance_item") == [
        ("R-77", "processor_payout")
    ]


async def test_what_is_not_taken(point, pool):
    await add_agent(pool)
    for data in (b"nonsense", csv_of(("k1", "2026-07-30 12:00:00", "5")), csv_of(("k", NOON, "x"))):
        with pytest.raises(BrokenFile):
            await take(pool, data)
    with pytest.raises(BadInput) as caught:
        await take(pool, csv_of(), day=DAY + timedelta(days=2))
    assert caught.value.code == "future_day"
    with pytest.raises(NotFound):
        await take(pool, csv_of(), party_id="nobody")
    assert await point.fetch("SELECT 1 FROM register") == []
    with pytest.raises(NotFound) as missing:
        await compare_day(point.connection, AGENCY, "agent", "kassa24", DAY)
    assert missing.value.code == "no_register"
    await take(pool, csv_of())  # nothing sold is a register, too
    for change in ("UPDATE register SET number = 'x'", "DELETE FROM register_row"):
        with pytest.raises(Exception, match=r"append-only|permission denied"):
            await point.fetch(change)
