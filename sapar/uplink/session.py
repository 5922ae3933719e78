"""A worker's session at the broker: stable, shared with the workers of its part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sapar.contract.topics import UpKind, up_filter
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.fleet.broker import shared_group

Part = Literal["ingest", "ticketing"]


def worker_client(
    settings: Settings,
    part: Part,
    worker: int,
    *,
    session_expiry_s: int,
    receive_max: int,
    clean: bool = False,
) -> MqttClient:
    """Make a worker's broker client: its session outlives it, its number names the session.

    With `clean` an earlier session is forgotten, and the client waits for its connection.
    """
    return MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=f"sapar-{part}-{worker}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
        clean_start=clean,
        session_expiry_s=session_expiry_s,
        receive_max=receive_max,
        manual_ack=True,
        wait=clean,
    )


def shared_filters(settings: Settings, part: Part, kinds: Iterable[UpKind]) -> list[str]:
    """Give the shared subscriptions of a part, under a group name that no device can know."""
    group = shared_group(settings, part)
    return [f"$share/{group}/{up_filter(kind)}" for kind in kinds]
