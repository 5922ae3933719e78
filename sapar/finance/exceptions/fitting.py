"""Which accounts a posting may move that resolves an exception, and how it must add up. Pure.

Nobody posts to bank accounts or unidentified receipts here: 1010 is the statement's balance and
2910 what no match has identified, and both would be so no longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sapar.core.errors import BadInput, Refused
from sapar.ticketing.ledger.accounts import CARD_SLOTS, CHART
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

ENTRIES_MAX: Final = 50

_ENTRY = re.compile(r"([0-9]{4}):(.*):([+-]?[0-9]{1,13}(?:\.[0-9]{1,2})?)")

_CARD = frozenset({2110, 1210, 2120, 2130})
_CARRIER = frozenset({2210, 2220, 2310, 2320, 2920, 1230})
_LOSS = frozenset({5130, 5140, 5170})
_FUNDED = frozenset({1220, 5110, 5120})
_AGENT = frozenset({1110, 2410, 2420, 5150})
_PROCESSOR = frozenset({1020, 5160})

_RIDE: Final = _CARD | _CARRIER | _LOSS | _FUNDED
_DEVICE: Final = _CARRIER | _LOSS | _FUNDED
FITTING: Final[Mapping[str, frozenset[int]]] = {
    **dict.fromkeys(("gap", "shift_difference", "shift_missing", "shift_conflict"), _DEVICE),
    **dict.fromkeys(("agent_short", "agent_over"), _AGENT | _LOSS),
    **dict.fromkeys(
        ("register_difference", "register_missing"), _AGENT | _PROCESSOR | _CARD | _LOSS
    ),
    **dict.fromkeys(("fee_difference", "payout_missing"), _PROCESSOR | _LOSS),
    "late_taps": _CARRIER,
    "carrier_dispute": _CARRIER | {2520, 4120} | _FUNDED,
    "claim_difference": _FUNDED | _LOSS,
    "balance_assertion": frozenset(
        code for code, line in CHART.items() if line.asset == "KZT"
    ) - {1010, 2910, 2990},
}  # fmt: skip
"""Codes by kind. Exceptions about a tap, a card or a void, whatever their kind: those of a ride."""
NEVER: Final = frozenset({1010, 2910})
MATCHED: Final = frozenset({"bank_line_doubled", "bank_line_unknown"})
"""Kinds that a match resolves, not a posting of its own."""


class Entry(NamedTuple):
    """What a posting moves on an account: a debit is positive.

    Attributes:
        code: of the chart.
        owner: of the account, '' where there is one for all; of a card's, its reference.
        amount_tiyn: not zero.
    """

    code: int
    owner: str
    amount_tiyn: int


def read_entry(text: str) -> Entry:
    """Read `CODE:OWNER:AMOUNT`; the amount is in tenge with at most two decimals.

    Raises:
        BadInput: it is none.
    """
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise BadInput(
            f"{text!r} is no entry", code="entry", hint="As 5170::120.50 or 2320:north:-120.50"
        )
    return Entry(int(found[1]), found[2], int(Decimal(found[3]) * 100))


def fitting_codes(kind: str, *, about_ride: bool, code: int | None = None) -> frozenset[int]:
    """Give the codes that a posting for an exception may move.

    Args:
        kind: of the exception.
        about_ride: it is about a tap or a card.
        code: the account that it names, if one.
    """
    if kind in MATCHED:
        return frozenset()
    own = FITTING.get(kind, _RIDE if about_ride else frozenset())
    return (own if code is None else own | {code}) - NEVER


def check_entries(
    entries: Sequence[Entry], kind: str, *, about_ride: bool, account: tuple[int, str] | None = None
) -> None:
    """Refuse entries that do not balance, or move what does not fit the exception.

    Args:
        entries: of the posting.
        kind: of the exception.
        about_ride: it is about a tap or a card.
        account: (code, owner) that it names, if one; the posting must move it.

    Raises:
        BadInput: an amount is zero or too large, an account stands twice or is not in the chart, an
            owner is missing (`entry`), or the sum is not zero (`unbalanced`).
        Refused: an account does not fit the kind (`account_does_not_fit`), or the exception's own
            is not moved (`account_not_moved`).
    """
    if not 2 <= len(entries) <= ENTRIES_MAX:
        raise BadInput(f"a posting has 2 to {ENTRIES_MAX} entries", code="entry")
    allowed = fitting_codes(
        kind, about_ride=about_ride, code=None if account is None else account[0]
    )
    seen: set[tuple[int, str]] = set()
    for code, owner, amount_tiyn in entries:
        line = CHART.get(code)
        if line is None or line.asset != "KZT":
            raise BadInput(f"{code} is no account in tenge", code="entry")
        if not owner.isprintable() or bool(owner) != bool(line.owner):
            needed = f"of which {line.owner}" if line.owner else "without an owner"
            raise BadInput(f"{code} {line.name}: {needed}", code="entry")
        if (code, owner) in seen:
            raise BadInput(f"account {code} {owner} stands twice", code="entry")
        if amount_tiyn == 0 or abs(amount_tiyn) > AMOUNT_MAX_TIYN:
            raise BadInput(f"{amount_tiyn} tiyn on {code} cannot be posted", code="entry")
        if code not in allowed:
            fits = ", ".join(map(str, sorted(allowed))) or "none: match the bank line instead"
            raise Refused(
                f"account {code} does not fit an exception of kind {kind}",
                code="account_does_not_fit",
                hint=f"Accounts that fit: {fits}",
            )
        seen.add((code, owner))
    total = sum(entry.amount_tiyn for entry in entries)
    if total:
        raise BadInput(f"debits and credits differ by {total} tiyn", code="unbalanced")
    if account is not None and account not in seen and account[0] not in NEVER:
        raise Refused(
            f"the exception is about account {account[0]} {account[1]}, which is not moved",
            code="account_not_moved",
        )


def is_of_card(code: int) -> bool:
    """Tell whether an account is a card's; its owner is then the card's reference."""
    return code in CARD_SLOTS
