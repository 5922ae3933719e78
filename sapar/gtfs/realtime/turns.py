"""Where a bus goes on when a run by headway ends: to the next departures of its route.

Blocks say which trip follows which (`Links`); headway service has no blocks, but its buses go back
and forth on their route all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.ragged import expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NEAR_M = 800.0  # from the last stop of a run to the first stop of the next
_WAIT_MAX_S = 2400.0
_LATE_S = 60.0  # a departure that was due so long ago may still be taken
_DEPARTURES = 2


@dataclass(frozen=True)
class Turns:
    """The turns of headway service on the dates at hand.

    Attributes:
        loose: whether a trip runs by headway without exact times, by trip.
        begin: by trip, where its successors lie in `after`.
        after: rows of the columns below.
        trip, day, day_start_s, from_s, until_s, headway_s, template_s: of the headway service.
    """

    loose: Bools
    begin: Longs
    after: Longs
    trip: Ints
    day: Ints
    day_start_s: Floats
    from_s: Ints
    until_s: Ints
    headway_s: Ints
    template_s: Ints

    def departures(
        self, trip: Ints, day: Ints, time_s: Floats
    ) -> tuple[Longs, Ints, Ints, Ints, Floats]:
        """List the departures that buses may take which end a run at a moment.

        Returns:
            (number in `trip`, trip, day, start_s, base_s) of each departure.
        """
        if not len(self.trip) or not len(trip):
            none: Ints = np.zeros(0, np.int32)
            return np.zeros(0, np.int64), none, none, none, np.zeros(0)
        at, who, _ = expand(self.begin[trip], self.begin[trip + 1])
        row = self.after[at]
        same = self.day[row] == day[who]
        row, who = np.repeat(row[same], _DEPARTURES), np.repeat(who[same], _DEPARTURES)
        since = time_s[who] - _LATE_S - self.day_start_s[row] - self.from_s[row]
        number = np.maximum(np.ceil(since / self.headway_s[row]), 0.0)
        number += np.tile(np.arange(_DEPARTURES), len(row) // _DEPARTURES)
        start = self.from_s[row] + number * self.headway_s[row]
        wait_s = self.day_start_s[row] + start - time_s[who]
        keep = (start < self.until_s[row]) & (wait_s <= _WAIT_MAX_S)
        row, who = row[keep], who[keep]
        start_s: Ints = start[keep].astype(np.int32)
        base_s = self.day_start_s[row] + start_s - self.template_s[row]
        return who, self.trip[row], self.day[row], start_s, base_s

    def is_loose(self, trip: Ints) -> Bools:
        """Tell which trips run by headway without exact times."""
        return self.loose[trip] if len(self.loose) else np.zeros(len(trip), np.bool_)

    def has(self, trip: Ints, day: Ints, time_s: Floats) -> Bools:
        """Tell which runs that end at a moment are followed by a departure."""
        found = np.zeros(len(trip), np.bool_)
        found[self.departures(trip, day, time_s)[0]] = True
        return found

    def follows(self, before: int, trip: int) -> bool:
        """Tell whether a bus turns from one trip by headway to another."""
        if not len(self.trip):
            return False
        rows = self.after[self.begin[before] : self.begin[before + 1]]
        return bool((self.trip[rows] == trip).any())


def _no_turns() -> Turns:
    longs, ints = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return Turns(np.zeros(0, np.bool_), longs, longs, ints, ints, np.zeros(0), *[ints] * 4)


NO_TURNS = _no_turns()
"""The turns of a timetable without headway service."""


def find_turns(lattice: Lattice, days: Days) -> Turns:
    """Work out the turns of the dates at hand: same route, from a last stop to a first one near."""
    h = days.headways
    trips = lattice.network.timetable.trips
    if not len(h.trip):
        return NO_TURNS
    served = np.unique(h.trip)
    last, first = lattice.last_row[served], lattice.first_row[h.trip]
    way_m = np.hypot(
        lattice.stop_x[last][:, None] - lattice.stop_x[first][None, :],
        lattice.stop_y[last][:, None] - lattice.stop_y[first][None, :],
    )
    same = trips.route_idx[served][:, None] == trips.route_idx[h.trip][None, :]
    who, after = np.nonzero(same & (way_m <= _NEAR_M))
    counts = np.zeros(len(trips.ids), np.int64)
    counts[served] = np.bincount(who, minlength=len(served))
    return Turns(
        days.kind == FREQUENCY_LOOSE,
        np.append(0, np.cumsum(counts)),
        after,
        h.trip,
        h.day,
        h.day_start_s,
        h.from_s,
        h.until_s,
        h.headway_s,
        days.template_start_s[h.trip],
    )
