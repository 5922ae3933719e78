"""No count that is not published can be told from what is."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.finance.opendata.suppression import TOTAL, suppress, with_totals

tables = st.integers(1, 5).flatmap(
    lambda rows: st.integers(1, 4).flatmap(
        lambda columns: st.fixed_dictionaries({
            (f"r{row}", f"c{column}"): st.one_of(
                st.integers(0, 12), st.integers(0, 300), st.just(0)
            )
            for row, column in product(range(rows), range(columns))
        })
    )
)  # fmt: skip
thresholds = st.integers(2, 10)


def equations(table, hidden):
    """What a reader knows of the hidden places: the sums of rows and columns, as 0 = sum + rest."""
    rows = {row for row, _ in table}
    columns = {column for _, column in table}
    lines = [[(row, column) for column in columns] for row in rows]
    lines += [[(row, column) for row in rows] for column in columns]
    places = sorted(hidden, key=repr)
    system = []
    for line in lines:
        end = [place for place in line if place[0] is TOTAL and place[1] is not TOTAL]
        is_row = len({place[0] for place in line}) == 1
        total = [p for p in line if (p[1] if is_row else p[0]) is TOTAL]
        assert len(total) == 1, end
        sign = {place: -1 if place == total[0] else 1 for place in line}
        system.append([sign.get(place, 0) for place in places])
    return places, system


def is_determined(system, at):
    """Whether the unit vector of a place is a combination of the equations (exact elimination)."""
    rows = [[Fraction(value) for value in row] for row in system]
    target = [Fraction(int(place == at)) for place in range(len(system[0]))]
    done = 0
    for column in range(len(target)):
        pivot = next((row for row in rows[done:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(done, pivot)
        for other in (*rows[done + 1 :], target):
            if other[column]:
                factor = other[column] / pivot[column]
                for place in range(column, len(target)):
                    other[place] -= factor * pivot[place]
        done += 1
    return not any(target)


@given(tables, thresholds)
def test_every_small_count_is_hidden(cells, k):
    hidden = suppress(cells, k)
    table = with_totals(cells)
    assert {place for place, count in table.items() if 0 < count < k} <= hidden


@given(tables, thresholds)
def test_nothing_hidden_is_determined_by_the_sums(cells, k):
    hidden = suppress(cells, k)
    places, system = equations(with_totals(cells), hidden)
    for at, place in enumerate(places):
        assert not is_determined(system, at), place


@given(tables, thresholds)
def test_each_hidden_small_count_may_be_k_more(cells, k):
    """There is another table of the same published figures, nowhere below zero."""
    hidden = suppress(cells, k)
    table = with_totals(cells)
    for place in (place for place in hidden if 0 < table[place] < k):
        assert any(
            other_row != place[0] and other_column != place[1]
            and shifted(table, hidden, place, (other_row, other_column), k)
            for other_row, other_column in table
        ), place  # fmt: skip


def shifted(table, hidden, place, other, k):
    (row, column), (other_row, other_column) = place, other
    across = 1 if TOTAL in {column, other_column} else -1
    down = 1 if TOTAL in {row, other_row} else -1
    moves = {
        place: k, (row, other_column): across * k, (other_row, column): down * k,
        other: across * down * k,
    }  # fmt: skip
    if not set(moves) <= hidden:
        return False
    changed = {at: count + moves.get(at, 0) for at, count in table.items()}
    inner = {at: count for at, count in changed.items() if TOTAL not in at}
    return min(changed.values()) >= 0 and with_totals(inner) == changed


@given(tables, thresholds, st.randoms())
def test_the_order_does_not_matter(cells, k, chance):
    items = list(cells.items())
    chance.shuffle(items)
    assert suppress(dict(items), k) == suppress(cells, k)


@settings(max_examples=30)
@given(st.integers(2, 12), thresholds)
def test_a_table_of_large_counts_is_published_whole(size, k):
    cells = {(f"r{n}", f"c{m}"): 100 + n * m for n, m in product(range(size), range(3))}
    assert suppress(cells, k) == set()


def test_a_single_small_count_takes_the_totals_with_it():
    assert suppress({("7", "adult"): 3}, 10) == {
        ("7", "adult"), ("7", TOTAL), (TOTAL, "adult"), (TOTAL, TOTAL),
    }  # fmt: skip


@pytest.mark.parametrize("k", [5, 10])
def test_a_usual_table_loses_three_more(k):
    cells = {
        (route, category): count
        for route, counts in {"1": (900, 40), "2": (800, 3), "3": (700, 60)}.items()
        for category, count in zip(("adult", "pupil"), counts, strict=True)
    }
    assert suppress(cells, k) == {
        ("2", "pupil"), ("2", "adult"), ("3", "pupil"), ("3", "adult"),
    } or suppress(cells, k) == {
        ("2", "pupil"), ("2", "adult"), ("1", "pupil"), ("1", "adult"),
    }  # fmt: skip
