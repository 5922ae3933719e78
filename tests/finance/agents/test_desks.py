"""Cash desks of our own: free words while there are none, the register alone once there is one."""

import asyncio
from typing import Any

import pytest

from sapar.core.db import Pool, connect, connect_async
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.agents.desks import (
    CashDesk,
    DeskSays,
    check_desk,
    desks_of,
    keep_desk,
    list_desks,
    list_sellers,
)
from sapar.finance.agents.model import AgentTerms
from sapar.finance.agents.parties import add_party, require_known
from sapar.ticketing.cards.requests import Issue, Paid, TopUp
from sapar.ticketing.ledger.role import restricted
from tests.finance.agents.support import WHO, add_agent
from tests.ticketing.cards.counter import AGENCY, DAY, ServicePoint


def person(database: str, name: str, role: str = "cashier", agency: str | None = AGENCY) -> int:
    with connect(database) as connection:
        row = connection.execute(
            "INSERT INTO person (name, created_at) VALUES (%s, now()) RETURNING user_id", (name,)
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO person_role (user_id, agency_id, role) VALUES (%s, %s, %s)",
            (row[0], agency, role),
        )
    return int(row[0])


async def keep(pool: Pool, desk_id: str = "desk-1", **says: Any) -> bool:
    return await keep_desk(pool, AGENCY, desk_id, DeskSays(**{"name": "Station"} | says), WHO)


async def code_of(pool: Pool, desk_id: str, user_id: int) -> str:
    async with pool.connection() as connection:
        try:
            await check_desk(connection, AGENCY, desk_id, user_id)
        except Refused as refused:
            return refused.code
    return ""


async def shown(pool: Pool) -> list[CashDesk]:
    async with pool.connection() as connection:
        return await list_desks(connection, AGENCY)


async def test_who_may_sell_where(database: str, point: ServicePoint, pool: Pool) -> None:
    anna, boris = person(database, "anna"), person(database, "boris", agency=None)
    clerk = person(database, "clerk", "accountant")
    assert await code_of(pool, "anything", clerk) == ""  # no desk is kept: free words
    assert await keep(pool, sellers=[anna])
    assert not await keep(pool, sellers=[anna])
    assert await code_of(pool, "desk-1", anna) == ""
    assert await code_of(pool, "desk-1", boris) == "not_your_desk"
    assert await code_of(pool, "anything", anna) == "unknown_desk"
    assert await keep(pool, sellers=[boris], place="Hall 2")
    assert await code_of(pool, "desk-1", anna) == "not_your_desk"
    assert await keep(pool, status="closed", sellers=[boris])
    assert await code_of(pool, "desk-1", boris) == "desk_closed"
    async with pool.connection() as connection:
        assert [one.name for one in await list_sellers(connection, AGENCY)] == ["anna", "boris"]
        assert await desks_of(connection, AGENCY, boris) == (True, [])
    [desk] = await shown(pool)
    assert (desk.status, [one.name for one in desk.sellers]) == ("closed", ["boris"])
    rows = await point.fetch(
        "SELECT action, before -> 'sellers', after -> 'sellers' FROM audit_log ORDER BY audit_no"
    )
    assert rows == [
        ("cash_desk.create", None, [anna]),
        ("cash_desk.change", [anna], [boris]),
        ("cash_desk.change", [boris], [boris]),
    ]


async def test_a_register_has_sense(database: str, point: ServicePoint, pool: Pool) -> None:
    clerk = person(database, "clerk", "accountant")
    await add_agent(pool, "kassa24")
    bad: list[tuple[str, dict[str, Any], str]] = [
        ("no room", {}, "desk_id"), ("d", {"name": " "}, "name"), ("d", {"name": "a\nb"}, "name"),
        ("d", {"place": "x" * 201}, "place"), ("d", {"sellers": [clerk]}, "sellers"),
        ("d", {"sellers": [10**6]}, "sellers"),
    ]  # fmt: skip
    for desk_id, says, code in bad:
        with pytest.raises(BadInput) as refused:
            await keep(pool, desk_id, **says)
        assert refused.value.code == code, says
    with pytest.raises(Refused) as taken:  # both would owe on the same account
        await keep(pool, "kassa24")
    assert taken.value.code == "agent_exists"
    assert await keep(pool)
    with pytest.raises(Refused) as taken:
        await add_party(
            pool, AGENCY, "desk-1", "D", AgentTerms(from_date=DAY, kind="postpaid"), WHO
        )
    assert taken.value.code == "desk_exists"
    with pytest.raises(NotFound):
        await keep_desk(pool, "nowhere", "d", DeskSays(name="D"), WHO)


async def test_a_desk_of_the_register_is_known_where_all_must_be(
    point: ServicePoint, pool: Pool
) -> None:
    await point.do(Issue, category="adult")
    await require_known(pool, AGENCY, True, WHO)
    desk = Paid(by="cash_desk", name="desk-1")
    with pytest.raises(Refused) as refused:
        await point.do(TopUp, amount_tiyn=5_000, paid=desk)
    assert refused.value.code == "unknown_agent"
    await keep(pool)
    await point.do(TopUp, amount_tiyn=5_000, paid=desk)
    [kept] = await shown(pool)
    assert kept.balance_tiyn == 5_000
    with pytest.raises(Refused) as refused:  # an agent of that name is not known by it
        await point.do(TopUp, amount_tiyn=5_000, paid=Paid(by="agent", name="desk-1"))
    assert refused.value.code == "unknown_agent"


async def test_a_desk_is_not_closed_under_a_sale(database: str, pool: Pool) -> None:
    from sapar.fleet.agencies import ensure_agency

    with connect(database) as direct:
        ensure_agency(direct, AGENCY, timezone="Asia/Aqtobe")
    anna = person(database, "anna")
    await keep(pool, sellers=[anna])
    async with await connect_async(restricted(database), autocommit=False) as selling:
        await check_desk(selling, AGENCY, "desk-1", anna)
        closing = asyncio.create_task(keep(pool, status="closed"))
        waiting = 0
        while waiting == 0:
            with connect(database) as direct:
                row = direct.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                ).fetchone()
            assert row is not None
            waiting = row[0]
            await asyncio.sleep(0.01)
        assert not closing.done()
        await selling.commit()
    assert await closing
    assert await code_of(pool, "desk-1", anna) == "desk_closed"
