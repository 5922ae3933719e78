"""What ticketing must come to, as a small model of plain values: a function of a SET of facts.

It is written from the rules (docs/ticketing.md), shares no code with the product, and computes
everything anew each time it is asked: which taps count, what each costs, what is posted for it,
what every card holds, which numbers are missing, what a person must look at.

One tariff, kept simple: a flat fare by category, one free transfer to another route within half an
hour, a daily cap, a window against double debits, companions at the adult fare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

MINUTE_MS = 60_000
DAY_START_MS = 4 * 60 * MINUTE_MS
UTC_OFFSET_MS = 5 * 60 * MINUTE_MS  # Asia/Aqtobe
TRANSFER_MS = 30 * MINUTE_MS
DOUBLE_DEBIT_MS = 5 * MINUTE_MS
CAP_TIYN = 240_00
PRODUCT = "single"


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
    """A tap that was received: its identity, content, and what became of its seal."""

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

    @property
    def identity(self) -> tuple[str, int, int]:
        return (self.device, self.epoch, self.seq)


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


class PendingFact(NamedTuple):
    """A top-up that waits for a ride from `paid_ms` to `expires_ms`."""

    amount: int
    paid_ms: int
    expires_ms: int


@dataclass
class CardFact:
    """A card that was issued.

    Attributes:
        categories: (since, category), in the order in which they were given.
        moved: (kind, account code) → debits less credits of all that is not a tap.
        blocks: when it was blocked, and why; no list of blocked cards ever reached a validator.
        pending: top-ups that a ride activates.
    """

    categories: list[tuple[int, str]]
    moved: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    blocks: list[BlockFact] = field(default_factory=list)
    pending: list[PendingFact] = field(default_factory=list)

    def category_at(self, at_ms: int) -> str:
        newest = dict(self.categories)  # of one moment the last word counts
        return newest[max(since_ms for since_ms in newest if since_ms <= at_ms)]

    def gone_at(self, at_ms: int) -> bool:
        """Tell whether the card was not in its holder's hands, so that the holder pays nothing."""
        return any(
            block.from_ms <= at_ms
            and (block.to_ms is None or at_ms < block.to_ms)
            and block.reason not in {"debt", "other"}
            for block in self.blocks
        )


