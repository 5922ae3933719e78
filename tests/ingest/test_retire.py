"""A worker that is gone for good: its session is drained, and its share goes to the others."""

import asyncio

from sapar.contract.codec import encode
from sapar.contract.topics import device_topic
from sapar.core.metrics import Metrics
from sapar.ingest.worker import retire
from tests.ingest.support import AGENCY, add_devices, at_work, device, fix, rows, worker

GPS = device_topic(AGENCY, "a", "gps")


async def test_a_retired_worker_leaves_nothing_behind_and_takes_no_share(settings, pool):
    await add_devices(pool, AGENCY, ["a"])
    gone = settings.model_copy(update={"ingest_worker": 7, "ingest_batch_max": 30})
    async with at_work(gone, Metrics()):
        pass
    async with device(settings, "a") as bus:
        batches = [encode([fix(n * 20 + i) for i in range(20)]) for n in range(50)]
        await bus.publish_many([(GPS, payload) for payload in batches])
        assert await retire(gone, gone.clock(), Metrics(), quiet_s=0.5) == 50
        assert await rows(pool, "SELECT count(DISTINCT seq), count(*) FROM fix") == [(1000, 1000)]
        async with worker(settings):
            await bus.publish_many([(GPS, encode(fix(n))) for n in range(2000, 2100)])
            async with asyncio.timeout(30):
                while await rows(pool, "SELECT count(*) FROM fix") != [(1100,)]:
                    await asyncio.sleep(0.05)
