"""What the database refuses of statements, orders, disputes and tariffs, and when one has an end."""

from typing import Any

import pytest

from sapar.core.db import DatabaseRefused, connect, with_role
from sapar.core.errors import BadInput, Fault, Refused
from sapar.finance.settlement.disputes import list_disputes, open_dispute
from sapar.finance.settlement.payments import pay_statement
from sapar.finance.settlement.statements import get_statement, issue_statement
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import Finance
from tests.finance.settlement.test_disputes import (
    PAYER,
    WHO,
    bank,
    decide,
    exceptions,
    hold,
    pay,
)
from tests.ticketing.world import AGENCY

REFUSED = (DatabaseRefused, Fault)  # `Fault`: the privilege is missing


@pytest.fixture(params=["owner", "role"])
def as_whom(request, finance: Finance) -> str:
    """The database's owner, or the role that posts: neither may more."""
    return (
        finance.conninfo
        if request.param == "owner"
        else with_role(finance.conninfo, "sapar_ticketing")
    )


@pytest.fixture
async def statements(finance: Finance) -> list[int]:
    """Drafts of `north` and `south`."""
    await finance.contract("north")
    await finance.contract("south")
    await finance.post(finance.taps(70, 60))
    finance.close(1)
    await bank(finance)
    return (await finance.settle()).statements


def refuse(conninfo: str, changes: list[tuple[str, str]], values: Any = ()) -> None:
    """Try each change; each is refused for its reason, at the latest by the commit."""
    for statement, why in changes:
        with pytest.raises(REFUSED, match=why):
            _try(conninfo, statement, values)


def _try(conninfo: str, statement: str, values: Any) -> None:
    with connect(conninfo) as connection:
        connection.execute(statement.encode(), values)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit would


async def state(finance: Finance) -> list[tuple]:
    tables = (
        "settlement_statement", "payment_order", "carrier_dispute", "carrier_dispute_step",
    )  # fmt: skip
    return [row for table in tables for row in await finance.rows(f"SELECT t::text FROM {table} t")]


INSERT = (
    "INSERT INTO settlement_statement (agency_id, carrier_no, from_date, to_date, part, status,"
    " number_year, number_in_year, total_tiyn, digest, made_at, made_by, issued_at, issued_by,"
    " order_no) SELECT agency_id, carrier_no, from_date, to_date, 9, %s, 2026, 99, 5, sha256(''),"
    " now(), 'x', now(), 'x', %s FROM settlement_statement LIMIT 1"
)


async def test_a_statement_goes_its_way_and_no_other(finance: Finance, statements, as_whom):
    first, second = statements
    await issue_statement(finance.connection, AGENCY, first, **WHO)
    order = await pay(finance, first)
    before = await state(finance)
    for status, order_no in (("issued", None), ("paid", order.order_no), ("ended", None)):
        with pytest.raises(REFUSED, match="begins as a draft"), connect(as_whom) as connection:
            connection.execute(INSERT, (status, order_no))
    issue = (
        "UPDATE settlement_statement s SET status = 'issued', number_year = 2026,"
        " number_in_year = 7, digest = sha256(''), issued_at = now(), issued_by = 'x', total_tiyn ="
        " (SELECT sum(payable_tiyn) FROM settlement_line l WHERE l.statement_no = s.statement_no)"
    )
    paid, draft = (f"WHERE statement_no = {number}" for number in (first, second))
    refuse(
        as_whom,
        [
            (f"{issue} + 1 {draft}", "over what its lines come to"),
            (f"{issue}, issued_by = ' ' {draft}".replace("issued_by = 'x', ", ""), "over what its"),
            (
                f"UPDATE settlement_statement SET status = 'paid', order_no = 1 {draft}",
                "cannot change so",
            ),
            (f"UPDATE settlement_statement SET status = 'ended' {draft}", "cannot change so"),
            (
                f"UPDATE settlement_statement SET status = 'issued', order_no = NULL {paid}",
                "cannot change so",
            ),
            ("DELETE FROM settlement_statement", "append-only|permission"),
            ("TRUNCATE settlement_statement CASCADE", "append-only|permission"),
        ],
    )
    assert await state(finance) == before
    await issue_statement(finance.connection, AGENCY, second, **WHO)
    refuse(  # nor with the order of another carrier, nor with none that is meant for it
        as_whom,
        [
            (
                f"UPDATE settlement_statement SET status = 'paid', order_no = {order.order_no} {draft}",
                "not of the carrier",
            ),
            (f"UPDATE settlement_statement SET status = 'ended' {draft}", "something to be paid"),
        ],
    )


