"""Statements as Hypothesis makes them: texts in three languages, equal amounts, long references."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from sapar.finance.bank.model import Line, Statement

IBAN = "KZ86125KZT5004100100"
FIRST = date(2026, 2, 20)

_LETTERS = "абвгжЩЪяәғқңөұүһіӘҒҚҢӨҰҮҺІabzXYZ0123456789 .,()–№«»"
_WORD = "АБВабвҚңүDEFxyz0123456789"


@st.composite
def _text(draw: st.DrawFn, most: int) -> str:
    """A text as `clean` leaves it, that no format takes for something else."""
    words = draw(st.lists(st.text(_LETTERS.replace(" ", ""), min_size=1, max_size=24), max_size=12))
    return " ".join(words)[:most].strip()


_reference = st.one_of(
    st.just(""), st.text("ABC0123456789-", min_size=1, max_size=16).filter(lambda t: "--" not in t)
)
_bin = st.one_of(st.none(), st.text("0123456789", min_size=12, max_size=12))
_iban = st.one_of(
    st.none(),
    st.sampled_from(["KZ79722S000001674774", "KZ22722C000024901213", "KZ946010111000012"]),
)
_tiyn = st.one_of(
    st.sampled_from([1, 100, 12_000, 100_000, 99_999_999_999]),
    st.integers(min_value=1, max_value=10**12),
)


@st.composite
def lines_of(draw: st.DrawFn, days: list[date], most: int = 8) -> list[Line]:
    """Lines on these days; some are equal to the last dot."""
    found = []
    for _ in range(draw(st.integers(0, most))):
        sign = draw(st.sampled_from([1, 1, -1]))
        booked = draw(st.sampled_from(days))
        line = Line(
            booked_on=booked,
            amount_tiyn=sign * draw(_tiyn),
            value_on=draw(st.sampled_from([None, booked, booked - timedelta(days=1)])),
            counterparty_name=draw(_text(60)),
            counterparty_bin=draw(_bin),
            counterparty_iban=draw(_iban),
            reference=draw(_reference),
            bank_reference=draw(_reference),
            purpose=draw(_text(180)),
        )
        found += [line] * draw(st.sampled_from([1, 1, 1, 2]))
    return sorted(found, key=lambda one: one.booked_on)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    """A statement that balances."""
    length = draw(st.integers(0, 40))
    days = [FIRST + timedelta(days=number) for number in range(length + 1)]
    lines = draw(lines_of(days))
    opening = draw(st.integers(min_value=-(10**11), max_value=10**12))
    return Statement(
        account=IBAN,
        from_date=days[0],
        to_date=days[-1],
        opening_tiyn=opening,
        closing_tiyn=opening + sum(line.amount_tiyn for line in lines),
        currency="KZT",
        lines=tuple(lines),
    )
