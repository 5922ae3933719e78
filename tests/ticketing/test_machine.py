"""Taps and cards in any order against the oracle: after every step the database agrees with it.

`make soak` runs it for long, with a seed of its own that it prints.
"""

import asyncio
import os
from collections import defaultdict

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sapar.core.clock import SystemClock
from sapar.core.db import connect, connect_async
from sapar.deploy.native import PostgresCluster
from sapar.ticketing.cards.operations import Desk
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.post import judge_again, post_taps
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.taps.voids import void_range
from tests.services import _database
from tests.ticketing.agreement import (
    check_invariants,
    compare,
)
from tests.ticketing.closing import close_day
from tests.ticketing.machine_desk import CARDS, DeskRules, cards, minutes
from tests.ticketing.oracle import MINUTE_MS, fare_day
from tests.ticketing.simulated import (
    tools_of,
)
from tests.ticketing.world import (
    AGENCY,
    MORNING_MS,
    make_world,
)

EXAMPLES = int(os.environ.get("SAPAR_SOAK_EXAMPLES", "10"))
STEPS = int(os.environ.get("SAPAR_SOAK_STEPS", "40"))

DEVICES = tuple(f"validator-{number}" for number in range(4))
devices = st.sampled_from(DEVICES)
FARE_DAYS = {fare_day(MORNING_MS), fare_day(MORNING_MS + 1500 * MINUTE_MS)}


