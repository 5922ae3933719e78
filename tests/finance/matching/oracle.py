"""The exact rules again, for small cases: by trying everything, without an index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from sapar.finance.matching.model import Expected, Line, MatchingSettings

Pair = tuple[tuple[int, ...], tuple[int, ...]]
"""Numbers of lines and items that go together."""


class Oracle:
    """Small cases whose references are plain words of at least six characters.

    No line equals another, no item has tolerance or residual account, there is one bank account.
    """

    def __init__(
        self, lines: Iterable[Line], items: Iterable[Expected], settings: MatchingSettings
    ) -> None:
        self.lines, self.items, self.settings = list(lines), list(items), settings
        self.known = self.keys()
        self.pairs: list[tuple[str, Pair]] = []
        self.waiting: set[tuple[str, int]] = set()

    def run(self) -> list[tuple[str, Pair]]:
        """Give rule, lines and items of every match, sorted."""
        while True:
            before = len(self.pairs)
            self.waiting = set()
            self.offer("reference", self.singles(own=True))
            self.offer("reference", self.singles(own=False))
            self.offer("reference_set", self.batches())
            self.offer("reference_set", self.all_named())
            self.offer("reference_set", self.together())
            self.offer("window", self.windows())
            self.offer("days", self.days())
            if len(self.pairs) == before:
                return sorted(self.pairs)

    def offer(self, rule: str, pairs: Iterable[Pair]) -> None:
        """Take the pairs that share nothing with another one; let all others wait."""
        found = sorted(set(pairs))
        for one in found:
            members = self.members(one)
            if any(members & self.members(other) for other in found if other != one):
                self.waiting |= members
        for one in found:
            if not self.members(one) & self.waiting:
                self.pairs.append((rule, one))
                self.lines = [line for line in self.lines if line.line_no not in one[0]]
                self.items = [item for item in self.items if item.item_no not in one[1]]

    def members(self, one: Pair) -> set[tuple[str, int]]:
        return {("line", n) for n in one[0]} | {("item", n) for n in one[1]}

    def free_lines(self) -> list[Line]:
        return [line for line in self.lines if ("line", line.line_no) not in self.waiting]

    def is_free(self, item: Expected) -> bool:
        return ("item", item.item_no) not in self.waiting

    # what a line names

    def says(self, line: Line, key: str) -> bool:
        if not key:
            return False
        return line.reference == key or any(
            re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text)
            for text in (line.reference, line.purpose)
        )

    def names(self, line: Line) -> list[Expected]:
        found: dict[int, Expected] = {}
        for key in self.keys():
            items = [item for item in self.items if key in (item.reference, item.batch_ref)]
            if self.says(line, key) and sum(item.net for item in items) * line.amount > 0:
                found |= {item.item_no: item for item in items}
        return list(found.values())

    def pair(self, lines: Sequence[Line], items: Sequence[Expected]) -> Pair:
        return (
            tuple(sorted(line.line_no for line in lines)),
            tuple(sorted(item.item_no for item in items)),
        )

    def adds_up(self, lines: Sequence[Line], items: Sequence[Expected]) -> bool:
        return sum(line.amount for line in lines) == sum(item.net for item in items)

    def singles(self, *, own: bool) -> Iterator[Pair]:
        found = [
            (line, item)
            for line in self.free_lines()
            for item in self.items
            if self.is_free(item) and line.amount == item.net and item.reference
            and (line.reference == item.reference if own else self.says(line, item.reference))
        ]  # fmt: skip
        sure = [(line, item) for line, item in found if self.same_party(line, item)]
        for line, item in found:
            agrees = (line, item) in sure
            spoken_for = any(line is a or item is b for a, b in sure)
            if agrees or not spoken_for:
                yield self.pair([line], [item])

    def keys(self) -> set[str]:
        return {key for item in self.items for key in (item.reference, item.batch_ref) if key}

    def batches(self) -> Iterator[Pair]:
        for line in self.free_lines():
            for key in self.keys():
                items = [item for item in self.items if key in (item.reference, item.batch_ref)]
                if (
                    self.says(line, key)
                    and all(map(self.is_free, items))
                    and self.adds_up([line], items)
                ):
                    yield self.pair([line], items)

    def all_named(self) -> Iterator[Pair]:
        for line in self.free_lines():
            items = self.names(line)
            if items and all(map(self.is_free, items)) and self.adds_up([line], items):
                several = sum(self.says(line, key) for key in self.known) > 1
                if several:
                    yield self.pair([line], items)

    def together(self) -> Iterator[Pair]:
        """Of all sets of lines: those that name nothing in common with any other line."""
        naming = [line for line in self.free_lines() if self.names(line)]
        for size in range(2, len(naming) + 1):
            for lines in combinations(naming, size):
                items = {item.item_no: item for line in lines for item in self.names(line)}
                others = [line for line in naming if line not in lines]
                if any(item.item_no in items for line in others for item in self.names(line)):
                    continue
                if not self.hangs_together(lines):
                    continue
                found = list(items.values())
                if all(map(self.is_free, found)) and self.adds_up(lines, found):
                    yield self.pair(lines, found)

    def hangs_together(self, lines: Sequence[Line]) -> bool:
        """Whether no part of the lines shares no item with the rest."""
        for size in range(1, len(lines)):
            for part in combinations(lines, size):
                rest = [line for line in lines if line not in part]
                here = {item.item_no for line in part for item in self.names(line)}
                there = {item.item_no for line in rest for item in self.names(line)}
                if not here & there:
                    return False
        return True

    # what fits without names

    def same_party(self, line: Line, item: Expected) -> bool:
        return line.bin is not None and line.bin == item.bin

    def taken(self) -> set[int]:
        return {item.item_no for line in self.lines for item in self.names(line)}

    def windows(self) -> Iterator[Pair]:
        settings, taken = self.settings, self.taken()
        for line in self.free_lines():
            named = {item.item_no for item in self.names(line)}
            for item in self.items:
                apart = line.day - item.day
                if (
                    self.is_free(item)
                    and self.same_party(line, item)
                    and line.amount == item.net
                    and -settings.before_days <= apart <= settings.after_days
                    and (item.item_no in named if named else item.item_no not in taken)
                ):
                    yield self.pair([line], [item])

    def days(self) -> Iterator[Pair]:
        """Of all sets of a party's items: all that is on one account of days in a row."""
        settings, taken = self.settings, self.taken()
        for line in self.free_lines():
            named = {item.item_no for item in self.names(line)}
            party = [item for item in self.items if self.same_party(line, item)]
            for size in range(2, len(party) + 1):
                for items in combinations(party, size):
                    first, last = min(i.day for i in items), max(i.day for i in items)
                    whole = [
                        item
                        for item in party
                        if first <= item.day <= last and item.stands_on == items[0].stands_on
                    ]
                    numbers = {item.item_no for item in items}
                    if (
                        len(whole) == len(items)
                        and len({(item.code, item.owner) for item in items}) == 1
                        and last - first < settings.span_days
                        and -settings.before_days <= line.day - last <= settings.after_days
                        and self.adds_up([line], items)
                        and all(map(self.is_free, items))
                        and named <= numbers
                        and not (numbers & taken) - named
                    ):
                        yield self.pair([line], items)
