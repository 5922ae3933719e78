"""Laws of the rules: order, conservation, a second run, runs in parts; and a second opinion."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sapar.finance.matching.model import Expected, Found, Line, MatchingSettings
from sapar.finance.matching.plan import plan_matches
from sapar.finance.matching.settle import likeness_of_line
from tests.finance.matching.oracle import Oracle
from tests.finance.matching.support import plain_item, plain_line

RULES = MatchingSettings()
TODAY = 112
REFERENCES = ["", "", "REF001", "REF002", "REF003", "BAT001", "BAT002"]
amounts = st.sampled_from([100, 200, 300, 400, 500])
signs = st.sampled_from([1] * 7 + [-1])
days = st.integers(100, 108)
bins = st.sampled_from(["1", "2", "1", None])


@st.composite
def some_lines(draw: st.DrawFn, most: int = 7) -> list[Line]:
    rows = draw(
        st.lists(
            st.tuples(
                amounts, days, bins, st.sampled_from(REFERENCES),
                st.sampled_from(["", "", "pay REF001", "REF002/REF003", "for BAT001", "other"]),
                signs,
            ),
            min_size=1,
            max_size=most,
        )
    )  # fmt: skip
    return [
        plain_line(n + 1, sign * amount, day, bin=bin_, reference=reference, purpose=purpose)
        for n, (amount, day, bin_, reference, purpose, sign) in enumerate(rows)
    ]


@st.composite
def some_items(draw: st.DrawFn, most: int = 8) -> list[Expected]:
    rows = draw(
        st.lists(
            st.tuples(
                amounts, days, bins, st.sampled_from(REFERENCES[:5]),
                st.sampled_from(["", "", "BAT001", "BAT002"]), signs,
                st.sampled_from(["own", "fees", "none"]), st.sampled_from([0, 0, 50]),
                st.sampled_from(["a", "b"]),
            ),
            min_size=1,
            max_size=most,
        )
    )  # fmt: skip
    return [plain_item(n + 1, *_kind(row)[0], **_kind(row)[1]) for n, row in enumerate(rows)]


def _kind(row: Any) -> tuple[tuple[int, int], dict[str, Any]]:
    amount, day, bin_, reference, batch, sign, residual, tolerance, owner = row
    more: dict[str, Any] = {
        "bin": bin_, "reference": reference, "batch_ref": batch, "owner": owner,
        "tolerance": 0 if residual == "none" else tolerance,
    }  # fmt: skip
    if residual == "own":
        more |= {"residual_code": 1110, "residual_owner": owner}
    elif residual == "fees":
        more |= {"code": 1020, "residual_code": 5160, "residual_owner": ""}
        if sign > 0:
            more["fee"] = amount // 50
    return (sign * amount, day), more


def shown(matches: Sequence[Found]) -> list[Any]:
    """What was matched, by the keys of lines and items."""
    return sorted(
        (
            one.rule,
            tuple(line.key for line in one.lines),
            tuple(item.key for item in one.items),
            one.residual,
        )
        for one in matches
    )


@given(some_lines(), some_items(), st.randoms(use_true_random=False))
@settings(max_examples=400)
def test_the_order_of_the_input_does_not_matter(
    lines: list[Line], items: list[Expected], random: Any
) -> None:
    """Nor do the numbers: lines and items go by their days and keys."""
    first = plan_matches(lines, items, RULES, TODAY)
    numbers = [*range(50, 50 + len(lines))]
    random.shuffle(numbers)
    other_lines = [
        msgspec.structs.replace(line, line_no=number)
        for line, number in zip(lines, numbers, strict=True)
    ]
    names = [*range(70, 70 + len(items))]
    random.shuffle(names)
    other_items = [
        msgspec.structs.replace(item, item_no=number, root=number)
        for item, number in zip(items, names, strict=True)
    ]
    random.shuffle(other_lines)
    random.shuffle(other_items)
    second = plan_matches(other_lines, other_items, RULES, TODAY)
    assert shown_without_roots(first.matches) == shown_without_roots(second.matches)
    assert {lines[n - 1].key for n in first.doubled} == {
        line.key for line in other_lines if line.line_no in second.doubled
    }
    assert len(first.hints) == len(second.hints)
    event(f"{len(first.matches)} matches")


def shown_without_roots(matches: Sequence[Found]) -> list[Any]:
    """As `shown`; the key of a remainder has its item's number in it."""
    return sorted(
        (rule, lines, tuple(key.split(":")[0] for key in items), residual)
        for rule, lines, items, residual in shown(matches)
    )


