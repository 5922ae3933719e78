"""Arrivals and departures: at a stop, around a place, and one of them.

A wide board is long work in the event loop, so it is made in slices, and around a place only so
much of it is made: the stops nearest to the middle come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sapar.api.arrivals import board as b
from sapar.api.arrivals.board import Arrival, make_board
from sapar.api.arrivals.slices import Slices, batched, run_between
from sapar.api.onebusaway.arrival import Arrivals
from sapar.api.onebusaway.asked import Asked, split_id
from sapar.api.onebusaway.cities import Cities, City, References
from sapar.core.clock import Clock
from sapar.core.errors import BadInput, NotFound

BEFORE_MIN, AFTER_MIN = 5, 35
_BEFORE_MAX, _AFTER_MAX = 240, 720
_COUNT = 250
_HERE_M = 200.0
_WINDOW_S = 86_400.0
_HOUR_S = 3600.0
_STOPS_MAX = 250  # boards around one place
_CALLS_MAX = 5000  # arrivals on them together
_AT_ONCE = 50  # arrivals that are written in a slice


class Boards:
    """The methods about arrivals; each gives the data of the answer."""

    def __init__(self, cities: Cities, clock: Clock) -> None:
        self._cities, self._clock = cities, clock

    async def for_stop(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `arrivals-and-departures-for-stop`."""
        city, local = await self._cities.of(full_id)
        span = span_of(city, asked)
        work = stop_data(city, city.stop_row(local), span, references_of(asked))
        return await run_between(work, self._clock)

    async def for_location(self, asked: Asked) -> dict[str, Any]:
        """Give `arrivals-and-departures-for-location`."""
        box = asked.box(_HERE_M)
        there = [
            (metres, number, row, city)
            for number, city in enumerate(await self._cities.all())
            for row, metres in stops_in(city, box)
        ]
        there.sort(key=lambda stop: stop[:3])
        near = [(metres, row, city) for metres, _, row, city in there]
        return await run_between(_around(near, asked), self._clock)

    async def one(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `arrival-and-departure-for-stop`: one run's call at a stop."""
        city, local = await self._cities.of(full_id)
        row = city.stop_row(local)
        zone = city.now.plan.timetable.timezone
        trip_id, day_s = asked.text("tripId"), asked.time_s("serviceDate", zone)
        if not trip_id or day_s is None:
            raise BadInput("tripId and serviceDate are needed", code="no_trip")
        sequence = asked.whole("stopSequence", -1, -1, 10_000)
        vehicle_id = asked.text("vehicleId")
        references = references_of(asked)
        trial = Arrivals(city, References(included=False))
        for call in _board_of_run(city, row, trip_id, day_s):
            if city.elements.name(call.trip_id) != trip_id:
                continue
            found = msgspec.json.decode(trial.element(row, call))
            if found["serviceDate"] != int(1000 * day_s):
                continue
            if sequence not in {-1, found["stopSequence"]}:
                continue
            if vehicle_id and found["vehicleId"] not in {"", vehicle_id}:
                continue
            references.stop(city, row)
            return {
                "entry": Arrivals(city, references).element(row, call),
                "references": references.data(),
            }
        raise NotFound("That run does not call there on that date.", code="no_such_call")


def _around(near: Sequence[tuple[float, int, City]], asked: Asked) -> Slices[dict[str, Any]]:
    """Make the data of `arrivals-and-departures-for-location` from stops, the nearest first."""
    most = asked.whole("maxCount", _COUNT, 1, 1000)
    types = {text for text in asked.text("routeType").split(",") if text}
    references = references_of(asked)
    found: list[tuple[int, msgspec.Raw]] = []
    nearby: list[dict[str, Any]] = []
    situations: set[str] = set()
    for metres, row, city in near[:_STOPS_MAX]:
        if len(found) >= _CALLS_MAX:
            break
        stop_id = city.elements.name(city.now.places.stops[row].stop_id)
        nearby.append({"distanceFromQuery": metres, "stopId": stop_id})
        references.stop(city, row)
        found += yield from arrivals_at(city, row, span_of(city, asked), references, types)
        situations.update(_stop_situations(city, row, references))
        yield
    if not found and asked.flag("emptyReturnsNotFound", default=False):
        raise NotFound("Nothing comes here.", code="nothing_here")
    found.sort(key=lambda timed: timed[0])
    entry = {
        "arrivalsAndDepartures": [element for _, element in found[:most]],
        "limitExceeded": len(nearby) < len(near) or len(found) > most,
        "nearbyStopIds": nearby[:most],
        "situationIds": sorted(situations),
        "stopIds": [stop["stopId"] for stop in nearby[:most]],
    }
    return {"entry": entry, "references": references.data()}


def _board_of_run(city: City, row: int, full_trip_id: str, day_s: float) -> list[Arrival]:
    """Give as little of a stop's board as surely has a run of a date that begins at `day_s`."""
    now = city.now
    index, live = now.places.index, now.live
    trips = now.plan.timetable.trips
    trip = trips.index.get(split_id(full_trip_id)[1])
    # the whole day of the run, and what it reaches into the next one
    span = (day_s, _HOUR_S, 2 * _WINDOW_S)
    if trip is None:
        if live is None or all(city.elements.name(r.trip_id) != full_trip_id for r in live.runs):
            return []
    elif not index.repeated[trip]:
        # calls are on a board by their planned time too; an hour is for the change of clocks
        first_s, last_s = int(trips.first_s[trip]), int(trips.last_s[trip])
        span = (day_s + first_s, _HOUR_S, last_s - first_s + _HOUR_S)
    return make_board(index, live, now.memory, row, span)


def references_of(asked: Asked) -> References:
    """Begin the references of an answer, or leave them empty where they are not wanted."""
    return References(included=asked.flag("includeReferences", default=True))


def span_of(city: City, asked: Asked) -> tuple[float, float, float]:
    """Give what is asked for: the moment, and the seconds before and after it."""
    time_s = asked.time_s("time", city.now.plan.timetable.timezone)
    before = asked.whole("minutesBefore", BEFORE_MIN, 0, _BEFORE_MAX)
    after = asked.whole("minutesAfter", AFTER_MIN, 0, _AFTER_MAX)
    return city.now.time_s if time_s is None else time_s, 60.0 * before, 60.0 * after


def stops_in(city: City, box: Any) -> list[tuple[int, float]]:
    """List (stop, metres from the middle) in a box or, asked for by radius, in its circle."""
    places = city.now.places
    reach_m = box.radius_m
    if reach_m is not None:
        return places.near(box.lat, box.lon, reach_m)
    inside = set(places.inside(box.low, box.high))
    return [(row, metres) for row, metres in places.near(box.lat, box.lon, 4e7) if row in inside]


def stop_data(
    city: City, row: int, span: tuple[float, float, float], references: References
) -> Slices[dict[str, Any]]:
    """Make the data of `arrivals-and-departures-for-stop`."""
    elements, stops = city.elements, city.now.places.stops
    references.stop(city, row)
    nearby = elements.nearby(row)
    for other in nearby:
        references.stop(city, other)
    found = yield from arrivals_at(city, row, span, references, set())
    entry = {
        "arrivalsAndDepartures": [element for _, element in found],
        "nearbyStopIds": [elements.name(stops[other].stop_id) for other in nearby],
        "situationIds": _stop_situations(city, row, references),
        "stopId": elements.name(stops[row].stop_id),
    }
    return {"entry": entry, "references": references.data()}


def at_once(work: Slices[dict[str, Any]]) -> dict[str, Any]:
    """Do work without a pause: what is asked for is short."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            data: dict[str, Any] = end.value
            return data


def _stop_situations(city: City, row: int, references: References) -> list[str]:
    live, stop_id = city.now.live, city.now.places.stops[row].stop_id
    if live is None:
        return []
    return [
        references.situation(city, notice)
        for notice in live.notices
        if notice.everywhere or stop_id in notice.stops
    ]


def arrivals_at(
    city: City,
    row: int,
    span: tuple[float, float, float],
    references: References,
    types: set[str],
) -> Slices[list[tuple[int, msgspec.Raw]]]:
    """Make the list of a stop's arrivals, each with its time, without runs that leave it out."""
    now = city.now
    board = make_board(now.places.index, now.live, now.memory, row, span)
    arrivals = Arrivals(city, references)
    found: list[tuple[int, msgspec.Raw]] = []
    for some in batched(board, _AT_ONCE):
        yield
        found += [
            (call.time_s, arrivals.element(row, call))
            for call in some
            if call.state != b.LEFT_OUT
            and (not types or call.route < 0 or str(now.places.routes[call.route].type) in types)
        ]
    return found
