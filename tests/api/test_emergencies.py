"""Emergencies: from the button over broker, ingest and database to consoles and another centre."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from pydantic import SecretStr

from sapar.contract.codec import encode
from sapar.contract.messages import Event, Shift
from sapar.contract.topics import device_topic
from sapar.core.clock import SystemClock
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.dispatch.emergency.poster import EmergencyPoster, retry_delay_s, signature
from sapar.gtfs.realtime.service import own_client
from sapar.ingest.worker import forget_session, run_ingest
from tests.api.access_help import sign_in
from tests.api.desk_asking import console, get, post, rows, wait_for
from tests.api.living_town import LivingTown, living_town

SECRET = "the centre's and ours"


class Centre:
    """The other side: refuses so many posts, then takes them."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def centre(failures: int) -> Iterator[Centre]:
    made = Centre(failures)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(503 if len(made.posts) <= made.failures else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/rings"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def with_centre(settings: Settings, other: Centre) -> Settings:
    return settings.model_copy(
        update={
            "emergency_webhook_url": other.url,
            "emergency_webhook_secret": SecretStr(SECRET),
            "emergency_webhook_timeout_s": 2.0,
            "emergency_retry_max_s": 0.2,
        }
    )


@asynccontextmanager
async def ingest(settings: Settings, clock: Any) -> AsyncIterator[None]:
    own = settings.model_copy(update={"ack_interval_ms": 20, "ingest_batch_age_ms": 20})
    task = asyncio.create_task(run_ingest(own, clock, Metrics()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await forget_session(own)


async def press(town: LivingTown, settings: Settings, seq: int, vehicle: str = "A0") -> None:
    """Let a driver press the button."""
    now_ms = int(town.clock.time() * 1000)
    async with own_client(settings, f"button-{town.agency}-{seq}") as client:
        await client.wait_connected(5.0)
        shift = Shift(epoch=1, seq=seq, time_ms=now_ms - 60_000, action="sign_on", driver_id="D7")

        async def signed_on() -> bool:
            # ingest may not have subscribed yet
            await client.publish(device_topic(town.agency, vehicle, "shift"), encode(shift), qos=1)
            await asyncio.sleep(0.2)
            return bool(await rows(town, f"SELECT 1 FROM shift WHERE seq = {seq}"))

        await wait_for(signed_on)
        event = Event(
            epoch=1, seq=seq, time_ms=now_ms, kind="panic", latitude=50.281, longitude=57.202
        )
        await client.publish(device_topic(town.agency, vehicle, "event"), encode(event), qos=1)


async def test_a_panic_rings_and_is_posted_until_the_other_centre_takes_it(
    settings: Settings,
):
    with centre(failures=3) as other:
        async with (
            living_town(with_centre(settings, other)) as town,
            ingest(town.settings, town.clock),
        ):
            await sign_in(town.http, town.instance.conninfo, ["dispatcher"])
            await press(town, settings, 1)

            async def ringing() -> list[dict[str, Any]]:
                panics = [a for a in console(town)["alarms"] if a["kind"] == "panic"]
                assert {a["key"] for a in panics} <= {"panic:A0"}
                return [a for a in panics if "emergency" in a["values"]]

            (alarm,) = await wait_for(ringing)
            assert (alarm["vehicle_id"], alarm["priority"]) == ("A0", 1)
            assert alarm["values"]["driver"] == "D7"
            assert alarm["values"]["lat"] == 50.281

            async def delivered() -> dict[str, Any] | None:
                (row,) = (await get(town, "/api/dispatch/emergencies"))["emergencies"]
                return row if row["delivered_s"] is not None else None

            row = await wait_for(delivered)
            assert (row["tries"], len(other.posts)) == (4, 4)
            assert len({headers["idempotency-key"] for headers, _ in other.posts}) == 1
            for headers, body in other.posts:
                at, sent = (part.split("=")[1] for part in headers["x-sapar-signature"].split(","))
                expected = hmac.new(
                    SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256
                ).hexdigest()
                assert sent == expected
            content = json.loads(other.posts[-1][1])
            assert content["place"] == {"latitude": 50.281, "longitude": 57.202}
            assert (content["vehicle_id"], content["driver_id"]) == ("A0", "D7")
            # pressed again: the same emergency, told again on the consoles
            await press(town, settings, 2)

            async def twice() -> bool:
                return any(a["values"]["presses"] == 2 for a in await ringing())

            await wait_for(twice)
            path = f"/api/dispatch/emergencies/{row['emergency_no']}"
            assert (await town.http.post(f"{path}/close", json={})).status_code == 422
            await post(town, f"{path}/acknowledge")
            closed = await post(town, f"{path}/close", reason="false alarm")
            assert closed["close_reason"] == "false alarm"

            async def quiet() -> bool:
                return not await ringing()

            await wait_for(quiet)
            log = await rows(
                town, "SELECT action FROM audit_log WHERE action LIKE 'emergency.%' ORDER BY 1"
            )
            assert [line[0] for line in log] == ["emergency.acknowledge", "emergency.close"]


async def test_instances_share_posts_and_a_restart_forgets_none(settings: Settings, pool):
    """Ten emergencies, three posters, each of which dies and starts again in between."""
    await _ten_emergencies(pool)
    with centre(failures=7) as other:
        own = with_centre(settings, other)
        clock = SystemClock()

        async def open_count() -> int:
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT count(*) FROM emergency WHERE delivered_at IS NULL"
                )
                return (await cursor.fetchone())[0]

        for _ in range(2):
            tasks = [asyncio.create_task(EmergencyPoster(own, pool, clock).run()) for _ in range(3)]
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with pool.connection() as connection:
            # those that a poster held when it died are free when their lease is over
            await connection.execute("UPDATE emergency SET next_try_at = now()")
        tasks = [asyncio.create_task(EmergencyPoster(own, pool, clock).run()) for _ in range(3)]

        async def done() -> bool:
            return await open_count() == 0

        await wait_for(done)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        keys = {headers["idempotency-key"] for headers, _ in other.posts}
        assert len(keys) == 10


async def test_a_person_who_acknowledges_ends_the_posts(settings: Settings, pool):
    await _ten_emergencies(pool)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE emergency SET acknowledged_at = now(), acknowledged_by = 'somebody'"
        )
    with centre(failures=0) as other:
        poster = EmergencyPoster(with_centre(settings, other), pool, SystemClock())
        async with httpx.AsyncClient() as client:
            assert not await poster.post_one(client)
        assert other.posts == []


async def test_a_centre_that_never_ends_its_answer_holds_no_post_back(settings: Settings, pool):
    await _ten_emergencies(pool)

    gone = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                writer.write(b"x-a: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    update = {
        "emergency_webhook_url": f"http://127.0.0.1:{port}/",
        "emergency_webhook_timeout_s": 0.2,
    }
    poster = EmergencyPoster(settings.model_copy(update=update), pool, SystemClock())
    # each byte comes in time for the client: the limit for the whole answer is the poster's own
    async with httpx.AsyncClient(timeout=30) as client:
        assert await poster.post_one(client)
        await gone.wait()  # it was hung up on
    server.close()
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT last_error FROM emergency WHERE tries > 0")
        assert await cursor.fetchone() == ("no whole answer within 1 s",)


async def _ten_emergencies(pool) -> None:
    """Through the trigger, as ingest does it, each event twice."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('rings', 'r', 'Asia/Aqtobe')"
        )
        for number in range(10):
            cursor = await connection.execute(
                "INSERT INTO device (agency_id, device_id, password_hash)"
                " VALUES ('rings', %s, 'x') RETURNING device_no",
                (f"d{number}",),
            )
            device_no = (await cursor.fetchone())[0]
            for _ in range(2):
                await connection.execute(
                    "INSERT INTO event (device_no, time, epoch, seq, digest, kind, received_at)"
                    " VALUES (%s, '2026-03-10', 1, 1, 5, 'panic', now()) ON CONFLICT DO NOTHING",
                    (device_no,),
                )
        cursor = await connection.execute("SELECT count(*), max(presses) FROM emergency")
        assert await cursor.fetchone() == (10, 1)


async def _press_at(pool, device_no: int, seq: int, at: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO event (device_no, time, epoch, seq, digest, kind, received_at)"
            " VALUES (%s, %s, 1, %s, 5, 'panic', %s)",
            (device_no, at, seq, at),
        )


async def test_a_press_long_after_an_answered_one_rings_anew(settings: Settings, pool):
    await _ten_emergencies(pool)

    async def look(what: str) -> list[tuple[Any, ...]]:
        async with pool.connection() as connection:
            return await (await connection.execute(what)).fetchall()

    (device_no,) = (await look("SELECT min(device_no) FROM device"))[0]
    mine = f"FROM emergency WHERE device_no = {device_no} ORDER BY emergency_no"
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE emergency SET acknowledged_at = received_at, acknowledged_by = 'aigerim'"
        )
    await _press_at(pool, device_no, 2, "2026-03-10 00:04")
    assert await look(f"SELECT presses, closed_at IS NULL {mine}") == [(2, True)]
    await _press_at(pool, device_no, 3, "2026-03-10 09:00")
    assert await look(f"SELECT presses, closed_at IS NULL, acknowledged_by {mine}") == [
        (2, False, "aigerim"),
        (1, True, None),
    ]
    log = "SELECT action, reason FROM audit_log WHERE person = 'engine'"
    assert await look(log) == [("emergency.close", "pressed again")]
    with centre(failures=0) as other:
        poster = EmergencyPoster(with_centre(settings, other), pool, SystemClock())
        async with httpx.AsyncClient() as client:
            assert await poster.post_one(client)
        assert len(other.posts) == 1


def test_delays_grow_to_their_bound():
    delays = [retry_delay_s(tries, 60.0) for tries in range(1, 10)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_signature_binds_time_and_body():
    signed = signature(b"k", 5, b"{}")
    assert signed.startswith("t=5,v1=")
    assert signed.split("v1=")[1] != signature(b"k", 6, b"{}").split("v1=")[1]
    assert signed != signature(b"k", 5, b"[]")
