"""Geometry over whole arrays: metres, bearings, points projected on lines. Pure.

Positions are WGS84 degrees; inside a city a local plane (equirectangular around a reference
latitude) is exact to better than 0.1 % within 100 km, and far cheaper than a projection library.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the Earth (IUGG)."""

Floats = NDArray[np.float64]


def to_plane(
    latitude: ArrayLike, longitude: ArrayLike, reference: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Give metres east and north of `reference` (latitude, longitude) for arrays of positions."""
    lat0, lon0 = reference
    metres_per_degree = EARTH_RADIUS_M * np.pi / 180.0
    x = (np.asarray(longitude, np.float64) - lon0) * (metres_per_degree * np.cos(np.radians(lat0)))
    y = (np.asarray(latitude, np.float64) - lat0) * metres_per_degree
    return x, y


def to_degrees(
    x_m: ArrayLike, y_m: ArrayLike, reference: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Give (latitude, longitude) for metres east and north of `reference`; undoes `to_plane`."""
    lat0, lon0 = reference
    metres_per_degree = EARTH_RADIUS_M * np.pi / 180.0
    latitude = lat0 + np.asarray(y_m, np.float64) / metres_per_degree
    longitude = lon0 + np.asarray(x_m, np.float64) / (metres_per_degree * np.cos(np.radians(lat0)))
    return latitude, longitude


def distance_m(
    latitude_a: ArrayLike, longitude_a: ArrayLike, latitude_b: ArrayLike, longitude_b: ArrayLike
) -> Floats:
    """Great-circle distance in metres between positions, element by element (haversine)."""
    lat_a, lat_b = np.radians(latitude_a), np.radians(latitude_b)
    half_lat = (lat_b - lat_a) / 2
    half_lon = (np.radians(longitude_b) - np.radians(longitude_a)) / 2
    h = np.sin(half_lat) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin(half_lon) ** 2
    result: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return result


def cumulative_m(latitude: ArrayLike, longitude: ArrayLike) -> Floats:
    """Distance in metres from the first point of a line to each of its points; shape (n,)."""
    lat = np.asarray(latitude, np.float64)
    lon = np.asarray(longitude, np.float64)
    if len(lat) == 0:
        return np.zeros(0)
    steps = distance_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
    return np.concatenate(([0.0], np.cumsum(steps)))


def bearing_deg(
    latitude_a: ArrayLike, longitude_a: ArrayLike, latitude_b: ArrayLike, longitude_b: ArrayLike
) -> Floats:
    """Initial bearing from a to b in degrees clockwise from north, 0 <= bearing < 360."""
    lat_a, lat_b = np.radians(latitude_a), np.radians(latitude_b)
    d_lon = np.radians(longitude_b) - np.radians(longitude_a)
    y = np.sin(d_lon) * np.cos(lat_b)
    x = np.cos(lat_a) * np.sin(lat_b) - np.sin(lat_a) * np.cos(lat_b) * np.cos(d_lon)
    result: Floats = np.degrees(np.arctan2(y, x)) % 360.0
    return result


def project_on_segments(
    px: ArrayLike, py: ArrayLike, ax: ArrayLike, ay: ArrayLike, bx: ArrayLike, by: ArrayLike
) -> tuple[Floats, Floats]:
    """Project points on segments, element by element (arrays broadcast), in metres of a plane.

    Returns:
        (fraction, distance_m): where along a→b the nearest point lies (0 to 1), and how far off.
    """
    px, py = np.asarray(px, np.float64), np.asarray(py, np.float64)
    ax, ay = np.asarray(ax, np.float64), np.asarray(ay, np.float64)
    dx, dy = np.asarray(bx, np.float64) - ax, np.asarray(by, np.float64) - ay
    length2 = dx * dx + dy * dy
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = ((px - ax) * dx + (py - ay) * dy) / length2
    fraction = np.where(length2 > 0, np.clip(fraction, 0.0, 1.0), 0.0)
    off = np.hypot(px - (ax + fraction * dx), py - (ay + fraction * dy))
    return fraction, off


def interpolate_position(
    along_m: ArrayLike, line_m: Floats, latitude: Floats, longitude: Floats
) -> tuple[Floats, Floats]:
    """Give (latitude, longitude) at distances `along_m` on a line with cumulative `line_m`."""
    along = np.asarray(along_m, np.float64)
    return np.interp(along, line_m, latitude), np.interp(along, line_m, longitude)
