"""Who bears a ride on a blocked card: a function of the tap and of the card's past.

The validator decides by the list that it has, and writes that list's version on the tap. Whoever
could have prevented the loss bears it: the device that ignored its own list, the carrier whose
devices did not fetch the list in time, else the scheme, or the holder who owes the money anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from sapar.core.db import AsyncConnection, load_queries, translated

_QUERIES = load_queries("sapar.ticketing.cards")

Bearer = Literal["card", "scheme", "carrier", "hold"]
"""`card`: charged as ever; `scheme`: a loss of ours (5170); `carrier`: nobody pays the carrier;
`hold`: the card is charged and the carrier's part waits until a person has decided (2320)."""

SYNC_LIMIT_S: Final = 24 * 3600
"""Seconds after which a carrier's devices must have the list, unless the contract has another."""

_HOLDER_PAYS: Final = frozenset({"debt", "other"})


class Block(NamedTuple):
    """A time in which a card was blocked.

    Attributes:
        reason: as in `card_block`.
        from_ms: since when.
        to_ms: until when, exclusive; None: still.
    """

    reason: str
    from_ms: int
    to_ms: int | None


class Listing(NamedTuple):
    """A span of versions of the deny list that hold a card.

    Attributes:
        from_version: the first version with it.
        published_ms: when that version went out.
        to_version: the first version without it; None: it is on the newest.
        ended_ms: when that version went out.
    """

    from_version: int
    published_ms: int
    to_version: int | None
    ended_ms: int | None


class Liability(NamedTuple):
    """Who bears a ride, and why, in short and in stable words."""

    bearer: Bearer
    reason: str


NOT_BLOCKED: Final = Liability("card", "not blocked then")


def liability(
    at_ms: int,
    version: int | None,
    blocks: Sequence[Block],
    listings: Sequence[Listing],
    sync_limit_ms: int = SYNC_LIMIT_S * 1000,
) -> Liability:
    """Say who bears a ride that the validator let through.

    Args:
        at_ms: when it was (corrected event time).
        version: the deny list that the validator decided by; None: it has none.
        blocks: all blocks that the card ever had.
        listings: all its spans on the list.
        sync_limit_ms: how long after publication a device may still not have the list.

    The rules, in order:

    - The validator's own list held the card when it was published before the ride or later than it
      (a clock that is wrong), and the card is, or was then about to be, blocked: `hold`.
    - Nobody had blocked the card at that time: `card`.
    - The list with the card had been out for longer than the limit: `carrier`.
    - Else the list could not have stopped the ride: a debtor's card pays, also for rides that come
      later; a card that is not with its holder any more (stolen, lost, replaced, returned) or that
      was misused does not: `scheme`.
    """
    known = 0 if version is None else version
    block = _in_force(at_ms, blocks)
    held = [one for one in listings if _holds(one, known)]
    if block is None:
        if any(at_ms < one.published_ms for one in held):
            return Liability("hold", "list is newer than the tap's time")
        return NOT_BLOCKED
    if held:
        return Liability("hold", "validator ignored list")
    published = [
        max(one.published_ms, block.from_ms)
        for one in listings
        if one.published_ms <= at_ms and (one.ended_ms is None or at_ms < one.ended_ms)
    ]
    if published and at_ms - min(published) > sync_limit_ms:
        return Liability("carrier", "list not fetched in time")
    if block.reason in _HOLDER_PAYS:
        return Liability("card", f"blocked: {block.reason}")
    return Liability("scheme", f"blocked: {block.reason}")


def _in_force(at_ms: int, blocks: Iterable[Block]) -> Block | None:
    for block in blocks:
        if block.from_ms <= at_ms and (block.to_ms is None or at_ms < block.to_ms):
            return block
    return None


def _holds(listing: Listing, version: int) -> bool:
    return listing.from_version <= version and (
        listing.to_version is None or version < listing.to_version
    )


class DecidedTap(Protocol):
    """What the rules ask of a tap."""

    @property
    def event_ms(self) -> int:
        """When it was, corrected."""

    @property
    def denylist_version(self) -> int | None:
        """The list that the validator decided by."""


async def load_liabilities(
    connection: AsyncConnection, card_nos: Sequence[int], sync_limit_ms: int = SYNC_LIMIT_S * 1000
) -> dict[int, Callable[[DecidedTap], tuple[str, str] | None]]:
    """Read the pasts of cards that were ever blocked: card → who bears a tap of it, and why.

    The answer for a tap is None where the card was not blocked and the ride is as any other.
    """
    columns = {"card_no": list(card_nos)}
    blocks: dict[int, list[Block]] = {}
    listings: dict[int, list[Listing]] = {}
    with translated():
        found = await connection.execute(_QUERIES["blocks_of_cards"], columns)
        for card_no, *block in await found.fetchall():
            blocks.setdefault(card_no, []).append(Block(*block))
        found = await connection.execute(_QUERIES["listings_of_cards"], columns)
        for card_no, *listing in await found.fetchall():
            listings.setdefault(card_no, []).append(Listing(*listing))

    def bearer_of(card_no: int) -> Callable[[DecidedTap], tuple[str, str] | None]:
        past = blocks.get(card_no, ()), listings.get(card_no, ())

        def answer(tap: DecidedTap) -> tuple[str, str] | None:
            found = liability(tap.event_ms, tap.denylist_version, *past, sync_limit_ms)
            return None if found == NOT_BLOCKED else found

        return answer

    return {card_no: bearer_of(card_no) for card_no in card_nos}
