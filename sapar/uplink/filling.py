"""Filling batches from the broker, and draining a session for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Never, Protocol, TypeVar

from prometheus_client import Gauge

from sapar.core.clock import Clock
from sapar.core.errors import SaparError, Unavailable
from sapar.core.log import get_logger
from sapar.core.mqtt import Message, MqttClient

_log = get_logger()


class OpenBatch(Protocol):
    """What one transaction writes, and the messages it lets us acknowledge.

    Attributes:
        messages: what was taken into it, in order.
        opened_s: monotonic time at which the first was.
    """

    messages: list[Message]
    opened_s: float

    @property
    def size(self) -> int:
        """How many rows there are to write."""


B = TypeVar("B", bound=OpenBatch)


async def fill_batches(
    client: MqttClient,
    clock: Clock,
    closed: asyncio.Queue[B],
    *,
    new: Callable[[], B],
    take: Callable[[Sequence[Message], B], int],
    batch_max: int,
    age_s: float,
    in_flight: Gauge,
) -> Never:
    """Fill the open batch from the broker; close it by count or by age.

    What is under way is bounded by the receive maximum: the broker sends no more until we
    acknowledge, which is done after the commit, so a slow database slows the delivery.

    Args:
        client: read from.
        clock: its monotonic time measures the age.
        closed: where closed batches go.
        new: makes an empty batch.
        take: adds messages to a batch until it is full; gives how many it took, at least one.
        batch_max: rows that close a batch.
        age_s: age that does.
        in_flight: counts what was received.
    """
    batch = new()
    while True:
        timeout_s = None
        if batch.messages:
            timeout_s = max(0.0, batch.opened_s + age_s - clock.monotonic())
        try:
            async with asyncio.timeout(timeout_s):
                messages = await client.read()
        except TimeoutError:
            messages = []
        in_flight.inc(len(messages))
        at = 0
        while at < len(messages):
            at += take(messages[at : at + batch_max], batch)
            if batch.size >= batch_max:
                await closed.put(batch)
                batch = new()
        if batch.messages and clock.monotonic() - batch.opened_s >= age_s:
            await closed.put(batch)
            batch = new()


async def drain_session(
    client: MqttClient,
    patterns: Sequence[str],
    store: Callable[[Sequence[Message]], Awaitable[None]],
    quiet_s: float,
) -> int:
    """Unsubscribe, store and acknowledge what the session still holds, until it stays quiet.

    Args:
        client: connected to the session.
        patterns: its shared subscriptions: their share goes to the other members.
        store: returns when all it was given is committed.
        quiet_s: silence after which nothing more is expected.

    Returns:
        How many messages the session held.
    """
    count = 0
    for pattern in patterns:
        await client.unsubscribe(pattern)
    while True:
        try:
            async with asyncio.timeout(quiet_s):
                messages = await client.read()
        except TimeoutError:
            return count
        await store(messages)
        client.ack(messages)
        count += len(messages)


async def repeat(interval_s: float, action: Callable[[], Awaitable[None]]) -> Never:
    """Repeat a side job; whatever the database says to it, it never stops the line."""
    while True:
        try:
            await action()
        except Unavailable as exc:
            _log.debug("side_job_waits", reason=exc.message)
        except SaparError as exc:
            _log.error("side_job_failed", code=exc.code, reason=exc.message)
        await asyncio.sleep(interval_s)
