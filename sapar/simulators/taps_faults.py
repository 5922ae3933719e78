"""What goes wrong with taps, from a seed: of validators, of cards, of people who mean ill. Pure.

Each fault has a name, and each tap that it touches says so. Some the server must hold back
(`EXPECTED` names the code), the others it must take in its stride.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from sapar.simulators.taps import MadeTap

EXPECTED: dict[str, str] = {
    "conflict": "identity_conflict",
    "clone": "counter_reused",
    "replay": "counter_reused",
    "forged": "bad_signature",
    "stranger": "bad_signature",
    "unsigned": "unsigned",
}
"""The code that a tap with this fault is held by; of a conflict, one of the two contents is."""

_DRIFT_MS = (5_000, 90_000)
_LOST_MAX = 30
_SINGLE = ("conflict", "clone", "replay", "forged", "stranger", "unsigned", "denied")
_replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class TapFaults:
    """How often things go wrong.

    Attributes:
        conflict: a number is used again for another tap (probability per tap).
        clone: a copy of the card taps elsewhere, with the same card counter.
        replay: a recorded tap is sent once more under a new number.
        forged: the record was changed after it was sealed.
        stranger: it is sealed by another device's key.
        unsigned: it carries no seal.
        denied: the validator refused the ride, and says so.
        drift: share of validators whose clock runs away during the day, by 5 to 90 s.
        reboot: share of validators that lose their storage once and begin a new epoch.
        lost: share of validators that lose a range of up to 30 taps for good.
    """

    conflict: float = 0.0005
    clone: float = 0.0003
    replay: float = 0.0002
    forged: float = 0.0002
    stranger: float = 0.0001
    unsigned: float = 0.0002
    denied: float = 0.001
    drift: float = 0.03
    reboot: float = 0.02
    lost: float = 0.02

    @staticmethod
    def none() -> TapFaults:
        """Give rates at which nothing goes wrong."""
        return TapFaults(*[0.0] * 10)


class Planted(NamedTuple):
    """What came of a day's taps.

    Attributes:
        taps: what the server can hear of, in order of true time.
        lost: what was made and will never come.
    """

    taps: list[MadeTap]
    lost: list[MadeTap]


def plant(made: Sequence[MadeTap], seed: int, faults: TapFaults) -> Planted:
    """Let things go wrong with the taps of a day; validators number their taps anew."""
    draw = random.Random(seed * 7919 + 31)
    by_device: dict[int, list[MadeTap]] = defaultdict(list)
    for one in _with_single_faults(made, faults, draw):
        by_device[one.device].append(one)
    kept: list[MadeTap] = []
    lost: list[MadeTap] = []
    for device in sorted(by_device):
        taps = _numbered(by_device[device], draw)
        if draw.random() < faults.drift:
            taps = _drift(taps, draw)
        if draw.random() < faults.reboot:
            taps = _reboot(taps, draw)
        if draw.random() < faults.lost:
            taps, gone = _lose(taps, draw)
            lost += gone
        kept += taps
    return Planted(sorted(kept, key=_by_time), lost)


def _by_time(one: MadeTap) -> tuple[int, int, int, int, int]:
    return (one.true_ms, one.device, one.tap.epoch, one.tap.seq, one.variant)


def _with_single_faults(
    made: Sequence[MadeTap], faults: TapFaults, draw: random.Random
) -> list[MadeTap]:
    """Plant what happens to single taps; copies of a tap become records of their own."""
    rates = {name: getattr(faults, name) for name in _SINGLE}
    total = sum(rates.values())
    devices = sorted({one.device for one in made})
    found: list[MadeTap] = []
    for one in made:
        if draw.random() >= total:
            found.append(one)
            continue
        fault = draw.choices(_SINGLE, list(rates.values()))[0]
        if fault in {"clone", "replay"}:
            later_ms = one.true_ms + draw.randrange(600_000, 3_000_000)
            place = draw.choice(devices) if fault == "clone" else one.device
            copy = _replace(
                one.tap,
                time_ms=later_ms,
                uptime_ms=(one.tap.uptime_ms or 0) + later_ms - one.true_ms,
            )
            found += [one, MadeTap(place, copy, one.card, later_ms, fault)]
        elif fault == "denied":
            found.append(one._replace(tap=_replace(one.tap, outcome="deny"), fault=fault))
        else:
            found.append(one._replace(fault=fault))
    return sorted(found, key=_by_time)


def _numbered(taps: Sequence[MadeTap], draw: random.Random) -> list[MadeTap]:
    """Number a validator's taps in order of time, and use some numbers twice."""
    found = []
    for number, one in enumerate(taps, 1):
        own = one._replace(tap=_replace(one.tap, seq=number))
        if one.fault != "conflict":
            found.append(own)
            continue
        found += [own._replace(fault=""), _second_content(own, draw)]
    return found


