"""Claims on real ledgers: equal to what 1220 holds, claimed once, paid in part."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import Refused
from sapar.finance.claims import claiming
from sapar.finance.claims.claim_paper import claim_file
from sapar.finance.claims.claiming import (
    check_claims,
    claim_parts,
    list_claim_lines,
    list_claims,
    run_claims,
)
from sapar.finance.matching.items import list_items
from tests.finance.settlement.support import DAY, NOW, Finance, close_days, finance_of, open_day
from tests.ticketing.bulk import Fare, counted_taps, day_tariff, even_day, make_city, post_all
from tests.ticketing.world import AGENCY, make_world

# The printed day of Almaty, a hundredth of it.
BOARDINGS = {
    "adult": 3922, "pensioner": 617, "elder": 102, "student": 1571, "pupil": 433,
}  # fmt: skip
FARES = {
    "adult": Fare(80), "pensioner": Fare(40, "akimat"), "elder": Fare(0, "akimat"),
    "student": Fare(40, "akimat"), "pupil": Fare(40, "republic"),
}  # fmt: skip


@pytest.fixture
async def finance(database: str):
    async with finance_of(make_world(database, devices=8)) as finance:
        yield finance


async def claim(finance: Finance, days: int = 1):
    return await run_claims(
        finance.connection, AGENCY, DAY, DAY + timedelta(days=days - 1), actor="dana", now=NOW
    )


async def test_an_almaty_day_is_count_times_difference(database: str):
    devices = make_city(database, BOARDINGS, "Asia/Almaty")
    tariffs = day_tariff(FARES, "Asia/Almaty")
    # validators' master key has nothing to do with it: taps come verified
    taps = counted_taps(devices, even_day(BOARDINGS, datetime(2016, 2, 10, tzinfo=UTC), 1))
    assert await post_all(database, tariffs, taps) == sum(BOARDINGS.values())
    day = date(2016, 2, 10)
    close_days(database, day, day, "almaty")
    async with await connect_async(database) as connection:
        made = await run_claims(connection, "almaty", day, day, actor="dana", now=NOW)
        assert [(one.funder, one.amount_tiyn) for one in made] == [
            ("akimat", (617 * 40 + 102 * 80 + 1571 * 40) * 100), ("republic", 433 * 40 * 100),
        ]  # fmt: skip
        lines = await list_claim_lines(connection, made[0].claim_no)
        assert [(line.category, line.rides, line.difference_tiyn) for line in lines] == [
            ("elder", 102, 8000), ("pensioner", 617, 4000), ("student", 1571, 4000),
        ]  # fmt: skip
        parts = await claim_parts(connection, "almaty", made[0].claim_no, 1)
        assert (sum(p.rides for p in parts), sum(p.amount_tiyn for p in parts)) == (102, 816_000)
        assert await run_claims(connection, "almaty", day, day, actor="dana", now=NOW) == []


async def balance(finance: Finance) -> dict[str, int]:
    return {owner: amount for (_, owner), amount in (await finance.balances(1220)).items()}


async def test_claims_are_what_the_budgets_owe(finance: Finance):
    await finance.post(finance.taps(30, 80))
    finance.close(1)
    made = await claim(finance)
    assert {one.funder: one.amount_tiyn for one in made} == await balance(finance)
    assert made
    for one in made:
        lines = await list_claim_lines(finance.connection, one.claim_no)
        assert sum(line.amount_tiyn for line in lines) == one.amount_tiyn
        for line in lines:
            parts = await claim_parts(finance.connection, AGENCY, one.claim_no, line.position)
            assert sum(part.amount_tiyn for part in parts) == line.amount_tiyn
            assert sum(part.rides for part in parts) == line.rides
    items = await list_items(finance.connection, AGENCY, kind="claim")
    assert {(item.code, item.owner): item.amount_tiyn for item in items} == {
        (1220, one.funder): one.amount_tiyn for one in made
    }
    assert await claim(finance) == []


async def test_what_comes_later_is_the_next_part(finance: Finance):
    taps = finance.taps(31, 80)
    await finance.post(taps[::2])
    finance.close(1)
    first = await claim(finance)
    open_day(finance.conninfo, DAY)
    await finance.post(taps[1::2])
    finance.close(1)
    second = await claim(finance)
    assert {one.part for one in first} == {1}
    assert {one.part for one in second} == {2}
    owed: dict[str, int] = {}
    for one in [*first, *second]:
        owed[one.funder] = owed.get(one.funder, 0) + one.amount_tiyn
    assert owed == await balance(finance)


async def test_late_rides_are_claimed_with_the_day_that_they_posted_to(finance: Finance):
    early, late = finance.taps(32, 40), finance.taps(33, 40)
    await finance.post(early)
    finance.close(1)
    await claim(finance)
    await finance.post(late)
    finance.close(2)
    made = await claim(finance, 2)
    blocks = {
        line.block
        for one in made
        for line in await list_claim_lines(finance.connection, one.claim_no)
    }
    assert blocks == {"late"}
    total = sum(one.amount_tiyn for one in await list_claims(finance.connection, AGENCY))
    assert total == sum((await balance(finance)).values())


async def test_a_claim_of_less_than_nothing_is_told_until_somebody_has_settled_it(
    finance: Finance,
):
    """Refunds of a reopened day, of rides that were claimed before: nobody would pay it back."""
    await finance.rows(
        "INSERT INTO budget_claim (agency_id, funder, from_date, to_date, part, number_in_agency,"
        " amount_tiyn, digest, made_at, made_by) VALUES (%s, 'akimat', %s, %s, 2, 7, -700,"
        " sha256(''), %s, 'dana') RETURNING claim_no", AGENCY, DAY, DAY, NOW,
    )  # fmt: skip
    kept = await check_claims(finance.connection, AGENCY, now=NOW)
    [(subject, value, code, owner)] = await finance.rows(
        "SELECT subject, value_tiyn, code, owner FROM ticketing_exception"
    )
    assert ([subject], value, code, owner) == (kept.opened, 700, 1220, "akimat")
    assert (await check_claims(finance.connection, AGENCY, now=NOW)) == ([], [], [], [])


async def test_a_day_that_is_opened_while_it_is_claimed_is_not(finance: Finance, monkeypatch):
    """What is posted meanwhile with a lower number than the last that was seen would be lost."""
    await finance.post(finance.taps(34, 20))
    finance.close(1)
    real = claiming._claim

    async def beside(connection, names):
        open_day(finance.conninfo, DAY)
        return await real(connection, names)

    monkeypatch.setattr(claiming, "_claim", beside)
    with pytest.raises(Refused) as refused:
        await claim(finance)
    assert refused.value.code == "day_open"
    assert await list_claims(finance.connection, AGENCY) == []

    async def again(connection, names):
        finance.close(1)  # another time
        return await real(connection, names)

    finance.close(1)
    monkeypatch.setattr(claiming, "_claim", again)
    with pytest.raises(Refused) as refused:
        await claim(finance)
    assert refused.value.code == "day_reopened"
    assert await list_claims(finance.connection, AGENCY) == []
    monkeypatch.setattr(claiming, "_claim", real)
    assert await claim(finance)


async def test_an_open_day_cannot_be_claimed(finance: Finance):
    with pytest.raises(Refused, match="is not closed"):
        await claim(finance)


async def test_a_claim_that_nobody_paid_is_no_difference(finance: Finance):
    await finance.post(finance.taps(34, 40))
    finance.close(1)
    [one, *_] = await claim(finance)
    assert one.open_tiyn == one.amount_tiyn
    assert not one.paid
    assert (await check_claims(finance.connection, AGENCY, now=NOW)).opened == []


async def test_documents_of_claims_stay(finance: Finance):
    await finance.post(finance.taps(35, 40))
    finance.close(1)
    [one, *_] = await claim(finance)
    for form in ("xlsx", "pdf", "csv"):
        for language in ("kk", "ru", "en"):
            data = await claim_file(finance.connection, AGENCY, one.claim_no, form, language)
            assert data == await claim_file(
                finance.connection, AGENCY, one.claim_no, form, language
            )
    rows = await finance.rows("SELECT content, digest FROM finance_paper")
    assert len(rows) == 9
    assert all(hashlib.sha256(content).digest() == digest for content, digest in rows)
    text = (await claim_file(finance.connection, AGENCY, one.claim_no, "csv", "ru")).decode()
    assert "Заявка на возмещение затрат на льготный проезд № CL-2026-0001" in text
