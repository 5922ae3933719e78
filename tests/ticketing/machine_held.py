"""The part of the machine of test_machine.py that deals with held taps: keys that are registered
when their taps have long been stored, and what people say of taps.

The other parts give it `world`, `runner`, `connection`, `tools` and the rest below.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sapar.contract.seal import public_key_of, seal_tap
from sapar.core.db import connect
from sapar.core.errors import Refused
from sapar.ticketing.key_store import add_key
from sapar.ticketing.post import Tools
from sapar.ticketing.prove import prove_seals
from sapar.ticketing.rulings import rule_on_tap
from sapar.ticketing.types import TapIn
from tests.ticketing.facts import MINUTE_MS
from tests.ticketing.machine_desk import cards, minutes
from tests.ticketing.world import AGENCY, MORNING_MS, World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
RULED = datetime(2026, 3, 20, tzinfo=UTC)
ACCEPTABLE = {"double_debit", "identity_conflict", "counter_reused"}
DEVICES = tuple(f"validator-{number}" for number in range(4))
devices = st.sampled_from(DEVICES)


def seed_of(device: str) -> bytes:
    """Give the private half of a validator's key 1."""
    return hashlib.sha256(device.encode()).digest()


class HeldRules(RuleBasedStateMachine):
    """Seals by keys that nobody knows yet, keys, rulings."""

    world: World
    runner: asyncio.Runner
    connection: Any
    tools: Tools
    seqs: dict[str, int]
    epochs: dict[str, int]
    waiting: list[TapIn]
    registered: set[str]
    foreign: set[bytes]
    given_back: set[Any]
    _send: Callable[[list[TapIn]], None]

    @rule(device=devices, card=cards, minute=minutes, own=st.booleans(), send=st.booleans())
    def tap_under_seal(self, device, card, minute, own, send):
        """A validator seals with a key of its own, perhaps before anybody has registered it; or
        another one does, in its name."""
        self.seqs[device] += 1
        time_ms = MORNING_MS + minute * MINUTE_MS
        bare = self.world.tap(device, self.seqs[device], time_ms, card, epoch=self.epochs[device])
        key = seed_of(device if own else f"not {device}")
        tap = seal_tap(AGENCY, device, bare, algorithm="ed25519", key_id=1, key=key)
        taken = self.world.tap_in(device, tap, "unknown_key")
        if not own:
            self.foreign.add(taken.digest)
        self.waiting.append(taken)
        if send:
            self._send([taken])

    def _as_judged(self, taken: TapIn) -> TapIn:
        """Give a tap with what its seal comes to by the keys of now."""
        if taken.sealed != "unknown_key" or taken.device.device_id not in self.registered:
            return taken
        return taken._replace(sealed="bad_signature" if taken.digest in self.foreign else None)

    @rule(device=devices)
    def register(self, device):
        """The key becomes known: its taps are what they had been with it from the start."""
        with connect(self.world.conninfo) as connection:
            add_key(
                connection, AGENCY, device,
                algorithm="ed25519", public_key=public_key_of(seed_of(device)), key_id=1,
                valid_from=LONG_AGO,
            )  # fmt: skip
        proving = prove_seals(self.connection, self.tools, Path("/nowhere"), AGENCY, device)
        found = self.runner.run(proving)
        self.registered.add(device)
        model = self.world.model
        waiting = {
            tap for tap in model.taps if tap.device == device and tap.sealed == "unknown_key"
        }
        proved = {
            tap._replace(sealed="bad_signature" if tap.digest in self.foreign else None)
            for tap in waiting
        }
        model.taps = model.taps - waiting | proved
        good = sum(tap.sealed is None for tap in proved)
        assert found[:3] == (len(waiting), good, len(proved) - good)

    def _tap_no(self, fact):
        with connect(self.world.conninfo) as connection:
            row = connection.execute(
                "SELECT tap_no FROM tap JOIN device USING (device_no)"
                " WHERE (device_id, epoch, seq, digest) = (%s, %s, %s, %s)",
                fact.name,
            ).fetchone()
        assert row is not None
        return row[0]

    @precondition(lambda self: self.world.model.taps)
    @rule(data=st.data(), word=st.sampled_from(["accept", "reject"]), when=st.integers(1, 4))
    def say(self, data, word, when):
        """A person rules on a tap that is held, or was ruled on before; the newest word counts."""
        model = self.world.model
        verdicts = model.verdicts()
        some = sorted(
            (
                tap
                for tap in verdicts
                if verdicts[tap].status == "held" or tap.name in model.rulings
            ),
            key=model.order,
        )
        known = some if some and data.draw(st.booleans()) else sorted(verdicts, key=model.order)
        fact = known[data.draw(st.integers(0, len(known) - 1))]
        before, said = verdicts[fact], model.rulings.get(fact.name)
        barred = fact.sealed or (before.code if said is None else None)
        allowed = (before.status == "held" or said is not None) and (
            word == "reject" or barred is None or barred in ACCEPTABLE
        )
        newest = max((when, word), said or (0, ""))
        allowed = allowed and not self._takes_back_twice(fact, newest, verdicts)
        ruling = rule_on_tap(
            self.connection, self.tools, AGENCY, self._tap_no(fact), word,
            reason="seen on the camera", actor="clerk", at=RULED + timedelta(seconds=when),
        )  # fmt: skip
        done = True
        try:
            self.runner.run(ruling)
        except Refused:
            done = False
        assert done == allowed
        if done:
            model.rulings[fact.name] = newest

    def _takes_back_twice(self, fact, newest, verdicts):
        """Whether a ride would end by this word whose fare was given back."""
        model = self.world.model
        known = dict(model.rulings)
        model.rulings[fact.name] = newest
        after = model.verdicts()
        model.rulings = known
        return any(
            verdicts[tap].status == "posted" != after[tap].status
            for tap in self.given_back
            if tap in after
        )
