"""What the validators of a city record in a day: taps, and what was planted among them. Pure.

A tap here is the record before it is sealed, with what it truly was: which card, when, and which
fault it carries. `taps_faults.py` plants the faults; `taps_upload.py` says in what order the server
hears of it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sapar.contract.messages import Tap
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.population import Boardings, Population, boardings_of_day


class MadeTap(NamedTuple):
    """One record of a validator, and the truth about it.

    Attributes:
        device: number of the validator; of several on one network, the one that sends it.
        tap: the record, not yet sealed.
        card: number of the card in the population.
        true_ms: when it really happened, Unix milliseconds.
        fault: what is wrong with it (see `taps_faults`), or "".
        variant: 1 for the second content of a number.
    """

    device: int
    tap: Tap
    card: int
    true_ms: int
    fault: str = ""
    variant: int = 0


@dataclass(frozen=True, slots=True)
class ValidatorFleet:
    """Where validators are: one a bus, buses numbered line by line.

    Attributes:
        line_ids: route ids, by line number.
        buses: how many buses each line has.
        headway_s: seconds between two buses of a line at a stop.
    """

    line_ids: Sequence[str]
    buses: int
    headway_s: float = 360.0

    @property
    def devices(self) -> int:
        """How many validators there are."""
        return len(self.line_ids) * self.buses

    def line_of(self, device: int) -> str:
        """Give the route that a validator's bus is on."""
        return self.line_ids[device // self.buses]

    def devices_at(self, boardings: Boardings) -> Ints:
        """Give the validator that each boarding is tapped at."""
        turn = (boardings.second / self.headway_s).astype(np.int64) + boardings.line * 7
        found: Ints = (boardings.line * self.buses + turn % self.buses).astype(np.int32)
        return found


def rank_within(groups: Ints) -> Ints:
    """Number the members of each group from 0, in the order in which they stand."""
    order = np.argsort(groups, kind="stable")
    arranged = groups[order]
    starts = np.flatnonzero(np.r_[True, arranged[1:] != arranged[:-1]])
    sizes = np.diff(np.r_[starts, len(arranged)])
    ranks = np.empty(len(groups), np.int32)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return ranks


def taps_of_day(
    population: Population,
    fleet: ValidatorFleet,
    midnight_ms: int,
    *,
    day: int = 0,
    epoch: int = 1,
    share: float = 1.0,
    taps_max: int | None = None,
) -> list[MadeTap]:
    """Give the taps of one day, in order of time, without faults.

    Args:
        population: who rides.
        fleet: what they ride on.
        midnight_ms: Unix milliseconds of the local day's midnight.
        day: number of the day.
        epoch: the counting period of all validators.
        share: of the usual traffic.
        taps_max: leave out boardings evenly, so that no more than so many remain.
    """
    boardings = boardings_of_day(population, day, share)
    if taps_max is not None and len(boardings) > taps_max:
        rows = np.linspace(0, len(boardings) - 1, taps_max).astype(np.int64)
        boardings = Boardings(
            boardings.second[rows], boardings.card[rows], boardings.line[rows],
            boardings.riders[rows],
        )  # fmt: skip
    device = fleet.devices_at(boardings)
    time_ms = midnight_ms + np.round(boardings.second * 1000.0).astype(np.int64)
    seq = rank_within(device) + 1
    counter = population.counter[boardings.card] + rank_within(boardings.card) + 1 + day * 64
    refs: dict[int, str] = {}
    made = []
    for number, card, at_ms, riders, own_seq, own_counter in zip(
        device.tolist(),
        boardings.card.tolist(),
        time_ms.tolist(),
        boardings.riders.tolist(),
        seq.tolist(),
        counter.tolist(),
        strict=True,
    ):
        ref = refs.get(card)
        if ref is None:
            ref = refs[card] = population.card_ref(card)
        tap = Tap(
            epoch=epoch,
            seq=own_seq,
            time_ms=at_ms,
            card_ref=ref,
            num_riders=riders,
            counter=own_counter,
            route_id=fleet.line_of(number),
            boot_no=epoch,
            uptime_ms=at_ms - midnight_ms,
            clock_src="gnss",
        )
        made.append(MadeTap(number, tap, card, at_ms))
    return made
