"""What of a statement is new, when parts of it may have come before. Pure.

A statement is complete for its days and balances, so a line needs no name to be known again: on
each day the lines of the new statement are held against those that are stored, amount by amount.
Two equal lines of one statement are two; a line that came before, in whatever file and format, is
one. The bank's reference, the payer's and the texts only decide which of equal amounts is which.

The result is certain to the tiyn: what is stored afterwards leads from the first opening balance
to the newest closing balance, and through every balance that any statement has shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from sapar.core.errors import Refused
from sapar.finance.bank.model import Line, Statement, tenge

_DAY = timedelta(days=1)


class Known(NamedTuple):
    """What is known of an account: all its lines from one balance to another."""

    opening_on: date
    opening_tiyn: int
    closing_on: date
    closing_tiyn: int


class Stored(NamedTuple):
    """A stored line, and the format of the file that brought it."""

    line: Line
    format: str


@dataclass(slots=True)
class Plan:
    """What an import will do.

    Attributes:
        known: what is known afterwards.
        new: the places in the statement's lines of those to be added.
        opening_moved_tiyn: what must be added to the account's opening balance.
        warnings: what a person should know; the import goes on.
    """

    known: Known
    new: list[int] = field(default_factory=list)
    opening_moved_tiyn: int = 0
    warnings: list[str] = field(default_factory=list)


class _Day(NamedTuple):
    """What of a day's lines is on one side alone."""

    on: date
    new: list[int]
    missing: list[Line]


def plan(
    statement: Statement, form: str, known: Known | None, stored: Sequence[Stored], before_tiyn: int
) -> Plan:
    """Decide what of a statement is new.

    Args:
        statement: checked.
        form: its format.
        known: of its account; None: this is the first statement.
        stored: the account's lines on the statement's days, in the order of the bank.
        before_tiyn: the sum of the stored lines before those days.

    Raises:
        Refused: `statement_gap`: it does not begin (or, older than all, does not end) where a known
            statement ends, so lines are missing between; `statement_contradicts`: it shows other
            lines than the statements of the same days before it.
    """
    everything = range(len(statement.lines))
    if known is None:
        first = Known(
            statement.from_date,
            statement.opening_tiyn,
            statement.to_date,
            statement.closing_tiyn,
        )
        return Plan(first, list(everything), statement.opening_tiyn)
    if statement.to_date < known.opening_on:
        return _older(statement, known)
    if statement.from_date > known.closing_on:
        return _following(statement, known)
    head = [n for n in everything if statement.lines[n].booked_on < known.opening_on]
    rest = [n for n in everything if statement.lines[n].booked_on >= known.opening_on]
    opening = statement.opening_tiyn + sum(statement.lines[n].amount_tiyn for n in head)
    if statement.from_date < known.opening_on and opening != known.opening_tiyn:
        raise _gap(statement.from_date, opening, known.opening_on, known.opening_tiyn)
    begins = known.opening_tiyn + before_tiyn
    result = _overlapping(statement, form, known, stored, rest, opening - begins)
    result.new = head + result.new
    if statement.from_date < known.opening_on:
        result.opening_moved_tiyn = statement.opening_tiyn - known.opening_tiyn
        result.known = result.known._replace(
            opening_on=statement.from_date, opening_tiyn=statement.opening_tiyn
        )
    return result


def _gap(own_on: date, own: int, known_on: date, expected: int) -> Refused:
    return Refused(
        f"the statement opens on {own_on} with {tenge(own)}, where {tenge(expected)} is known"
        f" for {known_on}: {tenge(own - expected)} lies between",
        code="statement_gap",
        hint="Import the statement of the days between first.",
    )


def _older(statement: Statement, known: Known) -> Plan:
    """All of its days lie before the first known one."""
    if statement.closing_tiyn != known.opening_tiyn:
        raise Refused(
            f"the statement closes on {statement.to_date} with {tenge(statement.closing_tiyn)},"
            f" the known ones begin on {known.opening_on} with {tenge(known.opening_tiyn)}",
            code="statement_gap",
            hint="Import the statement of the days between first.",
        )
    return Plan(
        known._replace(opening_on=statement.from_date, opening_tiyn=statement.opening_tiyn),
        list(range(len(statement.lines))),
        statement.opening_tiyn - known.opening_tiyn,
        _silent_days(statement.to_date, known.opening_on),
    )


def _following(statement: Statement, known: Known) -> Plan:
    """All of its days lie after the last known one."""
    if statement.opening_tiyn != known.closing_tiyn:
        raise _gap(
            statement.from_date, statement.opening_tiyn, known.closing_on, known.closing_tiyn
        )
    return Plan(
        known._replace(closing_on=statement.to_date, closing_tiyn=statement.closing_tiyn),
        list(range(len(statement.lines))),
        warnings=_silent_days(known.closing_on, statement.from_date),
    )


def _silent_days(before: date, after: date) -> list[str]:
    first, last = before + _DAY, after - _DAY
    if first > last:
        return []
    return [f"no statement covers {first} to {last}; the balances agree, so nothing is missing"]


