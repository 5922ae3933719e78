"""A town with bank accounts, agents and a processor, whose lines and items tests make up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sapar.core.db import Pool, connect
from sapar.finance.matching.items import NewItem, add_items
from sapar.finance.matching.model import Expected, Line
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

AGENCY = "demo"
DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


class BankLine(NamedTuple):
    """A line of a statement; `account` is the bank account's short name."""

    amount: int
    day: date = DAY
    reference: str = ""
    purpose: str = ""
    bin: str | None = None
    iban: str | None = None
    account: str = "main"
    bank_reference: str = ""


def make_town(database: str) -> None:
    """Make an agency with the bank accounts `main` and `second`, as the importer leaves them."""
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, 'Demo', 'Asia/Almaty')",
            (AGENCY,),
        )
        for name, iban in (("main", "KZ00MAIN"), ("second", "KZ00SECOND")):
            row = connection.execute(
                "INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at,"
                " created_by) VALUES (%s, %s, %s, %s, now(), 'test') RETURNING bank_account_no",
                (AGENCY, name, iban, name),
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO bank_statement (bank_account_no, from_date, to_date, opening_tiyn,"
                " closing_tiyn, format, file_name, digest, line_count, new_line_count,"
                " imported_at, imported_by) VALUES (%s, '2026-11-01', '2026-12-31', 0, 0, 'csv',"
                " 'x.csv', %s, 0, 0, now(), 'test')",
                (row[0], sha256(name.encode()).digest()),
            )


async def add_lines(pool: Pool, lines: Sequence[BankLine], prefix: str = "") -> list[int]:
    """Import lines as the bank's part does: each posts 1010 against 2910."""
    assert isinstance(pool.conninfo, str)
    keys = {(AGENCY, code, line.account) for line in lines for code in (1010, 2910)}
    numbers = await Accounts(pool.conninfo).numbers(keys)
    added = []
    async with pool.connection() as connection:
        found = await connection.execute("SELECT count(*) FROM bank_line")
        row = await found.fetchone()
        assert row is not None
        journals = [
            Journal(
                agency_id=AGENCY,
                kind="bank_line",
                service_date=line.day,
                event_at_ms=0,
                received_ms=0,
                entries={
                    numbers[AGENCY, 1010, line.account]: line.amount,
                    numbers[AGENCY, 2910, line.account]: -line.amount,
                },
                rule="bank line",
                actor="test",
                source_key=f"bank:{prefix}{row[0] + place}",
                content_hash=bytes(32),
            )
            for place, line in enumerate(lines)
        ]
        await post(connection, journals, {})
        for place, (line, journal) in enumerate(zip(lines, journals, strict=True)):
            found = await connection.execute(
                "INSERT INTO bank_line (agency_id, bank_account_no, statement_no, position,"
                " line_key, booked_on, amount_tiyn, counterparty_bin, counterparty_iban,"
                " reference, bank_reference, purpose, journal_no)"
                " SELECT a.agency_id, a.bank_account_no, s.statement_no, %s, %s, %s, %s, %s, %s,"
                " %s, %s, %s, %s FROM bank_account a JOIN bank_statement s USING (bank_account_no)"
                " WHERE a.bank_account_id = %s RETURNING line_no",
                (
                    row[0] + place + 1, f"{prefix}{row[0] + place:06}", line.day, line.amount,
                    line.bin, line.iban, line.reference, line.bank_reference, line.purpose,
                    journal.journal_no, line.account,
                ),
            )  # fmt: skip
            number = await found.fetchone()
            assert number is not None
            added.append(number[0])
    return added


def deposit(key: str, amount: int, **more: Any) -> NewItem:
    """What agent `more["owner"]` owes for a day; a difference stays on its account."""
    owner = more.pop("owner", "kassa")
    values: dict[str, Any] = {
        "item_date": DAY, "reference": key, "counterparty_bin": "060140002345",
        "residual_code": 1110, "residual_owner": owner,
    } | more  # fmt: skip
    return NewItem(AGENCY, "agent_deposit", f"deposit:{key}", 1110, owner, amount, **values)


def payout(key: str, amount: int, fee: int, **more: Any) -> NewItem:
    """What processor `kaspi` pays out; a difference is its fee."""
    values: dict[str, Any] = {
        "item_date": DAY, "reference": key, "counterparty_bin": "971240001315",
        "residual_code": 5160, "residual_owner": "",
    } | more  # fmt: skip
    return NewItem(
        AGENCY, "processor_payout", f"payout:{key}", 1020, "kaspi", amount, fee_tiyn=fee, **values
    )


async def add(pool: Pool, items: Sequence[NewItem]) -> list[int]:
    """Add items in a transaction of their own."""
    async with pool.connection() as connection:
        return await add_items(connection, items)


def balances(database: str) -> dict[tuple[int, str], int]:
    """Give the balance of every account that has one."""
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT code, owner, balance FROM account WHERE balance <> 0"
        ).fetchall()
    return {(code, owner): balance for code, owner, balance in rows}


