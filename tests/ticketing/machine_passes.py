"""The part of the machine of test_machine.py that deals with passes: sold, and taken back.

The other parts give it `world`, `_ask` and the rest of what it uses.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from sapar.core.db import connect
from sapar.ticketing.cards import requests as ask
from tests.ticketing.facts import MINUTE_MS, PASS
from tests.ticketing.machine_desk import PAID, DeskRules, cards, minutes
from tests.ticketing.world import MORNING_MS


class PassRules(DeskRules):
    """Passes; `sales` has of each sale the price, whether it was paid at once, and its pool."""

    sales: dict[int, tuple[int, bool, str]]

    @rule(
        card=cards, minute=minutes, length=st.sampled_from([60, 3000, 20000]),
        price=st.sampled_from([0, 200_00]), cash=st.booleans(),
    )  # fmt: skip
    def sell_pass(self, card, minute, length, price, cash):
        """A pass, also one that began before it was sold; the purse pays, or the holder at once."""
        from_ms = MORNING_MS + minute * MINUTE_MS
        to_ms = from_ms + length * MINUTE_MS
        request = ask.SellPass(
            **self._head(card), product_id=PASS, price_tiyn=price, valid_from_ms=from_ms,
            valid_to_ms=to_ms, paid=PAID if cash else None,
        )  # fmt: skip
        done = self._ask(request)
        assert done == (self._in_use(card) and (cash or price <= self._purse(card)))
        if done:
            sale_no = self._newest_pass()
            month = "2026-02" if minute == -14400 or minute == -14395 else "2026-03"
            self._fact(card).passes.append((from_ms, to_ms, sale_no))
            self.sales[sale_no] = (price, cash, f"{PASS} {month}")
            self._book(2140, f"{PASS} {month}", -price)
            if cash:
                self._book(1110, "kiosk", price)
            else:
                self._fact(card).moved["sell_pass", 2110] += price

    def _newest_pass(self):
        with connect(self.world.conninfo) as connection:
            row = connection.execute("SELECT max(journal_no) FROM card_pass").fetchone()
        assert row is not None
        return row[0]

    def _forerunners(self, card):
        """Give a card and those that it stands for."""
        found = [card]
        while before := [old for old, new in self.heirs.items() if new == found[-1]]:
            found += before
        return found

    def _used(self, cards, sale_no):
        """Tell whether a ride that counts is on a pass for want of another one."""
        return any(
            verdict.status == "posted"
            and tap.card in cards
            and any(kind == "pass" for kind, _, _ in verdict.parts)
            and self._fact(tap.card).needs_pass_at(sale_no, tap.time_ms)
            for tap, verdict in self.world.model.verdicts().items()
        )

    @precondition(lambda self: self.sales)
    @rule(card=cards, data=st.data())
    def take_back_pass(self, card, data):
        """A pass goes back in full as long as no ride has used it, and once; any ride that comes
        to light later is priced without it."""
        sale_no = data.draw(st.sampled_from(sorted(self.sales)))
        self._take_back(card, sale_no)

    def take_back_last(self, card):
        """The same of the pass that was sold last; for the written history."""
        self._take_back(card, max(self.sales))

    def _take_back(self, card, sale_no):
        request = ask.TakeBackPass(**self._head(card), sale_no=sale_no, reason="mistake")
        done = self._ask(request)
        fact = self._fact(card)
        cards = self._forerunners(card)
        block = self._open_block(fact) if fact else None
        stolen = block is not None and block.reason in {"stolen", "fraud"}
        assert done == (
            fact is not None
            and not fact.gone
            and not stolen
            and sale_no in {one for _, _, one in fact.passes}
            and not self._used(cards, sale_no)
        )
        if done:
            price, cash, pool = self.sales[sale_no]
            for one in cards:
                known = self._fact(one)
                known.passes = [row for row in known.passes if row[2] != sale_no]
            self._book(2140, pool, price)
            if cash:
                self._book(1110, "kiosk", -price)
            elif price:
                fact.moved["take_back_pass", 2110] -= price
                self._release(card)
