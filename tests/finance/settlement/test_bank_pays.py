"""The whole way: ordered and claimed, shown by the bank, matched; what is not paid is told."""

from datetime import timedelta

from sapar.core.db import open_pool
from sapar.finance.bank.accounts import Doer, add_account
from sapar.finance.bank.importing import import_statement
from sapar.finance.bank.model import Line, Statement
from sapar.finance.claims.claiming import check_claims, get_claim, run_claims
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching.run import run_matching
from sapar.finance.matching.undoing import undo_match
from sapar.finance.settlement.payments import list_orders
from sapar.finance.settlement.statements import get_statement, issue_statement
from tests.finance.bank.writers import write_1c
from tests.finance.settlement.support import DAY, NOW, Finance
from tests.finance.settlement.test_disputes import WHO, pay
from tests.ticketing.world import AGENCY

IBAN = "KZ86125KZT5004100100"


async def receive(finance: Finance, *lines: Line) -> None:
    """Import a statement with these lines, and match."""
    day = NOW.date()
    moved = sum(line.amount_tiyn for line in lines)
    sent = Statement(
        account=IBAN, from_date=day, to_date=day, opening_tiyn=0, closing_tiyn=moved,
        currency="KZT", lines=lines,
    )  # fmt: skip
    await import_statement(
        finance.connection, finance.accounts, AGENCY, write_1c(sent), "x.txt",
        doer=Doer("dana"), now=NOW,
    )  # fmt: skip
    async with open_pool(finance.conninfo, max_size=2) as pool:
        await run_matching(pool, AGENCY, "dana", NOW)


async def prepare(finance: Finance) -> int:
    await finance.contract("north", payee_iban="KZ75125KZT1001300335")
    await finance.post(finance.taps(95, 60))
    finance.close(1)
    await add_account(
        finance.connection, AGENCY, account="main", iban=IBAN, name="Main", doer=Doer("dana"),
        now=NOW,
    )  # fmt: skip
    [number] = (await finance.settle()).statements
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    return number


async def test_the_bank_shows_the_payment(finance: Finance):
    number = await prepare(finance)
    order = await pay(finance, number)
    await receive(
        finance,
        Line(booked_on=NOW.date(), amount_tiyn=-order.amount_tiyn, counterparty_name=order.payee_name,
             counterparty_bin=order.payee_bin, counterparty_iban=order.payee_iban,
             reference=str(order.number), purpose=order.purpose),
    )  # fmt: skip
    assert [one.at_bank for one in await list_orders(finance.connection, AGENCY)] == [True]
    assert (await get_statement(finance.connection, AGENCY, number)).at_bank
    assert await finance.balances(1020, 2910) == {}


async def test_a_claim_that_is_paid_in_part_is_told_once(finance: Finance):
    await prepare(finance)
    [claim, other] = await run_claims(finance.connection, AGENCY, DAY, DAY, actor="dana", now=NOW)
    assert claim.amount_tiyn > 12_300
    short = 12_300
    await receive(
        finance,
        Line(booked_on=NOW.date(), amount_tiyn=claim.amount_tiyn - short, counterparty_name="Akimat",
             counterparty_bin="990140000385", reference=claim.number,
             purpose=f"Возмещение по заявке {claim.number}"),
    )  # fmt: skip
    claim = await get_claim(finance.connection, AGENCY, claim.claim_no)
    assert (claim.paid, claim.open_tiyn) == (True, short)
    owed = {(1220, other.funder): other.amount_tiyn}
    assert await finance.balances(1220, 2910) == owed | {(1220, claim.funder): short}
    kept = await check_claims(finance.connection, AGENCY, now=NOW)
    assert kept.opened == ["claim 1"]
    assert (await check_claims(finance.connection, AGENCY, now=NOW)).opened == []
    rows = await finance.rows(
        "SELECT kind, subject, value_tiyn, code, owner FROM ticketing_exception"
        " WHERE closed_at IS NULL AND kind IN ('claim_difference', 'bank_line_unknown')"
    )
    assert rows == [("claim_difference", "claim 1", short, 1220, claim.funder)]
    # the rest comes, and the exception closes by itself
    later = NOW.date() + timedelta(days=1)
    rest = Statement(
        account=IBAN, from_date=later, to_date=later, opening_tiyn=claim.amount_tiyn - short,
        closing_tiyn=claim.amount_tiyn, currency="KZT",
        lines=(Line(booked_on=later, amount_tiyn=short, counterparty_name="Akimat", counterparty_bin="990140000385",
              reference=claim.number, purpose=f"Остаток по заявке {claim.number}"),),
    )  # fmt: skip
    await import_statement(
        finance.connection, finance.accounts, AGENCY, write_1c(rest), "y.txt", doer=Doer("dana"),
        now=NOW + timedelta(days=1),
    )  # fmt: skip
    async with open_pool(finance.conninfo, max_size=2) as pool:
        await run_matching(pool, AGENCY, "dana", NOW + timedelta(days=1))
    assert (await check_claims(finance.connection, AGENCY, now=NOW)).closed == ["claim 1"]
    assert await finance.balances(1220, 2910) == owed


async def test_a_claim_that_is_paid_beyond_is_told(finance: Finance):
    await prepare(finance)
    [claim, other] = await run_claims(finance.connection, AGENCY, DAY, DAY, actor="dana", now=NOW)
    beyond = 5_100
    await receive(
        finance,
        Line(booked_on=NOW.date(), amount_tiyn=claim.amount_tiyn + beyond, counterparty_name="Akimat",
             counterparty_bin="990140000385", reference=claim.number,
             purpose=f"Возмещение по заявке {claim.number}"),
    )  # fmt: skip
    claim = await get_claim(finance.connection, AGENCY, claim.claim_no)
    assert (claim.paid, claim.open_tiyn) == (True, -beyond)
    owed = {(1220, other.funder): other.amount_tiyn}
    assert await finance.balances(1220, 2910) == owed | {(1220, claim.funder): -beyond}
    kept = await check_claims(finance.connection, AGENCY, now=NOW)
    assert kept.opened == [f"claim {claim.claim_no}"]
    [(value, detail)] = await finance.rows(
        "SELECT value_tiyn, detail FROM ticketing_exception WHERE kind = 'claim_difference'"
    )
    assert value == beyond
    assert f"paid {claim.amount_tiyn + beyond} of {claim.amount_tiyn}" in detail
    # taken apart, the claim is as it was
    [(match_no,)] = await finance.rows("SELECT match_no FROM bank_match")
    await undo_match(
        finance.connection, AGENCY, match_no, reason="of another claim", by=Who("dana"), now=NOW
    )
    claim = await get_claim(finance.connection, AGENCY, claim.claim_no)
    assert (claim.paid, claim.open_tiyn) == (False, claim.amount_tiyn)
    assert (await check_claims(finance.connection, AGENCY, now=NOW)).closed == ["claim 1"]
