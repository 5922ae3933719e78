"""Documents for people: a head, facts and tables, as XLSX, PDF or CSV with the same bytes always.

No time of making, no machine's zone, no compressor's version gets into the bytes: parts of a
workbook are stored and dated 1980, a PDF is of the day that the document is about. What was issued
is kept as it was first given out all the same (`finance_paper`), for libraries change.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from fpdf import FPDF
from fpdf.enums import Align, TableCellFillMode
from fpdf.fonts import FontFace
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from sapar.core.errors import Unavailable

Kind = Literal["text", "date", "count", "money", "km"]
Format = Literal["xlsx", "pdf", "csv"]
Value = str | int | date | None
"""Money in tiyn, kilometres in metres."""

FONTS: Final = Path("/usr/share/fonts/truetype/dejavu")
"""Where Debian's fonts-dejavu-core puts a font with the Kazakh letters."""
_FORMATS: Final = {"money": "#,##0.00", "km": "#,##0.000", "count": "#,##0", "date": "DD.MM.YYYY"}
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and what its values are."""

    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `total` is a last row like the others, its sums those of the rows."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    total: Sequence[Value] | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A document.

    Attributes:
        title: its proper name, with number and date.
        facts: (label, value) under the title.
        tables: in their order.
        footer: lines at the end: who signs, the digest.
        day: that it is about; the time of its making for viewers.
        mark: before decimals in a PDF; other forms have theirs.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    footer: Sequence[str]
    day: date
    mark: str = "."


def render(paper: Paper, form: Format) -> bytes:
    """Write a document.

    Raises:
        Unavailable: `no_font`: there is no font for a PDF.
    """
    return {"xlsx": _xlsx, "pdf": _pdf, "csv": _csv}[form](paper)


def text_of(value: Value, kind: Kind, mark: str = ".") -> str:
    """Write a value for people: `1 234.50`, `12.345`, `31.10.2026`."""
    if value is None:
        return ""
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}"
    if isinstance(value, str):
        return value
    digits = {"money": 2, "km": 3}.get(kind, 0)
    sign, (whole, part) = "-" if value < 0 else "", divmod(abs(value), 10**digits)
    grouped = f"{whole:,}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{sign}{grouped}" + (f"{mark}{part:0{digits}}" if digits else "")


def _csv(paper: Paper) -> bytes:
    """Write the tables one after the other, exact numbers without grouping."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow([paper.title])
    out.writerows(paper.facts)
    for table in paper.tables:
        out.writerow([])
        out.writerow([table.title])
        out.writerow([column.title for column in table.columns])
        for row in _all_rows(table):
            out.writerow([
                value.isoformat() if isinstance(value, date)
                else text_of(value, column.kind).replace("\N{NO-BREAK SPACE}", "")
                for value, column in zip(row, table.columns, strict=True)
            ])  # fmt: skip
    out.writerow([])
    out.writerows([line] for line in paper.footer)
    return file.getvalue().encode()


def _all_rows(table: Table) -> list[Sequence[Value]]:
    return [*table.rows, *([] if table.total is None else [table.total])]


def _xlsx(paper: Paper) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "1"
    bold = Font(bold=True)
    _put(sheet, 1, 1, paper.title).font = Font(bold=True, size=14)
    at = 2
    for label, text in paper.facts:
        _put(sheet, at, 1, label)
        _put(sheet, at, 2, text)
        at += 1
    widths: dict[int, int] = {1: 24}
    for table in paper.tables:
        at += 1
        _put(sheet, at, 1, table.title).font = bold
        for place, column in enumerate(table.columns, 1):
            head = _put(sheet, at + 1, place, column.title)
            head.font = bold
            head.alignment = Alignment(wrap_text=True, vertical="top")
            widths[place] = max(widths.get(place, 12), min(len(column.title), 18))
        at += 2
        for row in _all_rows(table):
            for place, (value, column) in enumerate(zip(row, table.columns, strict=True), 1):
                cell = _put(sheet, at, place, value, column.kind)
                if row is table.total:
                    cell.font = bold
            at += 1
    for line in paper.footer:
        at += 1
        _put(sheet, at, 1, line)
    for place, width in widths.items():
        sheet.column_dimensions[get_column_letter(place)].width = width + 2
    made = datetime.combine(paper.day, time(), UTC).replace(tzinfo=None)
    book.properties.creator = "Sapar"
    book.properties.created = book.properties.modified = made
    file = io.BytesIO()
    book.save(file)
    return _dated(file.getvalue(), made)


