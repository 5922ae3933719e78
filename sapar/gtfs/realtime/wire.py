"""Trip updates in bulk: the protobuf bytes of thousands of runs without an object per stop.

All that is fixed about a trip's stop_time_updates (sequence, stop id, relationship) is encoded once
as a template; Unix times between 1978 and 3058 take exactly five bytes as a varint, so a tick
copies the templates and writes all times into their places at once. The layout is that of
gtfs-realtime.proto; a test holds it against the bindings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]

SCHEDULED, UNSCHEDULED = 0, 3

_TIME_BYTES = 5
_DEPARTURE_AFTER = 8  # from an arrival's time bytes to the departure's: time, tag, length, tag


def varint(value: int) -> bytes:
    """Encode a number >= 0 as a base-128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_field(tag: bytes, payload: bytes) -> bytes:
    """Encode a field with a length: tag, length, payload."""
    return tag + varint(len(payload)) + payload


def times_as_varints(times_s: Longs) -> NDArray[np.uint8]:
    """Encode Unix times as varints of five bytes; shape (n, 5)."""
    shifts = 7 * np.arange(_TIME_BYTES)
    digits = (times_s[:, None] >> shifts) & 0x7F
    digits[:, :-1] |= 0x80
    return digits.astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Template:
    """The stop_time_updates of one trip with empty times.

    `starts[i]` is where stop i begins in `data` (one entry more than stops); `arrivals[i]` is where
    its arrival time stands.
    """

    data: bytes
    starts: Longs
    arrivals: Longs


class Templates:
    """Templates of one timetable, made when first asked for."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._made: dict[tuple[int, int], Template] = {}

    def get(self, trip: int, relationship: int) -> Template:
        """Give the template of a trip whose stops carry the schedule relationship."""
        found = self._made.get((trip, relationship))
        if found is None:
            found = self._make(trip, relationship)
            self._made[trip, relationship] = found
        return found

    def _make(self, trip: int, relationship: int) -> Template:
        times, stops = self._timetable.stop_times, self._timetable.stops
        empty = b"\x06\x10" + b"\x80" * (_TIME_BYTES - 1) + b"\x00"
        parts, starts, arrivals, at = [], [0], [], 0
        rows = self._timetable.trip_rows(trip)
        for row in range(rows.start, rows.stop):
            sequence = b"\x08" + varint(int(times.stop_sequence[row]))
            stop_id = stops.ids[int(times.stop_idx[row])].encode()
            body = (
                sequence + b"\x12" + empty + b"\x1a" + empty
                + length_field(b"\x22", stop_id) + b"\x28" + varint(relationship)
            )
            part = length_field(b"\x12", body)
            arrivals.append(at + len(part) - len(body) + len(sequence) + 3)
            at += len(part)
            parts.append(part)
            starts.append(at)
        return Template(b"".join(parts), np.array(starts), np.array(arrivals))


@dataclass(frozen=True, slots=True)
class Update:
    """One run to encode: its template, which stops (by number in the trip), and what goes around.

    `trip` and `vehicle` are the descriptors' bytes; `time_s` is the time of the newest fix.
    """

    entity_id: bytes
    trip: bytes
    vehicle: bytes
    time_s: int
    template: Template
    first: int


def encode_updates(
    header: bytes, updates: list[Update], arrival_s: Longs, departure_s: Longs
) -> bytes:
    """Encode a FeedMessage of trip updates.

    Args:
        header: bytes of the FeedHeader.
        updates: the runs, in the order of the feed.
        arrival_s: arrivals at all their stops, one run after the other.
        departure_s: departures from them.
    """
    parts = [length_field(b"\x0a", header)]
    at = len(parts[0])
    places: list[Longs] = []
    for update in updates:
        start = int(update.template.starts[update.first])
        stops = update.template.data[start:]
        trip = length_field(b"\x0a", update.trip)
        tail = length_field(b"\x1a", update.vehicle) + b"\x20" + varint(update.time_s)
        size = len(trip) + len(stops) + len(tail)
        head = length_field(b"\x0a", update.entity_id) + b"\x1a" + varint(size) + trip
        opening = b"\x12" + varint(len(head) - len(trip) + size) + head
        places.append(update.template.arrivals[update.first:] + (at + len(opening) - start))
        parts += (opening, stops, tail)
        at += len(opening) + len(stops) + len(tail)
    message = bytearray(b"".join(parts))
    if places:
        buffer = np.frombuffer(message, np.uint8)
        columns = np.concatenate(places)[:, None] + np.arange(_TIME_BYTES)
        buffer[columns] = times_as_varints(arrival_s)
        buffer[columns + _DEPARTURE_AFTER] = times_as_varints(departure_s)
    return bytes(message)
