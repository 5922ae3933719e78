"""What a performance page asks for: days, hours, a route, and what it wants apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from starlette.requests import Request

from sapar.core.errors import BadInput
from sapar.gtfs.history.performance import DELAY_FIRST_MIN, DELAY_LAST_MIN

DAYS_MAX = 92
GROUPS = ("day", "route", "direction", "hour")
EARLY_MIN = -1
LATE_MIN = 6
"""On time is from one minute early to six late, as the map colours it, unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked question.

    Attributes:
        first, last: service dates, both included.
        route_id: one route, None for all.
        from_hour, until_hour: local hours, both included.
        by: which of `GROUPS` are wanted apart.
        early_min, late_min: minutes between which a departure is on time.
    """

    first: date
    last: date
    route_id: str | None
    from_hour: int
    until_hour: int
    by: frozenset[str]
    early_min: int = EARLY_MIN
    late_min: int = LATE_MIN

    def values(self, agency_id: str) -> dict[str, object]:
        """Give the parameters of the queries."""
        return {
            "agency_id": agency_id,
            "first": self.first,
            "last": self.last,
            "route_id": self.route_id,
            "from_hour": self.from_hour,
            "until_hour": self.until_hour,
            **{f"by_{group}": group in self.by for group in GROUPS},
            # bins count from 1 in SQL; the first holds all before DELAY_FIRST_MIN
            "early_until": self.early_min - DELAY_FIRST_MIN + 1,
            "late_from": self.late_min - DELAY_FIRST_MIN + 2,
        }


def read_asked(request: Request, prefix: str = "") -> Asked:
    """Read a question from a request.

    Args:
        request: with `from`, `to` (dates), and if wanted `route`, `from_hour`, `until_hour`, `by`
            (repeated), `early`, `late` (minutes).
        prefix: of `from` and `to`, for a second span of days in one request.

    Raises:
        BadInput: a value is missing or makes no sense.
    """
    query = request.query_params
    first, last = (_date(query.get(prefix + name), prefix + name) for name in ("from", "to"))
    if not 0 <= (last - first).days < DAYS_MAX:
        raise BadInput(
            f"Ask for 1 to {DAYS_MAX} days, the first one first.",
            code="bad_period",
            hint="`from` and `to` are dates, both included.",
        )
    by = frozenset(query.getlist("by"))
    if not by <= set(GROUPS):
        raise BadInput(f"`by` is one of {', '.join(GROUPS)}.", code="bad_group")
    from_hour = _number(query.get("from_hour"), "from_hour", 0, 0, 23)
    early = _number(query.get("early"), "early", EARLY_MIN, DELAY_FIRST_MIN, 0)
    return Asked(
        first,
        last,
        query.get("route") or None,
        from_hour,
        _number(query.get("until_hour"), "until_hour", 23, from_hour, 23),
        by,
        early,
        _number(query.get("late"), "late", LATE_MIN, 1, DELAY_LAST_MIN),
    )


def _date(text: str | None, name: str) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError as exc:
        raise BadInput(f"`{name}` must be a date, YYYY-MM-DD.", code="bad_date") from exc


def _number(text: str | None, name: str, default: int, low: int, high: int) -> int:
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise BadInput(f"`{name}` must be from {low} to {high}.", code="bad_number")
    return value
