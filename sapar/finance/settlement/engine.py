"""What a carrier earned: terms of contracts and totals of days into lines and postings. Pure.

Amounts are whole tiyn. A line debits the carrier's clearing account (and the budget that bears a
shortfall) and credits whoever gets it; all lines balance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

from sapar.core.errors import Fault
from sapar.finance.settlement.split import apportion, split

ContractKind = Literal["net", "gross_km", "boarding"]
Block = Literal[
    "fares", "late", "refunds", "pass_pool", "production", "boardings", "clawback", "hold",
    "release",
]  # fmt: skip

CLEARING, LATE_CLEARING = 2210, 2220
BUDGET, CARRIER_OWES, PAYABLE, HOLD, CITY, COMMISSION = 1220, 1230, 2310, 2320, 2520, 4120
BP: Final = 10_000
METRES_A_KM: Final = 1000


class Terms(NamedTuple):
    """How a version of a contract pays.

    Attributes:
        contract_no: names it.
        kind: `net`: the fares are the carrier's, less a commission; `gross_km` and `boarding`:
            they are the city's, which pays for kilometres driven or for boardings.
        commission_bp: hundredths of a percent of the fares.
        rate_tiyn: for a kilometre or a boarding.
        city: who owns the fares (2520).
        funder: which budget bears what the fares do not cover (1220); None: the city itself.
    """

    contract_no: int
    kind: ContractKind
    commission_bp: int = 0
    rate_tiyn: int = 0
    city: str = ""
    funder: str | None = None


class DayTotal(NamedTuple):
    """What the journals of a business day hold for a carrier and a fare day.

    Attributes:
        block: `fares`, `late` or `refunds`.
        code: the clearing account that it stands on.
        business_date, service_date: when it was posted, and which day it is about.
        amount_tiyn: what the carrier's clearing grew by.
        boardings: what was performed.
        release_no: of the pool of passes that it is a share of.
    """

    block: Block
    code: int
    business_date: date
    service_date: date
    amount_tiyn: int
    boardings: int
    release_no: int | None = None


class Share(NamedTuple):
    """A carrier's share of a pool of passes that is released."""

    release_no: int
    last_day: date
    amount_tiyn: int
    boardings: int


class Taken(NamedTuple):
    """What is taken back from a carrier of refunds after it was paid, by their day."""

    business_date: date
    service_date: date
    amount_tiyn: int


class Line(NamedTuple):
    """A line of a statement; the columns of `settlement_line`."""

    block: Block
    contract_no: int | None
    code: int | None
    business_date: date
    service_date: date
    boardings: int = 0
    metres: int = 0
    gross_tiyn: int = 0
    funder_tiyn: int = 0
    commission_tiyn: int = 0
    city_tiyn: int = 0
    payable_tiyn: int = 0
    clawed_tiyn: int = 0
    held_tiyn: int = 0
    release_no: int | None = None


class Earned(NamedTuple):
    """All that a carrier's lines are made from.

    Attributes:
        totals: of business days; each (block, code, dates) once.
        metres: driven, by service date; differences to what is paid already.
        shares: of pools that are released.
    """

    totals: Sequence[DayTotal] = ()
    metres: Mapping[date, int] = {}
    shares: Sequence[Share] = ()


def settle(earned: Earned, terms_of: Callable[[date], Terms]) -> list[Line]:
    """Give the lines of a carrier, in order of block and day.

    Commission and pay are rounded once for all lines of a block and contract, and the lines get
    their parts of it by the largest remainder: the sum of what is printed is what the contract
    says of the sum.

    Args:
        earned: what it is made from, in any order.
        terms_of: the contract's version for a service date.
    """
    fares = [*earned.totals, *(_as_total(share) for share in earned.shares)]
    by_terms: dict[Terms, list[DayTotal]] = defaultdict(list)
    for total in fares:
        by_terms[terms_of(total.service_date)].append(total)
    metres: dict[Terms, dict[date, int]] = defaultdict(dict)
    for day, driven in earned.metres.items():
        terms = terms_of(day)
        if driven and terms.kind == "gross_km":
            metres[terms][day] = driven
    lines: list[Line] = []
    for terms in sorted({*by_terms, *metres}):
        lines += _of_terms(terms, by_terms[terms], metres[terms])
    return sorted(lines, key=_place)


def _as_total(share: Share) -> DayTotal:
    return DayTotal(
        "pass_pool", CLEARING, share.last_day, share.last_day, share.amount_tiyn,
        share.boardings, share.release_no,
    )  # fmt: skip


def _of_terms(terms: Terms, totals: Sequence[DayTotal], metres: Mapping[date, int]) -> list[Line]:
    if terms.kind == "net":
        return _net(terms, totals)
    fares = [_fare_line(terms, total)._replace(city_tiyn=total.amount_tiyn) for total in totals]
    if terms.kind == "gross_km":
        pay = [
            Line("production", terms.contract_no, None, day, day, metres=driven, payable_tiyn=part)
            for (day, driven), part in zip(
                metres.items(), _for_kilometres(terms, metres).values(), strict=True
            )
        ]
    else:
        pay = [
            Line(
                "boardings", terms.contract_no, None, *days, boardings=count,
                payable_tiyn=count * terms.rate_tiyn,
            )
            for days, count in _boardings_by_days(totals).items()
        ]  # fmt: skip
    return [*fares, *_paid_by(terms, pay, sum(total.amount_tiyn for total in totals))]


