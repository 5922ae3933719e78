"""Validators on simulated buses: whoever gets on taps, and the device seals and sends it.

What is wrong with a tap is planted here, each with the code that the server must hold it by, and
every tap is written down as it truly was, in `taps.csv` beside the other truth: `agency_id,
device_id, vehicle_id, epoch, seq, variant, card_ref, category, riders, time_ms, true_time_ms,
route_id, fault, expected`. A fault `lost` never comes.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Event, Tap
from sapar.gtfs.timetable import Timetable
from sapar.simulators.buses import BusFleet
from sapar.simulators.device import Credentials, DeviceClient
from sapar.simulators.outbox import Entry, pair
from sapar.simulators.population import Population
from sapar.simulators.shift_reports import SHIFT_S, ShiftCounter, first_end_s
from sapar.simulators.taps import MadeTap
from sapar.simulators.taps_faults import EXPECTED, TapFaults
from sapar.simulators.taps_seal import DeviceKey, Sealer
from sapar.simulators.truth import STORED, Note
from sapar.simulators.validators_riders import Riders

TAP_COLUMNS = (
    "agency_id,device_id,vehicle_id,epoch,seq,variant,card_ref,category,riders,time_ms,"
    "true_time_ms,route_id,fault,expected"
)
LIVE_FAULTS = TapFaults(
    conflict=0.004,
    clone=0.004,
    replay=0.004,
    forged=0.003,
    stranger=0.002,
    unsigned=0.003,
    denied=0.01,
    drift=0.05,
    reboot=0.3,
    lost=0.3,
)
"""More than in a real city, so that a few minutes show some of everything; `reboot` and `lost` are
per validator-hour."""

_BETWEEN_TAPS_S = 0.7
_COPY_AFTER_S = (50.0, 170.0)  # beyond the error of two clocks
_DRIFT_MS = 20_000
_SET_EVERY = 10  # taps
_HOUR_S = 3600.0
_SINGLE = ("conflict", "clone", "replay", "forged", "stranger", "unsigned", "denied")
_replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class ValidatorSettings:
    """Who taps, on what.

    Attributes:
        credentials: a validator for each vehicle that has one; keys: theirs, by name.
        population: who rides; line numbers are row numbers of the timetable's routes.
        faults: how often things go wrong; `reboot` and `lost` per validator-hour.
        fares: what validators take, as (product, tiyn a rider) by category; of others they claim
            nothing.
        shift_s: seconds until a driver is relieved and the validator reports its shift.
        totals: what grand totals stand at, as (taps, tiyn) by name; others begin with nothing.
    """

    credentials: Sequence[Credentials]
    keys: Mapping[str, DeviceKey]
    population: Population
    faults: TapFaults = LIVE_FAULTS
    fares: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    shift_s: float = SHIFT_S
    totals: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(order=True, slots=True)
class _Due:
    """A tap that is about to be made; `copy` is the one that it repeats."""

    time_s: float
    number: int
    vehicle: int = field(compare=False)
    card: int = field(compare=False)
    riders: int = field(compare=False, default=1)
    copy: MadeTap | None = field(compare=False, default=None)


class TapTruth:
    """Writes `taps.csv` into a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._handle = (folder / "taps.csv").open("w", encoding="utf-8", newline="\n")
        self._handle.write(TAP_COLUMNS + "\n")

    def write(self, rows: Iterable[str]) -> None:
        """Write rows, and let readers see them."""
        self._handle.writelines(f"{row}\n" for row in rows)
        self._handle.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._handle.close()


