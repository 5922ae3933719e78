"""Yesterday's rides, top-ups and shift reports, by the paths that live ones take.

Each tap is a sealed message that intake reads, the verifier proves and the poster posts; shift
reports go through ingest as events. Only the broker is left out: it knows no yesterday. The clock
stands where each batch is received.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Event, Tap
from sapar.contract.topics import UpKind, device_topic
from sapar.core.clock import ManualClock
from sapar.core.db import AsyncConnection, Pool, connect_async, open_pool
from sapar.core.errors import Fault
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher
from sapar.ingest.intake import Batch, Intake
from sapar.ingest.writer import Writer
from sapar.simulators.business_day import BusinessDay, Sale, Seller
from sapar.simulators.device import Credentials
from sapar.simulators.shift_reports import ShiftCounter
from sapar.simulators.taps import MadeTap
from sapar.simulators.taps_seal import DeviceKey, Sealer
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import Paid, TopUp
from sapar.ticketing.intake import TapBatch, TapIntake
from sapar.ticketing.keys import KeyWatcher
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import restricted
from sapar.ticketing.line import ConnectionPoster, Line
from sapar.ticketing.post import post_taps
from sapar.ticketing.reference import Reference, make_tools
from sapar.ticketing.types import Posted, TapIn

_WINDOW_MS = 20 * 60_000
_HOUR_MS = 3_600_000
_OPENED_H, _REPORTED_H = 5, 24.5
_AFTER_MS = 4_000


@dataclass(frozen=True, slots=True)
class Aboard:
    """The validators that speak, by their number in the day's taps."""

    agency_id: str
    who: Sequence[Credentials]
    keys: Mapping[str, DeviceKey]


@dataclass(slots=True)
class Came:
    """What came of the day.

    Attributes:
        posted: taps that were stored; journals: all that were posted.
        grand: by device, what its validator's totals stand at: (taps, tiyn).
    """

    posted: int = 0
    journals: int = 0
    reports: int = 0
    grand: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Office:
    """What a ticketing worker and an ingest worker are made of, on a clock that is put by hand."""

    clock: ManualClock
    pool: Pool
    registry: RegistryWatcher
    keys: KeyWatcher
    intake: TapIntake
    line: Line
    poster: ConnectionPoster
    events: Intake
    writer: Writer
    connection: AsyncConnection
    desk: Desk

    async def post(self, messages: Sequence[Message]) -> Posted:
        """Take taps as a worker does.

        Raises:
            Fault: one was refused or held; nothing of the day is wrong in that way.
        """
        batch = TapBatch()
        self.intake.take(messages, self.registry.current, batch)
        taps, _ = await self.line.judge(batch.candidates)
        posted, dead = await self.line.post(self.poster, taps)
        if batch.dead or dead or posted.held or posted.new != len(messages):
            raise Fault("a tap of yesterday was refused or held")
        return posted


async def bring_yesterday(
    settings: Settings,
    day: BusinessDay,
    midnight_ms: int,
    aboard: Aboard,
    sellers: Sequence[Seller],
) -> Came:
    """Let a day's top-ups and taps come in as they happened, and its shift reports in the night.

    Raises:
        Fault: something of it was refused.
        Unavailable: the database does not answer.
    """
    came = Came()
    names = [who.device_id for who in aboard.who]
    sealer = Sealer(aboard.agency_id, names, aboard.keys)
    counters = [ShiftCounter(midnight_ms + _OPENED_H * _HOUR_MS) for _ in names]
    paid = {one.seller_id: Paid(by=one.party, name=one.seller_id) for one in sellers}
    async with _office(settings, midnight_ms / 1000) as office:
        for window, (sales, taps) in _windows(day):
            for sale in sales:
                await _sell(office, aboard.agency_id, sale, paid[sale.seller_id])
            messages = []
            for one in sealer.seal_all(taps):
                counters[one.device].count(one.tap)
                if (one.device, one.tap.seq) not in day.lost:
                    messages.append(_message(aboard, one.device, "tap", one.tap))
            office.clock.set(((window + 1) * _WINDOW_MS + _AFTER_MS) / 1000)
            if messages:
                posted = await office.post(messages)
                came.posted += posted.new
                came.journals += posted.journals
        came.reports = await _report(office, aboard, sealer, counters, midnight_ms, day)
        for name, counter in zip(names, counters, strict=True):
            came.grand[name] = counter.totals
    return came


