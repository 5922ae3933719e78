"""Count times price is the amount: the identity that finds a wrong digit."""

from hypothesis import given
from hypothesis import strategies as st

from sapar.finance.claims.identity import Row, Wrong, check_table

# A published day of Almaty, 10 February 2016, in tenge, as it was printed.
PRINTED = (
    Row("adults", 392_227, 80, 31_378_160),
    Row("pensioners under 75", 61_967, 40, 2_467_880),
    Row("pensioners over 75", 10_209, 0, 0),
    Row("students", 157_072, 40, 6_282_880),
    Row("pupils", 43_259, 40, 1_730_360),
)


def test_it_finds_the_printed_error():
    assert check_table(PRINTED, total_rides=664_464, total_amount=41_859_280) == [
        Wrong("pensioners under 75", "rides", 61_967, 61_697, swapped=True)
    ]


def test_the_corrected_table_is_right():
    rows = [row._replace(rides=61_697) if row.rides == 61_967 else row for row in PRINTED]
    assert check_table(rows, total_rides=664_464, total_amount=41_859_280) == []


def test_a_wrong_total_is_found_too():
    rows = [row._replace(rides=61_697) if row.rides == 61_967 else row for row in PRINTED]
    [wrong] = check_table(rows, total_rides=664_734)
    assert wrong == Wrong("", "total_rides", 664_734, 664_464, swapped=False)


def rows_of(counts, prices):
    return [
        Row(str(number), count, price, count * price)
        for number, (count, price) in enumerate(zip(counts, prices, strict=True))
    ]


tables = st.integers(1, 6).flatmap(
    lambda size: st.builds(
        rows_of,
        st.lists(st.integers(0, 10**6), min_size=size, max_size=size),
        st.lists(st.integers(1, 500), min_size=size, max_size=size),
    )
)


@given(tables)
def test_a_right_table_has_no_error(rows):
    assert check_table(rows, sum(r.rides for r in rows), sum(r.amount for r in rows)) == []


@given(tables, st.data())
def test_one_wrong_figure_is_named_and_put_right(rows, data):
    at = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(["rides", "amount"]))
    off = data.draw(st.integers(1, 10**6))
    right = getattr(rows[at], field)
    printed = [*rows]
    printed[at] = rows[at]._replace(**{field: right + off})
    [wrong] = check_table(printed, sum(r.rides for r in rows), sum(r.amount for r in rows))
    assert wrong[:4] == (str(at), field, right + off, right)
