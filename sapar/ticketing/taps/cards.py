"""What judging knows of a card: its categories, passes and blocks over time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sapar.core.db import AsyncConnection, load_queries
from sapar.ticketing.taps.evidence import Evidence
from sapar.ticketing.types import CardRow

_queries = load_queries("sapar.ticketing.taps")

Liability = Callable[[Evidence], tuple[str, str] | None]
"""Says who bears a ride and why, None where the card pays as ever."""

Liabilities = Callable[[AsyncConnection, Sequence[int]], Awaitable[Mapping[int, Liability]]]
"""Reads the liability of cards that were ever blocked."""


@dataclass(slots=True)
class CardHistory:
    """A card's past, as far as its fares depend on it.

    Attributes:
        row: the card as it stands.
        categories: (from_ms, category) in order of time; empty when the newest one is enough.
        passes: (product, from_ms, until_ms), the end exclusive.
        liability: who bears a ride of the card on the deny list.
    """

    row: CardRow
    categories: Sequence[tuple[int, str]] = ()
    passes: Sequence[tuple[str, int, int]] = ()
    liability: Liability | None = field(default=None)

    @property
    def unknown(self) -> bool:
        """Whether nobody has issued the card."""
        return self.row.status == "unknown"

    def category_at(self, at_ms: int) -> str:
        """Give the rider category at a time; before the first one known, the first."""
        if at_ms >= self.row.category_from_ms or not self.categories:
            return self.row.category
        found = self.categories[0][1]
        for from_ms, category in self.categories:
            if from_ms > at_ms:
                break
            found = category
        return found

    def passes_at(self, at_ms: int) -> tuple[str, ...]:
        """Give the products of the passes that are valid at a time."""
        if not self.passes:
            return ()
        return tuple(product for product, low, high in self.passes if low <= at_ms < high)

    def liability_of(self, tap: Evidence) -> tuple[str, str] | None:
        """Say who bears the ride, where the card was on the deny list."""
        return None if self.liability is None else self.liability(tap)


async def load_histories(
    connection: AsyncConnection,
    cards: Iterable[CardRow],
    earliest_ms: Mapping[int, int],
    liabilities: Liabilities,
) -> dict[int, CardHistory]:
    """Read the histories of locked cards; most have none beside their row.

    Args:
        connection: in the transaction that holds the locks.
        cards: the locked cards.
        earliest_ms: the earliest tap of each card that has one.
        liabilities: reads who bears the rides of cards that were ever blocked.
    """
    found = {card.card_no: CardHistory(card) for card in cards}
    changed = [no for no, at_ms in earliest_ms.items() if found[no].row.category_from_ms > at_ms]
    for no, rows in (await _grouped(connection, "categories_of_cards", changed)).items():
        found[no].categories = rows
    with_pass = [no for no, one in found.items() if one.row.has_pass]
    for no, rows in (await _grouped(connection, "passes_of_cards", with_pass)).items():
        found[no].passes = rows
    blocked = [no for no, one in found.items() if one.row.has_block]
    if blocked:
        for no, liability in (await liabilities(connection, blocked)).items():
            found[no].liability = liability
    return found


async def _grouped(
    connection: AsyncConnection, query: str, card_nos: list[int]
) -> dict[int, list[Any]]:
    """Read rows that begin with a card number, by card."""
    found: dict[int, list[Any]] = {}
    if card_nos:
        cursor = await connection.execute(_queries[query], {"card_no": card_nos})
        for card_no, *values in await cursor.fetchall():
            found.setdefault(card_no, []).append(tuple(values))
    return found
