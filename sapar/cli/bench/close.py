"""`sapar bench close`: seconds to close a day of a million taps, stage by stage; and to match."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sapar.cli.bench.close_day import PEOPLE, make_day
from sapar.cli.bench.ledger import database_cpu_us, fresh_database
from sapar.cli.bench.ledger_town import AGENCY, make_town
from sapar.core.clock import SystemClock
from sapar.core.db import AsyncConnection, connect, connect_async, open_pool
from sapar.core.errors import Fault
from sapar.core.settings import Settings
from sapar.deploy.native import hold_directory, state_directory
from sapar.finance.agents.day import close_agents_day
from sapar.finance.closing.days import STAGES
from sapar.finance.closing.parts import Which, list_parts
from sapar.finance.closing.reports import get_report
from sapar.finance.closing.signing import Signer, sign
from sapar.finance.closing.stages import run_all
from sapar.finance.closing.today import fold_counts, today
from sapar.ticketing.keys import ensure_master_key
from sapar.ticketing.ledger.export import check_ledger

_GLANCES = 5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CloseOptions:
    """What to measure: cards in the database, taps of the day, lines and items to match."""

    cards: int = 1_300_000
    taps: int = 1_000_000
    lines: int = 50_000
    items: int = 200_000


def bench_close(options: CloseOptions, say: Say) -> dict[str, Any]:
    """Measure on a private cluster that waits for the disk at every commit; give the figures."""
    directory = state_directory(Path.cwd()) / "bench-close"
    with hold_directory(directory):
        with fresh_database(directory) as settings:
            report = asyncio.run(_CloseBench(options, settings, say).run())
        if options.lines:
            from sapar.cli.bench.close_matching import measure_matching

            with fresh_database(directory) as settings:
                report |= measure_matching(settings, options.lines, options.items, say)
    return report


class _CloseBench:
    def __init__(self, options: CloseOptions, settings: Settings, say: Say) -> None:
        self._options = options
        self._settings = settings
        self._say = say
        self._clock = SystemClock()
        self._seconds: dict[str, float] = {}

    async def run(self) -> dict[str, Any]:
        options = self._options
        conninfo = self._settings.database_url.get_secret_value()
        self._say(f"making {options.cards:,} cards and {options.taps:,} taps")
        master = ensure_master_key(self._settings.tap_master_key_file)
        with connect(conninfo) as connection:
            town = make_town(connection, options.cards, master, self._clock.now())
        day = datetime.fromtimestamp(town.begin_ms / 1000, UTC).date()
        with connect(conninfo, autocommit=True) as connection:
            make_day(connection, day, options.cards, options.taps)
        connection_ = await connect_async(conninfo)
        async with connection_:
            return await self._measure(connection_, day)

    async def _measure(self, connection: AsyncConnection, day: date) -> dict[str, Any]:
        after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=2)
        glance = await self._glances(connection, day, after)
        self._say("the daily job of agents, and what else stands in the way")
        async with open_pool(self._settings.database_url.get_secret_value()) as pool:
            await close_agents_day(pool, AGENCY, day, after, "bench")
        await self._stages(connection, day, after)
        await connection.execute(
            "UPDATE ticketing_exception SET accepted_at = now(), accepted_by = 'bench',"
            " accepted_reason = 'bench' WHERE closed_at IS NULL"
        )
        self._seconds.clear()
        self._say("closing the day")
        directory = self._settings.data_dir
        begin_s, begin_us = self._clock.monotonic(), database_cpu_us(directory)
        await self._stages(connection, day, after)
        for act, name in PEOPLE.items():
            await self._timed(act, self._sign(connection, day, act, name, after))
        close_s = self._clock.monotonic() - begin_s
        cpu_s = (database_cpu_us(directory) - begin_us) / 1e6
        report = await get_report(connection, AGENCY, day)
        parts_s = self._clock.monotonic()
        await list_parts(connection, AGENCY, day, Which(code=2210, owner="carrier-7"))
        parts_s = self._clock.monotonic() - parts_s
        self._say("checking the ledger")
        wrong = await check_ledger(connection)
        for one in wrong:
            self._say(f"WRONG: {one}")
        return {
            "cards": self._options.cards,
            "taps": self._options.taps,
            "close_1m_taps_s": round(close_s * 1_000_000 / self._options.taps, 2),
            "close_s": round(close_s, 2),
            "database_cpu_s": round(cpu_s, 2),
            "seconds_by_stage": {name: round(s, 2) for name, s in self._seconds.items()},
            **glance,
            "parts_ms": round(1000 * parts_s, 1),
            "report_bytes": len(report.body),
            "ledger_balanced": not wrong,
        }

    async def _stages(self, connection: AsyncConnection, day: date, after: datetime) -> None:
        runs = await run_all(
            connection, AGENCY, day, actor="bench", now=lambda: after, timed=self._timed
        )
        for run in runs:
            if run.stage in STAGES and run.evidence.get("obstacles"):
                raise Fault(f"{run.stage}: {run.evidence['obstacles']}")

    async def _sign(
        self, connection: AsyncConnection, day: date, act: str, name: str, after: datetime
    ) -> None:
        cursor = await connection.execute("SELECT user_id FROM person WHERE name = %s", (name,))
        row = await cursor.fetchone()
        assert row is not None
        signer = Signer(row[0], name)
        await sign(connection, AGENCY, day, act, signer, now=after)  # type: ignore[arg-type]

    async def _timed(self, name: str, step: Awaitable[Any]) -> Any:
        begin_s = self._clock.monotonic()
        answer = await step
        self._seconds[name] = self._clock.monotonic() - begin_s
        self._say(f"  {name}: {self._seconds[name]:.2f} s")
        return answer

    async def _glances(
        self, connection: AsyncConnection, day: date, after: datetime
    ) -> dict[str, Any]:
        """Measure the counts of the day made from nothing, and then a glance at it."""
        begin_s = self._clock.monotonic()
        await fold_counts(connection)
        fold_s = self._clock.monotonic() - begin_s
        glances = []
        for _ in range(_GLANCES):
            begin_s = self._clock.monotonic()
            found = await today(connection, AGENCY, after, day)
            glances.append(self._clock.monotonic() - begin_s)
            if found.taps != self._options.taps:
                raise Fault(f"today counts {found.taps} taps of {self._options.taps}")
        return {"fold_1m_taps_s": round(fold_s, 2), "today_ms": round(1000 * max(glances), 1)}
