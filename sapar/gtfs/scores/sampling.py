"""Which vehicles are sampled on which day, and what of their predictions is kept. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from sapar.gtfs.realtime.score.samples import sample
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.timetable.model import Timetable

SampleRow = tuple[Any, ...]
"""Values of the query `add_sample`, the agency first."""
_SECONDS_MAX = 32_767  # nine hours: what the columns hold


def is_sampled(vehicle_id: str, service_date: date, share: float) -> bool:
    """Tell whether a vehicle is sampled on a day: a share of all, others every day."""
    draw = zlib.crc32(f"{service_date:%Y%m%d}/{vehicle_id}".encode())
    return draw < share * 2**32


def sample_rows(
    seen: Picture, timetable: Timetable, agency_id: str, share: float
) -> Iterator[SampleRow]:
    """Give what a picture says about the sampled vehicles: a row a run.

    Args:
        seen: what is published now.
        timetable: whose runs it speaks of.
        agency_id: whose vehicles they are.
        share: of the vehicles that are sampled.
    """
    now_s = float(seen.header_s)
    taken = sample(seen, now_s, timetable)
    ids = dict(zip(seen.slots.tolist(), seen.vehicle_ids, strict=True))
    inner = taken.row != timetable.trips.st_begin[taken.trip]
    pairs = np.unique(np.stack((taken.slot, taken.day), axis=1), axis=0).tolist()
    chosen = {
        (slot, day) for slot, day in pairs if is_sampled(ids[slot], date.fromordinal(day), share)
    }
    mine = np.array(
        [pair in chosen for pair in zip(taken.slot.tolist(), taken.day.tolist(), strict=True)],
        np.bool_,
    )
    taken = taken.where(inner & mine)
    names = np.stack((taken.slot, taken.trip, taken.day, taken.start_s), axis=1)
    new = np.append(True, (names[1:] != names[:-1]).any(axis=1))[: len(taken)]
    begin = np.append(np.flatnonzero(new), len(taken))
    sampled_at = datetime.fromtimestamp(now_s, UTC)
    stops = timetable.stop_times.stop_idx[taken.row]
    columns = [
        np.clip(np.rint(column - now_s), -_SECONDS_MAX, _SECONDS_MAX).astype(int)
        for column in (taken.arrival_s, taken.median_s, taken.low_s, taken.high_s)
    ]
    for low, high in zip(begin[:-1].tolist(), begin[1:].tolist(), strict=True):
        trip = int(taken.trip[low])
        yield (
            agency_id,
            date.fromordinal(int(taken.day[low])),
            sampled_at,
            ids[int(taken.slot[low])],
            timetable.trips.ids[trip],
            int(taken.start_s[low]),
            timetable.routes.ids[timetable.trips.route_idx[trip]],
            [timetable.stops.ids[stop] for stop in stops[low:high].tolist()],
            *(column[low:high].tolist() for column in columns),
        )
