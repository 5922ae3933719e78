"""Posting against the real database."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.core.db import AsyncConnection, Connection, DatabaseRefused, connect
from sapar.core.errors import Fault
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.posting import lock_cards, post
from tests.ticketing.closing import close_day
from tests.ticketing.ledger.support import (
    AGENCY,
    AT_MS,
    CLEARING,
    DAY,
    PERFORMED,
    PROCESSOR,
    debt,
    fare,
    journal,
    post_all,
    purse,
    rows,
    top_up,
)


async def balances(connection: AsyncConnection, card_no: int) -> tuple[int, int]:
    found = await rows(
        connection, "SELECT purse_tiyn, debt_tiyn FROM card WHERE card_no = %s", card_no
    )
    return found[0]


async def test_every_column_comes_back_as_it_went_in(connection, accounts):
    sent = fare(
        accounts, 3, 17,
        event_at_raw_ms=AT_MS - 5, product_id="local \t\\N", rider_category="взрослый",
        tariff_version=7, rule="leg local\nadult", actor="тест",
    )  # fmt: skip
    await post_all(connection, [sent])
    found = await rows(
        connection,
        "SELECT journal_no, agency_id, kind, source_key, content_hash, tap_no, revision, card_no,"
        " service_date, business_date, event_at, event_at_raw, received_at, product_id,"
        " rider_category, tariff_version, rule, reverses, actor, accounts, amounts"
        " FROM journal WHERE kind = 'fare'",
    )

    def at(ms: int) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)

    assert found == [
        (
            sent.journal_no, AGENCY, "fare", None, None, 17, 1, 3, DAY, DAY, at(AT_MS),
            at(AT_MS - 5), at(AT_MS + 1500), "local \t\\N", "взрослый", 7, "leg local\nadult", None,
            "тест", list(sent.entries), list(sent.entries.values()),
        )
    ]  # fmt: skip


async def test_a_top_up_has_its_key_and_hash(connection, accounts):
    [sent] = await post_all(connection, [top_up(accounts, 1, "k1")])
    found = await rows(connection, "SELECT source_key, content_hash, tap_no FROM journal")
    assert found == [("k1", b"x" * 32, None)]
    assert sent.journal_no == 1
    assert await balances(connection, 1) == (100_000, 0)


async def test_what_a_purse_lacks_becomes_debt_and_the_next_money_pays_it(connection, accounts):
    posted = await post_all(connection, [fare(accounts, 1, 1), fare(accounts, 1, 2)])
    assert [j.kind for j in posted] == ["fare", "fare", "debt"]
    assert posted[-1].entries == {debt(1): 24_000, purse(1): -24_000}
    assert await balances(connection, 1) == (0, 24_000)
    await post_all(connection, [top_up(accounts, 1, "a", 20_000)])
    assert await balances(connection, 1) == (0, 4_000)
    posted = await post_all(connection, [top_up(accounts, 1, "b", 20_000)])
    assert posted[-1].entries == {debt(1): -4_000, purse(1): 4_000}
    assert await balances(connection, 1) == (16_000, 0)
    await post_all(connection, [fare(accounts, 1, 3)])
    assert await balances(connection, 1) == (4_000, 0)


async def test_accounts_hold_the_sum_of_their_entries(connection, accounts):
    await post_all(connection, [fare(accounts, n, n) for n in range(1, 6)])
    await post_all(connection, [top_up(accounts, 2, "k")])
    found = dict(await rows(connection, "SELECT account_no, balance FROM account"))
    assert found[accounts[CLEARING]] == -60_000
    assert found[accounts[PERFORMED]] == 5
    assert found[accounts[PROCESSOR]] == 100_000
    summed = dict(
        await rows(
            connection,
            "SELECT account_no, sum(amount)::bigint FROM entry WHERE account_no < 0 GROUP BY 1",
        )
    )
    assert {k: v for k, v in found.items() if v} == summed


async def test_a_posting_falls_on_the_first_open_day(database, connection, accounts):
    with connect(database) as other:
        for day in (DAY, DAY + timedelta(days=1)):
            close_day(other, AGENCY, day)
    posted = await post_all(
        connection,
        [fare(accounts, 1, 1), fare(accounts, 2, 2, service_date=DAY - timedelta(days=1))],
    )
    assert [j.business_date for j in posted] == [
        date(2026, 3, 20), date(2026, 3, 17), date(2026, 3, 20), date(2026, 3, 17),
    ]  # fmt: skip


async def test_refused_journals_change_nothing(connection, accounts):
    good = fare(accounts, 1, 1)
    wrong = [
        fare(accounts, 1, 2, entries={purse(1): 5, accounts[CLEARING]: -4}),
        fare(accounts, 1, 2, entries={purse(1): 5, accounts[PERFORMED]: -5}),  # mixed assets
        fare(accounts, 1, 2, entries={purse(1): 5}),
        fare(accounts, 1, 1),  # its tap has that revision
        journal({purse(1): 5, accounts[CLEARING]: -5}),  # neither tap nor key
    ]
    for bad in wrong:
        with pytest.raises(DatabaseRefused):
            await post_all(connection, [good, bad])
    for bad in (
        fare(accounts, 1, 1, entries={purse(11): 5, accounts[CLEARING]: -5}),
        fare(accounts, 1, 1, entries={-999: 5, accounts[CLEARING]: -5}),
    ):
        with pytest.raises(Fault):
            await post_all(connection, [bad])
    assert await rows(connection, "SELECT count(*) FROM journal") == [(0,)]
    assert await rows(connection, "SELECT sum(abs(balance)) FROM account") == [(0,)]


async def test_cards_are_locked_as_they_stand(connection, accounts):
    await post_all(connection, [top_up(accounts, 4, "k", 5_000)])
    async with connection.transaction():
        cards = await lock_cards(connection, [4, 2, 4, 99])
        assert list(cards) == [2, 4]
        assert cards[4].purse_tiyn == 5_000
        assert cards[4].card_ref == "c4"
        assert cards[4].category_from_ms == 1_767_225_600_000
        assert await post(connection, [], cards) == []


async def test_accounts_are_made_once_and_stay_when_the_posting_does_not(database, connection):
    first, second = Accounts(database), Accounts(database)
    key = (AGENCY, 1110, "shop")
    async with connection.transaction(force_rollback=True):
        number = (await first.numbers([key]))[key]
    assert (await second.numbers([key, CLEARING]))[key] == number
    assert number < 0
    assert (await second.numbers([PERFORMED]))[PERFORMED] < -1_000_000_000
    for wrong in ((AGENCY, 2110, "c1"), (AGENCY, 1, "")):
        with pytest.raises(Fault):
            await first.numbers([wrong])


_KZT, _BRD = st.integers(-3, 20), st.integers(-1_000_000_003, -1_000_000_001)
_AMOUNTS = st.integers(-3, 3) | st.none()
_ARRAYS = st.integers(0, 6).flatmap(
    lambda n: st.tuples(
        st.lists(_KZT | _BRD | st.none(), min_size=n, max_size=n),
        st.lists(_AMOUNTS, min_size=n, max_size=n + (n > 4)),
    )
)


@given(st.lists(_ARRAYS, min_size=50, max_size=50))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_takes_only_what_balances(database, cases):
    """Whatever the arrays hold: the rule is the sum per asset, no zeros, no nulls, two at least."""
    with connect(database, autocommit=True) as connection:
        for accounts, amounts in cases:
            whole = len(accounts) == len(amounts) >= 2 and None not in accounts + amounts
            sums = {True: 0, False: 0}
            if whole:
                for number, amount in zip(accounts, amounts, strict=True):
                    sums[number < -1_000_000_000] += amount
            expected = whole and 0 not in amounts and not any(sums.values())
            assert takes(connection, accounts, amounts) == expected, (accounts, amounts)
        for accounts, amounts in (
            ("{{1,2},{3,4}}", "{{1,-1},{1,-1}}"),
            ("[0:1]={1,2}", "[0:1]={5,-5}"),
            ("{}", "{}"),
            ("{0,NULL,0}", "{1,1,-2}"),
        ):
            assert not takes(connection, accounts, amounts)


def takes(connection: Connection, accounts: object, amounts: object) -> bool:
    """Whether the table takes a journal of these entries; leaves none."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(
                "INSERT INTO journal (journal_no, agency_id, kind, service_date, business_date,"
                " event_at, event_at_raw, received_at, rule, actor, accounts, amounts)"
                " VALUES (1, 'a', 'debt', now(), now(), now(), now(), now(), '', '', %s, %s)",
                (accounts, amounts),
            )
    except psycopg.errors.CheckViolation:
        return False
    return True
