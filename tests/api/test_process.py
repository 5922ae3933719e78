"""`sapar api` as a process: starts, serves what the broker retains, and ends when asked to."""

import asyncio
import os
import signal
import sys

import httpx

from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.deploy.native import free_port
from tests.api import town
from tests.api.access_help import sign_in


async def test_an_instance_starts_serves_and_stops(
    town_settings: Settings, engine: MqttClient, agency: str
) -> None:
    await town.publish(engine, town.make_tick(agency, 4, 2, wall_s=1_795_000_000.0))
    port = free_port()
    environment = {
        **os.environ,
        "SAPAR_DATABASE_URL": town_settings.database_url.get_secret_value(),
        "SAPAR_BROKER_PORT": str(town_settings.broker_port),
        "SAPAR_BROKER_USERNAME": town_settings.broker_username,
        "SAPAR_BROKER_PASSWORD": town_settings.broker_password.get_secret_value(),
        "SAPAR_AGENCY": agency,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from sapar.cli.main import main; main()", "api", "--port", str(port),
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            await sign_in(http, town_settings.database_url.get_secret_value())
            answer = await until_current(http, process)
            assert answer.json()["tick"]["term"] == 4
            feed = await http.get("/gtfs-rt/vehicle-positions.pb")
            assert feed.status_code == 200
            async with (
                http.stream("GET", "/api/dispatch/stream") as console,
                http.stream("GET", "/api/stops/S105-0/arrivals/stream") as board,
            ):
                streams = [console.aiter_bytes(), board.aiter_bytes()]
                for stream in streams:
                    assert await anext(stream)
                assert await end_for_certain(process) == ""
                for stream in streams:
                    async for _ in stream:  # to its proper end: httpx raises where it was cut
                        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def end_for_certain(process: asyncio.subprocess.Process) -> str:
    """Ask a process to end, and soon after again; give what it complained of, having ended well.

    Its stderr is a pipe.
    """
    assert process.stderr is not None
    complaint = asyncio.create_task(process.stderr.read())
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        for pause_s in (0.05, 0.25, 0.3):
            await asyncio.sleep(pause_s)
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        told = (await complaint).decode()
    lines = told.splitlines()
    return "\n".join(line for line in lines if "Cancel" in line or "Traceback" in line)


async def until_current(
    http: httpx.AsyncClient, process: asyncio.subprocess.Process
) -> httpx.Response:
    """Wait until the instance serves a state; give its status."""
    async with asyncio.timeout(60):
        while process.returncode is None:
            try:
                answer = await http.get("/api/status.json")
                if answer.status_code == 200 and answer.json()["tick"]:
                    return answer
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.1)
    raise AssertionError(f"the process ended with {process.returncode}")
