"""Open data as files: CSV, Parquet and a data dictionary, the same bytes for the same figures."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sapar.core.db import AsyncConnection
from sapar.finance.opendata.figures import Field, Resource, parse_month, read_figures

K_DEFAULT: Final = 10
"""The smallest count that is published unless another is asked for."""
_DIGITS: Final = {"money": 2, "km": 3}
_TYPES: Final[dict[str, Any]] = {
    "text": pa.string(),
    "count": pa.int64(),
    "money": pa.decimal128(18, 2),
    "km": pa.decimal128(18, 3),
}
_JSON_TYPES: Final = {"text": "string", "count": "integer", "money": "number", "km": "number"}


async def month_files(
    connection: AsyncConnection, agency_id: str, month: str, *, k: int = K_DEFAULT
) -> dict[str, bytes]:
    """Give the files of a month by name: three tables in two formats, and `datapackage.json`.

    Args:
        connection: to read from.
        agency_id: whose.
        month: like `2026-10`; all of its days are closed.
        k: the smallest count that is published.

    Raises:
        BadInput: it is no month.
        NotFound: there is no such agency.
        Refused: `day_open`: a day of the month is not closed.
    """
    parsed = parse_month(month)
    name, tables = await read_figures(connection, agency_id, parsed, k)
    files: dict[str, bytes] = {}
    for table in tables:
        files[f"{table.name}.csv"] = csv_of(table)
        files[f"{table.name}.parquet"] = parquet_of(table)
    files["datapackage.json"] = _dictionary(agency_id, name, parsed.text, k, tables, files)
    return files


def written(value: str | int | None, field: Field) -> str:
    """Write a value as CSV has it: exact, empty for None."""
    if value is None:
        return ""
    digits = _DIGITS.get(field.kind)
    return f"{decimal_of(value, digits)}" if digits else str(value)


def decimal_of(value: str | int, digits: int) -> Decimal:
    """Give the decimal number of a whole number of smallest units."""
    return Decimal(value).scaleb(-digits).quantize(Decimal(1).scaleb(-digits))


def csv_of(table: Resource) -> bytes:
    """Write a table as CSV, UTF-8, with a heading."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow([field.name for field in table.fields])
    out.writerows(
        [written(value, field) for value, field in zip(row, table.fields, strict=True)]
        for row in table.rows
    )
    return file.getvalue().encode()


def parquet_of(table: Resource) -> bytes:
    """Write a table as Parquet; money and kilometres are decimals."""
    columns = []
    for place, field in enumerate(table.fields):
        digits = _DIGITS.get(field.kind)
        values = [
            decimal_of(value, digits) if digits and value is not None else value
            for value in (row[place] for row in table.rows)
        ]
        columns.append(pa.array(values, type=_TYPES[field.kind]))
    schema = pa.schema([(field.name, _TYPES[field.kind]) for field in table.fields])
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), sink, compression="none")
    return sink.getvalue()


def _dictionary(
    agency_id: str,
    name: str,
    month: str,
    k: int,
    tables: Sequence[Resource],
    files: dict[str, bytes],
) -> bytes:
    """Describe the files in the way of Frictionless data packages."""
    described = {
        "profile": "tabular-data-package",
        "name": f"{agency_id}-transit-{month}",
        "title": f"{name}: ridership, revenue and service in {month}",
        "description": (
            f"Counts from 1 to {k - 1} are not published, nor what they could be computed from."
            " Amounts are tenge, distances kilometres. Late records may change a month:"
            " what was published later counts."
        ),
        "resources": [
            {
                "name": f"{table.name}-{form}",
                "path": f"{table.name}.{form}",
                "format": form,
                "description": table.description,
                "bytes": len(files[f"{table.name}.{form}"]),
                "hash": "sha256:" + hashlib.sha256(files[f"{table.name}.{form}"]).hexdigest(),
                "schema": {
                    "fields": [
                        {
                            "name": field.name,
                            "type": _JSON_TYPES[field.kind],
                            "description": field.description,
                        }
                        for field in table.fields
                    ],
                    "missingValues": [""],
                    "primaryKey": [
                        field.name
                        for field in table.fields
                        if field.name in {"month", "route_id", "rider_category"}
                    ],
                },
            }
            for table in tables
            for form in ("csv", "parquet")
        ],
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"
