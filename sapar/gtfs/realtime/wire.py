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
"""Schedule relationships of a stop with times."""
_SKIPPED = 1
NO_STOPS: frozenset[int] = frozenset()
"""For `Templates.get`: no stop is left out."""
_UNTIMED, _UNSEEN = -1, -2  # in place of an arrival's place: no times written, no times given
_MADE_MAX = 50_000  # acts of dispatch make templates of their own: start over rather than grow
_TIME_BYTES = 5
# from an arrival's time bytes to the end of the departure's: time; tag and two bytes of the
# uncertainty; tag and length of the departure, tag of its time; time
_BETWEEN = b"\x1a\x06\x10"
_STOP_BYTES = 2 * _TIME_BYTES + 3 + len(_BETWEEN)
_UNCERTAINTY_MAX_S = (1 << 14) - 1


def varint(value: int) -> bytes:
    """Encode a number >= 0 as a base-128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [varint(value) for value in range(1 << 14)]


def size_bytes(value: int) -> bytes:
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
    its arrival time stands, negative for a stop that carries none.
    """

    data: bytes
    starts: list[int]
    arrivals: Longs


class Templates:
    """Templates of one timetable, made when first asked for."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._made: dict[tuple[int, int, frozenset[int], frozenset[int], bool], Template] = {}

    def get(
        self,
        trip: int,
        relationship: int,
        skipped: frozenset[int] = NO_STOPS,
        unseen: frozenset[int] = NO_STOPS,
        *,
        modified: bool = False,
    ) -> Template:
        """Give the template of a trip.

        Args:
            trip: its row.
            relationship: schedule relationship of its stops.
            skipped: numbers of the stops on the trip (from 0) that the bus leaves out. They are
                marked SKIPPED, or left out where every stop must be UNSCHEDULED (rule S010).
            unseen: numbers of the stops that nothing is said of: no times are given for them.
            modified: the stops left out are not in the trip at all, and the others are numbered
                from 1: how a trip looks after its TripModifications.
        """
        key = (trip, relationship, skipped, unseen, modified)
        found = self._made.get(key)
        if found is None:
            if len(self._made) > _MADE_MAX:
                self._made.clear()
            found = self._make(*key)
            self._made[key] = found
        return found

    def _make(
        self,
        trip: int,
        relationship: int,
        skipped: frozenset[int],
        unseen: frozenset[int],
        modified: bool,
    ) -> Template:
        times, stops = self._timetable.stop_times, self._timetable.stops
        parts, starts, arrivals, at = [], [0], [], 0
        rows = self._timetable.trip_rows(trip)
        silent = modified or relationship == UNSCHEDULED
        sequence = 0
        for number, row in enumerate(range(rows.start, rows.stop)):
            sequence += number not in skipped  # of a modified trip
            named = sequence if modified else int(times.stop_sequence[row])
            stop_id = stops.ids[int(times.stop_idx[row])]
            part, place = b"", _UNSEEN if number in unseen else _UNTIMED
            if number in skipped:
                part = b"" if silent else _skipped_stop(named, stop_id)
            elif number not in unseen:
                part, place = _timed_stop(named, stop_id, relationship)
                place += at
            arrivals.append(place)
            at += len(part)
            parts.append(part)
            starts.append(at)
        return Template(b"".join(parts), starts, np.array(arrivals, np.int64))


def _timed_stop(sequence: int, stop_id: str, relationship: int) -> tuple[bytes, int]:
    """Encode a stop with empty times; give where in the bytes the arrival's time stands."""
    head = b"\x08" + varint(sequence)
    ident = length_field(b"\x22", stop_id.encode())
    arrival = b"\x12\x09\x10"  # the rest of it is written with the times
    body = head + arrival + bytes(_STOP_BYTES) + ident + b"\x28" + varint(relationship)
    part = length_field(b"\x12", body)
    return part, len(part) - len(body) + len(head) + 3


def _skipped_stop(sequence: int, stop_id: str) -> bytes:
    ident = length_field(b"\x22", stop_id.encode())
    return length_field(b"\x12", b"\x08" + varint(sequence) + ident + b"\x28" + varint(_SKIPPED))


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
    uncertainty_s: Longs,
    before: bytes = b"",
) -> bytes:
    """Encode a FeedMessage of trip updates.

    Args:
        header: bytes of the FeedHeader.
        frames: the runs, in the order of the feed.
        first: for each run the number of its first stop in the feed.
        time_s: for each run the time of the newest fix.
        arrival_s: arrivals at all their stops that are not unseen, one run after the other.
        departure_s: departures from them.
        uncertainty_s: expected error of the arrivals, seconds.
        before: entities, encoded already, that come before the runs.
    """
    parts = [length_field(b"\x0a", header), before]
    at = len(parts[0]) + len(before)
    shifts, ends = [], []
    for frame, number in zip(frames, first, strict=True):
        start = frame.template.starts[number]
        stops = frame.template.data[start:]
        size = len(frame.trip) + len(stops) + len(frame.vehicle) + _TIME_BYTES
        head = frame.entity_id + b"\x1a" + size_bytes(size)
        opening = b"\x12" + size_bytes(len(head) + size) + head + frame.trip
        shifts.append(at + len(opening) - start)
        at += len(opening) + len(stops) + len(frame.vehicle) + _TIME_BYTES
        ends.append(at)
        parts += (opening, stops, frame.vehicle, bytes(_TIME_BYTES))
    message = bytearray(b"".join(parts))
    if frames:
        arrivals = [f.template.arrivals[n:] for f, n in zip(frames, first, strict=True)]
        within = np.concatenate(arrivals)
        places = within + np.repeat(shifts, [len(a) for a in arrivals])
        values = _stop_bytes(arrival_s, departure_s, uncertainty_s)
        if (within < 0).any():
            values = values[within[within != _UNSEEN] >= 0]
            places = places[within >= 0]
        _write(message, places, values)
        _write(message, np.array(ends) - _TIME_BYTES, times_as_varints(time_s))
    return bytes(message)


def _stop_bytes(arrival_s: Longs, departure_s: Longs, uncertainty_s: Longs) -> NDArray[np.uint8]:
    """Encode what stands between the tag of the arrival's time and the end of the departure.

    The uncertainty always takes two bytes: a varint may be longer than it needs to be.
    """
    values = np.empty((len(arrival_s), _STOP_BYTES), np.uint8)
    unsure = np.minimum(uncertainty_s, _UNCERTAINTY_MAX_S)
    values[:, :5] = times_as_varints(arrival_s)
    values[:, 5] = 0x18
    values[:, 6] = unsure & 0x7F | 0x80
    values[:, 7] = unsure >> 7
    values[:, 8:11] = np.frombuffer(_BETWEEN, np.uint8)
    values[:, 11:] = times_as_varints(departure_s)
    return values


def _write(message: bytearray, places: Longs, values: NDArray[np.uint8]) -> None:
    """Write each row of `values` at its place: as items of so many bytes that begin anywhere."""
    size = values.shape[1]
    item = np.dtype((np.void, size))
    window: NDArray[np.void] = np.ndarray(
        (len(message) - size + 1,), item, buffer=message, strides=(1,)
    )
    window[places] = np.ascontiguousarray(values).view(item)[:, 0]
