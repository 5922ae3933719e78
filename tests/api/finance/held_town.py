"""The money town with taps that are held: debited twice, two contents, a counter used twice.

Card c7 (adult) rides at 12:20 and is debited again half a minute later. Number 3 of validator v3
came with two contents: c7 at 12:50 counts, c10 at 12:51 is held. Card c10 uses its counter 5 at
12:40 and again at 13:40, which is held. A tap of c7 has no seal.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from sapar.core.clock import ScaledClock
from sapar.core.db import Connection, connect, connect_async
from sapar.core.settings import Settings
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.post import post_taps
from tests.api import town
from tests.api.conftest import Instance, running
from tests.api.finance.money_town import LATER_MS, fill
from tests.ticketing.taps.support import AGENCY, make_tools, tap_of

KINDS = ("double_debit", "identity_conflict", "counter_reused", "unsigned")


def validators(connection: Connection) -> list[DeviceEntry]:
    """v3 and v4."""
    rows = connection.execute(
        "SELECT device_no, device_id FROM device WHERE device_id IN ('v3', 'v4') ORDER BY 2"
    ).fetchall()
    return [DeviceEntry(no, AGENCY, name, "validator") for no, name in rows]


async def reuse_in_next_month(conninfo: str) -> None:
    """Let c10 use its counter 5 once more fifteen days later, in April."""
    with connect(conninfo) as connection:
        _, other = validators(connection)
    tap = tap_of(other, 4, "c10", 15 * 24 * 60, counter=5, route_id="105")
    async with await connect_async(conninfo) as connection:
        await post_taps(connection, make_tools(conninfo), [tap])


async def hold(conninfo: str) -> None:
    """Let people ride in a way that somebody must look at."""
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO carrier_service (carrier_no, vehicle_id, valid)"
            " SELECT carrier_no, CASE carrier_id WHEN 'green' THEN 'b1' ELSE 'b2' END, '(,)'"
            " FROM carrier"
        )
        first, other = validators(connection)
    taps = [
        tap_of(first, 1, "c7", 20, route_id="105"),
        tap_of(first, 2, "c7", 20.5, route_id="105"),
        tap_of(first, 3, "c7", 50, route_id="105"),
        tap_of(first, 3, "c10", 51, route_id="105"),
        tap_of(other, 1, "c10", 40, counter=5, route_id="105"),
        tap_of(other, 2, "c10", 100, counter=5, route_id="105"),
        tap_of(other, 3, "c7", 110, route_id="105", sealed="unsigned"),
    ]
    async with await connect_async(conninfo) as connection:
        await post_taps(connection, make_tools(conninfo), taps)


def held_by_kind(conninfo: str) -> dict[str, tuple[int, int]]:
    """Kind → number of its first exception, and of the tap that is held."""
    with connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT kind, exception_no, tap_no FROM ticketing_exception WHERE kind = ANY(%s)"
            " ORDER BY exception_no DESC",
            (list(KINDS),),
        ).fetchall()
    return {kind: (exception_no, tap_no) for kind, exception_no, tap_no in rows}


@pytest.fixture
async def held(settings: Settings) -> AsyncIterator[Instance]:
    """An instance of the town, an hour or two after the rides."""
    conninfo = settings.database_url.get_secret_value()
    await fill(conninfo)
    await hold(conninfo)
    town.import_town(conninfo, AGENCY)
    clock = ScaledClock(time.time(), LATER_MS / 1000 + 3600)
    async with running(settings.model_copy(update={"agency": AGENCY}), clock=clock) as instance:
        yield instance
