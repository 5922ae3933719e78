"""A pass that is taken back is as if it had never been sold, in whatever order rides come to light."""

import asyncio
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from sapar.core.db import AsyncConnection, connect_async
from sapar.core.errors import Refused
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import SellPass, TakeBackPass, TopUp
from sapar.ticketing.post import post_taps
from tests.services import _database
from tests.ticketing.agreement import exported
from tests.ticketing.cards.test_with_taps import COMMON, MINUTE_MS, PAID, desk_of
from tests.ticketing.taps.support import NOON_MS, make_tools, make_town, state_of, tap_of

SELL, TAKE_BACK = "sell", "take back"
Ride = tuple[int, int, bool]
"""Minutes after noon, the number of the validator, and whether somebody rides along."""


@dataclass(frozen=True)
class Day:
    """What happens: rides, a second pass of the same product that stays, who pays the pass."""

    rides: tuple[Ride, ...]
    other: bool
    cash: bool


def _sale(key: str, first: int, last: int, cash: bool) -> SellPass:
    """Sell a pass at one, with the days from a minute to another; all of it is retroactive."""
    return SellPass(
        **COMMON, key=key, card_ref="c1", product_id="month_pass", price_tiyn=20_000,
        valid_from_ms=NOON_MS + first * MINUTE_MS, valid_to_ms=NOON_MS + last * MINUTE_MS,
        paid=PAID if cash else None,
    )  # fmt: skip


async def play(conninfo: str, day: Day, steps: list[Any]) -> tuple[bool, Any]:
    """Let steps happen: an operation, or the number of a ride; say whether the pass went back."""
    devices = make_town(conninfo)
    tools = make_tools(conninfo)
    desk = desk_of(tools)
    connection = await connect_async(conninfo)
    back = False
    try:
        top_up = TopUp(**COMMON, key="t", card_ref="c1", amount_tiyn=100_000, paid=PAID)
        await carry_out(connection, desk, top_up)
        if day.other:
            await carry_out(connection, desk, _sale("other", 30, 120, True))
        sale_no = 0
        for step in steps:
            if step == SELL:
                done = await carry_out(connection, desk, _sale("s", 0, 60, day.cash))
                sale_no = done.receipt.journal_no or 0
            elif step == TAKE_BACK:
                request = TakeBackPass(
                    **COMMON, key="b", card_ref="c1", sale_no=sale_no, reason="mistake"
                )
                back = await _went_back(connection, desk, request)
            else:
                minute, device, two = day.rides[step]
                tap = tap_of(
                    devices[device], step + 1, "c1", minute, vehicle=f"b{1 + device % 2}",
                    num_riders=1 + two,
                )  # fmt: skip
                await post_taps(connection, tools, [tap])
    finally:
        await connection.close()
    return back, (state_of(conninfo), await exported(conninfo))


async def _went_back(connection: AsyncConnection, desk: Desk, request: TakeBackPass) -> bool:
    code = ""
    try:
        await carry_out(connection, desk, request)
    except Refused as exc:
        code = exc.code
    assert code in {"", "pass_used"}
    return code == ""


rides = st.tuples(st.integers(-20, 130), st.integers(0, 3), st.booleans())


@st.composite
def stories(draw: st.DrawFn) -> tuple[Day, list[Any]]:
    made = draw(st.lists(rides, max_size=4))
    order = draw(st.permutations([SELL, TAKE_BACK, *range(len(made))]))
    first, second = sorted((order.index(SELL), order.index(TAKE_BACK)))
    order[first], order[second] = SELL, TAKE_BACK  # what was not sold is not taken back
    return Day(tuple(made), draw(st.booleans()), draw(st.booleans())), order


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories())
def test_any_order_comes_to_one_export(postgres, template_database, story):
    """Taken back: every ride costs what it would if the pass had never been sold. Refused: what it
    would if nobody had asked. Which of the two follows from whether a ride had used it by then."""
    day, order = story

    def come_to(*steps: Any) -> tuple[dict[str, list], bytes]:
        with _database(postgres, template_database) as conninfo:
            return asyncio.run(play(conninfo, day, list(steps)))[1]

    with _database(postgres, template_database) as conninfo:
        back, found = asyncio.run(play(conninfo, day, order))
    plain = sorted(range(len(day.rides)), key=lambda one: day.rides[one])
    if back:
        assert found == come_to(SELL, TAKE_BACK, *plain)
        assert found[0] == come_to(*plain)[0]  # but for the sale and its reversal
    else:
        assert found == come_to(SELL, *plain)


def test_a_ride_of_before_that_comes_afterwards_is_paid(postgres, template_database):
    day = Day(((10, 0, False),), other=False, cash=True)
    found = {}
    for order in ([SELL, 0, TAKE_BACK], [0, SELL, TAKE_BACK], [SELL, TAKE_BACK, 0]):
        with _database(postgres, template_database) as conninfo:
            back, (state, _) = asyncio.run(play(conninfo, day, order))
            found[str(order)] = (back, [row[11] for row in state["taps"]])
    assert list(found.values()) == [(False, [0]), (False, [0]), (True, [8000])]
