"""What the routes answer from, and how they find it."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from sapar.access.keys import KeyRing
from sapar.api.access.guard import Guard
from sapar.api.arrivals.live import LiveStates
from sapar.api.catalogue import Agency, Catalogue
from sapar.api.document import Document
from sapar.api.hub import Held, Hub
from sapar.api.pages import FrontEnd
from sapar.api.places import Places
from sapar.api.stream.streams import Streams
from sapar.api.timetables import Timetables
from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.errors import NotFound, Unavailable
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES, VEHICLE_POSITIONS

FEEDS = frozenset(
    f"{name}.{form}"
    for name in (VEHICLE_POSITIONS, TRIP_UPDATES, ALERTS)
    for form in ("pb", "json")
)
"""Names of the feeds below `/gtfs-rt/`."""

FEED_ROUTE = "/gtfs-rt/{feed}"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one instance.

    Attributes:
        ledger_places: one for each connection that the finance desk opens beside the pool.
    """

    settings: Settings
    clock: Clock
    metrics: Metrics
    hub: Hub
    catalogue: Catalogue
    front_end: FrontEnd
    timetables: Timetables
    pool: Pool
    guard: Guard
    keys: KeyRing
    streams: Streams
    live: LiveStates
    ledger_places: Places = field(default_factory=Places)

    def agency_id(self, request: Request) -> str:
        """Name the agency that a request's address means."""
        return str(request.path_params.get("agency", self.settings.agency))

    def known(self, agency_id: str) -> Agency:
        """Give an agency.

        Raises:
            NotFound: there is none of this name.
            Unavailable: as `Catalogue.get`.
        """
        return self.catalogue.get(agency_id)

    def held(self, agency_id: str) -> Held:
        """Give an agency's newest tick; works without the database.

        Raises:
            NotFound: there is no such agency.
            Unavailable: no tick has arrived yet.
        """
        held = self.hub.held.get(agency_id)
        if held is None:
            self.known(agency_id)
            raise Unavailable(
                f"No state of agency {agency_id!r} has arrived yet.",
                code="no_tick",
                hint="Is its engine running? Ask again in some seconds.",
            )
        return held

    def body(self, agency_id: str, name: str) -> Document:
        """Give a document of an agency's newest tick.

        Raises:
            NotFound, Unavailable: as `held`; or the tick has no such body.
        """
        document = self.held(agency_id).documents.get(name)
        if document is None:
            raise NotFound(
                f"There is no feed {name!r}.", code="no_such_feed", hint="docs/api.md lists them."
            )
        return document

    def find_ready(self, path: str) -> tuple[str, Document] | None:
        """Give (route, document) for the path of a feed, if its answer is at hand.

        Feeds have two addresses: `/gtfs-rt/…` and `/{agency}/gtfs-rt/…`.
        """
        head, _, rest = path[1:].partition("/")
        if head == "gtfs-rt":
            agency_id, feed, route = self.settings.agency, rest, FEED_ROUTE
        elif rest.startswith("gtfs-rt/"):
            agency_id, feed, route = head, rest[len("gtfs-rt/") :], "/{agency}" + FEED_ROUTE
        else:
            return None
        held = self.hub.held.get(agency_id)
        if held is None or feed not in FEEDS:
            return None
        document = held.documents.get(feed)
        return None if document is None else (route, document)
