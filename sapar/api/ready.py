"""What is answered without any routing: feeds, and the boards of stops that are asked for most."""

from __future__ import annotations

from sapar.api.arrivals.routes import AFTER_MIN, BEFORE_MIN, LIMIT, board_at_hand
from sapar.api.document import Document
from sapar.api.onebusaway.routes import find_board
from sapar.api.parts import Parts

_STOPS = "/api/stops/"
_ARRIVALS = "/arrivals"
_DEFAULT = (BEFORE_MIN, AFTER_MIN, LIMIT)


class Ready:
    """Finds answers that are at hand, or are made of what is at hand in a fraction of a second.

    Args:
        parts: the instance.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def find(self, path: str, query: bytes) -> tuple[str, Document] | None:
        """Give (route, answer) for a path and a query, None when it goes through the routes."""
        found = self._parts.find_ready(path)
        if found is not None:
            return found
        if path.startswith("/api/where/"):
            return find_board(self._parts, path, query)
        if not path.endswith(_ARRIVALS) or query:
            return None
        head, middle, rest = path.partition(_STOPS)
        if not middle or "/" in head[1:]:
            return None
        agency_id = head[1:] or self._parts.settings.agency
        now = self._parts.live.find(agency_id)
        stop_id = rest[: -len(_ARRIVALS)]
        if now is None or now.live is None or stop_id not in now.plan.timetable.stops.index:
            return None
        route = ("/{agency}" if head else "") + _STOPS + "{stop_id}" + _ARRIVALS
        return route, board_at_hand(now, stop_id, _DEFAULT)
