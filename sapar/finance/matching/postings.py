"""What a match posts. Pure.

Unidentified receipts (2910) lose the lines' sum, each item's account is cleared of its amount, the
expected fee goes to the fees, and the residual to its account, or to several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from sapar.finance.matching.model import FEES, RULE_VERSION, Expected, Line
from sapar.ticketing.ledger.accounts import AccountKey
from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.types import Journal

UNIDENTIFIED: Final = 2910
KIND: Final = "match"


NOTHING: Final = Journal("", KIND, date.min, 0, 0, {}, "", "")
"""Stands for the journal of a match that moves nothing; never posted."""


class ResidualPart(NamedTuple):
    """A part of a residual that goes to several accounts; signed as the residual is."""

    code: int
    owner: str
    amount: int


class Booking(NamedTuple):
    """A match that is to be written.

    Attributes:
        source_key: also its journal's.
        rule: that made it.
        residual: sum of the lines, less what was expected.
        residual_account: where it goes; None also when it goes to several accounts.
        remainder: what is still owed.
        note: a person's words.
        parts: the several accounts; they sum up to the residual.
    """

    source_key: str
    rule: str
    lines: Sequence[Line]
    items: Sequence[Expected]
    residual: int
    residual_account: tuple[int, str] | None
    remainder: Expected | None = None
    note: str = ""
    parts: tuple[ResidualPart, ...] = ()

    @property
    def lines_sum(self) -> int:
        """Sum of the lines."""
        return sum(line.amount for line in self.lines)

    @property
    def items_sum(self) -> int:
        """Sum of the items, with the fees that are expected to be kept from them."""
        return sum(item.amount for item in self.items)

    @property
    def fee(self) -> int:
        """Sum of these fees."""
        return sum(item.fee for item in self.items)

    @property
    def account_no(self) -> int | None:
        """The bank account; None when the lines are on several."""
        numbers = {line.account for line in self.lines}
        return numbers.pop() if len(numbers) == 1 else None

    def operation(self, agency_id: str) -> Operation:
        """Give what is done under the match's key."""
        content: dict[str, object] = {
            "rule": self.rule,
            "lines": sorted(line.line_no for line in self.lines),
            "items": sorted(item.item_no for item in self.items),
            "residual": self.residual,
            "residual_account": self.residual_account,
            "note": self.note,
        }
        if self.parts:
            content["parts"] = self.parts
        return Operation(agency_id, KIND, self.source_key, content)


def movements(
    agency_id: str, booking: Booking, bank_ids: Mapping[int, str]
) -> dict[AccountKey, int]:
    """Give what a match moves, debits positive; nothing when its lines cancel each other.

    >>> line = Line(1, "k", 7, 1, 985_00, None, None, "", "", "")
    >>> payout = Expected(
    ...     1, "p", 1020, "kaspi", 1000_00, 15_00, 1, 1, "", "", None, None, None, None, None, 0, 1
    ... )
    >>> booking = Booking("match:1:1", "window", [line], [payout], 0, None)
    >>> for key, amount in movements("demo", booking, {7: "main"}).items():
    ...     print(key, amount)
    ('demo', 2910, 'main') 98500
    ('demo', 1020, 'kaspi') -100000
    ('demo', 5160, '') 1500
    """
    moved: dict[AccountKey, int] = {}

    def add(code: int, owner: str, amount: int) -> None:
        key = agency_id, code, owner
        moved[key] = moved.get(key, 0) + amount

    for line in booking.lines:
        add(UNIDENTIFIED, bank_ids[line.account], line.amount)
    for item in booking.items:
        add(item.code, item.owner, -item.amount)
    add(*FEES, booking.fee)
    if booking.residual_account is not None:
        add(*booking.residual_account, -booking.residual)
    for part in booking.parts:
        add(part.code, part.owner, -part.amount)
    return {key: amount for key, amount in moved.items() if amount}


def journal_of(
    agency_id: str,
    booking: Booking,
    moved: Mapping[AccountKey, int],
    numbers: Mapping[AccountKey, int],
    content_hash: bytes,
    *,
    actor: str,
    at_ms: int,
) -> Journal | None:
    """Make the journal of a match; None when nothing moves."""
    if not moved:
        return None
    return Journal(
        agency_id=agency_id,
        kind=KIND,
        service_date=date.fromordinal(max(line.day for line in booking.lines)),
        event_at_ms=at_ms,
        received_ms=at_ms,
        entries={numbers[key]: amount for key, amount in moved.items()},
        rule=f"{booking.rule} v{RULE_VERSION}",
        actor=actor,
        source_key=booking.source_key,
        content_hash=content_hash,
    )