async def test_nobody_pays_what_the_same_person_issued(finance: Finance, statements, as_whom):
    number = statements[0]
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    with pytest.raises(Refused) as refused:
        await pay_statement(finance.connection, finance.accounts, AGENCY, number, "main", **WHO)
    assert refused.value.code == "same_person"
    await pay(finance, number)
    with connect(finance.conninfo) as connection:  # as if the order were that person's
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE settlement_statement SET status = 'issued', order_no = NULL"
            " WHERE statement_no = %s",
            (number,),
        )
        connection.execute("UPDATE payment_order SET made_by = 'dana'")
    refuse(
        as_whom,
        [(
            ("UPDATE settlement_statement s SET status = 'paid', order_no = o.order_no"
            f" FROM payment_order o WHERE statement_no = {number}"),
            "another person pays it",
        )],
    )  # fmt: skip


async def test_an_order_is_what_its_statements_come_to(finance: Finance, statements, as_whom):
    number = statements[0]
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    await hold(finance, number, amount_tiyn=500)
    order = await pay(finance, number)
    # the columns of the order that is there, under another number, journal and amount
    copy = (
        "INSERT INTO payment_order (agency_id, number_in_agency, bank_account_no, carrier_no,"
        " contract_no, amount_tiyn, order_date, purpose, journal_no, item_no, made_at, made_by)"
        " SELECT agency_id, 99, bank_account_no, carrier_no, contract_no, 1, order_date, purpose,"
        " 999999, item_no, made_at, made_by FROM payment_order"
    )
    refuse(
        as_whom,
        [
            (copy, "not what its statements come to"),
            ("UPDATE payment_order SET amount_tiyn = 1", "append-only|permission"),
            ("UPDATE carrier_dispute_step SET order_no = NULL", "paid once"),
        ],
    )
    assert (await pay(finance, number)) == order


async def test_disputes_and_their_steps_stay(finance: Finance, statements, as_whom):
    number = statements[0]
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    dispute = await hold(finance, number, amount_tiyn=500)
    before = await state(finance)
    decided = "decided_at = now(), decided_by = 'x', decision = 'x'"
    by_nobody = "decided_at = now(), decided_by = ' ', decision = 'x'"
    refuse(
        as_whom,
        [
            ("UPDATE carrier_dispute SET amount_tiyn = 1", "decided once|permission"),
            ("UPDATE carrier_dispute SET reason = 'x'", "decided once|permission"),
            (f"UPDATE carrier_dispute SET status = 'open', {decided}", "decided once|check"),
            (
                f"UPDATE carrier_dispute SET status = 'released', {by_nobody}",
                "decided once",
            ),
            ("UPDATE carrier_dispute_step SET payable_tiyn = -1", "paid once|permission"),
            ("UPDATE carrier_dispute_step SET journal_no = 1", "paid once|permission"),
            ("DELETE FROM carrier_dispute_step", "append-only|permission"),
            ("DELETE FROM carrier_dispute", "append-only|permission"),
            ("TRUNCATE carrier_dispute_step CASCADE", "append-only|permission"),
            ("TRUNCATE carrier_dispute CASCADE", "append-only|permission"),
            (
                (
                    "INSERT INTO carrier_dispute_step (dispute_no, payable_tiyn, journal_no)"
                    " SELECT dispute_no, 499, journal_no + 1 FROM carrier_dispute_step"
                ),
                "its whole amount",
            ),
            (
                (
                    "INSERT INTO carrier_dispute_step (dispute_no, payable_tiyn, journal_no)"
                    " SELECT dispute_no, 500, 999999 FROM carrier_dispute_step"
                ),
                "its whole amount",
            ),
            (
                (
                    "INSERT INTO carrier_dispute (agency_id, statement_no, amount_tiyn, reason, status,"
                    " opened_at, opened_by, decided_at, decided_by, decision) SELECT agency_id,"
                    " statement_no, 1, 'x', 'released', now(), 'x', now(), 'x', 'x'"
                    " FROM carrier_dispute"
                ),
                "begins open",
            ),
        ],
    )
    assert await state(finance) == before
    await decide(finance, dispute.dispute_no, "release")
    refuse(as_whom, [("UPDATE carrier_dispute SET decision = 'y'", "decided once")])


