"""The tick: one message from the leading engine to every API instance, with all feed bodies.

The leader publishes it on the retained internal topic of `contract.topics.tick_topic`, QoS 1. The
broker is there already, a retained message gives a starting instance the newest state at once, one
publish reaches any number of instances, and PostgreSQL's NOTIFY ends at 8 kB.

A body arrives compressed and is served as it is, so all instances serve the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib

import msgspec

from sapar.core.errors import BadInput

VEHICLE_POSITIONS = "vehicle-positions"
TRIP_UPDATES = "trip-updates"
ALERTS = "alerts"
FLEET = "fleet"
CONSOLE = "console"

BODY_NAMES: tuple[str, ...] = (VEHICLE_POSITIONS, TRIP_UPDATES, ALERTS, FLEET, CONSOLE)
"""Bodies of a tick: three protobuf FeedMessages, and the fleet and the control room as JSON."""
JSON_BODIES = frozenset({FLEET, CONSOLE})

_GZIP_LEVEL = 1  # 2.5 MB of trip updates: 18 ms and 13 % of the size; level 6 takes 5 times as long


class Body(msgspec.Struct, frozen=True):
    """One body of a tick.

    Attributes:
        gzip: the bytes, compressed (RFC 1952, modification time 0: equal input, equal output).
        size: length of the uncompressed bytes.
        digest: first 32 hex digits of the SHA-256 of the uncompressed bytes.
    """

    gzip: bytes
    size: int
    digest: str

    def plain(self) -> bytes:
        """Give the uncompressed bytes."""
        return gzip.decompress(self.gzip)


class Tick(msgspec.Struct, frozen=True):
    """State of one agency at one moment, as the leader of a term saw it.

    Attributes:
        agency_id: the deployment's name of the city.
        term: number of the leadership; every new leader has a larger one.
        tick: number of the tick within the term, from 1.
        time_s: transit time in Unix seconds; the feeds' header timestamp is its whole part.
        wall_s: wall time in Unix seconds at which the tick was made.
        feed_version: version of the static timetable that the bodies refer to.
        bodies: `BODY_NAMES` to bodies.
    """

    agency_id: str
    term: int
    tick: int
    time_s: float
    wall_s: float
    feed_version: str
    bodies: dict[str, Body]

    @property
    def order(self) -> tuple[int, int]:
        """What tells newer from older: larger is newer; readers ignore the rest."""
        return (self.term, self.tick)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Tick)


def make_body(plain: bytes) -> Body:
    """Compress and name the bytes of one body."""
    return Body(
        gzip=gzip.compress(plain, compresslevel=_GZIP_LEVEL, mtime=0),
        size=len(plain),
        digest=hashlib.sha256(plain).hexdigest()[:32],
    )


def encode_tick(tick: Tick) -> bytes:
    """Encode a tick as MessagePack."""
    return _ENCODER.encode(tick)


def decode_tick(payload: bytes) -> Tick:
    """Decode what `encode_tick` made.

    Raises:
        BadInput: the bytes are no tick.
    """
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError as exc:
        raise BadInput(f"not a tick: {exc}", code="decode_error") from exc
