"""Addresses of alarms, their rules, emergencies and ladders."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.document import JSON, Document, DocumentResponse, http_date, plain_document
from sapar.api.parts import Parts
from sapar.core.errors import BadInput, NotFound
from sapar.dispatch.alarms import desk, rules
from sapar.dispatch.emergency import desk as emergency
from sapar.fleet.depots import list_depots
from sapar.gtfs.realtime.console.ladders import ladders_of
from sapar.gtfs.realtime.console.rules import KINDS, Rule, default_rules
from sapar.gtfs.timetable.model import service_day_start

_TEN_MIN_S = 600.0
_CLOSED_SHOWN_S = 86_400.0


class Answered(msgspec.Struct, frozen=True):
    """What a person says besides; `minutes` for how long an alarm is shelved."""

    reason: str = ""
    minutes: int | None = None


class NewRules(msgspec.Struct, frozen=True):
    """All rules that differ from the deployment's, and why; `revision` of those that were seen."""

    rules: list[Rule]
    reason: str = ""
    revision: str | None = None


def make_alarms_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs `viewer`, acting `dispatcher`."""
    viewer, dispatcher = parts.guard.needs("viewer"), parts.guard.needs("dispatcher")
    alarms = AlarmsDesk(parts)
    router = APIRouter()
    base = "/api/dispatch"
    add(router, viewer, "GET", f"{base}/ladders.json", alarms.ladders)
    add(router, viewer, "GET", f"{base}/depots.json", alarms.depots)
    add(router, viewer, "GET", f"{base}/alarms", alarms.alarms)
    add(router, viewer, "GET", f"{base}/alarms/history", alarms.alarm_history)
    add(router, viewer, "GET", f"{base}/alarms/{{alarm_no}}/steps", alarms.alarm_steps)
    for name, handler in (
        ("acknowledge", alarms.acknowledge_alarm),
        ("shelve", alarms.shelve_alarm),
        ("take", alarms.take_alarm),
        ("undo", alarms.undo_alarm),
    ):
        path = f"{base}/alarms/{{alarm_no}}/{name}"
        add(router, dispatcher, "POST", path, handler, Answered)
    add(router, viewer, "GET", f"{base}/rules", alarms.rules)
    add(router, dispatcher, "PUT", f"{base}/rules", alarms.replace_rules, NewRules)
    add(router, viewer, "GET", f"{base}/emergencies", alarms.emergencies)
    path = f"{base}/emergencies/{{emergency_no}}"
    add(router, dispatcher, "POST", f"{path}/acknowledge", alarms.acknowledge_emergency, Answered)
    add(router, dispatcher, "POST", f"{path}/close", alarms.close_emergency, Answered)
    return router


class AlarmsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id

    # -- ladders ------------------------------------------------------------------------------

    async def ladders(self, request: Request, _person: Person) -> Response:
        """The stops of each route's main pattern in each direction, and where they lie."""
        plan = await self._parts.timetables.plan(self._agency(request))

        def make() -> Document:
            version = plan.version
            body = msgspec.json.encode(ladders_of(plan.timetable))
            modified = http_date(version.activated_s)
            return plain_document(JSON, version.digest, modified, "private, no-cache", body)

        return DocumentResponse(await plan.derive("ladders", lambda _plan: make()))

    async def depots(self, request: Request, _person: Person) -> Response:
        """The depots of the city, with how many vehicles are at home in each."""
        depots = await list_depots(self._parts.pool, self._agency(request))
        listed = [
            {
                "depot_id": depot.depot_id,
                "name": depot.name,
                "lat": depot.latitude,
                "lon": depot.longitude,
                "vehicles": len(depot.vehicle_ids),
            }
            for depot in depots
        ]
        return answer({"depots": listed})

    # -- alarms -------------------------------------------------------------------------------

    async def alarms(self, request: Request, _person: Person) -> Response:
        """The alarms that stand, and how many were raised in the last ten minutes."""
        agency_id, now = self._agency(request), self._parts.clock.now()
        standing = await desk.list_standing(self._parts.pool, agency_id)
        since = now - timedelta(seconds=_TEN_MIN_S)
        rates = await desk.count_raised(
            self._parts.pool, agency_id, since, now + timedelta(seconds=1)
        )
        by_priority = dict.fromkeys(("1", "2", "3"), 0)
        for rate in rates:
            by_priority[str(rate.priority)] += rate.count
        return answer(
            {
                "time_s": now.timestamp(),
                "alarms": standing,
                "rate_10min": sum(by_priority.values()),
                "rate_10min_by_priority": by_priority,
            }
        )

    async def alarm_history(self, request: Request, _person: Person) -> Response:
        """Alarms raised on a local `day`, newest first, and their rate by ten minutes."""
        agency_id = self._agency(request)
        since, until = self._day(request)
        kind = request.query_params.get("kind") or None
        if kind is not None and kind not in KINDS:
            raise BadInput(f"There is no kind of alarm {kind!r}.", code="bad_kind")
        limit = number_of(request, "limit")
        listed = await desk.list_raised(
            self._parts.pool,
            agency_id,
            since,
            until,
            kind=kind,
            below=number_of(request, "below"),
            limit=desk.DAY_LIMIT if limit is None else limit,
        )
        rates = await desk.count_raised(self._parts.pool, agency_id, since, until)
        return answer({"alarms": listed, "rates": rates})

    async def alarm_steps(self, request: Request, _person: Person) -> Response:
        """The life of an alarm, step by step."""
        number = _number(request, "alarm_no")
        steps = await desk.list_steps(self._parts.pool, self._agency(request), number)
        return answer({"steps": steps})

    async def acknowledge_alarm(self, request: Request, person: Person) -> Response:
        """Say that you have seen an alarm and see to it."""
        return await self._act(request, person, "acknowledged")

    async def shelve_alarm(self, request: Request, person: Person) -> Response:
        """Put an alarm aside for some `minutes`."""
        return await self._act(request, person, "shelved")

    async def take_alarm(self, request: Request, person: Person) -> Response:
        """Take an alarm over: it is yours."""
        return await self._act(request, person, "taken_over")

    async def undo_alarm(self, request: Request, person: Person) -> Response:
        """Take back what you did last about an alarm."""
        said = await read_body(request, Answered)
        row = await desk.undo(
            self._parts.pool,
            self._agency(request),
            _number(request, "alarm_no"),
            person,
            now=self._parts.clock.now(),
            reason=said.reason,
        )
        return answer(row)

    async def _act(self, request: Request, person: Person, what: desk.What) -> Response:
        said = await read_body(request, Answered)
        row = await desk.act(
            self._parts.pool,
            self._agency(request),
            _number(request, "alarm_no"),
            what,
            person,
            now=self._parts.clock.now(),
            minutes=said.minutes,
            reason=said.reason,
        )
        return answer(row)

    def _day(self, request: Request) -> tuple[datetime, datetime]:
        """Read the asked day as a span of time: from local midnight to the next."""
        agency = self._parts.known(self._parts.agency_id(request))
        zone = ZoneInfo(agency.timezone)
        text = request.query_params.get("day", "")
        try:
            day = (
                date.fromisoformat(text)
                if text
                else self._parts.clock.now().astimezone(zone).date()
            )
            begin_s, end_s = (service_day_start(day + timedelta(days=n), zone) for n in (0, 1))
        except (ValueError, OverflowError) as exc:
            raise BadInput("`day` is a date such as 2026-03-10.", code="bad_day") from exc
        return datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(end_s, UTC)

    # -- rules --------------------------------------------------------------------------------

    async def rules(self, request: Request, _person: Person) -> Response:
        """The rules of the deployment, and those that the agency has instead."""
        own = await rules.list_rules(self._parts.pool, self._agency(request))
        return answer(
            {
                "defaults": default_rules(self._parts.settings),
                "rules": own,
                "revision": rules.revision_of(own),
            }
        )

    async def replace_rules(self, request: Request, person: Person) -> Response:
        """Change the rules: all that differ from the deployment's."""
        wanted = await read_body(request, NewRules)
        await rules.replace_rules(
            self._parts.pool,
            self._agency(request),
            wanted.rules,
            person,
            now=self._parts.clock.now(),
            reason=wanted.reason,
            revision=wanted.revision,
        )
        return await self.rules(request, person)

    # -- emergencies --------------------------------------------------------------------------

    async def emergencies(self, request: Request, _person: Person) -> Response:
        """Emergencies that stand, and those closed within a day."""
        since = self._parts.clock.now() - timedelta(seconds=_CLOSED_SHOWN_S)
        listed = await emergency.list_emergencies(self._parts.pool, self._agency(request), since)
        return answer({"time_s": self._parts.clock.time(), "emergencies": listed})

    async def acknowledge_emergency(self, request: Request, person: Person) -> Response:
        """Say that you look after an emergency: it is posted to the other centre no more."""
        await read_body(request, Answered)
        row = await emergency.acknowledge(
            self._parts.pool,
            self._agency(request),
            _number(request, "emergency_no"),
            person,
            now=self._parts.clock.now(),
        )
        return answer(row)

    async def close_emergency(self, request: Request, person: Person) -> Response:
        """End an emergency, with a `reason`."""
        said = await read_body(request, Answered)
        row = await emergency.close(
            self._parts.pool,
            self._agency(request),
            _number(request, "emergency_no"),
            person,
            now=self._parts.clock.now(),
            reason=said.reason,
        )
        return answer(row)


def _number(request: Request, name: str) -> int:
    text = str(request.path_params[name])
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise NotFound(f"There is no number {text!r}.", code="no_such_number")
    return int(text)
