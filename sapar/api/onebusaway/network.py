"""Agencies, stops, routes and shapes: what is where, and what is called how."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from sapar.api.onebusaway.asked import Asked
from sapar.api.onebusaway.boards import references_of, stops_in
from sapar.api.onebusaway.cities import Cities, City, References
from sapar.api.onebusaway.elements import polyline
from sapar.api.parts import Parts
from sapar.core.errors import BadInput, NotFound

_STOPS_M, _ROUTES_M = 500.0, 500.0
_STOPS_SEARCH_M = 10_000.0
_COUNT = 100
_SEARCH_COUNT = 20


class Networks:
    """The methods about the network; each gives the data of the answer."""

    def __init__(self, parts: Parts, cities: Cities) -> None:
        self._parts = parts
        self._cities = cities

    async def coverage(self, asked: Asked) -> dict[str, Any]:
        """Give `agencies-with-coverage`."""
        references, found = references_of(asked), []
        for city in await self._cities.all():
            references.agency(city)
            south, west, north, east = city.now.plan.timetable.bounding_box
            found.append(
                {
                    "agencyId": city.agency_id,
                    "lat": (south + north) / 2,
                    "latSpan": north - south,
                    "lon": (west + east) / 2,
                    "lonSpan": east - west,
                }
            )
        return _listed(found, references, exceeded=False)

    async def agency(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `agency`."""
        city = await self._cities.get(agency_id)
        entry = city.elements.agency(city.now.agency.name)
        return {"entry": entry, "references": references_of(asked).data()}

    async def stop(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `stop`."""
        city, local = await self._cities.of(full_id)
        row = city.stop_row(local)
        references = references_of(asked)
        references.routes_of(city, row)
        return {"entry": city.elements.stop(row), "references": references.data()}

    async def route(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `route`."""
        city, local = await self._cities.of(full_id)
        row = city.route_row(local)
        references = references_of(asked)
        references.agency(city)
        return {"entry": city.elements.route(row), "references": references.data()}

    async def shape(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `shape`."""
        city, local = await self._cities.of(full_id)
        trips, patterns = city.now.plan.timetable.trips, city.now.plan.timetable.patterns
        kind, _, number = local.partition("-")
        if local in trips.shape_ids and local:
            pattern = int(trips.pattern_idx[trips.shape_ids.index(local)])
        elif kind == "pattern" and number.isdecimal() and int(number) < len(patterns):
            pattern = int(number)
        else:
            raise NotFound(f"There is no shape {local!r}.", code="no_such_shape")
        return {"entry": polyline(patterns[pattern]), "references": references_of(asked).data()}

    async def stops_for_location(self, asked: Asked) -> dict[str, Any]:
        """Give `stops-for-location`; with `query`, the stop of that code."""
        query = asked.text("query")
        box = asked.box(_STOPS_SEARCH_M if query else _STOPS_M)
        most = asked.whole("maxCount", _COUNT, 1, 250)
        found: list[tuple[float, City, int]] = []
        cities = await self._cities.all()
        for city in cities:
            for row, metres in stops_in(city, box):
                shown = city.now.places.stops[row]
                if not query or query in {shown.code, shown.stop_id}:
                    found.append((metres, city, row))
        found.sort(key=lambda item: item[0])
        references = references_of(asked)
        for _, city, row in found[:most]:
            references.routes_of(city, row)
        listed = [city.elements.stop(row) for _, city, row in found[:most]]
        data = _listed(listed, references, exceeded=len(found) > most)
        return {**data, "outOfRange": not any(_covers(city, box) for city in cities)}

    async def routes_for_location(self, asked: Asked) -> dict[str, Any]:
        """Give `routes-for-location`; with `query`, the route of that number."""
        query = asked.text("query").casefold()
        box = asked.box(_STOPS_SEARCH_M if query else _ROUTES_M)
        most = asked.whole("maxCount", 50, 1, 250)
        cities = await self._cities.all()
        references, total = references_of(asked), 0
        listed: list[Any] = []
        for city in cities:
            index = city.now.plan.timetable.routes.index
            rows = {
                index[route_id]
                for stop, _ in stops_in(city, box)
                for route_id in city.now.places.stops[stop].route_ids
            }
            for row in sorted(rows):
                if query and city.now.places.routes[row].short_name.casefold() != query:
                    continue
                total += 1
                if len(listed) < most:
                    references.agency(city)
                    listed.append(city.elements.route(row))
        data = _listed(listed, references, exceeded=total > most)
        return {**data, "outOfRange": not any(_covers(city, box) for city in cities)}

    async def stops_for_route(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `stops-for-route`: by direction, in the order of its longest pattern."""
        city, local = await self._cities.of(full_id)
        route = city.route_row(local)
        lines = asked.flag("includePolylines", default=True)
        timetable = city.now.plan.timetable
        patterns = [p for p in timetable.patterns if p.route_idx == route]
        references = references_of(asked)
        references.route(city, route)
        groups, all_stops = [], set()
        for direction in sorted({pattern.direction for pattern in patterns}):
            of_it = [p for p in patterns if p.direction == direction]
            of_it.sort(key=lambda p: -len(p.stop_idx))
            stops = list(dict.fromkeys(s for p in of_it for s in p.stop_idx.tolist()))
            all_stops |= set(stops)
            groups.append(_group(city, direction, of_it[0].pattern_id, stops, lines=lines))
        for stop in sorted(all_stops):
            references.stop(city, stop)
        entry = {
            "polylines": [polyline(pattern) for pattern in patterns] if lines else [],
            "routeId": full_id,
            "stopGroupings": [{"ordered": True, "stopGroups": groups, "type": "direction"}],
            "stopIds": [city.elements.name(timetable.stops.ids[s]) for s in sorted(all_stops)],
        }
        return {"entry": entry, "references": references.data()}

    async def route_ids(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `route-ids-for-agency`."""
        city = await self._cities.get(agency_id)
        listed = [city.elements.name(name) for name in city.now.plan.timetable.routes.ids]
        return _listed(listed, references_of(asked), exceeded=False)

    async def stop_ids(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `stop-ids-for-agency`."""
        city = await self._cities.get(agency_id)
        served = city.now.places.served.tolist()
        listed = [city.elements.name(city.now.places.stops[row].stop_id) for row in served]
        return _listed(listed, references_of(asked), exceeded=False)

    async def routes(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `routes-for-agency`."""
        city = await self._cities.get(agency_id)
        references = references_of(asked)
        references.agency(city)
        listed = [city.elements.route(row) for row in range(len(city.now.places.routes))]
        return _listed(listed, references, exceeded=False)

    async def stops(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `stops-for-agency`."""
        city = await self._cities.get(agency_id)
        references = references_of(asked)
        served = city.now.places.served.tolist()
        for row in served:
            references.routes_of(city, row)
        listed = [city.elements.stop(row) for row in served]
        return {**_listed(listed, references, exceeded=False), "outOfRange": False}

    async def search_stops(self, asked: Asked) -> dict[str, Any]:
        """Give `search/stop`."""
        found = [
            (city, row)
            for city in await self._cities.all()
            for row in city.now.places.search(_input(asked))
        ]
        most = asked.whole("maxCount", _SEARCH_COUNT, 1, 250)
        references = references_of(asked)
        for city, row in found[:most]:
            references.routes_of(city, row)
        listed = [city.elements.stop(row) for city, row in found[:most]]
        data = _listed(listed, references, exceeded=len(found) > most)
        return {**data, "outOfRange": False}

    async def search_routes(self, asked: Asked) -> dict[str, Any]:
        """Give `search/route`."""
        found = [
            (city, row)
            for city in await self._cities.all()
            for row in city.now.places.search_routes(_input(asked))
        ]
        most = asked.whole("maxCount", _SEARCH_COUNT, 1, 250)
        references = references_of(asked)
        for city, _ in found[:most]:
            references.agency(city)
        listed = [city.elements.route(row) for city, row in found[:most]]
        data = _listed(listed, references, exceeded=len(found) > most)
        return {**data, "outOfRange": False}

    async def current_time(self, asked: Asked) -> dict[str, Any]:
        """Give `current-time`: the city's, which in a replay is not the wall's."""
        moment = self._parts.clock.now()
        agency = self._parts.catalogue.agencies.get(self._parts.settings.agency)
        if agency is not None:
            moment = _local(moment, agency.timezone)
        entry = {
            "readableTime": moment.isoformat(timespec="seconds"),
            "time": int(1000 * self._parts.clock.time()),
        }
        return {"entry": entry, "references": references_of(asked).data()}

    async def config(self, asked: Asked) -> dict[str, Any]:
        """Give `config`: the timetable of the default agency."""
        city = await self._cities.get(self._parts.settings.agency)
        span = city.now.plan.timetable.service_span
        index = city.now.places.index
        dates = ("", "")
        if span is not None:
            starts = (int(index.day_start(day.toordinal())) for day in span)
            dates = tuple(str(1000 * start) for start in starts)  # type: ignore[assignment]
        entry = {
            "gitProperties": {},
            "id": city.now.plan.version.digest[:32],
            "name": city.now.plan.timetable.feed_version,
            "serviceDateFrom": dates[0],
            "serviceDateTo": dates[1],
        }
        return {"entry": entry, "references": references_of(asked).data()}


def _local(moment: datetime, timezone: str) -> datetime:
    return moment.astimezone(ZoneInfo(timezone))


def _input(asked: Asked) -> str:
    text = asked.text("input")
    if not text or len(text) > 100:
        raise BadInput("input is needed, 100 letters at most", code="no_input")
    return text


def _listed(listed: list[Any], references: References, *, exceeded: bool) -> dict[str, Any]:
    return {"limitExceeded": exceeded, "list": listed, "references": references.data()}


def _covers(city: City, box: Any) -> bool:
    """Tell whether a box touches the area of a city."""
    south, west, north, east = city.now.plan.timetable.bounding_box
    low, high = box.low, box.high
    return bool(low[0] <= north and high[0] >= south and low[1] <= east and high[1] >= west)


def _group(
    city: City, direction: int, pattern: int, stops: list[int], *, lines: bool
) -> dict[str, Any]:
    timetable = city.now.plan.timetable
    of_it = np.flatnonzero(timetable.trips.pattern_idx == pattern)
    headsign = timetable.trips.headsigns[int(of_it[0])] if len(of_it) else ""
    return {
        "id": str(direction) if direction >= 0 else "0",
        "name": {"name": headsign, "names": [headsign], "type": "destination"},
        "polylines": [polyline(timetable.patterns[pattern])] if lines else [],
        "stopIds": [city.elements.name(timetable.stops.ids[stop]) for stop in stops],
        "subGroups": [],
    }
