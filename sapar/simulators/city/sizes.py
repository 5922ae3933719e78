"""The cities that can be generated: how large, where, and how their buses run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapar.simulators.city.words import Name


class CitySize(StrEnum):
    """The size of a synthetic city, named after the real city whose bus fleet it equals."""

    AKTOBE = "aktobe"
    SHYMKENT = "shymkent"
    ALMATY = "almaty"


@dataclass(frozen=True, slots=True)
class Fares:
    """Single fares in whole tenge; `cash_kzt` is None where buses take no cash."""

    card_kzt: int
    qr_kzt: int
    pupil_kzt: int
    suburban_card_kzt: int
    cash_kzt: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What makes one city differ from another.

    Attributes:
        centre: (latitude, longitude) in degrees.
        routes: number of routes.
        peak_vehicles: vehicles in service at once at the weekday peak.
        radius_m: mean radius of the built-up area; `stretch` is its long side over its short one.
        terminals: places at the edge where routes begin and end, villages included.
        villages: terminals outside the city at the end of a country road.
        circular_routes, branch_routes, headway_routes: how many of the routes are circles, have
            branches and short turns, and are run by headway (`frequencies.txt`).
        route_length_m: (shortest, longest) wanted length of one direction.
    """

    name: Name
    centre: tuple[float, float]
    timezone: str
    routes: int
    peak_vehicles: int
    radius_m: float
    stretch: float
    terminals: int
    villages: int
    circular_routes: int
    branch_routes: int
    headway_routes: int
    route_length_m: tuple[float, float]
    fares: Fares


PROFILES: dict[CitySize, Profile] = {
    CitySize.AKTOBE: Profile(
        name=Name("Ақтөбе", "Актобе", "Aktobe"),
        centre=(50.2839, 57.1670),
        timezone="Asia/Aqtobe",
        routes=30,
        peak_vehicles=300,
        radius_m=4_600,
        stretch=1.5,
        terminals=16,
        villages=3,
        circular_routes=1,
        branch_routes=1,
        headway_routes=5,
        route_length_m=(8_000, 19_000),
        fares=Fares(80, 120, 40, 120, 150),
    ),
    CitySize.SHYMKENT: Profile(
        name=Name("Шымкент", "Шымкент", "Shymkent"),
        centre=(42.3417, 69.5901),
        timezone="Asia/Almaty",
        routes=81,
        peak_vehicles=980,
        radius_m=6_600,
        stretch=1.25,
        terminals=30,
        villages=6,
        circular_routes=2,
        branch_routes=3,
        headway_routes=20,
        route_length_m=(10_000, 24_000),
        fares=Fares(70, 100, 35, 110, 150),
    ),
    CitySize.ALMATY: Profile(
        name=Name("Алматы", "Алматы", "Almaty"),
        centre=(43.2380, 76.9450),
        timezone="Asia/Almaty",
        routes=132,
        peak_vehicles=2_939,
        radius_m=9_000,
        stretch=1.3,
        terminals=44,
        villages=6,
        circular_routes=4,
        branch_routes=4,
        headway_routes=64,
        route_length_m=(13_000, 30_000),
        fares=Fares(120, 120, 40, 160, None),
    ),
}
