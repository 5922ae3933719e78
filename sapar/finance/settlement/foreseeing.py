"""What a version of a contract would change, found out by adding it and taking it back."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from sapar.core.db import AsyncConnection, translated
from sapar.finance.settlement.contracts import (
    Contract,
    NewContract,
    add_contract,
    list_contracts,
)


class Foreseen(msgspec.Struct, frozen=True):
    """What a new version would come to; nothing is kept of it.

    Attributes:
        before: the version that holds for its first day now; None: it is the carrier's first, and
            rides before that day follow it, too.
        after: the version as it would stand, with its last day.
        next_from: first day of the version that follows; None: it holds until another one comes.
        repeated: the same version is there already.
    """

    before: Contract | None
    after: Contract
    next_from: date | None
    repeated: bool


async def foresee_contract(
    connection: AsyncConnection,
    agency_id: str,
    new: NewContract,
    *,
    actor: str,
    now: datetime,
) -> Foreseen:
    """Say what a version would change, without adding it.

    Args:
        connection: not in a transaction, or in one of the caller's.
        agency_id: whose carrier.
        new: the version.
        actor: who asks.
        now: when.

    Raises:
        BadInput, NotFound, Refused: as `add_contract`.
    """
    with translated():
        async with connection.transaction(force_rollback=True):
            known = await list_contracts(connection, agency_id, new.carrier_id)
            after = await add_contract(connection, agency_id, new, actor=actor, now=now)
    before = [one for one in known if one.valid_from <= new.valid_from]
    later = [one for one in known if one.valid_from > new.valid_from]
    return Foreseen(
        before=before[-1] if before else None,
        after=after,
        next_from=later[0].valid_from if later else None,
        repeated=any(one.contract_no == after.contract_no for one in known),
    )
