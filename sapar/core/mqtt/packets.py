"""What travels over a connection: messages, wills, filters, and where a packet ends; no I/O."""

from __future__ import annotations

from typing import NamedTuple

import mqtt5

from sapar.core.errors import BadInput

Will = mqtt5.Will


def make_will(topic: str, payload: bytes) -> Will:
    """Make a retained last will at QoS 1."""
    return Will(topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True)


def check_filter(pattern: str) -> None:
    """Raise `BadInput` when `pattern` is no topic filter."""
    try:
        mqtt5.TopicFilter(pattern)
    except ValueError as exc:
        raise BadInput(f"{pattern!r} is no topic filter", code="bad_topic_filter") from exc


class Message(NamedTuple):
    """A message from the broker.

    Attributes:
        topic, payload, retain: as published.
        packet_id: what to acknowledge, or None for QoS 0.
        connection: number of the connection it came by; an acknowledgement by another connection
            would name somebody else's packet, so it is dropped and the broker delivers again.
    """

    topic: str
    payload: bytes
    packet_id: int | None
    connection: int
    retain: bool


def packet_size(data: bytearray) -> int:
    """Give the size of the packet that begins here; 0 while its header is not whole."""
    length = 0
    for at, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return 2 + at + length
    return 0
