"""What a match leaves to be paid, as an item of its own. Pure."""

from __future__ import annotations

import msgspec

from sapar.finance.matching.model import Candidate, Expected, MatchingSettings
from sapar.finance.matching.settle import item_order


def remainder_of(
    one: Candidate,
    account: tuple[int, str],
    settings: MatchingSettings,
    *,
    tolerance: int,
    item_no: int,
    residual: int | None = None,
) -> Expected | None:
    """Give what is still owed of items when their difference stays on their own account.

    Args:
        one: what was paid, and by which lines.
        account: where the difference goes.
        settings: how long it is looked for.
        tolerance: so little is not asked for.
        item_no: number of the new item, below zero until it is stored.
        residual: what goes there, where the difference goes to several accounts.

    Returns:
        None when nothing is owed: enough was paid, or the difference goes elsewhere.
    """
    first = min(one.items, key=item_order)
    residual = one.difference if residual is None else residual
    net = sum(item.net for item in one.items)
    if account != first.stands_on or (residual < 0) != (net > 0) or abs(residual) <= tolerance:
        return None
    day = max(first.day, *(line.day for line in one.lines))
    is_one = len(one.items) == 1
    return msgspec.structs.replace(
        first,
        item_no=item_no,
        key=f"remainder:{first.root}:{min(line.key for line in one.lines)}",
        amount=-residual,
        fee=0,
        day=day,
        last_day=day + settings.remainder_days,
        reference=first.reference if is_one else first.batch_ref or first.reference,
        batch_ref=first.batch_ref if is_one else "",
    )