def _second_content(one: MadeTap, draw: random.Random) -> MadeTap:
    """Write another tap over a number: the validator had not stored that it was used."""
    later_ms = one.tap.time_ms + draw.randrange(1_000, 120_000)
    counter = None if one.tap.counter is None else one.tap.counter + 20
    uptime_ms = (one.tap.uptime_ms or 0) + later_ms - one.tap.time_ms
    tap = _replace(one.tap, time_ms=later_ms, counter=counter, uptime_ms=uptime_ms)
    return one._replace(tap=tap, true_ms=later_ms, fault="conflict", variant=1)


def _drift(taps: Sequence[MadeTap], draw: random.Random) -> list[MadeTap]:
    """Let a clock run away from the first tap on, by seconds that grow until the last.

    The first tap is set by satellite; the time since the start of the device stays right.
    """
    most_ms = draw.randrange(*_DRIFT_MS) * draw.choice((-1, 1))
    begin_ms, end_ms = taps[0].true_ms, max(one.true_ms for one in taps)
    span_ms = max(1, end_ms - begin_ms)
    return [
        one._replace(
            tap=_replace(
                one.tap,
                time_ms=one.tap.time_ms + most_ms * (one.true_ms - begin_ms) // span_ms,
                clock_src="gnss" if one.true_ms == begin_ms else "rtc",
            ),
            fault=one.fault or "drift",
        )
        for one in taps
    ]


def _reboot(taps: Sequence[MadeTap], draw: random.Random) -> list[MadeTap]:
    """Begin a new epoch somewhere: numbers start again from 1."""
    at = draw.randrange(len(taps))
    at -= taps[at].variant  # both contents of a number belong to one epoch
    if at == 0:
        return list(taps)
    before = taps[at].tap.seq - 1
    after = [
        one._replace(
            tap=_replace(
                one.tap,
                epoch=one.tap.epoch + 1,
                seq=one.tap.seq - before,
                boot_no=(one.tap.boot_no or 0) + 1,
                uptime_ms=one.true_ms - taps[at].true_ms,
            ),
            fault=one.fault or "reboot",
        )
        for one in taps[at:]
    ]
    return [*taps[:at], *after]


def _lose(taps: Sequence[MadeTap], draw: random.Random) -> tuple[list[MadeTap], list[MadeTap]]:
    """Lose a range in the middle of an epoch, so that the gap shows."""
    epoch = taps[0].tap.epoch
    last = max(one.tap.seq for one in taps if one.tap.epoch == epoch)
    if last < 3:
        return list(taps), []
    low = draw.randrange(2, last)
    high = min(low + draw.randrange(_LOST_MAX), last - 1)
    kept: list[MadeTap] = []
    gone: list[MadeTap] = []
    for one in taps:
        if one.tap.epoch == epoch and low <= one.tap.seq <= high:
            gone.append(one._replace(fault="lost"))
        else:
            kept.append(one)
    return kept, gone
