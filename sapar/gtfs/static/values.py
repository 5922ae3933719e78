"""Reads the text of GTFS values: times, dates, numbers. Pure; distinct values are read once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static.report import Report
from sapar.gtfs.static.spec import FieldSpec, FileSpec, Kind, Presence
from sapar.gtfs.static.table import Column, Table

#: Stands for an empty value in columns of times, dates and whole numbers.
EMPTY = -1

_DAY_S = 86_400
_WRAP_GAP_MAX_S = 6 * 3600

_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)", re.ASCII)
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_INT = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_COLOR = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII)

Value = TypeVar("Value", int, float)


def parse_time(text: str) -> int:
    """Read H:MM:SS, HH:MM:SS or HHH:MM:SS as seconds after the start of the service day.

    Raises:
        ValueError: the text has another form.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a time H:MM:SS")
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def format_time(time_s: int) -> str:
    """Write seconds after the start of the service day as HH:MM:SS; undoes `parse_time`."""
    minutes, seconds = divmod(time_s, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def wraps_midnight(before_s: int, after_s: int) -> bool:
    """Tell whether a time that follows another was written anew from 00:00 after midnight.

    GTFS counts on to 24:05, but feeds that write 00:05 after 23:55 exist. A single mistyped hour
    looks different: with a day added it would be many hours after the time before it.
    """
    return after_s < before_s and 0 <= after_s + _DAY_S - before_s <= _WRAP_GAP_MAX_S


def parse_date(text: str) -> int:
    """Read YYYYMMDD as a proleptic ordinal (`datetime.date.toordinal`).

    Raises:
        ValueError: the text has another form or names no day of the calendar.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a date YYYYMMDD")
    year, month, day = match.groups()
    return date(int(year), int(month), int(day)).toordinal()


def parse_int(text: str) -> int:
    """Read a whole number.

    Raises:
        ValueError: the text is not one.
    """
    if _INT.fullmatch(text) is None:
        raise ValueError("not a whole number")
    return int(text)


def parse_float(text: str) -> float:
    """Read a finite decimal number.

    Raises:
        ValueError: the text is not one.
    """
    # float() also takes digits of other scripts and underscores, which other readers do not
    if not text.isascii() or "_" in text:
        raise ValueError("not a number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def parse_color(text: str) -> str:
    """Read six hex digits; give them in upper case.

    Raises:
        ValueError: the text has another form.
    """
    if _COLOR.fullmatch(text) is None:
        raise ValueError("not six hex digits")
    return text.upper()


def whole_numbers(spec: FileSpec, table: Table, name: str, report: Report) -> NDArray[np.int64]:
    """Read a column of times, dates, flags or whole numbers; `EMPTY` where it is empty."""
    field = _field(spec, name)
    bounds = (0, 1) if field.kind is Kind.FLAG else field.choices
    readers: dict[Kind, Callable[[str], int]] = {
        Kind.TIME: parse_time,
        Kind.DATE: parse_date,
        Kind.INT: parse_int,
        Kind.FLAG: parse_int,
    }
    read = _bounded(readers[field.kind], bounds)
    numbers = _read_distinct(field, table, read, EMPTY, report)
    return np.array(numbers, np.int64)[table.columns[name].codes]


def decimals(spec: FileSpec, table: Table, name: str, report: Report) -> NDArray[np.float64]:
    """Read a column of decimal numbers; NaN where it is empty."""
    field = _field(spec, name)
    numbers = _read_distinct(field, table, parse_float, math.nan, report)
    return np.array(numbers, np.float64)[table.columns[name].codes]


def colors(spec: FileSpec, table: Table, name: str, report: Report) -> list[str]:
    """Read a column of colours; '' where it is empty or unreadable."""
    read: list[str] = []
    for line, text in zip(table.lines.tolist(), table.text(name), strict=True):
        try:
            read.append(parse_color(text) if text else "")
        except ValueError as exc:
            read.append("")
            report.add("bad_optional_value", spec.name, line, name, f"{text!r} is {exc}")
    return read


def check_texts(spec: FileSpec, table: Table, report: Report) -> None:
    """Note empty values of text columns that must or should have one in every row."""
    for field in spec.fields:
        if field.kind is not Kind.TEXT or field.name not in table.present:
            continue
        column = table.columns[field.name]
        if field.presence is Presence.VALUE:
            _note_empty("missing_value", table, field.name, column, report)
        elif field.presence is Presence.RECOMMENDED:
            _note_empty("missing_recommended_value", table, field.name, column, report)


def _field(spec: FileSpec, name: str) -> FieldSpec:
    return next(field for field in spec.fields if field.name == name)


def _bounded(read: Callable[[str], int], bounds: tuple[int, int] | None) -> Callable[[str], int]:
    if bounds is None:
        return read
    low, high = bounds

    def bounded(text: str) -> int:
        number = read(text)
        if not low <= number <= high:
            raise ValueError(f"not between {low} and {high}")
        return number

    return bounded


def _read_distinct(
    field: FieldSpec, table: Table, read: Callable[[str], Value], empty: Value, report: Report
) -> list[Value]:
    """Read each distinct value of a column; note the rows of those that cannot be read."""
    column = table.columns[field.name]
    if field.presence is Presence.VALUE and field.name in table.present:
        _note_empty("missing_value", table, field.name, column, report)
    numbers: list[Value] = []
    bad: dict[int, str] = {}
    for code, text in enumerate(column.values):
        try:
            numbers.append(read(text) if text else empty)
        except ValueError as exc:
            numbers.append(empty)
            bad[code] = f"{text!r} is {exc}" if str(exc).startswith("not") else f"{text!r}: {exc}"
    if bad:
        code_name = "bad_optional_value" if field.presence is Presence.OPTIONAL else "bad_value"
        rows = np.flatnonzero(np.isin(column.codes, list(bad)))
        report.add_rows(
            code_name,
            table.file,
            field.name,
            table.lines[rows],
            lambda position: bad[int(column.codes[rows[position]])],
        )
    return numbers


def _note_empty(code: str, table: Table, name: str, column: Column, report: Report) -> None:
    if "" not in column.values:
        return
    rows = np.flatnonzero(column.codes == column.values.index(""))
    report.add_rows(code, table.file, name, table.lines[rows], lambda _: "value is empty")
