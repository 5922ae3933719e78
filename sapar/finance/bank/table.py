"""Statements from tables, CSV or XLSX, by the mapping of their account. Pure."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

import msgspec
from openpyxl import load_workbook

from sapar.core.errors import BadInput
from sapar.finance.bank.mapping import Mapping, Place, cell_of
from sapar.finance.bank.model import BrokenFile, Line, Statement, bin_of, clean, iban_of
from sapar.finance.bank.values import amount, day, decode

_UNPACKED_BYTES_MAX: Final = 256 << 20
_EXACT_TENGE_MAX: Final = 10**13  # beyond it a cell's number has no exact tiyn
_DELIMITERS = ";\t|,"


class Row(NamedTuple):
    """A row's texts, and its number in the file."""

    cells: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Given:
    """What whoever hands a table in says of it; it goes before what the mapping finds."""

    opening_tiyn: int | None = None
    closing_tiyn: int | None = None
    from_date: date | None = None
    to_date: date | None = None


NOTHING_GIVEN: Final = Given()


def read_csv(data: bytes, mapping: Mapping) -> list[Row]:
    """Give the rows of a CSV file.

    Raises:
        BrokenFile: `bad_encoding` or `bad_table`, with the line.
    """
    text = _text(data, mapping.encoding)
    if "\0" in text:
        raise BrokenFile("the file is no text", code="unknown_format")
    delimiter = mapping.delimiter or _delimiter(text)
    rows, reader = [], csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            rows.append(Row(tuple(cell.strip() for cell in cells), begins))
            begins = reader.line_num + 1
    except csv.Error as exc:
        raise BrokenFile(f"the table is broken: {exc}", code="bad_table", line=begins) from exc
    return rows


def _text(data: bytes, encoding: str) -> str:
    if not encoding:
        return decode(data)
    try:
        # the same letters, but for the Kazakh ones in the places of others
        return data.decode({"utf-8": "utf-8-sig", "windows-1251": "kz1048"}.get(encoding, encoding))
    except UnicodeError:
        raise BrokenFile(f"the text is not {encoding}", code="bad_encoding") from None


def _delimiter(text: str) -> str:
    """Give the delimiter that the most lines have; of two, the one that stands first here."""
    rows = text.splitlines()[:200]
    return max(_DELIMITERS, key=lambda one: sum(one in row for row in rows))


def read_xlsx(data: bytes, mapping: Mapping) -> list[Row]:
    """Give the rows of an XLSX sheet; numbers and dates as the text that Excel shows for them.

    Raises:
        BrokenFile: `bad_table`: it is no workbook, or has no such sheet.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_size(archive)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            sheet: Any = book[mapping.sheet] if mapping.sheet else book.worksheets[0]
            sheet.reset_dimensions()  # what the file says of its own size is often wrong
            return [
                Row(tuple(_shown(cell, mapping.decimal_mark) for cell in cells), number)
                for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1)
            ]
        finally:
            book.close()
    except BadInput:
        raise
    except Exception as exc:  # the library raises whatever it stumbles over
        raise BrokenFile(f"the workbook cannot be read: {exc}", code="bad_table") from exc


def _check_size(archive: zipfile.ZipFile) -> None:
    if sum(part.file_size for part in archive.infolist()) > _UNPACKED_BYTES_MAX:
        raise BrokenFile("the workbook unpacks to too much", code="too_large")


def _shown(value: Any, mark: str) -> str:
    """Give a cell's value as text: numbers with the 15 digits that Excel keeps."""
    if value is None:
        return ""
    if isinstance(value, float):
        exact = abs(value) < _EXACT_TENGE_MAX
        return f"{value:.15g}".replace(".", mark or ".") if exact else f"{value!r} is not exact"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value).strip()


