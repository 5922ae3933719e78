"""Registers are read exactly, whatever their form, or refused whole with line and reason."""

import io
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import openpyxl
import pytest
from hypothesis import given

from sapar.core.errors import BadInput
from sapar.finance.agents.files import read_register
from sapar.finance.agents.mapping import DEFAULT, RegisterMapping, mapping_of
from sapar.finance.bank.model import BrokenFile

ZONE = ZoneInfo("Asia/Aqtobe")
AT = datetime(2026, 8, 1, 9, 5, 7, tzinfo=ZONE)
HEAD = "reference,time,amount,card_ref,status\n"


def workbook(*rows: tuple, title: str = "Sheet") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


GOOD = {
    "ISO": (HEAD + "k1,2026-08-01T09:05:07,1500.50,C,done\n", DEFAULT),
    "with a zone": (HEAD + "k1,2026-08-01T04:05:07+00:00,1500.50,C,done\n", DEFAULT),
    "day first": (HEAD + "k1,01.08.2026 09:05:07,1 500.50,C,OK\n", DEFAULT),
    "semicolons and a comma": (
        "Номер операции;Дата и время;Сумма;Карта;Статус\nk1;01.08.2026 09:05:07;1 500,50;C;Успешно\n",
        DEFAULT,
    ),
    "date and time apart": (
        "key\tdate\ttime\tsum\tcard\nk1\t01.08.2026\t09:05:07\t1500,5\tC\n",
        DEFAULT,
    ),
    "a mapping": (
        "report of August\n\nRRN|x;When;Paid, KZT;Pass\nk1;1/8/26 090507;1.500,50;C\n",
        RegisterMapping(
            columns={"reference": "rrn|X", "time": "when", "amount": "paid, kzt", "card_ref": "pass"},
            separator=";", decimal_mark=",", time_format="%d/%m/%y %H%M%S", skip_rows=2,
        ),
    ),
    "totals": (HEAD + "k1,2026-08-01T09:05:07,1500.50,C,done\nИТОГО:,,1500.50,,\n", DEFAULT),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_register_is_read(name):
    text, mapping = GOOD[name]
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("cp1251")):
        register = read_register(data, mapping, ZONE)
        [row] = register.rows
        assert (row.reference, row.at, row.amount_tiyn, row.card_ref, row.status) == (
            "k1", AT, 150_050, "C", "done",
        )  # fmt: skip
        assert (register.format, register.total_tiyn) == ("csv", 150_050)


def test_a_workbook_is_read():
    head = ("reference", "time", "amount", "card_ref", "status")
    rows = [
        head,
        ("k1", datetime(2026, 8, 1, 9, 5, 7), 1500.5, "C", "done"),
        (17, "01.08.2026 09:05:07", 2000, "D", "отменён"),
        ("k3", datetime(2026, 8, 1, 9, 5, 7), 0.29, None, None),
        ("total", None, 1500.79, None, None),
    ]
    register = read_register(workbook(*rows), DEFAULT, ZONE)
    assert [(row.reference, row.amount_tiyn, row.status) for row in register.rows] == [
        ("k1", 150_050, "done"), ("17", 200_000, "cancelled"), ("k3", 29, "done"),
    ]  # fmt: skip
    assert {row.at for row in register.rows} == {AT}
    assert (register.format, register.total_tiyn) == ("xlsx", 150_079)
    mapping = RegisterMapping(sheet="August")
    assert read_register(workbook(*rows, title="August"), mapping, ZONE) == register
    with pytest.raises(BrokenFile):
        read_register(workbook(*rows), mapping, ZONE)


def test_a_workbook_that_claims_to_be_huge_is_read():
    book = openpyxl.load_workbook(io.BytesIO(workbook(("key", "time", "sum"))))
    sheet = book.active
    assert sheet is not None
    sheet["A300000"], sheet["B300000"], sheet["C300000"] = "k1", "2026-08-01T09:05:07", 5
    sheet.cell(row=300_001, column=16_384, value=None)
    out = io.BytesIO()
    book.save(out)
    [row] = read_register(out.getvalue(), DEFAULT, ZONE).rows
    assert (row.line, row.amount_tiyn) == (300_000, 500)


