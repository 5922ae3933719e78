"""What is open while the rules work, and the indexes that they look it up in. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from sapar.finance.matching.model import (
    Candidate,
    Expected,
    Found,
    Hint,
    Line,
    MatchingSettings,
    Rule,
)
from sapar.finance.matching.remainders import remainder_of
from sapar.finance.matching.settle import (
    Likeness,
    item_order,
    likeness_of_line,
    line_order,
    settle,
)
from sapar.finance.matching.words import Finder, fold, is_strong

Party = tuple[str, str]
"""`("iban", …)` or `("bin", …)`."""


def parties(one: Line | Expected) -> Iterator[Party]:
    """Give what names the counterparty of a line or an item."""
    if one.iban:
        yield "iban", one.iban
    if one.bin:
        yield "bin", one.bin


def agree(line: Line, item: Expected) -> bool:
    """Whether both name the same counterparty."""
    return bool((line.iban and line.iban == item.iban) or (line.bin and line.bin == item.bin))


def disagree(line: Line, item: Expected) -> bool:
    """Whether they name different ones; naming none is no disagreement."""
    if agree(line, item):
        return False
    return bool((line.iban and item.iban) or (line.bin and item.bin))


def _candidate_order(one: Candidate) -> tuple[int, str]:
    return min(map(line_order, one.lines))


class Board:
    """Open lines and items.

    Args:
        lines: all open lines of an agency, in any order.
        items: all open items, in any order.
        settings: windows and limits.
        today: day of the run.
        twins: lines that equal one which was matched before.
        undone: line → items that a person took from it; they are not put together again.
        own: IBAN → number, of our own bank accounts.

    Attributes:
        lines: still open, by number.
        items: still open, by number.
        found: matches so far.
        hints: of this wave.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        items: Iterable[Expected],
        settings: MatchingSettings,
        today: int,
        *,
        twins: Collection[int] = (),
        undone: Mapping[int, Collection[int]] | None = None,
        own: Mapping[str, int] | None = None,
    ) -> None:
        self.settings, self.today = settings, today
        self.own: Mapping[str, int] = own or {}
        self.lines = {line.line_no: line for line in lines}
        self.items: dict[int, Expected] = {}
        self.found: list[Found] = []
        self.hints: dict[int, Hint] = {}
        self.wave = 0
        self.by_reference: dict[str, list[int]] = defaultdict(list)
        self.by_batch: dict[str, list[int]] = defaultdict(list)
        self.by_party: dict[Party, list[int]] = defaultdict(list)
        self._undone = undone or {}
        self._twins = set(twins)
        self._matched: dict[Likeness, list[int]] = defaultdict(list)
        self._frozen_lines: set[int] = set()
        self._frozen_items: set[int] = set()
        for item in items:
            self.add_item(item)
        finder = Finder(self.by_reference.keys() | self.by_batch.keys())
        self.structured: dict[int, str] = {}
        self.named: dict[int, tuple[str, ...]] = {}
        for line in self.lines.values():
            self._find_names(line, finder)

    def add_item(self, item: Expected) -> None:
        """Put an item on the board."""
        self.items[item.item_no] = item
        if item.reference and (reference := fold(item.reference)):
            self.by_reference[reference].append(item.item_no)
        if item.batch_ref and (batch := fold(item.batch_ref)):
            self.by_batch[batch].append(item.item_no)
        for party in parties(item):
            self.by_party[party].append(item.item_no)

    def _find_names(self, line: Line, finder: Finder) -> None:
        found: set[str] = set()
        if line.reference and (key := fold(line.reference)):
            self.structured[line.line_no] = key
            if key in self.by_reference or key in self.by_batch:
                found.add(key)
        for text in (line.reference, line.bank_reference, line.purpose):
            if text:
                found |= finder.find(text)
        if found:
            self.named[line.line_no] = tuple(sorted(found))

    # what is still to be had

    def free_lines(self) -> list[Line]:
        """Lines that are open and wait for nobody."""
        return [line for no, line in self.lines.items() if no not in self._frozen_lines]

    def is_free(self, item_no: int) -> bool:
        """Whether an item is open and waits for nobody."""
        return item_no in self.items and item_no not in self._frozen_items

    def open_items_of(self, party: Party) -> list[Expected]:
        """Give the open items of a counterparty."""
        items = self.items
        return [items[number] for number in self.by_party.get(party, ()) if number in items]

    def free_items_of(self, party: Party) -> list[Expected]:
        """Give those of them that wait for nobody."""
        frozen = self._frozen_items
        return [item for item in self.open_items_of(party) if item.item_no not in frozen]

    def group(self, key: str) -> list[Expected] | None:
        """Give the open items that a reference names; None when there are none, or one waits."""
        numbers = {*self.by_reference.get(key, ()), *self.by_batch.get(key, ())}
        items = [self.items[number] for number in numbers if number in self.items]
        if not items or any(item.item_no in self._frozen_items for item in items):
            return None
        return items

    def names_of(self, line: Line) -> set[int]:
        """Give the open items that a line names, and so says that it pays.

        A payer's document may have the number of one of ours by accident: what is short names only
        what has the same counterparty, and a receipt never names a payment.
        """
        numbers: set[int] = set()
        for key in self.named.get(line.line_no, ()):
            group = {*self.by_reference.get(key, ()), *self.by_batch.get(key, ())}
            items = [self.items[number] for number in group if number in self.items]
            if sum(item.net for item in items) * line.amount > 0 and (
                is_strong(key) or any(agree(line, item) for item in items)
            ):
                numbers.update(item.item_no for item in items)
        return numbers

    def names_any(self, line: Line) -> bool:
        """Whether a line has the reference of anything that is open, by accident or not.

        What was paid meanwhile counts no more: the next run does not know of it either.
        """
        return any(
            number in self.items
            for key in self.named.get(line.line_no, ())
            for number in (*self.by_reference.get(key, ()), *self.by_batch.get(key, ()))
        )

    def may(self, line: Line, items: Iterable[Expected]) -> bool:
        """Whether a line may pay items at all: on this account, and nobody took them apart."""
        undone = self._undone.get(line.line_no, ())
        for item in items:
            if item.account is not None and item.account != line.account:
                return False
            if item.item_no in undone:
                self.hints.setdefault(line.line_no, Hint("hand", "undone", (item.item_no,)))
                return False
        return True

    def in_window(self, line: Line, item: Expected) -> bool:
        """Whether a line was booked in the days in which an item's is looked for."""
        settings = self.settings
        return item.day - settings.before_days <= line.day <= item.last_day + settings.after_days

    def is_twin(self, line: Line) -> bool:
        """Whether a line equals one that is matched and was booked at about the same time."""
        if line.line_no in self._twins:
            return True
        days = self._matched.get(likeness_of_line(line), ())
        return any(abs(line.day - day) <= self.settings.doubled_days for day in days)

    # what the rules do

    def offer(
        self, rule: Rule, candidates: Iterable[Candidate], *, equal_items: bool = False
    ) -> None:
        """Match what nothing competes with; what competes waits for a person in this wave."""
        once = {
            (
                tuple(sorted(line.line_no for line in one.lines)),
                tuple(sorted(item.item_no for item in one.items)),
            ): one
            for one in candidates
        }
        settled = settle(
            once.values(), doubled_days=self.settings.doubled_days, equal_items=equal_items
        )
        for one in sorted(settled.accepted, key=_candidate_order):
            self.match(rule, one)
        for line_no, item_nos in settled.rivals.items():
            self._frozen_lines.add(line_no)
            self._frozen_items.update(item_nos)
            if item_nos:
                self.hints[line_no] = Hint(rule, "ambiguous", tuple(sorted(item_nos)))

    def match(self, rule: Rule, one: Candidate) -> None:
        """Take a match off the board, and put what it leaves to be paid on it."""
        lines = tuple(sorted(one.lines, key=line_order))
        items = tuple(sorted(one.items, key=item_order))
        residual = one.difference
        account = items[0].residual if residual else None
        remainder = None
        if account is not None:
            remainder = remainder_of(
                Candidate(lines, items),
                account,
                self.settings,
                tolerance=sum(item.tolerance for item in items),
                item_no=-1 - len(self.found),
            )
        self.found.append(Found(rule, lines, items, residual, account, remainder, self.wave))
        for line in lines:
            del self.lines[line.line_no]
            self._matched[likeness_of_line(line)].append(line.day)
        for item in items:
            del self.items[item.item_no]
        if remainder is not None:
            self.add_item(remainder)

    def next_wave(self) -> None:
        """Let those that wait compete again: what they competed for may be gone."""
        self.wave += 1
        self._frozen_lines.clear()
        self._frozen_items.clear()
        self.hints.clear()
