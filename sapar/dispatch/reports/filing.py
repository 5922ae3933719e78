"""A rider's side of a report: filing it, following it by its code, and forgetting who it was."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from sapar.contract.pan import may_hold_pan
from sapar.core.db import AsyncConnection, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound

QUERIES = load_queries("sapar.dispatch.reports")

KINDS: Final = (
    "never_came", "came_early", "came_late", "did_not_stop", "wrong_sign", "full", "no_ramp",
    "driver", "driving", "condition", "fare", "stop_name", "stop_number", "stop_place",
    "stop_state", "missing_route", "other",
)  # fmt: skip
"""What a report may be about; the pages have a word for each."""

KIND_OF_ONEBUSAWAY: Final = {
    "vehicle_never_came": "never_came",
    "vehicle_came_early": "came_early",
    "vehicle_came_late": "came_late",
    "wrong_headsign": "wrong_sign",
    "vehicle_does_not_stop_here": "did_not_stop",
    "stop_name_wrong": "stop_name",
    "stop_number_wrong": "stop_number",
    "stop_location_wrong": "stop_place",
    "route_or_trip_missing": "missing_route",
    "other": "other",
}
"""Codes of OneBusAway's report-problem calls; whatever else comes is `other`."""

LANGUAGES: Final = frozenset({"kk", "ru", "en"})
BODY_MAX: Final = 2000
CONTACT_MAX: Final = 200
_ID_MAX: Final = 100
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_CODE_SIGNS: Final = 16  # 80 bits
_LOOKS_LIKE: Final = str.maketrans("OIL", "011")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """What a rider reports.

    Attributes:
        agency_id: the city.
        kind: one of `KINDS`.
        body: the rider's words; may be empty.
        language: `kk`, `ru` or `en`: the answer is written in it.
        happened_at: the moment it is about, transit time.
        source: where it came in.
        code: made by the rider's page before the first try, so that the same report sent again
            is filed once; None: one is made.
        contact: how to reach the rider; empty: nobody need.
        stop_id, route_id, trip_id, vehicle_id: what it is about, as far as it is known.
        latitude, longitude: where the rider says that it was, degrees.
        evidence: what the system knew and had promised when the report came, as plain data.
    """

    agency_id: str
    kind: str
    body: str
    language: str
    happened_at: datetime
    source: Literal["page", "onebusaway"] = "page"
    code: str | None = None
    contact: str = ""
    stop_id: str | None = None
    route_id: str | None = None
    trip_id: str | None = None
    vehicle_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filed:
    """A report that is kept: its number, the rider's code, and whether it was there already."""

    report_no: int
    code: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """What a rider is told about a report of their own."""

    report_no: int
    kind: str
    body: str
    state: str
    happened_at: datetime
    filed_at: datetime
    route_id: str | None
    stop_id: str | None
    vehicle_id: str | None
    answer: str | None
    answered_at: datetime | None
    closed_at: datetime | None
    contact_until: datetime | None


def make_code() -> str:
    """Make the code of a report: 80 random bits that can be read out over the telephone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_SIGNS))


def read_code(text: str) -> str:
    """Give a code as it was made, however it was typed.

    Raises:
        BadInput: it is no code (`report_code`).
    """
    code = re.sub(r"[\s-]", "", text).upper().translate(_LOOKS_LIKE)
    if len(code) != _CODE_SIGNS or not set(code) <= set(_ALPHABET):
        raise BadInput(
            "That is not the code of a report.",
            code="report_code",
            hint=f"It has {_CODE_SIGNS} signs, digits and Latin letters.",
        )
    return code


def check_report(report: NewReport) -> None:
    """Refuse a report that cannot be kept.

    Raises:
        BadInput: a text is too long or holds controls, an id is overlong, the kind or the language
            is none (`bad_report`); a number of a bank card stands in it (`pan_like`).
    """
    if report.kind not in KINDS or report.language not in LANGUAGES:
        raise BadInput("That kind or language of report does not exist.", code="bad_report")
    ids = (report.stop_id, report.route_id, report.trip_id, report.vehicle_id)
    wrong = (
        len(report.body) > BODY_MAX
        or len(report.contact) > CONTACT_MAX
        or any(len(one or "") > _ID_MAX or _CONTROLS.search(one or "") for one in ids)
        or _CONTROLS.search(report.body + report.contact)
    )
    if wrong:
        raise BadInput(
            f"A report has at most {BODY_MAX} signs and a contact {CONTACT_MAX}.",
            code="bad_report",
        )
    said = (report.body, report.contact, *(one or "" for one in ids))
    shown = msgspec.json.encode(report.evidence.get("shown"))  # as the rider's page sent it
    if may_hold_pan("\n".join(said).encode()) or may_hold_pan(shown):
        raise BadInput(
            "There is a bank card's number in the report.",
            code="pan_like",
            hint="Take it out: nobody here needs it, and it must not be kept.",
        )


async def file_report(
    connection: AsyncConnection, report: NewReport, *, now: datetime, contact_days: int
) -> Filed:
    """Keep a report, inside the caller's transaction; the desk is told when it commits.

    Args:
        connection: in the caller's transaction, or one that commits by itself.
        report: what the rider says.
        now: transit time.
        contact_days: days after which the contact is erased (`SAPAR_REPORT_CONTACT_DAYS`).

    Raises:
        BadInput: see `check_report`; or the code is none (`report_code`).
    """
    check_report(report)
    code = make_code() if report.code is None else read_code(report.code)
    values = {
        "agency_id": report.agency_id,
        "code_hash": _hashed(code),
        "source": report.source,
        "kind": report.kind,
        "body": report.body.strip(),
        "language": report.language,
        "happened_at": min(report.happened_at, now),
        "filed_at": now,
        "stop_id": report.stop_id,
        "route_id": report.route_id,
        "trip_id": report.trip_id,
        "vehicle_id": report.vehicle_id,
        "latitude": report.latitude,
        "longitude": report.longitude,
        "evidence": json_value(report.evidence),
        "contact": report.contact.strip() or None,
        "contact_until": now + timedelta(days=contact_days) if report.contact.strip() else None,
    }
    with translated():
        row = await (await connection.execute(QUERIES["add_report"], values)).fetchone()
        if row is not None:
            return Filed(row[0], code, repeated=False)
        row = await (await connection.execute(QUERIES["find_filed"], values)).fetchone()
    if row is None:  # the code belongs to another city's report
        raise BadInput("That code is taken.", code="report_code")
    return Filed(row[0], code, repeated=True)


async def follow_report(connection: AsyncConnection, agency_id: str, code: str) -> Followed:
    """Give a rider what became of their report.

    Raises:
        BadInput: it is no code (`report_code`).
        NotFound: there is no such report (`no_report`).
    """
    values = {"agency_id": agency_id, "code_hash": _hashed(read_code(code))}
    with translated():
        row = await (await connection.execute(QUERIES["follow_report"], values)).fetchone()
    if row is None:
        raise NotFound("There is no report with this code.", code="no_report")
    return Followed(*row)


async def forget_old(connection: AsyncConnection, *, now: datetime, kept_days: int) -> int:
    """Erase contacts whose time is over and reports past their retention; give how many went."""
    values = {"now": now, "before": now - timedelta(days=kept_days)}
    with translated():
        erased = (await connection.execute(QUERIES["erase_contacts"], values)).rowcount
        return erased + (await connection.execute(QUERIES["drop_reports"], values)).rowcount


def _hashed(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