ROW = "k1,2026-08-01T09:05:07,1500.50,C,done\n"
BROKEN = {
    "nothing": ("", "bad_header", None),
    "another table": ("a,b,c\n1,2,3\n", "bad_header", 1),
    "no reference and no card": ("time,amount\n", "bad_header", 1),
    "a column twice": ("reference,time,amount,sum\n", "bad_header", 1),
    "three decimals": (HEAD + ROW + ROW.replace("1500.50", "1500.501"), "bad_amount", 3),
    "nothing paid": (HEAD + ROW.replace("1500.50", "0"), "bad_amount", 2),
    "a negative amount": (HEAD + ROW.replace("1500.50", "-5"), "bad_amount", 2),
    "no amount": (HEAD + ROW.replace("1500.50", "much"), "bad_amount", 2),
    "too large an amount": (HEAD + ROW.replace("1500.50", "1" * 15), "bad_amount", 2),
    "no time": (HEAD + ROW.replace("2026-08-01T09:05:07", "2026-08-01"), "bad_time", 2),
    "no such day": (HEAD + ROW.replace("2026-08-01", "2026-08-32"), "bad_time", 2),
    "an unknown status": (HEAD + ROW.replace("done", "perhaps"), "bad_status", 2),
    "a short row": (HEAD + ROW + "k2,2026-08-01T09:05:07,5\n", "bad_row", 3),
    "a long text": (HEAD + ROW.replace("k1", "k" * 201), "bad_row", 2),
    "a bell": (HEAD + ROW.replace("k1", "k\a1"), "bad_row", 2),
    "a bank card": (HEAD + ROW.replace("k1", "4111 1111 1111 1111"), "pan_like", 2),
    "a bank card in a column nobody reads": (
        "reference,time,amount,note\nk1,2026-08-01T09:05:07,5,4111111111111111\n", "pan_like", 2,
    ),
    "wrong totals": (HEAD + ROW + "total,,1500.49,,\n", "bad_total", 3),
    "a row below the totals": (HEAD + ROW + "total,,1500.50,,\n" + ROW, "bad_row", 4),
    "a quote without an end": (HEAD + '"k1,2026-08-01T09:05:07,5,C,done\n', "bad_table", 2),
    "zero bytes": (HEAD + ROW + "\0\0", "bad_table", None),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_register_is_refused_whole(name):
    text, code, line = BROKEN[name]
    with pytest.raises(BrokenFile) as caught:
        read_register(text.encode(), DEFAULT, ZONE)
    assert (caught.value.code, caught.value.line) == (code, line)


def test_bytes_that_are_no_workbook_are_refused():
    whole = workbook(("reference", "time", "amount"), ("k1", "2026-08-01T09:05:07", 5))
    for data in (b"PK\x03\x04rest", whole[: len(whole) // 2], whole[:-30], b"\x98\xff"):
        with pytest.raises(BrokenFile):
            read_register(data, DEFAULT, ZONE)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data):
    for begun in (data, HEAD.encode() + data, b"PK\x03\x04" + data):
        with suppress(BrokenFile):
            read_register(begun, DEFAULT, ZONE)


@given(st.lists(st.integers(1, 10**12), max_size=20), st.sampled_from([".", ","]), st.booleans())
def test_amounts_are_read_exactly(amounts, mark, in_workbook):
    texts = [f"{Decimal(one) / 100:.2f}".replace(".", mark) for one in amounts]
    if in_workbook:
        cells = [(f"k{n}", AT.replace(tzinfo=None), one / 100) for n, one in enumerate(amounts)]
        data = workbook(("key", "time", "sum"), *cells)
    else:
        lines = [f"k{n};2026-08-01T09:05:07;{text}" for n, text in enumerate(texts)]
        data = "\n".join(["key;time;sum", *lines]).encode()
    register = read_register(data, DEFAULT, ZONE)
    assert [row.amount_tiyn for row in register.rows] == amounts
    assert register.total_tiyn == sum(amounts)


@pytest.mark.parametrize(
    "plain",
    [
        {"columns": {"nonsense": "x"}}, {"encoding": "klingon"}, {"skip_rows": -1}, 17,
        {"unknown": 1}, {"separator": "|"},
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_used_is_refused(plain):
    with pytest.raises(BadInput) as caught:
        mapping_of(plain)
    assert caught.value.code == "register_mapping"
