"""The desk's half of the machine of test_machine.py: what people ask for cards, and what is refused.

The other half gives it `world`, `runner`, `connection`, `desk` and the counters below.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sapar.core.db import connect
from sapar.core.errors import NotFound, Refused
from sapar.ticketing.cards import requests as ask
from sapar.ticketing.cards.operations import Desk, carry_out
from tests.ticketing.facts import MINUTE_MS, BlockFact, CardFact, PendingFact, TapFact
from tests.ticketing.world import AGENCY, MORNING_MS, World

CARDS = tuple(f"card-{letter}" for letter in "abcd")
cards = st.sampled_from(CARDS)
# of two days; beside them a day of the same month and one of the month before
minutes = st.one_of(
    st.integers(0, 60),
    st.integers(0, 600),
    st.integers(1400, 1600),
    st.sampled_from([-7200, -7193, -14400, -14395]),
)
amounts = st.sampled_from([1, 50_00, 80_00, 500_00, 10_000_00])
PAID = ask.Paid(by="agent", name="kiosk")


class DeskRules(RuleBasedStateMachine):
    """Top-ups, payouts, refunds, blocks, categories; each also asked twice, and otherwise."""

    world: World
    runner: asyncio.Runner
    connection: Any
    desk: Desk
    asked: dict[str, Any]
    refused: set[str]
    conflicts: set[str]
    refunds: dict[TapFact, int]
    given_back: set[TapFact]
    heirs: dict[str, str]
    now_ms: int
    _tap_no: Callable[[TapFact], int]

    def _ask(self, request):
        """Carry a request out; True when it was done. What is refused changes nothing."""
        self.asked[request.key] = request
        before = self._standing()
        try:
            self.runner.run(carry_out(self.connection, self.desk, request))
        except (Refused, NotFound):
            self.refused.add(request.key)
            assert self._standing() == before
            return False
        return True

    def _standing(self):
        with connect(self.world.conninfo) as connection:
            return connection.execute(
                "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM card_operation),"
                " (SELECT sum(hashtext(card::text)) FROM card),"
                " (SELECT sum(hashtext(b::text)) FROM card_block b),"
                " (SELECT sum(hashtext(p::text)) FROM card_pass p),"
                " (SELECT sum(balance) FROM account WHERE code = 1110)"
            ).fetchone()

    def _head(self, card):
        self.now_ms += 1000
        head = {"agency_id": AGENCY, "key": f"key-{len(self.asked)}", "actor": "clerk"}
        return head | {"card_ref": card, "at_ms": self.now_ms}

    def _then(self, card, minute):
        """Give a head with a time of the past, or of now."""
        head = self._head(card)
        return head if minute is None else head | {"at_ms": MORNING_MS + minute * MINUTE_MS}

    def _fact(self, card):
        return self.world.model.cards.get(card)

    def _purse(self, card):
        return self.world.model.card_balances()[card][2110]

    def _book(self, code, owner, amount):
        self.world.model.books[code, owner] += amount

    def _open_block(self, fact):
        last = fact.blocks[-1] if fact.blocks else None
        return last if last is not None and last.to_ms is None else None

    def _in_use(self, card):
        fact = self._fact(card)
        return fact is not None and not fact.gone and self._open_block(fact) is None

    def _free(self, card):
        """Tell whether a card takes money: issued, and blocked for nothing but its debt."""
        fact = self._fact(card)
        if fact is None or fact.gone:
            return False
        block = self._open_block(fact)
        return block is None or block.reason == "debt"

    @rule(card=cards, category=st.sampled_from(["adult", "adult", "student", "pupil", "pensioner"]))
    def issue(self, card, category):
        done = self._ask(
            ask.Issue(
                **self._head(card), category=category, price_tiyn=500_00, deposit_tiyn=320_00,
                paid=PAID,
            )
        )  # fmt: skip
        assert done == (self._fact(card) is None)
        if done:
            fact = self.world.model.cards[card] = CardFact([(0, category)])
            fact.moved["issue", 2120] -= 320_00
            self._book(1110, "kiosk", 500_00)
            self._book(4110, "", -180_00)

    @rule(card=cards, amount=amounts)
    def top_up(self, card, amount):
        done = self._ask(ask.TopUp(**self._head(card), amount_tiyn=amount, paid=PAID))
        assert done == self._free(card)
        if done:
            self._fact(card).moved["top_up", 2110] -= amount
            self._book(1110, "kiosk", amount)
            self._release(card)

    @rule(card=cards, amount=amounts, minute=minutes, days=st.integers(1, 2))
    def top_up_pending(self, card, amount, minute, days):
        head = self._then(card, minute)
        done = self._ask(ask.TopUp(**head, amount_tiyn=amount, paid=PAID, activation_days=days))
        assert done == self._free(card)
        if done:
            end_ms = head["at_ms"] + days * 1440 * MINUTE_MS
            self._fact(card).pending.append(PendingFact(amount, head["at_ms"], end_ms))
            self._book(1110, "kiosk", amount)
            self._release(card, head["at_ms"])

    def _release(self, card, at_ms=None):
        """Unblock a debtor who owes nothing any more."""
        fact = self._fact(card)
        block = self._open_block(fact)
        owes = self.world.model.card_balances()[card][1210] > 0
        if block is not None and block.reason == "debt" and not owes:
            self._end_block(fact, at_ms or self.now_ms)

    def _end_block(self, fact, at_ms):
        last = fact.blocks[-1]
        fact.blocks[-1] = last._replace(to_ms=max(at_ms, last.from_ms + 1))

    def _may_begin(self, fact, at_ms):
        """Tell whether a block may begin then: after the last one began, or ended."""
        last = fact.blocks[-1] if fact.blocks else BlockFact("", -1, 0)
        return at_ms >= max(last.from_ms + 1, last.to_ms or 0)

    def _begin_block(self, fact, reason, at_ms):
        if self._open_block(fact):
            self._end_block(fact, at_ms)
        fact.blocks.append(BlockFact(reason, at_ms))

    @rule(card=cards, amount=amounts)
    def withdraw(self, card, amount):
        """A payout beyond the purse is refused, whatever comes later under its key."""
        done = self._ask(ask.Withdraw(**self._head(card), amount_tiyn=amount, channel="kaspi"))
        assert done == (self._in_use(card) and amount <= self._purse(card))
        if done:
            self._fact(card).moved["withdraw", 2110] += amount
            self._book(2510, "kaspi", -amount)

    @rule(card=cards, amount=amounts)
    def goodwill(self, card, amount):
        done = self._ask(ask.Goodwill(**self._head(card), amount_tiyn=amount, reason="sorry"))
        fact = self._fact(card)
        assert done == (fact is not None and not fact.gone)
        if done:
            fact.moved["goodwill", 2110] -= amount
            self._book(5130, "", amount)
            self._release(card)

    @rule(card=cards)
    def write_off(self, card):
        fact = self._fact(card)
        debt = self.world.model.card_balances()[card][1210] if fact else 0
        done = self._ask(ask.WriteOff(**self._head(card), reason="hopeless"))
        assert done == (debt > 0)
        if done:
            fact.moved["write_off", 1210] -= debt
            self._book(5140, "", debt)
            if not fact.gone:
                self._release(card)

    @rule(card=cards, minute=minutes, category=st.sampled_from(["adult", "student", "guest"]))
    def change_category(self, card, minute, category):
        head = self._then(card, minute)
        done = self._ask(ask.ChangeCategory(**head, category=category))
        fact = self._fact(card)
        assert done == (fact is not None and not fact.gone)
        if done:
            fact.categories.append((head["at_ms"], category))

    @rule(
        card=cards, reason=st.sampled_from(["lost", "stolen", "debt", "other"]),
        minute=st.one_of(st.none(), minutes),
    )  # fmt: skip
    def block(self, card, reason, minute):
        """A card is blocked, often from a time that has passed: its rides since then change."""
        fact = self._fact(card)
        if fact is None:
            return
        head = self._then(card, minute)
        done = self._ask(ask.Block(**head, reason=reason))
        before = self._open_block(fact)
        other = before is None or before.reason != reason
        assert done == (not fact.gone and other and self._may_begin(fact, head["at_ms"]))
        if done:
            self._begin_block(fact, reason, head["at_ms"])

    @rule(card=cards, minute=st.one_of(st.none(), minutes))
    def unblock(self, card, minute):
        fact = self._fact(card)
        if fact is None:
            return
        head = self._then(card, minute)
        block = self._open_block(fact)
        done = self._ask(ask.Unblock(**head))
        assert done == (block is not None and not fact.gone and head["at_ms"] > block.from_ms)
        if done:
            self._end_block(fact, head["at_ms"])

    @rule(card=cards, new=cards, minute=st.one_of(st.none(), minutes))
    def replace(self, card, new, minute):
        """Everything moves to another card; asked again, what has come since."""
        old, other = self._fact(card), self._fact(new)
        if old is None:
            return
        head = self._then(card, minute)
        again = self.heirs.get(card) == new
        done = self._ask(ask.Replace(**head, new_card_ref=new))
        assert done == (
            card != new
            and (again or not old.gone)
            and (again or (card not in self.heirs and new not in self.heirs.values()))
            and (other is None or self._in_use(new))
            and (again or self._may_begin(old, head["at_ms"]))
        )
        if done:
            self.heirs[card] = new
            self._inherit(old, card, new, head["at_ms"], again=again)

    def _inherit(self, old, card, new, at_ms, *, again):
        model = self.world.model
        there = model.card_balances()[card]
        if new not in model.cards:
            model.cards[new] = CardFact([(0, old.category_at(1 << 60))])
        fresh = model.cards[new]
        for code, amount in there.items():
            sign = -1 if code == 1210 else 1
            old.moved["replace", code] += sign * amount
            fresh.moved["replace", 2110 if code == 2130 else code] -= sign * amount
        self._settle(old)
        if not again:
            passes = old.passes
            fresh.passes += [
                (max(low, at_ms), high, no) for low, high, no in passes if high > at_ms
            ]
            old.passes = [(low, min(high, at_ms), no) for low, high, no in passes if low < at_ms]
            self._begin_block(old, "replaced", at_ms)
            old.gone = True

    def _settle(self, fact):
        """What waited for a ride has left with the card's money, and what rode stays so."""
        rides = [
            tap.time_ms
            for tap, verdict in self.world.model.verdicts().items()
            if verdict.status == "posted" and self._fact(tap.card) is fact
        ]
        fact.pending = [
            one
            if one.settled is not None
            else one._replace(settled=any(one.paid_ms <= at <= one.expires_ms for at in rides))
            for one in fact.pending
        ]

    @rule(card=cards, minute=st.one_of(st.none(), minutes))
    def return_card(self, card, minute):
        """A card comes back for good: what is on it, less the debt, is owed to its holder."""
        fact = self._fact(card)
        if fact is None:
            return
        head = self._then(card, minute)
        done = self._ask(ask.Return(**head, channel="kaspi"))
        block = self._open_block(fact)
        stolen = block is not None and block.reason in {"stolen", "fraud"}
        assert done == (not fact.gone and not stolen and self._may_begin(fact, head["at_ms"]))
        if done:
            there = self.world.model.card_balances()[card]
            debt = there.pop(1210)
            for code, amount in there.items():
                fact.moved["return", code] += amount
            repaid = min(debt, sum(there.values()))
            fact.moved["return", 1210] -= repaid
            self._book(2510, "kaspi", repaid - sum(there.values()))
            self._settle(fact)
            self._begin_block(fact, "returned", head["at_ms"])
            fact.gone = True

    @precondition(lambda self: self.world.model.taps)
    @rule(data=st.data())
    def refund(self, data):
        """What a ride costs now, less what was given back before, comes back to the purse: of the
        card that paid, or of the one that replaced it."""
        model = self.world.model
        known = sorted(model.taps, key=model.order)
        fact = known[data.draw(st.integers(0, len(known) - 1))]
        if fact.card not in model.cards:
            return
        verdict = model.verdicts()[fact]
        clearing = sorted(
            (amount, account)
            for account, amount in model.all_postings()[fact].items()
            if account[0] in {2210, 2220, 2320} and amount < 0
        )
        if len({amount for amount, _ in clearing}) < len(clearing):
            return  # from which of two equal parts it comes nothing says
        left = verdict.charged - self.refunds[fact]
        payee = fact.card
        while payee in self.heirs:
            payee = self.heirs[payee]
        request = ask.RefundTap(
            **self._head(fact.card), tap_no=self._tap_no(fact), reason="twice", amount_tiyn=None
        )
        done = self._ask(request)
        assert done == (
            verdict.status == "posted"
            and left > 0
            and bool(clearing)
            and fact not in self.given_back
            and not model.cards[payee].gone
        )
        if done:
            model.cards[payee].moved["refund_tap", 2110] -= left
            model.books[clearing[0][1]] += left
            self.refunds[fact] += left
            self.given_back.add(fact)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), other=st.booleans())
    def ask_again(self, data, other):
        """The same key gives the first answer and moves nothing; with other content it is refused."""
        key = data.draw(st.sampled_from(sorted(self.asked)))
        request = self.asked[key]
        if other:
            request = msgspec.structs.replace(request, actor="somebody else")
            self.conflicts.add(key)
        code, repeated = "", False
        before = self._standing()
        try:
            repeated = self.runner.run(carry_out(self.connection, self.desk, request)).repeated
        except (Refused, NotFound) as exc:
            code = exc.code
        assert repeated == (not other and key not in self.refused)
        assert (code == "idempotency_conflict") == other
        assert self._standing() == before
        with connect(self.world.conninfo) as connection:
            told = connection.execute("SELECT source_key FROM key_conflict").fetchall()
        assert sorted(key for (key,) in told) == sorted(self.conflicts)
