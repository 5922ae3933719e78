"""Stop visits: when which vehicle was at which stop of which run, as the engine saw it.

The engine hands out visits as it learns of them (`Engine.drain_visits`); they are what travel times
are learnt from, what runs are proven by, and what predictions are scored against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits as columns, one row a stop of a run.

    Attributes:
        vehicle_ids: who.
        trip, day, start_s: the run: row of the trip, ordinal of the service date, start in seconds
            of the service day.
        row: row of the timetable's stop times (it names stop, sequence and scheduled times).
        arrival_s, departure_s: Unix times; NaN where not seen.
        seen: whether the bus was tracked up to the stop; false where it lies between two fixes
            that are far apart, and the time is a guess.
    """

    vehicle_ids: list[str]
    trip: Ints
    day: Ints
    start_s: Ints
    row: Longs
    arrival_s: Floats
    departure_s: Floats
    seen: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.vehicle_ids)


@dataclass(frozen=True, slots=True)
class LearntTimes:
    """Travel times learnt between stops, as columns to keep and to give back.

    Attributes:
        from_stop_ids, to_stop_ids: neighbours on a trip, by GTFS stop_id.
        day_type: 0 Monday to Friday, 1 Saturday, 2 Sunday.
        hour: local hour of the day, 0 to 23.
        weight: of how many buses' worth the record is, after ageing.
        mean_s: mean seconds from arrival to arrival (from departure, after a trip's first stop).
        last_s: Unix time of the newest observation.
    """

    from_stop_ids: list[str]
    to_stop_ids: list[str]
    day_type: NDArray[np.int8]
    hour: NDArray[np.int8]
    weight: Floats
    mean_s: Floats
    last_s: Floats

    def __len__(self) -> int:
        return len(self.from_stop_ids)
