"""The newest tick of each agency, as documents that are ready to be served.

A tick is taken only if its (term, tick) is greater than the one held, so an instance never goes
back and a leader that lost its term is not heard. The whole state is one immutable mapping that is
swapped; nothing is ever locked.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import msgspec
from google.protobuf.json_format import MessageToDict
from google.transit import gtfs_realtime_pb2

from sapar.api.document import JSON, PROTOBUF, Document, http_date
from sapar.api.lazy import Lazy
from sapar.contract.topics import tick_topic
from sapar.core.clock import Clock
from sapar.core.errors import BadInput
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.gtfs.realtime.tick import JSON_BODIES, Body, Tick, decode_tick

_CACHE = "public, max-age=1"  # a feed changes every tick; a second takes the load off a cache
_log = get_logger()


class Held:
    """A tick in the form in which it is served.

    Args:
        tick: as it came from the leader.
        received_s: monotonic wall seconds of its arrival.
        clock: tells its age.
    """

    __slots__ = ("_clock", "documents", "received_s", "tick")

    def __init__(self, tick: Tick, received_s: float, clock: Clock) -> None:
        self.tick = tick
        self.received_s = received_s
        self._clock = clock
        self.documents: Mapping[str, Document] = MappingProxyType(self._make_documents())

    def age_s(self) -> float:
        """Wall seconds since the tick was made.

        By the leader's clock, but never less than the time since its arrival: a retained tick of a
        leader that is long gone arrives only now, and a clock that is behind must not hide age.
        """
        since_made = self._clock.wall() - self.tick.wall_s
        return max(since_made, self._clock.monotonic() - self.received_s)

    def _make_documents(self) -> dict[str, Document]:
        """One document per body and form: `name.pb`, `name.json`."""
        modified = http_date(self.tick.wall_s)
        documents: dict[str, Document] = {}
        for name, body in self.tick.bodies.items():
            content_type = JSON if name in JSON_BODIES else PROTOBUF
            form = "json" if name in JSON_BODIES else "pb"
            documents[f"{name}.{form}"] = Document(
                content_type,
                body.digest,
                modified,
                _CACHE,
                plain=Lazy.in_thread(body.plain),
                gzip=Lazy.of(body.gzip),
                age_s=self.age_s,
            )
            if name not in JSON_BODIES:
                documents[f"{name}.json"] = self._json_document(body, modified)
        return documents

    def _json_document(self, body: Body, modified: str) -> Document:
        plain = Lazy.in_thread(partial(feed_json, body))

        async def packed() -> bytes:
            return await Lazy.in_thread(partial(gzip.compress, await plain.get(), 1, mtime=0)).get()

        return Document(
            JSON,
            f"{body.digest}-json",
            modified,
            _CACHE,
            plain=plain,
            gzip=Lazy(packed),
            age_s=self.age_s,
        )


def feed_json(body: Body) -> bytes:
    """Give a feed as JSON: protobuf's own mapping, with the field names of the specification."""
    message = gtfs_realtime_pb2.FeedMessage.FromString(body.plain())
    return msgspec.json.encode(MessageToDict(message, preserving_proto_field_name=True))


class Hub:
    """Takes ticks and holds the newest per agency."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._held: Mapping[str, Held] = MappingProxyType({})
        self._watchers: list[Callable[[Held], None]] = []

    def watch(self, watcher: Callable[[Held], None]) -> None:
        """Have every new tick passed on; a watcher returns at once."""
        self._watchers.append(watcher)

    @property
    def held(self) -> Mapping[str, Held]:
        """The newest tick by agency: one object, never changed after it was swapped in."""
        return self._held

    def take(self, payload: bytes) -> bool:
        """Take the bytes of a tick; tell whether it was newer than the one held.

        Raises:
            BadInput: the bytes are no tick.
        """
        tick = decode_tick(payload)
        held = self._held.get(tick.agency_id)
        if held is not None and tick.order <= held.tick.order:
            return False
        new = Held(tick, self._clock.monotonic(), self._clock)
        self._held = MappingProxyType({**self._held, tick.agency_id: new})
        for watcher in self._watchers:
            watcher(new)
        return True

    async def run(self, client: MqttClient) -> None:
        """Take ticks of all agencies from a connected client until cancelled."""
        await client.subscribe(tick_topic("+"))
        while True:
            for message in await client.read():
                if not message.payload:
                    continue  # somebody removed the retained message of an agency
                try:
                    self.take(message.payload)
                except BadInput as exc:
                    _log.error("tick_unreadable", topic=message.topic, reason=exc.message)

    def observe(self) -> None:
        """Write the ages into the metrics; called when they are read."""
        for agency_id, held in self._held.items():
            self._metrics.tick_age.labels(agency_id).set(held.age_s())
