"""Every metric, declared once, in a registry of its own; names end in the unit."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)


class Metrics:
    """The metrics of one process, passed to the parts that count."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declare_ingest(self.registry)
        self._declare_ticketing(self.registry)
        self._declare_engine(self.registry)
        self._declare_api(self.registry)

    def _declare_ingest(self, r: CollectorRegistry) -> None:
        self.messages = Counter(
            "sapar_ingest_messages", "Messages received from the broker.", ["kind"], registry=r
        )
        self.records = Counter(
            "sapar_ingest_records", "Records stored for the first time.", ["kind"], registry=r
        )
        self.repeats = Counter(
            "sapar_ingest_repeats", "Records that were stored already.", ["kind"], registry=r
        )
        self.refused = Counter(
            "sapar_ingest_refused", "Records and messages refused.", ["code"], registry=r
        )
        self.bisected = Counter(
            "sapar_ingest_bisected_batches", "Batches that the database refused.", registry=r
        )
        self.commit_latency = Histogram(
            "sapar_ingest_receive_to_commit_seconds",
            "From a message's receipt to its commit.",
            buckets=_LATENCY_BUCKETS_S,
            registry=r,
        )
        self.in_flight = Gauge(
            "sapar_ingest_in_flight_messages", "Received and not yet acknowledged.", registry=r
        )
        self.acks = Counter("sapar_ingest_acks", "Acknowledgements sent to devices.", registry=r)
        self.reconnects = Counter(
            "sapar_broker_reconnects", "Connections to the broker made anew.", registry=r
        )
        self.broker_refusals = Gauge(
            "sapar_broker_refusals", "Refusals read from the broker's log.", ["reason"], registry=r
        )

    def _declare_ticketing(self, r: CollectorRegistry) -> None:
        self.taps = Counter(
            "sapar_ticketing_taps",
            "Taps posted, by outcome: new, repeat, conflict, held.",
            ["outcome"],
            registry=r,
        )
        self.seals = Counter(
            "sapar_ticketing_seals", "Seals judged, by verdict.", ["verdict"], registry=r
        )
        self.journals = Counter("sapar_ticketing_journals", "Journals posted.", registry=r)
        self.ticketing_refused = Counter(
            "sapar_ticketing_refused", "Taps and messages refused.", ["code"], registry=r
        )
        self.ticketing_bisected = Counter(
            "sapar_ticketing_bisected_batches", "Batches that could not be posted.", registry=r
        )
        self.ticketing_latency = Histogram(
            "sapar_ticketing_receive_to_commit_seconds",
            "From a tap's receipt to its commit.",
            buckets=_LATENCY_BUCKETS_S,
            registry=r,
        )
        self.ticketing_in_flight = Gauge(
            "sapar_ticketing_in_flight_messages", "Received and not yet acknowledged.", registry=r
        )
        self.ticketing_acks = Counter(
            "sapar_ticketing_acks", "Acknowledgements sent to devices.", registry=r
        )

    def _declare_engine(self, r: CollectorRegistry) -> None:
        self.ticks = Counter("sapar_engine_ticks", "Ticks published.", ["agency"], registry=r)
        self.tick_duration = Histogram(
            "sapar_engine_tick_seconds",
            "Time to predict and encode one tick.",
            ["agency"],
            buckets=_LATENCY_BUCKETS_S,
            registry=r,
        )
        self.vehicles = Gauge(
            "sapar_engine_vehicles", "Vehicles known, by phase.", ["agency", "phase"], registry=r
        )
        self.fixes = Counter(
            "sapar_engine_fixes",
            "Fixes taken by the engine, by verdict.",
            ["agency", "verdict"],
            registry=r,
        )
        self.leader = Gauge(
            "sapar_engine_leader", "1 while this engine leads.", ["agency"], registry=r
        )
        self.visits = Counter(
            "sapar_engine_visits",
            "Stop visits of the engine, by what became of them: written, dropped, refused.",
            ["agency", "outcome"],
            registry=r,
        )
        self.visits_waiting = Gauge(
            "sapar_engine_visits_waiting",
            "Stop visits that are not written yet.",
            ["agency"],
            registry=r,
        )

    def _declare_api(self, r: CollectorRegistry) -> None:
        self.requests = Counter(
            "sapar_http_requests", "Requests answered.", ["route", "status"], registry=r
        )
        self.tick_age = Gauge(
            "sapar_feed_age_seconds",
            "Wall seconds since the newest tick arrived.",
            ["agency"],
            registry=r,
        )

    def render(self) -> bytes:
        """Give all metrics in the text format that Prometheus reads."""
        return generate_latest(self.registry)
