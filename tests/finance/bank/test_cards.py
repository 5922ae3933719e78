"""Bank cards' numbers are starred out; IBANs, BINs and documents' numbers stay."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from sapar.contract.pan import is_pan_like
from sapar.finance.bank.cards import file_to_keep, mask
from tests.finance.bank.test_golden import HALYK_1C, golden

CARD = "4400430123456789"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (CARD, "440043******6789"),
        (f"карта №{CARD}.", "карта №440043******6789."),
        (f"12 {CARD} 7", "12 440043******6789 7"),
        ("4400-4301-2345-6789", "4400-43**-****-6789"),
        (f"карта.{CARD}", "карта.440043******6789"),
        (f"{CARD} и 5169490000112234", "440043******6789 и 516949******2234"),
        (f"БИН 050140000656 {CARD}", "БИН 050140000656 440043******6789"),
        ("4400430123456780", "4400430123456780"),  # a wrong check digit
        ("KZ918560000000112233", "KZ918560000000112233"),
        ("от 04.03.2026 на 1234567890123.45", "от 04.03.2026 на 1234567890123.45"),
        ("БИН 050140000656 ИИК", "БИН 050140000656 ИИК"),
    ],
)
def test_what_is_starred(text, masked):
    assert mask(text) == masked


def test_an_iban_of_digits_alone_stays_also_if_its_check_digit_were_a_cards():
    number = next(
        f"{head}" for head in map(str, range(91_856_000_000_011_2200, 91_856_000_000_011_2300))
        if is_pan_like(head)
    )  # fmt: skip
    assert mask(f"счет KZ{number}") == f"счет KZ{number}"
    assert mask(f"счет {number}") != f"счет {number}"


def test_a_known_number_stays():
    assert mask(f"по счету {CARD}", {CARD}) == f"по счету {CARD}"


@given(
    st.lists(st.one_of(st.text("0123456789", max_size=20), st.sampled_from([CARD, " ", "-", "№"])))
)
def test_no_number_in_one_piece_is_left(pieces):
    masked = mask("".join(pieces))
    assert mask(masked) == masked
    for run in re.findall(r"(?<![0-9.])[0-9]+(?![0-9])", masked):
        assert not is_pan_like(run)


def test_files_are_kept_without_cards():
    text = golden("kaspi_1c.txt", "kz1048")
    kept = file_to_keep(text, "1c", (), text_held_cards=True)
    assert kept is not None
    assert b"4400 43** **** 6789" in kept
    assert len(kept) == len(text)
    assert kept.replace(b"43** ****", b"4301 2345") == text
    statement = golden("bcc_mt940.txt")
    assert file_to_keep(statement, "mt940", (), text_held_cards=False) == statement
    assert file_to_keep(statement, "mt940", (), text_held_cards=True) is None
    named = text.replace(b"47437311", CARD.encode())
    assert CARD.encode() in named
    assert CARD.encode() not in (file_to_keep(named, "1c", (), text_held_cards=True) or b"")


@pytest.mark.parametrize(("cell", "kept"), [(CARD, False), (int(CARD), False), ("no card", True)])
def test_a_workbook_with_a_card_is_not_kept(cell, kept):
    book = Workbook()
    assert book.active is not None
    book.active["C9"] = cell
    out = io.BytesIO()
    book.save(out)
    data = out.getvalue()
    assert (file_to_keep(data, "xlsx", HALYK_1C.lines, text_held_cards=False) == data) is kept
