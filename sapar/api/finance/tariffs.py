"""Addresses of the tariff desk: versions, their tables, drafts, dry runs, proposals, decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, read_body
from sapar.api.finance.cards import path_number
from sapar.api.finance.lines import answer_lines
from sapar.api.finance.workbench import Workbench
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import BadInput, NotFound, Refused, SaparError
from sapar.finance.tariffs.proposals import decide, list_proposals, propose, take_back
from sapar.finance.tariffs.tables import Table, judge, plain, tables_of, zip_of
from sapar.finance.tariffs.trying import days_between, try_days
from sapar.ticketing.tariff.rows import ZIP_BYTES_MAX
from sapar.ticketing.tariff.versions import (
    agency_zone,
    get_zip,
    list_versions,
    load_draft,
    store_draft,
)

_VERSION_MAX = 2**31 - 1
_TEXT_MAX = 400
_TIME_MAX_S = 4_102_444_800  # 2100


class Draft(msgspec.Struct, frozen=True):
    """A tariff as tables; the same address takes a zip too, as `application/zip`."""

    tables: list[Table]


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """From when a version is to hold, in Unix seconds, and why."""

    effective_s: int
    note: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a proposal, and why."""

    decision: Literal["approved", "declined", "withdrawn"]
    note: str = ""


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version that does not hold yet becomes a draft again."""

    note: str


def make_tariffs_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs a role of money or `auditor`, approving `chief_accountant`."""
    needs = parts.guard.needs
    looker = needs("cashier", "accountant", "chief_accountant", "auditor")
    maker = needs("accountant", "chief_accountant")
    chief = needs("chief_accountant")
    desk = TariffsDesk(parts)
    router = APIRouter()
    base = "/api/finance/tariffs"
    add(router, looker, "GET", f"{base}.json", desk.tariffs)
    add(router, looker, "GET", f"{base}/{{version_no}}/tables.json", desk.tariff_tables)
    add(router, looker, "GET", f"{base}/{{version_no}}/tariff.zip", desk.tariff_zip)
    add(router, maker, "POST", f"{base}/check", desk.check_tariff, Draft)
    add(router, maker, "POST", f"{base}/drafts", desk.store_tariff_draft, Draft)
    add(router, looker, "GET", f"{base}/{{version_no}}/dry-run", desk.dry_run_tariff)
    add(router, maker, "POST", f"{base}/{{version_no}}/proposals", desk.propose_tariff, Proposed)
    add(router, maker, "POST", f"{base}/proposals/{{proposal_no}}/decision", desk.decide_tariff,
        Decided)  # fmt: skip
    add(router, chief, "POST", f"{base}/{{version_no}}/take-back", desk.take_tariff_back, TakenBack)
    return router


class TariffsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)
        self._trying = asyncio.Semaphore(1)  # a dry run keeps a core busy

    async def tariffs(self, request: Request, _person: Person) -> Response:
        """All versions, which of them holds, and the proposals."""
        agency_id, now = self._bench.agency(request), self._parts.clock.now()
        rows = await list_versions(self._parts.pool, agency_id)
        held = [row["effective_from"] for row in rows if row["effective_from"]]
        current = max((moment for moment in held if moment <= now), default=None)
        versions = [_version(row, current) for row in rows]
        proposals = await list_proposals(self._parts.pool, agency_id)
        return answer({"time_s": now.timestamp(), "versions": versions, "proposals": proposals})

    async def tariff_tables(self, request: Request, _person: Person) -> Response:
        """The files of a version as tables, and what its owner should know about it."""
        agency_id, data = await self._zip(request)
        zone = await agency_zone(self._parts.pool, agency_id)
        judged = await asyncio.to_thread(judge, data, zone)
        return answer({"tables": tables_of(data), "judged": judged})

    async def tariff_zip(self, request: Request, _person: Person) -> Response:
        """The zip of a version, byte for byte as it was stored."""
        agency_id, data = await self._zip(request)
        name = f"tariff-{agency_id}-{request.path_params['version_no']}.zip"
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{name}"',
        }
        return Response(data, 200, headers, "application/zip")

    async def _zip(self, request: Request) -> tuple[str, bytes]:
        agency_id = self._bench.agency(request)
        return agency_id, await get_zip(self._parts.pool, agency_id, _version_no(request))

    async def check_tariff(self, request: Request, _person: Person) -> Response:
        """Judge tables or a zip; nothing is stored."""
        zone = await agency_zone(self._parts.pool, self._bench.agency(request))
        data = await self._content(request)
        return answer(await asyncio.to_thread(judge, data, zone))

    async def store_tariff_draft(self, request: Request, person: Person) -> Response:
        """Store tables or a zip as a draft, which prices nothing; the same files are one draft."""
        agency_id, now = self._bench.agency(request), self._parts.clock.now()
        data = await self._content(request)
        stored = await store_draft(self._parts.pool, agency_id, data, now=now, actor=person.name)
        if stored.is_new:
            with translated():
                async with self._parts.pool.connection() as connection:
                    await record(
                        connection,
                        at=now,
                        person=person.name,
                        user_id=person.user_id,
                        agency_id=agency_id,
                        action="tariff.draft",
                        target=f"tariff {stored.version_no}",
                        before=None,
                        after={"name": stored.tariff.name, "digest": stored.tariff.digest},
                    )
        body = {
            "version_no": stored.version_no,
            "is_new": stored.is_new,
            "warnings": plain(stored.warnings),
        }
        return answer(body, 201 if stored.is_new else 200)

    async def _content(self, request: Request) -> bytes:
        if request.headers.get("content-type", "").startswith("application/zip"):
            data = bytearray()
            async for part in request.stream():
                data += part
                if len(data) > ZIP_BYTES_MAX:
                    raise BadInput("The file is too large.", code="body_too_long")
            return bytes(data)
        return zip_of((await read_body(request, Draft)).tables)

    async def dry_run_tariff(self, request: Request, _person: Person) -> Response:
        """Price stored taps of days (`from`, `to`) by a version: lines of JSON, the result last."""
        agency_id = self._bench.agency(request)
        query = request.query_params
        draft = await load_draft(self._parts.pool, agency_id, _version_no(request))
        days = days_between(query.get("from", ""), query.get("to", query.get("from", "")))

        async def told() -> AsyncIterator[dict[str, Any]]:
            async with self._trying:
                async for one in try_days(self._parts.pool, agency_id, draft, days):
                    yield one

        return answer_lines(told())

    async def propose_tariff(self, request: Request, person: Person) -> Response:
        """Propose from when a version holds; somebody else approves it."""
        body = await read_body(request, Proposed)
        if not 0 < body.effective_s < _TIME_MAX_S:
            raise BadInput("That is no moment.", code="bad_moment")
        number = await propose(
            self._parts.pool,
            self._bench.agency(request),
            _version_no(request),
            datetime.fromtimestamp(body.effective_s, UTC),
            note=_reason(body.note),
            person=person,
            now=self._parts.clock.now(),
        )
        return answer({"proposal_no": number}, 201)

    async def decide_tariff(self, request: Request, person: Person) -> Response:
        """Approve another's proposal, which publishes; decline one, or withdraw one's own."""
        body = await read_body(request, Decided)
        if body.decision != "withdrawn" and not person.may("chief_accountant"):
            raise _chief_only()
        number = path_number(request, "proposal_no")
        if number > _VERSION_MAX:
            raise NotFound("There is no such proposal.", code="unknown_proposal")
        published = await decide(
            self._parts.pool,
            self._bench.agency(request),
            number,
            body.decision,
            note=_reason(body.note),
            person=person,
            now=self._parts.clock.now(),
        )
        until = published.until.timestamp() if published and published.until else None
        return answer({"published": published is not None, "until_s": until})

    async def take_tariff_back(self, request: Request, person: Person) -> Response:
        """Make a version that does not hold yet a draft again."""
        body = await read_body(request, TakenBack)
        await take_back(
            self._parts.pool,
            self._bench.agency(request),
            _version_no(request),
            note=_reason(body.note),
            actor=person.name,
            user_id=person.user_id,
            now=self._parts.clock.now(),
        )
        return answer({"taken_back": True})


def _version(row: dict[str, Any], current: datetime | None) -> dict[str, Any]:
    begins, published = row["effective_from"], row["published_at"]
    state = "draft"
    if begins is not None:
        state = "to_come" if current is None or begins > current else "past"
        state = "holds" if begins == current else state
    return {
        "version_no": row["version_no"],
        "name": row["name"],
        "digest": row["digest"],
        "state": state,
        "effective_s": begins.timestamp() if begins else None,
        "created_s": row["created_at"].timestamp(),
        "created_by": row["created_by"],
        "published_s": published.timestamp() if published else None,
        "published_by": row["published_by"],
    }


def _version_no(request: Request) -> int:
    number = path_number(request, "version_no")
    if number > _VERSION_MAX:
        raise NotFound("There is no such version.", code="unknown_version")
    return number


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > _TEXT_MAX or not text.isprintable():
        raise BadInput("Say why, in one line.", code="reason_needed")
    return text


def _chief_only() -> SaparError:
    return Refused("This needs the role chief_accountant.", code="role_missing")
