"""What the holder of a card is shown: the balance, passes, and the last that happened to it.

The role that reads it may change nothing of cards or the ledger.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sapar.core.db import connect_async, load_queries, translated, with_role
from sapar.ticketing.cards.statement import Movement, Statement

ROLE: Final = "sapar_card_lookup"
SHOWN: Final = 10

_QUERIES = load_queries("sapar.ticketing.cards.lookup")


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a ride, a top-up or another thing that moved money or was refused.

    Attributes:
        at_ms: Unix milliseconds.
        kind: `ride`, `top_up` and the like: kinds of `sapar.ticketing.cards`.
        amount_tiyn: what it added to the balance; negative for what the holder paid.
        balance_tiyn: the balance after it.
        route_id, vehicle_id: of a ride.
        counted: a ride that counts; False: it was held or refused.
    """

    at_ms: int
    kind: str
    amount_tiyn: int
    balance_tiyn: int
    route_id: str | None
    vehicle_id: str | None
    counted: bool


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What a card is worth to its holder.

    Attributes:
        status: `active`, `blocked`, `replaced`, `returned` or `unknown`.
        blocked_for: the reason of the block that stands.
        category: the rider category of the tariff.
        balance_tiyn: purse less debt.
        pending_tiyn: top-ups that wait for a tap.
        pending_until_ms: when the first of them lapses.
        passes: [product, from_ms, to_ms] of those that are not over.
        moves: the newest first, at most ten.
    """

    status: str
    blocked_for: str | None
    category: str
    balance_tiyn: int
    pending_tiyn: int
    pending_until_ms: int | None
    passes: list[tuple[str, int, int]]
    moves: list[Move]


def summarise(statement: Statement, now_ms: int) -> Balance:
    """Give what the holder is shown of a statement; no reference and no number stands in it."""
    return Balance(
        status=statement.status,
        blocked_for=next((b.reason for b in statement.blocks if b.to_ms is None), None),
        category=statement.category,
        balance_tiyn=statement.purse_tiyn - statement.debt_tiyn,
        pending_tiyn=statement.pending_tiyn,
        pending_until_ms=min((one[2] for one in statement.pending), default=None),
        passes=[one[:3] for one in statement.passes if one[2] > now_ms],
        moves=[_move(one) for one in reversed(statement.movements[-SHOWN:])],
    )


def _move(movement: Movement) -> Move:
    ride = movement.ride
    return Move(
        at_ms=movement.at_ms,
        kind=movement.kind,
        amount_tiyn=movement.amount_tiyn,
        balance_tiyn=movement.balance_tiyn,
        route_id=ride.route_id if ride else None,
        vehicle_id=ride.vehicle_id if ride else None,
        counted=ride is None or ride.status == "posted",
    )


async def as_reader(conninfo: str) -> str:
    """Give the same database for sessions of the role that looks cards up.

    Where the role does not exist, because the migrating user could not make it, `conninfo` itself.
    """
    connection = await connect_async(conninfo)
    async with connection:
        with translated():
            cursor = await connection.execute(_QUERIES["may_take_role"], {"role": ROLE})
            row = await cursor.fetchone()
    return with_role(conninfo, ROLE) if row is not None and row[0] else conninfo
