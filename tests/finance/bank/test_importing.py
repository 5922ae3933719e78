"""Imports into PostgreSQL: posted line by line, refused whole, told exactly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from sapar.core.db import DatabaseRefused, connect_async, open_pool
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.bank.accounts import (
    add_account,
    get_mapping,
    is_iban,
    list_accounts,
    set_mapping,
)
from sapar.finance.bank.importing import import_statement
from sapar.finance.bank.mapping import Columns, Mapping
from sapar.finance.bank.model import BrokenFile, Line, Statement
from sapar.finance.bank.reading import LineFilter, get_file, list_lines, list_statements
from sapar.finance.bank.table import Given
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.ledger.role import restricted
from sapar.ticketing.types import Journal
from tests.finance.bank.conftest import ACCOUNT, AGENCY, DOER, NOW, Desk, open_account
from tests.finance.bank.strategies import IBAN
from tests.finance.bank.test_golden import HALYK, KASPI, golden
from tests.finance.bank.writers import CSV_MAPPING, WRITERS, write_1c, write_camt, write_csv

D1, D2 = date(2026, 3, 2), date(2026, 3, 3)


def statement(*tiyn: int, opening: int = 50_000, first: date = D1, days: int = 2) -> Statement:
    lines = tuple(
        Line(
            booked_on=first + timedelta(days=place % days), amount_tiyn=amount,
            value_on=first + timedelta(days=place % days), counterparty_name="ИП Ахметов",
            counterparty_bin="790101300456", reference=f"{place}", purpose="Көлік карталары",
        )
        for place, amount in enumerate(tiyn)
    )  # fmt: skip
    return Statement(
        account=IBAN, from_date=first, to_date=first + timedelta(days=days - 1),
        opening_tiyn=opening, closing_tiyn=opening + sum(tiyn), currency="KZT", lines=lines,
    )  # fmt: skip


async def balances(desk: Desk) -> dict[tuple[int, str], int]:
    rows = await desk.query("SELECT code, owner, balance FROM account")
    return {(code, owner): balance for code, owner, balance in rows}


async def test_each_line_posts_and_1010_is_the_closing_balance(desk):
    done = await desk.take(write_1c(statement(10_000, -3_000, 10_000)), "march.txt")
    assert (done.lines, done.new_lines, done.new_tiyn) == (3, 3, 17_000)
    assert (done.receipts_tiyn, done.payments_tiyn) == (20_000, 3_000)
    assert (done.opening_posted_tiyn, done.unmatched_lines, done.unmatched_tiyn) == (
        50_000,
        3,
        17_000,
    )
    assert (done.format, done.account, done.repeated, done.warnings) == ("1c", ACCOUNT, False, [])
    assert await balances(desk) == {
        (1010, ACCOUNT): 67_000, (2910, ACCOUNT): -17_000, (2990, "bank kaspi"): -50_000,
    }  # fmt: skip
    journals = await desk.query(
        "SELECT kind, source_key, service_date, business_date, rule, actor FROM journal"
        " ORDER BY journal_no"
    )
    assert journals == [
        ("bank_opening", "bank:kaspi:opening:2026-03-02", D1, D1, "opening balance of the account",
         "aigerim"),
        ("bank_line", "bank:kaspi:2026-03-02:10000:1", D1, D1, "receipt", "aigerim"),
        ("bank_line", "bank:kaspi:2026-03-03:-3000:1", D2, D2, "payment", "aigerim"),
        ("bank_line", "bank:kaspi:2026-03-02:10000:2", D1, D1, "receipt", "aigerim"),
    ]  # fmt: skip
    linked = await desk.query(
        "SELECT l.position, l.amount_tiyn, e.amount FROM bank_line l JOIN journal j"
        " USING (journal_no) JOIN entry e USING (journal_no) JOIN account a USING (account_no)"
        " WHERE a.code = 1010 ORDER BY l.position"
    )
    assert linked == [(1, 10_000, 10_000), (2, -3_000, -3_000), (3, 10_000, 10_000)]
    [(action, target, after)] = await desk.query(
        "SELECT action, target, after FROM audit_log WHERE action LIKE 'bank_statement%'"
    )
    assert (action, target) == ("bank_statement.import", f"bank statement {done.statement_no}")
    assert (after["file"], after["new_lines"], after["closing_tiyn"]) == ("march.txt", 3, 67_000)
    assert (await desk.stands()).agrees


async def test_what_stood_on_1010_before_the_first_statement_is_in_its_opening(desk):
    """Payments to holders were credited to 1010 before the bank's statements were imported."""
    before = {(AGENCY, 1010, ACCOUNT): -4_000, (AGENCY, 2510, "kassa"): 4_000}
    numbers = await desk.accounts.numbers(before)
    paid = Journal(
        agency_id=AGENCY, kind="pay_out", service_date=D1, event_at_ms=0, received_ms=0,
        entries={numbers[key]: amount for key, amount in before.items()}, rule="", actor="x",
        source_key="old", content_hash=b"x",
    )  # fmt: skip
    async with desk.connection.transaction():
        await post(desk.connection, [paid], {})
    data = write_1c(statement(10_000))
    looked = await desk.take(data, dry_run=True)
    done = await desk.take(data)
    assert looked.opening_posted_tiyn == done.opening_posted_tiyn == 54_000
    stands = await balances(desk)
    assert stands[1010, ACCOUNT] == 60_000 == (await desk.stands()).closing_tiyn
    assert stands[2990, f"bank {ACCOUNT}"] == -54_000
    assert (await desk.take(write_1c(statement(10_000, -500)))).opening_posted_tiyn == 0
    assert (await balances(desk))[1010, ACCOUNT] == 59_500


