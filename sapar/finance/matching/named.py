"""The rules for lines that name what they pay: one item, a set of them, a batch. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sapar.finance.matching.board import Board, agree, disagree
from sapar.finance.matching.model import FEES, Candidate, Expected, Hint, Line
from sapar.finance.matching.settle import Likeness, likeness_of_line, line_order


def fits(one: Candidate, *, tolerant: bool) -> bool:
    """Whether a candidate adds up, exactly or within what its items bear."""
    difference = one.difference
    if not tolerant:
        return difference == 0
    account = one.items[0].residual
    return (
        account is not None
        and abs(difference) <= sum(item.tolerance for item in one.items)
        and all(item.residual == account for item in one.items)
    )


def single(board: Board, *, tolerant: bool) -> None:
    """One line to the one item that it names: first by its own reference, then anywhere in it."""
    for structured in (True, False):
        candidates = list(_singles(board, structured=structured, tolerant=tolerant))
        agreeing = [one for one in candidates if agree(one.lines[0], one.items[0])]
        sure_lines = {one.lines[0].line_no for one in agreeing}
        sure_items = {one.items[0].item_no for one in agreeing}
        others = [
            one
            for one in candidates
            if one.lines[0].line_no not in sure_lines and one.items[0].item_no not in sure_items
        ]
        board.offer("reference", agreeing + others, equal_items=True)


def _singles(board: Board, *, structured: bool, tolerant: bool) -> Iterator[Candidate]:
    for line in board.free_lines():
        if structured:
            key = board.structured.get(line.line_no)
            keys: Sequence[str] = (key,) if key is not None else ()
        else:
            keys = board.named.get(line.line_no, ())
        for key in keys:
            for number in board.by_reference.get(key, ()):
                if not board.is_free(number):
                    continue
                one = Candidate((line,), (board.items[number],))
                if fits(one, tolerant=tolerant) and board.may(line, one.items):
                    yield one


def sets(board: Board, *, tolerant: bool) -> None:
    """One line to a batch, to all that it names; then several lines to what they all name."""
    for gather in (_batches, _all_named, _all_together):
        candidates = [
            one
            for one in gather(board)
            if fits(one, tolerant=tolerant)
            and all([board.may(line, one.items) for line in one.lines])  # noqa: C419 - tells all
        ]
        board.offer("reference_set", candidates)


def _batches(board: Board) -> Iterator[Candidate]:
    groups: dict[str, list[Expected] | None] = {}
    for line in board.free_lines():
        for key in board.named.get(line.line_no, ()):
            if key not in groups:
                groups[key] = board.group(key)
            items = groups[key]
            if items is not None:
                yield Candidate((line,), tuple(items))


def _all_named(board: Board) -> Iterator[Candidate]:
    for line in board.free_lines():
        if len(board.named.get(line.line_no, ())) < 2:
            continue
        numbers = sorted(board.names_of(line))
        items = tuple(board.items[number] for number in numbers)
        if items and all(map(board.is_free, numbers)):
            yield Candidate((line,), items)


def _all_together(board: Board) -> Iterator[Candidate]:
    for one in _together(board, board.free_lines()):
        if len(one.lines) > 1:
            yield one


def _together(board: Board, lines: Sequence[Line]) -> Iterator[Candidate]:
    """Give lines and items that hang together by what the lines name."""
    numbers_of: dict[int, set[int]] = {}
    lines_of: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        numbers = board.names_of(line)
        if numbers:
            numbers_of[line.line_no] = numbers
            for number in numbers:
                lines_of[number].append(line)
    seen: set[int] = set()
    for line in lines:
        if line.line_no in seen or line.line_no not in numbers_of:
            continue
        group: list[Line] = []
        items: set[int] = set()
        front = [line]
        seen.add(line.line_no)
        while front:
            one = front.pop()
            group.append(one)
            for number in numbers_of[one.line_no] - items:
                items.add(number)
                for other in lines_of[number]:
                    if other.line_no not in seen:
                        seen.add(other.line_no)
                        front.append(other)
        found = tuple(board.items[number] for number in sorted(items))
        if all(map(board.is_free, items)):
            yield Candidate(tuple(group), found)


def differences(board: Board) -> None:
    """Lines that name what they pay, and pay another amount than was expected.

    What is short stays owed where the items say so, and a processor's larger or smaller fee goes to
    the fees; all else waits for a person.
    """
    lines = _unlike([line for line in board.free_lines() if not board.is_twin(line)])
    good = []
    for one in _together(board, lines):
        items = one.items
        if (
            all(board.may(line, items) for line in one.lines)
            and bears(board, one)
            and not any(disagree(line, item) for line in one.lines for item in items)
        ):
            good.append(one)
        else:
            numbers = tuple(sorted(item.item_no for item in items))
            for line in one.lines:
                board.hints.setdefault(line.line_no, Hint("difference", "amount_differs", numbers))
    board.offer("difference", good)


def bears(board: Board, one: Candidate) -> bool:
    """Whether the items of a candidate say where its difference goes, and it may be so large."""
    first, lines_sum = one.items[0], sum(line.amount for line in one.lines)
    account, is_receipt = first.residual, sum(item.net for item in one.items) > 0
    if account is None or any(
        item.residual != account or item.stands_on != first.stands_on for item in one.items
    ):
        return False
    if any((line.amount > 0) != is_receipt for line in one.lines):
        return False
    if account == first.stands_on:
        return True
    if account == FEES:
        gross = sum(item.amount for item in one.items)
        return is_receipt and 0 <= (gross - lines_sum) * 1000 <= gross * board.settings.fee_permille
    return False


def _unlike(lines: Sequence[Line]) -> list[Line]:
    """Of equal lines give the first."""
    first: dict[Likeness, Line] = {}
    for line in sorted(lines, key=line_order):
        first.setdefault(likeness_of_line(line), line)
    return list(first.values())
