"""A broker with the product's own configuration, and clients that behave as devices do."""

import asyncio
import pwd
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.deploy.native import MosquittoBroker
from sapar.fleet.broker import (
    Credential,
    ensure_internal_password,
    reload_broker,
    write_config,
    write_devices,
)
from sapar.fleet.credentials import hash_password
from tests.services import two_free_ports


@dataclass(frozen=True)
class ProductBroker:
    process: MosquittoBroker
    settings: Settings

    def devices(self, passwords: dict[tuple[str, str], str]) -> None:
        """Let exactly these (agency, device) in, and have the broker know it."""
        write_devices(
            self.settings,
            [Credential(*key, hash_password(password)) for key, password in passwords.items()],
        )
        assert reload_broker(self.settings) == "reloaded"

    def device(self, name: str, password: str, **options) -> MqttClient:
        """A device's client; `name` is agency.device."""
        return MqttClient(
            "127.0.0.1",
            self.settings.device_broker_port,
            client_id=options.pop("client_id", name),
            username=name,
            password=password,
            **options,
        )

    def own(self, client_id: str, **options) -> MqttClient:
        """A client of our own parts, on the internal listener."""
        return MqttClient(
            "127.0.0.1",
            self.settings.broker_port,
            client_id=client_id,
            username=self.settings.broker_username,
            password=ensure_internal_password(self.settings),
            **options,
        )

    def tool(self, program: str, user: str, password: str, *arguments: str) -> Sequence[str]:
        """The command line of mosquitto_pub or mosquitto_sub on the device listener."""
        port = str(self.settings.device_broker_port)
        return [program, "-h", "127.0.0.1", "-p", port, "-u", user, "-P", password, *arguments]


@contextmanager
def product_broker(directory: Path, **changes) -> Iterator[ProductBroker]:
    """Run Mosquitto with the configuration that Sapar writes."""
    internal_port, device_port = two_free_ports()
    settings = Settings(
        broker_dir=directory,
        broker_password=SecretStr(""),
        broker_port=internal_port,
        device_broker_port=device_port,
        **changes,
    )
    process = MosquittoBroker(directory, [settings.broker_port, settings.device_broker_port])
    write_config(settings)
    process.start()
    try:
        yield ProductBroker(process, settings)
    finally:
        process.stop()


def run_tool(command: Sequence[str], timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s)


async def eventually(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def collect(client: MqttClient, into: list[Message]) -> None:
    """Keep reading a client's messages into a list."""
    while True:
        into += await client.read()


def owner_of(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name
