"""From a zip to checked rows of every file; the text of each value is read here, once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sapar.gtfs.static import FeedRefused, parse_date, parse_time
from sapar.gtfs.static.archive import Archive, open_archive
from sapar.gtfs.static.report import Report
from sapar.ticketing.tariff.findings import Findings
from sapar.ticketing.tariff.spec import FILES, UNSUPPORTED, ColumnSpec, FileSpec, Kind

ZIP_BYTES_MAX = 4 * 2**20
"""A large city's tariff is a few dozen kilobytes; most of it names routes."""

_AMOUNT = re.compile(r"(0|[1-9]\d{0,6})(?:\.(\d{1,2}))?")
_INT = re.compile(r"-?(0|[1-9]\d{0,8})")
_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it stands on and the value of every column of the specification.

    A value is text, whole tiyn, a whole number, a flag, seconds or a date, by the column's kind;
    where the file leaves it empty it is '' for text and None for the others.
    """

    line: int
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Give the value of a column."""
        return self.values[name]


@dataclass(frozen=True, slots=True)
class TariffFiles:
    """The rows of every file, and which columns it has; `digest` is the SHA-256 of the zip."""

    digest: str
    rows: Mapping[str, list[Row]]
    columns: Mapping[str, frozenset[str]]


def read_files(data: bytes, findings: Findings) -> TariffFiles:
    """Read every file of a tariff's zip and note what cannot be read.

    Raises:
        TariffRefused: the zip cannot be opened.
    """
    if len(data) > ZIP_BYTES_MAX:
        findings.add("bad_zip", "", 0, f"{len(data):,} bytes, at most {ZIP_BYTES_MAX:,}")
        findings.finish()
    report = Report()
    try:
        archive = open_archive(data, report)
    except FeedRefused as refused:
        for found in refused.refusals:
            findings.add("bad_zip", found.file, 0, found.reason)
        findings.finish()
        raise
    _note_others(archive, findings)
    rows: dict[str, list[Row]] = {}
    columns: dict[str, frozenset[str]] = {}
    for spec in FILES:
        rows[spec.name], columns[spec.name] = [], frozenset()
        if spec.name in archive.members:
            content = archive.read(spec.name, report)
            rows[spec.name], columns[spec.name] = _read_file(spec, content, findings)
        if spec.needed and not rows[spec.name]:
            findings.add("missing_file", spec.name, 0, "is missing or has no rows")
    try:
        report.finish()
    except FeedRefused as refused:
        for found in refused.refusals:
            findings.add("bad_zip", found.file, 0, found.reason)
    return TariffFiles(archive.digest, rows, columns)


def _note_others(archive: Archive, findings: Findings) -> None:
    known = {spec.name for spec in FILES}
    for name in sorted([*archive.members, *archive.strays]):
        if name in UNSUPPORTED:
            findings.add("unsupported_file", name, 0, "changes prices, and is not supported")
        elif name not in known:
            findings.add("stray_file", name, 0, "is not part of a tariff")


def _read_file(
    spec: FileSpec, content: bytes, findings: Findings
) -> tuple[list[Row], frozenset[str]]:
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        lines = [(reader.line_num, row) for row in reader if any(value.strip() for value in row)]
    except (UnicodeDecodeError, csv.Error) as exc:
        findings.add("unreadable_file", spec.name, 0, str(exc))
        return [], frozenset()
    if len(set(header)) != len(header):
        findings.add("duplicate_column", spec.name, 1, "a column stands there twice")
        return [], frozenset()
    known = {column.name for column in spec.columns}
    for name in header:
        if name not in known:
            findings.add("unknown_column", spec.name, 1, f"{name!r} is not read")
    missing = [c.name for c in spec.columns if c.needed and c.name not in header]
    for name in missing:
        findings.add("missing_column", spec.name, 1, f"column {name} is missing")
    if missing:
        return [], frozenset()
    rows = []
    for line, values in lines:
        if len(values) > len(header):
            findings.add("wrong_width", spec.name, line, "more values than the header has")
            continue
        texts = dict(zip(header, values, strict=False))
        rows.append(
            Row(line, {c.name: _value(spec, c, texts, line, findings) for c in spec.columns})
        )
    _check_keys(spec, rows, findings)
    return rows, frozenset(header)


def _value(
    spec: FileSpec, column: ColumnSpec, texts: Mapping[str, str], line: int, findings: Findings
) -> Any:
    text = texts.get(column.name, "").strip()
    is_text = column.kind in {Kind.TEXT, Kind.ID}
    if not text:
        if column.needed:
            findings.add("missing_value", spec.name, line, f"{column.name} is empty")
        return "" if is_text else None
    if column.kind is Kind.EMPTY:
        findings.add("unsupported", spec.name, line, f"{column.name} is not supported: {text!r}")
        return None
    try:
        return _READERS[column.kind](text) if not column.one_of else _word(text, column.one_of)
    except ValueError as exc:
        findings.add("bad_value", spec.name, line, f"{column.name} {text!r}: {exc}")
        return "" if is_text else None


def _word(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise ValueError(f"not one of {', '.join(words)}")
    return text


def parse_amount(text: str) -> int:
    """Read tenge with at most two decimals as whole tiyn, exactly.

    Raises:
        ValueError: the text has another form, or is more than 9,999,999.99.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("not an amount like 80 or 80.50, from 0 to 9999999.99")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _parse_int(text: str) -> int:
    if _INT.fullmatch(text) is None:
        raise ValueError("not a whole number")
    return int(text)


def _parse_flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("not 0 or 1")
    return text == "1"


def _parse_date(text: str) -> date:
    return date.fromordinal(parse_date(text))


def _parse_id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError("an id has 1 to 64 characters and no spaces")
    return text


def _parse_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a character that cannot be shown")
    return text


_READERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: _parse_text,
    Kind.ID: _parse_id,
    Kind.AMOUNT: parse_amount,
    Kind.INT: _parse_int,
    Kind.FLAG: _parse_flag,
    Kind.TIME: parse_time,
    Kind.DATE: _parse_date,
}


def _check_keys(spec: FileSpec, rows: list[Row], findings: Findings) -> None:
    if spec.is_single and len(rows) > 1:
        findings.add("one_row", spec.name, rows[1].line, "has one row, no more")
    if not spec.key:
        return
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in spec.key)
        first = seen.setdefault(key, row.line)
        if first != row.line:
            shown = ", ".join(f"{name} {row[name] or ''!r}" for name in spec.key)
            findings.add("duplicate_key", spec.name, row.line, f"{shown}: as in line {first}")
