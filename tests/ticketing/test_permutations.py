"""A day of taps, in any order, repeated and cut into batches in any way, comes to the same.

Here 3,000 taps in five orders; `make soak` takes 100,000 in twenty.
"""

import os
import random
from dataclasses import replace

import pytest

from sapar.core.db import connect
from sapar.simulators.taps_faults import TapFaults
from tests.services import _database
from tests.ticketing.agreement import (
    check_invariants,
    compare,
    exported,
    oracle_export,
)
from tests.ticketing.simulated import (
    batches,
    posting,
    simulated_day,
)
from tests.ticketing.world import (
    make_world,
)

FAULTS = TapFaults(
    conflict=0.01, clone=0.01, replay=0.01, forged=0.005, stranger=0.005, unsigned=0.005,
    denied=0.01, drift=0.0, reboot=0.3, lost=0.5,
)  # fmt: skip


def sizes(draw):
    """Give sizes of batches for ever: few taps at a time, and many."""
    while True:
        yield draw.choice((1, 7, 60, 300, TAPS // 50))


TAPS = int(os.environ.get("SAPAR_SOAK_TAPS", "3000"))
SEEDS = int(os.environ.get("SAPAR_SOAK_SEEDS", "5"))


@pytest.mark.timeout(14_400)  # at length, see above
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
async def test_any_order_comes_to_what_the_oracle_says(world, seed):
    draw = random.Random(seed)
    taps = simulated_day(world, 11, TAPS, FAULTS, cards=TAPS * 3 // 2)
    world.model.taps = {world.fact(one) for one in taps}
    repeated = [*taps, *draw.sample(taps, len(taps) // 5)]
    if seed > 1:
        draw.shuffle(repeated)
    async with posting(world) as post:
        for batch in batches(repeated, sizes(draw)):
            await post(batch)
    compare(world)
    check_invariants(world.conninfo)
    assert await exported(world.conninfo) == oracle_export(world.model)


async def test_clocks_are_corrected_the_same_way_in_any_order(postgres, template_database):
    """Half the validators' clocks run away; the server puts them right from what it has by then."""
    results = []
    for seed in range(3):
        draw = random.Random(seed)
        with _database(postgres, template_database) as conninfo:
            world = make_world(conninfo, devices=8)
            taps = simulated_day(world, 11, 1500, replace(FAULTS, drift=0.5), cards=1000)
            if seed:
                draw.shuffle(taps)
            async with posting(world) as post:
                for batch in batches(taps, sizes(draw)):
                    await post(batch)
            check_invariants(conninfo)
            results.append((await exported(conninfo), times(conninfo)))
    assert results[0] == results[1] == results[2]
    wrong = [one.tap for one in taps if one.tap.clock_src == "rtc"]
    assert len(wrong) > 200


def times(conninfo):
    """Give the corrected time and day of every tap."""
    with connect(conninfo) as connection:
        return connection.execute(
            "SELECT device_no, epoch, seq, digest, event_at, service_date FROM tap ORDER BY 1, 2, 3, 4"
        ).fetchall()