@given(some_lines(), some_items())
@settings(max_examples=400)
def test_nothing_is_lost_and_nothing_is_used_twice(
    lines: list[Line], items: list[Expected]
) -> None:
    found = plan_matches(lines, items, RULES, TODAY)
    used = Counter(line.line_no for one in found.matches for line in one.lines)
    paid = Counter(item.item_no for one in found.matches for item in one.items)
    assert set(used.values()) <= {1}
    assert set(paid.values()) <= {1}
    rests = [one.remainder for one in found.matches if one.remainder is not None]
    assert {*paid} <= {item.item_no for item in items} | {rest.item_no for rest in rests}
    assert not {*found.hints, *found.doubled} & {*used}
    for one in found.matches:
        lines_sum = sum(line.amount for line in one.lines)
        net = sum(item.net for item in one.items)
        assert lines_sum == net + one.residual
        assert (one.residual_account is not None) == (one.residual != 0)
        if one.residual:
            assert {item.residual for item in one.items} == {one.residual_account}
        if one.remainder is not None:
            assert one.remainder.amount == -one.residual
            assert (one.remainder.amount > 0) == (net > 0)
            assert one.residual_account == one.items[0].stands_on
    # what came in and what is expected: matched + open = all
    by_no = {rest.item_no: rest for rest in rests}
    waves = {rest.item_no: one.wave for one in found.matches if (rest := one.remainder)}
    for one in found.matches:
        assert all(waves[item.item_no] < one.wave for item in one.items if item.item_no in by_no)


@given(some_lines(), some_items())
@settings(max_examples=300)
def test_a_second_run_finds_nothing(lines: list[Line], items: list[Expected]) -> None:
    world = World()
    world.add(lines, items)
    assert world.run() or True
    hints = world.hints
    assert world.run() == []
    assert world.hints == hints


@given(some_lines(), some_items())
@settings(max_examples=300)
def test_equal_candidates_are_never_chosen_between(
    lines: list[Line], items: list[Expected]
) -> None:
    """Whatever a window match took: nothing else that is still open would have done as well."""
    found = plan_matches(lines, items, RULES, TODAY)
    gone_lines = {line.line_no for one in found.matches for line in one.lines}
    gone_items = {item.item_no for one in found.matches for item in one.items}
    for one in found.matches:
        if one.rule != "window" or one.residual or one.wave:
            continue
        (line,), (item,) = one.lines, one.items
        named = {n for other in lines for n in _named(other, items)}
        for other in items:
            same = other.net == item.net and other.bin == line.bin and other.bin is not None
            near = -1 <= line.day - other.day <= 5
            if same and near and other.item_no not in gone_items | named:
                assert _named(line, items)
        for rival in lines:
            if (
                rival.line_no not in gone_lines
                and rival.line_no not in found.doubled
                and rival.amount == line.amount
                and rival.bin == item.bin
                and -1 <= rival.day - item.day <= 5
                and not _named(rival, items)
            ):
                assert _named(line, items) or likeness_of_line(rival) == likeness_of_line(line)


def _named(line: Line, items: Sequence[Expected]) -> set[int]:
    return {item.item_no for item in Oracle([line], items, RULES).names(line)}


@given(some_lines(5), some_items(6))
@settings(max_examples=600)
def test_a_second_opinion(lines: list[Line], items: list[Expected]) -> None:
    """The exact rules against trying everything, where nothing equals anything."""
    plain = [
        msgspec.structs.replace(
            item, tolerance=0, residual_code=None, residual_owner=None, account=None
        )
        for item in items
    ]
    unlike: dict[Any, Line] = {}
    for line in lines:
        unlike.setdefault(likeness_of_line(line), line)
    alike = Counter((i.code, i.owner, i.amount, i.reference, i.batch_ref, i.bin) for i in plain)
    plain = [
        i for i in plain
        if alike[i.code, i.owner, i.amount, i.reference, i.batch_ref, i.bin] == 1
    ]  # fmt: skip
    few = list(unlike.values())
    found = plan_matches(few, plain, RULES, TODAY)
    ours = sorted(
        (
            one.rule,
            (
                tuple(sorted(line.line_no for line in one.lines)),
                tuple(sorted(item.item_no for item in one.items)),
            ),
        )
        for one in found.matches
    )
    event(f"{[rule for rule, _ in ours]}")
    assert ours == Oracle(few, plain, RULES).run()


