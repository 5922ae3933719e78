"""The desk's half of the machine of test_machine.py: what people ask for cards, and what is refused.

The other half gives it `world`, `runner`, `connection`, `desk` and the counters below.
"""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sapar.core.db import connect
from sapar.core.errors import NotFound, Refused
from sapar.ticketing.cards import requests as ask
from sapar.ticketing.cards.operations import Desk, carry_out
from tests.ticketing.agreement import key_of
from tests.ticketing.oracle import MINUTE_MS, BlockFact, CardFact, PendingFact, TapFact
from tests.ticketing.world import AGENCY, MORNING_MS, World

CARDS = tuple(f"card-{letter}" for letter in "abcde")
cards = st.sampled_from(CARDS)
minutes = st.one_of(st.integers(0, 60), st.integers(0, 600), st.integers(1400, 1600))
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
    refunds: dict[TapFact, int]
    now_ms: int

    def _ask(self, request):
        """Carry a request out; True when it was done."""
        self.asked[request.key] = request
        try:
            self.runner.run(carry_out(self.connection, self.desk, request))
        except (Refused, NotFound):
            self.refused.add(request.key)
            return False
        return True

    def _head(self, card):
        self.now_ms += 1000
        head = {"agency_id": AGENCY, "key": f"key-{len(self.asked)}", "actor": "clerk"}
        return head | {"card_ref": card, "at_ms": self.now_ms}

    def _fact(self, card):
        return self.world.model.cards.get(card)

    def _free(self, card):
        """Tell whether a card takes money: issued, and blocked for nothing but its debt."""
        fact = self._fact(card)
        return fact is not None and not any(
            block.to_ms is None and block.reason != "debt" for block in fact.blocks
        )

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

    @rule(card=cards, amount=amounts)
    def top_up(self, card, amount):
        done = self._ask(ask.TopUp(**self._head(card), amount_tiyn=amount, paid=PAID))
        assert done == self._free(card)
        if done:
            self._fact(card).moved["top_up", 2110] -= amount
            self._release(card)

    @rule(card=cards, amount=amounts, minute=minutes, days=st.integers(1, 2))
    def top_up_pending(self, card, amount, minute, days):
        head = self._head(card) | {"at_ms": MORNING_MS + minute * MINUTE_MS}
        done = self._ask(ask.TopUp(**head, amount_tiyn=amount, paid=PAID, activation_days=days))
        assert done == self._free(card)
        if done:
            end_ms = head["at_ms"] + days * 1440 * MINUTE_MS
            self._fact(card).pending.append(PendingFact(amount, head["at_ms"], end_ms))
            self._release(card, head["at_ms"])

    def _release(self, card, at_ms=None):
        """Unblock a debtor who owes nothing any more."""
        fact = self._fact(card)
        last = fact.blocks[-1] if fact.blocks else BlockFact("", 0, 0)
        owes = self.world.model.card_balances()[card][1210] > 0
        if last.to_ms is None and last.reason == "debt" and not owes:
            fact.blocks[-1] = last._replace(to_ms=at_ms or self.now_ms)

    @rule(card=cards, amount=amounts)
    def withdraw(self, card, amount):
        """A payout beyond the purse is refused, whatever comes later under its key."""
        fact = self._fact(card)
        purse = self.world.model.card_balances()[card][2110] if fact else 0
        open_block = fact is not None and any(block.to_ms is None for block in fact.blocks)
        done = self._ask(ask.Withdraw(**self._head(card), amount_tiyn=amount, channel="kaspi"))
        assert done == (fact is not None and not open_block and amount <= purse)
        if done:
            fact.moved["withdraw", 2110] += amount

    @rule(card=cards, amount=amounts)
    def goodwill(self, card, amount):
        done = self._ask(ask.Goodwill(**self._head(card), amount_tiyn=amount, reason="sorry"))
        assert done == (self._fact(card) is not None)
        if done:
            self._fact(card).moved["goodwill", 2110] -= amount
            self._release(card)

    @rule(card=cards)
    def write_off(self, card):
        fact = self._fact(card)
        debt = self.world.model.card_balances()[card][1210] if fact else 0
        done = self._ask(ask.WriteOff(**self._head(card), reason="hopeless"))
        assert done == (debt > 0)
        if done:
            fact.moved["write_off", 1210] -= debt
            self._release(card)

    @rule(card=cards, minute=minutes, category=st.sampled_from(["adult", "student", "guest"]))
    def change_category(self, card, minute, category):
        head = self._head(card) | {"at_ms": MORNING_MS + minute * MINUTE_MS}
        done = self._ask(ask.ChangeCategory(**head, category=category))
        assert done == (self._fact(card) is not None)
        if done:
            self._fact(card).categories.append((head["at_ms"], category))

    @rule(card=cards, reason=st.sampled_from(["lost", "stolen", "debt", "other"]))
    def block(self, card, reason):
        fact = self._fact(card)
        if fact is None:
            return
        done = self._ask(ask.Block(**self._head(card), reason=reason))
        last = fact.blocks[-1] if fact.blocks else BlockFact("", 0, 0)
        blocked = last.to_ms is None
        assert done == (not blocked or last.reason != reason)
        if done:
            if blocked:
                fact.blocks[-1] = last._replace(to_ms=self.now_ms)
            fact.blocks.append(BlockFact(reason, self.now_ms))

    @rule(card=cards)
    def unblock(self, card):
        fact = self._fact(card)
        if fact is None:
            return
        blocked = bool(fact.blocks) and fact.blocks[-1].to_ms is None
        assert self._ask(ask.Unblock(**self._head(card))) == blocked
        if blocked:
            fact.blocks[-1] = fact.blocks[-1]._replace(to_ms=self.now_ms)

    @precondition(lambda self: self.world.model.taps)
    @rule(data=st.data())
    def refund(self, data):
        """What a ride costs now, less what was given back before, comes back to the purse."""
        model = self.world.model
        known = sorted(model.taps, key=model.order)
        fact = known[data.draw(st.integers(0, len(known) - 1))]
        if fact.card not in model.cards:
            return
        verdict = model.verdicts()[fact]
        left = verdict.charged - self.refunds[fact]
        request = ask.RefundTap(
            **self._head(fact.card), tap_no=self._tap_no(fact), reason="twice", amount_tiyn=None
        )
        done = self._ask(request)
        if verdict.status != "posted" or left <= 0:
            assert not done
        if done:
            model.cards[fact.card].moved["refund_tap", 2110] -= left
            self.refunds[fact] += left

    def _tap_no(self, fact):
        with connect(self.world.conninfo) as connection:
            device, epoch, seq, digest = key_of(fact)
            row = connection.execute(
                "SELECT tap_no FROM tap JOIN device USING (device_no)"
                " WHERE (device_id, epoch, seq, digest) = (%s, %s, %s, %s)",
                (device, epoch, seq, digest),
            ).fetchone()
        assert row is not None
        return row[0]

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), other=st.booleans())
    def ask_again(self, data, other):
        """The same key gives the first answer and moves nothing; with other content it is refused."""
        key = data.draw(st.sampled_from(sorted(self.asked)))
        request = self.asked[key]
        if other:
            request = msgspec.structs.replace(request, actor="somebody else")
        code, repeated = "", False
        try:
            repeated = self.runner.run(carry_out(self.connection, self.desk, request)).repeated
        except (Refused, NotFound) as exc:
            code = exc.code
        assert repeated == (not other and key not in self.refused)
        assert (code == "idempotency_conflict") == other
