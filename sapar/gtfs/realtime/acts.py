"""Acts of dispatch: what a person decided about today's service, each with author and reason.

An act never changes the timetable. It lies on top of it for a period, and is undone by being ended.
What an act does to the feeds is worked out by `sapar.gtfs.realtime.orders`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from sapar.core.errors import BadInput
from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, FREQUENCY_NONE, Days
from sapar.gtfs.timetable.model import Timetable

_CALLS_MIN = 2
_DAY_S = 48 * 3600


class _What(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """The content of an act, as stored."""


class Cancel(_What, frozen=True, kw_only=True, tag="cancel", omit_defaults=True):
    """A whole run will not be driven.

    Attributes:
        trip_id, service_date: the run.
        start_s: its start, for headway service with exact times.
    """

    trip_id: str
    service_date: date
    start_s: int | None = None


class Skip(_What, frozen=True, kw_only=True, tag="skip", omit_defaults=True):
    """Stops are not served: by one run, by a route, or by nobody.

    Attributes:
        stop_ids: the stops.
        route_id: the route; None for every route.
        trip_id, service_date, start_s: the run, if it is one only.
    """

    stop_ids: list[str]
    route_id: str | None = None
    trip_id: str | None = None
    service_date: date | None = None
    start_s: int | None = None


class Call(msgspec.Struct, frozen=True):
    """One stop of an extra run; times in seconds of the service day."""

    stop_id: str
    arrival_s: int
    departure_s: int


class Extra(_What, frozen=True, kw_only=True, tag="extra", omit_defaults=True):
    """A run that is not in the timetable: a copy of a trip at another time, or a new one.

    Attributes:
        trip_id: its id, in no version of the timetable.
        service_date: the date that its times count from.
        copy_of, start_s: for a copy: the trip, and the start of the copy.
        route_id, headsign, calls: for a new run: where it goes.
        vehicle_id: who drives it, if known.
    """

    trip_id: str
    service_date: date
    copy_of: str | None = None
    start_s: int | None = None
    route_id: str | None = None
    headsign: str | None = None
    calls: list[Call] = []
    vehicle_id: str | None = None


class Swap(_What, frozen=True, kw_only=True, tag="swap", omit_defaults=True):
    """A vehicle drives a trip, or all of a block, whatever it or another one signs on to."""

    vehicle_id: str
    service_date: date
    trip_id: str | None = None
    block_id: str | None = None


class Detour(_What, frozen=True, kw_only=True, tag="detour", omit_defaults=True):
    """A route leaves its line and comes back to it.

    Attributes:
        route_id: the route; every pattern that passes both ends of the path is led along it.
        path: (latitude, longitude) from where the line is left to where it is joined again.
        direction: 0 or 1 for one direction only; without it the way back follows the path too.
        replacement_stop_ids: stops of the timetable that are served along the path, in order.
    """

    route_id: str
    path: list[tuple[float, float]]
    direction: int | None = None
    replacement_stop_ids: list[str] = []


What = Cancel | Skip | Extra | Swap | Detour


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    Attributes:
        act_id: stable id.
        what: its content.
        from_s, until_s: the period that it is about, Unix seconds; None is open.
        author, reason: who decided it, and why, in that person's words; never published.
        cause: name of a GTFS-realtime cause, for the alerts drafted from it.
        created_s: since when it stands.
        ended_s: since when it is undone, None while it stands.
    """

    act_id: str
    what: What
    from_s: float | None = None
    until_s: float | None = None
    author: str = ""
    reason: str = ""
    cause: str = "OTHER_CAUSE"
    created_s: float = 0.0
    ended_s: float | None = None

    def stands(self, now_s: float) -> bool:
        """Tell whether it has been decided, not undone, and is not over."""
        over = self.until_s is not None and self.until_s <= now_s
        return self.ended_s is None and not over

    def covers(self, time_s: float) -> bool:
        """Tell whether a moment lies in its period."""
        after = self.from_s is None or self.from_s <= time_s
        return after and (self.until_s is None or time_s < self.until_s)


Acts = tuple[Act, ...]
"""All acts of an agency that stand, in the order in which they were decided."""


def act_body(what: What) -> dict[str, Any]:
    """Give the content of an act as plain data, as it is stored."""
    body: dict[str, Any] = msgspec.to_builtins(what)
    return body


