"""Which candidates stand: those that nothing competes with. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

from sapar.finance.matching.model import Candidate, Expected, Line

T = TypeVar("T")
Likeness = tuple[Hashable, ...]


class Settled(NamedTuple):
    """What became of candidates.

    Attributes:
        accepted: none of their lines and items is in another one.
        rivals: line → items of the candidates that it is in, where something competes.
        spare: lines that equal one that was accepted, and came too often.
    """

    accepted: list[Candidate]
    rivals: dict[int, set[int]]
    spare: set[int]


def line_order(line: Line) -> tuple[int, str]:
    """In which order lines come, whatever their numbers."""
    return line.day, line.key


def item_order(item: Expected) -> tuple[int, str]:
    """In which order items come, whatever their numbers."""
    return item.day, item.key


def likeness_of_line(line: Line) -> Likeness:
    """Give what equal lines have in common; a line that says nothing equals none."""
    reference = line.reference.strip(" ")
    if reference:
        said: tuple[Hashable, ...] = (1, reference)
    elif line.bin or line.iban or line.purpose:
        said = (2, line.purpose)
    else:
        said = (3, line.line_no)
    return line.account, line.amount, line.bin, line.iban, *said


def likeness_of_item(item: Expected) -> Likeness:
    """Give what items have in common of which it does not matter which one is paid."""
    return (
        item.code, item.owner, item.amount, item.fee, item.reference, item.batch_ref, item.bin,
        item.iban, item.account, item.residual_code, item.residual_owner, item.tolerance,
    )  # fmt: skip


def settle(
    candidates: Iterable[Candidate], *, doubled_days: int, equal_items: bool = False
) -> Settled:
    """Accept the candidates that nothing competes with; the order of the input does not matter.

    Equal lines do not compete: of several for the same items the first is accepted.

    Args:
        candidates: none twice.
        doubled_days: so close together two lines must be to be equal.
        equal_items: nor do items of which it does not matter which one is paid: they are paid in
            the order of their days.
    """
    pool = list(candidates)
    spare: set[int] = set()
    accepted: list[Candidate] = []
    if equal_items:
        pool, paired, left = _pair_equals(pool)
        accepted += paired
        spare |= left
    else:
        pool, spare = _first_of_equals(pool, doubled_days)
    by_line, by_item = _uses(pool)
    rivals: dict[int, set[int]] = defaultdict(set)
    for one in pool:
        if all(by_line[line.line_no] == 1 for line in one.lines) and all(
            by_item[item.item_no] == 1 for item in one.items
        ):
            accepted.append(one)
            continue
        for line in one.lines:
            rivals[line.line_no].update(item.item_no for item in one.items)
    return Settled(accepted, dict(rivals), spare)


def _uses(pool: Iterable[Candidate]) -> tuple[dict[int, int], dict[int, int]]:
    by_line: dict[int, int] = defaultdict(int)
    by_item: dict[int, int] = defaultdict(int)
    for one in pool:
        for line in one.lines:
            by_line[line.line_no] += 1
        for item in one.items:
            by_item[item.item_no] += 1
    return by_line, by_item


def _first_of_equals(pool: list[Candidate], doubled_days: int) -> tuple[list[Candidate], set[int]]:
    """Of equal lines that have the same one candidate keep the first."""
    by_line, _ = _uses(pool)
    kept: list[Candidate] = []
    groups: dict[Likeness, list[Candidate]] = defaultdict(list)
    for one in pool:
        if len(one.lines) == 1 and by_line[one.lines[0].line_no] == 1:
            items = tuple(sorted(item.item_no for item in one.items))
            groups[likeness_of_line(one.lines[0]), items].append(one)
        else:
            kept.append(one)
    spare: set[int] = set()
    for group in groups.values():
        group.sort(key=lambda one: line_order(one.lines[0]))
        first = group[0].lines[0]
        kept.append(group[0])
        for one in group[1:]:
            if one.lines[0].day - first.day <= doubled_days:
                spare.add(one.lines[0].line_no)
            else:
                kept.append(one)
    return kept, spare


def _pair_equals(
    pool: list[Candidate],
) -> tuple[list[Candidate], list[Candidate], set[int]]:
    """Pair equal lines with equal items where neither has another candidate.

    Of candidates with one line and one item each. Lines that are too many are left over.
    """
    lines: dict[int, Line] = {}
    items: dict[int, Expected] = {}
    classes_of_line: dict[int, set[Likeness]] = defaultdict(set)
    classes_of_item: dict[int, set[Likeness]] = defaultdict(set)
    groups: dict[tuple[Likeness, Likeness], list[Candidate]] = defaultdict(list)
    for one in pool:
        (line,), (item,) = one
        lines[line.line_no], items[item.item_no] = line, item
        of_line, of_item = likeness_of_line(line), likeness_of_item(item)
        classes_of_line[line.line_no].add(of_item)
        classes_of_item[item.item_no].add(of_line)
        groups[of_line, of_item].append(one)
    rest: list[Candidate] = []
    paired: list[Candidate] = []
    left: set[int] = set()
    for group in groups.values():
        if len(group) == 1:
            rest += group
            continue
        line_nos = {one.lines[0].line_no for one in group}
        item_nos = {one.items[0].item_no for one in group}
        alone = all(len(classes_of_line[number]) == 1 for number in line_nos) and all(
            len(classes_of_item[number]) == 1 for number in item_nos
        )
        if not alone or len(group) < len(line_nos) * len(item_nos):
            rest += group
            continue
        in_order = _in_order(lines, line_nos, line_order)
        pairs = zip(in_order, _in_order(items, item_nos, item_order), strict=False)
        paired += [Candidate((line,), (item,)) for line, item in pairs]
        left.update(line.line_no for line in in_order[len(item_nos) :])
    return rest, paired, left


def _in_order(
    things: dict[int, T], numbers: Iterable[int], order: Callable[[T], tuple[int, str]]
) -> list[T]:
    return sorted((things[number] for number in numbers), key=order)
