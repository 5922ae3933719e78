"""Addresses of the alerts for riders: drafted, published, changed, ended, undone, read back."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from google.transit import gtfs_realtime_pb2 as pb
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.api.dispatch.asking import add, answer, read_body
from sapar.api.dispatch.seen import words_in
from sapar.api.parts import Parts
from sapar.core.errors import Unavailable
from sapar.dispatch.desk.alert_checks import (
    DESCRIPTION_MAX,
    HEADER_MAX,
    AlertContent,
    Informed,
    check_alert,
)
from sapar.dispatch.desk.alert_words import CAUSES, EFFECTS, draft
from sapar.dispatch.desk.alerts import (
    AlertRow,
    list_alerts,
    note_in_feed,
    publish,
    undo_revision,
    withdraw,
)
from sapar.gtfs.realtime.alerts import Selector
from sapar.gtfs.realtime.tick import ALERTS

Words = dict[str, tuple[dict[str, str], dict[str, str]]]


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is about; its words are to be drafted."""

    effect: str
    cause: str = "OTHER_CAUSE"
    informed: list[Informed] = []
    from_s: float | None = None
    until_s: float | None = None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An alert's new content, and the revision that it was made of."""

    revision: int
    content: AlertContent


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The revision that is meant."""

    revision: int


def make_alerts_router(parts: Parts) -> APIRouter:
    """Make the router; looking needs `viewer`, acting `dispatcher`."""
    viewer, dispatcher = parts.guard.needs("viewer"), parts.guard.needs("dispatcher")
    desk = AlertsDesk(parts)
    router = APIRouter()
    base = "/api/dispatch/alerts"
    add(router, viewer, "GET", f"{base}.json", desk.alerts)
    add(router, viewer, "POST", f"{base}/draft", desk.draft_alert, Sketch)
    add(router, dispatcher, "POST", base, desk.publish_alert, AlertContent)
    add(router, dispatcher, "PUT", f"{base}/{{alert_id}}", desk.change_alert, Changed)
    add(router, dispatcher, "POST", f"{base}/{{alert_id}}/end", desk.end_alert, Revision)
    add(router, dispatcher, "POST", f"{base}/{{alert_id}}/undo", desk.undo_alert, Revision)
    return router


class AlertsDesk:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id

    async def alerts(self, request: Request, _person: Person) -> Response:
        """Alerts in force, to come and ended lately, and since when the feed has them."""
        agency_id, pool = self._agency(request), self._parts.pool
        now = self._parts.clock.now()
        rows = await list_alerts(pool, agency_id, now)
        feed_s, words = await self._read_feed(agency_id)
        seen = {
            row.alert_id: row.revision
            for row in rows
            if row.revision and row.in_feed_s is None and _is_in(row, words)
        }
        if seen and feed_s is not None:
            await note_in_feed(pool, agency_id, seen, datetime.fromtimestamp(feed_s, UTC))
            rows = await list_alerts(pool, agency_id, now)
        written = {row.alert_id for row in rows if not row.withdrawn}
        drafted = [
            {"alert_id": alert_id, "header": header, "description": description}
            for alert_id, (header, description) in words.items()
            if alert_id not in written
        ]
        return answer(
            {
                "time_s": now.timestamp(),
                "feed_time_s": feed_s,
                "alerts": [_row(row, now.timestamp(), words) for row in rows],
                "drafted": drafted,
                "effects": EFFECTS,
                "causes": CAUSES,
                "header_max": HEADER_MAX,
                "description_max": DESCRIPTION_MAX,
            }
        )

    async def _read_feed(self, agency_id: str) -> tuple[float | None, Words]:
        """Read the newest feed back: its time and the words in it."""
        try:
            body = self._parts.held(agency_id).tick.bodies[ALERTS]
        except Unavailable:
            return None, {}
        message = await asyncio.to_thread(lambda: pb.FeedMessage.FromString(body.plain()))
        return float(message.header.timestamp), words_in(message)

    async def draft_alert(self, request: Request, _person: Person) -> Response:
        """Words in three languages from effect, cause, places and period; nothing is stored."""
        sketch = await read_body(request, Sketch)
        timetable = await self._parts.timetables.get(self._agency(request))
        informed = [Selector(p.route_id, p.stop_id, p.trip_id) for p in sketch.informed]
        header, description = draft(
            timetable,
            sketch.effect,
            sketch.cause,
            informed,
            sketch.until_s,
            self._parts.clock.time(),
        )
        return answer({"header": header, "description": description})

    async def publish_alert(self, request: Request, person: Person) -> Response:
        """Publish an alert."""
        content = await read_body(request, AlertContent)
        alert_id = f"alert-{secrets.token_hex(6)}"
        revision = await self._put(request, alert_id, content, person, None)
        return answer({"alert_id": alert_id, "revision": revision}, 201)

    async def change_alert(self, request: Request, person: Person) -> Response:
        """Change an alert that was published."""
        changed = await read_body(request, Changed)
        alert_id = request.path_params["alert_id"]
        revision = await self._put(request, alert_id, changed.content, person, changed.revision)
        return answer({"alert_id": alert_id, "revision": revision})

    async def _put(
        self,
        request: Request,
        alert_id: str,
        content: AlertContent,
        person: Person,
        revision: int | None,
    ) -> int:
        agency_id = self._agency(request)
        check_alert(content, await self._parts.timetables.get(agency_id))
        now = self._parts.clock.now()
        return await publish(
            self._parts.pool, agency_id, alert_id, content, person, now, revision=revision
        )

    async def end_alert(self, request: Request, person: Person) -> Response:
        """Take an alert out of the feed."""
        meant = await read_body(request, Revision)
        alert_id, now = request.path_params["alert_id"], self._parts.clock.now()
        revision = await withdraw(
            self._parts.pool, self._agency(request), alert_id, meant.revision, person, now
        )
        return answer({"alert_id": alert_id, "revision": revision})

    async def undo_alert(self, request: Request, person: Person) -> Response:
        """Go back to what stood before a revision."""
        meant = await read_body(request, Revision)
        alert_id, now = request.path_params["alert_id"], self._parts.clock.now()
        revision = await undo_revision(
            self._parts.pool, self._agency(request), alert_id, meant.revision, person, now
        )
        return answer({"alert_id": alert_id, "revision": revision})


def _is_in(row: AlertRow, words: Words) -> bool:
    found = words.get(row.alert_id)
    content = row.content
    return not row.withdrawn and found == (content.header, content.description)


def _row(row: AlertRow, now_s: float, words: Words) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(row.content)
    return {
        "alert_id": row.alert_id,
        "revision": row.revision,
        "state": row.state(now_s),
        "author": row.author,
        "changed_s": row.changed_s,
        "in_feed_s": row.in_feed_s,
        "in_feed": _is_in(row, words),
        "content": content,
    }
