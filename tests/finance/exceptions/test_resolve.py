"""A posting that resolves an exception: cited, balanced, once, undone by a reversal."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.db import connect_async
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.fitting import NEVER, Entry, check_entries, fitting_codes
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.finance.exceptions.queue import get_exception
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.ticketing.ledger.accounts import CHART, Accounts

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = date(2026, 3, 17)
ANNA = acts.Who("anna")
LOSS = [Entry(5170, "", 16000), Entry(2320, "green", -16000)]


@pytest.fixture
async def number(town) -> int:
    return await opened(town, "shift_difference", Finding("shift v1 1/1", 16000, "2 taps", DAY))


async def opened(town, kind, finding) -> int:
    await keep_findings(town.connection, "town", kind, [finding], now=NOW)
    [(found,)] = await town.rows("SELECT max(exception_no) FROM ticketing_exception")
    return found


async def resolve(town, number, entries=LOSS, key="k1", reason="lost for good", connection=None):
    return await resolve_with_posting(
        connection or town.connection, Accounts(town.conninfo), "town", number, entries,
        reason=reason, key=key, by=ANNA, now=NOW,
    )  # fmt: skip


async def undo(town, number, key="u1"):
    return await undo_resolution(
        town.connection, "town", number, reason="wrong account", key=key, by=ANNA, now=NOW
    )


async def balances(town):
    return await town.rows(
        "SELECT code, owner, balance FROM account WHERE balance <> 0 ORDER BY code, owner"
    )


async def test_a_resolution_is_cited_once(town, number):
    done = await resolve(town, number)
    assert not done.repeated
    assert await resolve(town, number) == (done.journal_no, True)
    assert await balances(town) == [(2320, "green", -16000), (5170, "", 16000)]
    rows = await town.rows(
        "SELECT kind, source_key, service_date, actor, rule FROM journal WHERE journal_no = %s",
        (done.journal_no,),
    )
    assert rows == [
        ("exception", f"exception:{number}:k1", DAY, "anna",
         f"exception {number}: shift_difference")
    ]  # fmt: skip
    card = await get_exception(town.connection, "town", number, NOW)
    one = card.exception
    assert (one.journal_no, one.closed_by, one.resolution) == (
        done.journal_no, "anna", "lost for good",
    )  # fmt: skip
    assert card.history[-1].action == "resolve"
    assert card.history[-1].after["journal_no"] == done.journal_no
    assert await town.rows("SELECT action, person FROM audit_log") == [
        ("exception.resolve", "anna")
    ]
    with pytest.raises(Refused) as raised:
        await resolve(town, number, key="k2")
    assert raised.value.code == "closed"
    with pytest.raises(Refused) as raised:
        await resolve(town, number, reason="other words")
    assert raised.value.code == "idempotency_conflict"
    assert len(await town.rows("SELECT FROM journal")) == 1


async def test_it_is_undone_by_a_reversal(town, number):
    first = await resolve(town, number)
    with pytest.raises(Refused) as raised:
        await acts.reopen(town.connection, "town", number, reason="x", by=ANNA, now=NOW)
    assert raised.value.code == "resolved_by_posting"
    back = await undo(town, number)
    assert await undo(town, number) == (back.journal_no, True)
    assert await balances(town) == []
    assert (await get_exception(town.connection, "town", number, NOW)).exception.closed_at is None
    rows = await town.rows("SELECT reverses FROM journal WHERE journal_no = %s", (back.journal_no,))
    assert rows == [(first.journal_no,)]
    with pytest.raises(Refused) as raised:
        await undo(town, number, key="u2")
    assert raised.value.code == "not_resolved"
    again = await resolve(town, number, key="k3")
    assert not again.repeated


async def test_a_card_is_paid_back_and_cannot_give_what_it_has_not(town):
    [(card_no,)] = await town.rows("SELECT card_no FROM card WHERE card_ref = 'c1'")
    number = await opened(
        town, "double_debit", Finding("tap 5", 8000, "x", DAY, tap_no=5, card_no=card_no)
    )
    with pytest.raises(Refused) as raised:
        await resolve(town, number, [Entry(2110, "c1", 8000), Entry(5130, "", -8000)])
    assert raised.value.code == "insufficient_funds"
    done = await resolve(
        town, number, [Entry(2110, "c1", -8000), Entry(2320, "green", 8000)], key="k2"
    )
    assert await town.rows("SELECT purse_tiyn FROM card WHERE card_ref = 'c1'") == [(8000,)]
    assert await town.rows(
        "SELECT card_no FROM journal WHERE journal_no = %s", (done.journal_no,)
    ) == [(card_no,)]
    await undo(town, number)
    assert await town.rows("SELECT purse_tiyn FROM card WHERE card_ref = 'c1'") == [(0,)]


async def test_cards_get_no_more_than_an_exception_is_worth(town):
    """Else whoever keeps the queue could give away what only a chief accountant may."""
    finding = Finding("tap 5", 8000, "x", DAY, tap_no=5)
    number = await opened(town, "double_debit", finding)
    for key, entries in (
        ("k1", [Entry(2110, "c2", -8001), Entry(5130, "", 8001)]),
        ("k2", [Entry(2110, "c1", -8000), Entry(2130, "c2", -1), Entry(5130, "", 8001)]),
        ("k3", [Entry(1210, "c1", -8001), Entry(5130, "", 8001)]),
    ):
        with pytest.raises(Refused) as raised:
            await resolve(town, number, entries, key=key)
        assert raised.value.code == "beyond_value"
    assert await balances(town) == []
    await resolve(town, number, [Entry(2110, "c1", -8000), Entry(5130, "", 8000)], key="k4")
    assert await town.rows("SELECT purse_tiyn FROM card WHERE card_ref = 'c1'") == [(8000,)]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([Entry(5170, "", 100)], "entry"),
        ([Entry(5170, "", 100), Entry(2320, "green", -99)], "unbalanced"),
        ([Entry(5170, "", 0), Entry(2320, "green", 0)], "entry"),
        ([Entry(5170, "x", 1), Entry(2320, "green", -1)], "entry"),
        ([Entry(5170, "", 1), Entry(2320, "", -1)], "entry"),
        ([Entry(1, "", 1), Entry(2320, "green", -1)], "entry"),
        ([Entry(9110, "green", 1), Entry(2320, "green", -1)], "entry"),
        ([Entry(5170, "", 1), Entry(5170, "", -1)], "entry"),
        ([Entry(5170, "", 10**16), Entry(2320, "green", -(10**16))], "entry"),
        ([Entry(1010, "main", 1), Entry(2320, "green", -1)], "account_does_not_fit"),
        ([Entry(1110, "kiosk", 1), Entry(2320, "green", -1)], "account_does_not_fit"),
        ([Entry(2110, "c1", 1), Entry(2320, "green", -1)], "account_does_not_fit"),
        ([Entry(1230, "green", -1), Entry(2320, "green", 1)], "below_zero"),
    ],
)
async def test_what_does_not_fit_posts_nothing(town, number, entries, code):
    with pytest.raises((BadInput, Refused)) as raised:
        await resolve(town, number, entries)
    assert raised.value.code == code
    assert await town.rows("SELECT FROM journal") == []
    assert (await get_exception(town.connection, "town", number, NOW)).exception.closed_at is None


async def test_the_exceptions_own_account_must_move(town):
    finding = Finding("agent kiosk", 500, "x", DAY, code=1110, owner="kiosk")
    number = await opened(town, "agent_short", finding)
    with pytest.raises(Refused) as raised:
        await resolve(town, number, [Entry(1110, "other", -500), Entry(5140, "", 500)])
    assert raised.value.code == "account_not_moved"
    await resolve(town, number, [Entry(1110, "kiosk", -500), Entry(5140, "", 500)])
    assert await balances(town) == [(1110, "kiosk", -500), (5140, "", 500)]


async def test_what_is_not_there(town, number):
    with pytest.raises(NotFound):
        await resolve(town, number + 1)
    finding = Finding("tap 7", 1, "x", DAY, tap_no=7)
    other = await opened(town, "double_debit", finding)
    with pytest.raises(NotFound):
        await resolve(town, other, [Entry(2110, "nobody", -1), Entry(5130, "", 1)])


async def test_many_at_once_post_one(town, number):
    """The same key from several sides, and other keys beside it: one journal."""
    connections = [await connect_async(town.conninfo) for _ in range(6)]
    try:
        done = await asyncio.gather(
            *(
                resolve(town, number, key=f"k{at // 2}", connection=one)
                for at, one in enumerate(connections)
            ),
            return_exceptions=True,
        )
    finally:
        for one in connections:
            await one.close()
    good = [one for one in done if not isinstance(one, BaseException)]
    assert len({one.journal_no for one in good}) == 1
    assert all(isinstance(one, Refused) for one in done if isinstance(one, BaseException))
    assert len(await town.rows("SELECT FROM journal")) == 1


KINDS = ["gap", "shift_difference", "agent_short", "fee_difference", "bank_line_unknown",
         "balance_assertion", "double_debit", "whatever"]  # fmt: skip


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.none() | st.sampled_from(sorted(CHART)),
)
def test_nobody_moves_what_statements_and_matches_hold(kind, about_ride, code):
    allowed = fitting_codes(kind, about_ride=about_ride, code=code)
    assert not allowed & NEVER
    if kind.startswith("bank_line"):
        assert not allowed


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CHART)), st.sampled_from(["", "a", "b"]),
                  st.integers(-5, 5)),
        max_size=5,
    ),
    st.sampled_from(KINDS),
    st.booleans(),
)  # fmt: skip
def test_what_is_let_through_balances_and_fits(rows, kind, about_ride):
    entries = [Entry(*row) for row in rows]
    try:
        check_entries(entries, kind, about_ride=about_ride)
    except (BadInput, Refused):
        return
    assert sum(one.amount_tiyn for one in entries) == 0 != len(entries)
    assert {one.code for one in entries} <= fitting_codes(kind, about_ride=about_ride)
    assert len({one[:2] for one in entries}) == len(entries)
