"""Registers as files: CSV and XLSX into rows, exactly or not at all. Pure.

A register is refused whole, with the line and the reason, when anything in it cannot be read.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sapar.contract.pan import is_pan_like
from sapar.finance.agents.mapping import Field, RegisterMapping, places_of
from sapar.finance.bank.model import BrokenFile
from sapar.finance.bank.values import amount, decode
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

FILE_BYTES_MAX: Final = 64 << 20
_CELLS_MAX: Final = 100
_SHEET_BYTES_MAX: Final = 128 << 20
_TEXT_MAX: Final = 200
_TIMES: Final = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")

Cell = str | int | float | datetime | date | time | bool | None


class Row(NamedTuple):
    """A sale as the register has it.

    Attributes:
        line: of the file, from 1.
        reference: the key of our operation, or the sender's own number, or ''.
        amount_tiyn: more than nothing.
        card_ref: the transit card, or ''.
        masked: a bank card's number with most digits hidden, or ''.
    """

    line: int
    reference: str
    at: datetime
    amount_tiyn: int
    card_ref: str
    masked: str
    status: Literal["done", "cancelled"]


class Register(NamedTuple):
    """A register as it was read.

    Attributes:
        total_tiyn: of the rows that are not cancelled.
    """

    format: Literal["csv", "xlsx"]
    rows: list[Row]
    total_tiyn: int


def read_register(data: bytes, mapping: RegisterMapping, zone: ZoneInfo) -> Register:
    """Read a register.

    Args:
        data: the file.
        mapping: how its columns are named.
        zone: of times without one.

    Raises:
        BrokenFile: `bad_encoding`, `bad_table`, `bad_header`, `bad_row`, `bad_amount`, `bad_time`,
            `bad_status`, `pan_like` (a bank card's whole number), `bad_total` (the row of totals
            says otherwise), `too_large`.
    """
    if len(data) > FILE_BYTES_MAX:
        raise BrokenFile("the file has more than 64 MB", code="too_large")
    is_xlsx = data[:4] == b"PK\x03\x04"
    table = _sheet_rows(data, mapping) if is_xlsx else _csv_rows(data, mapping)
    rows = _Reading(mapping, zone).rows(table)
    total = sum(row.amount_tiyn for row in rows if row.status == "done")
    return Register("xlsx" if is_xlsx else "csv", rows, total)


def _csv_rows(data: bytes, mapping: RegisterMapping) -> Iterator[tuple[int, list[Cell]]]:
    if mapping.encoding is None:
        text = decode(data)
    else:
        try:
            text = data.decode(mapping.encoding)
        except UnicodeDecodeError as exc:
            message = f"the file is not {mapping.encoding}: byte {exc.start}"
            raise BrokenFile(message, code="bad_encoding") from None
    if "\0" in text:
        raise BrokenFile("the file holds zero bytes: it is no text", code="bad_table")
    lines = text.splitlines()
    heading = lines[mapping.skip_rows] if len(lines) > mapping.skip_rows else ""
    separator: str = mapping.separator or max((",", ";", "\t"), key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 0
    try:
        for row in reader:
            first, line = line + 1, reader.line_num
            yield first, list(row)
    except csv.Error as exc:
        raise BrokenFile(str(exc), code="bad_table", line=line + 1) from None


def _sheet_rows(data: bytes, mapping: RegisterMapping) -> Iterator[tuple[int, list[Cell]]]:
    from openpyxl import load_workbook  # a tenth of a second, which few commands need

    rows: list[tuple[int, list[Any]]] | None = None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size <= _SHEET_BYTES_MAX:
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            name = mapping.sheet or book.sheetnames[0]
            # a workbook may say that it has a million rows of nothing
            table = book[name].iter_rows(values_only=True, max_col=_CELLS_MAX + 1)
            rows = [
                (line, _trimmed(row))
                for line, row in enumerate(table, start=1)
                if any(cell is not None for cell in row)
            ]
            book.close()
    except Exception as exc:  # the library raises whatever a broken part makes it stumble over
        raise BrokenFile(f"the workbook cannot be read: {exc}", code="bad_table") from exc
    if rows is None:
        raise BrokenFile("the workbook unpacks to more than 128 MB", code="too_large")
    width = max((len(row) for _, row in rows), default=0)
    for line, row in rows:
        yield line, row + [None] * (width - len(row))


def _trimmed(row: tuple[Any, ...]) -> list[Any]:
    last = max(place for place, cell in enumerate(row) if cell is not None)
    return list(row[: last + 1])


class _Reading:
    """Reads rows of a table one by one."""

    def __init__(self, mapping: RegisterMapping, zone: ZoneInfo) -> None:
        self._mapping = mapping
        self._zone = zone
        self._words = {word.lower(): "done" for word in mapping.done}
        self._words |= {word.lower(): "cancelled" for word in mapping.cancelled}
        self._total = {word.lower() for word in mapping.total}

    def rows(self, table: Iterator[tuple[int, list[Cell]]]) -> list[Row]:
        places: dict[Field, int] | None = None
        rows: list[Row] = []
        ended = False
        for line, cells in table:
            if line <= self._mapping.skip_rows or not any(_text(cell) for cell in cells):
                continue
            if len(cells) > _CELLS_MAX:
                raise BrokenFile("the row has too many cells", code="bad_row", line=line)
            _check_numbers(line, cells)
            if places is None:
                places = self._places(line, cells)
            elif ended:
                raise BrokenFile("a row stands below the totals", code="bad_row", line=line)
            elif self._is_total(cells):
                self._check_total(line, cells, places, rows)
                ended = True
            else:
                rows.append(self._row(line, cells, places))
        if places is None:
            raise BrokenFile("the file has no heading", code="bad_header")
        return rows

    def _places(self, line: int, cells: list[Cell]) -> dict[Field, int]:
        found = places_of(self._mapping, [_text(cell) for cell in cells])
        if isinstance(found, str):
            raise BrokenFile(
                found, code="bad_header", line=line, hint="Name the columns in a mapping."
            )
        return found

    def _is_total(self, cells: list[Cell]) -> bool:
        first = next((_text(cell) for cell in cells if _text(cell)), "")
        return first.rstrip(":").strip().lower() in self._total

    def _check_total(
        self, line: int, cells: list[Cell], places: dict[Field, int], rows: list[Row]
    ) -> None:
        said = self._amount(line, cells, places)
        done = sum(row.amount_tiyn for row in rows if row.status == "done")
        if said not in {done, sum(row.amount_tiyn for row in rows)}:
            raise BrokenFile(
                f"the rows come to {done} tiyn, the totals say {said}",
                code="bad_total",
                line=line,
                hint="Rows are missing or doubled in the file: ask for it again.",
            )

    def _row(self, line: int, cells: list[Cell], places: dict[Field, int]) -> Row:
        if len(cells) <= max(places.values()):
            raise BrokenFile("the row has fewer cells than the heading", code="bad_row", line=line)
        texts = {field: _text(cells[place]) for field, place in places.items()}
        for field, text in texts.items():
            if len(text) > _TEXT_MAX or not text.isprintable():
                raise BrokenFile(f"the {field} cannot be read", code="bad_row", line=line)
        tiyn = self._amount(line, cells, places)
        if not 0 < tiyn <= AMOUNT_MAX_TIYN:
            raise BrokenFile(f"an amount of {tiyn} tiyn cannot be", code="bad_amount", line=line)
        word = texts.get("status", "").lower()
        status = self._words.get(word)
        if status is None:
            raise BrokenFile(
                f"nobody knows the status {word!r}",
                code="bad_status",
                line=line,
                hint="Name it in the mapping, under done or cancelled.",
            )
        return Row(
            line=line,
            reference=texts.get("reference", ""),
            at=self._time(line, cells, places),
            amount_tiyn=tiyn,
            card_ref=texts.get("card_ref", ""),
            masked=texts.get("masked", ""),
            status="done" if status == "done" else "cancelled",
        )

    def _amount(self, line: int, cells: list[Cell], places: dict[Field, int]) -> int:
        cell = cells[places["amount"]] if places["amount"] < len(cells) else None
        return amount(_text(cell), line, decimal_mark=self._mark(cell))

    def _mark(self, cell: Cell) -> Literal[".", ","] | None:
        return "." if isinstance(cell, int | float) else self._mapping.decimal_mark

    def _time(self, line: int, cells: list[Cell], places: dict[Field, int]) -> datetime:
        parts = [cells[places[field]] for field in ("date", "time") if field in places]
        if len(parts) == 2 and isinstance(parts[1], datetime):  # a whole moment under "time"
            parts = parts[1:]
        if len(parts) == 1 and isinstance(parts[0], datetime):
            return self._zoned(parts[0])
        if len(parts) == 2 and isinstance(parts[0], datetime):
            parts[0] = parts[0].date()
        return self._moment(line, " ".join(_text(part) for part in parts).strip())

    def _moment(self, line: int, text: str) -> datetime:
        forms = (self._mapping.time_format,) if self._mapping.time_format else _TIMES
        for form in forms:
            try:
                return self._zoned(datetime.strptime(text, form))  # noqa: DTZ007 - zoned there
            except ValueError:
                continue
        try:
            if self._mapping.time_format is None and len(text) > len("2026-08-01"):
                return self._zoned(datetime.fromisoformat(text))
        except ValueError:
            pass
        raise BrokenFile(f"{text!r} is no date and time", code="bad_time", line=line)

    def _zoned(self, at: datetime) -> datetime:
        return at if at.tzinfo is not None else at.replace(tzinfo=self._zone)


def _text(cell: Cell) -> str:
    """Write a cell as a text; a number of a workbook by its shortest digits, never rounded."""
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else str(cell)
    if isinstance(cell, float):
        written = f"{Decimal(repr(cell)):f}"
        return written.removesuffix(".0")
    return str(cell).strip()


def _check_numbers(line: int, cells: list[Cell]) -> None:
    for cell in cells:
        if isinstance(cell, str | int | float) and is_pan_like(_text(cell)):
            raise BrokenFile(
                "a bank card's whole number stands there",
                code="pan_like",
                line=line,
                hint="Such files are not kept: ask the sender for masked numbers.",
            )
