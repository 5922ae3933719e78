"""Which part is killed when: drawn from a seed, so that a run can be made again. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Target = Literal["worker", "postgres", "broker"]

DOWN_MIN_S, DOWN_MAX_S = 0.2, 1.5


@dataclass(frozen=True, slots=True, order=True)
class Kill:
    """One SIGKILL.

    Attributes:
        at_s: seconds after the start of the kills; later when its victim is down just then.
        target: what kind of part; worker: which ingest worker, or -1 for a service.
        down_s: seconds until a service is started again; a worker's supervisor has its own pause.
    """

    at_s: float
    target: Target
    worker: int
    down_s: float


def plan_kills(
    seed: int,
    duration_s: float,
    workers: int,
    worker_kills: int,
    postgres_kills: int,
    broker_kills: int,
) -> list[Kill]:
    """Spread kills evenly at random over `duration_s`, independent of each other, in order.

    That one falls into the outage of another is wanted: so they do where nobody plans them.
    """
    draw = random.Random(seed)
    counts: list[tuple[Target, int]] = [
        ("worker", worker_kills),
        ("postgres", postgres_kills),
        ("broker", broker_kills),
    ]
    kills = [
        Kill(
            at_s=draw.uniform(0.0, duration_s),
            target=target,
            worker=draw.randrange(workers) if target == "worker" else -1,
            down_s=draw.uniform(DOWN_MIN_S, DOWN_MAX_S),
        )
        for target, count in counts
        for _ in range(count)
    ]
    return sorted(kills)


def count_kills(kills: Iterable[Kill], target: Target) -> int:
    """Count the kills of one kind of part."""
    return sum(kill.target == target for kill in kills)
