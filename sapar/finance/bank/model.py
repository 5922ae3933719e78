"""What a bank statement says, whatever its format; and what must hold before it is believed. Pure.

Amounts are whole tiyn; what came in is positive.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Final, Literal

from sapar.core.errors import BadInput
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

Format = Literal["1c", "csv", "xlsx", "camt053", "mt940"]

TEXT_MAX: Final = 2000
_BIN = re.compile(r"[0-9]{12}")
_IBAN = re.compile(r"[A-Z0-9]{5,34}")


class BrokenFile(BadInput):
    """A file that is refused whole.

    Attributes:
        line: where, counted from 1 (a row of a table, a line of a text); None when it is the whole.
    """

    def __init__(self, message: str, *, code: str, line: int | None = None, hint: str = "") -> None:
        super().__init__(message if line is None else f"line {line}: {message}", code=code)
        self.line = line
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A movement on the account.

    Attributes:
        booked_on: the day on which the bank booked it.
        amount_tiyn: not 0; a receipt is positive.
        value_on: from when it bears interest, if the bank says so.
        counterparty_name, counterparty_bin, counterparty_iban: who paid, or was paid; the number
            has 12 digits (BIN or IIN).
        reference: what the payer gave it (creditor reference, EndToEndId), or the number of the
            document.
        bank_reference: what the bank calls it.
        purpose: what it is for, in the payer's words.
        source_line: where it stands in the file.
    """

    booked_on: date
    amount_tiyn: int
    value_on: date | None = None
    counterparty_name: str = ""
    counterparty_bin: str | None = None
    counterparty_iban: str | None = None
    reference: str = ""
    bank_reference: str = ""
    purpose: str = ""
    source_line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of one account.

    Attributes:
        account: its IBAN; '' when the file names none, as tables often do.
        from_date, to_date: the days it covers, both included.
        opening_tiyn: at the beginning of `from_date`.
        closing_tiyn: after the last line.
        currency: three letters.
        lines: in the order of the file.
    """

    account: str
    from_date: date
    to_date: date
    opening_tiyn: int
    closing_tiyn: int
    currency: str
    lines: tuple[Line, ...]


def clean(text: str) -> str:
    """Give a text as it is stored: one line, single blanks, nothing invisible, not too long."""
    words = text
    if not text.isprintable():
        words = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    return " ".join(unicodedata.normalize("NFC", words).split())[:TEXT_MAX]


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def bin_of(text: str) -> str | None:
    """Give a BIN or IIN, or None if the text is none."""
    digits = re.sub(r"\s", "", text)
    return digits if _BIN.fullmatch(digits) else None


def iban_of(text: str) -> str | None:
    """Give an account's number without blanks and in capitals, or None if the text is none."""
    number = re.sub(r"\s", "", text).upper()
    return number if _IBAN.fullmatch(number) else None


def tenge(amount_tiyn: int) -> str:
    """Write an amount for a message."""
    sign = "-" if amount_tiyn < 0 else ""
    return f"{sign}{abs(amount_tiyn) // 100}.{abs(amount_tiyn) % 100:02}"


def check(statement: Statement) -> Statement:
    """Give a statement back if it may be believed, without lines that move nothing.

    Raises:
        BrokenFile: `statement_does_not_balance` (opening and lines do not make closing),
            `line_outside_period`, `wrong_period`, `wrong_currency` or `amount_too_large`.
    """
    if statement.currency != "KZT":
        raise BrokenFile(
            f"the statement is in {statement.currency or 'no currency'}, not in KZT",
            code="wrong_currency",
        )
    if statement.to_date < statement.from_date:
        raise BrokenFile(
            f"the statement ends on {statement.to_date}, before it begins on {statement.from_date}",
            code="wrong_period",
        )
    for line in statement.lines:
        if not statement.from_date <= line.booked_on <= statement.to_date:
            raise BrokenFile(
                f"booked on {line.booked_on}, outside of {statement.from_date} to"
                f" {statement.to_date}",
                code="line_outside_period",
                line=line.source_line,
            )
        if abs(line.amount_tiyn) > AMOUNT_MAX_TIYN:
            raise BrokenFile(
                "the amount is beyond what an account holds",
                code="amount_too_large",
                line=line.source_line,
            )
    total = sum(line.amount_tiyn for line in statement.lines)
    off = statement.closing_tiyn - statement.opening_tiyn - total
    if off:
        raise BrokenFile(
            f"opening {tenge(statement.opening_tiyn)} and lines {tenge(total)} make"
            f" {tenge(statement.opening_tiyn + total)}, the statement closes with"
            f" {tenge(statement.closing_tiyn)}: the difference is {tenge(off)}",
            code="statement_does_not_balance",
            hint="Lines are missing or doubled in the file: get it from the bank again.",
        )
    return replace(statement, lines=tuple(line for line in statement.lines if line.amount_tiyn))


def join(parts: Sequence[Statement]) -> Statement:
    """Make one statement of those of one account that follow one another in a file.

    Raises:
        BrokenFile: `statements_do_not_follow`: one does not begin with what the other closes with.
    """
    ordered = sorted(parts, key=lambda part: part.from_date)
    for before, after in pairwise(ordered):
        if (before.closing_tiyn, before.currency) != (after.opening_tiyn, after.currency):
            raise BrokenFile(
                f"{before.account}: until {before.to_date} closes with"
                f" {tenge(before.closing_tiyn)}, from {after.from_date} opens with"
                f" {tenge(after.opening_tiyn)}",
                code="statements_do_not_follow",
            )
    return replace(
        ordered[0],
        to_date=max(part.to_date for part in ordered),
        closing_tiyn=ordered[-1].closing_tiyn,
        lines=tuple(line for part in ordered for line in part.lines),
    )


def by_account(parts: Iterable[Statement]) -> list[Statement]:
    """Join the statements of each account, in the order in which accounts come first."""
    accounts: dict[str, list[Statement]] = {}
    for part in parts:
        accounts.setdefault(part.account, []).append(part)
    return [join(group) for group in accounts.values()]
