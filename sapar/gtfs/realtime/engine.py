"""The engine: fixes in, ticks out, no I/O; the same in service and over a recording.

    engine = Engine(timetable)
    engine.ingest(columns, now_s)       # as often as fixes come
    tick = engine.tick(now_s, …)        # every few seconds

All times are transit time in Unix seconds, given by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapar.gtfs.realtime.aboard import Drivers
from sapar.gtfs.realtime.acts import Acts
from sapar.gtfs.realtime.alerts import Alert
from sapar.gtfs.realtime.beliefs import Ground
from sapar.gtfs.realtime.console.console import Console
from sapar.gtfs.realtime.crowding import Loads
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.departures import Departures
from sapar.gtfs.realtime.encode import Encoder
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.forecast import Forecaster, Lean
from sapar.gtfs.realtime.handover import adopt_runs, carry_over
from sapar.gtfs.realtime.intake import (
    VERDICTS,
    FixColumns,
    accept,
    move,
    resolve_sign_on,
    rounds_of,
)
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.network import Network, build_network
from sapar.gtfs.realtime.phases import Around
from sapar.gtfs.realtime.service_of_stops import StopService
from sapar.gtfs.realtime.snapshot import Picture, picture
from sapar.gtfs.realtime.tick import (
    ALERTS,
    CONSOLE,
    FLEET,
    TRIP_UPDATES,
    VEHICLE_POSITIONS,
    Tick,
    make_body,
)
from sapar.gtfs.realtime.tracker import Tracker
from sapar.gtfs.realtime.travel_times import TravelTimes
from sapar.gtfs.realtime.uncertainty import Uncertainty
from sapar.gtfs.realtime.visits import LearntTimes, Visits
from sapar.gtfs.timetable.model import Timetable

_WARM_STEP_S = 30.0
_DEFAULT_LEAN = Lean()
CLOCK_BACK_S = 60
"""A clock that goes back by no more is waited for."""
_FIXES_STALE_S = 300.0  # older news than this is counted as stale, and believed all the same


class Engine:
    """State of one agency's fleet on one timetable.

    Args:
        timetable: what the fleet runs by.
        stale_s: a bus silent for longer leaves the feeds.
        lean: how much earlier than their median arrivals are published.
        with_console: whether ticks have a body for the control room, see the attribute.
    """

    def __init__(
        self,
        timetable: Timetable,
        stale_s: float = 90.0,
        lean: Lean = _DEFAULT_LEAN,
        *,
        with_console: bool = True,
    ) -> None:
        self.fleet = FleetState()
        self.verdicts = dict.fromkeys(VERDICTS, 0)
        """Fixes taken so far, by verdict."""
        self.alerts: list[Alert] = []
        self.acts: Acts = ()
        """Acts of dispatch that stand; a new tuple whenever one is added or undone."""
        self.loads = Loads()
        self.drivers = Drivers()
        self.homes: dict[str, str] = {}
        """Depot of each vehicle that has one."""
        self.last_header_s = 0
        """Timestamp of the newest feed; the next one is later (rules E017, E018)."""
        self.ticks_of_term = 0
        """Term of the newest tick."""
        self.snapshot: Picture | None = None
        self._stale_s = stale_s
        self._lean = lean
        self.with_console = with_console
        """Whether ticks have a body for the control room."""
        self._today = 0
        network = build_network(timetable)
        self._around = Around(network)
        self._use(network)

    @property
    def timetable(self) -> Timetable:
        """The timetable in use."""
        return self._network.timetable

    def ingest(self, fixes: FixColumns, now_s: float) -> None:
        """Take fixes, any number in any order; `now_s` bounds device clocks that run ahead."""
        for batch in rounds_of(self.fleet, self._network, fixes, now_s):
            believed, verdicts = accept(self.fleet, batch, now_s - _FIXES_STALE_S)
            counts = np.bincount(verdicts, minlength=len(VERDICTS))
            for name, count in zip(VERDICTS, counts.tolist(), strict=True):
                self.verdicts[name] += count
            self._tracker.take(believed)
            move(self.fleet, believed)

    def warm(self, fixes: FixColumns, now_s: float) -> None:
        """Take history as if it came in just now, looking for runs on the way, up to `now_s`."""
        if not len(fixes):
            return
        order = np.argsort(fixes.time_s, kind="stable")
        times = fixes.time_s[order]
        edges = np.arange(times[0], min(times[-1], now_s) + _WARM_STEP_S, _WARM_STEP_S)
        cuts = np.searchsorted(times, edges, side="right")
        for low, high, edge in zip(np.append(0, cuts[:-1]), cuts, edges, strict=True):
            at_s = min(float(edge), now_s)
            if high > low:
                self.ingest(fixes.take(order[low:high]), at_s)
            self._days.look(at_s)
            self._tracker.look(at_s)
            self._note_for_console(at_s)

    def adopt(self, positions: bytes) -> None:
        """Take over the runs that another engine published, from its VehiclePositions body."""
        adopt_runs(self.fleet, self._days, positions)
        self._tracker.resume()

    def replace_timetable(self, timetable: Timetable, now_s: float) -> None:
        """Switch to a new version; buses keep their runs where trip and stops are the same."""
        fleet, old = self.fleet, self._network
        console = self.console
        self._use(build_network(timetable))
        carry_over(fleet, old, self._network)
        self.console.take_over(console, fleet, now_s)
        for slot in range(len(fleet)):
            resolve_sign_on(fleet, timetable, slot)
        fleet["seeded_s"][:] = -np.inf
        self._days.look(now_s)
        self._tracker.resume()

    def use_depots(self, homes: dict[str, str], garages: Sequence[tuple[float, float]]) -> None:
        """Set where each vehicle is at home, and where depots are (latitude, longitude)."""
        self.homes = homes
        self._around.yards.use_garages(garages)

    def look(self, now_s: float) -> Picture:
        """Assign and predict, without encoding; the picture is kept as `snapshot`."""
        self._days.look(now_s)
        self._begin_day(now_s)
        self._tracker.orders = self._encoder.orders(self.acts, now_s)
        self._tracker.look(now_s)
        self._forecaster.ground = self._tracker.ground
        self._around.note(self.fleet, self._network, now_s)
        self._note_for_console(now_s)
        self.snapshot = picture(
            self.fleet,
            self._network,
            self._days,
            now_s,
            self._stale_s,
            self._forecaster,
            self._tracker.claims,
            self._around,
        )
        return self.snapshot

    def drain_visits(self) -> Visits:
        """Hand out the stop visits found since the last call."""
        return self._tracker.visits.drain(self.fleet.ids)

    def learnt(self) -> LearntTimes:
        """Give all travel times learnt so far, to keep."""
        return self._times.export()

    def load_learnt(self, learnt: LearntTimes, now_s: float) -> None:
        """Take over travel times learnt before."""
        self._times.load(learnt, now_s)

    def is_due(self, now_s: float) -> bool:
        """Tell whether a tick at `now_s` would have a later header than the last one.

        A clock that was put back by more than `CLOCK_BACK_S` is followed: a header that goes back
        once is better than no feed until the clock is where it was.
        """
        return not 0 <= self.last_header_s - int(now_s) <= CLOCK_BACK_S

    def tick(self, now_s: float, wall_s: float, term: int, number: int) -> Tick:
        """Make the tick of a moment.

        Args:
            now_s: transit time; must be due, see `is_due`.
            wall_s: wall time, for the latency of the feed.
            term: who leads: number of the leadership.
            number: number of the tick within the term, from 1.

        Raises:
            ValueError: the header would not be later than the last one.
        """
        if not self.is_due(now_s):
            raise ValueError("a tick needs a later whole second than the one before")
        seen = self.look(now_s)
        self.last_header_s, self.ticks_of_term = seen.header_s, term
        orders = self._encoder.orders(self.acts, now_s)
        bodies = {
            VEHICLE_POSITIONS: self._encoder.vehicle_positions(seen, orders, self.loads),
            TRIP_UPDATES: self._encoder.trip_updates(seen, orders),
            ALERTS: self._encoder.alerts(self.alerts, seen.header_s, orders),
            FLEET: self._encoder.fleet(seen, self.loads, self.drivers, self.homes),
        }
        if self.with_console:
            bodies[CONSOLE] = self.console.body(seen, self.fleet, orders.cancelled, now_s)
        return Tick(
            agency_id=self.timetable.agency_id,
            term=term,
            tick=number,
            time_s=now_s,
            wall_s=wall_s,
            feed_version=self.timetable.feed_version,
            bodies={name: make_body(body) for name, body in bodies.items()},
        )

    def _note_for_console(self, now_s: float) -> None:
        if self.with_console:
            self.console.note(self.fleet, now_s)

    def _begin_day(self, now_s: float) -> None:
        """Let yesterday's travel times count as a record once a new local day begins."""
        today = self.timetable.service_dates_at(now_s)[-1].toordinal()
        if self._today not in {0, today}:
            self._times.begin_day()
        self._today = today

    def _use(self, network: Network) -> None:
        timetable = network.timetable
        self._network = network
        self._around.use(network)
        self._days = Days(timetable)
        self._encoder = Encoder(timetable, self._days)
        self.console = Console(network, self._days, self._stale_s)
        lattice = build_lattice(network)
        self._times = TravelTimes(lattice)
        stops = len(timetable.stops.ids)
        ground = Ground(
            lattice,
            self._days.links,
            self._times,
            Departures(stops),
            StopService(stops),
            Uncertainty(),
        )
        self._tracker = Tracker(self.fleet, ground, self._days)
        self._forecaster = Forecaster(ground, self._lean)
