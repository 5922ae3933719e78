"""Operations: once, refused for good, conflicts reported, reversed once."""

import asyncio

import pytest

from sapar.core.db import AsyncConnection, DatabaseRefused, connect_async
from sapar.core.errors import Fault, NotFound, Refused
from sapar.ticketing.ledger.operations import (
    AMOUNT_MAX_TIYN,
    Operation,
    check_amount,
    check_funds,
    operate,
    reversal_of,
)
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.types import Journal
from tests.ticketing.ledger.support import (
    AGENCY,
    AT_MS,
    DAY,
    PROCESSOR,
    fare,
    post_all,
    purse,
    rows,
    top_up,
)


def asked(key: str, card_no: int, amount: int, kind: str = "top_up") -> Operation:
    return Operation(AGENCY, kind, key, {"card_no": card_no, "amount_tiyn": amount})


async def move(connection: AsyncConnection, accounts: dict, operation: Operation):
    """Put the operation's amount on the card's purse, or take it off when it is a payout."""

    async def work() -> Journal:
        card_no, amount = operation.content["card_no"], operation.content["amount_tiyn"]
        assert isinstance(card_no, int)
        assert isinstance(amount, int)
        check_amount(amount)
        cards = await lock_cards(connection, [card_no])
        if operation.kind == "payout":
            amount = -amount
        sent = top_up(
            accounts, card_no, operation.source_key, amount,
            kind=operation.kind, content_hash=operation.content_hash,
        )  # fmt: skip
        check_funds([sent], cards)
        await post(connection, [sent], cards)
        return sent

    return await operate(connection, operation, work)


async def counts(connection: AsyncConnection) -> tuple:
    found = await rows(
        connection,
        "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM refused_operation),"
        " (SELECT count(*) FROM key_conflict), (SELECT sum(purse_tiyn) FROM card)",
    )
    return found[0]


async def test_a_key_posts_once(connection, accounts):
    first = await move(connection, accounts, asked("k", 1, 500))
    again = await move(connection, accounts, asked("k", 1, 500))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.journal_no == first.journal_no
    assert await counts(connection) == (1, 0, 0, 500)


async def test_the_same_key_with_other_content_changes_nothing_and_is_reported_once(
    connection, accounts
):
    await move(connection, accounts, asked("k", 1, 500))
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await move(connection, accounts, asked("k", 1, 501))
        assert caught.value.code == "idempotency_conflict"
    assert await counts(connection) == (1, 0, 1, 500)


@pytest.mark.parametrize(
    ("kind", "amount", "code"),
    [
        ("payout", 501, "insufficient_funds"),
        ("top_up", 0, "amount_not_positive"),
        ("top_up", -5, "amount_not_positive"),
        ("top_up", AMOUNT_MAX_TIYN + 1, "amount_too_large"),
        ("top_up", 2**70, "amount_too_large"),
        ("top_up", AMOUNT_MAX_TIYN, "amount_too_large"),  # with what the purse holds already
    ],
)
async def test_a_refused_key_never_posts(connection, accounts, kind, amount, code):
    await move(connection, accounts, asked("money", 1, 500))
    before = await rows(connection, "SELECT * FROM card ORDER BY card_no")
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await move(connection, accounts, asked("k", 1, amount, kind))
        assert caught.value.code == code
    assert await counts(connection) == (1, 1, 0, 500)
    assert await rows(connection, "SELECT * FROM card ORDER BY card_no") == before
    await move(connection, accounts, asked("more", 1, 1000))
    with pytest.raises(Refused) as caught:
        await move(connection, accounts, asked("k", 1, amount, kind))
    assert caught.value.code == code
    with pytest.raises(Refused) as caught:
        await move(connection, accounts, asked("k", 1, 1, kind))
    assert caught.value.code == "idempotency_conflict"
    assert await counts(connection) == (2, 1, 1, 1500)


async def test_a_payout_takes_no_more_than_the_purse_holds(connection, accounts):
    await move(connection, accounts, asked("a", 1, 500))
    await move(connection, accounts, asked("b", 1, 500, "payout"))
    assert await counts(connection) == (2, 0, 0, 0)