def to_statement(rows: Sequence[Row], mapping: Mapping, given: Given) -> Statement:
    """Make the statement of a table, unchecked.

    Raises:
        BrokenFile: a heading, a balance, a date or an amount is not there; with the line.
    """
    header = _header(rows, mapping)
    places = _columns(rows[header].cells, mapping)
    lines = tuple(_lines(rows[header + 1 :], places, mapping))
    days = [line.booked_on for line in lines]
    opening = _found_amount(rows, mapping.opening, given.opening_tiyn, mapping, "opening")
    closing = _found_amount(rows, mapping.closing, given.closing_tiyn, mapping, "closing")
    from_date = given.from_date or _found_day(rows, mapping.from_date, mapping)
    to_date = given.to_date or _found_day(rows, mapping.to_date, mapping)
    if not days and (from_date is None or to_date is None):
        raise BrokenFile(
            "the table has no lines, so it does not say its days",
            code="no_period",
            hint="Give them with --from and --to.",
        )
    found = _look(rows, mapping.account)
    account = iban_of(found[0]) if found else ""
    if account is None:
        raise BrokenFile("the table's account is no account number", code="no_account")
    return Statement(
        account=account,
        from_date=from_date or min(days),
        to_date=to_date or max(days),
        opening_tiyn=opening,
        closing_tiyn=closing,
        currency="KZT",
        lines=lines,
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _wanted(mapping: Mapping) -> dict[str, str]:
    """Give the headings that must be there: what each column is → its heading."""
    return {name: _plain(text) for name, text in msgspec.structs.asdict(mapping.columns).items()
            if text}  # fmt: skip


def _header(rows: Sequence[Row], mapping: Mapping) -> int:
    """Give the place of the headings' row."""
    wanted = set(_wanted(mapping).values())
    best: set[str] = wanted
    for place, row in enumerate(rows):
        if mapping.header_row and row.number != mapping.header_row:
            continue
        missing = wanted - {_plain(cell) for cell in row.cells}
        if not missing:
            return place
        best = min(best, missing, key=len)
    raise BrokenFile(
        f"no row has all headings of the mapping; missing: {', '.join(sorted(best))}",
        code="no_header",
        line=mapping.header_row or None,
    )


def _columns(cells: Sequence[str], mapping: Mapping) -> dict[str, int]:
    headings = [_plain(cell) for cell in cells]
    return {name: headings.index(heading) for name, heading in _wanted(mapping).items()}


def _lines(rows: Sequence[Row], places: AnyMapping[str, int], mapping: Mapping) -> Iterator[Line]:
    ends = tuple(_plain(word) for word in mapping.end_words)
    for row in rows:
        first = next((cell for cell in row.cells if cell), "")
        if not first:
            continue
        if _plain(first).startswith(ends):
            return
        cells = {
            name: row.cells[place] if place < len(row.cells) else ""
            for name, place in places.items()
        }
        yield _line(cells, row.number, mapping)


def _line(cells: AnyMapping[str, str], number: int, mapping: Mapping) -> Line:
    form = mapping.date_format or None
    valued = cells.get("value_date", "")
    return Line(
        booked_on=day(cells["date"], number, form=form),
        amount_tiyn=_moved(cells, number, mapping),
        value_on=day(valued, number, form=form) if valued else None,
        counterparty_name=clean(cells.get("counterparty_name", "")),
        counterparty_bin=_bin(cells.get("counterparty_bin", "")),
        counterparty_iban=iban_of(cells.get("counterparty_iban", "")),
        reference=clean(cells.get("reference", "")),
        bank_reference=clean(cells.get("bank_reference", "")),
        purpose=clean(cells.get("purpose", "")),
        source_line=number,
    )


def _bin(text: str) -> str | None:
    """Give a BIN, also one that a spreadsheet took for a number and cut the zeros off."""
    digits = "".join(text.split())
    return bin_of(digits.zfill(12) if 8 <= len(digits) < 12 and digits.isdigit() else digits)


def _moved(cells: AnyMapping[str, str], number: int, mapping: Mapping) -> int:
    mark = mapping.decimal_mark or None
    if "amount" in cells:
        tiyn = amount(cells["amount"], number, decimal_mark=mark)
        words = {_plain(word).rstrip(".") for word in mapping.debit_words}
        if "direction" in cells and _plain(cells["direction"]).rstrip(".") in words:
            return -abs(tiyn)
        return tiyn
    debit, credit = (
        amount(cells[name], number, decimal_mark=mark) if cells[name].strip(" -—") else 0
        for name in ("debit", "credit")
    )
    if debit and credit:
        raise BrokenFile("both debit and credit are filled", code="bad_amount", line=number)
    if not (cells["debit"] or cells["credit"]):
        raise BrokenFile("neither debit nor credit is filled", code="bad_amount", line=number)
    return credit - abs(debit)


def _look(rows: Sequence[Row], place: Place | None) -> tuple[str, int] | None:
    """Give the text at a place and its row's number, or None."""
    if place is None:
        return None
    if place.cell:
        where = cell_of(place.cell)
        assert where is not None  # by check_mapping
        row, column = where
        if row < len(rows) and column < len(rows[row].cells) and rows[row].cells[column]:
            return rows[row].cells[column], rows[row].number
        return None
    label = _plain(place.label)
    for one in rows:
        for at, cell in enumerate(one.cells):
            if _plain(cell).rstrip(":").startswith(label.rstrip(":")):
                right = next((text for text in one.cells[at + 1 :] if text), None)
                if right is not None:
                    return right, one.number
    return None


def _found_amount(
    rows: Sequence[Row], place: Place | None, given: int | None, mapping: Mapping, name: str
) -> int:
    if given is not None:
        return given
    found = _look(rows, place)
    if found is None:
        raise BrokenFile(
            f"the table does not say the {name} balance",
            code="no_balances",
            hint=f"Say in the mapping where it stands, or give it with --{name}.",
        )
    return amount(*found, decimal_mark=mapping.decimal_mark or None)


def _found_day(rows: Sequence[Row], place: Place | None, mapping: Mapping) -> date | None:
    found = _look(rows, place)
    return None if found is None else day(*found, form=mapping.date_format or None)
