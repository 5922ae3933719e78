"""One CSV file as columns.

Text is kept as a dictionary of distinct values with a code for each row, since a timetable says
the same few values a million times: a value is trimmed, checked and parsed once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static.report import Report
from sapar.gtfs.static.spec import FileSpec, Presence

#: Small enough to stay in the processor's cache between splitting and encoding.
_CHUNK_ROWS = 1000

Ints = NDArray[np.int32]


class _Reader(Protocol):
    """What `csv.reader` gives: rows, and the number of lines read so far."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A text column: row i has the text `values[codes[i]]`, trimmed, '' where empty."""

    codes: Ints
    values: list[str]

    def text(self) -> list[str]:
        """Give the text of every row."""
        values = self.values
        return [values[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one file that the timetable reads.

    Every column of the specification is there; one the file lacks is empty in every row. `present`
    names those the file has. `lines` is each row's first line in the file, the header being 1.
    """

    file: str
    lines: Ints
    columns: dict[str, Column]
    present: frozenset[str]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.lines)

    def text(self, name: str) -> list[str]:
        """Give a column's text of every row."""
        return self.columns[name].text()


class _Codes(dict[str, int]):
    """Numbers distinct values in the order of their first appearance."""

    def __missing__(self, value: str) -> int:
        code = self[value] = len(self)
        return code


def empty_table(spec: FileSpec) -> Table:
    """Stand for an optional file that is missing."""
    return _make_table(spec, np.zeros(0, np.int32), {}, frozenset())


def read_table(spec: FileSpec, content: bytes, report: Report) -> Table:
    """Split a file into columns and note everything that cannot be read.

    A row that cannot be split or has too many values ends up in the report as a refusal, so the
    table is only good when the report is.
    """
    text = _decode(spec.name, content, report)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as exc:
        report.add("unreadable_row", spec.name, 1, "", f"the header cannot be read: {exc}")
        return empty_table(spec)
    names = _header_names(spec, header, report)
    if not any(names):
        if spec.required:
            report.add("empty_file", spec.name, None, "", "has no header")
        return empty_table(spec)
    wanted = {f.name: names.index(f.name) for f in spec.fields if f.name in names}
    encoders = {name: _Codes({"": 0}) for name in wanted}
    codes: dict[str, list[Ints]] = {name: [] for name in wanted}
    lines: list[Ints] = []
    for chunk_lines, rows in _chunks(spec.name, text, reader, len(names), report):
        columns = list(zip(*rows, strict=True))
        lines.append(chunk_lines)
        for name, position in wanted.items():
            encode = encoders[name].__getitem__
            codes[name].append(np.fromiter(map(encode, columns[position]), np.int32, len(rows)))
    line_numbers = _joined(lines)
    if len(line_numbers) == 0:
        code = "empty_file" if spec.required else "empty_optional_file"
        report.add(code, spec.name, None, "", "has no rows")
    made = {
        name: _trimmed(_joined(codes[name]), list(encoders[name]), spec.name, name, report)
        for name in wanted
    }
    return _make_table(spec, line_numbers, made, frozenset(wanted))


def _make_table(
    spec: FileSpec, lines: Ints, columns: dict[str, Column], present: frozenset[str]
) -> Table:
    absent = Column(np.zeros(len(lines), np.int32), [""])
    filled = {f.name: columns.get(f.name, absent) for f in spec.fields}
    return Table(spec.name, lines, filled, present)


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _decode(file: str, content: bytes, report: Report) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        report.add("not_utf8", file, line, "", f"byte 0x{content[exc.start]:02x} is not UTF-8")
        return ""
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        report.add("nul_character", file, line, "", "contains a NUL character")
        return ""
    return text


def _header_names(spec: FileSpec, header: list[str], report: Report) -> list[str]:
    names = [name.strip() for name in header]
    for raw, name in zip(header, names, strict=True):
        if raw != name:
            report.add("untrimmed_column", spec.name, 1, name, "spaces around the name")
    for field in spec.fields:
        count = names.count(field.name)
        if count > 1:
            report.add("duplicate_column", spec.name, 1, field.name, f"stands {count} times")
        elif count == 0 and field.presence in (Presence.VALUE, Presence.COLUMN) and any(names):
            report.add("missing_column", spec.name, 1, field.name, "column is missing")
        elif count == 0 and field.presence is Presence.RECOMMENDED and any(names):
            report.add("missing_recommended_column", spec.name, 1, field.name, "column is missing")
    return names


def _chunks(
    file: str, text: str, reader: _Reader, width: int, report: Report
) -> Iterator[tuple[Ints, list[list[str]]]]:
    """Give chunks of rows, all `width` wide, with their lines; blank lines are left out."""
    while True:
        before = reader.line_num
        try:
            rows = list(islice(reader, _CHUNK_ROWS))
        except csv.Error as exc:
            line = _line_of_bad_row(text)
            report.add("unreadable_row", file, line, "", f"cannot be split into fields: {exc}")
            return
        if not rows:
            return
        count = len(rows)
        if reader.line_num - before == count:
            lines = np.arange(before + 1, before + 1 + count, dtype=np.int32)
        else:
            lines = _lines_of(rows, before)
        if set(map(len, rows)) != {width}:
            keep = _level(file, rows, lines, width, report)
            rows, lines = [rows[i] for i in keep], lines[keep]
        if rows:
            yield lines, rows


def _lines_of(rows: list[list[str]], before: int) -> Ints:
    """Number rows whose quoted fields contain line ends, as a text editor numbers lines."""
    spans = [1 + sum(_line_ends(value) for value in row) for row in rows]
    return (before + 1 + np.concatenate(([0], np.cumsum(spans)[:-1]))).astype(np.int32)


def _line_ends(value: str) -> int:
    return value.count("\n") + value.count("\r") - value.count("\r\n")


def _level(file: str, rows: list[list[str]], lines: Ints, width: int, report: Report) -> list[int]:
    """Bring rows to one width in place; give the positions of those that are not blank."""
    keep = []
    for position, row in enumerate(rows):
        if not any(value.strip() for value in row) and len(row) < 2:
            continue
        keep.append(position)
        if len(row) == width:
            continue
        line, counts = int(lines[position]), f"{len(row)} fields, the header has {width}"
        if len(row) < width:
            report.add("short_row", file, line, "", counts)
        elif any(row[width:]):
            report.add("too_many_fields", file, line, "", counts)
        else:
            report.add("extra_empty_fields", file, line, "", counts)
        rows[position] = (row + [""] * width)[:width]
    return keep


def _line_of_bad_row(text: str) -> int:
    """Find the first line of the row that the reader cannot split."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error:
        pass
    return line


def _trimmed(codes: Ints, values: list[str], file: str, name: str, report: Report) -> Column:
    """Strip spaces from the distinct values, and let values that became equal share a code."""
    stripped = [value.strip() for value in values]
    if stripped == values:
        return Column(codes, values)
    rows = sum(1 for raw, value in zip(values, stripped, strict=True) if raw != value)
    example = next(raw for raw, value in zip(values, stripped, strict=True) if raw != value)
    for _ in range(rows):
        report.add("untrimmed_value", file, None, name, f"spaces around {example!r}")
    merged = _Codes()
    mapping = np.fromiter(map(merged.__getitem__, stripped), np.int32, len(stripped))
    return Column(mapping[codes], list(merged))
