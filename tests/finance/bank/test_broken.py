"""Broken files are refused whole, with a code, and with the line where there is one."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.finance.bank.formats import guess, parse
from sapar.finance.bank.mapping import Mapping, read_mapping
from sapar.finance.bank.model import BrokenFile, check, join
from sapar.finance.bank.values import amount, day
from tests.finance.bank.strategies import statements
from tests.finance.bank.test_golden import (
    HALYK_1C,
    KASPI_MAPPING,
    WORKBOOK_MAPPING,
    golden,
    workbook,
)
from tests.finance.bank.writers import CSV_MAPPING, WRITERS, XLSX_MAPPING


def read(data: bytes, mapping: Mapping | None = None) -> None:
    for statement in parse(data, guess(data), mapping):
        check(statement)


def changed(name: str, old: str, new: str, times: int = 1) -> bytes:
    text = golden(name).decode()
    assert old in text
    return text.replace(old, new, times).encode()


BROKEN = [
    # 1C
    ("kaspi_1c.txt", "КонечныйОстаток=214388.33", "КонечныйОстаток=214388.34",
     "statement_does_not_balance", None),
    ("kaspi_1c.txt", "СуммаПриход=245050", "СуммаПриход=245050.005", "bad_amount", 31),
    ("kaspi_1c.txt", "СуммаПриход=245050", "СуммаПриход=2450,5e1", "bad_amount", 31),
    ("kaspi_1c.txt", "СуммаПриход=245050", "СуммаПриход=-245050", "bad_amount", 17),
    ("kaspi_1c.txt", "СуммаПриход=245050\r\n", "", "bad_amount", 17),
    ("kaspi_1c.txt", "ДатаОперации=02.03.2026", "ДатаОперации=31.02.2026", "bad_date", 32),
    ("kaspi_1c.txt", "ДатаОперации=02.03.2026", "ДатаОперации=01.03.2026",
     "line_outside_period", 17),
    ("kaspi_1c.txt", "КонецДокумента\r\nСекцияДокумент", "СекцияДокумент",
     "section_not_closed", 36),
    ("kaspi_1c.txt", "НачальныйОстаток=129464.83\r\n", "", "no_balances", 8),
    ("kaspi_1c.txt", "Получатель=1C", "Получатель", "bad_line", 4),
    ("kaspi_1c.txt", "РасчСчет=KZ13722S000012345671", "РасчСчет=", "no_account", 8, 2),
    ("halyk_1c_103.txt", "ДатаПоступило=03.03.2026", "ДатаПоступило=", "line_outside_period", 29),
    ("halyk_1c_103.txt", "ДатаСписано=04.03.2026", "ДатаСписано=\r\nДатаПоступило=04.03.2026",
     "no_direction", 45),
    ("halyk_1c_103.txt", "ПолучательСчет=KZ486017131000004455\r\nДатаПоступило=03.03.2026",
     "ПолучательСчет=KZ07722S000009988776\r\nДатаПоступило=", "no_direction", 29),
    # a text that goes on where nothing has begun: the purpose of the document before is over
    ("halyk_1c_103.txt", "Номер=77", "за февраль", "bad_line", 46),
    ("halyk_1c_103.txt", "НачальныйОстаток=1500.05", "НачальныйОстаток=1500.06",
     "statements_do_not_follow", None),
    # CAMT
    ("halyk_camt_08.xml", "</c:Stmt>", "</c:Stm>", "bad_xml", 59),
    ("halyk_camt_08.xml", "<c:Cd>CLBD</c:Cd>", "<c:Cd>CLAV</c:Cd>", "no_balances", 5),
    ("halyk_camt_08.xml", '"KZT">40000.00', '"KZT">40000.01', "batch_does_not_add_up", 11),
    ("halyk_camt_08.xml", '<c:Amt Ccy="KZT">40000.00</c:Amt>', "", "batch_does_not_add_up", 11),
    ("halyk_camt_08.xml", '"KZT">98500.00', '"KZT">98500.001', "bad_amount", 12),
    ("halyk_camt_08.xml", '"KZT">98500.00', '"USD">98500.00', "wrong_currency", 11),
    ("halyk_camt_08.xml", "<c:CdtDbtInd>CRDT", "<c:CdtDbtInd>CR", "no_direction", 9),
    ("halyk_camt_08.xml", "2026-03-05T16:20:00+05:00", "2026-13-05T16:20:00+05:00", "bad_date", 39),
    ("halyk_camt_08.xml", "<c:IBAN>KZ486017131000004455</c:IBAN></c:Id><c:Ccy>",
     "</c:Id><c:Ccy>", "no_account", 5),
    ("halyk_camt_08.xml", "98430.05", "98430.06", "statement_does_not_balance", None),
    ("halyk_camt_08.xml", "<c:Document", '<!DOCTYPE x [<!ENTITY e "e">]><c:Document',
     "unsafe_xml", None),
    # MT940
    ("bcc_mt940.txt", ":62F:C251231KZT298999,50", ":62F:C251231KZT298999,51",
     "statements_do_not_follow", None),
    ("bcc_mt940.txt", "C250000,00NTRF", "X250000,00NTRF", "bad_line", 6),
    ("bcc_mt940.txt", "C250000,00NTRF", "C250000.00NTRF", "bad_line", 6),
    ("bcc_mt940.txt", "C250000,00NTRF", "C250000,001NTRF", "bad_amount", 6),
    ("bcc_mt940.txt", ":61:251231", ":61:251331", "bad_line", 6),
    ("bcc_mt940.txt", ":60F:C251230KZT100000,00", ":60F:C251230KZT1000OO,00", "bad_amount", 5),
    ("bcc_mt940.txt", ":62F:C251231KZT298999,50\r\n", "", "no_balances", 2),
    ("bcc_mt940.txt", ":60F:C251230KZT100000,00\r\n", "", "bad_line", 5),
    ("bcc_mt940.txt", ":25:KCJBKZKX/KZ918560000000112233", ":25:?", "no_account", 3),
    ("bcc_mt940.txt", "KZT300000,00", "KZT300000,01", "statement_does_not_balance", None),
    ("bcc_mt940.txt", "251230KZT", "251230USD", "wrong_currency", 2),
    # tables
    ("kaspi.csv", '12 000,00;"ИП', '12 ООО,00;"ИП', "bad_amount", 7),
    ("kaspi.csv", "1 388,33;;АО", "1 388,33;5;АО", "bad_amount", 9),
    ("kaspi.csv", "1 388,33;;АО", ";;АО", "bad_amount", 9),
    ("kaspi.csv", "05.03.2026 18:02:11", "пятница", "bad_date", 9),
    ("kaspi.csv", "Дебет", "Расход", "no_header", None),
    ("kaspi.csv", "Остаток на начало", "Остаток", "no_balances", None),
    ("kaspi.csv", "225 000,00", "225 000,01", "statement_does_not_balance", None),
    ("kaspi.csv", '"ИП ""Нұр"""', '"ИП "Нұр""', "bad_table", 7),
]  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case[0]} {case[2][:30]!r}")
def test_a_broken_file_says_what_and_where(case):
    name, old, new, code, line, *times = case
    data = changed(name, old, new, *times)
    with pytest.raises(BrokenFile) as caught:
        read(data, KASPI_MAPPING if name.endswith(".csv") else None)
    assert (caught.value.code, caught.value.line) == (code, line), caught.value
    assert line is None or caught.value.message.startswith(f"line {line}: ")