def _net(terms: Terms, totals: Sequence[DayTotal]) -> list[Line]:
    lines = []
    blocks = {total.block for total in totals}
    for block in sorted(blocks):
        rows = {_total_key(total): total for total in totals if total.block == block}
        commissions = apportion(
            {key: row.amount_tiyn * terms.commission_bp for key, row in rows.items()}, BP
        )
        lines += [
            _fare_line(terms, row)._replace(
                commission_tiyn=commissions[key], payable_tiyn=row.amount_tiyn - commissions[key]
            )
            for key, row in rows.items()
        ]
        if len(rows) != sum(total.block == block for total in totals):
            raise Fault("a total of a day stands twice")
    return lines


def _total_key(total: DayTotal) -> tuple[str, str, int, int]:
    days = str(total.business_date), str(total.service_date)
    return *days, total.code, total.release_no or 0


def _fare_line(terms: Terms, total: DayTotal) -> Line:
    return Line(
        total.block, terms.contract_no, total.code, total.business_date, total.service_date,
        boardings=total.boardings, gross_tiyn=total.amount_tiyn,
        release_no=total.release_no,
    )  # fmt: skip


def _for_kilometres(terms: Terms, metres: Mapping[date, int]) -> dict[date, int]:
    return apportion({day: driven * terms.rate_tiyn for day, driven in metres.items()}, METRES_A_KM)


def _boardings_by_days(totals: Iterable[DayTotal]) -> dict[tuple[date, date], int]:
    found: dict[tuple[date, date], int] = defaultdict(int)
    for total in totals:
        if total.block != "pass_pool":  # its boardings are among the others
            found[total.business_date, total.service_date] += total.boardings
    return {days: count for days, count in found.items() if count}


def _paid_by(terms: Terms, pay: Sequence[Line], fares_tiyn: int) -> list[Line]:
    """Let the fares pay as far as they go, and the budget the rest."""
    whole = sum(line.payable_tiyn for line in pay)
    if whole <= 0 or terms.funder is None:
        return [line._replace(city_tiyn=-line.payable_tiyn) for line in pay]
    of_city = split(
        min(whole, max(fares_tiyn, 0)),
        {(str(at.business_date), str(at.service_date)): at.payable_tiyn for at in pay},
    )
    lines = []
    for line in pay:
        city = of_city[str(line.business_date), str(line.service_date)]
        lines.append(line._replace(city_tiyn=-city, funder_tiyn=line.payable_tiyn - city))
    return lines


def take_back(taken: Iterable[Taken]) -> list[Line]:
    """Give the lines that claw refunds back."""
    return [
        Line("clawback", None, None, one.business_date, one.service_date,
             payable_tiyn=-one.amount_tiyn, clawed_tiyn=one.amount_tiyn)
        for one in taken
    ]  # fmt: skip


def stepped(payable_tiyn: int, day: date) -> Line:
    """Give the line of a hold (less is paid) or a release (more is)."""
    block: Block = "hold" if payable_tiyn < 0 else "release"
    return Line(block, None, None, day, day, payable_tiyn=payable_tiyn, held_tiyn=-payable_tiyn)


def entries_of(line: Line, carrier: str, terms: Terms | None) -> dict[tuple[int, str], int]:
    """Give what a line moves: (code, owner) → amount, debits positive; empty when nothing does.

    Raises:
        Fault: the line does not balance.
    """
    city, funder = (terms.city, terms.funder or "") if terms is not None else ("", "")
    moved = {
        (line.code or CLEARING, carrier): line.gross_tiyn,
        (BUDGET, funder): line.funder_tiyn,
        (COMMISSION, carrier): -line.commission_tiyn,
        (CITY, city): -line.city_tiyn,
        (PAYABLE, carrier): -line.payable_tiyn,
        (CARRIER_OWES, carrier): -line.clawed_tiyn,
        (HOLD, carrier): -line.held_tiyn,
    }
    entries = {account: amount for account, amount in moved.items() if amount}
    if sum(entries.values()):
        raise Fault(f"a line of {carrier} does not balance")
    return entries


_ORDER: Final[Mapping[str, int]] = {
    block: at
    for at, block in enumerate((
        "fares", "late", "refunds", "pass_pool", "production", "boardings", "clawback", "hold",
        "release",
    ))
}  # fmt: skip


def _place(line: Line) -> tuple[int, date, date, int, int, int]:
    return (
        _ORDER[line.block], line.business_date, line.service_date, line.code or 0,
        line.release_no or 0, line.contract_no or 0,
    )  # fmt: skip
