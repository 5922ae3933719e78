"""Reports of closed days: made once at the close, and given out as the same bytes for ever.

The JSON holds everything; the CSV holds the same totals as lines `section, key, owner, measure,
value`, for a spreadsheet. Both are canonical: sorted keys and rows, whole tiyn, no spaces.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from sapar.core.db import AsyncConnection
from sapar.core.errors import NotFound
from sapar.finance.closing.asking import ask
from sapar.finance.closing.totals import TABLES

FORMAT: Final = "sapar-day-report/1"
Form = Literal["json", "csv"]
FORMS: Final[tuple[Form, ...]] = ("json", "csv")

_canonical = msgspec.json.Encoder(order="sorted").encode


class Report(msgspec.Struct, frozen=True):
    """A stored report; `digest` is the SHA-256 of `body`, in hexadecimal."""

    business_date: date
    revision: int
    form: Form
    body: bytes
    digest: str
    made_at: datetime


class ReportLine(msgspec.Struct, frozen=True):
    """A stored report without its bytes."""

    revision: int
    form: Form
    size: int
    digest: str
    made_at: datetime


def make_json(
    agency_id: str,
    day: date,
    revision: int,
    totals: bytes,
    *,
    stages: Sequence[Mapping[str, Any]],
    signatures: Sequence[Mapping[str, Any]],
    reopenings: Sequence[Mapping[str, Any]],
    digest: bytes,
) -> bytes:
    """Write the report of a close. Pure.

    Args:
        agency_id: whose day.
        day: the business date.
        revision: of the close.
        totals: the day's totals as they were signed.
        stages: name, digest and evidence of each stage.
        signatures: who signed, when.
        reopenings: each with what was posted in it; empty for the first revision.
        digest: what was signed.
    """
    return _canonical(
        {
            "format": FORMAT,
            "agency_id": agency_id,
            "business_date": day,
            "revision": revision,
            "signed_digest": digest.hex(),
            "totals_digest": hashlib.sha256(totals).hexdigest(),
            "totals": msgspec.json.decode(totals),
            "accepted": [one for stage in stages for one in stage["evidence"]["exceptions"]],
            "stages": list(stages),
            "signatures": list(signatures),
            "reopenings": list(reopenings),
        }
    )


def make_csv(report: bytes) -> bytes:
    """Write the lines of a report's JSON. Pure; UTF-8, lines end with CR LF (RFC 4180)."""
    plain = msgspec.json.decode(report)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("section", "key", "owner", "measure", "value"))
    for name in ("agency_id", "business_date", "revision", "signed_digest"):
        writer.writerow(("report", "", "", name, plain[name]))
    totals = plain["totals"]
    writer.writerows(_sums("rides", "", totals["rides"]))
    writer.writerows(_block("day", totals["day"]))
    for late in totals["late"]:
        writer.writerows(_block(f"late {late['service_date']}", late))
    for one in totals["accounts"]:
        for side in ("debits", "credits"):
            writer.writerow(("account", one["code"], one["owner"], side, one[side]))
    for one in totals["kinds"]:
        writer.writerow(("journals", one["kind"], "", "journals", one["journals"]))
    for one in plain["accepted"]:
        row = ("accepted", one["exception_no"], one["kind"])
        writer.writerow((*row, "value_tiyn", one["value_tiyn"]))
        writer.writerow((*row, "subject", one["subject"]))
        writer.writerow((*row, "accepted_by", one["accepted_by"]))
        writer.writerow((*row, "reason", one["reason"]))
    for one in plain["signatures"]:
        writer.writerow(("signature", one["act"], one["name"], "signed_at", one["signed_at"]))
    return out.getvalue().encode()


def _block(section: str, block: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    yield from _sums(section, "", block["all"])
    for table in TABLES:
        for row in block["by"][table]:
            yield from _sums(f"{section} by {table}", row["key"], row)


def _sums(section: str, key: str, sums: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for measure, value in sorted(sums.items()):
        if measure != "key" and isinstance(value, int):
            yield section, key, "", measure, value


async def get_report(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    form: Form = "json",
    revision: int | None = None,
) -> Report:
    """Give a report as it was made; the newest revision, or a named one.

    Raises:
        NotFound: the day was not closed, or has no such revision.
    """
    values = {"agency_id": agency_id, "day": day, "form": form, "revision": revision}
    rows = await ask(connection, "find_report", values)
    if not rows:
        what = "" if revision is None else f" of revision {revision}"
        raise NotFound(f"there is no report{what} of {day}", hint="It is made at the close.")
    found, body, digest, made_at = rows[0]
    return Report(day, found, form, bytes(body), bytes(digest).hex(), made_at)


async def list_reports(connection: AsyncConnection, agency_id: str, day: date) -> list[ReportLine]:
    """Give all stored reports of a day, by revision and form."""
    rows = await ask(connection, "list_reports", {"agency_id": agency_id, "day": day})
    return [
        ReportLine(revision, form, size, bytes(digest).hex(), made_at)
        for revision, form, size, digest, made_at in rows
    ]
