"""How an account's tables are to be read: which column is what, kept once for each account."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from sapar.core.errors import BadInput

_CELL = re.compile(r"(?P<column>[A-Z]{1,3})(?P<row>[1-9][0-9]{0,6})")


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Headings of the columns, as they are written in the file, whatever blanks and capitals.

    Either `amount`, signed or with its `direction` in another column, or `debit` (money went) and
    `credit` (money came).
    """

    date: str
    amount: str = ""
    debit: str = ""
    credit: str = ""
    direction: str = ""
    value_date: str = ""
    counterparty_name: str = ""
    counterparty_bin: str = ""
    counterparty_iban: str = ""
    reference: str = ""
    bank_reference: str = ""
    purpose: str = ""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a value stands: in a `cell` (`B3`), or in the first filled one right of a `label`."""

    cell: str = ""
    label: str = ""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to read a table.

    Attributes:
        columns: what stands in which column.
        header_row: in which row the headings are; 0: in the first that has them all.
        opening, closing, from_date, to_date, account: where they stand above or below the table;
            None: they are given with the file, and the days are those of the lines.
        end_words: a row whose first filled cell begins with one of them ends the table.
        debit_words: what `direction` says when money went.
        delimiter, encoding: of a CSV file; '': found out.
        decimal_mark: '': found out for each amount.
        date_format: as for strptime; '': one of the usual ones.
        sheet: of an XLSX file; '': the first.
    """

    columns: Columns
    header_row: int = 0
    opening: Place | None = None
    closing: Place | None = None
    from_date: Place | None = None
    to_date: Place | None = None
    account: Place | None = None
    end_words: tuple[str, ...] = ("Итого", "Всего", "Барлығы", "Жиыны", "Total", "Обороты")
    debit_words: tuple[str, ...] = ("Д", "D", "Дт", "Дебет", "Debit", "DBIT", "Расход", "Шығыс")
    delimiter: Literal["", ",", ";", "\t", "|"] = ""
    encoding: Literal["", "utf-8", "windows-1251", "kz1048", "utf-16"] = ""
    decimal_mark: Literal["", ".", ","] = ""
    date_format: str = ""
    sheet: str = ""


def read_mapping(data: bytes) -> Mapping:
    """Read a mapping from JSON.

    Raises:
        BadInput: `bad_mapping`, with what is wrong.
    """
    try:
        return check_mapping(msgspec.json.decode(data, type=Mapping))
    except msgspec.DecodeError as exc:
        raise BadInput(f"the mapping cannot be read: {exc}", code="bad_mapping") from exc


def check_mapping(mapping: Mapping) -> Mapping:
    """Give a mapping back if tables can be read by it.

    Raises:
        BadInput: `bad_mapping`.
    """
    columns = mapping.columns
    one, two = bool(columns.amount), bool(columns.debit and columns.credit)
    if one == two or bool(columns.debit) != bool(columns.credit):
        raise BadInput(
            "the mapping needs a column `amount`, or columns `debit` and `credit`",
            code="bad_mapping",
        )
    if columns.direction and not one:
        raise BadInput("`direction` goes with `amount`", code="bad_mapping")
    if not columns.date:
        raise BadInput("the mapping needs a column `date`", code="bad_mapping")
    for place in (
        mapping.opening, mapping.closing, mapping.from_date, mapping.to_date, mapping.account
    ):  # fmt: skip
        if place is not None and (
            bool(place.cell) == bool(place.label) or (place.cell and not cell_of(place.cell))
        ):
            raise BadInput("a place is a `cell` such as B3, or a `label`", code="bad_mapping")
    return mapping


def cell_of(name: str) -> tuple[int, int] | None:
    """Give row and column of a cell, both counted from 0, or None if the name is none."""
    match = _CELL.fullmatch(name)
    if match is None:
        return None
    column = 0
    for letter in match["column"]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match["row"]) - 1, column - 1
