"""A running API for tests: the real application on a real port, database and broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sapar.api.app import create_app
from sapar.api.hub import Hub
from sapar.api.pages import BUILT, FrontEnd
from sapar.cli.http_protocol import make_protocol
from sapar.core.clock import Clock, SystemClock
from sapar.core.db import open_pool
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from tests.api import town
from tests.api.browsing import CHROMIUM, FLAGS, Ticking
from tests.services import listener

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Instance:
    """One API instance, a client of it, and its parts."""

    url: str
    http: httpx.AsyncClient
    hub: Hub
    metrics: Metrics
    conninfo: str


Start = Callable[[], AbstractAsyncContextManager[Instance]]


@pytest.fixture
def agency() -> str:
    """An agency of this test alone: retained ticks outlive a test."""
    return f"town-{next(_numbers)}"


@pytest.fixture
def town_settings(settings: Settings, agency: str) -> Settings:
    """Settings whose default agency is the test's; its timetable is imported."""
    town.import_town(settings.database_url.get_secret_value(), agency)
    return settings.model_copy(update={"agency": agency})


@pytest.fixture
async def engine(town_settings: Settings, agency: str) -> AsyncIterator[MqttClient]:
    """A client that publishes ticks; what it left retained is removed at the end."""
    async with town.client_of(town_settings, f"engine-{agency}") as client:
        yield client
        await town.forget(client, agency)


@pytest.fixture
def start(town_settings: Settings) -> Start:
    """Starts instances; each ends with its `async with`."""
    return lambda: running(town_settings)


@pytest.fixture
async def api(start: Start) -> AsyncIterator[Instance]:
    """One running instance."""
    async with start() as instance:
        yield instance


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless, with a fresh profile."""
    assert CHROMIUM.exists(), "no chromium: make test installs it (scripts/setup --test)"
    assert (BUILT / "index.html").exists(), "the front end is not built: make setup builds it"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        await opened.close()


@pytest.fixture
async def ticking(engine: MqttClient, agency: str) -> AsyncIterator[Ticking]:
    """An engine that ticks beside the test."""
    made = Ticking(engine, agency)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@cache
def _built() -> FrontEnd:
    """The pages, read and compressed once for all instances of the session."""
    return FrontEnd(BUILT)


def _front_end(web_folder: Path) -> FrontEnd:
    return _built() if web_folder == BUILT else FrontEnd(web_folder)


@asynccontextmanager
async def running(
    settings: Settings,
    web_folder: Path = BUILT,
    clock: Clock | None = None,
    *,
    at_once: bool = True,
) -> AsyncIterator[Instance]:
    """Run an instance on a free port until the end of the `async with`.

    Without `at_once` all that it answers goes through the application.
    """
    metrics, clock = Metrics(), clock or SystemClock()
    hub = Hub(clock, metrics)
    conninfo = settings.database_url.get_secret_value()
    listening_on = listener()
    port = listening_on.getsockname()[1]
    async with (
        open_pool(conninfo, name="test-api") as pool,
        town.client_of(settings, f"api-{port}") as broker,
    ):
        app = create_app(settings, pool, clock, metrics, hub, front_end=_front_end(web_folder))
        http_class = make_protocol(app.state.at_once) if at_once else HttpToolsProtocol
        config = uvicorn.Config(
            app, log_level="error", ws="none", lifespan="on", server_header=False, http=http_class
        )
        server = uvicorn.Server(config)
        listening = asyncio.create_task(hub.run(broker))
        serving = asyncio.create_task(server.serve(sockets=[listening_on]))
        url = f"http://127.0.0.1:{port}"
        try:
            async with httpx.AsyncClient(base_url=url, timeout=60) as http:
                await until(lambda: server.started)
                await until_known(http)
                yield Instance(url, http, hub, metrics, conninfo)
        finally:
            server.should_exit = True
            listening.cancel()
            await asyncio.gather(serving, listening, return_exceptions=True)


async def until_known(http: httpx.AsyncClient) -> None:
    """Wait until the agencies have been read."""
    async with asyncio.timeout(60):
        while not (await http.get("/api/agencies.json")).json()["agencies"]:
            await asyncio.sleep(0.02)


async def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
