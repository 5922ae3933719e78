"""Trackers over real TCP, through the gateway, a real broker and ingest, into the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import pytest
from pydantic import SecretStr

from sapar.adapters import wialon_gateway
from sapar.adapters.wialon_gateway import LINE_BYTES_MAX, WialonGateway
from sapar.core.clock import SystemClock
from sapar.core.db import connect
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.fleet.agencies import ensure_agency
from sapar.fleet.broker import ensure_internal_password
from sapar.fleet.broker_sync import run_broker_sync
from sapar.fleet.devices import NewDevice, add_device, revoke_device
from sapar.ingest.worker import run_ingest
from tests.fleet.product_broker import product_broker

IMEI, PASSWORD = "356307042441013", "secret-of-tracker"


class Tracker:
    """A tracker's end of the connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    def send(self, line: str) -> None:
        self.writer.write(f"{line}\r\n".encode())

    async def hear(self, timeout_s: float = 20) -> str:
        """The next answer; empty when the gateway closed the connection."""
        return (await asyncio.wait_for(self.reader.readline(), timeout_s)).decode().rstrip("\r\n")

    async def ask(self, line: str) -> str:
        self.send(line)
        return await self.hear()


def message(second: int, **changes: str) -> str:
    now = SystemClock().now()
    values = {"lat": "5017.0340", "date": now.strftime("%d%m%y"), "time": f"{now:%H%M}{second:02}"}
    values |= changes
    return "{date};{time};{lat};N;05710.0200;E;36;274;210;11".format(**values)


@pytest.fixture
async def gateway(service_directory: Path, database: str) -> AsyncIterator[tuple[int, Settings]]:
    """A gateway in front of a broker, broker-sync and one ingest worker; gives its port."""
    with connect(database) as connection:
        ensure_agency(connection, "aktobe", timezone="Asia/Aqtobe")
        add_device(connection, NewDevice("aktobe", IMEI, "1042", password=PASSWORD))
    with product_broker(service_directory / "broker") as broker:
        settings = broker.settings.model_copy(
            update={
                "database_url": SecretStr(database),
                "broker_password": SecretStr(ensure_internal_password(broker.settings)),
                "ack_interval_ms": 20,
            }
        )
        async with running(
            run_broker_sync(settings, Metrics()),
            run_ingest(settings, settings.clock(), Metrics()),
        ):
            server = await WialonGateway(settings, "aktobe").serve("127.0.0.1", 0)
            try:
                # until broker-sync has let the tracker in
                async with asyncio.timeout(20):
                    while not await logs_in(server.sockets[0].getsockname()[1]):
                        await asyncio.sleep(0.2)
                yield server.sockets[0].getsockname()[1], settings
            finally:
                server.close()


@asynccontextmanager
async def running(*parts) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def logs_in(port: int, password: str = PASSWORD) -> bool:
    async with Tracker(port) as tracker:
        return await tracker.ask(f"#L#{IMEI};{password}") == "#AL#1"


def rows(settings: Settings, sql: str) -> list[tuple]:
    with connect(settings.database_url.get_secret_value()) as connection:
        return connection.execute(sql).fetchall()


async def test_what_is_answered_is_stored_once(gateway):
    port, settings = gateway
    first, tenth = message(0), message(10)  # built anew, they would be others in another minute
    async with Tracker(port) as tracker:
        assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
        assert await tracker.ask("#P#") == "#AP#"
        assert await tracker.ask(f"#SD#{first}") == "#ASD#1"
        assert len(rows(settings, "SELECT 1 FROM fix")) == 1, "stored before the answer"
        assert await tracker.ask(f"#SD#{first}") == "#ASD#1"
        assert await tracker.ask(f"#B#{first}|{tenth}|{message(20)}") == "#AB#3"
        assert await tracker.ask(f"#D#{message(30)};1.1;0;0;;NA;") == "#AD#1"
    # the same packets on another connection are the same records
    async with Tracker(port) as tracker:
        assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
        assert await tracker.ask(f"#B#{first}|{tenth}") == "#AB#2"
    stored = rows(settings, "SELECT latitude, longitude, speed_mps FROM fix ORDER BY time")
    assert stored == [(50.2839, 57.167, 10.0)] * 4
    assert rows(settings, "SELECT 1 FROM dead_letter") == []