def test_what_does_not_balance_names_the_difference():
    data = changed("kaspi_1c.txt", "КонечныйОстаток=214388.33", "КонечныйОстаток=214400.00")
    with pytest.raises(BrokenFile, match=r"the difference is 11\.67\s"):
        read(data)


@pytest.mark.parametrize(
    ("cell", "value", "code", "line"),
    [
        ("C7", "12 тысяч", "bad_amount", 7),
        ("C7", 12000.005, "bad_amount", 7),
        ("C7", 1e14, "amount_too_large", 7),
        ("B8", None, "bad_date", 8),
        ("C8", None, "bad_amount", 8),
        ("B3", "без счета", "no_account", None),
        ("E3", None, "no_balances", None),
        ("E4", 225000.5, "statement_does_not_balance", None),
    ],
)
def test_broken_workbooks(cell, value, code, line):
    with pytest.raises(BrokenFile) as caught:
        read(workbook(**{cell: value}), WORKBOOK_MAPPING)
    assert (caught.value.code, caught.value.line) == (code, line)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" \r\n ", "empty_file"),
        (b"<html><body>no</body></html>", "unknown_format"),
        (b"\xd0\xcf\x11\xe0rest", "unknown_format"),
        (b"\x00\x01\x02", "unknown_format"),
        (b"a;b\n1;2\n", "no_mapping"),
        (b"PK\x03\x04rest", "no_mapping"),
        (b"1CClientBankExchange\n\xd4=1\n", "no_balances"),
        ("1CClientBankExchange-2\nА=1\n".encode(), "unknown_format"),
        (b"\r\n:20:X\r\n", "no_account"),
        (b"<Document xmlns='camt.053'><X/></Document>", "unknown_format"),
    ],
)
def test_what_is_no_statement(data, code):
    with pytest.raises(BrokenFile) as caught:
        read(data)
    assert caught.value.code == code


def test_a_workbook_that_is_none_or_unpacks_to_too_much():
    with pytest.raises(BrokenFile) as caught:
        read(b"PK\x03\x04rest", WORKBOOK_MAPPING)
    assert caught.value.code == "bad_table"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/big.xml", bytes(260 << 20))
    with pytest.raises(BrokenFile) as caught:
        read(out.getvalue(), WORKBOOK_MAPPING)
    assert caught.value.code == "too_large"
    with pytest.raises(BrokenFile, match="cannot be read"):
        read(workbook(), Mapping(columns=WORKBOOK_MAPPING.columns, sheet="нет такого"))


