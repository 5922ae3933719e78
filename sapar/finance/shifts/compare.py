"""What a shift report says against the taps that came, and against the report before it. Pure.

Claims are compared with claims: what the validator counted, by product, with what its taps say that
they are and that it took. What a ride costs by our tariff does not matter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal, NamedTuple

Code = Literal[
    "missing_on_server", "missing_on_device", "amount_mismatch", "total_break", "range_overlap"
]
CODES: Final[Mapping[Code, str]] = {
    "missing_on_server": "the validator counted more taps than came",
    "missing_on_device": "more taps came than the validator counted",
    "amount_mismatch": "as many taps came, and they claim another sum",
    "total_break": "the grand totals do not go on where the shift before left them",
    "range_overlap": "the shift begins with numbers of a shift before",
}
SEQ_MAX: Final = 2**53 - 1


class Count(NamedTuple):
    """Taps, and what was taken from cards for them."""

    taps: int = 0
    sum_tiyn: int = 0


class Shift(NamedTuple):
    """A shift report that counts.

    Attributes:
        report_no: of the report; device_no, device_id: whose.
        epoch, shift_no: which.
        service_date: fare day on which it began.
        first_seq, last_seq: numbers of its taps; None: nobody tapped.
        products: what the validator counted, by product ('': none named).
        denied: taps that it let nobody ride on.
        total: grand totals after it.
        seq_before: the last number before its own, as far as known; -1: there is none.
    """

    report_no: int
    device_no: int
    device_id: str
    epoch: int
    shift_no: int
    service_date: date
    first_seq: int | None
    last_seq: int | None
    products: Mapping[str, Count]
    denied: int
    total: Count
    seq_before: int

    @property
    def own(self) -> Count:
        """Its taps and sum over all products."""
        return Count(
            sum(one.taps for one in self.products.values()),
            sum(one.sum_tiyn for one in self.products.values()),
        )

    @property
    def subject(self) -> str:
        """How exceptions name it."""
        return f"shift {self.device_id} {self.epoch}/{self.shift_no}"


class Before(NamedTuple):
    """The report before a shift, as far as it is known.

    Attributes:
        epoch, shift_no: which.
        last_seq: the highest number of this and all earlier shifts of its epoch.
        total: grand totals after it.
    """

    epoch: int
    shift_no: int
    last_seq: int | None
    total: Count


class Received(NamedTuple):
    """What came of a shift's numbers: taps by the product that they name, and denied ones."""

    products: Mapping[str, Count] = {}
    denied: int = 0


class Difference(NamedTuple):
    """What a report says less what is known otherwise.

    Attributes:
        code: what kind of difference.
        product: of this product; None: of denied taps, or of the grand totals.
        taps, sum_tiyn: reported less received; of `total_break` less expected.
    """

    code: Code
    product: str | None
    taps: int
    sum_tiyn: int


class Missing(NamedTuple):
    """Shifts that were never reported, as the report after them shows.

    Attributes:
        epoch: of the taps that they would cover.
        shift_nos: first and last number; None: the end of an epoch that the device gave up.
        from_seq, to_seq: the numbers of their taps, as far as known.
        lacking: what the grand totals say that they had; may be negative after a reset.
    """

    epoch: int
    shift_nos: tuple[int, int] | None
    from_seq: int
    to_seq: int
    lacking: Count


def compare_taps(shift: Shift, received: Received) -> list[Difference]:
    """Compare the report with what came, product by product; empty when all agree."""
    found = []
    for product in sorted({*shift.products, *received.products}):
        said = shift.products.get(product, Count())
        came = received.products.get(product, Count())
        if said != came:
            found.append(_difference(product, said, came))
    if shift.denied != received.denied:
        found.append(_difference(None, Count(shift.denied), Count(received.denied)))
    return found


def _difference(product: str | None, said: Count, came: Count) -> Difference:
    taps, sum_tiyn = said.taps - came.taps, said.sum_tiyn - came.sum_tiyn
    code: Code = "amount_mismatch"
    if taps:
        code = "missing_on_server" if taps > 0 else "missing_on_device"
    return Difference(code, product, taps, sum_tiyn)


def compare_totals(shift: Shift, before: Before | None) -> tuple[list[Difference], Missing | None]:
    """Compare the report with the one before it.

    Returns:
        What does not go on, and the shifts between the two that were never reported. A device's
        first shift of all begins the totals, wherever they stand.
    """
    own = shift.own
    lacking = Count(shift.total.taps - own.taps, shift.total.sum_tiyn - own.sum_tiyn)
    if before is not None:
        lacking = Count(lacking.taps - before.total.taps, lacking.sum_tiyn - before.total.sum_tiyn)
    same_epoch = before is not None and before.epoch == shift.epoch
    known_no = before.shift_no if before is not None and same_epoch else 0
    if shift.shift_no > known_no + 1:
        since = _next_seq(before) if before is not None and same_epoch else 0
        between = (known_no + 1, shift.shift_no - 1)
        return [], Missing(shift.epoch, between, since, shift.seq_before, lacking)
    found: list[Difference] = []
    if before is None:
        return found, None
    if lacking != Count():
        if not same_epoch and lacking.taps >= 0 and lacking.sum_tiyn >= 0:
            return found, Missing(before.epoch, None, _next_seq(before), SEQ_MAX, lacking)
        found.append(Difference("total_break", None, *lacking))
    if same_epoch and shift.first_seq is not None and shift.first_seq < _next_seq(before):
        found.append(Difference("range_overlap", None, _next_seq(before) - shift.first_seq, 0))
    return found, None


def _next_seq(before: Before) -> int:
    return 0 if before.last_seq is None else before.last_seq + 1


def value_of(differences: list[Difference]) -> int:
    """Give what a shift's differences are worth, in tiyn.

    The sum over its products; or what the grand totals lack, where that is more: the two see the
    same money from two sides and are not added.
    """
    of_taps = sum(abs(one.sum_tiyn) for one in differences if one.code != "total_break")
    of_totals = sum(abs(one.sum_tiyn) for one in differences if one.code == "total_break")
    return max(of_taps, of_totals)


def describe(differences: list[Difference]) -> str:
    """Say it for a person, exactly and always in the same words."""
    return "; ".join(
        f"{one.code}{_of_what(one)}: {one.taps:+d} taps, {one.sum_tiyn:+d} tiyn"
        for one in differences
    )


def _of_what(one: Difference) -> str:
    if one.code in {"total_break", "range_overlap"}:
        return ""
    if one.product is None:
        return " denied"
    return f" {one.product}" if one.product else " without a product"
