"""A town whose days are closed: its people, and the way of a day from its stages to its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sapar.core.db import AsyncConnection, connect, open_pool
from sapar.finance.agents.day import close_agents_day
from sapar.finance.closing.days import DayStatus, StageRun
from sapar.finance.closing.signing import Signer, sign
from sapar.finance.closing.stages import run_all
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.cards.operations import Desk, Outcome, carry_out
from sapar.ticketing.cards.requests import Paid, TopUp
from sapar.ticketing.post import Tools, judge_again, post_taps
from sapar.ticketing.types import Posted, TapIn
from tests.ticketing.taps.support import AGENCY, NOON_MS

DAY = date(2026, 3, 18)
NEXT = DAY + timedelta(days=1)
BEFORE = DAY - timedelta(days=1)
NOW = datetime(2026, 3, 20, 3, 0, tzinfo=UTC)
A_DAY = 24 * 60
"""Minutes."""

GRANTS = (
    ("aigul", "accountant", None),
    ("bota", "chief_accountant", None),
    ("chingis", "accountant", "town"),
    ("chingis", "chief_accountant", "town"),
    ("dana", "cashier", None),
    ("ermek", "chief_accountant", "village"),
)


@dataclass
class Books:
    """The town, and the one connection that posts to it and closes its days."""

    conninfo: str
    devices: list[DeviceEntry]
    tools: Tools
    connection: AsyncConnection
    people: dict[str, Signer] = field(default_factory=dict)

    async def post(self, *taps: TapIn) -> Posted:
        return await post_taps(self.connection, self.tools, taps)

    async def rows(self, query: str, values: Any = ()) -> list[tuple]:
        return await (await self.connection.execute(query, values)).fetchall()

    async def top_up(self, card: str, amount_tiyn: int, key: str) -> Outcome:
        """At noon of the day, by the agent kassa24."""
        desk = Desk(self.tools.clock, self.tools.accounts, self._judge)
        request = TopUp(
            agency_id=AGENCY, key=key, actor="kassa24", card_ref=card, amount_tiyn=amount_tiyn,
            paid=Paid(by="agent", name="kassa24"), at_ms=NOON_MS,
        )  # fmt: skip
        return await carry_out(self.connection, desk, request)

    async def _judge(self, connection: AsyncConnection, touched: Any) -> None:
        await judge_again(connection, self.tools, touched)

    async def accept(self, day: date = DAY, reason: str = "looked at") -> int:
        """Accept all open exceptions of a day; give how many."""
        cursor = await self.connection.execute(
            "UPDATE ticketing_exception e SET accepted_at = %s, accepted_by = 'aigul',"
            " accepted_reason = %s WHERE closed_at IS NULL AND accepted_at IS NULL"
            " AND (business_date = %s OR business_date IS NULL AND EXISTS (SELECT FROM tap t"
            "      WHERE t.tap_no = e.tap_no AND t.service_date = %s))",
            (NOW, reason, day, day),
        )
        return cursor.rowcount

    async def run(self, day: date = DAY) -> list[StageRun]:
        return await run_all(self.connection, AGENCY, day, actor="aigul", now=lambda: NOW)

    async def prepare(self, day: date = DAY, by: str = "aigul") -> DayStatus:
        return await sign(self.connection, AGENCY, day, "prepared", self.people[by], now=NOW)

    async def approve(self, day: date = DAY, by: str = "bota") -> DayStatus:
        return await sign(self.connection, AGENCY, day, "approved", self.people[by], now=NOW)

    async def agents(self, day: date = DAY) -> None:
        """Do the daily job of agents."""
        async with open_pool(self.conninfo) as pool:
            await close_agents_day(pool, AGENCY, day, NOW, "aigul")

    async def ready(self, day: date = DAY) -> None:
        """Run the stages, accept what stands in the way, and run them again."""
        await self.agents(day)
        await self.run(day)
        if await self.accept(day):
            await self.run(day)

    async def close(self, day: date = DAY) -> DayStatus:
        await self.ready(day)
        await self.prepare(day)
        return await self.approve(day)


def make_people(conninfo: str) -> dict[str, Signer]:
    """Make the people of `GRANTS`, and the agency next door."""
    people: dict[str, Signer] = {}
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone)"
            " VALUES ('village', 'Village', 'Asia/Aqtobe') ON CONFLICT DO NOTHING"
        )
        for name, role, agency_id in GRANTS:
            if name not in people:
                row = connection.execute(
                    "INSERT INTO person (name, created_at) VALUES (%s, '2026-01-01Z')"
                    " RETURNING user_id",
                    (name,),
                ).fetchone()
                assert row is not None
                people[name] = Signer(row[0], name)
            connection.execute(
                "INSERT INTO person_role (user_id, role, agency_id) VALUES (%s, %s, %s)",
                (people[name].user_id, role, agency_id),
            )
    return people
