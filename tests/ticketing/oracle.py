"""What ticketing must come to, as a small model of plain values: a function of a SET of facts.

It is written from the rules (docs/ticketing.md), shares no code with the product, and computes
everything anew each time it is asked: which taps count, what each costs, what is posted for it,
what every card holds, which numbers are missing, what a person must look at.

One tariff, kept simple: a flat fare by category, one free transfer to another route within half an
hour, a daily cap, a window against double debits, companions at the adult fare; where a test wants
them, a monthly cap and a pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from tests.ticketing.facts import (
    CAP_TIYN,
    DOUBLE_DEBIT_MS,
    FETCH_MS,
    MONTH_CAP_TIYN,
    PASS,
    PRICES,
    PRODUCT,
    TRANSFER_MS,
    Account,
    BlockFact,
    CardFact,
    ListFact,
    TapFact,
    Verdict,
    fare_day,
)

__all__ = ["PRICES", "PRODUCT", "Model"]


@dataclass
class Model:
    """The facts, and what follows from them.

    Attributes:
        device_numbers: order of devices in the canonical order of taps.
        carriers: vehicle → carrier.
        taps: every version that was received, once.
        cards: issued cards by reference.
        voids: (device, epoch) → numbers that will never come.
        lists: the versions of the deny list that came out, the first is number 1.
        month_cap: whether the tariff has the monthly cap.
        closed: closed fare days, each with what stood on clearing (2210) for its taps by then.
        books: what operations moved on accounts that are not of a card.
        rulings: name of a tap → (when, word) of the newest that a person said of it.
    """

    device_numbers: dict[str, int]
    carriers: dict[str, str]
    taps: set[TapFact] = field(default_factory=set)
    cards: dict[str, CardFact] = field(default_factory=dict)
    voids: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    lists: list[ListFact] = field(default_factory=list)
    month_cap: bool = False
    closed: dict[date, dict[TapFact, int]] = field(default_factory=dict)
    books: dict[Account, int] = field(default_factory=lambda: defaultdict(int))
    rulings: dict[tuple[str, int, int, bytes], tuple[int, str]] = field(default_factory=dict)

    # -- which taps count ---------------------------------------------------------------------

    def order(self, tap: TapFact) -> tuple[int, int, int, int, bytes]:
        """Give the canonical order."""
        return (tap.time_ms, self.device_numbers[tap.device], tap.epoch, tap.seq, tap.digest)

    def _word(self, tap: TapFact) -> int:
        """Rank what a person said among rivals: what was accepted last comes first."""
        at, word = self.rulings.get(tap.name, (0, ""))
        return -at if word == "accept" else 0

    def verdicts(self) -> dict[TapFact, Verdict]:
        """Judge every tap."""
        found: dict[TapFact, Verdict] = {}
        first: dict[tuple[str, int, int], TapFact] = {}
        for tap in sorted(self.taps, key=lambda one: (self._word(one), one.time_ms, one.digest)):
            if self.rulings.get(tap.name, (0, ""))[1] == "reject":
                found[tap] = Verdict("held", "rejected")
            elif tap.sealed is not None:
                found[tap] = Verdict("held", tap.sealed)
            elif first.setdefault(tap.identity, tap) is not tap:
                found[tap] = Verdict("held", "identity_conflict")
        used: set[tuple[str, int]] = set()
        days: dict[tuple[str, date], list[TapFact]] = defaultdict(list)
        for tap in sorted(first.values(), key=lambda one: (self._word(one), self.order(one))):
            if tap.counter is not None:
                if (tap.card, tap.counter) in used:
                    found[tap] = Verdict("held", "counter_reused")
                    continue
                used.add((tap.card, tap.counter))
            if not tap.allowed:
                found[tap] = Verdict("denied")
                continue
            days[tap.card, fare_day(tap.time_ms)].append(tap)
        months: dict[tuple[str, int, int], int] = defaultdict(int)
        for (card, day), taps in sorted(days.items(), key=lambda one: one[0]):
            month = (card, day.year, day.month)
            taps.sort(key=self.order)
            priced = list(self._price(card, taps, months[month]))
            months[month] += sum(one.charged for one in priced if one.riders == 1)
            found |= zip(taps, priced, strict=True)
        return found

    # -- what each costs ----------------------------------------------------------------------

    def _price(self, card: str, taps: Iterable[TapFact], month_paid: int) -> Iterable[Verdict]:
        """Price the counting taps of one card on one fare day, in canonical order."""
        known = self.cards.get(card)
        counted: dict[str, int] = {}
        before: tuple[int, str, bool] | None = None  # time, route, was it a transfer
        paid = 0
        for tap in taps:
            category = known.category_at(tap.time_ms) if known else "adult"
            price = PRICES.get(category)
            at = counted.get(tap.vehicle)
            accepted = self.rulings.get(tap.name, (0, ""))[1] == "accept"
            if at is not None and tap.time_ms - at < DOUBLE_DEBIT_MS and not accepted:
                yield Verdict("held", "double_debit")
                continue
            if price is None:
                yield Verdict("held", "no_fare_rule")
                continue
            counted[tap.vehicle] = tap.time_ms
            parts = []
            own = price.own
            if known and known.has_pass_at(tap.time_ms):
                parts.append(("pass", PASS, price.nominal))
                own = 0
            elif price.nominal > own:
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
            left, funder = CAP_TIYN - paid, "scheme"
            if self.month_cap and tap.riders == 1 and MONTH_CAP_TIYN - month_paid < left:
                left, funder = MONTH_CAP_TIYN - month_paid, "akimat"
            over = own - max(0, left)
            if over > 0:
                parts.append(("cap", funder, over))
                own -= over
            paid += own
            month_paid += own if tap.riders == 1 else 0
            ride = Verdict(
                "posted",
                None,
                price.nominal + along,
                own + along,
                tuple(parts),
                tap.riders,
                category,
            )
            yield self._borne(tap, known, ride)

    def _borne(self, tap: TapFact, card: CardFact | None, ride: Verdict) -> Verdict:
        """Say who bears a ride: the card, unless it was blocked and somebody could have known."""
        if card is None:
            return ride._replace(code="unknown_card")
        bearer = self._bearer(tap, card.block_at(tap.time_ms))
        if bearer == "hold":
            return ride._replace(code="validator_ignored_list")
        if bearer == "card" or not ride.charged:
            return ride
        kind = "fraud" if bearer == "scheme" else "unproved"
        return ride._replace(charged=0, parts=(*ride.parts, (kind, bearer, ride.charged)))

    def _bearer(self, tap: TapFact, block: BlockFact | None) -> str:
        on_its_list = self._listed_since(tap.card, tap.version or 0)
        if block is None:
            ahead = on_its_list is not None and tap.time_ms < on_its_list
            return "hold" if ahead else "card"
        if on_its_list is not None:
            return "hold"
        out = sum(one.published_ms <= tap.time_ms for one in self.lists)
        since = self._listed_since(tap.card, out)
        if since is not None and tap.time_ms - max(since, block.from_ms) > FETCH_MS:
            return "carrier"
        return "card" if block.reason in {"debt", "other"} else "scheme"

    def _listed_since(self, card: str, version: int) -> int | None:
        """Say when a card came onto the list that this version is, None where it is not on it."""
        if not version or card not in self.lists[version - 1].cards:
            return None
        while version > 1 and card in self.lists[version - 2].cards:
            version -= 1
        return self.lists[version - 1].published_ms

    # -- what is posted -----------------------------------------------------------------------

    def postings(self, tap: TapFact, verdict: Verdict) -> dict[Account, int]:
        """Give what a tap moves; debits are positive."""
        carrier = self.carriers[tap.vehicle]
        moved = self._moved(tap, verdict, carrier) if verdict.status == "posted" else {}
        if (day := fare_day(tap.time_ms)) in self.closed:  # what changes since is late
            in_time = self.closed[day].get(tap, 0)
            moved[2220, carrier] = moved.get((2210, carrier), 0) - in_time
            moved[2210, carrier] = in_time
        return {account: amount for account, amount in moved.items() if amount}

    def _moved(self, tap: TapFact, verdict: Verdict, carrier: str) -> dict[Account, int]:
        issued = tap.card in self.cards
        moved: dict[Account, int] = defaultdict(int)
        moved[(2110, tap.card) if issued else (2920, carrier)] += verdict.charged
        owed = verdict.charged
        for kind, funder, amount in verdict.parts:
            if kind in {"pass", "unproved"}:
                continue  # the carrier has its part of the passes' money, or nothing
            owed += amount
            expense = {"transfer": (5120, "scheme"), "cap": (5110, "scheme"), "fraud": (5170, "")}
            account = (1220, funder) if funder not in {"scheme", ""} else expense[kind]
            moved[account] += amount
        clearing = 2320 if verdict.code is not None else 2210
        moved[clearing, carrier] -= owed
        moved[9110, carrier] += verdict.riders
        moved[9210, PRODUCT] -= verdict.riders
        return moved

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
        for tap, verdict in self.verdicts().items():
            if verdict.status == "posted":
                rides[tap.card].append(tap.time_ms)
            for (code, owner), amount in self.postings(tap, verdict).items():
                if code == 2110:
                    sums[owner][2110] -= amount
        for ref, card in self.cards.items():
            for one in card.pending:
                active = any(one.paid_ms <= at <= one.expires_ms for at in rides[ref])
                active = active if one.settled is None else one.settled
                sums[ref][2110 if active else 2130] += one.amount
        for balances in sums.values():
            worth = balances[2110] - balances[1210]
            balances[2110], balances[1210] = max(worth, 0), max(-worth, 0)
        return {ref: dict(balances) for ref, balances in sums.items()}

    def balances(self) -> dict[Account, int]:
        """Give debits less credits of all accounts that are not of a card."""
        sums: dict[Account, int] = defaultdict(int, self.books)
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
        """Give (code, tap) of every tap that a person must look at."""
        return {
            (verdict.code, tap)
            for tap, verdict in self.verdicts().items()
            if verdict.code not in {None, "unknown_card", "rejected"}
        }

    def close(self, day: date) -> None:
        """Note what stands on clearing for the taps of a day that is closed."""
        self.closed[day] = {
            tap: sum(amount for (code, _), amount in moved.items() if code == 2210)
            for tap, moved in self.all_postings().items()
            if fare_day(tap.time_ms) == day
        }
