"""What matching works on: lines, items and settings as plain values. Pure.

Amounts are whole tiyn as the bank shows them, a receipt positive. Days are proleptic ordinals
(`date.toordinal`).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

FEES: Final = (5160, "")
"""The account of bank and processor fees."""
RULE_VERSION: Final = 1
"""Of the rules below; every match names the one that made it."""

Rule = Literal[
    "reference", "reference_set", "window", "days", "difference", "late_difference", "transfer",
    "hand",
]  # fmt: skip
"""`reference`: one line names one item and pays it exactly (or within its tolerance);
`reference_set`: lines and items that name one another, or share a batch, add up; `window`: amount,
counterparty and days fit, and nothing else does; `days`: all of a counterparty's items of
consecutive days add up to the line; `difference`: the line names the item and the amount differs;
`late_difference`: the same, by counterparty and days alone, after a wait; `transfer`: from one of
our own accounts to another; `hand`: a person's."""


class MatchingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Windows and limits of an agency's rules.

    Attributes:
        before_days: a line may be booked so many days before the item's day …
        after_days: … and so many after it, or after the day on which it is due.
        span_days: items of at most so many days in a row are paid by one line.
        doubled_days: two equal lines so close together are one line that came twice.
        unknown_days: after so many days an unexplained line is an exception.
        difference_wait_days: a line that names nothing waits so long for the item that fits it
            exactly before a difference is assumed, …
        difference_permille: … which may be at most this part of the item, …
        fee_permille: … and a processor may keep at most this part of what it collected.
        remainder_days: what was not paid is looked for so long.
    """

    before_days: int = 1
    after_days: int = 5
    span_days: int = 7
    doubled_days: int = 5
    unknown_days: int = 3
    difference_wait_days: int = 2
    difference_permille: int = 200
    fee_permille: int = 100
    remainder_days: int = 30


class Line(msgspec.Struct, frozen=True, gc=False):
    """A bank line that is open.

    Attributes:
        key: orders lines of a day, whatever their numbers.
        account: the bank account's number.
        day: when it was booked.
        uses: in how many matches it was that were undone.
    """

    line_no: int
    key: str
    account: int
    day: int
    amount: int
    bin: str | None
    iban: str | None
    reference: str
    bank_reference: str
    purpose: str
    uses: int = 0


class Expected(msgspec.Struct, frozen=True, gc=False):
    """An item that is open.

    Attributes:
        item_no: below zero: a remainder that this plan makes.
        key: orders items of a day, whatever their numbers.
        last_day: the later of its day and the day on which it is due.
        account: the bank account's number, or None.
        root: number of the item that it is the rest of, or its own.
    """

    item_no: int
    key: str
    code: int
    owner: str
    amount: int
    fee: int
    day: int
    last_day: int
    reference: str
    batch_ref: str
    bin: str | None
    iban: str | None
    account: int | None
    residual_code: int | None
    residual_owner: str | None
    tolerance: int
    root: int

    @property
    def net(self) -> int:
        """What the line is expected to show."""
        return self.amount - self.fee

    @property
    def residual(self) -> tuple[int, str] | None:
        """Where a difference may go by itself."""
        if self.residual_code is None:
            return None
        return self.residual_code, self.residual_owner or ""

    @property
    def stands_on(self) -> tuple[int, str]:
        """The ledger account that a match clears."""
        return self.code, self.owner


class Candidate(NamedTuple):
    """Lines that may pay items."""

    lines: tuple[Line, ...]
    items: tuple[Expected, ...]

    @property
    def difference(self) -> int:
        """What the lines show beyond what was expected."""
        return sum(line.amount for line in self.lines) - sum(item.net for item in self.items)


class Found(NamedTuple):
    """A match that the rules made; lines and items in the order of their days and keys.

    Attributes:
        residual: sum of the lines, less what was expected.
        residual_account: where it goes; None when there is none.
        remainder: what is still owed, as an item of its own.
        wave: matches of a wave use remainders of earlier waves only.
    """

    rule: Rule
    lines: tuple[Line, ...]
    items: tuple[Expected, ...]
    residual: int = 0
    residual_account: tuple[int, str] | None = None
    remainder: Expected | None = None
    wave: int = 0


class Hint(NamedTuple):
    """Why a line stays open although something fits it.

    Attributes:
        reason: `ambiguous`: these fit equally well; `amount_differs`: the line names them, and no
            rule says where the difference goes; `undone`: a person took this match back.
    """

    rule: Rule
    reason: Literal["ambiguous", "amount_differs", "undone"]
    items: tuple[int, ...]


class Plan(NamedTuple):
    """What the rules made of what is open.

    Attributes:
        matches: in the order in which they are to be written.
        hints: by line, of those that stay open.
        doubled: lines that stay open and equal one that is matched.
    """

    matches: list[Found]
    hints: dict[int, Hint]
    doubled: set[int]
