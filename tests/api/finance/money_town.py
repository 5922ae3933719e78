"""A small town with real taps for the finance desk's tests: cards, rides, top-ups, a tariff.

Cards c1 (adult), c2 (pupil) and c3 (pensioner) ride on 18 March 2026; c1 has 500 tenge, another
top-up that waits for a tap, and a hole in its counter; c4 is blocked as stolen; c5 owes for a ride
and is blocked for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sapar.core.clock import ManualClock, ScaledClock
from sapar.core.db import connect, connect_async, open_pool
from sapar.core.settings import Settings
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import AnyRequest, Block, Paid, TopUp
from sapar.ticketing.post import judge_again, post_taps
from sapar.ticketing.tariff.city import city_tariff
from sapar.ticketing.tariff.versions import publish, store_draft
from tests.api import town
from tests.api.conftest import Instance, running
from tests.ticketing.taps.support import AGENCY, NOON_MS, make_tools, make_town, tap_of

DAY = "2026-03-18"
LATER_MS = NOON_MS + 3_600_000  # when people sit at the desk
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KIOSK = Paid(by="agent", name="kiosk")


async def fill(conninfo: str) -> None:
    """Make the town, publish its tariff, and let people ride."""
    devices = make_town(conninfo)
    tools = make_tools(conninfo)
    async with open_pool(conninfo, max_size=2, name="fill") as pool:
        stored = await store_draft(
            pool, AGENCY, city_tariff(double_debit_window_s=60), now=LONG_AGO, actor="test"
        )
        await publish(
            pool, AGENCY, stored.version_no, LONG_AGO, now=LONG_AGO, actor="test", force=True,
            alone="the first one",
        )  # fmt: skip
    desk = Desk(
        ManualClock(NOON_MS / 1000 - 60),
        tools.accounts,
        lambda connection, touched: judge_again(connection, tools, touched),
    )
    connection = await connect_async(conninfo)
    try:
        for number, request in enumerate(_requests()):
            await carry_out(connection, desk, _keyed(request, number))
        await post_taps(
            connection,
            tools,
            [
                tap_of(devices[0], 1, "c1", 10, counter=7, route_id="105"),
                tap_of(devices[1], 1, "c1", 90, counter=11, vehicle="b2", route_id="14"),
                tap_of(devices[0], 2, "c2", 12, route_id="105"),
                tap_of(devices[0], 3, "c3", 13, route_id="105"),
                tap_of(devices[1], 2, "c5", 14, vehicle="b2", route_id="14"),
            ],
        )
        owing = Block(agency_id=AGENCY, key="", actor="sapar", card_ref="c5", reason="debt")
        late = Desk(ManualClock(NOON_MS / 1000 + 3000), tools.accounts, desk.rejudge)
        await carry_out(connection, late, _keyed(owing, 99))
        pending = TopUp(
            agency_id=AGENCY, key="", actor="kiosk-1", card_ref="c1", amount_tiyn=200_000,
            paid=KIOSK, activation_days=30,
        )  # fmt: skip
        after = Desk(ManualClock(NOON_MS / 1000 + 7000), tools.accounts, desk.rejudge)
        await carry_out(connection, after, _keyed(pending, 98))
    finally:
        await connection.close()


def _requests() -> list[AnyRequest]:
    whose: dict[str, Any] = {"agency_id": AGENCY, "key": "", "actor": "kiosk-1"}
    return [
        TopUp(**whose, card_ref="c1", amount_tiyn=50_000, paid=KIOSK),
        TopUp(**whose, card_ref="c2", amount_tiyn=10_000, paid=KIOSK),
        Block(**whose, card_ref="c4", reason="stolen", note="told by phone"),
    ]


def _keyed(request: AnyRequest, number: int) -> AnyRequest:
    import msgspec

    return msgspec.structs.replace(request, key=f"t-{number}")


def card_no_of(conninfo: str, card_ref: str) -> int:
    with connect(conninfo) as connection:
        row = connection.execute(
            "SELECT card_no FROM card WHERE card_ref = %s", (card_ref,)
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
async def money(settings: Settings) -> AsyncIterator[Instance]:
    """An instance whose default agency is the town, an hour or two after the rides."""
    conninfo = settings.database_url.get_secret_value()
    await fill(conninfo)
    town.import_town(conninfo, AGENCY)
    clock = ScaledClock(time.time(), LATER_MS / 1000 + 3600)
    async with running(settings.model_copy(update={"agency": AGENCY}), clock=clock) as instance:
        yield instance
