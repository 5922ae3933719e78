"""A seeded synthetic city, written as a GTFS feed: streets, stops, routes, timetables and fares.

The same size, seed and arguments give the same bytes. See docs/synthetic-city.md.
"""

from sapar.simulators.city.city import City, build_city
from sapar.simulators.city.figures import Figures, measure
from sapar.simulators.city.generate import generate_city, write_city
from sapar.simulators.city.holidays import default_service_dates
from sapar.simulators.city.sizes import PROFILES, CitySize

__all__ = [
    "PROFILES",
    "City",
    "CitySize",
    "Figures",
    "build_city",
    "default_service_dates",
    "generate_city",
    "measure",
    "write_city",
]