class Validators:
    """The validators of a fleet; call `observe` once a step of the buses.

    Args:
        fleet, timetable: what people get on.
        devices: one per vehicle, in the plan's order.
        settings: who taps, and what goes wrong; seed: same seed, same taps.
    """

    def __init__(
        self,
        fleet: BusFleet,
        timetable: Timetable,
        devices: Sequence[DeviceClient],
        settings: ValidatorSettings,
        seed: int,
    ) -> None:
        self._fleet, self._timetable, self.devices = fleet, timetable, devices
        self._riders = Riders(settings.population, len(timetable.routes.ids), seed)
        self._faults, self._draw = settings.faults, random.Random(seed * 613 + 5)
        agency_id = devices[0].agency_id
        names = [device.credentials.device_id for device in devices]
        self._sealer = Sealer(agency_id, names, settings.keys)
        self._skew_ms = [
            self._draw.randrange(-_DRIFT_MS, _DRIFT_MS) if self._draw.random() < self._faults.drift
            else 0
            for _ in devices
        ]  # fmt: skip
        begin_s = fleet.time_s
        relieved = random.Random(seed * 419 + 11)  # of its own: the taps of a seed stay as they are
        self._fares, self._shift_s = settings.fares, settings.shift_s
        totals = settings.totals
        self._shifts = [
            ShiftCounter(round(begin_s * 1000), totals.get(name, (0, 0))) for name in names
        ]
        self._shift_ends = [first_end_s(begin_s, relieved, self._shift_s) for _ in devices]
        self._due: list[_Due] = []
        self._number = 0
        self._losing = [0] * len(devices)
        self._boots = [(1, round(fleet.time_s * 1000)) for _ in devices]
        self.counts: Counter[str] = Counter()

    def observe(self) -> list[str]:
        """Let those tap who got on, as far as it is their turn; give rows of the truth."""
        now_s = self._fleet.time_s
        for vehicle, number in enumerate(self._fleet.take_boarded().tolist()):
            if number:
                run = self._fleet.find_run(int(self._fleet.run[vehicle]))
                if run is not None:
                    line = int(self._timetable.trips.route_idx[run.trip_idx])
                    for turn, (card, riders) in enumerate(self._riders.board(line, number, now_s)):
                        self._plan(now_s + turn * _BETWEEN_TAPS_S, vehicle, card, riders)
        self._mishaps()
        rows: list[str] = []
        while self._due and self._due[0].time_s <= now_s:
            rows += self._tap(heapq.heappop(self._due))
        for vehicle, end_s in enumerate(self._shift_ends):
            if end_s <= now_s:
                self._end_shift(vehicle)
                self._shift_ends[vehicle] = end_s + self._shift_s
        return rows

    def end_shifts(self) -> None:
        """Report the shifts that are going on: the day is over."""
        for vehicle in range(len(self.devices)):
            self._end_shift(vehicle)

    def _end_shift(self, vehicle: int) -> None:
        """Report a shift under the validator's seal, as an event."""
        device, time_ms = self.devices[vehicle], round(self._fleet.time_s * 1000)
        report = self._shifts[vehicle].close(time_ms, device.epoch)
        sealed = self._sealer.seal_report(vehicle, time_ms, report)
        seq = device.next_seq("event")
        event = Event(
            epoch=device.epoch, seq=seq, time_ms=time_ms, kind="shift_report",
            data=msgspec.to_builtins(sealed),
        )  # fmt: skip
        device.record("event", event, Note(time_ms, STORED, ""))
        self.counts["shift"] += 1

    def _plan(
        self, time_s: float, vehicle: int, card: int, riders: int, copy: MadeTap | None = None
    ) -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(time_s, self._number, vehicle, card, riders, copy))

    def _mishaps(self) -> None:
        """Let validators lose their counters, or the next few taps."""
        for vehicle, device in enumerate(self.devices):
            if self._draw.random() < self._faults.reboot / _HOUR_S:
                self._end_shift(vehicle)  # the totals are kept elsewhere than the counters
                self._shifts[vehicle].begin_epoch()
                device.reboot()
                number = self._boots[vehicle][0] + 1
                self._boots[vehicle] = (number, round(self._fleet.time_s * 1000))
                self.counts["reboot"] += 1
            if self._draw.random() < self._faults.lost / _HOUR_S:
                self._losing[vehicle] = self._draw.randrange(1, 10)

    # -- one tap ------------------------------------------------------------------------------

    def _tap(self, due: _Due) -> list[str]:
        device = self.devices[due.vehicle]
        fault = "" if due.copy is None else due.copy.fault
        if due.copy is None:
            fault = self._fault()
        tap = self._record(due, device, fault)
        self._shifts[due.vehicle].count(tap)
        made = MadeTap(due.vehicle, tap, due.card, round(due.time_s * 1000), fault)
        if self._losing[due.vehicle] and tap.seq > 1:
            self._losing[due.vehicle] -= 1
            self.counts["lost"] += 1
            return [self._row(made._replace(fault="lost"), "")]
        self.counts[fault or "good"] += 1
        if due.copy is None and fault in {"clone", "replay"}:
            self._plan_copy(due, made)
            made = made._replace(fault="")
        return self._keep(device, made)

    def _fault(self) -> str:
        at = self._draw.random()
        for name in _SINGLE:
            at -= getattr(self._faults, name)
            if at < 0:
                return name
        return ""

    def _record(self, due: _Due, device: DeviceClient, fault: str) -> Tap:
        true_ms = round(due.time_s * 1000)
        seq = device.next_seq("tap")
        # a clock that runs away is set by satellite now and then
        skew_ms = self._skew_ms[due.vehicle] if seq % _SET_EVERY != 1 else 0
        boot_no, booted_ms = self._boots[due.vehicle]
        run = self._fleet.find_run(int(self._fleet.run[due.vehicle]))
        trips, routes = self._timetable.trips, self._timetable.routes
        people = self._riders.population
        counter = self._riders.next_counter(due.card) if due.copy is None else due.copy.tap.counter
        product, fare_tiyn = self._fares.get(people.category_of(due.card), (None, None))
        if fault == "denied":
            product, fare_tiyn = None, None
        return Tap(
            epoch=device.epoch,
            seq=seq,
            time_ms=true_ms + skew_ms,
            card_ref=people.card_ref(due.card),
            num_riders=due.riders,
            counter=counter,
            trip_id=None if run is None else trips.ids[run.trip_idx],
            route_id=None if run is None else routes.ids[int(trips.route_idx[run.trip_idx])],
            boot_no=boot_no,
            uptime_ms=max(0, true_ms - booted_ms),
            clock_src="rtc" if skew_ms else "gnss",
            outcome="deny" if fault == "denied" else "allow",
            product_id=product,
            charged_tiyn=None if fare_tiyn is None else fare_tiyn * due.riders,
        )

    def _plan_copy(self, due: _Due, made: MadeTap) -> None:
        """Let a copy of the card, or of the record, appear a little later."""
        vehicle = due.vehicle
        if made.fault == "clone" and len(self.devices) > 1:
            vehicle = (due.vehicle + self._draw.randrange(1, len(self.devices))) % len(self.devices)
        later_s = due.time_s + self._draw.uniform(*_COPY_AFTER_S)
        self._plan(later_s, vehicle, due.card, due.riders, made)

    def _keep(self, device: DeviceClient, made: MadeTap) -> list[str]:
        encoding = device.options.encoding
        sealed = self._sealer.seal(made)
        payload, records = encode(sealed.tap, encoding), 1
        expected = EXPECTED.get(made.fault, STORED)
        also = (STORED,) if made.fault in {"clone", "replay"} else ("counter_reused",)
        note = Note(made.tap.time_ms, expected, made.fault, also=also)
        rows = [self._row(sealed, expected)]
        if made.fault == "conflict":
            later_ms = made.tap.time_ms + 1000 * self._draw.randrange(1, 60)
            counter = None if made.tap.counter is None else made.tap.counter + 1000
            other = _replace(made.tap, time_ms=later_ms, counter=counter)
            second = self._sealer.seal(made._replace(tap=other, variant=1))
            payload = pair(payload, encode(second.tap, encoding), encoding)
            note = Note(
                made.tap.time_ms, STORED, made.fault, variants=2, second=expected, also=also
            )
            rows = [self._row(sealed, STORED), self._row(second, expected)]
            records = 2
        device.keep(Entry("tap", made.tap.epoch, made.tap.seq, payload, records=records, note=note))
        return rows

    def _row(self, made: MadeTap, expected: str) -> str:
        device, tap = self.devices[made.device], made.tap
        people = self._riders.population
        return (
            f"{device.agency_id},{device.credentials.device_id},{device.credentials.vehicle_id},"
            f"{tap.epoch},{tap.seq},{made.variant},{tap.card_ref},{people.category_of(made.card)},"
            f"{tap.num_riders},{tap.time_ms},{made.true_ms},{tap.route_id or ''},{made.fault},"
            f"{expected}"
        )
