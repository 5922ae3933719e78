"""Versions of the deny list on a real database, and what validators read from a real broker."""

import asyncio
import random

from sapar.contract.codec import decode
from sapar.contract.denylist import DenySet, hash_of, mark_of
from sapar.contract.messages import DenyList, TariffNotice
from sapar.contract.topics import agency_topic
from sapar.core.clock import ManualClock
from sapar.core.db import connect_async, open_pool
from sapar.core.mqtt import MqttClient
from sapar.ticketing.cards.deny_list import FULL_AGE, cut_version, read_messages
from sapar.ticketing.cards.liability import load_liabilities
from sapar.ticketing.cards.publisher import Publisher, run_publisher, tariff_notice
from sapar.ticketing.cards.requests import Block, Issue, Replace, Unblock
from sapar.ticketing.tariff import Tariffs, read_tariff
from tests.ticketing.cards.counter import AGENCY, NOON_MS, ServicePoint
from tests.ticketing.tariff.tariffs import zip_of


async def issue_many(point: ServicePoint, count: int) -> None:
    await point.connection.execute(
        "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
        " SELECT 'aktobe', 'card-' || n, 'active', 'adult', '1970-01-01'"
        " FROM generate_series(1, %s) n",
        (count,),
    )


class Validator:
    """Keeps its list as the contract tells it to."""

    def __init__(self) -> None:
        self.base: DenySet | None = None
        self.list: DenySet | None = None
        self.fetched = 0

    def read(self, full: DenyList, delta: DenyList) -> None:
        if self.base is None or self.base.version != delta.base_version:
            self.base = DenySet.of(full)
            self.fetched += 1
        self.list = self.base.updated(delta)


async def test_validators_that_come_now_and_then_have_the_list_of_the_database(point: ServicePoint):
    await issue_many(point, 400)
    dice = random.Random(5)
    blocked: set[str] = set()
    always, seldom = Validator(), Validator()
    for number in range(1, 13):
        for card in dice.sample(range(1, 401), 25):
            ref = f"card-{card}"
            if ref in blocked:
                await point.do(Unblock, ref)
            else:
                await point.do(Block, ref, reason="lost")
            blocked ^= {ref}
        point.clock.advance(3600)
        version = await cut_version(point.connection, AGENCY, point.clock)
        assert version.number == number
        messages = await read_messages(point.connection, AGENCY)
        assert messages is not None
        assert messages.delta.version == number
        for validator in (always, seldom) if number % 5 == 0 else (always,):
            validator.read(messages.full, messages.delta)
            assert validator.list is not None
            assert validator.list.version == number
            assert {f"card-{n}" for n in range(1, 401) if f"card-{n}" in validator.list} == blocked
    same = await cut_version(point.connection, AGENCY, point.clock)
    assert same.number == 12
    point.clock.advance(FULL_AGE.total_seconds())
    await point.do(
        Block, card_ref=min({f"card-{n}" for n in range(1, 401)} - blocked), reason="lost"
    )
    assert (await cut_version(point.connection, AGENCY, point.clock)).is_full


async def test_a_card_that_shares_a_hash_with_a_blocked_one_is_spared(point: ServicePoint):
    """A collision of 40 bits is searched in the database, so a made-up hash function will do."""
    await issue_many(point, 1)
    await point.do(Block, card_ref="card-1", reason="stolen")
    await point.connection.execute("SET ROLE NONE")
    shadow = "shadow"  # let the database believe that it has the hash of card-1
    await point.connection.execute(
        """CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE sql AS $$
           SELECT CASE WHEN $1 = 'shadow'
               THEN substring(pg_catalog.sha256('card-1'::bytea) FOR 5)
                    || substring(pg_catalog.sha256('shadow'::bytea) FROM 6)
               ELSE pg_catalog.sha256(convert_to($1, 'UTF8')) END $$"""
    )
    from sapar.ticketing.cards import deny_list

    query = deny_list._QUERIES["spared_marks"]
    twisted = query.replace("sha256(convert_to(c.card_ref, 'UTF8'))", "public.sha256(c.card_ref)")
    assert twisted != query
    names = {"agency_id": AGENCY}
    first = await cut_version(point.connection, AGENCY, point.clock)
    assert first.spared == b""
    await point.do(Issue, card_ref=shadow, category="adult")
    found = await (await point.connection.execute(twisted, names)).fetchall()
    [(mark,)] = found
    assert mark[:5] == hash_of("card-1").to_bytes(5, "big")
    assert mark[5:] == mark_of(shadow)[5:]
    await point.do(Block, card_ref=shadow, reason="lost")
    assert await (await point.connection.execute(twisted, names)).fetchall() == []


