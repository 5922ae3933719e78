"""Files as Kaspi, Halyk and Bank CenterCredit write them, read to the last dot."""

from __future__ import annotations

import io
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from sapar.finance.bank.cards import without_cards
from sapar.finance.bank.formats import guess, parse
from sapar.finance.bank.mapping import Columns, Mapping, Place
from sapar.finance.bank.model import Line, Statement, check
from sapar.finance.bank.table import Given

GOLDEN = Path(__file__).parent / "golden"
KASPI, HALYK, BCC = "KZ13722S000012345671", "KZ486017131000004455", "KZ918560000000112233"
AUTOPARK = 'ТОО "Автопарк № 3"'


def golden(name: str, encoding: str = "utf-8") -> bytes:
    """The bytes of a golden file; banks write Windows-1251 (with Kazakh letters) and CRLF."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    return text.replace("\n", "\r\n").encode(encoding)


KASPI_1C = Statement(
    account=KASPI, from_date=date(2026, 3, 2), to_date=date(2026, 3, 3), opening_tiyn=12_946_483,
    closing_tiyn=21_438_833, currency="KZT",
    lines=(
        Line(
            booked_on=date(2026, 3, 2), amount_tiyn=24_505_000,
            counterparty_name="ИП Әлімжанова Г. С.", counterparty_bin="810412400123",
            counterparty_iban="KZ11722C000011223344", reference="47437099",
            purpose="Көлік карталарын толтыру үшін, 01.03.2026 тізілім № 118",
        ),
        Line(
            booked_on=date(2026, 3, 3), amount_tiyn=-31_012_650, counterparty_name=AUTOPARK,
            counterparty_bin="960540001234", counterparty_iban=HALYK, reference="47437205",
            purpose="Оплата за перевозки по договору № 14/2026 (расчет = 01-15 февраля)",
        ),
        Line(
            booked_on=date(2026, 3, 3), amount_tiyn=15_000_000, counterparty_name='АО "KASPI BANK"',
            counterparty_bin="971240001315", counterparty_iban="KZ07722S000009988776",
            reference="47437311",
            purpose=f"Возврат на карту 4400 4301 2345 6789, ИИК {KASPI}",
        ),
    ),
)  # fmt: skip
HALYK_1C = Statement(
    account=HALYK, from_date=date(2026, 3, 3), to_date=date(2026, 3, 4), opening_tiyn=100_000,
    closing_tiyn=118_005, currency="KZT",
    lines=(
        Line(
            booked_on=date(2026, 3, 3), amount_tiyn=50_005, counterparty_name="ИП Сейтқали",
            counterparty_bin="790101300456", counterparty_iban="KZ43601A861000334455",
            reference="A-1187", purpose="Внесение выручки агента за 02.03.2026",
        ),
        Line(
            booked_on=date(2026, 3, 4), amount_tiyn=-32_000,
            counterparty_name="АО Народный Банк Казахстана", counterparty_bin="940140000385",
            reference="77", purpose="Комиссия за ведение счета за февраль 2026",
        ),
    ),
)  # fmt: skip
HALYK_CAMT = Statement(
    account=HALYK, from_date=date(2026, 3, 5), to_date=date(2026, 3, 5), opening_tiyn=118_005,
    closing_tiyn=9_843_005, currency="KZT",
    lines=(
        Line(
            booked_on=date(2026, 3, 5), value_on=date(2026, 3, 4), amount_tiyn=6_000_000,
            counterparty_name="АО «Kaspi Bank»", counterparty_bin="971240001315",
            counterparty_iban="KZ07722S000009988776", reference="QR-20260304",
            bank_reference="KB-9-1", purpose="Төлемдер тізілімі 04.03.2026, QR & қолданба",
        ),
        Line(
            booked_on=date(2026, 3, 5), value_on=date(2026, 3, 4), amount_tiyn=4_000_000,
            reference="RF18539007547034", bank_reference="KB-9-2",
        ),
        Line(
            booked_on=date(2026, 3, 5), value_on=date(2026, 3, 4), amount_tiyn=-150_000,
            bank_reference="KB-9-3", purpose="Комиссия банка 1,5 %",
        ),
        Line(
            booked_on=date(2026, 3, 5), amount_tiyn=-125_000, counterparty_name="ИП Сейтқали",
            counterparty_iban="KZ43601A861000334455", bank_reference="KB-10",
            purpose="Отмена зачисления",
        ),
    ),
)  # fmt: skip
BCC_MT940 = Statement(
    account=BCC, from_date=date(2025, 12, 31), to_date=date(2026, 1, 2), opening_tiyn=10_000_000,
    closing_tiyn=30_000_000, currency="KZT",
    lines=(
        Line(
            booked_on=date(2025, 12, 31), value_on=date(2025, 12, 31), amount_tiyn=25_000_000,
            counterparty_name="ТОО Жол", counterparty_bin="960540001234",
            counterparty_iban="KZ43601A861000334455", reference="118", bank_reference="KC251231001",
            purpose="Билеттер үшін төлем, шарт № 7, 2025 жылғы желтоқсан айының екінші жартысы",
        ),
        Line(
            booked_on=date(2025, 12, 31), value_on=date(2025, 12, 31), amount_tiyn=-5_000_000,
            bank_reference="KC251231002", purpose="Отзыв зачисления",
        ),
        Line(
            booked_on=date(2025, 12, 31), value_on=date(2025, 12, 31), amount_tiyn=-100_050,
            bank_reference="KC251231003", purpose="Комиссия за обслуживание",
        ),
        Line(
            booked_on=date(2026, 1, 2), value_on=date(2025, 12, 31), amount_tiyn=100_050,
            counterparty_name="АО БанкЦентрКредит", counterparty_iban="KZ07722S000009988776",
            reference="AG-55", bank_reference="KC260102001", purpose="Возврат комиссии",
        ),
    ),
)  # fmt: skip
KASPI_TABLE = Statement(
    account=KASPI, from_date=date(2026, 3, 4), to_date=date(2026, 3, 5), opening_tiyn=21_438_833,
    closing_tiyn=22_500_000, currency="KZT",
    lines=(
        Line(
            booked_on=date(2026, 3, 4), amount_tiyn=1_200_000, counterparty_name='ИП "Нұр"',
            counterparty_bin="810412400123", reference="47437400",
            purpose="Пополнение транспортных карт; реестр № 119",
        ),
        Line(
            booked_on=date(2026, 3, 5), amount_tiyn=-138_833, counterparty_name="АО Kaspi Bank",
            counterparty_bin="971240001315", reference="47437401", purpose="Комиссия",
        ),
    ),
)  # fmt: skip
KASPI_MAPPING = Mapping(
    columns=Columns(
        date="Дата операции", debit="Дебет", credit="Кредит", reference="№ документа",
        counterparty_name="Бенефициар / Отправитель", counterparty_bin="БИН/ИИН",
        purpose="Назначение платежа",
    ),
    account=Place(label="Счет"), opening=Place(label="Остаток на начало"),
    closing=Place(label="Остаток на конец"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "encoding", "form", "expected"),
    [
        ("kaspi_1c.txt", "kz1048", "1c", KASPI_1C),
        ("kaspi_1c.txt", "utf-8", "1c", KASPI_1C),
        ("kaspi_1c.txt", "utf-8-sig", "1c", KASPI_1C),
        ("halyk_1c_103.txt", "kz1048", "1c", HALYK_1C),
        ("halyk_camt_08.xml", "utf-8", "camt053", HALYK_CAMT),
        ("bcc_mt940.txt", "utf-8", "mt940", BCC_MT940),
        ("bcc_mt940.txt", "kz1048", "mt940", BCC_MT940),
    ],
)
def test_files_that_say_all_themselves(name, encoding, form, expected):
    data = golden(name, encoding)
    assert guess(data) == form
    [found] = parse(data, form)
    assert check(found) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "kz1048"])
def test_a_table_of_kaspi(encoding):
    data = golden("kaspi.csv", encoding)
    assert guess(data) == "csv"
    [found] = parse(data, "csv", KASPI_MAPPING)
    assert check(found) == KASPI_TABLE
    assert [line.source_line for line in found.lines] == [7, 9]


def workbook(**changes: object) -> bytes:
    """The same as Excel keeps it: dates, numbers, a BIN that lost its zeros, balances in cells."""
    book = Workbook()
    cover = book.active
    assert cover is not None
    cover.title = "О банке"
    sheet = book.create_sheet("Выписка")
    for cell, value in {
        "A1": "Выписка по счету", "B3": KASPI, "E3": 214388.33, "E4": 225000, "A6": "№ документа",
        "B6": "Дата\nоперации", "C6": "Сумма", "D6": "Д/К", "E6": "БИН/ИИН", "F6": "Назначение",
        "A7": 47437400, "B7": datetime(2026, 3, 4, 10, 15), "C7": 12000, "D7": "К",
        "E7": 810412400123, "F7": "Пополнение", "A8": 47437401, "B8": datetime(2026, 3, 5),
        "C8": 1388.33, "D8": "Д", "E8": 50140000656, "F8": "Комиссия", "A10": "Итого", "C10": 0.5,
    } .items():  # fmt: skip
        sheet[cell] = changes.get(cell, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


WORKBOOK_MAPPING = Mapping(
    columns=Columns(
        date="Дата операции", amount="Сумма", direction="Д/К", reference="№ документа",
        counterparty_bin="БИН/ИИН", purpose="Назначение",
    ),
    sheet="Выписка", account=Place(cell="B3"), opening=Place(cell="E3"), closing=Place(cell="E4"),
)  # fmt: skip


def test_a_workbook_with_numbers_dates_and_directions():
    data = workbook()
    assert guess(data) == "xlsx"
    [found] = parse(data, "xlsx", WORKBOOK_MAPPING)
    assert check(found) == Statement(
        account=KASPI, from_date=date(2026, 3, 4), to_date=date(2026, 3, 5),
        opening_tiyn=21_438_833, closing_tiyn=22_500_000, currency="KZT",
        lines=(
            Line(
                booked_on=date(2026, 3, 4), amount_tiyn=1_200_000, reference="47437400",
                counterparty_bin="810412400123", purpose="Пополнение",
            ),
            Line(
                booked_on=date(2026, 3, 5), amount_tiyn=-138_833, reference="47437401",
                counterparty_bin="050140000656", purpose="Комиссия",
            ),
        ),
    )  # fmt: skip


def test_what_is_said_beside_a_table_goes_before_what_is_in_it():
    said = Given(
        opening_tiyn=1_061_167, closing_tiyn=2_122_334, from_date=date(2026, 3, 1),
        to_date=date(2026, 3, 31),
    )  # fmt: skip
    [found] = parse(workbook(), "xlsx", WORKBOOK_MAPPING, said)
    assert check(found).to_date == date(2026, 3, 31)
    assert (found.opening_tiyn, found.closing_tiyn) == (1_061_167, 2_122_334)


def test_two_accounts_in_one_file_and_a_transfer_between_them():
    text = golden("halyk_1c_103.txt").decode()
    text = text.replace("ПолучательСчет=\r\nДатаПоступило=\r\n",
                        f"ПолучательСчет={KASPI}\r\nДатаПоступило=04.03.2026\r\n")  # fmt: skip
    other = (
        f"СекцияРасчСчет\r\nДатаНачала=03.03.2026\r\nДатаКонца=04.03.2026\r\nРасчСчет={KASPI}\r\n"
        "НачальныйОстаток=0\r\nКонечныйОстаток=320.00\r\nКонецРасчСчет\r\n"
    )
    text = text.replace(
        "КонецРасчСчет\r\nСекцияДокумент", f"КонецРасчСчет\r\n{other}СекцияДокумент"
    )
    own, second = map(check, parse(text.encode(), "1c"))
    assert [line.amount_tiyn for line in own.lines] == [50_005, -32_000]
    assert [line.amount_tiyn for line in second.lines] == [32_000]
    assert second.lines[0].counterparty_iban == HALYK


def test_card_numbers_are_starred_and_nothing_else_is():
    line = without_cards(KASPI_1C.lines[2])
    assert line.purpose == f"Возврат на карту 4400 43** **** 6789, ИИК {KASPI}"
    for other in (*KASPI_1C.lines[:2], *HALYK_CAMT.lines, *BCC_MT940.lines):
        assert without_cards(other) is other


def test_a_file_that_says_dos_is_read_as_that():
    text = golden("halyk_1c_103.txt").decode().replace("Кодировка=Windows", "Кодировка=DOS")
    plain = text.replace("қ", "к").replace("Қ", "К").replace("і", "и").replace("ө", "о")
    [found] = parse(plain.encode("cp866"), "1c")
    assert found.lines[1].purpose == HALYK_1C.lines[1].purpose
    assert found.lines[0].counterparty_name == "ИП Сейткали"
