"""What a holder, or whoever helps one, is told about a card: every movement and why it is blocked.

Movements are those of purse and debt together: `balance_tiyn` is what the card is worth to its
holder, below zero when money is owed. They stand in the order in which they happened; a movement
that was learnt later stands where it belongs, and the running balance is that of all that is known
now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound

_QUERIES = load_queries("sapar.ticketing.cards")


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a card's money.

    Attributes:
        at_ms: when it happened.
        kind: `ride`, or the operation's.
        amount_tiyn: what it added to purse less debt; negative for what the holder paid.
        balance_tiyn: purse less debt after it.
        deposit_tiyn, pending_tiyn: what it added to the deposit and to what waits for a tap.
        rule: why; for a ride the rule of its fare.
        journals: numbers of its journals.
        ride: of a ride: how its fare came about.
    """

    at_ms: int
    kind: str
    amount_tiyn: int
    balance_tiyn: int
    deposit_tiyn: int
    pending_tiyn: int
    rule: str
    journals: list[int]
    ride: RideExplained | None = None


class RideExplained(msgspec.Struct, frozen=True, kw_only=True):
    """How a ride's fare came about.

    Attributes:
        status, code: whether it counts, and if not, why.
        nominal_tiyn, charged_tiyn: the price of the ride, and what the card paid of it.
        adjustments: [kind, funder, amount] of each part that the card did not pay.
        refunded_tiyn: what was given back of it.
    """

    tap_no: int
    device_id: str | None
    vehicle_id: str | None
    route_id: str | None
    num_riders: int
    status: str
    code: str | None
    product_id: str | None
    rider_category: str | None
    tariff_version: int | None
    nominal_tiyn: int
    charged_tiyn: int
    adjustments: list[tuple[str, str, int]]
    refunded_tiyn: int


class BlockExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A block, with the rides that the holder owes for.

    Attributes:
        reason, note, actor: why, and who said so.
        from_ms, to_ms: since when and until when; None: still.
        owed: movements that took the card below zero, up to the time of the block; empty for
            other reasons than debt.
    """

    reason: str
    note: str
    actor: str
    from_ms: int
    to_ms: int | None
    owed: list[Movement]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A card, and all that happened to it.

    Attributes:
        replaced_by, replaces: references of other cards.
        passes: [product, from_ms, to_ms, number of the sale, price_tiyn].
        pending: top-ups that wait for a tap: [amount_tiyn, paid_ms, expires_ms].
    """

    agency_id: str
    card_ref: str
    status: str
    category: str
    purse_tiyn: int
    debt_tiyn: int
    deposit_tiyn: int
    pending_tiyn: int
    replaced_by: str | None
    replaces: str | None
    passes: list[tuple[str, int, int, int, int]]
    pending: list[tuple[int, int, int]]
    blocks: list[BlockExplained]
    movements: list[Movement]


async def read_statement(connection: AsyncConnection, agency_id: str, card_ref: str) -> Statement:
    """Give the whole statement of a card, from one snapshot.

    Raises:
        NotFound: there is no such card (`unknown_card`).
    """
    names = {"agency_id": agency_id, "card_ref": card_ref}
    with translated():
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            head = await _fetch(connection, "statement_card", names)
            if not head:
                raise NotFound(f"there is no card {card_ref!r}", code="unknown_card")
            card_no, *card = head[0]
            of_card = {"card_no": card_no}
            moved = await _fetch(connection, "statement_movements", of_card)
            rides = {
                row[0]: _ride(row) for row in await _fetch(connection, "statement_rides", of_card)
            }
            blocks = await _fetch(connection, "statement_blocks", of_card)
            passes = await _fetch(connection, "statement_passes", of_card)
            pending = await _fetch(connection, "statement_pending", of_card)
    movements = run_balance(moved, rides)
    names_of_card = ("status", "category", "purse_tiyn", "debt_tiyn", "deposit_tiyn",
                     "pending_tiyn", "replaced_by", "replaces")  # fmt: skip
    return Statement(
        agency_id=agency_id,
        card_ref=card_ref,
        **dict(zip(names_of_card, card, strict=True)),
        passes=[tuple(row) for row in passes],
        pending=[tuple(row) for row in pending],
        blocks=[_block(row, movements) for row in blocks],
        movements=movements,
    )


async def _fetch(
    connection: AsyncConnection, query: str, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_QUERIES[query], values)).fetchall()


def run_balance(rows: Sequence[tuple[Any, ...]], rides: dict[int, RideExplained]) -> list[Movement]:
    """Put a running balance beside movements, which come in order of time.

    Args:
        rows: (at_ms, kind, tap, amount, deposit, pending, rule, journals); a ride's journals are
            one movement.
        rides: what is known of each ride.
    """
    balance, found = 0, []
    for at_ms, kind, tap_no, amount, deposit, pending, rule, journals in rows:
        balance += amount
        ride = rides.get(tap_no)
        found.append(
            Movement(
                at_ms=at_ms,
                kind=kind,
                amount_tiyn=amount,
                balance_tiyn=balance,
                deposit_tiyn=deposit,
                pending_tiyn=pending,
                rule=rule,
                journals=journals,
                ride=ride,
            )
        )
    return found


def _ride(row: tuple[Any, ...]) -> RideExplained:
    names = RideExplained.__struct_fields__
    values = dict(zip(names, row, strict=True))
    values["adjustments"] = msgspec.json.decode(
        values["adjustments"], type=list[tuple[str, str, int]]
    )
    return RideExplained(**values)


def _block(row: tuple[Any, ...], movements: Sequence[Movement]) -> BlockExplained:
    reason, note, actor, from_ms, to_ms = row
    owed = [
        movement
        for movement in movements
        if reason == "debt"
        and movement.at_ms <= from_ms
        and movement.amount_tiyn < 0
        and movement.balance_tiyn < 0
    ]
    since = max(
        (one.at_ms for one in movements if one.balance_tiyn >= 0 and one.at_ms <= from_ms),
        default=-1,
    )
    return BlockExplained(
        reason=reason,
        note=note,
        actor=actor,
        from_ms=from_ms,
        to_ms=to_ms,
        owed=[movement for movement in owed if movement.at_ms >= since],
    )