def read_act_body(body: object) -> What:
    """Read what `act_body` gave.

    Raises:
        BadInput: it is no content of an act.
    """
    try:
        what: What = msgspec.convert(body, What)
    except msgspec.ValidationError as exc:
        raise BadInput(f"not an act: {exc}", code="bad_act") from exc
    return what


def check_act(timetable: Timetable, days: Days, what: What) -> None:
    """Refuse an act that the timetable gives no meaning to, before it is stored.

    Raises:
        BadInput: an id is not in the timetable, a run does not exist, times go back, or feeds
            have no way to say it.
    """
    if isinstance(what, Cancel):
        _check_run(timetable, days, what.trip_id, what.service_date, what.start_s, "cancel")
    elif isinstance(what, Skip):
        _check_skip(timetable, days, what)
    elif isinstance(what, Extra):
        _check_extra(timetable, days, what)
    elif isinstance(what, Swap):
        _check_swap(timetable, what)
    else:
        _known(timetable.routes.index, what.route_id, "route")
        for stop_id in what.replacement_stop_ids:
            _known(timetable.stops.index, stop_id, "stop")
        if len(what.path) < _CALLS_MIN:
            raise BadInput("a detour's path needs two points or more", code="bad_act")


def _check_run(
    timetable: Timetable,
    days: Days,
    trip_id: str,
    service_date: date,
    start_s: int | None,
    kind: str,
) -> None:
    trip = _known(timetable.trips.index, trip_id, "trip")
    active = timetable.services.active(service_date)
    if not active[timetable.trips.service_idx[trip]]:
        raise BadInput(f"trip {trip_id} does not run on {service_date}", code="no_such_run")
    if days.kind[trip] == FREQUENCY_LOOSE and kind == "cancel":
        raise BadInput(
            f"trip {trip_id} runs by headway without exact times: it has no runs to cancel",
            code="no_such_run",
            hint="publish an alert with the effect REDUCED_SERVICE or NO_SERVICE instead",
        )
    if days.kind[trip] == FREQUENCY_EXACT and start_s is None:
        raise BadInput(f"trip {trip_id} runs by headway: name the start", code="no_such_run")


def _check_skip(timetable: Timetable, days: Days, what: Skip) -> None:
    if not what.stop_ids:
        raise BadInput("an act that skips stops must name them", code="bad_act")
    for stop_id in what.stop_ids:
        _known(timetable.stops.index, stop_id, "stop")
    if what.route_id is not None:
        _known(timetable.routes.index, what.route_id, "route")
    if (what.trip_id is None) != (what.service_date is None):
        raise BadInput("a run is named by trip and service date", code="bad_act")
    if what.trip_id is not None and what.service_date is not None:
        _check_run(timetable, days, what.trip_id, what.service_date, what.start_s, "skip")


def _check_extra(timetable: Timetable, days: Days, what: Extra) -> None:
    if what.trip_id in timetable.trips.index:
        raise BadInput(f"the timetable has a trip {what.trip_id} already", code="trip_exists")
    if what.copy_of is not None:
        trip = _known(timetable.trips.index, what.copy_of, "trip")
        if what.start_s is None or what.calls:
            raise BadInput("a copy has a start, and no stops of its own", code="bad_act")
        if days.kind[trip] != FREQUENCY_NONE:
            raise BadInput(
                f"trip {what.copy_of} runs by headway: feeds cannot copy it",
                code="bad_act",
                hint="name the stops and times of the extra run instead",
            )
        return
    _known(timetable.routes.index, what.route_id or "", "route")
    if len(what.calls) < _CALLS_MIN or not what.headsign:
        raise BadInput("a new run needs two stops or more, and a headsign", code="bad_act")
    last_s = -1
    for call in what.calls:
        _known(timetable.stops.index, call.stop_id, "stop")
        if not last_s < call.arrival_s <= call.departure_s < _DAY_S:
            raise BadInput("the times of a new run must rise, within 48 hours", code="bad_act")
        last_s = call.departure_s


def _check_swap(timetable: Timetable, what: Swap) -> None:
    if (what.trip_id is None) == (what.block_id is None):
        raise BadInput("a vehicle takes over a trip or a block", code="bad_act")
    if what.trip_id is not None:
        _known(timetable.trips.index, what.trip_id, "trip")
    if what.block_id is not None:
        _known(timetable.blocks.index, what.block_id, "block")


def _known(index: dict[str, int], name: str, kind: str) -> int:
    found = index.get(name)
    if found is None:
        raise BadInput(f"the timetable has no {kind} {name!r}", code=f"unknown_{kind}")
    return found
