"""Addresses of the business day: today at a glance, its close, its reports, the parts of totals."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.finance.lines import Progress, answer_lines, with_progress
from sapar.api.finance.workbench import Workbench, day_of, in_path
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import BadInput
from sapar.finance.agents.day import close_agents_day
from sapar.finance.cards.hiding import without_reference
from sapar.finance.claims.claiming import check_claims
from sapar.finance.closing import reopening
from sapar.finance.closing.days import (
    STAGES,
    Act,
    DayStatus,
    StageRun,
    list_days,
    read_status,
)
from sapar.finance.closing.parts import Which, list_parts
from sapar.finance.closing.reports import Form, get_report, list_reports
from sapar.finance.closing.signing import Signer, sign
from sapar.finance.closing.stages import run_all
from sapar.finance.closing.today import fold_counts, today
from sapar.finance.exceptions.queue import list_exceptions
from sapar.finance.matching.run import run_matching

_JOBS = 4
"""Matching and the agents' job, twice each, which run before the stages."""
_EXCEPTIONS_MAX = 500


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """A signature: `prepared` or `approved`, over what the person has seen."""

    act: Act
    digest: str


class Reopen(msgspec.Struct, frozen=True, kw_only=True):
    """Why a closed day is opened again, and for how many hours."""

    reason: str
    hours: float


def make_closing_router(parts: Parts) -> APIRouter:
    """Make the router; who signs and reopens must have the role that the database asks for."""
    needs = parts.guard.needs
    looker = needs("accountant", "chief_accountant", "auditor")
    doer, chief = needs("accountant", "chief_accountant"), needs("chief_accountant")
    desk = ClosingDesk(parts)
    router = APIRouter()
    base = "/api/finance"
    day = f"{base}/days/{{day}}"
    add(router, looker, "GET", f"{base}/today.json", desk.finance_today)
    add(router, looker, "GET", f"{base}/days.json", desk.finance_days)
    add(router, looker, "GET", f"{day}/status.json", desk.day_status)
    add(router, looker, "GET", f"{day}/parts.json", desk.day_parts)
    add(router, looker, "GET", f"{day}/report", desk.day_report)
    add(router, doer, "POST", f"{day}/run", desk.run_day)
    add(router, doer, "POST", f"{day}/sign", desk.sign_day, Signing)
    add(router, chief, "POST", f"{day}/reopen", desk.reopen_day, Reopen)
    return router


class ClosingDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bench = Workbench(parts)

    async def finance_today(self, request: Request, _person: Person) -> Response:
        """The business day that is under way, or another `day`, at a glance."""
        agency_id, day = self._bench.agency(request), day_of(request, "day")
        async with self._bench.ledger() as connection:
            seen = await today(connection, agency_id, self._parts.clock.now(), day)
        return answer(seen)

    async def finance_days(self, request: Request, _person: Person) -> Response:
        """Business days with their state, the newest first; `before` a day for the next page."""
        before = day_of(request, "before")
        async with self._bench.ledger() as connection:
            await fold_counts(connection)  # so that a day shows as soon as somebody rode on it
            days = await list_days(connection, self._bench.agency(request), before=before)
        return answer({"days": days})

    async def day_status(self, request: Request, _person: Person) -> Response:
        """How far the close of a day is: stages, signatures, exceptions, reports, reopenings."""
        return answer(await self._told(self._bench.agency(request), in_path(request)))

    async def _told(self, agency_id: str, day: date) -> dict[str, Any]:
        now = self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                status = await read_status(connection, agency_id, day)
                queue = await list_exceptions(
                    connection, agency_id, now, day=day, most=_EXCEPTIONS_MAX
                )
                return {
                    "time_s": self._parts.clock.time(),
                    "status": status,
                    "exceptions": [without_reference(row) for row in queue.rows],
                    "reports": await list_reports(connection, agency_id, day),
                    "reopenings": await reopening.list_reopenings(connection, agency_id, day),
                }

    async def day_parts(self, request: Request, _person: Person) -> Response:
        """Journals behind a total of a day: of a `code`, `owner`, `kind`, `route`, … ."""
        query = request.query_params
        which = Which(
            code=number_of(request, "code"),
            owner=query.get("owner"),
            kind=query.get("kind") or None,
            service_date=day_of(request, "service_date"),
            late=_flag(request, "late"),
            taps_only=_flag(request, "taps"),
            route=query.get("route"),
            channel=query.get("channel"),
            product=query.get("product"),
            rider_category=query.get("category"),
        )
        with translated():
            async with self._parts.pool.connection() as connection:
                page = await list_parts(
                    connection,
                    self._bench.agency(request),
                    in_path(request),
                    which,
                    after=number_of(request, "after") or 0,
                )
        return answer(page)

    async def day_report(self, request: Request, _person: Person) -> Response:
        """The report of a closed day as it was made: `form` json or csv, of a `revision`."""
        form = request.query_params.get("form") or "json"
        if form not in get_args(Form):
            raise BadInput("`form` is json or csv.", code="bad_form")
        day = in_path(request)
        with translated():
            async with self._parts.pool.connection() as connection:
                report = await get_report(
                    connection,
                    self._bench.agency(request),
                    day,
                    form,  # type: ignore[arg-type]  # one of its forms, as checked above
                    number_of(request, "revision"),
                )
        name = f"day-{day}-{report.revision}.{form}"
        headers = {
            "cache-control": "private, no-store",
            "content-disposition": f'attachment; filename="{name}"',
            "x-sapar-sha256": report.digest,
        }
        kind = "application/json" if form == "json" else "text/csv; charset=utf-8"
        return Response(report.body, 200, headers, kind)

    async def run_day(self, request: Request, person: Person) -> Response:
        """Match, do the agents' job and run all stages: progress first, the state last."""
        agency_id, day, clock = self._bench.agency(request), in_path(request), self._parts.clock

        async def work(progress: Progress) -> dict[str, Any]:
            done, of = 0, _JOBS + len(STAGES)

            def step(_stage: str = "", run: StageRun | None = None) -> None:
                nonlocal done
                done += run is not None
                progress(done, of)

            # the job makes items of the day, which lines that came before it may pay; what they
            # pay does not fail to come any more
            for job in (self._match, self._do_agents_day) * 2:
                async with self._bench.room():
                    await job(agency_id, day, person)
                done += 1
                step()
            async with self._bench.ledger() as connection:
                await run_all(
                    connection, agency_id, day, actor=person.name, user_id=person.user_id,
                    now=clock.now, progress=step,
                )  # fmt: skip
            return await self._told(agency_id, day)

        return answer_lines(with_progress(work))

    async def _match(self, agency_id: str, _day: date, person: Person) -> None:
        now, pool = self._parts.clock.now(), self._parts.pool
        await run_matching(pool, agency_id, person.name, now, user_id=person.user_id)
        with translated():
            async with self._parts.pool.connection() as connection:
                await check_claims(connection, agency_id, now=now)

    async def _do_agents_day(self, agency_id: str, day: date, person: Person) -> None:
        now = self._parts.clock.now()
        await close_agents_day(self._parts.pool, agency_id, day, now, person.name)

    async def sign_day(self, request: Request, person: Person) -> Response:
        """Sign a day; the second signature, of another person, closes it."""
        asked = await read_body(request, Signing)
        agency_id, day = self._bench.agency(request), in_path(request)
        async with self._bench.ledger() as connection:
            await self._sign(connection, agency_id, day, asked, person)
        return answer(await self._told(agency_id, day))

    async def _sign(
        self, connection: Any, agency_id: str, day: date, asked: Signing, person: Person
    ) -> DayStatus:
        return await sign(
            connection,
            agency_id,
            day,
            asked.act,
            Signer(person.user_id, person.name),
            now=self._parts.clock.now(),
            digest=asked.digest,
        )

    async def reopen_day(self, request: Request, person: Person) -> Response:
        """Open a closed day again for some hours, with a reason that is kept."""
        asked = await read_body(request, Reopen)
        agency_id, day = self._bench.agency(request), in_path(request)
        if not 0 < asked.hours <= 7 * 24:
            raise BadInput(
                "A day is opened for more than no time, and a week at most.", code="hours"
            )
        async with self._bench.ledger() as connection:
            await reopening.reopen(
                connection,
                agency_id,
                day,
                user_id=person.user_id,
                name=person.name,
                reason=asked.reason,
                lasts=timedelta(hours=asked.hours),
                now=self._parts.clock.now(),
            )
        return answer(await self._told(agency_id, day))


def _flag(request: Request, name: str) -> bool | None:
    return {"1": True, "0": False}.get(request.query_params.get(name, ""))