def _put(sheet: Worksheet, row: int, column: int, value: Value, kind: Kind = "text") -> Cell:
    cell = sheet.cell(row, column)
    assert isinstance(cell, Cell)
    if isinstance(value, int):
        digits = {"money": 2, "km": 3}.get(kind, 0)
        cell.value = Decimal(value).scaleb(-digits) if digits else value
    else:
        cell.value = value
        if isinstance(value, str):
            cell.data_type = "s"  # a name that begins with = is no formula
    if kind in _FORMATS:
        cell.number_format = _FORMATS[kind]
    return cell


def _dated(book: bytes, made: datetime) -> bytes:
    """Write a workbook anew: its parts by name, stored, of one date."""
    stamp = made.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for name in sorted(old.namelist()):
            body = old.read(name)
            if name == "docProps/core.xml":
                body = _STAMP.sub(
                    rb'<dcterms:\1 xsi:type="dcterms:W3CDTF">' + stamp + rb"</dcterms:\1>", body
                )
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            new.writestr(entry, body)
    return out.getvalue()


def _pdf(paper: Paper) -> bytes:
    regular, bold = FONTS / "DejaVuSans.ttf", FONTS / "DejaVuSans-Bold.ttf"
    if not (regular.is_file() and bold.is_file()):
        raise Unavailable(
            f"a PDF needs the font {regular}",
            code="no_font",
            hint="apt-get install fonts-dejavu-core",
        )
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_compression(False)
    pdf.set_creation_date(datetime.combine(paper.day, time(), UTC))
    pdf.set_producer("Sapar")
    pdf.set_title(paper.title)
    pdf.set_auto_page_break(True, margin=12)
    pdf.add_font("DejaVu", "", regular)
    pdf.add_font("DejaVu", "B", bold)
    pdf.add_page()
    pdf.set_font("DejaVu", "B", 13)
    pdf.multi_cell(0, 7, paper.title, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("DejaVu", "", 9)
    for label, text in paper.facts:
        pdf.multi_cell(0, 5, f"{label}: {text}", new_x="LMARGIN", new_y="NEXT")
    for table in paper.tables:
        pdf.ln(3)
        pdf.set_font("DejaVu", "B", 10)
        pdf.multi_cell(0, 6, table.title, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("DejaVu", "", 7.5)
        _pdf_table(pdf, table, paper.mark)
    pdf.ln(4)
    pdf.set_font("DejaVu", "", 8)
    for line in paper.footer:
        pdf.multi_cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _pdf_table(pdf: FPDF, table: Table, mark: str) -> None:
    aligns = [Align.L if column.kind in {"text", "date"} else Align.R for column in table.columns]
    heading = FontFace(emphasis="BOLD", fill_color=(235, 235, 235))
    with pdf.table(
        text_align=aligns, headings_style=heading, line_height=4.2,
        cell_fill_mode=TableCellFillMode.NONE,
    ) as drawn:  # fmt: skip
        head = drawn.row()
        for column in table.columns:
            head.cell(column.title)
        for row in _all_rows(table):
            line = drawn.row(style=FontFace(emphasis="BOLD") if row is table.total else None)
            for value, column in zip(row, table.columns, strict=True):
                line.cell(text_of(value, column.kind, mark))