async def test_a_dry_run_tells_all_and_changes_nothing(desk):
    data = write_1c(statement(10_000, -3_000))
    told = await desk.take(data, dry_run=True)
    assert (told.new_lines, told.new_tiyn, told.unmatched_lines, told.statement_no) == (
        2, 7_000, 2, None,
    )  # fmt: skip
    assert told.preview[0].purpose == "Көлік карталары"
    assert await balances(desk) == {}
    assert await desk.query("SELECT FROM bank_statement") == []
    done = await desk.take(data)
    assert (done.new_lines, done.dry_run) == (2, False)


@pytest.mark.parametrize("second", sorted(WRITERS))
@pytest.mark.parametrize("first", sorted(WRITERS))
async def test_the_same_days_in_another_format_add_nothing(desk, first, second):
    shown = statement(10_000, -3_000, 10_000, 10_000)
    await desk.take(WRITERS[first](shown))
    again = await desk.take(WRITERS[second](shown))
    assert (again.new_lines, again.repeated, again.format) == (0, first == second, second)
    assert (await desk.stands()).agrees
    assert len(await list_statements(desk.connection, AGENCY)) == 2 - (first == second)


async def test_a_refused_file_leaves_nothing(desk):
    shown = statement(10_000)
    wrong = [
        (write_1c(replace(shown, closing_tiyn=1)), "statement_does_not_balance"),
        (write_1c(replace(shown, account=HALYK)), "wrong_account"),
        (write_camt(replace(shown, currency="USD")), "wrong_currency"),
        (b"", "empty_file"),
        (bytes(65 << 20), "too_large"),
    ]
    for data, code in wrong:
        with pytest.raises(BadInput) as caught:
            await desk.take(data)
        assert caught.value.code == code
    await desk.take(write_1c(shown))
    before = await balances(desk)
    with pytest.raises(Refused) as refused:
        await desk.take(write_1c(statement(5, opening=1, first=date(2026, 3, 9))))
    assert refused.value.code == "statement_gap"
    assert await balances(desk) == before
    assert len(await list_statements(desk.connection, AGENCY)) == 1


async def test_which_account_a_file_is_about(desk):
    await open_account(desk.connection, "halyk", HALYK)
    assert (await desk.take(write_1c(statement(1)), account=None)).account == ACCOUNT
    assert (await desk.take(golden("halyk_1c_103.txt"), account=None)).account == "halyk"
    assert (await desk.take(golden("halyk_camt_08.xml"), account=HALYK)).new_lines == 4
    with pytest.raises(BadInput) as caught:
        await desk.take(golden("kaspi_1c.txt"), account=None)
    assert caught.value.code == "wrong_account"
    assert KASPI in caught.value.message
    both = write_1c([statement(1, 2), replace(statement(7, opening=0), account=HALYK)])
    with pytest.raises(BadInput) as caught:
        await desk.take(both, account=None)
    assert caught.value.code == "account_needed"
    with pytest.raises(BadInput) as caught:
        await desk.take(write_csv(statement(1, 2)), account=None)
    assert caught.value.code == "account_needed"
    with pytest.raises(BadInput) as caught:
        await desk.take(write_csv(statement(1)), account="halyk")
    assert caught.value.code == "wrong_account"
    with pytest.raises(NotFound):
        await desk.take(write_1c(statement(1)), account="none")


