"""The audit log, for auditors: of the agency that is asked for, or of all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.audit import AuditLine, list_actions, list_lines
from sapar.api.access.asking import NUMBER_MAX, Text, private
from sapar.api.access.guard import person_of
from sapar.api.parts import Parts
from sapar.core.db import translated

_TIME_MAX_S = 253_402_300_799  # the end of the year 9999
Moment = Annotated[float | None, Query(ge=0, le=_TIME_MAX_S)]
Filter = Annotated[Text | None, Query(max_length=200)]


class AuditAnswers:
    """The address of the audit log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def lines(
        self,
        request: Request,
        from_s: Moment = None,
        to_s: Moment = None,
        person: Filter = None,
        target: Filter = None,
        action: Filter = None,
        below: Annotated[int | None, Query(ge=1, le=NUMBER_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        """Who changed what, newest first, a page at a time.

        Who was made an auditor of one agency sees that agency's lines; who was for all sees all.
        """
        everywhere = person_of(request).may_everywhere("auditor")
        with translated():
            async with self._parts.pool.connection() as connection:
                found = await list_lines(
                    connection,
                    below=below,
                    from_at=_moment(from_s),
                    to_at=_moment(to_s),
                    person=person or None,
                    target=target or None,
                    action=action or None,
                    agency_id=None if everywhere else self._parts.agency_id(request),
                    limit=limit + 1,
                )
                actions = await list_actions(connection)
        body = {
            "lines": [described(line) for line in found[:limit]],
            "next": found[limit - 1].audit_no if len(found) > limit else None,
            "actions": actions,
        }
        return private(request, body)


def described(line: AuditLine) -> dict[str, Any]:
    """Describe a line; times with the fraction, for the order of what happened at once."""
    return {
        "audit_no": line.audit_no,
        "at_s": round(line.at.timestamp(), 3),
        "recorded_s": round(line.recorded_at.timestamp(), 3),
        "person": line.person,
        "user_id": line.user_id,
        "agency_id": line.agency_id,
        "action": line.action,
        "target": line.target,
        "before": line.before,
        "after": line.after,
        "reason": line.reason,
    }


def _moment(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
