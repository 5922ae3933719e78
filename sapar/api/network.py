"""The network as GeoJSON (RFC 7946): the base map of every page. Pure.

The tables beside the timetable are read, not the timetable itself: a map needs lines, names and
colours, and an instance of the API should not hold a million stop times to draw them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from shapely import LineString, get_coordinates, line_merge, prepare, union_all
from shapely.geometry.base import BaseGeometry

from sapar.core.geometry import Floats, to_degrees, to_plane

_SIMPLIFY_M = 2.5  # a pixel at zoom 16 on this latitude
_SAME_STREET_M = 14.0  # nearer than this, two shapes of a route are one line on the map
_LEFT_OVER_M = 60.0  # a shorter rest of a shape outside the others adds nothing to see
_DECIMALS = 5  # about a metre


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route as the timetable gives it; colours in hex without `#`, or ""."""

    route_id: str
    short_name: str
    long_name: str
    color: str
    text_color: str
    route_type: int


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop, in WGS84 degrees."""

    stop_id: str
    name: str
    latitude: float
    longitude: float


@dataclass(slots=True)
class Network:
    """What the map of one timetable is made of.

    Attributes:
        routes, stops: rows of the timetable.
        shapes: (route_id, latitudes, longitudes), each shape once per route.
        stop_lines: (route_id, stop ids, has_shape), each sequence once per route.
    """

    routes: Sequence[RouteRow]
    stops: Sequence[StopRow]
    shapes: Sequence[tuple[str, Sequence[float], Sequence[float]]]
    stop_lines: Sequence[tuple[str, Sequence[str], bool]] = field(default_factory=list)


def encode_network(network: Network, feed_version: str) -> bytes:
    """Encode a network: one feature per route (its distinct lines) and one per served stop.

    The member `bbox` covers all of them; `feed_version` names the timetable. Routes without a line
    keep a feature with no coordinates, so that every route is in the list beside the map.
    """
    lines = _lines_by_route(network)
    features: list[dict[str, Any]] = [
        _route_feature(route, lines.get(route.route_id, [])) for route in network.routes
    ]
    served = _routes_by_stop(network)
    features += [
        _stop_feature(stop, served[stop.stop_id])
        for stop in network.stops
        if stop.stop_id in served
    ]
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "feed_version": feed_version,
        "features": features,
    }
    box = _bounding_box(features)
    if box is not None:
        collection["bbox"] = box
    return msgspec.json.encode(collection)


def _lines_by_route(network: Network) -> dict[str, list[Floats]]:
    """Give each route's lines as arrays of (longitude, latitude), repeated streets drawn once."""
    position = {stop.stop_id: (stop.latitude, stop.longitude) for stop in network.stops}
    paths: dict[str, list[Floats]] = {}
    for route_id, latitudes, longitudes in network.shapes:
        paths.setdefault(route_id, []).append(np.column_stack((latitudes, longitudes)))
    for route_id, stop_ids, has_shape in network.stop_lines:
        points = [position[stop_id] for stop_id in stop_ids if stop_id in position]
        if not has_shape and len(points) >= 2:
            paths.setdefault(route_id, []).append(np.array(points))
    return {route_id: _distinct_lines(route_paths) for route_id, route_paths in paths.items()}


def _distinct_lines(paths: Iterable[Floats]) -> list[Floats]:
    """Simplify paths of (latitude, longitude) and leave out what runs along longer ones."""
    usable = [path for path in paths if len(path) >= 2]
    if not usable:
        return []
    reference = (float(usable[0][0, 0]), float(usable[0][0, 1]))
    lines = [
        LineString(np.column_stack(to_plane(path[:, 0], path[:, 1], reference))).simplify(
            _SIMPLIFY_M
        )
        for path in usable
    ]
    drawn: list[BaseGeometry] = []
    covered: BaseGeometry | None = None
    for line in sorted(lines, key=lambda item: -item.length):
        if line.length == 0 or (covered is not None and _is_covered(line, covered)):
            continue
        drawn.append(line)
        street = line.buffer(_SAME_STREET_M, quad_segs=2)
        covered = street if covered is None else union_all([covered, street])
        prepare(covered)
    return [_degrees(line, reference) for line in drawn]


def _is_covered(line: BaseGeometry, covered: BaseGeometry) -> bool:
    if covered.covers(line):
        return True
    rest = line_merge(line.difference(covered))
    return bool(rest.length < _LEFT_OVER_M)


def _degrees(line: BaseGeometry, reference: tuple[float, float]) -> Floats:
    xy = get_coordinates(line)
    latitude, longitude = to_degrees(xy[:, 0], xy[:, 1], reference)
    return np.column_stack((longitude.round(_DECIMALS), latitude.round(_DECIMALS)))


def _routes_by_stop(network: Network) -> dict[str, list[str]]:
    served: dict[str, set[str]] = {}
    for route_id, stop_ids, _ in network.stop_lines:
        for stop_id in stop_ids:
            served.setdefault(stop_id, set()).add(route_id)
    return {stop_id: sorted(route_ids) for stop_id, route_ids in served.items()}


def _route_feature(route: RouteRow, lines: list[Floats]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "kind": "route",
            "id": route.route_id,
            "name": route.short_name or route.long_name or route.route_id,
            "long_name": route.long_name,
            "color": route.color,
            "text_color": route.text_color,
            "type": route.route_type,
        },
        "geometry": {
            "type": "MultiLineString",
            "coordinates": [line.tolist() for line in lines],
        },
    }


def _stop_feature(stop: StopRow, route_ids: list[str]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "kind": "stop",
            "id": stop.stop_id,
            "name": stop.name,
            "routes": route_ids,
        },
        "geometry": {
            "type": "Point",
            "coordinates": [round(stop.longitude, _DECIMALS), round(stop.latitude, _DECIMALS)],
        },
    }


def _bounding_box(features: list[dict[str, Any]]) -> list[float] | None:
    """West, south, east, north of all coordinates; None without any."""
    points: list[list[float]] = []
    for feature in features:
        coordinates = feature["geometry"]["coordinates"]
        if feature["geometry"]["type"] == "Point":
            points.append(coordinates)
        else:
            points += [point for line in coordinates for point in line]
    if not points:
        return None
    array = np.array(points)
    return [float(value) for value in (*array.min(axis=0), *array.max(axis=0))]
