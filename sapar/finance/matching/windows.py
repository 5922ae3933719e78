"""The rules for lines that name nothing: amount, counterparty, days. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from sapar.finance.matching.board import Board, Party, agree, disagree, parties
from sapar.finance.matching.model import FEES, Candidate, Expected, Line
from sapar.finance.matching.named import bears, fits
from sapar.finance.matching.settle import item_order


def reserved(board: Board) -> set[int]:
    """Give the items that some line names: no line that does not name them takes them."""
    numbers: set[int] = set()
    for line_no, line in board.lines.items():
        if line_no in board.named and not board.is_twin(line):
            numbers |= board.names_of(line)
    return numbers


def _unnamed(board: Board) -> list[Line]:
    """Lines to be tried: no twin of a line with the same reference, which may have come twice."""
    return [
        line
        for line in board.free_lines()
        if (line.iban or line.bin) and not (line.reference.strip(" ") and board.is_twin(line))
    ]


class _ByNet:
    """Items of a counterparty in the order of what their line should show; made when asked for."""

    def __init__(self, board: Board, may: Callable[[Expected], bool]) -> None:
        self._board, self._may = board, may
        self._items: dict[Party, tuple[list[int], list[Expected]]] = {}

    def _of(self, party: Party) -> tuple[list[int], list[Expected]]:
        found = self._items.get(party)
        if found is None:
            items = sorted(
                filter(self._may, self._board.free_items_of(party)), key=lambda item: item.net
            )
            found = self._items[party] = [item.net for item in items], items
        return found

    def between(self, line: Line, low: int, high: int) -> Iterator[Expected]:
        """Give items of the line's counterparty that expect an amount between two; some twice."""
        for party in parties(line):
            nets, items = self._of(party)
            yield from items[bisect_left(nets, low) : bisect_right(nets, high)]


def window(board: Board, *, tolerant: bool) -> None:
    """One line to one item of its counterparty, of the same amount, at about the same time."""
    index = _ByNet(board, lambda item: not tolerant or item.tolerance > 0)
    most = max((item.tolerance for item in board.items.values()), default=0) if tolerant else 0
    taken = reserved(board)
    candidates = []
    for line in _unnamed(board):
        names = board.names_of(line)
        for item in index.between(line, line.amount - most, line.amount + most):
            one = Candidate((line,), (item,))
            if _may(board, line, item, names, taken) and fits(one, tolerant=tolerant):
                candidates.append(one)
    board.offer("window", candidates)


def _may(board: Board, line: Line, item: Expected, names: set[int], taken: set[int]) -> bool:
    return (
        board.in_window(line, item)
        and (item.item_no in names if names else item.item_no not in taken)
        and not _disagrees(line, item)
        and board.may(line, (item,))
    )


def _disagrees(line: Line, item: Expected) -> bool:
    """Whether an IBAN agrees and the holder does not: a mistake in somebody's records."""
    return bool(line.bin and item.bin and line.bin != item.bin) or disagree(line, item)


def late_differences(board: Board) -> None:
    """What is left of a counterparty, one line and one item, once nothing fits exactly any more.

    The difference goes where the item says, within limits.
    """
    settings = board.settings
    oldest = board.today - settings.difference_wait_days
    index = _ByNet(board, lambda item: item.residual in (FEES, item.stands_on))
    taken = reserved(board)
    share = max(settings.difference_permille, settings.fee_permille)
    candidates = []
    for line in _unnamed(board):
        if line.day > oldest or board.names_any(line) or board.is_twin(line):
            continue
        # an item from which the line takes at most the share, or to which it adds as much
        bounds = line.amount * 1000 // (1000 + share), line.amount * 1000 // max(1, 1000 - share)
        for item in index.between(line, min(bounds) - 1, max(bounds) + 1):
            one = Candidate((line,), (item,))
            if (
                _may(board, line, item, set(), taken)
                and bears(board, one)
                and _is_near(board, one, item)
            ):
                candidates.append(one)
    board.offer("late_difference", candidates)


def _is_near(board: Board, one: Candidate, item: Expected) -> bool:
    if item.residual == FEES:
        return True  # `bears` has looked
    return abs(one.difference) * 1000 <= abs(item.net) * board.settings.difference_permille


