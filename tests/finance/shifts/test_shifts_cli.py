"""The commands of shifts, and the look that the workers take beside."""

import asyncio
import json
from datetime import UTC, datetime

from typer.testing import CliRunner

from sapar.cli.ticketing import app
from sapar.core.clock import ManualClock
from sapar.core.db import connect_async
from sapar.finance.shifts.keeping import watch_once
from tests.finance.shifts.support import bring, report_of
from tests.finance.shifts.test_watch import EVENING, records, rides


async def test_list_show_and_compare(town, pool, monkeypatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", town.conninfo)
    monkeypatch.setenv("SAPAR_AGENCY", "town")
    v1 = town.devices[0]
    taps = rides(v1, 1, 5)
    await town.post(*taps[:3], taps[4])
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps)))

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["shifts", *words])
        assert done.exit_code == code, done.output
        return done.output

    compared = await asyncio.to_thread(run, "compare", "--since", "2026-03-18", code=1)
    assert "differences: 1 opened" in compared
    assert "gaps: 0 opened" in compared
    again = await asyncio.to_thread(run, "compare", "--since", "2026-03-18")
    assert "differences: 0 opened, 0 changed, 0 closed" in again
    rows = json.loads(await asyncio.to_thread(run, "list", "--differing", "--json"))
    assert [(one["device_id"], one["value_tiyn"]) for one in rows] == [("v1", 8000)]
    assert "v1" in await asyncio.to_thread(run, "list", "--day", "2026-03-18")
    shown = await asyncio.to_thread(run, "show", "v1", "1")
    assert "missing_on_server single: +1 taps, +8000 tiyn" in shown
    [whole] = json.loads(await asyncio.to_thread(run, "show", "v1", "1", "--json"))
    assert whole["contents"][0]["data"]["total_tiyn"] == 40000
    await asyncio.to_thread(run, "show", "v1", "2", code=1)


async def test_workers_look_and_one_at_a_time(town, pool):
    v1 = town.devices[0]
    taps = rides(v1, 1, 3)
    await town.post(*taps[:2])
    await bring(pool, town.conninfo, town.devices, v1, report_of(1, records(taps)))
    clock = ManualClock(EVENING.timestamp())
    other = await connect_async(town.conninfo)
    async with other:
        await other.execute("SELECT pg_advisory_lock(hashtextextended('watch shifts', 0))")
        assert await watch_once(town.conninfo, clock) == 0
    assert await watch_once(town.conninfo, clock) == 1
    assert await watch_once(town.conninfo, clock) == 0
    rows = await town.rows("SELECT kind, opened_at FROM ticketing_exception")
    assert rows == [("shift_difference", datetime.fromtimestamp(EVENING.timestamp(), UTC))]
