"""`sapar desk`: what happens at the dispatchers' desk without a person."""

from __future__ import annotations

import asyncio
import os

from sapar.core.metrics import Metrics
from sapar.core.settings import Settings


def desk() -> None:
    """Send messages to drivers until they are delivered, and remind of acts that are about to end.

    Start as many as you like: they share the work, and one is enough.
    """
    from sapar.cli.process import run_until_signal, start_part

    settings = Settings()
    run_until_signal(run_desk(settings, start_part(settings, "desk")))


async def run_desk(settings: Settings, _metrics: Metrics) -> None:
    """Wire one desk and run it until cancelled."""
    from sapar.core.db import open_pool
    from sapar.core.log import get_logger
    from sapar.core.mqtt import MqttClient
    from sapar.dispatch.desk.reminders import remind_of_endings
    from sapar.dispatch.messages.publisher import Publisher

    clock = settings.clock()
    conninfo = settings.database_url.get_secret_value()
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=f"sapar-desk-{os.uname().nodename}-{os.getpid()}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
        wait=False,
    )
    async with open_pool(conninfo, name="sapar-desk") as pool, client:
        publisher = Publisher(pool, conninfo, clock, client)
        get_logger().info("desk_starting")
        async with asyncio.TaskGroup() as group:
            group.create_task(publisher.run(), name="messages")
            group.create_task(remind_of_endings(pool, clock), name="reminders")