class World:
    """What a database keeps between runs."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.items: list[Expected] = []
        self.matched: list[Line] = []
        self.hints: Any = None
        self.balances: Counter[tuple[int, str]] = Counter()

    def add(self, lines: Sequence[Line], items: Sequence[Expected]) -> None:
        self.lines += lines
        self.items += items

    def run(self) -> list[Found]:
        plan = plan_matches(self.lines, self.items, RULES, TODAY, twins=self._twins())
        numbers: dict[int, int] = {}
        for one in plan.matches:
            self.matched += one.lines
            gone = {line.line_no for line in one.lines}
            self.lines = [line for line in self.lines if line.line_no not in gone]
            paid = {numbers.get(item.item_no, item.item_no) for item in one.items}
            self.items = [item for item in self.items if item.item_no not in paid]
            for item in one.items:
                self.balances[item.stands_on] -= item.amount
                self.balances[5160, ""] += item.fee
            if one.residual_account is not None:
                self.balances[one.residual_account] -= one.residual
            if one.remainder is not None:
                number = 1000 + len(self.matched)
                numbers[one.remainder.item_no] = number
                self.items.append(msgspec.structs.replace(one.remainder, item_no=number))
        self.hints = sorted((n, hint.reason) for n, hint in plan.hints.items())
        return plan.matches

    def _twins(self) -> set[int]:
        return {
            line.line_no
            for line in self.lines
            for other in self.matched
            if likeness_of_line(line) == likeness_of_line(other)
            and abs(line.day - other.day) <= RULES.doubled_days
        }

    def stand(self) -> Any:
        """Balances, and what is still owed of each item."""
        owed: Counter[int] = Counter()
        for item in self.items:
            owed[item.root] += item.amount
        moved = {key: amount for key, amount in self.balances.items() if amount}
        return moved, {root: amount for root, amount in owed.items() if amount}


@st.composite
def deposits_in_parts(draw: st.DrawFn) -> tuple[list[Line], list[Expected]]:
    """Agents' deposits, each paid by some lines that name it and do not add up to more.

    Equal lines among them are so near that one of two is told as doubled whichever comes first.
    """
    near = st.integers(100, 100 + RULES.doubled_days)
    lines: list[Line] = []
    items: list[Expected] = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        amount = draw(st.integers(2, 12))
        key, bin_ = f"DEP{number:03}", str(number)
        items.append(
            plain_item(
                number, amount * 100, draw(days), reference=key, bin=bin_, owner=f"o{number}",
                residual_code=1110, residual_owner=f"o{number}",
            )
        )  # fmt: skip
        left = amount
        for _ in range(draw(st.integers(0, 3))):
            part = draw(st.integers(1, max(1, left)))
            if part > left:
                break
            left -= part
            lines.append(
                plain_line(len(lines) + 1, part * 100, draw(near), reference=key, bin=bin_)
            )
    return lines, items


@given(deposits_in_parts(), st.data())
@settings(max_examples=300)
def test_runs_in_parts_come_to_the_same(
    world: tuple[list[Line], list[Expected]], data: st.DataObject
) -> None:
    """However lines and items are spread over runs, where no reference is paid too much."""
    lines, items = world
    at_once = World()
    at_once.add(lines, items)
    at_once.run()
    parts = World()
    runs = data.draw(st.integers(1, 4))
    line_runs = [data.draw(st.integers(1, runs)) for _ in lines]
    item_runs = [data.draw(st.integers(1, runs)) for _ in items]
    for run in range(1, runs + 1):
        parts.add(
            [line for line, when in zip(lines, line_runs, strict=True) if when == run],
            [item for item, when in zip(items, item_runs, strict=True) if when == run],
        )
        parts.run()
    assert parts.stand() == at_once.stand()