def _windows(day: BusinessDay) -> list[tuple[int, tuple[list[Sale], list[MadeTap]]]]:
    """Give what happened in each stretch of time, by its number."""
    found: dict[int, tuple[list[Sale], list[MadeTap]]] = {}
    for window, sales in groupby(day.sales, key=lambda sale: sale.at_ms // _WINDOW_MS):
        found.setdefault(window, ([], []))[0].extend(sales)
    for window, taps in groupby(day.taps, key=lambda one: one.true_ms // _WINDOW_MS):
        found.setdefault(window, ([], []))[1].extend(taps)
    return sorted(found.items())


def _message(aboard: Aboard, device: int, kind: UpKind, record: Tap | Event) -> Message:
    topic = device_topic(aboard.agency_id, aboard.who[device].device_id, kind)
    return Message(topic, encode(record, "json"), None, 0, retain=False)


async def _sell(office: _Office, agency_id: str, sale: Sale, paid: Paid) -> None:
    office.clock.set(sale.at_ms / 1000)
    request = TopUp(
        agency_id=agency_id, key=sale.reference, actor=sale.seller_id, card_ref=sale.card_ref,
        amount_tiyn=sale.amount_tiyn, paid=paid, at_ms=sale.at_ms,
    )  # fmt: skip
    await carry_out(office.connection, office.desk, request)


async def _report(
    office: _Office,
    aboard: Aboard,
    sealer: Sealer,
    counters: Sequence[ShiftCounter],
    midnight_ms: int,
    day: BusinessDay,
) -> int:
    """Let every validator report its shift, and judge the reports."""
    from sapar.ticketing.device_shifts import take_device_shifts

    epochs = {one.device: one.tap.epoch for one in day.taps}
    time_ms = midnight_ms + round(_REPORTED_H * _HOUR_MS)
    office.clock.set((time_ms + _AFTER_MS) / 1000)
    messages = []
    for device, epoch in sorted(epochs.items()):
        report = sealer.seal_report(device, time_ms, counters[device].close(time_ms, epoch))
        event = Event(
            epoch=epoch, seq=1, time_ms=time_ms, kind="shift_report",
            data=msgspec.to_builtins(report),
        )  # fmt: skip
        messages.append(_message(aboard, device, "event", event))
    batch = Batch()
    office.events.take(messages, office.registry.current, batch)
    written = await office.writer.write(batch)
    kept = await take_device_shifts(
        office.pool, office.registry.current, office.keys.current, office.clock
    )
    if written.dead or kept != len(messages):
        raise Fault("a shift report of yesterday was refused")
    return kept


@asynccontextmanager
async def _office(settings: Settings, begins_s: float) -> AsyncIterator[_Office]:
    """Start what a worker stands on; the clock stands at `begins_s`."""
    conninfo = settings.database_url.get_secret_value()
    clock, metrics = ManualClock(begins_s), Metrics()
    async with open_pool(conninfo, name="sapar-demo") as pool:
        registry = RegistryWatcher(pool, settings, clock)
        keys, reference = KeyWatcher(pool, settings), Reference(pool, settings)
        for part in (registry, keys, reference):
            await part.refresh()
        tools = make_tools(settings, clock, reference)

        async def post(connection: AsyncConnection, taps: Sequence[TapIn], patient: bool) -> Posted:
            return await post_taps(connection, tools, taps, patient=patient)

        poster = ConnectionPoster(await asyncio.to_thread(partial(restricted, conninfo)), post)
        line = Line(settings, clock, metrics, pool, keys)
        writer = Writer(conninfo, clock, metrics)
        try:
            async with await connect_async(conninfo) as connection:
                yield _Office(
                    clock, pool, registry, keys, TapIntake(settings, clock, metrics), line, poster,
                    Intake(settings, clock, metrics), writer, connection,
                    Desk(clock, Accounts(conninfo)),
                )  # fmt: skip
        finally:
            await writer.close()
            await poster.close()
            line.close()
