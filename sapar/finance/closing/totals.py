"""Totals of a business day from groups of its journals. Pure.

The journals of a day's rides differ in little: there are a few thousand forms of them, and each
form is counted once. Every total is made from the same groups, so all tables of a report agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from sapar.ticketing.ledger.accounts import CARD_CODES

EARNED_CODES: Final = frozenset({2210, 2220, 2320})
"""Credited to carriers for rides: in time, late, on hold."""
FUNDER_CODE: Final = 1220
OURS_CODES: Final = frozenset({5110, 5120, 5130, 5170})
UNKNOWN_CODE: Final = 2920
RIDERS_CODE: Final = 9110
BOARDINGS_FROM: Final = 9000
"""Codes from here on count boardings."""

_DIMENSIONS: Final = ("route", "channel", "product", "rider_category")
TABLES: Final = ("carrier", *_DIMENSIONS, "funder")
"""Tables of a block, in the order of the report."""

Account = tuple[int, str]
"""(code, owner); the owner is empty for the accounts of all cards together."""


class Group(NamedTuple):
    """Journals of rides that differ in nothing but card and time.

    Attributes:
        first: they are the ride's fare, not a difference to it.
        form: account numbers, a card's by its place (0 to 3).
        amounts: what each journal moves on them.
        journals: how many they are.
    """

    service_date: date
    kind: str
    first: bool
    route: str
    channel: str
    product: str
    rider_category: str
    form: list[int]
    amounts: list[int]
    journals: int


@dataclass(slots=True)
class Sums:
    """What some rides come to; earned = cards + funders + ours + unknown + other."""

    taps: int = 0
    riders: int = 0
    earned_tiyn: int = 0
    cards_tiyn: int = 0
    funders_tiyn: int = 0
    ours_tiyn: int = 0
    unknown_tiyn: int = 0
    other_tiyn: int = 0

    def add(self, other: Sums) -> None:
        """Add other rides."""
        for name in Sums.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def plain(self) -> dict[str, int]:
        """Give them as plain data."""
        return {name: getattr(self, name) for name in Sums.__slots__}


@dataclass(slots=True)
class Block:
    """Rides of one kind: those of the day itself, or late ones.

    Attributes:
        all: all of them.
        by: table → key → what it comes to; `carrier` has riders, taps and what was earned alone,
            `funder` taps and what the funder owes.
    """

    all: Sums = field(default_factory=Sums)
    by: dict[str, dict[str, Sums]] = field(default_factory=lambda: {name: {} for name in TABLES})


@dataclass(slots=True)
class Movement:
    """What moved on an account."""

    debits: int = 0
    credits: int = 0


@dataclass(slots=True)
class Totals:
    """A business day.

    Attributes:
        day: rides whose day of service it is.
        late: rides of earlier days, by day of service.
        accounts: what moved on each account, by all journals of the day.
        kinds: how many journals there are of each kind.
    """

    day: Block = field(default_factory=Block)
    late: dict[date, Block] = field(default_factory=dict)
    accounts: dict[Account, Movement] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def journals(self) -> int:
        """All journals of the day."""
        return sum(self.kinds.values())


def account_of(number: int, accounts: Mapping[int, Account]) -> Account:
    """Give code and owner of a number in a form; a card's account stands for those of all cards."""
    return (CARD_CODES[number], "") if number >= 0 else accounts[number]


def add_groups(
    totals: Totals, business_date: date, groups: Iterable[Group], accounts: Mapping[int, Account]
) -> None:
    """Add the journals of rides to the totals of a day."""
    for group in groups:
        if group.service_date == business_date:
            block = totals.day
        else:
            block = totals.late.setdefault(group.service_date, Block())
        moved = [
            (account_of(number, accounts), amount)
            for number, amount in zip(group.form, group.amounts, strict=True)
        ]
        _add_to_block(block, group, moved)
        for account, amount in moved:
            movement = totals.accounts.setdefault(account, Movement())
            if amount > 0:
                movement.debits += amount * group.journals
            else:
                movement.credits -= amount * group.journals
        totals.kinds[group.kind] = totals.kinds.get(group.kind, 0) + group.journals


def _add_to_block(block: Block, group: Group, moved: list[tuple[Account, int]]) -> None:
    sums = sums_of(moved, group.journals, taps=group.journals if group.first else 0)
    block.all.add(sums)
    for name in _DIMENSIONS:
        block.by[name].setdefault(getattr(group, name), Sums()).add(sums)
    for (code, owner), amount in moved:
        if code == RIDERS_CODE:
            carrier = block.by["carrier"].setdefault(owner, Sums())
            carrier.riders += amount * group.journals
            carrier.taps += sums.taps
        elif code in EARNED_CODES:
            carrier = block.by["carrier"].setdefault(owner, Sums())
            carrier.earned_tiyn -= amount * group.journals
        elif code == FUNDER_CODE:
            funder = block.by["funder"].setdefault(owner, Sums())
            funder.funders_tiyn += amount * group.journals
            funder.taps += sums.taps


def sums_of(moved: Iterable[tuple[Account, int]], count: int, *, taps: int) -> Sums:
    """Sort what `count` equal journals move by who pays it."""
    sums = Sums(taps=taps)
    for (code, _), amount in moved:
        amount *= count
        if code in CARD_CODES:
            sums.cards_tiyn += amount
        elif code in EARNED_CODES:
            sums.earned_tiyn -= amount
        elif code == FUNDER_CODE:
            sums.funders_tiyn += amount
        elif code in OURS_CODES:
            sums.ours_tiyn += amount
        elif code == UNKNOWN_CODE:
            sums.unknown_tiyn += amount
        elif code == RIDERS_CODE:
            sums.riders += amount
        elif code < BOARDINGS_FROM:
            sums.other_tiyn += amount
    return sums


def plain_block(block: Block) -> dict[str, Any]:
    """Give a block as plain data: keys sorted, rows that came to nothing left out."""
    tables = {
        name: [
            {"key": key, **sums.plain()}
            for key, sums in sorted(block.by[name].items())
            if any(sums.plain().values())
        ]
        for name in TABLES
    }
    return {"all": block.all.plain(), "by": tables}


def plain_totals(totals: Totals) -> dict[str, Any]:
    """Give totals as plain data in a fixed order."""
    every = Sums()
    for block in (totals.day, *totals.late.values()):
        every.add(block.all)
    return {
        "rides": every.plain(),
        "day": plain_block(totals.day),
        "late": [
            {"service_date": service_date.isoformat(), **plain_block(block)}
            for service_date, block in sorted(totals.late.items())
        ],
        "accounts": [
            {"code": code, "owner": owner, "debits": one.debits, "credits": one.credits}
            for (code, owner), one in sorted(totals.accounts.items())
        ],
        "kinds": [{"kind": kind, "journals": n} for kind, n in sorted(totals.kinds.items())],
    }
