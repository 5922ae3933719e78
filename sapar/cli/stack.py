"""A private database and broker, and the environment that parts need to reach them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from sapar.core.db import connect, migrate
from sapar.core.settings import Settings
from sapar.deploy.native import HeldPort, MosquittoBroker, PostgresCluster, free_port, hold_port
from sapar.fleet.broker import ensure_internal_password, write_config

_DATABASE = "sapar_local"
_PORTS = {"broker_port": 1884, "device_broker_port": 1883, "http_port": 8080}


class LocalStack:
    """A running PostgreSQL with TimescaleDB and a running Mosquitto, fresh and migrated.

    The cluster's files are kept between runs, so that a later start is quick; the database in it
    and the broker's sessions are made anew each time. Its ports are held from the start to the end,
    so that another stack takes others also while nothing listens yet: the API comes a minute later.

    Args:
        directory: holds everything; one stack at a time may use it.
        changes: settings over the defaults, for all parts.
        durable: False leaves out waiting for the disk; commits still survive killed processes.
        postgres_settings: further server settings.
    """

    def __init__(
        self,
        directory: Path,
        changes: Mapping[str, Any] | None = None,
        *,
        durable: bool = True,
        postgres_settings: Mapping[str, str | int] | None = None,
    ) -> None:
        self._directory = directory
        self._changes = dict(changes or {})
        self.postgres = PostgresCluster(
            directory / "postgres",
            port=free_port(5432),
            durable=durable,
            settings=postgres_settings,
        )
        self._held: list[HeldPort] = []
        self.broker: MosquittoBroker
        self.settings = Settings()

    def __enter__(self) -> Self:
        """Start both; the settings then say where they are.

        Raises:
            Unavailable: one of them is not installed or does not start.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop both."""
        self.stop()

    def _start(self) -> None:
        self.postgres.start()
        with connect(self.postgres.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {_DATABASE}")
        conninfo = self.postgres.conninfo(_DATABASE)
        migrate(conninfo)
        broker_dir = self._directory / "broker"
        for old in ("mosquitto.db", "mosquitto.log*", "devices.passwd", "devices.acl"):
            for path in broker_dir.glob(old):
                path.unlink()
        settings = Settings().model_copy(
            update={
                "database_url": SecretStr(conninfo),
                **self._hold_ports(),
                "broker_dir": broker_dir,
                "data_dir": self._directory,
                **self._changes,
            }
        )
        password = ensure_internal_password(settings)
        self.settings = settings.model_copy(update={"broker_password": SecretStr(password)})
        ports = (self.settings.broker_port, self.settings.device_broker_port)
        self.broker = MosquittoBroker(broker_dir, ports)
        write_config(self.settings)
        self.broker.start()

    def _hold_ports(self) -> dict[str, int]:
        found = {}
        for name, preferred in _PORTS.items():
            if name not in self._changes:
                held = hold_port(preferred)
                self._held.append(held)
                found[name] = held.port
        return found

    def stop(self) -> None:
        """Stop what runs, in order."""
        try:
            if hasattr(self, "broker"):
                self.broker.stop()
        finally:
            try:
                self.postgres.stop()
            finally:
                while self._held:
                    self._held.pop().let_go()


def environment(settings: Settings) -> dict[str, str]:
    """Give the environment variables that make a part read exactly these settings."""
    found = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is None:
            continue  # not set is said by saying nothing
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        found[f"SAPAR_{name.upper()}"] = str(value)
    return found