async def test_bad_positions_are_evidence_and_do_not_block_the_tracker(gateway):
    port, settings = gateway
    async with Tracker(port) as tracker:
        assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
        assert await tracker.ask(f"#SD#{message(0, lat='NA')}") == "#ASD#10"
        assert (
            await tracker.ask("#SD#010820;060000;5017.0340;N;05710.0200;E;36;274;210;11")
            == "#ASD#1"
        )
        assert await tracker.ask(f"#SD#{message(1)}") == "#ASD#1"
    codes = rows(settings, "SELECT code, payload FROM dead_letter ORDER BY code")
    assert [code for code, _ in codes] == ["decode_error", "clock_absurd"][::-1]
    assert bytes(codes[1][1]).startswith(b"#SD#")
    assert len(rows(settings, "SELECT 1 FROM fix")) == 1


async def test_packets_sent_ahead_are_answered_in_order(gateway):
    port, settings = gateway
    async with Tracker(port) as tracker:
        tracker.send(f"#L#{IMEI};{PASSWORD}")
        for second in range(40):
            tracker.send(f"#SD#{message(second)}")
            if second % 10 == 9:
                tracker.send("#P#")
        answers = [await tracker.hear() for _ in range(45)]
    assert answers == ["#AL#1", *(["#ASD#1"] * 10 + ["#AP#"]) * 4]
    assert len(rows(settings, "SELECT 1 FROM fix")) == 40


async def test_nobody_gets_in_without_the_devices_own_password(gateway):
    port, settings = gateway
    for line, answer in (
        (f"#L#{IMEI};wrong", "#AL#01"),
        (f"#L#{IMEI};NA", "#AL#01"),
        ("#L#356307042441014;secret-of-tracker", "#AL#01"),
        ("#L#../../etc;x", "#AL#0"),
        (f"#SD#{message(0)}", "#AL#0"),
        ("GET / HTTP/1.1", "#AL#0"),
    ):
        async with Tracker(port) as tracker:
            assert await tracker.ask(line) == answer
            assert await tracker.hear() == "", "the connection is closed"
    assert rows(settings, "SELECT 1 FROM fix") == []


async def test_a_revoked_tracker_is_not_answered(gateway):
    port, settings = gateway
    async with Tracker(port) as tracker:
        assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
        with connect(settings.database_url.get_secret_value()) as connection:
            revoke_device(connection, "aktobe", IMEI, SystemClock().now())
        async with asyncio.timeout(20):
            while await logs_in(port):
                await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        assert await tracker.ask(f"#SD#{message(0)}") == ""


async def test_without_an_acknowledgement_there_is_no_answer(
    service_directory, database, monkeypatch
):
    """No ingest runs: the tracker hears nothing and keeps its record."""
    monkeypatch.setattr(wialon_gateway, "_GIVE_UP_S", 1.5)
    monkeypatch.setattr(wialon_gateway, "_RESEND_S", 0.5)
    with product_broker(service_directory / "broker") as broker:
        broker.devices({("aktobe", IMEI): PASSWORD})
        await asyncio.sleep(1)
        server = await WialonGateway(broker.settings, "aktobe").serve("127.0.0.1", 0)
        async with server, Tracker(server.sockets[0].getsockname()[1]) as tracker:
            assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
            assert await tracker.ask(f"#SD#{message(0)}") == ""


async def test_a_line_without_end_is_cut_off(gateway):
    port, _ = gateway
    async with Tracker(port) as tracker:
        assert await tracker.ask(f"#L#{IMEI};{PASSWORD}") == "#AL#1"
        tracker.writer.write(b"#B#" + b"x" * (2 * LINE_BYTES_MAX))
        with suppress(ConnectionError):
            assert await tracker.hear() == ""
    assert await logs_in(port)
