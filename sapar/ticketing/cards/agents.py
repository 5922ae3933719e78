"""Who may take riders' money: an agent's standing and terms, as an operation meets them. Pure.

Finance keeps them; an agent that stands nowhere sells as it always did, unless the agency says that
whoever takes money must be known.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sapar.core.errors import Refused
from sapar.ticketing.cards.requests import Paid

BASIS_POINTS: Final = 10_000
_KINDS: Final = {"agent": "postpaid", "cash_desk": "postpaid", "prepaid_agent": "prepaid"}


class Standing(NamedTuple):
    """How whoever takes money stands on a day; the columns of `standing_of`.

    Attributes:
        required: the agency takes money through known ones alone.
        status: `active` or `suspended`; None: it is not known.
        kind: `postpaid`, `prepaid` or `processor`; None: nothing is agreed for the day.
        limit_tiyn: what a postpaid agent may owe; None: whatever it takes.
        owed_tiyn: what it owes now (1110).
    """

    required: bool
    status: str | None
    kind: str | None
    limit_tiyn: int | None
    commission_bp: int
    least_tiyn: int
    most_tiyn: int | None
    owed_tiyn: int


def share_of(amount_tiyn: int, basis_points: int) -> int:
    """Give so many basis points of an amount, to the nearest tiyn, half a tiyn up."""
    return (2 * amount_tiyn * basis_points + BASIS_POINTS) // (2 * BASIS_POINTS)


def commission_of(standing: Standing, amount_tiyn: int) -> int:
    """Give what the terms let an agent earn by an amount: never more than the amount."""
    earned = max(share_of(amount_tiyn, standing.commission_bp), standing.least_tiyn)
    if standing.most_tiyn is not None:
        earned = min(earned, standing.most_tiyn)
    return min(earned, amount_tiyn)


def check_standing(standing: Standing, paid: Paid) -> None:
    """Refuse money that was taken by whoever may not take any.

    Raises:
        Refused: `unknown_agent`, `agent_suspended`, `agent_without_terms`, `agent_kind`; of a
            processor likewise (`unknown_processor`, …).
    """
    word = "processor" if paid.by == "processor" else "agent"
    if standing.status is None:
        if standing.required:
            raise Refused(
                f"there is no {word} {paid.name!r}",
                code=f"unknown_{word}",
                hint=f"sapar ticketing {word}s add",
            )
        return
    if standing.status != "active":
        raise Refused(f"{word} {paid.name} is {standing.status}", code=f"{word}_suspended")
    if standing.kind is None:
        raise Refused(
            f"nothing is agreed with {word} {paid.name} for that day", code=f"{word}_without_terms"
        )
    expected = _KINDS.get(paid.by, "processor")
    if standing.kind != expected:
        raise Refused(f"agent {paid.name} is {standing.kind}", code="agent_kind")


def check_limit(standing: Standing, paid: Paid) -> None:
    """Refuse what takes a postpaid agent beyond its limit.

    Args:
        standing: read after the operation was posted, its account locked until the commit.
        paid: who took the money.

    Raises:
        Refused: `agent_limit`, or as `check_standing`.
    """
    check_standing(standing, paid)
    if standing.kind != "postpaid" or standing.limit_tiyn is None:
        return
    if standing.owed_tiyn > standing.limit_tiyn:
        raise Refused(
            f"agent {paid.name} would owe {standing.owed_tiyn} tiyn of {standing.limit_tiyn}",
            code="agent_limit",
            hint="The agent pays in first.",
        )