async def test_the_products_own_way_passes_as_the_role(finance: Finance, statements):
    """Held in the draft and after the issue, released and rejected, paid, by the role that posts."""
    owner = finance.connection
    conninfo = with_role(finance.conninfo, "sapar_ticketing")
    finance.connection = await type(owner).connect(conninfo, autocommit=True)
    try:
        for number in statements:
            before = await hold(finance, number, f"a{number}", amount_tiyn=300)
            await issue_statement(finance.connection, AGENCY, number, **WHO)
            after = await hold(finance, number, f"b{number}", amount_tiyn=400)
            await decide(finance, before.dispute_no, "release")
            await decide(finance, after.dispute_no, "reject", city="akimat")
            assert (await pay(finance, number)).amount_tiyn > 0
    finally:
        await finance.connection.close()
        finance.connection = owner
    assert await check_ledger(owner) == []


@pytest.mark.parametrize("when", ["draft", "issued"])
async def test_a_statement_that_is_wholly_held_has_an_end(finance: Finance, statements, when):
    """It waits while nobody has decided; rejected, there is nothing to wait for."""
    number = statements[0]
    whole = (await get_statement(finance.connection, AGENCY, number)).payable_tiyn
    if when == "draft":
        dispute = await hold(finance, number, amount_tiyn=whole)
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    if when == "issued":
        dispute = await hold(finance, number, amount_tiyn=whole)
    assert (await get_statement(finance.connection, AGENCY, number)).status == "issued"
    with pytest.raises(Refused) as refused:
        await pay(finance, number)
    assert refused.value.code == "nothing_to_pay"
    await decide(finance, dispute.dispute_no, "reject", city="akimat")
    ended = await get_statement(finance.connection, AGENCY, number)
    assert (ended.status, ended.payable_tiyn + ended.waiting_tiyn) == ("ended", 0)
    with pytest.raises(Refused) as refused:
        await pay(finance, number)
    assert refused.value.code == "nothing_to_pay"
    with pytest.raises(Refused):  # nor is anything of it held once more
        await hold(finance, number, "more", amount_tiyn=1)
    assert await exceptions(finance) != []
    assert [row[4] for row in await exceptions(finance)] == [False]
    assert await finance.balances(2320) == {}
    log = await finance.rows("SELECT person, target FROM audit_log WHERE action = 'settlement.end'")
    assert log == [("dana", f"statement {number}")]
    # what comes later is another part of the period, and the ended one stays out of it
    assert (await finance.settle()).lines == 0
    assert await check_ledger(finance.connection) == []


@pytest.mark.parametrize("when", ["draft", "issued"])
async def test_what_was_wholly_held_and_released_is_paid(finance: Finance, statements, when):
    number = statements[0]
    whole = (await get_statement(finance.connection, AGENCY, number)).payable_tiyn
    if when == "draft":
        dispute = await hold(finance, number, amount_tiyn=whole)
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    if when == "issued":
        dispute = await hold(finance, number, amount_tiyn=whole)
    await decide(finance, dispute.dispute_no, "release")
    assert (await pay(finance, number)).amount_tiyn == whole
    assert await finance.balances(2320) == {}


async def test_no_bank_cards_number_is_a_reason(finance: Finance, statements):
    for key, reason in (("k", "paid with 4111 1111 1111 1111"), ("4111111111111111", "x")):
        with pytest.raises(BadInput) as refused:
            await open_dispute(
                finance.connection, finance.accounts, AGENCY, statements[0], key=key,
                reason=reason, amount_tiyn=1, **PAYER,
            )  # fmt: skip
        assert refused.value.code == "pan_like"
    assert await list_disputes(finance.connection, AGENCY) == []
