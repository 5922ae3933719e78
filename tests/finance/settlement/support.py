"""A town whose days are posted, closed and settled."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sapar.core.db import AsyncConnection, connect, connect_async
from sapar.finance.settlement.contracts import NewContract, add_contract
from sapar.finance.settlement.engine import ContractKind
from sapar.finance.settlement.running import Settled, run_settlement
from sapar.finance.settlement.statements import list_lines, parts_of
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.types import TapIn
from tests.ticketing.simulated import posting
from tests.ticketing.world import AGENCY, MORNING_MS, World, add_cards

DAY = date(2026, 3, 10)
"""The fare day of `MORNING_MS`."""
NOW = datetime(2026, 4, 5, 9, tzinfo=UTC)
DAY_MS = 86_400_000
CATEGORIES = ("adult", "pupil", "pensioner")
PAYEE = {
    "payee_bin": "990140000385", "payee_iban": "KZ86125KZT5004100100", "payee_bic": "KCJBKZKX",
}  # fmt: skip


def close_days(conninfo: str, from_date: date, to_date: date, agency_id: str = AGENCY) -> None:
    """Close days as they are after two people have signed, without the people."""
    with connect(conninfo) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
            " SELECT %s, day::date, %s, 'test' FROM generate_series(%s::date, %s, '1 day') day"
            " ON CONFLICT (agency_id, business_date)"
            " DO UPDATE SET closed_at = business_day.closed_at + interval '1 second'",
            (agency_id, NOW, from_date, to_date),
        )


def open_day(conninfo: str, day: date, agency_id: str = AGENCY) -> None:
    """Open a day again, as nobody may."""
    with connect(conninfo) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "DELETE FROM business_day WHERE agency_id = %s AND business_date = %s",
            (agency_id, day),
        )


def reopen_for_an_hour(conninfo: str, day: date, agency_id: str = AGENCY) -> None:
    """Leave a day as it is when a reopening has ended and nobody has closed it again."""
    with connect(conninfo) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO day_reopening (agency_id, business_date, revision, user_id, reason,"
            " reopened_at, ends_at) SELECT agency_id, business_date, revision, 1, 'test',"
            " now() - interval '2 hours', now() - interval '1 hour'"
            " FROM business_day WHERE agency_id = %s AND business_date = %s",
            (agency_id, day),
        )


def close_again(conninfo: str, day: date, agency_id: str = AGENCY) -> None:
    """Close such a day as its next revision, without the people."""
    with connect(conninfo) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE business_day SET revision = revision + 1"
            " WHERE agency_id = %s AND business_date = %s",
            (agency_id, day),
        )


@dataclass
class Finance:
    """The world's ledger with whoever settles it."""

    world: World
    connection: AsyncConnection
    accounts: Accounts
    seqs: dict[str, int] = field(default_factory=dict)

    @property
    def conninfo(self) -> str:
        return self.world.conninfo

    def taps(self, seed: int, count: int, day: int = 0, cards: int = 12) -> list[TapIn]:
        """Make rides of a fare day: card `c<number>` has the category of its number."""
        chance, taps = random.Random(seed), []
        names = sorted(self.world.devices)
        times = sorted(chance.randrange(10 * 3_600_000) for _ in range(count))
        for at in times:
            device = chance.choice(names)
            self.seqs[device] = self.seqs.get(device, 0) + 1
            tap = self.world.tap(
                device, self.seqs[device], MORNING_MS + day * DAY_MS + at,
                f"c{chance.randrange(cards)}", num_riders=chance.choice([1, 1, 1, 2]),
            )  # fmt: skip
            taps.append(self.world.tap_in(device, tap))
        return taps

    async def post(self, taps: Sequence[TapIn]) -> None:
        async with posting(self.world) as post:
            if taps:
                await post(taps)

    def close(self, days: int, first: date = DAY) -> None:
        close_days(self.conninfo, first, first + timedelta(days=days - 1))

    async def settle(self, days: int = 1, first: date = DAY) -> Settled:
        return await run_settlement(
            self.connection, self.accounts, AGENCY, first, first + timedelta(days=days - 1),
            actor="dana", now=NOW,
        )  # fmt: skip

    async def contract(self, carrier: str, kind: ContractKind = "net", **values: Any):
        terms: dict[str, Any] = {"valid_from": date(2026, 1, 1), **PAYEE}
        if kind == "net":
            terms["commission_bp"] = 1000
        else:
            terms |= {"rate_tiyn": 45_000, "city": "akimat"}
        new = NewContract(carrier_id=carrier, kind=kind, **terms | values)
        return await add_contract(self.connection, AGENCY, new, actor="dana", now=NOW)

    async def rows(self, sql: str, *values: Any) -> list[tuple]:
        return await (await self.connection.execute(sql, values)).fetchall()

    async def balances(self, *codes: int) -> dict[tuple[int, str], int]:
        """Debits less credits by (code, owner), where there is anything."""
        rows = await self.rows(
            "SELECT code, owner, balance FROM account WHERE code = ANY(%s) AND balance <> 0",
            list(codes),
        )
        return {(code, owner): balance for code, owner, balance in rows}

    async def clearing_by_day(self) -> dict[tuple[str, date], int]:
        """What stands on 2210 and 2220 by owner and the fare day of the tap or the journal."""
        rows = await self.rows(
            "SELECT a.owner, coalesce(t.service_date, e.service_date), sum(e.amount)::bigint"
            " FROM entry e JOIN account a USING (account_no) LEFT JOIN tap t USING (tap_no)"
            " WHERE a.code IN (2210, 2220) GROUP BY 1, 2 HAVING sum(e.amount) <> 0"
        )
        return {(owner, day): amount for owner, day, amount in rows}

    async def check_parts(self, statement_no: int) -> None:
        """Every line of a statement is the sum of its parts."""
        for line in await list_lines(self.connection, statement_no):
            parts = await parts_of(self.connection, AGENCY, line.line_no, most=100_000)
            whole = sum(part.amount_tiyn for part in parts), sum(part.boardings for part in parts)
            match line.block:
                case "fares" | "late" | "refunds":
                    assert whole == (line.gross_tiyn, line.boardings), line
                case "clawback":
                    assert whole[0] == line.clawed_tiyn, line
                case "boardings":
                    assert whole[1] == line.boardings, line
                case "production":
                    assert sum(part.metres for part in parts) == line.metres, line
                case "pass_pool":
                    assert whole[1] == line.boardings, line


@asynccontextmanager
async def finance_of(world: World, cards: int = 12):
    """Settle a world over a connection of its own; its cards are c0, c1, …."""
    add_cards(world, [(f"c{n}", CATEGORIES[n % len(CATEGORIES)]) for n in range(cards)])
    async with await connect_async(world.conninfo) as connection:
        yield Finance(world, connection, Accounts(world.conninfo))
