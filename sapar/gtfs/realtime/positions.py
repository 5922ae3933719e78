"""Vehicle positions in bulk: the protobuf bytes of thousands of vehicles without an object each.

Coordinates and times are written for all vehicles at once; what does not change from tick to tick
(ids, trips, stops) is kept as bytes. Fields stand in the order of their numbers, as the bindings
write them; a test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.crowding import OCCUPANCY_NONE, occupancy_field
from sapar.gtfs.realtime.wire import length_field, size_bytes, times_as_varints, varint

Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]

INCOMING_AT, STOPPED_AT, IN_TRANSIT_TO = 0, 1, 2
"""VehiclePosition.VehicleStopStatus: how the vehicle stands to its next stop."""
CONGESTION_NONE = -1

_POSITION_TAGS = ((0, b"\x12\x14\x0d"), (7, b"\x15"), (12, b"\x1d"), (17, b"\x2d"))
_POSITION_SIZE = 22  # tag, length, and four times a tag and a float of 32 bits
_STATUS = [b"\x20" + varint(status) for status in (INCOMING_AT, STOPPED_AT, IN_TRANSIT_TO)]
_CONGESTION = [*(b"\x30" + varint(level) for level in range(5)), b""]  # the last one for none


@dataclass(frozen=True, slots=True)
class Standing:
    """What a vehicle's next stop adds to its position, as bytes of fields."""

    sequence: bytes
    stop_id: bytes


NOWHERE = Standing(b"", b"")
"""For a vehicle that is shown without a trip."""


@dataclass(frozen=True, slots=True)
class VehicleFrame:
    """What never changes about a vehicle: its entity's id and its descriptor, as fields."""

    head: bytes
    descriptor: bytes


def make_vehicle_frame(vehicle_id: str, descriptor: bytes) -> VehicleFrame:
    """Make the frame of a vehicle from its id and its VehicleDescriptor's bytes."""
    head = length_field(b"\x0a", vehicle_id.encode())
    return VehicleFrame(head + b"\x22", length_field(b"\x42", descriptor))


def make_standing(sequence: int, stop_id: str) -> Standing:
    """Make the bytes that name a stop of a trip."""
    return Standing(b"\x18" + varint(sequence), length_field(b"\x3a", stop_id.encode()))


@dataclass(frozen=True, slots=True)
class Shown:
    """The vehicles of a feed, in its order; all columns have one length.

    Attributes:
        frames: who.
        trips: the trip descriptor as a field, empty without a trip.
        latitude, longitude, bearing_deg, speed_mps: the newest fix, NaN where not sent.
        time_s: its time, whole Unix seconds.
        standings, status: the next stop and how the vehicle stands to it; the status is left out
            where there is no trip.
        congestion: `VehiclePosition.CongestionLevel`, `CONGESTION_NONE` for none.
        load_percent: passengers by capacity, `OCCUPANCY_NONE` for not known.
    """

    frames: list[VehicleFrame]
    trips: list[bytes]
    latitude: Floats
    longitude: Floats
    bearing_deg: Floats
    speed_mps: Floats
    time_s: Longs
    standings: list[Standing]
    status: Bytes
    congestion: Bytes
    load_percent: Longs


def encode_positions(header: bytes, shown: Shown) -> bytes:
    """Encode a FeedMessage of vehicle positions; `header` is the FeedHeader's bytes."""
    places = position_fields(shown.latitude, shown.longitude, shown.bearing_deg, shown.speed_mps)
    stamps = times_as_varints(shown.time_s).tobytes()
    loads = [
        b"" if percent == OCCUPANCY_NONE else occupancy_field(percent)
        for percent in shown.load_percent.tolist()
    ]
    parts = [length_field(b"\x0a", header)]
    for number, (frame, trip, place, standing, status, level, load) in enumerate(
        zip(
            shown.frames,
            shown.trips,
            places,
            shown.standings,
            shown.status.tolist(),
            shown.congestion.tolist(),
            loads,
            strict=True,
        )
    ):
        at = _STATUS[status] if standing is not NOWHERE else b""
        stamp = stamps[5 * number : 5 * number + 5]
        body = b"".join(
            (
                trip,
                place,
                standing.sequence,
                at,
                b"\x28",
                stamp,
                _CONGESTION[level],
                standing.stop_id,
                frame.descriptor,
                load,
            )
        )
        size = size_bytes(len(body))
        entity_size = size_bytes(len(frame.head) + len(size) + len(body))
        parts += (b"\x12", entity_size, frame.head, size, body)
    return b"".join(parts)


def position_fields(
    latitude: Floats, longitude: Floats, bearing_deg: Floats, speed_mps: Floats
) -> list[bytes]:
    """Encode the position fields of all vehicles; bearing and speed are left out where NaN."""
    count = len(latitude)
    block = np.zeros((count, _POSITION_SIZE), np.uint8)
    for at, tag in _POSITION_TAGS:
        block[:, at : at + len(tag)] = np.frombuffer(tag, np.uint8)
    has_bearing, has_speed = ~np.isnan(bearing_deg), ~np.isnan(speed_mps)
    turned = np.where(has_bearing, bearing_deg, 0.0) % 360.0
    moving = np.where(has_speed, speed_mps, 0.0)
    for at, values in ((3, latitude), (8, longitude), (13, turned), (18, moving)):
        block[:, at : at + 4] = values.astype("<f4")[:, None].view(np.uint8)
    keep = np.ones(block.shape, np.bool_)
    keep[~has_bearing, 12:17] = False
    keep[~has_speed, 17:22] = False
    sizes = keep.sum(axis=1)
    block[:, 1] = sizes - 2
    flat = block[keep].tobytes()
    ends = np.cumsum(sizes).tolist()
    return [flat[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
