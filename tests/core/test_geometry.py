"""Geometry over arrays, against the laws it must keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core import geometry

latitudes = st.floats(-80, 80)
longitudes = st.floats(-179, 179)
near = st.floats(-0.3, 0.3)


@given(lat=latitudes, lon=longitudes, d_lat=near, d_lon=near)
def test_to_degrees_undoes_to_plane(lat, lon, d_lat, d_lon):
    x, y = geometry.to_plane(lat + d_lat, lon + d_lon, (lat, lon))
    back = geometry.to_degrees(x, y, (lat, lon))
    assert np.allclose(back, (lat + d_lat, lon + d_lon), atol=1e-9)


@given(lat=st.floats(40, 55), lon=st.floats(50, 80), d_lat=near, d_lon=near)
def test_the_plane_keeps_distances_within_a_city(lat, lon, d_lat, d_lon):
    """0.3 degrees away, that is over 30 km, the plane is off by less than 0.5 %."""
    x, y = geometry.to_plane(lat + d_lat, lon + d_lon, (lat, lon))
    true_m = geometry.distance_m(lat, lon, lat + d_lat, lon + d_lon)
    assert np.hypot(x, y) == pytest.approx(float(true_m), rel=0.005, abs=0.01)


@given(a=st.tuples(latitudes, longitudes), b=st.tuples(latitudes, longitudes))
def test_distance_is_symmetric_and_zero_on_the_spot(a, b):
    there, back = geometry.distance_m(*a, *b), geometry.distance_m(*b, *a)
    assert there == pytest.approx(back, abs=1e-6)
    assert geometry.distance_m(*a, *a) == 0


def test_known_distance():
    """One degree of latitude is a 360th of the circumference."""
    degree_m = 2 * np.pi * geometry.EARTH_RADIUS_M / 360
    assert geometry.distance_m(50, 57, 51, 57) == pytest.approx(degree_m)


@pytest.mark.parametrize(
    ("to", "bearing_deg"),
    [((51, 57), 0), ((50, 58), 89.6), ((49, 57), 180), ((50, 56), 270.4)],
)
def test_bearings_go_clockwise_from_north(to, bearing_deg):
    assert geometry.bearing_deg(50, 57, *to) == pytest.approx(bearing_deg, abs=0.05)


@given(st.lists(st.tuples(latitudes, longitudes), max_size=20))
def test_cumulative_distance_starts_at_zero_and_never_goes_back(points):
    lat, lon = [p[0] for p in points], [p[1] for p in points]
    along_m = geometry.cumulative_m(lat, lon)
    assert len(along_m) == len(points)
    assert not len(along_m) or along_m[0] == 0
    assert np.all(np.diff(along_m) >= 0)


metres = st.floats(-1e4, 1e4)


@given(p=st.tuples(metres, metres), a=st.tuples(metres, metres), b=st.tuples(metres, metres))
def test_no_point_of_a_segment_is_nearer_than_the_projection(p, a, b):
    fraction, off_m = geometry.project_on_segments(*p, *a, *b)
    assert 0 <= fraction <= 1
    for share in np.linspace(0, 1, 21):
        x, y = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        assert off_m <= np.hypot(p[0] - x, p[1] - y) + 1e-6


def test_a_segment_of_no_length_is_its_point():
    fraction, off_m = geometry.project_on_segments(3.0, 4.0, 0.0, 0.0, 0.0, 0.0)
    assert (float(fraction), float(off_m)) == (0.0, 5.0)


def test_interpolation_gives_the_ends_and_the_middle():
    lat, lon = np.array([50.0, 51.0]), np.array([57.0, 57.0])
    line_m = geometry.cumulative_m(lat, lon)
    at = geometry.interpolate_position([0, line_m[1] / 2, line_m[1]], line_m, lat, lon)
    assert at[0].tolist() == [50.0, 50.5, 51.0]