class TicketingMachine(DeskRules):
    """Devices, cards and people at the desk; `postgres` and `template` are set by the test."""

    postgres: PostgresCluster
    template: str

    @initialize()
    def begin(self):
        self.opened = _database(self.postgres, self.template)
        self.world = make_world(self.opened.__enter__())
        self.runner = asyncio.Runner()
        self.connection = self.runner.run(connect_async(self.world.conninfo))
        carriers = self.runner.run(load_carriers(self.connection))
        self.tools = tools_of(self.world.conninfo, carriers)
        accounts = Accounts(self.world.conninfo)
        self.desk = Desk(SystemClock(), accounts, self._judge_again)
        self.seqs = dict.fromkeys(DEVICES, 0)
        self.epochs = dict.fromkeys(DEVICES, 1)
        self.counters = dict.fromkeys(CARDS, 0)
        self.made = []
        self.waiting = []
        self.asked = {}
        self.refused = set()
        self.closed = set()
        self.refunds = defaultdict(int)
        self.now_ms = MORNING_MS + 2000 * MINUTE_MS

    async def _judge_again(self, connection, touched):
        await judge_again(connection, self.tools, touched)

    def teardown(self):
        if hasattr(self, "runner"):
            self.runner.run(self.connection.close())
            self.runner.close()
            self.opened.__exit__(None, None, None)

    # -- devices ------------------------------------------------------------------------------

    def _make(self, device, card, minute, send, *, seq=None, **changes):
        number = self.seqs[device] if seq is None else seq
        changes = {"epoch": self.epochs[device], **changes}
        tap = self.world.tap(device, number, MORNING_MS + minute * MINUTE_MS, card, **changes)
        taken = self.world.tap_in(device, tap)
        self.made.append(taken)
        self.waiting.append(taken)
        if send:
            self._send([taken])

    def _send(self, taps):
        posted = self.runner.run(post_taps(self.connection, self.tools, taps))
        assert posted.new + posted.repeats == len(taps)
        self.world.model.taps |= {self.world.fact(one) for one in taps}

    @rule(
        device=devices,
        card=cards,
        minute=minutes,
        riders=st.sampled_from([1, 1, 1, 2, 4]),
        counted=st.booleans(),
        send=st.booleans(),
    )
    def tap(self, device, card, minute, riders, counted, send):
        self.seqs[device] += 1
        counter = None
        if counted:
            self.counters[card] += 1
            counter = self.counters[card]
        self._make(device, card, minute, send, num_riders=riders, counter=counter)

    @rule(device=devices, card=cards, minute=minutes, send=st.booleans())
    def deny(self, device, card, minute, send):
        self.seqs[device] += 1
        self._make(device, card, minute, send, outcome="deny")

    def _some_made(self, data):
        return self.made[data.draw(st.integers(0, len(self.made) - 1))]

    @precondition(lambda self: self.made)
    @rule(data=st.data(), device=devices, minute=minutes, send=st.booleans())
    def clone(self, data, device, minute, send):
        """Some tap's card and counter come again, from another device or under a new number."""
        other = self._some_made(data).tap
        self.seqs[device] += 1
        self._make(device, other.card_ref, minute, send, counter=other.counter)

    @precondition(lambda self: self.made)
    @rule(data=st.data(), card=cards, minute=minutes, counted=st.booleans(), send=st.booleans())
    def conflict(self, data, card, minute, counted, send):
        """A number is used for another tap."""
        other = self._some_made(data)
        changes = {"epoch": other.tap.epoch, "seq": other.tap.seq}
        if counted:
            changes["counter"] = other.tap.counter
        self._make(other.device.device_id, card, minute, send, **changes)

    @precondition(lambda self: self.made)
    @rule(data=st.data(), code=st.sampled_from(["bad_signature", "unsigned", "revoked_key"]))
    def forge(self, data, code):
        """Somebody changes a record, or makes one up."""
        other = self._some_made(data)
        tap = msgspec.structs.replace(
            other.tap, num_riders=other.tap.num_riders + 7, signature=code
        )
        taken = self.world.tap_in(other.device.device_id, tap, code)
        self.waiting.append(taken)

    @rule(device=devices, count=st.integers(1, 5))
    def lose(self, device, count):
        self.seqs[device] += count

    @rule(device=devices)
    def reboot(self, device):
        self.epochs[device] += 1
        self.seqs[device] = 0

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), size=st.integers(1, 8))
    def upload(self, data, size):
        """Some of what waits is sent, in any order, in batches, with repeats."""
        numbers = st.integers(0, len(self.waiting) - 1)
        chosen = data.draw(st.lists(numbers, min_size=1, max_size=12))
        taps = [self.waiting[number] for number in chosen]
        for at in range(0, len(taps), size):
            self._send(taps[at : at + size])

    @rule(data=st.data())
    def void(self, data):
        """A person says that numbers will never come; some of them come after all."""
        gaps = sorted(self.world.model.gaps().items())
        if not gaps:
            return
        (device, epoch), missing = gaps[data.draw(st.integers(0, len(gaps) - 1))]
        low = data.draw(st.sampled_from(sorted(missing)))
        high = low
        while high + 1 in missing and data.draw(st.booleans()):
            high += 1
        key = (self.world.devices[device].device_no, epoch)
        voided = void_range(
            self.connection,
            key,
            (low, high),
            how="person",
            reason="the validator burnt",
            actor="clerk",
            now=SystemClock().now(),
        )
        assert self.runner.run(voided) == high - low + 1
        self.world.model.voids[device, epoch] |= set(range(low, high + 1))

    @precondition(lambda self: not self.closed)
    @rule(day=st.sampled_from(sorted(FARE_DAYS)))
    def close_day(self, day):
        """Finance closes a day; what comes for it later is posted into the next open one."""
        self.closed.add(day)
        with connect(self.world.conninfo) as connection:
            close_day(connection, AGENCY, day)

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def the_database_agrees_with_the_oracle(self):
        if hasattr(self, "world"):
            compare(self.world, other_balances=True)
            check_invariants(self.world.conninfo)


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # at length, see above
def test_any_history_agrees_with_the_oracle(postgres, template_database):
    TicketingMachine.postgres, TicketingMachine.template = postgres, template_database
    run_state_machine_as_test(
        TicketingMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            print_blob=True,
        ),
    )
