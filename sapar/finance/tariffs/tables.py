"""A tariff's zip as tables of texts, and back: what a page edits and the reader judges."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sapar.core.errors import BadInput
from sapar.ticketing.tariff.city import write_tariff
from sapar.ticketing.tariff.findings import TariffFinding, TariffRefused
from sapar.ticketing.tariff.reader import check_tariff
from sapar.ticketing.tariff.rows import ZIP_BYTES_MAX
from sapar.ticketing.tariff.spec import FILES

CELLS_MAX: Final = 200_000
_NAME = re.compile(r"[a-z_]{1,40}\.txt")


class Table(msgspec.Struct, frozen=True):
    """A file: its header and its rows, every value as it is written."""

    name: str
    columns: list[str]
    rows: list[list[str]]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader says of a tariff.

    Attributes:
        ok: it can price.
        name: of the tariff; empty when it cannot be read.
        findings: what refuses it, or, when it can price, what its owner should know.
    """

    ok: bool
    name: str
    findings: list[dict[str, object]]


def tables_of(data: bytes) -> list[Table]:
    """Give the files of a stored tariff, in the order of the specification, then all others.

    A table has the columns of the specification that the file lacks too, empty, so that they can
    be filled in.
    """
    order = {spec.name: place for place, spec in enumerate(FILES)}
    specs = {spec.name: spec for spec in FILES}
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode("utf-8-sig")
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
            header = [column.strip() for column in rows[0]] if rows else []
            known = [column.name for column in specs[name].columns] if name in specs else []
            columns = header + [column for column in known if column not in header]
            width = len(columns)
            filled = [[*row, *[""] * (width - len(row))][:width] for row in rows[1:]]
            found.append(Table(name, columns, filled))
    found += [Table(name, [c.name for c in specs[name].columns], [])
              for name in order if all(one.name != name for one in found)]  # fmt: skip
    return sorted(found, key=lambda one: (order.get(one.name, len(order)), one.name))


def zip_of(tables: list[Table]) -> bytes:
    """Write tables as a tariff's zip; columns and files that are empty throughout are left out.

    Raises:
        BadInput: a table is malformed, or there is too much (`bad_tables`).
    """
    if sum(len(one.columns) * (len(one.rows) + 1) for one in tables) > CELLS_MAX:
        raise BadInput("The tables are too large.", code="bad_tables")
    files: dict[str, list[list[str]]] = {}
    for table in tables:
        if not _NAME.fullmatch(table.name) or table.name in files:
            raise BadInput(f"There is no file {table.name[:40]!r}, or twice.", code="bad_tables")
        width = len(table.columns)
        if any(len(row) != width for row in table.rows):
            raise BadInput(f"{table.name}: a row is of another width.", code="bad_tables")
        rows = [row for row in table.rows if any(value.strip() for value in row)]
        if not rows:
            continue
        kept = [at for at in range(width) if any(row[at].strip() for row in rows)]
        files[table.name] = [[row[at] for at in kept] for row in [table.columns, *rows]]
    data = write_tariff(files)
    if len(data) > ZIP_BYTES_MAX:
        raise BadInput("The tables are too large.", code="bad_tables")
    return data


def judge(data: bytes, zone: ZoneInfo) -> Judged:
    """Read a tariff and say what is wrong or odd about it; nothing is stored."""
    try:
        read = check_tariff(data, zone=zone)
    except TariffRefused as exc:
        return Judged(ok=False, name="", findings=plain(exc.findings))
    return Judged(ok=True, name=read.tariff.name, findings=plain(read.warnings))


def plain(findings: list[TariffFinding]) -> list[dict[str, object]]:
    """Give findings as plain values."""
    return [found.to_json() for found in findings]