def _overlapping(
    statement: Statement,
    form: str,
    known: Known,
    stored: Sequence[Stored],
    rest: Sequence[int],
    offset: int,
) -> Plan:
    """Some of its days are known. `offset`: its opening less what is known for that morning."""
    starts = _starts(statement.from_date, stored, offset)
    refusal: Refused | None = None
    found: Plan | None = None
    for skipped in starts:
        try:
            one = _compared(statement, form, known, stored[skipped:], rest)
        except Refused as exc:
            refusal = refusal or exc
            continue
        if found is None or len(one.new) < len(found.new):
            found = one
    if found is not None:
        return found
    if refusal is not None:
        raise refusal
    own = statement.opening_tiyn
    raise _gap(statement.from_date, own, statement.from_date, own - offset)


def _starts(first_day: date, stored: Sequence[Stored], offset: int) -> list[int]:
    """Give after how many of its first day's stored lines the statement may begin.

    None, when it begins in the morning; some, when the bank gives several statements a day.
    """
    starts, passed = [0] if offset == 0 else [], 0
    for count, one in enumerate(stored, start=1):
        if one.line.booked_on != first_day:
            break
        passed += one.line.amount_tiyn
        if passed == offset:
            starts.append(count)
    return starts


def _compared(
    statement: Statement, form: str, known: Known, stored: Sequence[Stored], rest: Sequence[int]
) -> Plan:
    days = list(_by_day(statement.lines, rest, form, stored))
    new, warnings = [], []
    for day in days:
        added = sum(statement.lines[n].amount_tiyn for n in day.new)
        if day.new and day.missing:
            if added != sum(line.amount_tiyn for line in day.missing):
                raise _contradiction(statement.lines, day)
            warnings.append(
                f"{day.on}: {len(day.missing)} stored lines of {tenge(added)} stand in this file"
                f" as {len(day.new)} others of the same sum; the stored ones stay"
            )
        elif day.missing and day.on != statement.to_date:
            raise _contradiction(statement.lines, day)
        elif day.new:
            new += day.new
            if day.on < known.closing_on:
                warnings.append(
                    f"{day.on}: {len(day.new)} lines are new on a day that was complete before"
                )
    moved = sum(statement.lines[n].amount_tiyn for n in new)
    partial = any(day.missing and not day.new for day in days)
    if moved and (statement.to_date < known.closing_on or partial):
        raise Refused(
            f"its new lines, {tenge(moved)}, would change the balances that later statements show",
            code="statement_contradicts",
            hint="Ask the bank which of its statements is right.",
        )
    ends = known._replace(
        closing_on=max(known.closing_on, statement.to_date), closing_tiyn=known.closing_tiyn + moved
    )
    return Plan(ends, sorted(new), warnings=warnings)


def _contradiction(lines: Sequence[Line], day: _Day) -> Refused:
    shown = [
        *(f"missing {tenge(line.amount_tiyn)} {line.purpose[:40]!r}" for line in day.missing),
        *(f"new {tenge(lines[n].amount_tiyn)} {lines[n].purpose[:40]!r}" for n in day.new),
    ]
    more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
    return Refused(
        f"{day.on}: the statement shows other lines than the ones before it:"
        f" {'; '.join(shown[:6])}{more}",
        code="statement_contradicts",
        hint="Ask the bank which of its statements is right.",
    )


def _by_day(
    lines: Sequence[Line], numbers: Iterable[int], form: str, stored: Iterable[Stored]
) -> Iterator[_Day]:
    new: dict[date, list[int]] = defaultdict(list)
    old: dict[date, list[Stored]] = defaultdict(list)
    for number in numbers:
        new[lines[number].booked_on].append(number)
    for one in stored:
        old[one.line.booked_on].append(one)
    for on in sorted(new.keys() | old.keys()):
        left, missing = _paired(lines, new[on], form, old[on])
        yield _Day(on, left, missing)


_LIKENESS: Sequence[Callable[[Line], tuple[object, ...] | None]] = (
    lambda line: (line.bank_reference,) if line.bank_reference else None,
    lambda line: (line.reference, line.purpose) if line.reference else None,
    lambda line: (line.reference,) if line.reference else None,
    lambda line: (line.counterparty_bin, line.counterparty_iban, line.purpose),
    lambda line: (line.purpose,) if line.purpose else None,
    lambda _line: (),
)
"""What tells lines of one amount apart, the surest first."""


def _paired(
    lines: Sequence[Line], new: Sequence[int], form: str, old: Sequence[Stored]
) -> tuple[list[int], list[Line]]:
    """Pair a day's lines of equal amounts; give what is left of the new and of the stored ones."""
    for likeness in _LIKENESS:
        if not new or not old:
            break
        waiting: dict[tuple[object, ...], list[Stored]] = defaultdict(list)
        for one in reversed(old):
            key = likeness(one.line)
            if key is not None:
                waiting[one.line.amount_tiyn, *key].append(one)
        taken: set[int] = set()
        left = []
        for number in new:
            key = likeness(lines[number])
            same = waiting.get((lines[number].amount_tiyn, *key)) if key is not None else None
            if same and not _told_apart(lines[number], form, same[-1]):
                taken.add(id(same.pop()))
            else:
                left.append(number)
        new = left
        old = [one for one in old if id(one) not in taken]
    return list(new), [one.line for one in old]


def _told_apart(line: Line, form: str, stored: Stored) -> bool:
    """Whether the bank itself, in the same format, calls the two lines by different names."""
    own, other = line.bank_reference, stored.line.bank_reference
    return form == stored.format and bool(own) and bool(other) and own != other
