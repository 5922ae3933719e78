"""What a passenger app would see: polls an agency's feeds over HTTP, measures and samples them."""

from __future__ import annotations

import http.client
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from google.transit import gtfs_realtime_pb2

from sapar.core.clock import Clock

FEEDS = ("trip-updates", "vehicle-positions", "alerts")
_POLL_S = 0.2
_SAMPLE_INTERVAL_S = 60.0  # of feed time
_RUN_OF_TICKS = 4  # samples in a row, once
_RUN_STARTS_AFTER = 3


@dataclass(slots=True)
class Observed:
    """What was seen.

    Attributes:
        sightings: per vehicle (fix time in Unix s, wall time in Unix s) whenever its fix changed.
        vehicles: vehicle ids in the newest VehiclePositions feed.
        trip_vehicles: vehicle ids with a TripUpdate in the newest feed.
        ticks: different headers seen; samples: ticks kept for the validator.
        errors: answers that were neither 200 nor 304, or none at all.
    """

    sightings: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    vehicles: set[str] = field(default_factory=set)
    trip_vehicles: set[str] = field(default_factory=set)
    ticks: int = 0
    samples: int = 0
    errors: int = 0


class Observer:
    """Watches one agency's feeds in a thread of its own until stopped.

    Args:
        host, port: the API.
        agency_id: whose feeds.
        samples_dir: where ticks are kept for the validator, one folder each.
        clock: wall time for the latencies.
    """

    def __init__(
        self, host: str, port: int, agency_id: str, samples_dir: Path, clock: Clock
    ) -> None:
        self.seen = Observed()
        self._address = (host, port)
        self._agency_id = agency_id
        self._samples_dir = samples_dir
        self._clock = clock
        self._stop = threading.Event()
        self._sampled_s = 0.0
        self._header_s = 0
        self._etag = ""
        self._thread = threading.Thread(target=self._run, name=f"observer {agency_id}")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=10)
        while not self._stop.wait(_POLL_S):
            try:
                self._look(connection)
            except (OSError, http.client.HTTPException):
                self.seen.errors += 1
                connection.close()
        connection.close()

    def _look(self, connection: http.client.HTTPConnection) -> None:
        body, etag = self._get(connection, "vehicle-positions", self._etag)
        if body is None:
            return
        now_s = self._clock.wall()
        self._etag = etag
        positions = gtfs_realtime_pb2.FeedMessage.FromString(body)
        self._note_positions(positions, now_s)
        updates, _ = self._get(connection, "trip-updates")
        alerts, _ = self._get(connection, "alerts")
        if updates is None or alerts is None:
            return
        feed = gtfs_realtime_pb2.FeedMessage.FromString(updates)
        self.seen.trip_vehicles = {
            entity.trip_update.vehicle.id
            for entity in feed.entity
            if entity.trip_update.HasField("vehicle")
        }
        if feed.header.timestamp == positions.header.timestamp:
            bodies = {"trip-updates": updates, "vehicle-positions": body, "alerts": alerts}
            self._sample(positions.header.timestamp, bodies)

    def _note_positions(self, feed: gtfs_realtime_pb2.FeedMessage, now_s: float) -> None:
        self.seen.ticks += feed.header.timestamp != self._header_s
        self._header_s = feed.header.timestamp
        vehicles = set()
        for entity in feed.entity:
            vehicle_id, time_s = entity.vehicle.vehicle.id, entity.vehicle.timestamp
            vehicles.add(vehicle_id)
            known = self.seen.sightings[vehicle_id]
            if not known or known[-1][0] != time_s:
                known.append((time_s, now_s))
        self.seen.vehicles = vehicles

    def _sample(self, header_s: int, bodies: dict[str, bytes]) -> None:
        """Keep a tick every minute of feed time, and once several in a row."""
        count = self.seen.samples
        in_a_row = _RUN_STARTS_AFTER <= count < _RUN_STARTS_AFTER + _RUN_OF_TICKS
        if count and not in_a_row and header_s - self._sampled_s < _SAMPLE_INTERVAL_S:
            return
        self._sampled_s = header_s
        self.seen.samples += 1
        folder = self._samples_dir / f"{header_s}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in bodies.items():
            (folder / f"{name}.pb").write_bytes(body)

    def _get(
        self, connection: http.client.HTTPConnection, feed: str, etag: str = ""
    ) -> tuple[bytes | None, str]:
        headers = {"If-None-Match": etag} if etag else {}
        connection.request("GET", f"/{self._agency_id}/gtfs-rt/{feed}.pb", headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            return body, response.getheader("ETag", "")
        if response.status != 304:
            self.seen.errors += 1
        return None, etag
