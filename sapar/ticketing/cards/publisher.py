"""The part that keeps the deny list and the tariff notice of every agency on the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sapar.contract.codec import encode
from sapar.contract.messages import TariffNotice
from sapar.contract.topics import AgencyKind, agency_topic
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, connect_async, load_queries, open_pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.ticketing.cards.deny_list import cut_version, read_messages
from sapar.ticketing.tariff.model import Tariff
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.tariff.versions import load_tariffs

_QUERIES = load_queries("sapar.ticketing.cards")
_RETRY_S = 1.0
_LOOK_AT_ALL_S = 3600.0
_log = get_logger()


def tariff_notice(tariffs: Tariffs, at_ms: int) -> TariffNotice | None:
    """Say which tariff holds at a time and which comes next; None where neither is published.

    A validator that knows the next one switches by itself, also in a depot without a network.
    """
    versions = tariffs.versions
    held = [version for version in versions if version[0] <= at_ms]
    coming = [version for version in versions if version[0] > at_ms]
    notices = [_notice(*version) for version in (*held[-1:], *coming[:1])]
    if len(notices) == 2:
        notices[0].next = notices[1]
    return notices[0] if notices else None


def _notice(effective_ms: int, tariff: Tariff) -> TariffNotice:
    return TariffNotice(
        version=tariff.version_no,
        effective_from_ms=effective_ms,
        digest=tariff.digest,
        products=[
            {
                "product_id": product_id,
                "rider_category": category,
                "medium": medium,
                "amount_tiyn": amount,
            }
            for product_id, prices in sorted(tariff.prices.items())
            for (category, medium), amount in sorted(prices.items())
        ],
    )


class Publisher:
    """Publishes what changed, and everything once after each connect.

    A version of the deny list is cut only while the broker can be reached: the time from which the
    carriers' devices could have fetched it must be true.

    Args:
        pool: for the tariffs.
        clock: transit time.
        client: connected to the broker's internal listener.
    """

    def __init__(self, pool: Pool, clock: Clock, client: MqttClient) -> None:
        self._pool = pool
        self._clock = clock
        self._client = client
        self._sent: dict[str, bytes] = {}
        self._lists: dict[str, tuple[int, int]] = {}
        self._tariffs: dict[str, Tariffs] = {}
        self._looked: dict[str, float] = {}

    async def publish(self, connection: AsyncConnection) -> int:
        """Cut versions, publish what the broker does not hold yet, and give how many messages.

        Raises:
            ConnectionLost: the broker went away; what it holds is unknown, call `forget`.
            Unavailable: the database does not answer.
        """
        with translated():
            found = await connection.execute(_QUERIES["agencies_of_cards"])
            agencies = [row[0] for row in await found.fetchall()]
        sent = 0
        for agency_id in agencies:
            sent += await self._publish_list(connection, agency_id)
            sent += await self._publish_tariff(agency_id)
        return sent

    def forget(self) -> None:
        """Publish everything anew the next time."""
        self._sent.clear()
        self._lists.clear()

    async def _publish_list(self, connection: AsyncConnection, agency_id: str) -> int:
        now = self._clock.monotonic()
        look = now - self._looked.get(agency_id, -_LOOK_AT_ALL_S) >= _LOOK_AT_ALL_S
        version = await cut_version(connection, agency_id, self._clock, look_at_all=look)
        if look:
            self._looked[agency_id] = now
        if self._lists.get(agency_id, (-1, 0))[0] == version.number:
            return 0
        messages = await read_messages(connection, agency_id)
        if messages is None:
            return 0
        before = self._lists.get(agency_id)
        sent = 0
        # the delta first: whoever reads it knows whether to fetch the whole list
        sent += await self._retain(agency_id, "denylist-delta", encode(messages.delta, "msgpack"))
        if before is None or before[1] != messages.full.version:
            sent += await self._retain(agency_id, "denylist", encode(messages.full, "msgpack"))
        self._lists[agency_id] = version.number, messages.full.version
        _log.info("deny_list_published", agency=agency_id, version=version.number)
        return sent

    async def _publish_tariff(self, agency_id: str) -> int:
        known = self._tariffs.get(agency_id)
        tariffs = self._tariffs[agency_id] = await load_tariffs(self._pool, agency_id, known)
        notice = tariff_notice(tariffs, int(self._clock.time() * 1000))
        return 0 if notice is None else await self._retain(agency_id, "tariff", encode(notice))

    async def _retain(self, agency_id: str, kind: AgencyKind, payload: bytes) -> int:
        topic = agency_topic(agency_id, kind)
        if self._sent.get(topic) == payload:
            return 0
        await self._client.publish(topic, payload, qos=1, retain=True)
        self._sent[topic] = payload
        return 1


async def run_publisher(settings: Settings) -> None:
    """Keep deny lists and tariff notices current until cancelled."""
    conninfo = settings.database_url.get_secret_value()
    clock = settings.clock()
    again = asyncio.Event()

    async def on_connect() -> None:
        again.set()

    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id="sapar-ticketing-publisher",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
        on_connect=on_connect,
        wait=False,
    )
    async with open_pool(conninfo, max_size=2, name="publisher") as pool, client:
        publisher = Publisher(pool, clock, client)
        await _repeat(lambda: _run(publisher, conninfo, again, settings))


async def _run(
    publisher: Publisher, conninfo: str, again: asyncio.Event, settings: Settings
) -> None:
    connection = await connect_async(conninfo)
    try:
        while True:
            if again.is_set():
                again.clear()
                publisher.forget()
            await publisher.publish(connection)
            try:
                async with asyncio.timeout(settings.deny_list_interval_s):
                    await again.wait()
            except TimeoutError:
                continue
    finally:
        await connection.close()


async def _repeat(make: Callable[[], Awaitable[None]]) -> None:
    """Start again whenever the database or the broker fails it."""
    while True:
        try:
            await make()
        except SaparError as exc:
            _log.warning("publisher_failed", reason=str(exc))
            await asyncio.sleep(_RETRY_S)
