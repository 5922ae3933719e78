"""A worker is killed while it posts, again and again: nothing is lost, and nothing posted twice.

Everything is real: validators over the broker, sealed taps, the worker as a process of its own.
`make soak` kills it 200 times.
"""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from sapar.cli.stack import environment
from sapar.contract.codec import encode
from sapar.contract.seal import digest_of_tap
from sapar.core.clock import SystemClock
from sapar.core.db import connect, open_pool
from sapar.core.settings import Settings
from sapar.simulators.device import Credentials, DeviceClient, DeviceOptions
from sapar.simulators.outbox import Entry, pair
from sapar.simulators.swarm import running
from sapar.simulators.taps_faults import TapFaults
from sapar.simulators.taps_seal import Sealer, make_ed25519_key
from sapar.ticketing.key_store import add_key
from sapar.ticketing.tariff.versions import publish, store_draft
from tests.services import start_broker
from tests.simulators.acknowledger import PASSWORD, admit
from tests.ticketing.agreement import (
    check_invariants,
    compare,
    exported,
    oracle_export,
)
from tests.ticketing.simulated import (
    planted_day,
    sealed_code,
)
from tests.ticketing.world import (
    AGENCY,
    MORNING_MS,
    town_tariff,
)

KILLS = int(os.environ.get("SAPAR_SOAK_KILLS", "20"))
TAPS_A_KILL = 150
WORKER = "import typer; from sapar.cli.ticketing.run import run; typer.run(run)"
FAULTS = TapFaults(
    conflict=0.01, clone=0.01, replay=0.01, forged=0.005, stranger=0.005, unsigned=0.005,
    denied=0.01, drift=0.0, reboot=0.3, lost=0.5,
)  # fmt: skip
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Worker:
    """The worker's process."""

    def __init__(self, settings, log):
        self._environment = os.environ | environment(settings)
        self._path, self._log = log, log.open("ab")
        self._process: Any = None

    async def start(self):
        """Start it, and wait until it takes taps."""
        begin = self._path.stat().st_size
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )
        while b"ticketing_started" not in self._path.read_bytes()[begin:]:
            assert self._process.poll() is None, self._path.read_text()[-2000:]
            await asyncio.sleep(0.02)

    def kill(self):
        assert self._process.poll() is None, "the worker ended by itself"
        self._process.kill()
        self._process.wait()

    def stop(self):
        self._process.terminate()
        assert self._process.wait(30) == 0

    def close(self):
        """Leave nothing behind, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


async def register(settings, names):
    """Give every validator a key, and the town its tariff."""
    keys = {name: make_ed25519_key(3, name) for name in names}
    conninfo = settings.database_url.get_secret_value()
    with connect(conninfo) as connection:
        for name, key in keys.items():
            add_key(
                connection,
                AGENCY,
                name,
                algorithm=key.algorithm,
                public_key=key.public_key,
                valid_from=LONG_AGO,
                key_id=key.key_id,
            )
    now = SystemClock().now()
    async with open_pool(conninfo) as pool:
        draft = await store_draft(pool, AGENCY, town_tariff(), now=now, actor="test")
        await publish(
            pool, AGENCY, draft.version_no, LONG_AGO,
            now=now, actor="test", force=True, alone="the first",
        )  # fmt: skip
    return keys


def entries_of(world, sealed):
    """Give what each device keeps to send, in order; both contents of a number travel together."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for one in sealed:
        payload, kept = encode(one.tap), found[f"validator-{one.device}"]
        last = kept[-1] if kept else None
        if last is not None and (last.epoch, last.seq) == (one.tap.epoch, one.tap.seq):
            last.payload, last.records = pair(last.payload, payload, "json"), 2
        else:
            kept.append(Entry("tap", one.tap.epoch, one.tap.seq, payload))
    return found


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # at length, see above
async def test_nothing_is_lost_or_doubled_when_the_worker_is_killed(
    world, service_directory, tmp_path
):
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")
    draw = random.Random(seed)
    broker = start_broker(service_directory / "broker")
    try:
        settings = Settings(
            database_url=SecretStr(world.conninfo),
            broker_port=broker.internal_port,
            broker_username=broker.username,
            broker_password=SecretStr(broker.password),
            device_broker_port=broker.device_port,
            broker_dir=broker.directory,
            data_dir=tmp_path,
            clock_origin_wall_s=SystemClock().wall(),
            clock_origin_time_s=MORNING_MS / 1000 + 86_400.0,
        )
        await run(world, settings, broker, draw, tmp_path / "worker.log")
    finally:
        broker.process.stop()
    print((tmp_path / "worker.log").read_text()[-2000:])
    with connect(world.conninfo) as connection:
        refused = connection.execute("SELECT code, count(*) FROM dead_letter GROUP BY 1").fetchall()
    assert refused == []
    compare(world)
    check_invariants(world.conninfo)
    assert await exported(world.conninfo) == oracle_export(world.model)


async def run(world, settings, broker, draw, log):
    names = sorted(world.devices)
    keys = await register(settings, names)
    planted = planted_day(world, draw.randrange(1000), KILLS * TAPS_A_KILL, FAULTS, cards=9000)
    planted.sort(key=lambda one: (one.device, one.tap.epoch, one.tap.seq, one.variant))
    sealed = Sealer(AGENCY, names, keys).seal_all(planted)
    for one in sealed:
        name = f"validator-{one.device}"
        taken = world.tap_in(name, one.tap, sealed_code(one))
        assert taken.digest == digest_of_tap(AGENCY, name, one.tap)
        world.model.taps.add(world.fact(taken))
    admit(broker, AGENCY, names)
    devices = [
        DeviceClient(
            "127.0.0.1", broker.device_port, AGENCY, Credentials(name, PASSWORD, ""), epoch=1,
            clock=SystemClock(), options=DeviceOptions(ack_timeout_s=1.5), seed=number,
        )
        for number, name in enumerate(names)
    ]  # fmt: skip
    waiting = entries_of(world, sealed)
    worker = Worker(settings, log)
    async with AsyncExitStack() as stack:
        stack.callback(worker.close)
        await stack.enter_async_context(running(devices))
        for device in devices:
            device.config.upload_messages_per_s = 50.0
        busy = 0
        for number in range(KILLS):
            await worker.start()
            feed = asyncio.create_task(_feed(devices, waiting, KILLS - number))
            await asyncio.sleep(draw.uniform(0.05, 1.2))
            busy += any(len(device.outbox) for device in devices)
            worker.kill()
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
        assert busy > KILLS // 2
        for device in devices:
            for entry in waiting.pop(device.credentials.device_id, []):
                device.keep(entry)
        await worker.start()
        async with asyncio.timeout(120):
            while any(len(device.outbox) for device in devices):
                await asyncio.sleep(0.1)
        worker.stop()


async def _feed(devices, waiting, turns):
    """Let each device tap its share of what is left, a few taps at a time."""
    shares = {name: -(-len(entries) // turns) for name, entries in waiting.items()}
    for _ in range(10):
        for device in devices:
            name = device.credentials.device_id
            for _ in range(min(-(-shares.get(name, 0) // 10), len(waiting.get(name, ())))):
                device.keep(waiting[name].pop(0))
        await asyncio.sleep(0.15)
