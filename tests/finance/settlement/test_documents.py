"""Documents of statements: the same bytes in every process and time zone, and what they say."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile

import pytest
from openpyxl import load_workbook

from sapar.finance.settlement.bank_file import tenge
from sapar.finance.settlement.paper import Format
from sapar.finance.settlement.statement_paper import statement_file
from sapar.finance.settlement.statements import get_statement, issue_statement, list_lines
from sapar.finance.settlement.wording import WORDS, Language
from tests.finance.settlement.support import NOW, Finance
from tests.ticketing.world import AGENCY

FORMS: tuple[Format, ...] = ("xlsx", "pdf", "csv")
LANGUAGES: tuple[Language, ...] = ("kk", "ru", "en")


@pytest.fixture
async def statement_no(finance: Finance) -> int:
    await finance.contract("north", title="№ 14 от 01.12.2025")
    for day in range(2):
        await finance.post(finance.taps(20 + day, 30, day=day))
    finance.close(2)
    [number] = (await finance.settle(2)).statements
    return number


_OTHER_PROCESS = """
import asyncio, hashlib, sys
from sapar.core.db import connect_async
from sapar.finance.settlement.paper import Format
from sapar.finance.settlement.statement_paper import statement_file

async def main():
    async with await connect_async(sys.argv[1]) as connection:
        for language in ("kk", "ru", "en"):
            for form in ("xlsx", "pdf", "csv"):
                data = await statement_file(connection, "town", int(sys.argv[2]), form, language)
                print(language, form, hashlib.sha256(data).hexdigest())

asyncio.run(main())
"""


async def test_a_draft_gives_the_same_bytes_elsewhere(finance: Finance, statement_no: int):
    here = [
        (language, form, hashlib.sha256(
            await statement_file(finance.connection, AGENCY, statement_no, form, language)
        ).hexdigest())
        for language in LANGUAGES for form in FORMS
    ]  # fmt: skip
    for zone in ("Pacific/Kiritimati", "America/Adak"):
        done = subprocess.run(
            [sys.executable, "-c", _OTHER_PROCESS, finance.conninfo, str(statement_no)],
            env=os.environ | {"TZ": zone, "PYTHONHASHSEED": "random"},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert [tuple(line.split()) for line in done.stdout.splitlines()] == here


async def test_what_is_issued_is_kept(finance: Finance, statement_no: int):
    issued = await issue_statement(finance.connection, AGENCY, statement_no, actor="dana", now=NOW)
    assert issued.number == "2026-0001"
    first = await statement_file(finance.connection, AGENCY, statement_no, "xlsx", "kk")
    [(content,)] = await finance.rows("SELECT content FROM finance_paper")
    assert bytes(content) == first
    again = await issue_statement(
        finance.connection, AGENCY, statement_no, actor="other", now=NOW.replace(year=2027)
    )
    assert again == issued
    assert await statement_file(finance.connection, AGENCY, statement_no, "xlsx", "kk") == first


async def test_the_workbook_says_what_the_lines_say(finance: Finance, statement_no: int):
    data = await statement_file(finance.connection, AGENCY, statement_no, "xlsx", "ru")
    sheet = load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    cells = [
        [cell for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)
    ]
    assert cells[0] == ["Акт сверки взаимных расчётов ПРОЕКТ"]
    assert ["Договор", "№ 14 от 01.12.2025"] in cells
    statement = await get_statement(finance.connection, AGENCY, statement_no)
    assert ["Итого", statement.payable_tiyn / 100] in cells
    lines = await list_lines(finance.connection, statement_no)
    for line in lines:
        row = next(row for row in cells if len(row) == 7 and row[0] == row[1] and
                   getattr(row[0], "date", lambda: None)() == line.service_date)  # fmt: skip
        assert row[2:4] == [line.boardings, line.gross_tiyn / 100]
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}


async def test_the_pdf_has_the_kazakh_letters(finance: Finance, statement_no: int):
    data = await statement_file(finance.connection, AGENCY, statement_no, "pdf", "kk")
    assert data.startswith(b"%PDF-")
    assert b"DejaVuSans" in data
    csv = (await statement_file(finance.connection, AGENCY, statement_no, "csv", "kk")).decode()
    assert "Өзара есеп айырысуларды салыстырып тексеру актісі ЖОБА" in csv
    assert "Отырғызу" in csv


def test_every_word_is_there_in_all_languages():
    assert all(all(text.strip() for text in texts) for texts in WORDS.values())


def test_tenge_are_exact():
    assert [tenge(amount) for amount in (0, 5, -5, 123_456, -100)] == [
        "0.00", "0.05", "-0.05", "1234.56", "-1.00",
    ]  # fmt: skip