class _Days:
    """Items of one counterparty on one ledger account, added up by day."""

    def __init__(self, items: list[Expected], blocked: Callable[[Expected], bool]) -> None:
        self.items = sorted(items, key=item_order)
        self.days: list[int] = []
        self.starts: list[int] = []  # where each day's items begin
        self.sums = [0]  # up to each item
        self.blocks = [0]
        self.last_day: dict[int, int] = {}
        for place, item in enumerate(self.items):
            if not self.days or self.days[-1] != item.day:
                self.days.append(item.day)
                self.starts.append(place)
            self.last_day[item.day] = max(self.last_day.get(item.day, 0), item.last_day)
            self.sums.append(self.sums[-1] + item.net)
            self.blocks.append(self.blocks[-1] + blocked(item))
        self.starts.append(len(self.items))
        self.tolerances = [0]
        for item in self.items:
            self.tolerances.append(self.tolerances[-1] + item.tolerance)
        self.reach = max((self.last_day[day] - day for day in self.days), default=0)

    def ranges(self, line: Line, board: Board, *, tolerant: bool) -> Iterator[Sequence[Expected]]:
        """Give items of days in a row that add up to a line."""
        settings = board.settings
        first = bisect_left(self.days, line.day - settings.after_days - self.reach)
        last = bisect_right(self.days, line.day + settings.before_days)
        for end in range(first, last):
            if line.day > self.last_day[self.days[end]] + settings.after_days:
                continue
            stop = self.starts[end + 1]
            for begin in range(end, -1, -1):
                if self.days[end] - self.days[begin] >= settings.span_days:
                    break
                start = self.starts[begin]
                if self.blocks[stop] > self.blocks[start]:
                    break
                off = abs(self.sums[stop] - self.sums[start] - line.amount)
                most = self.tolerances[stop] - self.tolerances[start] if tolerant else 0
                if stop - start > 1 and off <= most:
                    yield self.items[start:stop]


class _ByDays:
    """Items of a counterparty, by ledger account and day; made when asked for."""

    def __init__(self, board: Board, blocked: Callable[[Expected], bool]) -> None:
        self._board, self._blocked = board, blocked
        self._groups: dict[Party, list[_Days]] = {}

    def of(self, line: Line) -> Iterator[_Days]:
        """Give the groups of a line's counterparty; some twice."""
        for party in parties(line):
            if party not in self._groups:
                self._groups[party] = self._make(party)
            yield from self._groups[party]

    def _make(self, party: Party) -> list[_Days]:
        groups: dict[tuple[object, ...], list[Expected]] = defaultdict(list)
        for item in self._board.open_items_of(party):
            groups[item.code, item.owner, item.bin, item.iban, item.account].append(item)
        return [_Days(items, self._blocked) for items in groups.values() if len(items) > 1]


def days(board: Board, *, tolerant: bool) -> None:
    """One line to all open items of its counterparty of days in a row, on one ledger account.

    A line that names items must find them among these.
    """
    taken = reserved(board)
    lines = _unnamed(board)
    names_of = {line.line_no: board.names_of(line) for line in lines}
    own = {number for names in names_of.values() for number in names}

    def waits(item: Expected) -> bool:
        return not board.is_free(item.item_no)

    plain = _ByDays(board, lambda item: waits(item) or item.item_no in taken)
    with_named = _ByDays(
        board, lambda item: waits(item) or (item.item_no in taken and item.item_no not in own)
    )
    candidates = []
    for line in lines:
        names = names_of[line.line_no]
        for group in (with_named if names else plain).of(line):
            for items in group.ranges(line, board, tolerant=tolerant):
                numbers = {item.item_no for item in items}
                one = Candidate((line,), tuple(items))
                if (
                    names <= numbers
                    and not ((numbers & taken) - names)
                    and all(agree(line, item) for item in items)
                    and fits(one, tolerant=tolerant)
                    and board.may(line, items)
                ):
                    candidates.append(one)
    board.offer("days", candidates)


def transfers(board: Board) -> None:
    """Two lines that move an amount from one of our own accounts to another."""
    by_amount: dict[tuple[int, int], list[Line]] = defaultdict(list)
    lines = board.free_lines() if board.own else []
    for line in lines:
        by_amount[line.account, line.amount].append(line)
    candidates = []
    for line in lines:
        other = board.own.get(line.iban or "")
        if other is None or other == line.account:
            continue
        for back in by_amount.get((other, -line.amount), ()):
            answers = back.iban is None or board.own.get(back.iban) == line.account
            if answers and abs(back.day - line.day) <= board.settings.after_days:
                pair = (line, back) if line.line_no < back.line_no else (back, line)
                candidates.append(Candidate(pair, ()))
    board.offer("transfer", candidates)
