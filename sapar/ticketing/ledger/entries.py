"""What a fare posts: amounts on accounts. Pure.

A debit is positive. Each result sums to zero per asset; nominal = charged + adjustments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sapar.core.errors import Fault
from sapar.ticketing.ledger.accounts import PURSE, AccountKey, card_account
from sapar.ticketing.types import Adjustment, Fare

SCHEME = "scheme"
CARRIER = "carrier"

_SCHEME_EXPENSES: Mapping[str, tuple[int, str]] = {
    "transfer": (5120, SCHEME),
    "cap": (5110, SCHEME),
    "concession": (5130, ""),
    "free_day": (5130, ""),
    "fraud": (5170, ""),
}
_UNPAID = ("pass", "unproved")  # from the pool at settlement, or not at all


def debited(adjustment: Adjustment) -> tuple[int, str] | None:
    """Give (code, owner) of who pays the carrier for an adjustment, or None when nobody does."""
    if adjustment.kind in _UNPAID or adjustment.funder == CARRIER:
        return None
    if adjustment.kind == "fraud" or adjustment.funder == SCHEME:
        return _SCHEME_EXPENSES[adjustment.kind]
    return 1220, adjustment.funder


def entries_of(
    fare: Fare,
    *,
    agency_id: str,
    card_no: int,
    carrier: str,
    late: bool,
    unknown_card: bool,
    account_of: Mapping[AccountKey, int],
) -> dict[int, int]:
    """Give what a fare moves: account number → amount, debits positive; a held tap moves nothing.

    Args:
        fare: nominal = charged + sum of the adjustments.
        agency_id: whose accounts.
        card_no: whose purse pays.
        carrier: owner of the carrier's accounts.
        late: the service date is closed.
        unknown_card: nobody issued the card; its fare waits in suspense for whoever it is.
        account_of: at least the accounts of `keys_of`.

    Raises:
        Fault: the fare's parts do not add up.
    """
    if fare.hold is not None:
        return {}
    entries: dict[int, int] = {}
    for key, amount in _movements(fare, agency_id, carrier, late, unknown_card):
        number = card_account(card_no, PURSE) if key is None else account_of[key]
        entries[number] = entries.get(number, 0) + amount
    return {number: amount for number, amount in entries.items() if amount}


def keys_of(
    fare: Fare, *, agency_id: str, carrier: str, late: bool, unknown_card: bool
) -> set[AccountKey]:
    """Give the accounts that `entries_of` asks for with the same arguments."""
    if fare.hold is not None:
        return set()
    moved = _movements(fare, agency_id, carrier, late, unknown_card)
    return {key for key, amount in moved if key is not None and amount}


def _movements(
    fare: Fare, agency_id: str, carrier: str, late: bool, unknown_card: bool
) -> Iterator[tuple[AccountKey | None, int]]:
    """Give (account, amount) one by one; None is the card's purse."""
    if fare.nominal_tiyn != fare.charged_tiyn + sum(part[2] for part in fare.adjustments):
        raise Fault(f"fare {fare.rule!r}: nominal is not charged and adjustments")
    paid = fare.charged_tiyn
    if paid:
        yield (agency_id, 2920, carrier) if unknown_card else None, paid
    for adjustment in fare.adjustments:
        payer = debited(adjustment)
        if payer is not None:
            paid += adjustment.amount_tiyn
            yield (agency_id, *payer), adjustment.amount_tiyn
    if paid:
        clearing = 2320 if unknown_card or fare.disputed else 2220 if late else 2210
        yield (agency_id, clearing, carrier), -paid
    if fare.boardings:
        yield (agency_id, 9110, carrier), fare.boardings
        yield (agency_id, 9210, fare.product_id), -fare.boardings


def difference(desired: Mapping[int, int], posted: Mapping[int, int]) -> dict[int, int]:
    """Give what must still be posted so that `posted` becomes `desired`; empty when they agree."""
    changed = {number: amount - posted.get(number, 0) for number, amount in desired.items()}
    changed |= {number: -amount for number, amount in posted.items() if number not in desired}
    return {number: amount for number, amount in changed.items() if amount}