async def test_a_table_without_balances_or_account_takes_what_is_said(desk):
    mapping = Mapping(columns=Columns(date="Күні", amount="Сомасы", purpose="Мақсаты"))
    await set_mapping(desk.connection, AGENCY, ACCOUNT, "csv", mapping, doer=DOER, now=NOW)
    assert await get_mapping(desk.connection, AGENCY, ACCOUNT, "csv") == mapping
    data = "Күні;Сомасы;Мақсаты\n02.03.2026;100,50;Төлем\n03.03.2026;-0,50;Комиссия\n".encode()
    with pytest.raises(BrokenFile) as caught:
        await desk.take(data)
    assert caught.value.code == "no_balances"
    done = await desk.take(data, given=Given(opening_tiyn=0, closing_tiyn=10_000))
    assert (done.from_date, done.to_date, done.new_tiyn) == (D1, D2, 10_000)
    changes = await desk.query(
        "SELECT before, after FROM audit_log WHERE action = 'bank_mapping.set'"
    )
    assert changes[-1][0]["columns"]["amount"] == CSV_MAPPING.columns.amount
    assert changes[-1][1]["columns"]["amount"] == "Сомасы"


async def test_no_card_number_is_stored_anywhere(desk):
    card = "4400430123456789"
    shown = statement(10_000)
    line = replace(shown.lines[0], purpose=f"возврат {card}", counterparty_name=f"карта {card}")
    for data in (write_1c(replace(shown, lines=(line,))), write_csv(replace(shown, lines=(line,)))):
        await desk.take(data)
    page = await list_lines(desk.connection, AGENCY)
    assert page.lines[0].purpose == "возврат 440043******6789"
    assert page.count == 1
    for row in await list_statements(desk.connection, AGENCY):
        _, kept = await get_file(desk.connection, AGENCY, row.statement_no)
        assert card.encode() not in kept
        assert b"440043******6789" in kept
    stored = await desk.query(
        "SELECT l::text FROM bank_line l UNION ALL SELECT a::text FROM audit_log a"
    )
    assert not any(card in text for (text,) in stored)


async def test_lines_are_filtered_and_paged(desk):
    await desk.take(write_1c(statement(*range(1, 26), days=5)))
    seen, after = [], None
    while True:
        page = await list_lines(desk.connection, AGENCY, after=after, limit=10)
        seen += page.lines
        assert (page.count, page.receipts_tiyn, page.unmatched) == (25, 325, 25)
        after = page.next
        if after is None:
            break
    assert len({line.line_no for line in seen}) == 25
    assert [line.booked_on for line in seen] == sorted((x.booked_on for x in seen), reverse=True)
    for which, count in (
        (LineFilter(amount_tiyn=7), 1), (LineFilter(text="көлік"), 25), (LineFilter(text="%"), 0),
        (LineFilter(from_date=D1, to_date=D1), 5), (LineFilter(unmatched=False), 0),
        (LineFilter(account="other"), 0), (LineFilter(text="790101300456", unmatched=True), 25),
    ):  # fmt: skip
        assert (await list_lines(desk.connection, AGENCY, which)).count == count
    assert (await list_lines(desk.connection, "elsewhere")).count == 0
    with pytest.raises(BadInput):
        await list_lines(desk.connection, AGENCY, after="x")
    [row] = await list_statements(desk.connection, AGENCY, account=ACCOUNT)
    assert (
        await list_lines(desk.connection, AGENCY, LineFilter(statement_no=row.statement_no))
    ).count == 25
    with pytest.raises(NotFound):
        await get_file(desk.connection, AGENCY, row.statement_no + 1)


async def test_accounts_are_registered_once_and_checked(desk):
    for account, iban, code in (
        ("Kaspi", HALYK, "bad_account"), ("halyk", "KZ486017131000004456", "bad_account"),
        ("halyk", "?", "bad_account"), (ACCOUNT, HALYK, "account_exists"),
        ("halyk", IBAN.lower(), "account_exists"),
    ):  # fmt: skip
        with pytest.raises((BadInput, Refused)) as caught:
            await open_account(desk.connection, account, iban)
        assert caught.value.code == code
    with pytest.raises(BadInput):
        await add_account(
            desk.connection, AGENCY, account="x", iban=HALYK, name=" ", doer=DOER, now=NOW
        )
    assert is_iban(KASPI)
    [one] = await list_accounts(desk.connection, AGENCY)
    assert (one.iban, one.closing_on, one.ledger_tiyn, one.mappings) == (
        IBAN,
        None,
        0,
        ["csv", "xlsx"],
    )
    assert one.agrees
    with pytest.raises(NotFound):
        await get_mapping(desk.connection, AGENCY, "none", "csv")


