"""Real services for tests: a private PostgreSQL with TimescaleDB and a private Mosquitto.

They are started once a session, on free ports, and end with it. When one of them is not installed
the tests that need it fail: nothing here skips.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from pydantic import SecretStr

from sapar.core.db import Pool, connect, migrate, open_pool
from sapar.core.settings import Settings
from sapar.deploy.native import MosquittoBroker, PostgresCluster, free_port
from sapar.fleet.broker import ensure_internal_password, write_config

_PREFIX = "sapar-test-"
_ROOM_BYTES = 2 << 30
_numbers = count(1)
_kept: dict[PostgresCluster, psycopg.Connection] = {}


@contextmanager
def walkable_directory() -> Iterator[Path]:
    """Make a directory that the services' own accounts can walk (pytest's tmp_path is private)."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES
    parent = memory if roomy else Path(tempfile.gettempdir())
    _sweep(parent)
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what a test session that was killed left behind."""
    for path in parent.glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def service_directory() -> Iterator[Path]:
    """A fresh directory for services of a test's own."""
    with walkable_directory() as path:
        yield path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """The session's PostgreSQL; tests that kill it start one of their own instead."""
    with walkable_directory() as path:
        # Without jobs TimescaleDB needs no workers, and theirs would sit on the template database.
        cluster = PostgresCluster(
            path / "postgres",
            durable=False,
            settings={"timescaledb.max_background_workers": 0},
        )
        cluster.start()
        try:
            yield cluster
        finally:
            _forget(cluster)
            cluster.stop()


@pytest.fixture(scope="session")
def template_database(postgres: PostgresCluster) -> str:
    """Name of a database with every migration applied, for cloning."""
    name = "sapar_template"
    with connect(postgres.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrate(postgres.conninfo(name))
    return name


@pytest.fixture
def empty_database(postgres: PostgresCluster) -> Iterator[str]:
    """The libpq URL of a fresh database without any table."""
    with _database(postgres, "template0") as conninfo:
        yield conninfo


@pytest.fixture
def database(postgres: PostgresCluster, template_database: str) -> Iterator[str]:
    """The libpq URL of a fresh database with the product's schema, dropped after the test."""
    with _database(postgres, template_database) as conninfo:
        yield conninfo


@pytest.fixture
def fresh_databases(
    postgres: PostgresCluster, template_database: str
) -> Iterator[Callable[[], str]]:
    """Makes as many fresh databases as the test asks for; all are dropped after it."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_database(postgres, template_database))


@contextmanager
def _database(postgres: PostgresCluster, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # Copying the files takes 15 ms, writing them through the log (the default) 120.
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield postgres.conninfo(name)
    finally:
        # A test that killed the server has nothing to drop.
        if postgres.running:
            _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(postgres: PostgresCluster, statement: LiteralString) -> None:
    """Run a statement about databases, on a connection kept for it.

    A new one takes as long as the statement, and every test has two of them.
    """
    kept = _kept.get(postgres)
    if kept is not None:
        try:
            kept.execute(statement)
        except psycopg.OperationalError:
            if not kept.closed:
                raise
            _forget(postgres)  # a test has started the server again
        else:
            return
    opened = psycopg.connect(postgres.conninfo("postgres"), autocommit=True)
    _kept[postgres] = opened
    opened.execute(statement)


def _forget(postgres: PostgresCluster) -> None:
    kept = _kept.pop(postgres, None)
    if kept is not None:
        kept.close()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool on the test's database."""
    async with open_pool(database, name="test") as opened:
        yield opened


def listener() -> socket.socket:
    """Listen on a free port of this machine.

    asyncio sends at once only on a socket that says that it is TCP, as those of a deployment do and
    `socket.create_server`'s do not: with that an answer in two pieces takes 40 ms, since the second
    waits until the client has acknowledged the first.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.bind(("127.0.0.1", 0))
    opened.listen(128)
    return opened


def two_free_ports() -> tuple[int, int]:
    """Two ports where nothing listens: drawn one by one they may be the same."""
    first = second = free_port()
    while second == first:
        second = free_port()
    return first, second


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker and how our own parts reach it."""

    process: MosquittoBroker
    device_port: int
    internal_port: int
    username: str
    password: str

    @property
    def directory(self) -> Path:
        """Where its password file, access rules, log and pid lie."""
        return self.process.directory


@pytest.fixture(scope="session")
def broker() -> Iterator[RunningBroker]:
    """The session's Mosquitto; topics outlive a test, so give each test an agency of its own."""
    with walkable_directory() as path:
        running = start_broker(path / "broker")
        try:
            yield running
        finally:
            running.process.stop()


def start_broker(directory: Path) -> RunningBroker:
    """Start a broker with the product's configuration in `directory`; the caller stops it.

    No device may connect until `sapar.fleet.broker.write_devices` names it.
    """
    internal_port, device_port = two_free_ports()
    settings = Settings(
        broker_dir=directory, broker_port=internal_port, device_broker_port=device_port
    )
    process = MosquittoBroker(directory, [settings.broker_port, settings.device_broker_port])
    write_config(settings)
    process.start()
    return RunningBroker(
        process,
        settings.device_broker_port,
        settings.broker_port,
        settings.broker_username,
        ensure_internal_password(settings),
    )


@pytest.fixture
def settings(database: str, broker: RunningBroker) -> Settings:
    """Settings that point at the test's database and the session's broker."""
    return Settings(
        database_url=SecretStr(database),
        broker_port=broker.internal_port,
        broker_username=broker.username,
        broker_password=SecretStr(broker.password),
        device_broker_port=broker.device_port,
        broker_dir=broker.directory,
        log_json=False,
    )
