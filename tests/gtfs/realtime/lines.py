"""Small timetables with awkward trips, cut into legs."""

import numpy as np

from sapar.gtfs.realtime.lattice import Lattice, build_lattice
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.timetable import load_timetable
from tests.gtfs.feeds import BASE, tiny_feed
from tests.gtfs.realtime.town import degrees

ONE_STOP = "T3,S1,1,09:00:00,09:00:00\n"
EQUAL_STOPS = (
    "T3,S1,1,09:00:00,09:00:00\nT3,S1,2,09:00:00,09:00:00\n"
    "T3,S2,3,09:05:00,09:05:00\nT3,S2,4,09:05:00,09:05:00\n"
)
THERE_AND_BACK = "T3,S1,1,09:00:00,09:00:00\nT3,S2,2,09:04:00,09:04:00\nT3,S1,3,09:08:00,09:08:00\n"


def lattice_with(times: str, shape: str = "") -> Lattice:
    """The tiny feed with one more trip, T3: its rows of stop_times.txt, and its shape."""
    feed = tiny_feed(
        {
            "trips.txt": f"{BASE['trips.txt']}T3,R1,DAILY,Vokzal,0,B2,{'H3' if shape else ''}\n",
            "stop_times.txt": str(BASE["stop_times.txt"]) + times,
            "shapes.txt": str(BASE["shapes.txt"]) + shape,
        }
    )
    return build_lattice(build_network(load_timetable(feed, "tiny")))


def lattice_along(points: list[tuple[float, float]]) -> Lattice:
    """One trip, T, along a line of points in metres, with stops at its ends."""
    places = [degrees(x, y) for x, y in points]
    feed = tiny_feed(
        {
            "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
            + "".join(
                f"{name},{name},{lat:.7f},{lon:.7f}\n"
                for name, (lat, lon) in (("P", places[0]), ("Q", places[-1]))
            ),
            "trips.txt": "trip_id,route_id,service_id,direction_id,block_id,shape_id\n"
            "T,R1,DAILY,0,,H\n",
            "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
            "T,P,1,08:00:00,08:00:00\nT,Q,2,08:20:00,08:20:00\n",
            "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
            + "".join(f"H,{lat:.7f},{lon:.7f},{n}\n" for n, (lat, lon) in enumerate(places)),
        }
    )
    return build_lattice(build_network(load_timetable(feed, "line")))


def row_of(lattice: Lattice, trip_id: str, call: int) -> int:
    """The stop-time row of a trip's call, counted from 0."""
    trip = lattice.network.timetable.trips.index[trip_id]
    return int(lattice.first_row[trip]) + call


def rows_of(lattice: Lattice, trip_id: str) -> np.ndarray:
    """All stop-time rows of a trip."""
    trip = lattice.network.timetable.trips.index[trip_id]
    return np.arange(lattice.first_row[trip], lattice.last_row[trip] + 1)
