"""Facts of a town, as the oracle knows them: plain values, and the numbers of its one tariff."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

MINUTE_MS = 60_000
DAY_START_MS = 4 * 60 * MINUTE_MS
UTC_OFFSET_MS = 5 * 60 * MINUTE_MS  # Asia/Aqtobe
TRANSFER_MS = 30 * MINUTE_MS
DOUBLE_DEBIT_MS = 5 * MINUTE_MS
CAP_TIYN = 240_00
MONTH_CAP_TIYN = 400_00
PRODUCT, PASS = "single", "pass"
FETCH_MS = 24 * 60 * MINUTE_MS  # so long a device may be without the newest deny list


class Price(NamedTuple):
    """What the carrier is owed for a rider, what the rider pays, and who bears the difference."""

    nominal: int
    own: int
    funder: str = ""


PRICES = {
    "adult": Price(80_00, 80_00),
    "student": Price(40_00, 40_00),
    "pupil": Price(80_00, 30_00, "republic"),
    "pensioner": Price(80_00, 0, "akimat"),
}
"""A category that is not here (`guest`) has no fare."""

Account = tuple[int, str]
"""(code, owner); the owner of a card's account is its reference."""


class TapFact(NamedTuple):
    """A tap that was received: its identity, content, and what became of its seal; `version` is the
    deny list that the validator decided by."""

    device: str
    epoch: int
    seq: int
    digest: bytes
    time_ms: int
    card: str
    counter: int | None
    vehicle: str
    route: str
    riders: int = 1
    allowed: bool = True
    sealed: str | None = None
    version: int | None = None

    @property
    def identity(self) -> tuple[str, int, int]:
        return (self.device, self.epoch, self.seq)

    @property
    def name(self) -> tuple[str, int, int, bytes]:
        """Name this very record, whatever is thought of its seal."""
        return (*self.identity, self.digest)


class Verdict(NamedTuple):
    """What a tap comes to; `parts` are (kind, funder, amount)."""

    status: str
    code: str | None = None
    nominal: int = 0
    charged: int = 0
    parts: tuple[tuple[str, str, int], ...] = ()
    riders: int = 0
    category: str | None = None


class BlockFact(NamedTuple):
    """A time in which a card was blocked; `to_ms` is exclusive, None: still."""

    reason: str
    from_ms: int
    to_ms: int | None = None


class ListFact(NamedTuple):
    """A version of the deny list: when it came out, and the cards on it."""

    published_ms: int
    cards: frozenset[str]


class PendingFact(NamedTuple):
    """A top-up that waits for a ride from `paid_ms` to `expires_ms`.

    `settled` says whether it was in the purse when the card was replaced or returned, after which
    it waits for nothing.
    """

    amount: int
    paid_ms: int
    expires_ms: int
    settled: bool | None = None


@dataclass
class CardFact:
    """A card that was issued.

    Attributes:
        categories: (since, category), in the order in which they were given.
        moved: (kind, account code) → debits less credits of all that is not a tap.
        blocks: when it was blocked, and why.
        pending: top-ups that a ride activates.
        passes: (from, to, number of the sale) of its passes, the end exclusive.
        gone: it was replaced or returned, and takes no money any more.
    """

    categories: list[tuple[int, str]]
    moved: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    blocks: list[BlockFact] = field(default_factory=list)
    pending: list[PendingFact] = field(default_factory=list)
    passes: list[tuple[int, int, int]] = field(default_factory=list)
    gone: bool = False

    def category_at(self, at_ms: int) -> str:
        newest = dict(self.categories)  # of one moment the last word counts
        return newest[max(since_ms for since_ms in newest if since_ms <= at_ms)]

    def block_at(self, at_ms: int) -> BlockFact | None:
        """Give the block in force."""
        for block in self.blocks:
            if block.from_ms <= at_ms and (block.to_ms is None or at_ms < block.to_ms):
                return block
        return None

    def has_pass_at(self, at_ms: int) -> bool:
        return any(from_ms <= at_ms < to_ms for from_ms, to_ms, _ in self.passes)

    def needs_pass_at(self, sale_no: int, at_ms: int) -> bool:
        """Whether at a time there is this pass and no other."""
        sales = {sale for from_ms, to_ms, sale in self.passes if from_ms <= at_ms < to_ms}
        return sales == {sale_no}


def fare_day(at_ms: int) -> date:
    """Give the local day, begun at four in the morning."""
    local_ms = at_ms + UTC_OFFSET_MS - DAY_START_MS
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=local_ms)).date()