@pytest.mark.parametrize(
    ("text", "tiyn"),
    [
        ("0", 0), ("12", 1200), ("1 234,5", 123_450), ("1'234.56", 123_456), ("1,234.56", 123_456),
        ("1.234,56", 123_456), ("1,234,567", 123_456_700), ("-0.07", -7),
        ("+5.00", 500), ("−3,10 ₸", -310), ("7.50", 750), ("1.234.567,8", 123_456_780), ("0.500", 50), ("15000.0000", 1_500_000),
        ("\u00a0100\u00a0000,00", 10_000_000), ("99999999999999.99", 9_999_999_999_999_999),
    ],
)  # fmt: skip
def test_amounts_are_read_exactly(text, tiyn):
    assert amount(text, 1) == tiyn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "1.005",
        "1,234",
        "1,23,456.00",
        "1,2,3",
        "--1",
        "1e3",
        "NaN",
        "1-",
        "1 2 a",
        "1234567890123456",
        "٣",
    ],
)
def test_what_is_no_amount(text):
    with pytest.raises(BrokenFile):
        amount(text, 1)


@pytest.mark.parametrize(
    "text", ["", "1.3.2026", "2026-02-30", "03-2026", "01.03.26x", "tomorrow", "٠١.٠٣.٢٠٢٦"]
)
def test_what_is_no_date(text):
    with pytest.raises(BrokenFile):
        day(text, 1)


def test_statements_that_end_before_they_begin_or_hold_too_much():
    with pytest.raises(BrokenFile) as caught:
        check(replace(HALYK_1C, to_date=date(2026, 3, 1)))
    assert caught.value.code == "wrong_period"
    huge = replace(HALYK_1C.lines[0], amount_tiyn=10**15 + 1)
    with pytest.raises(BrokenFile) as caught:
        check(replace(HALYK_1C, lines=(huge,)))
    assert caught.value.code == "amount_too_large"
    with pytest.raises(BrokenFile):
        join([HALYK_1C, HALYK_1C])


def test_lines_that_move_nothing_are_left_out():
    nothing = replace(HALYK_1C.lines[0], amount_tiyn=0)
    assert check(replace(HALYK_1C, lines=(nothing, *HALYK_1C.lines))) == HALYK_1C


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"columns": {}}', '{"columns": {"date": "a"}}',
        '{"columns": {"date": "a", "debit": "b"}}', '{"columns": {"date": "", "amount": "b"}}',
        '{"columns": {"date": "a", "amount": "b", "debit": "c", "credit": "d"}}',
        '{"columns": {"date": "a", "debit": "c", "credit": "d", "direction": "e"}}',
        '{"columns": {"date": "a", "amount": "b"}, "opening": {}}',
        '{"columns": {"date": "a", "amount": "b"}, "opening": {"cell": "3B"}}',
        '{"columns": {"date": "a", "amount": "b"}, "opening": {"cell": "B3", "label": "x"}}',
        '{"columns": {"date": "a", "amount": "b"}, "sum": "b"}',
    ],
)  # fmt: skip
def test_mappings_that_say_too_little_or_too_much(text):
    with pytest.raises(BadInput) as caught:
        read_mapping(text.encode())
    assert caught.value.code == "bad_mapping"


MAPPINGS = {"csv": CSV_MAPPING, "xlsx": XLSX_MAPPING}


@pytest.mark.parametrize("form", sorted(WRITERS))
@given(statement=statements(), data=st.data())
@settings(max_examples=60)
def test_bytes_that_went_astray_end_in_a_refusal_or_a_statement_that_balances(
    form, statement, data
):
    """Cut, doubled or changed bytes never end in anything but a BrokenFile."""
    written = bytearray(WRITERS[form](statement))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(written) - 1))
        end = data.draw(st.integers(begin, min(len(written), begin + 30)))
        match data.draw(st.sampled_from(["cut", "double", "change", "end"])):
            case "cut":
                del written[begin:end]
            case "double":
                written[begin:begin] = written[begin:end]
            case "change":
                written[begin:end] = data.draw(st.binary(max_size=30))
            case _:
                del written[begin:]
        if not written:
            break
    broken = bytes(written)
    try:
        found = parse(broken, guess(broken), MAPPINGS.get(guess(broken)))
        believed = [check(one) for one in found]
    except BrokenFile:
        return
    for one in believed:
        assert one.opening_tiyn + sum(line.amount_tiyn for line in one.lines) == one.closing_tiyn


def test_both_dates_and_a_named_account_say_the_way():
    data = changed("halyk_1c_103.txt", "ДатаСписано=\r\n", "ДатаСписано=02.03.2026\r\n")
    [found] = parse(data, "1c")
    assert check(found) == HALYK_1C
