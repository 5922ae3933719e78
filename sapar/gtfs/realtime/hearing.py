"""What the control room hears from devices besides fixes: panics, lost positions, taps.

Ingest and ticketing store all of it and check it; here it rings, or tells that a bus is there.
"""

from __future__ import annotations

from sapar.contract.codec import RecordDecoder, Undecodable
from sapar.contract.messages import Event, Record
from sapar.core.clock import Clock
from sapar.fleet.registry import DeviceEntry
from sapar.gtfs.realtime.alarm_store import PANIC
from sapar.gtfs.realtime.console.console import Console

GPS_LOST = "gps_lost"
"""Kind of the event by which a device says that it has no position."""


class Hearing:
    """Takes messages of kinds `event` and `tap`.

    Args:
        clock: a device's clock that runs ahead is held at its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: RecordDecoder[Event] = RecordDecoder(Event)
        self._taps: RecordDecoder[Record] = RecordDecoder(Record)  # only when they were made

    def take(self, kind: str, payload: bytes, device: DeviceEntry | None, console: Console) -> None:
        """Tell the console what a device said; one that is unknown or revoked says nothing."""
        if device is None or device.revoked:
            return
        now_s = self._clock.time()
        decoder: RecordDecoder[Event] | RecordDecoder[Record]
        decoder = self._events if kind == "event" else self._taps
        for record in decoder.decode(payload):
            if isinstance(record, Undecodable):
                continue
            time_s = min(record.time_ms / 1000, now_s)
            vehicle_id = device.vehicle_at(time_s) or device.device_id
            if not isinstance(record, Event):
                console.hear_tap(vehicle_id, time_s)
            elif record.kind == GPS_LOST:
                console.lose_gps(vehicle_id, time_s)
            elif record.kind == PANIC:
                console.hear_panic(vehicle_id, time_s, record.latitude, record.longitude)