def exceptions(database: str) -> list[tuple[str, str, int]]:
    """Give the open exceptions: kind, subject, value."""
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT kind, subject, value_tiyn FROM ticketing_exception WHERE closed_at IS NULL"
            " ORDER BY kind, subject"
        ).fetchall()
    return [tuple(row) for row in rows]


def check_books(database: str) -> None:
    """Hold matches, what is open and the ledger against each other."""
    with connect(database) as connection:
        wrong = connection.execute(
            """
            WITH open AS (
                SELECT a.bank_account_id, coalesce(sum(l.amount_tiyn), 0) AS total
                FROM bank_account a
                LEFT JOIN bank_line l ON l.bank_account_no = a.bank_account_no
                    AND NOT EXISTS (SELECT FROM bank_match_line m
                                    WHERE m.line_no = l.line_no AND m.active)
                GROUP BY 1
            )
            SELECT '2910 ' || bank_account_id FROM open
            LEFT JOIN account ON code = 2910 AND owner = bank_account_id
            WHERE coalesce(balance, 0) <> -total
            UNION ALL
            SELECT 'twice ' || line_no FROM bank_match_line WHERE active
            GROUP BY line_no HAVING count(*) > 1
            UNION ALL
            SELECT 'twice item ' || item_no FROM bank_match_item WHERE active
            GROUP BY item_no HAVING count(*) > 1
            UNION ALL
            SELECT 'sums ' || match_no FROM bank_match m
            WHERE lines_tiyn <> (SELECT sum(amount_tiyn) FROM bank_match_line b
                                 JOIN bank_line USING (line_no) WHERE b.match_no = m.match_no)
               OR items_tiyn <> (SELECT coalesce(sum(amount_tiyn), 0) FROM bank_match_item b
                                 JOIN finance_item USING (item_no) WHERE b.match_no = m.match_no)
               OR fee_tiyn <> (SELECT coalesce(sum(fee_tiyn), 0) FROM bank_match_item b
                               JOIN finance_item USING (item_no) WHERE b.match_no = m.match_no)
            UNION ALL
            SELECT 'active ' || match_no FROM bank_match m
            WHERE (undone_at IS NULL)
                <> ALL (SELECT active FROM bank_match_line b WHERE b.match_no = m.match_no
                        UNION ALL
                        SELECT active FROM bank_match_item b WHERE b.match_no = m.match_no)
            UNION ALL
            SELECT 'total ' || sum(balance) FROM account HAVING sum(balance) <> 0
            """
        ).fetchall()
    assert wrong == []


def plain_line(number: int, amount: int, day: int = 100, **more: Any) -> Line:
    """A line for the rules alone."""
    values: Mapping[str, Any] = {
        "account": 1, "bin": None, "iban": None, "reference": "", "bank_reference": "",
        "purpose": "",
    } | more  # fmt: skip
    return Line(line_no=number, key=f"{number:04}", amount=amount, day=day, **values)


def plain_item(number: int, amount: int, day: int = 100, **more: Any) -> Expected:
    """An item for the rules alone: an agent's, whose difference stays on its account."""
    values: dict[str, Any] = {
        "code": 1110, "owner": "a", "fee": 0, "last_day": day, "reference": "", "batch_ref": "",
        "bin": None, "iban": None, "account": None, "residual_code": None, "residual_owner": None,
        "tolerance": 0, "root": number,
    } | more  # fmt: skip
    return Expected(item_no=number, key=f"i{number:04}", amount=amount, day=day, **values)
