"""`sapar desk` as a process, and the reminders that it sends."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sapar.cli.stack import environment
from sapar.core.clock import ManualClock, SystemClock
from sapar.core.db import Pool, connect_async
from sapar.core.settings import Settings
from sapar.dispatch.desk.acts import REMINDER_S, remind
from sapar.dispatch.desk.reminders import remind_of_endings
from sapar.dispatch.messages.store import list_recipients, write_message
from sapar.gtfs.realtime.acts import Skip
from sapar.gtfs.realtime.acts_store import decide
from tests.dispatch.test_messages import WHO, letter
from tests.ingest.support import add_devices

SAPAR = Path(sys.executable).with_name("sapar")


async def test_the_desk_sends_what_waits_and_ends_when_it_is_asked_to(
    settings: Settings, pool: Pool
):
    await add_devices(pool, "deskcity", ["bus-1"])
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO person (user_id, name, created_at) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, %s, now())",
            (WHO.user_id, WHO.name),
        )
    now = SystemClock().now()
    number = await write_message(pool, "deskcity", letter("bus-1"), ["bus-1"], WHO, now)
    process = subprocess.Popen(
        [SAPAR, "desk"],
        env={**os.environ, **environment(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        async with asyncio.timeout(30):
            while (await list_recipients(pool, "deskcity", str(number)))[0].state != "sent":
                assert process.poll() is None
                await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.to_thread(process.communicate, timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Traceback" not in said


async def test_pages_are_told_ten_minutes_before_an_act_ends_and_when_it_has(
    settings: Settings, pool: Pool, monkeypatch
):
    await add_devices(pool, "endcity", [])
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    end = start + timedelta(hours=1)
    act = Skip(stop_ids=["a1"])
    await decide(pool, "endcity", act, author="a", reason="r", now=start, until_at=end)
    before = end - timedelta(seconds=REMINDER_S)
    assert await remind(pool, start, before - timedelta(seconds=1)) == 0
    monkeypatch.setattr("sapar.dispatch.desk.reminders._LOOK_S", 0.02)
    clock = ManualClock(before.timestamp() - 1)
    listening = await connect_async(settings.database_url.get_secret_value())
    async with listening:
        await listening.execute("LISTEN sapar_desk")
        task = asyncio.create_task(remind_of_endings(pool, clock))
        for moment in (before, end):
            await asyncio.sleep(0.1)
            clock.set(moment.timestamp() + 1)
            told = [n.payload async for n in listening.notifies(timeout=10, stop_after=1)]
            assert told == ["endcity acts"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
