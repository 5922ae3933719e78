"""The cities that one base address serves, and what an answer refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from google.transit import gtfs_realtime_pb2 as pb

from sapar.api.arrivals.around import Notice
from sapar.api.arrivals.live import Now
from sapar.api.onebusaway.asked import split_id
from sapar.api.onebusaway.elements import Elements, make_elements
from sapar.api.parts import Parts
from sapar.core.errors import NotFound, SaparError


@dataclass(frozen=True, slots=True)
class City:
    """An agency now, with its elements."""

    now: Now
    elements: Elements

    @property
    def agency_id(self) -> str:
        """The agency's id, and what its ids begin with."""
        return self.elements.agency_id

    def stop_row(self, local: str) -> int:
        """Give the row of a stop by its own id; raises NotFound."""
        return _row(self.now.plan.timetable.stops.index, local, "stop")

    def route_row(self, local: str) -> int:
        """Give the row of a route by its own id; raises NotFound."""
        return _row(self.now.plan.timetable.routes.index, local, "route")

    def trip_row(self, local: str) -> int:
        """Give the row of a trip by its own id; raises NotFound."""
        return _row(self.now.plan.timetable.trips.index, local, "trip")


def _row(index: dict[str, int], local: str, kind: str) -> int:
    row = index.get(local)
    if row is None:
        raise NotFound(f"There is no {kind} {local!r}.", code=f"no_such_{kind}")
    return row


class Cities:
    """All cities with a timetable."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def get(self, agency_id: str) -> City:
        """Give a city; raises NotFound."""
        self._parts.known(agency_id)
        now = await self._parts.live.get(agency_id)
        return City(now, await now.plan.derive("onebusaway", make_elements))

    async def of(self, full_id: str) -> tuple[City, str]:
        """Give the city that an id belongs to, and the id without it; raises NotFound."""
        agency_id, local = split_id(full_id)
        return await self.get(agency_id), local

    async def all(self) -> list[City]:
        """List all cities, the default one first; one without a timetable is left out."""
        agencies = self._parts.catalogue.agencies
        named = [a for a in agencies.values() if a.version is not None]
        named.sort(key=lambda a: (a.agency_id != self._parts.settings.agency, a.agency_id))
        found = []
        for agency in named:
            try:
                found.append(await self.get(agency.agency_id))
            except SaparError:
                continue  # it has just been removed, or its zip cannot be read: others can
        return found


class References:
    """What an answer refers to, each thing once.

    Args:
        included: without references the lists stay empty, so that readers find them.
    """

    def __init__(self, *, included: bool) -> None:
        self._included = included
        self._of: dict[str, _Named] = {}
        self._extra: dict[str, msgspec.Raw] = {}
        self._situations: dict[str, dict[str, Any]] = {}

    def _named(self, city: City) -> _Named:
        found = self._of.get(city.agency_id)
        if found is None:
            found = self._of[city.agency_id] = _Named(city)
        return found

    def agency(self, city: City) -> None:
        """Refer to a city."""
        self._named(city)

    def route(self, city: City, row: int) -> None:
        """Refer to a route."""
        if row >= 0:
            self._named(city).routes.add(row)

    def stop(self, city: City, row: int) -> None:
        """Refer to a stop, and to the routes that it names."""
        self._named(city).stops.add(row)

    def routes_of(self, city: City, row: int) -> None:
        """Refer to the routes that a stop names."""
        self._named(city).routes.update(city.elements.routes_of(row))

    def trip(self, city: City, row: int) -> None:
        """Refer to a trip and its route."""
        self._named(city).trips.add(row)

    def extra_trip(self, trip_id: str, element: msgspec.Raw) -> None:
        """Refer to a trip that the timetable lacks."""
        self._extra[trip_id] = element

    def situation(self, city: City, notice: Notice) -> str:
        """Refer to an alert; give its id."""
        name = city.elements.name(notice.alert_id)
        if name not in self._situations:
            self._situations[name] = _situation(city, name, notice)
        return name

    def rows(self, city: City) -> tuple[set[int], set[int]]:
        """Give the stops and the trips referred to, as rows to add to."""
        named = self._named(city)
        return named.stops, named.trips

    def join(self, other: References) -> None:
        """Refer to the situations that another collection refers to."""
        self._situations.update(other._situations)

    def data(self) -> dict[str, Any]:
        """Give all that was referred to, in the order of the documentation."""
        named = list(self._of.values()) if self._included else []
        for one in named:
            elements = one.city.elements
            one.routes.update(*(elements.routes_of(row) for row in one.stops))
            one.routes.update(elements.route_of[row] for row in one.trips)
        extra = list(self._extra.values()) if self._included else []
        return {
            "agencies": [one.city.elements.agency(one.city.now.agency.name) for one in named],
            "routes": [one.city.elements.route(row) for one in named for row in one.routes],
            "situations": list(self._situations.values()) if self._included else [],
            "stopTimes": [],
            "stops": [one.city.elements.stop(row) for one in named for row in one.stops],
            "trips": [one.city.elements.trip(row) for one in named for row in one.trips] + extra,
        }


class _Named:
    """What is referred to of one city, as rows."""

    __slots__ = ("city", "routes", "stops", "trips")

    def __init__(self, city: City) -> None:
        self.city = city
        self.routes: set[int] = set()
        self.stops: set[int] = set()
        self.trips: set[int] = set()


def _situation(city: City, name: str, notice: Notice) -> dict[str, Any]:
    alert, elements = notice.alert, city.elements
    begun = [1000 * p.start for p in alert.active_period if p.start]
    affected = [
        {
            "agencyId": city.agency_id,
            "applicationId": "",
            "directionId": "",
            "routeId": elements.name(s.route_id),
            "stopId": elements.name(s.stop_id),
            "tripId": elements.name(s.trip.trip_id),
        }
        for s in alert.informed_entity
    ]
    effect = pb.Alert.Effect.Name(alert.effect)
    return {
        "activeWindows": [
            {"from": 1000 * p.start, "to": 1000 * p.end} for p in alert.active_period
        ],
        "allAffects": affected,
        "consequenceMessage": "",
        "consequences": [
            {
                "condition": "diversion" if effect == "DETOUR" else effect.lower(),
                "conditionDetails": None,
            }
        ],
        "creationTime": min(begun, default=1000 * int(city.now.time_s)),
        "description": _words(city, alert.description_text),
        "id": name,
        "publicationWindows": [],
        "reason": pb.Alert.Cause.Name(alert.cause),
        "severity": "",
        "summary": _words(city, alert.header_text),
        "url": _words(city, alert.url),
    }


def _words(city: City, text: pb.TranslatedString) -> dict[str, str] | None:
    """Give a text in one language, as OneBusAway has it: the city's first that it is written in."""
    by_language = {t.language: t.text for t in text.translation}
    for language in (*city.now.plan.timetable.languages, *by_language):
        if language in by_language:
            return {"lang": language, "value": by_language[language]}
    return None