@dataclass
class Model:
    """The facts, and what follows from them.

    Attributes:
        device_numbers: order of devices in the canonical order of taps.
        carriers: vehicle → carrier.
        taps: every version that was received, once.
        cards: issued cards by reference.
        voids: (device, epoch) → numbers that will never come.
    """

    device_numbers: dict[str, int]
    carriers: dict[str, str]
    taps: set[TapFact] = field(default_factory=set)
    cards: dict[str, CardFact] = field(default_factory=dict)
    voids: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))

    # -- which taps count ---------------------------------------------------------------------

    def order(self, tap: TapFact) -> tuple[int, int, int, int, bytes]:
        """Give the canonical order."""
        return (tap.time_ms, self.device_numbers[tap.device], tap.epoch, tap.seq, tap.digest)

    def verdicts(self) -> dict[TapFact, Verdict]:
        """Judge every tap."""
        found: dict[TapFact, Verdict] = {}
        good = [tap for tap in self.taps if tap.sealed is None]
        for tap in self.taps:
            if tap.sealed is not None:
                found[tap] = Verdict("held", tap.sealed)
        first: dict[tuple[str, int, int], TapFact] = {}
        for tap in sorted(good, key=lambda one: (one.time_ms, one.digest)):
            if first.setdefault(tap.identity, tap) is not tap:
                found[tap] = Verdict("held", "identity_conflict")
        used: set[tuple[str, int]] = set()
        days: dict[tuple[str, date], list[TapFact]] = defaultdict(list)
        for tap in sorted(first.values(), key=self.order):
            if tap.counter is not None:
                if (tap.card, tap.counter) in used:
                    found[tap] = Verdict("held", "counter_reused")
                    continue
                used.add((tap.card, tap.counter))
            if not tap.allowed:
                found[tap] = Verdict("denied")
                continue
            days[tap.card, fare_day(tap.time_ms)].append(tap)
        for (card, _), taps in days.items():
            found |= zip(taps, self._price(card, taps), strict=True)
        return found

    # -- what each costs ----------------------------------------------------------------------

    def _price(self, card: str, taps: Iterable[TapFact]) -> Iterable[Verdict]:
        """Price the counting taps of one card on one fare day, in canonical order."""
        known = self.cards.get(card)
        counted: dict[str, int] = {}
        before: tuple[int, str, bool] | None = None  # time, route, was it a transfer
        paid = 0
        for tap in taps:
            category = known.category_at(tap.time_ms) if known else "adult"
            price = PRICES.get(category)
            at = counted.get(tap.vehicle)
            if at is not None and tap.time_ms - at < DOUBLE_DEBIT_MS:
                yield Verdict("held", "double_debit")
                continue
            if price is None:
                yield Verdict("held", "no_fare_rule")
                continue
            counted[tap.vehicle] = tap.time_ms
            parts = []
            own = price.own
            if price.nominal > own:
                parts.append(("concession", price.funder, price.nominal - own))
            changes = (
                before is not None
                and not before[2]
                and before[1] != tap.route
                and tap.time_ms - before[0] <= TRANSFER_MS
            )
            before = (tap.time_ms, tap.route, changes)
            # what lowers a price is the holder's: who rides along pays an adult's fare
            along = (tap.riders - 1) * PRICES["adult"].nominal
            if changes and own:
                parts.append(("transfer", "scheme", own))
                own = 0
            over = own - max(0, CAP_TIYN - paid)
            if over > 0:
                parts.append(("cap", "scheme", over))
                own -= over
            paid += own
            nominal, charged = price.nominal + along, own + along
            code = None if known else "unknown_card"
            if known and known.gone_at(tap.time_ms) and charged:
                parts.append(("fraud", "scheme", charged))
                charged = 0
            yield Verdict("posted", code, nominal, charged, tuple(parts), tap.riders, category)

    # -- what is posted -----------------------------------------------------------------------

    def postings(self, tap: TapFact, verdict: Verdict) -> dict[Account, int]:
        """Give what a tap moves; debits are positive."""
        if verdict.status != "posted":
            return {}
        carrier = self.carriers[tap.vehicle]
        issued = tap.card in self.cards
        moved: dict[Account, int] = defaultdict(int)
        moved[(2110, tap.card) if issued else (2920, carrier)] += verdict.charged
        owed = verdict.charged
        for kind, funder, amount in verdict.parts:
            owed += amount
            expense = {"transfer": (5120, "scheme"), "cap": (5110, "scheme"), "fraud": (5170, "")}
            moved[expense.get(kind, (1220, funder))] += amount
        moved[(2210 if issued else 2320), carrier] -= owed
        moved[9110, carrier] += verdict.riders
        moved[9210, PRODUCT] -= verdict.riders
        return {account: amount for account, amount in moved.items() if amount}

    def all_postings(self) -> dict[TapFact, dict[Account, int]]:
        """Give what every tap moves."""
        return {tap: self.postings(tap, verdict) for tap, verdict in self.verdicts().items()}

    def card_balances(self) -> dict[str, dict[int, int]]:
        """Give the natural balances of every issued card: purse, debt, deposit, pending."""
        sums: dict[str, dict[int, int]] = {}
        for ref, card in self.cards.items():
            sums[ref] = defaultdict(int, {2110: 0, 1210: 0, 2120: 0, 2130: 0})
            for (_, code), amount in card.moved.items():
                sums[ref][code] += amount if code == 1210 else -amount
        rides: dict[str, list[int]] = defaultdict(list)
        for tap, moved in self.all_postings().items():
            if moved:
                rides[tap.card].append(tap.time_ms)
            for (code, owner), amount in moved.items():
                if code == 2110:
                    sums[owner][2110] -= amount
        for ref, card in self.cards.items():
            for one in card.pending:
                active = any(one.paid_ms <= at <= one.expires_ms for at in rides[ref])
                sums[ref][2110 if active else 2130] += one.amount
        for balances in sums.values():
            worth = balances[2110] - balances[1210]
            balances[2110], balances[1210] = max(worth, 0), max(-worth, 0)
        return {ref: dict(balances) for ref, balances in sums.items()}

    def balances(self) -> dict[Account, int]:
        """Give debits less credits of all accounts that are not of a card, taps alone."""
        sums: dict[Account, int] = defaultdict(int)
        for moved in self.all_postings().values():
            for account, amount in moved.items():
                if account[0] != 2110:
                    sums[account] += amount
        return {account: amount for account, amount in sums.items() if amount}

    # -- what is missing, and what a person must see ------------------------------------------

    def received(self) -> dict[tuple[str, int], set[int]]:
        """Give the numbers that came under a good seal."""
        found: dict[tuple[str, int], set[int]] = defaultdict(set)
        for tap in self.taps:
            if tap.sealed is None:
                found[tap.device, tap.epoch].add(tap.seq)
        return found

    def gaps(self) -> dict[tuple[str, int], set[int]]:
        """Give the missing numbers."""
        received = self.received()
        found = {}
        for key in {*received, *self.voids}:
            numbers, void = received.get(key, set()), self.voids.get(key, set())
            span = range(min(numbers | void), max(numbers | void) + 1)
            found[key] = set(span) - numbers - void
        return {key: missing for key, missing in found.items() if missing}

    def exceptions(self) -> set[tuple[str, TapFact]]:
        """Give (code, tap) of every tap that is held."""
        return {
            (verdict.code, tap)
            for tap, verdict in self.verdicts().items()
            if verdict.code is not None and verdict.status == "held"
        }


def fare_day(at_ms: int) -> date:
    """Give the local day, begun at four in the morning."""
    local_ms = at_ms + UTC_OFFSET_MS - DAY_START_MS
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=local_ms)).date()