async def test_fifty_calls_with_one_key_at_once_post_once(database, connection, accounts):
    others = [await connect_async(database) for _ in range(10)]
    try:
        done = await asyncio.gather(
            *(move(other, accounts, asked("k", 1, 500)) for other in others)
        )
    finally:
        for other in others:
            await other.close()
    assert sorted(outcome.repeated for outcome in done) == [False] + [True] * 9
    assert await counts(connection) == (1, 0, 0, 500)


async def test_work_that_posts_nothing_under_the_key_is_undone(connection, accounts):
    async def work() -> Journal:
        cards = await lock_cards(connection, [1])
        return (await post(connection, [top_up(accounts, 1, "another")], cards))[0]

    with pytest.raises(Fault):
        await operate(connection, asked("k", 1, 5), work)
    assert await counts(connection) == (0, 0, 0, 0)
    async with connection.transaction():
        with pytest.raises(Fault):
            await operate(connection, asked("k", 1, 5), work)


async def reverse(connection: AsyncConnection, key: str, journal_no: int, *, may_owe: bool = True):
    operation = Operation(AGENCY, "reversal", key, {"journal_no": journal_no})

    async def work() -> Journal:
        made = await reversal_of(
            connection, journal_no, operation,
            service_date=DAY, at_ms=AT_MS, actor="ann", rule="paid twice",
        )  # fmt: skip
        cards = await lock_cards(connection, {n >> 3 for n in made.entries if n >= 0})
        check_funds([made], cards, may_owe=may_owe)
        await post(connection, [made], cards)
        return made

    return await operate(connection, operation, work)


async def test_a_reversal_takes_back_money_and_boarding_once(database, connection, accounts):
    posted = await post_all(connection, [fare(accounts, 1, 1)])
    journal_no = posted[0].journal_no
    assert journal_no is not None
    others = [await connect_async(database) for _ in range(6)]
    try:
        done = await asyncio.gather(
            *(reverse(other, f"r{n}", journal_no) for n, other in enumerate(others)),
            return_exceptions=True,
        )
    finally:
        for other in others:
            await other.close()
    refused = [outcome for outcome in done if isinstance(outcome, Refused)]
    assert [outcome.code for outcome in refused] == ["already_reversed"] * 5
    assert len(done) == 6
    assert await rows(connection, "SELECT sum(abs(balance)) FROM account") == [(0,)]
    assert await rows(connection, "SELECT purse_tiyn, debt_tiyn FROM card WHERE card_no = 1") == [
        (0, 0)
    ]
    [(reversal,)] = await rows(
        connection, "SELECT journal_no FROM journal WHERE reverses = %s", journal_no
    )
    with pytest.raises(Refused) as caught:
        await reverse(connection, "again", reversal)
    assert caught.value.code == "not_reversible"
    with pytest.raises(NotFound):
        await reverse(connection, "none", 999_999)


async def test_money_that_was_spent_is_not_taken_back_from_the_card(connection, accounts):
    done = await move(connection, accounts, asked("k", 1, 12_000))
    await post_all(connection, [fare(accounts, 1, 1)])
    with pytest.raises(Refused) as caught:
        await reverse(connection, "r1", done.journal_no, may_owe=False)
    assert caught.value.code == "insufficient_funds"
    await reverse(connection, "r2", done.journal_no)
    assert await rows(connection, "SELECT purse_tiyn, debt_tiyn FROM card WHERE card_no = 1") == [
        (0, 12_000)
    ]


async def test_the_database_itself_refuses_a_second_reversal_and_a_second_key(connection, accounts):
    [first] = await post_all(connection, [top_up(accounts, 1, "k")])
    entries = {accounts[PROCESSOR]: -100_000, purse(1): 100_000}
    back: dict = {"entries": entries, "reverses": first.journal_no}
    await post_all(connection, [top_up(accounts, 1, "r1", **back)])
    with pytest.raises(DatabaseRefused):
        await post_all(connection, [top_up(accounts, 1, "r2", **back)])
    with pytest.raises(DatabaseRefused):
        await post_all(connection, [top_up(accounts, 1, "k")])