async def test_the_version_on_a_tap_decides_who_bears_it(point: ServicePoint):
    class Tap:
        def __init__(self, event_ms: int, denylist_version: int | None) -> None:
            self.event_ms = event_ms
            self.denylist_version = denylist_version

    await point.do(Issue, category="adult")
    await point.do(Block, reason="stolen")
    point.clock.advance(60)
    assert (await cut_version(point.connection, AGENCY, point.clock)).number == 1
    card = await point.card()
    answer = (await load_liabilities(point.connection, [card.card_no]))[card.card_no]
    hour = 3_600_000
    assert answer(Tap(NOON_MS - 1, None)) is None
    assert answer(Tap(NOON_MS + hour, None)) == ("scheme", "blocked: stolen")
    assert answer(Tap(NOON_MS + hour, 1)) == ("hold", "validator ignored list")
    assert answer(Tap(NOON_MS + 25 * hour, 0)) == ("carrier", "list not fetched in time")


async def test_a_replaced_card_stays_on_the_list(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(Replace, new_card_ref="B")
    await cut_version(point.connection, AGENCY, point.clock)
    messages = await read_messages(point.connection, AGENCY)
    assert messages is not None
    listed = DenySet.of(messages.full)
    assert "A" in listed
    assert "B" not in listed


async def test_what_is_retained_on_the_broker(point: ServicePoint, settings, broker):
    """A validator that connects later gets everything; nothing is sent twice."""
    await issue_many(point, 50)
    await point.do(Block, card_ref="card-7", reason="stolen")
    conninfo = settings.database_url.get_secret_value()

    def client(name: str) -> MqttClient:
        return MqttClient(
            "127.0.0.1",
            broker.internal_port,
            client_id=name,
            username=broker.username,
            password=broker.password,
        )

    async with open_pool(conninfo) as pool, client("publisher-test") as speaker:
        publisher = Publisher(pool, point.clock, speaker)
        connection = await connect_async(conninfo)
        try:
            assert await publisher.publish(connection) == 2
            assert await publisher.publish(connection) == 0
            point.clock.advance(1)
            await point.do(Block, card_ref="card-8", reason="lost")
            assert await publisher.publish(connection) == 1
            again = Publisher(pool, ManualClock(point.clock.time() + 60), speaker)
            assert await again.publish(connection) == 2  # after a restart: the same bytes
        finally:
            await connection.close()
    async with client("validator-test") as listener:
        await listener.subscribe(f"sapar/v1/{AGENCY}/all/#")
        got: dict[str, bytes] = {}
        async with asyncio.timeout(10):
            while len(got) < 2:
                for message in await listener.read():
                    got[message.topic] = message.payload
        full = decode(got[agency_topic(AGENCY, "denylist")], DenyList)
        delta = decode(got[agency_topic(AGENCY, "denylist-delta")], DenyList)
        found = DenySet.of(full).updated(delta)
        assert ["card-7" in found, "card-8" in found, "card-9" in found] == [True, True, False]
        assert (full.version, delta.version, delta.base_version) == (1, 2, 1)
        for kind in ("denylist", "denylist-delta"):  # the session's broker is shared
            await listener.publish(agency_topic(AGENCY, kind), b"", qos=1, retain=True)


async def test_the_publisher_runs_until_it_is_stopped(point: ServicePoint, settings, broker):
    await issue_many(point, 2)
    await point.do(Block, card_ref="card-1", reason="stolen")
    task = asyncio.create_task(run_publisher(settings))
    try:
        async with asyncio.timeout(20):
            while not await point.fetch("SELECT FROM deny_list_version"):
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_notice_names_the_tariff_in_force_and_the_next():
    hour = 3_600_000
    tariffs = Tariffs(
        (NOON_MS + after * hour, read_tariff(zip_of(), version_no=number))
        for number, after in ((3, 0), (4, 1), (6, 2))
    )
    assert tariff_notice(Tariffs([]), NOON_MS) is None

    def told(at_ms: int) -> tuple[int, int | None]:
        notice = tariff_notice(tariffs, at_ms)
        assert isinstance(notice, TariffNotice)
        return notice.version, notice.next.version if notice.next else None

    assert told(NOON_MS - 1) == (3, None)
    assert told(NOON_MS) == (3, 4)
    assert told(NOON_MS + hour) == (4, 6)
    assert told(NOON_MS + 2 * hour) == (6, None)
    notice = tariff_notice(tariffs, NOON_MS)
    assert notice is not None
    pupils = {"product_id": "ride", "rider_category": "pupil", "medium": "card"}
    assert pupils | {"amount_tiyn": 4000} in notice.products
