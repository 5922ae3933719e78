"""Addresses of the acts of dispatch: looked at first, decided, listed, undone."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from fastapi import APIRouter
from google.transit import gtfs_realtime_pb2 as pb
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, number_of, read_body
from sapar.api.dispatch.runs import list_runs
from sapar.api.dispatch.seen import seen_in
from sapar.api.parts import Parts
from sapar.api.timetables import Plan
from sapar.core.errors import BadInput
from sapar.dispatch.desk.acts import (
    ActRow,
    Decision,
    decide_act,
    get_act,
    list_acts,
    undo_act,
    what_of,
)
from sapar.dispatch.desk.alert_checks import check_alert
from sapar.dispatch.desk.boardings import count_boardings
from sapar.dispatch.desk.preview import Preview, preview
from sapar.gtfs.realtime.acts import Act, check_act, read_act_body
from sapar.gtfs.realtime.alerts import Alert
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES
from sapar.gtfs.timetable.model import Timetable

_DRAFT_ID = "act-draft"
_PATH_MAX = 200
_DAY_S = 86_400.0
_CAUSES = frozenset(pb.Alert.Cause.keys())


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """An act that somebody thinks of; as `Decision`, without a reason."""

    what: dict[str, Any]
    from_s: float | None = None
    until_s: float | None = None
    cause: str = "OTHER_CAUSE"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Stops whose boardings are asked for: of this route, or of all; at these hours yesterday."""

    stop_ids: list[str]
    from_s: float | None = None
    until_s: float | None = None
    route_id: str | None = None


