"""Any order, any repetition, any batches, any number of workers: the same judgements and postings."""

import asyncio
import random

import pytest

from sapar.core.db import connect_async
from sapar.ticketing.post import post_taps
from sapar.ticketing.types import TapIn
from tests.ticketing.taps.support import make_tools, make_town, state_of, tap_of


def a_day(devices, seed: int, count: int):
    """Taps with gaps, repeats, other contents, reused counters, bad seals and wrong clocks."""
    chance, out = random.Random(seed), []
    seqs = dict.fromkeys(range(len(devices)), 0)
    counters: dict[str, int] = {}
    for number in range(count):
        at = chance.randrange(len(devices))
        seqs[at] += 1 if chance.random() < 0.95 else 3
        card = f"c{chance.randint(1, 14)}"  # two of them nobody issued
        counters[card] = counters.get(card, 0) + (chance.random() > 0.05)
        fields: dict = {
            "counter": counters[card] if chance.random() < 0.8 else None,
            "route_id": chance.choice(["7", "8", None]),
            "num_riders": chance.choice([1, 1, 1, 2]),
            "outcome": "deny" if chance.random() < 0.03 else "allow",
            "boot_no": number // 30,
            "uptime_ms": (number % 30) * 40_000,
            "clock_src": chance.choice(["gnss", "rtc"]),
        }
        minute = number * 2 / 3
        if fields["clock_src"] == "rtc":
            minute -= 1000 * (number // 30 % 2)
        sealed = "bad_signature" if chance.random() < 0.02 else None
        vehicle = "b1" if at % 2 else "b2"
        tap = tap_of(devices[at], seqs[at], card, minute, sealed=sealed, vehicle=vehicle, **fields)
        out += [tap] * (2 if chance.random() < 0.06 else 1)
        if chance.random() < 0.05:
            other = chance.choice([card, "c3", "c9"])
            moved = minute + chance.choice([-1, 1, 30])
            out.append(tap_of(devices[at], seqs[at], other, moved, vehicle=vehicle, **fields))
    return out


def in_batches(taps, seed: int):
    chance, left = random.Random(seed), list(taps)
    chance.shuffle(left)
    while left:
        size = chance.randint(1, 40)
        yield left[:size]
        left = left[size:]


async def play(
    conninfo: str, taps, seed: int, workers: int, tariff, *, patient: bool = True
) -> int:
    """Post the batches, dealt out to workers that run at the same time.

    Impatient workers put off what another holds, and post it with their next batch. Gives how often
    a tap was put off.
    """
    tools = make_tools(conninfo, **tariff)
    batches = list(in_batches(taps, seed))
    put_off = 0

    async def work(mine) -> None:
        nonlocal put_off
        connection = await connect_async(conninfo)
        left: list[TapIn] = []
        try:
            for batch in mine:
                posted = await post_taps(connection, tools, [*left, *batch], patient=patient)
                left = posted.put_off
                put_off += len(left)
            assert not (await post_taps(connection, tools, left)).put_off
        finally:
            await connection.close()

    await asyncio.gather(*(work(batches[at::workers]) for at in range(workers)))
    return put_off


@pytest.mark.parametrize("tariff", [{}, {"month_cap": "500"}], ids=["day", "month"])
async def test_every_order_and_every_batching_leaves_the_same(fresh_databases, tariff):
    reference, put_off = None, 0
    for seed in range(6):
        conninfo = fresh_databases()
        devices = make_town(conninfo)
        patient, workers = seed < 4, 1 + 3 * (seed % 2) if seed < 4 else 4
        put_off += await play(
            conninfo, a_day(devices, 5, 300), seed, workers, tariff, patient=patient
        )
        state = state_of(conninfo)
        if reference is None:
            reference = state
            held = {row[5] for row in state["taps"] if row[5]}
            assert held >= {"identity_conflict", "counter_reused", "double_debit", "bad_signature"}
        assert state == reference
    assert put_off > 10
