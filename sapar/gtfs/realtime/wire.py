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


_SMALL = [varint(value) for value in range(1 << 14)]


def _size(value: int) -> bytes:
    """Encode a length; nearly all are small."""
    return _SMALL[value] if value < len(_SMALL) else varint(value)


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
    starts: list[int]
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
                sequence
                + b"\x12"
                + empty
                + b"\x1a"
                + empty
                + length_field(b"\x22", stop_id)
                + b"\x28"
                + varint(relationship)
            )
            part = length_field(b"\x12", body)
            arrivals.append(at + len(part) - len(body) + len(sequence) + 3)
            at += len(part)
            parts.append(part)
            starts.append(at)
        return Template(b"".join(parts), starts, np.array(arrivals, np.int64))


@dataclass(frozen=True, slots=True)
class Frame:
    """What goes around the stops of one run: fields as bytes, the same from tick to tick."""

    entity_id: bytes
    trip: bytes
    vehicle: bytes
    template: Template


def make_frame(entity_id: str, trip: bytes, vehicle: bytes, template: Template) -> Frame:
    """Make the frame of a run from its descriptors' bytes."""
    return Frame(
        length_field(b"\x0a", entity_id.encode()),
        length_field(b"\x0a", trip),
        # the field of the update's timestamp stands open at the end: five bytes follow
        length_field(b"\x1a", vehicle) + b"\x20",
        template,
    )


def encode_updates(
    header: bytes,
    frames: list[Frame],
    first: list[int],
    time_s: Longs,
    arrival_s: Longs,
    departure_s: Longs,
) -> bytes:
    """Encode a FeedMessage of trip updates.

    Args:
        header: bytes of the FeedHeader.
        frames: the runs, in the order of the feed.
        first: for each run the number of its first stop in the feed; all after it follow.
        time_s: for each run the time of the newest fix.
        arrival_s: arrivals at all their stops, one run after the other.
        departure_s: departures from them.
    """
    parts = [length_field(b"\x0a", header)]
    at = len(parts[0])
    shifts, ends = [], []
    for frame, number in zip(frames, first, strict=True):
        start = frame.template.starts[number]
        stops = frame.template.data[start:]
        size = len(frame.trip) + len(stops) + len(frame.vehicle) + _TIME_BYTES
        head = frame.entity_id + b"\x1a" + _size(size)
        opening = b"\x12" + _size(len(head) + size) + head + frame.trip
        shifts.append(at + len(opening) - start)
        at += len(opening) + len(stops) + len(frame.vehicle) + _TIME_BYTES
        ends.append(at)
        parts += (opening, stops, frame.vehicle, bytes(_TIME_BYTES))
    message = bytearray(b"".join(parts))
    if frames:
        arrivals = [f.template.arrivals[n:] for f, n in zip(frames, first, strict=True)]
        places = np.concatenate(arrivals) + np.repeat(shifts, [len(a) for a in arrivals])
        _write_times(message, places, arrival_s)
        _write_times(message, places + _DEPARTURE_AFTER, departure_s)
        _write_times(message, np.array(ends) - _TIME_BYTES, time_s)
    return bytes(message)


def _write_times(message: bytearray, places: Longs, times_s: Longs) -> None:
    buffer = np.frombuffer(message, np.uint8)
    buffer[places[:, None] + np.arange(_TIME_BYTES)] = times_as_varints(times_s)