def make_acts_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs `viewer`, acting `dispatcher`."""
    viewer, dispatcher = parts.guard.needs("viewer"), parts.guard.needs("dispatcher")
    desk = ActsDesk(parts)
    router = APIRouter()
    base = "/api/dispatch"
    add(router, viewer, "GET", f"{base}/acts.json", desk.acts)
    add(router, viewer, "GET", f"{base}/runs.json", desk.runs)
    add(router, viewer, "POST", f"{base}/acts/preview", desk.preview_act, Looked)
    add(router, viewer, "POST", f"{base}/acts/boardings", desk.boardings, Asked)
    add(router, dispatcher, "POST", f"{base}/acts", desk.decide_act, Decision)
    add(router, dispatcher, "POST", f"{base}/acts/{{act_id}}/undo", desk.undo_act)
    add(router, viewer, "GET", f"{base}/acts/{{act_id}}/feeds.json", desk.act_in_feeds)
    return router


class ActsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id

    async def _plan(self, request: Request) -> tuple[Plan, Days]:
        plan = await self._parts.timetables.plan(self._agency(request))
        return plan, await plan.derive("days", lambda made: Days(made.timetable))

    async def acts(self, request: Request, _person: Person) -> Response:
        """Acts that stand or are to come; with `past=1` those that are undone or over."""
        now = self._parts.clock.now()
        rows = await list_acts(
            self._parts.pool,
            self._agency(request),
            now,
            past=request.query_params.get("past") == "1",
            before=number_of(request, "before"),
        )
        timetable = (await self._plan(request))[0].timetable if rows else None
        listed = [{**_row(row, now), **_run_of(timetable, row)} for row in rows]
        return answer({"time_s": now.timestamp(), "acts": listed})

    async def runs(self, request: Request, _person: Person) -> Response:
        """Runs of a `route` that are under way or start within hours."""
        plan, days = await self._plan(request)
        route_id = request.query_params.get("route", "")
        now_s = self._parts.clock.time()
        listed = await asyncio.to_thread(list_runs, plan.timetable, days, now_s, route_id)
        return answer({"time_s": now_s, "runs": listed})

    async def preview_act(self, request: Request, _person: Person) -> Response:
        """What an act would do; nothing is stored."""
        looked = await read_body(request, Looked)
        plan, days = await self._plan(request)
        now_s = self._parts.clock.time()
        what = read_act_body(looked.what)
        _check_size(looked.what, looked.cause)
        check_act(plan.timetable, days, what)
        act = Act(
            _DRAFT_ID,
            what,
            now_s if looked.from_s is None else looked.from_s,
            looked.until_s,
            cause=looked.cause,
            created_s=now_s,
        )
        seen = await asyncio.to_thread(preview, plan.timetable, days, act, now_s)
        return answer(_preview(seen))

    async def boardings(self, request: Request, _person: Person) -> Response:
        """How many people got on at stops yesterday in the same hours, by taps."""
        asked = await read_body(request, Asked)
        if len(asked.stop_ids) > _PATH_MAX:
            raise BadInput(f"more than {_PATH_MAX} stops", code="too_many_places")
        now_s = self._parts.clock.time()
        from_s = now_s if asked.from_s is None else asked.from_s
        until_s = min(from_s + 6 * 3600, from_s + 3600 if asked.until_s is None else asked.until_s)
        since, until = (_moment(time_s - _DAY_S) for time_s in (from_s, until_s))
        found = await count_boardings(
            self._parts.pool, self._agency(request), asked.stop_ids, since, until, asked.route_id
        )
        return answer(
            {
                "from_s": since.timestamp(),
                "until_s": until.timestamp(),
                "visits": found.visits,
                "people": found.people,
            }
        )

    async def decide_act(self, request: Request, person: Person) -> Response:
        """Decide an act: it is in the feeds with the next tick."""
        decision = await read_body(request, Decision)
        plan, days = await self._plan(request)
        what = what_of(decision)
        _check_size(decision.what, decision.cause)
        check_act(plan.timetable, days, what)
        if decision.alert is not None:
            check_alert(decision.alert, plan.timetable)
        for time_s in (decision.from_s, decision.until_s):
            if time_s is not None:
                _moment(time_s)
        now = self._parts.clock.now()
        agency_id = self._agency(request)
        act_id = await decide_act(self._parts.pool, agency_id, decision, what, person, now)
        return answer({"act_id": act_id, "created_s": now.timestamp()}, 201)

    async def undo_act(self, request: Request, person: Person) -> Response:
        """Undo an act: it is gone from the feeds with the next tick."""
        now = self._parts.clock.now()
        act_id = request.path_params["act_id"]
        await undo_act(self._parts.pool, self._agency(request), act_id, person, now)
        return answer({"act_id": act_id, "ended_s": now.timestamp()})

    async def act_in_feeds(self, request: Request, _person: Person) -> Response:
        """Where the newest feeds speak of an act, read back from them."""
        agency_id = self._agency(request)
        row = await get_act(self._parts.pool, agency_id, request.path_params["act_id"])
        held = self._parts.held(agency_id)
        what = read_act_body(row.what)

        def look() -> list[str]:
            feeds = (
                pb.FeedMessage.FromString(held.tick.bodies[name].plain())
                for name in (TRIP_UPDATES, ALERTS)
            )
            return seen_in(row.act_id, what, *feeds)

        found = await asyncio.to_thread(look)
        return answer({"feed_time_s": held.tick.time_s, "seen": found})


def _check_size(what: dict[str, Any], cause: str) -> None:
    for name in ("path", "stop_ids", "replacement_stop_ids", "calls"):
        listed = what.get(name)
        if isinstance(listed, list) and len(listed) > _PATH_MAX:
            raise BadInput(f"`{name}` has more than {_PATH_MAX} entries", code="bad_act")
    for point in what.get("path") or ():
        if not _is_place(point):
            raise BadInput("a point of the path is not on the globe", code="bad_act")
    if cause not in _CAUSES:
        raise BadInput(f"{cause!r} is no cause", code="bad_cause")


def _is_place(point: object) -> bool:
    if not isinstance(point, list | tuple) or len(point) != 2:
        return False
    if not all(isinstance(one, int | float) for one in point):
        return False
    return bool(-90 <= point[0] <= 90 and -180 <= point[1] <= 180)


def _row(row: ActRow, now: datetime) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return {**plain, "state": row.state(now.timestamp())}


def _run_of(timetable: Timetable | None, row: ActRow) -> dict[str, Any]:
    """Name the route and the start (Unix seconds) of the run that an act is about, if it is one."""
    what = row.what
    trip_id = what.get("copy_of") or what.get("trip_id")
    trip = None if timetable is None else timetable.trips.index.get(str(trip_id))
    if timetable is None or trip is None or "service_date" not in what:
        return {"run_route_id": what.get("route_id"), "run_start_s": None}
    base_s = timetable.service_day_start(date.fromisoformat(what["service_date"]))
    start_s = what.get("start_s")
    first_s = float(timetable.trips.first_s[trip]) if start_s is None else float(start_s)
    route_id = timetable.routes.ids[int(timetable.trips.route_idx[trip])]
    return {"run_route_id": route_id, "run_start_s": base_s + first_s}


def _preview(seen: Preview) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(seen)
    return {**plain, "alert": None if seen.alert is None else alert_json(seen.alert)}


def alert_json(alert: Alert) -> dict[str, Any]:
    """Give a drafted alert in the form in which a person's words come back."""
    from_s, until_s = alert.periods[0] if alert.periods else (None, None)
    return {
        "header": alert.header,
        "description": alert.description,
        "url": alert.url,
        "cause": alert.cause,
        "effect": alert.effect,
        "from_s": from_s,
        "until_s": until_s,
        "informed": [
            {
                name: value
                for name in ("route_id", "stop_id", "trip_id")
                if (value := getattr(selector, name)) is not None
            }
            for selector in alert.informed
        ],
    }


def _moment(time_s: float) -> datetime:
    try:
        moment = datetime.fromtimestamp(time_s, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise BadInput("a time is out of range", code="bad_period") from exc
    if (
        not timedelta(days=366 * 50)
        < moment - datetime.fromtimestamp(0, UTC)
        < timedelta(days=366 * 200)
    ):
        raise BadInput("a time is out of range", code="bad_period")
    return moment