async def test_a_line_of_a_closed_day_posts_to_the_open_one(desk):
    await desk.connection.execute(
        "SET session_replication_role = replica"
    )  # how a day closes is not the point
    await desk.connection.execute(
        "INSERT INTO business_day VALUES (%s, %s, now(), 'x')", (AGENCY, D1)
    )
    await desk.connection.execute("SET session_replication_role = origin")
    await desk.take(write_1c(statement(10_000, 5)))
    rows = await desk.query(
        "SELECT service_date, business_date FROM journal WHERE kind = 'bank_line' ORDER BY 1"
    )
    assert rows == [(D1, D2), (D2, D2)]


async def test_two_at_once_add_nothing_twice(desk):
    """Ten people import overlapping statements of one account at the same time."""
    whole = statement(10_000, -3_000, 10_000, 10_000, 7, days=5)

    async def one(place: int) -> int:
        form = sorted(WRITERS)[place % 5]
        connection = await connect_async(desk.conninfo)
        async with connection:
            done = await import_statement(
                connection, desk.accounts, AGENCY, WRITERS[form](whole), "x", doer=DOER, now=NOW,
                account=ACCOUNT,
            )  # fmt: skip
        return done.new_lines

    assert sorted(await asyncio.gather(*map(one, range(10)))) == [0] * 9 + [5]
    assert (await desk.stands()).agrees


async def test_the_ledgers_role_may_import_and_may_change_nothing(desk):
    conninfo = restricted(desk.conninfo)
    async with open_pool(conninfo, name="test") as pool, pool.connection() as connection:
        done = await import_statement(
            connection, desk.accounts, AGENCY, write_1c(statement(1, 2)), "x", doer=DOER, now=NOW
        )
        assert done.new_lines == 2
    for own, message in ((conninfo, "denied"), (desk.conninfo, "append-only|cannot truncate")):
        for table, column in (("bank_line", "purpose"), ("bank_statement", "file_name")):
            for sql in (
                f"DELETE FROM {table}", f"UPDATE {table} SET {column} = 'x'", f"TRUNCATE {table}"
            ):  # fmt: skip
                connection = await connect_async(own)
                async with connection:
                    with pytest.raises(psycopg.Error, match=message):
                        await connection.execute(sql)
    assert (await desk.stands()).agrees


@pytest.mark.slow
async def test_fifty_thousand_lines_import(desk):
    """A year of a busy account in one file; how long it takes is for the benches."""
    lines = tuple(
        Line(
            booked_on=D1 + timedelta(days=place // 150), amount_tiyn=1_000 + place % 7,
            value_on=D1, reference=str(place), purpose=f"Пополнение {place}",
        )
        for place in range(50_000)
    )  # fmt: skip
    shown = Statement(
        account=IBAN, from_date=D1, to_date=lines[-1].booked_on, opening_tiyn=0,
        closing_tiyn=sum(line.amount_tiyn for line in lines), currency="KZT", lines=lines,
    )  # fmt: skip
    done = await desk.take(write_1c(shown))
    assert done.new_lines == 50_000
    assert (await desk.stands()).agrees


async def test_an_import_that_breaks_off_leaves_nothing_and_goes_through_later(desk):
    """The database refuses the last of 10,001 lines, when two parts of them are posted already."""
    await desk.connection.execute(
        "CREATE FUNCTION refuse_last() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE check_violation USING MESSAGE = 'no'; END $$"
    )
    await desk.connection.execute(
        "CREATE TRIGGER refuse_last BEFORE INSERT ON bank_line FOR EACH ROW"
        " WHEN (NEW.position = 10001) EXECUTE FUNCTION refuse_last()"
    )
    data = write_1c(statement(*[100] * 10_001))
    with pytest.raises(DatabaseRefused):
        await desk.take(data)
    assert not any((await balances(desk)).values())
    assert await desk.query("SELECT FROM journal UNION ALL SELECT FROM bank_statement") == []
    assert (await desk.stands()).closing_on is None
    await desk.connection.execute("DROP TRIGGER refuse_last ON bank_line")
    assert (await desk.take(data)).new_lines == 10_001
    assert (await desk.stands()).agrees
