"""Which sequence numbers of a device are missing: intervals, a function of what was received. Pure.

Between the first and the last number known of an epoch every number was received, was voided (by a
signed record of the device, or by a person with a reason), or lies in exactly one open gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Range = tuple[int, int]
"""First and last sequence number, both inclusive."""


class SeqState(NamedTuple):
    """How far the numbers of one device and epoch are known; first and last None before any."""

    first_seq: int | None
    last_seq: int | None
    received: int
    voided: int


def join(numbers: Iterable[int]) -> list[Range]:
    """Join numbers into ranges in rising order."""
    found: list[Range] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def subtract(ranges: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """Take ranges out of ranges; both sorted and disjoint, and so is the answer."""
    left: list[Range] = []
    at = 0
    for first, last in ranges:
        while at < len(taken) and taken[at][1] < first:
            at += 1
        low, look = first, at
        while look < len(taken) and taken[look][0] <= last:
            if taken[look][0] > low:
                left.append((low, taken[look][0] - 1))
            low = max(low, taken[look][1] + 1)
            look += 1
        if low <= last:
            left.append((low, last))
    return left


def size(ranges: Iterable[Range]) -> int:
    """Count the numbers in disjoint ranges."""
    return sum(last - first + 1 for first, last in ranges)


def _spread(known: SeqState, gaps: Sequence[Range], ranges: Sequence[Range]) -> list[Range]:
    """Give the open gaps after the known span grew to take in `ranges`, still with these open."""
    low, high = ranges[0][0], ranges[-1][1]
    if known.first_seq is None or known.last_seq is None:
        return [(low, high)]
    before = [(low, known.first_seq - 1)] if low < known.first_seq else []
    after = [(known.last_seq + 1, high)] if high > known.last_seq else []
    return _merged([*before, *gaps, *after])


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """Join neighbours of sorted, disjoint ranges that touch."""
    found: list[Range] = []
    for first, last in ranges:
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def receive(
    known: SeqState, gaps: Sequence[Range], voids: Sequence[Range], seqs: Iterable[int]
) -> tuple[SeqState, list[Range]]:
    """Note numbers that were received for the first time.

    Args:
        known: the state before.
        gaps: the open gaps before, sorted and disjoint.
        voids: what was voided, sorted and disjoint; a number that arrives after all is no longer
            counted there.
        seqs: the new numbers; none was received before.

    Returns:
        The state and the open gaps after.
    """
    ranges = join(seqs)
    if not ranges:
        return known, list(gaps)
    count = size(ranges)
    revived = count - size(subtract(ranges, voids)) if voids else 0
    after = SeqState(
        min(ranges[0][0], ranges[0][0] if known.first_seq is None else known.first_seq),
        max(ranges[-1][1], ranges[-1][1] if known.last_seq is None else known.last_seq),
        known.received + count,
        known.voided - revived,
    )
    return after, subtract(_spread(known, gaps, ranges), ranges)


def void(
    known: SeqState, gaps: Sequence[Range], voided: Range, voids: Sequence[Range] = ()
) -> tuple[SeqState, list[Range], list[Range]]:
    """Note that a range will never come; numbers in it that were received stay received.

    Args:
        known: the state before.
        gaps: the open gaps before, sorted and disjoint.
        voided: the range.
        voids: what was voided before, sorted and disjoint.

    Returns:
        The state after, the open gaps after, and the ranges that were voided by this: those of the
        range that were neither received nor voided before.
    """
    spread = _spread(known, gaps, [voided])
    left = subtract(spread, [voided])
    gone = subtract(subtract(spread, left), voids)
    after = SeqState(
        voided[0] if known.first_seq is None else min(known.first_seq, voided[0]),
        voided[1] if known.last_seq is None else max(known.last_seq, voided[1]),
        known.received,
        known.voided + size(gone),
    )
    return after, left, gone
