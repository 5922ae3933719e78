"""Runs shared out among buses: one each, none twice, and together as good as can be."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.sharing import share_out

STEP = 0.2  # how far below the best possible each bus may be
WITHOUT = -7.0

values = st.lists(
    st.lists(st.floats(-6.0, 2.0, allow_nan=False), min_size=4, max_size=4), min_size=1, max_size=5
)


def worth(rows: list[list[float]], taken: tuple[int, ...]) -> float:
    return sum(rows[bus][run] if run >= 0 else WITHOUT for bus, run in enumerate(taken))


@given(values)
def test_runs_are_shared_out_as_well_as_can_be(rows: list[list[float]]) -> None:
    bus = np.repeat(np.arange(len(rows)), 4)
    run = np.tile(np.arange(4), len(rows))
    chosen = share_out(bus, run, np.array(rows).ravel(), WITHOUT)
    taken = tuple(int(run[row]) if row >= 0 else -1 for row in chosen)
    has = [one for one in taken if one >= 0]
    assert len(has) == len(set(has))
    assert all(row < 0 or bus[row] == number for number, row in enumerate(chosen.tolist()))
    possible = (
        p
        for p in itertools.product(range(-1, 4), repeat=len(rows))
        if len({r for r in p if r >= 0}) == sum(r >= 0 for r in p)
    )
    best = max(worth(rows, p) for p in possible)
    assert worth(rows, taken) >= best - STEP * len(rows) - 1e-9


def test_a_bus_gives_way_to_one_that_has_no_other_run() -> None:
    # the first suits run 0 a little better, but the second has nothing else
    bus, run = np.array([0, 0, 1]), np.array([0, 1, 0])
    chosen = share_out(bus, run, np.array([0.0, -1.0, -0.5]), WITHOUT)
    assert chosen.tolist() == [1, 2]


def test_there_may_be_nothing_to_share_out() -> None:
    none = np.zeros(0, np.int64)
    assert not len(share_out(none, none, np.zeros(0), WITHOUT))
