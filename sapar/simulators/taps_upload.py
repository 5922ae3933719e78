"""In which order the server hears of a day's taps: at once, hours later in bulk, twice, backwards.

Pure: from the taps and a seed to a list of uploads.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sapar.simulators.taps import MadeTap


class Upload(NamedTuple):
    """What one validator sends in one message.

    Attributes:
        at_ms: when the server receives it, Unix milliseconds.
        device: number of the validator; taps: what it sends, in this order.
    """

    at_ms: int
    device: int
    taps: list[MadeTap]


@dataclass(frozen=True, slots=True)
class Radio:
    """How validators reach the server.

    Attributes:
        offline: share of the validators that are out of reach for hours and then send in bulk.
        offline_h: shortest and longest such spell, hours.
        repeat: how likely a message is sent twice.
        backwards: share of the validators that send a backlog newest first.
        batch: most taps in a message of a backlog.
        interval_ms: time between two messages of a validator in reach.
    """

    offline: float = 0.15
    offline_h: tuple[float, float] = (0.5, 5.0)
    repeat: float = 0.03
    backwards: float = 0.3
    batch: int = 200
    interval_ms: int = 10_000


def uploads_of(taps: Sequence[MadeTap], seed: int, radio: Radio) -> list[Upload]:
    """Put a day's taps into messages, in the order in which they arrive."""
    draw = random.Random(seed * 104_729 + 17)
    by_device: dict[int, list[MadeTap]] = defaultdict(list)
    for one in taps:
        by_device[one.device].append(one)
    found: list[Upload] = []
    for device in sorted(by_device):
        found += _of_device(device, by_device[device], draw, radio)
    twice = [
        Upload(one.at_ms + draw.randrange(1, 3_600_000), one.device, one.taps)
        for one in found
        if draw.random() < radio.repeat
    ]
    return sorted([*found, *twice], key=lambda one: (one.at_ms, one.device))


def _of_device(
    device: int, taps: Sequence[MadeTap], draw: random.Random, radio: Radio
) -> list[Upload]:
    away_ms = (0, 0)
    if draw.random() < radio.offline:
        begin_ms = draw.choice(taps).true_ms
        away_ms = (begin_ms, begin_ms + round(draw.uniform(*radio.offline_h) * 3_600_000))
    held = [one for one in taps if away_ms[0] <= one.true_ms < away_ms[1]]
    if draw.random() < radio.backwards:
        held.reverse()
    found = [
        Upload(away_ms[1] + number * 200, device, held[at : at + radio.batch])
        for number, at in enumerate(range(0, len(held), radio.batch))
    ]
    slots: dict[int, list[MadeTap]] = defaultdict(list)
    for one in taps:
        if not away_ms[0] <= one.true_ms < away_ms[1]:
            slots[one.true_ms // radio.interval_ms].append(one)
    found += [Upload((slot + 1) * radio.interval_ms, device, some) for slot, some in slots.items()]
    return found
