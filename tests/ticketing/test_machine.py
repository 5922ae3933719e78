"""Taps and cards in any order against the oracle: after every step the database agrees with it.

`make soak` runs it for long, with a seed of its own that it prints.
"""

import asyncio
import os
from collections import defaultdict

import hypothesis.strategies as st
import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sapar.core.clock import ManualClock, SystemClock
from sapar.core.db import connect, connect_async
from sapar.deploy.native import PostgresCluster
from sapar.ticketing.cards.deny_list import cut_version
from sapar.ticketing.cards.operations import Desk
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.chain import hash_new
from sapar.ticketing.ledger.verify import verify_database
from sapar.ticketing.post import judge_again, post_taps
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.taps.voids import void_range
from tests.services import _database
from tests.ticketing.agreement import OF_THE_TOWN, check_invariants, compare
from tests.ticketing.closing import close_day
from tests.ticketing.facts import MINUTE_MS, ListFact, fare_day
from tests.ticketing.machine_desk import CARDS, cards, minutes
from tests.ticketing.machine_held import DEVICES, HeldRules, devices
from tests.ticketing.machine_passes import PassRules
from tests.ticketing.simulated import tools_of
from tests.ticketing.world import AGENCY, MORNING_MS, make_world

EXAMPLES = int(os.environ.get("SAPAR_SOAK_EXAMPLES", "10"))
STEPS = int(os.environ.get("SAPAR_SOAK_STEPS", "40"))

FARE_DAYS = {fare_day(MORNING_MS + minute * MINUTE_MS) for minute in (-14400, -7200, 0, 1500)}


often = st.sampled_from([True, True, True, False])
rides = st.lists(
    st.tuples(cards, devices, minutes, st.sampled_from([1, 1, 1, 2, 4]), st.booleans()),
    min_size=1,
    max_size=8,
)


class TicketingMachine(PassRules, HeldRules):
    """Devices, cards and people at the desk; `postgres` and `template` are set by the test."""

    postgres: PostgresCluster
    template: str

    @initialize(listed=st.booleans(), rides=rides)
    def begin(self, listed, rides):
        self.opened = _database(self.postgres, self.template)
        self.world = make_world(self.opened.__enter__())
        self.runner = asyncio.Runner()
        self.connection = self.runner.run(connect_async(self.world.conninfo))
        carriers = self.runner.run(load_carriers(self.connection))
        self.tools = tools_of(self.world.conninfo, carriers, more=True)
        self.world.model.month_cap = True
        accounts = Accounts(self.world.conninfo)
        self.desk = Desk(SystemClock(), accounts, self._judge_again)
        self.seqs = dict.fromkeys(DEVICES, 0)
        self.epochs = dict.fromkeys(DEVICES, 1)
        self.counters = dict.fromkeys(CARDS, 0)
        self.made = []
        self.waiting = []
        self.asked = {}
        self.refused = set()
        self.conflicts = set()
        self.refunds = defaultdict(int)
        self.given_back = set()
        self.heirs = {}
        self.sales = {}
        self.registered = set()
        self.foreign = set()
        self.now_ms = MORNING_MS + 2000 * MINUTE_MS
        for card in CARDS[:3]:
            self.issue(card=card, category="adult")
        if listed:  # two cards that were blocked, and on the list, long before they ride
            for card, reason in (("card-a", "lost"), ("card-b", "debt")):
                self.block(card=card, reason=reason, minute=-3000)
            self.publish(minute=-2000)
        self.ride(rides=rides, send=True, behind=0)

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
        return taken

    def _send(self, taken):
        taps = [self._as_judged(one) for one in taken]
        posted = self.runner.run(post_taps(self.connection, self.tools, taps))
        assert posted.new + posted.repeats == len(taps)
        self.world.model.taps |= {self.world.fact(one) for one in taps}

    @rule(rides=rides, send=often, behind=st.integers(0, 2))
    def ride(self, rides, send, behind):
        """Some rides; validators have the newest deny list, or one of those before it."""
        version = max(0, len(self.world.model.lists) - behind) or None
        made = []
        for card, device, minute, riders, counted in rides:
            self.seqs[device] += 1
            counter = None
            if counted:
                self.counters[card] += 1
                counter = self.counters[card]
            made.append(
                self._make(
                    device, card, minute, send=False,
                    num_riders=riders, counter=counter, denylist_version=version,
                )
            )  # fmt: skip
        if send:
            self._send(made)

    @rule(card=cards, rides=rides, behind=st.integers(0, 1))
    def commute(self, card, rides, behind):
        """Several rides of one card, as most are."""
        self.ride(rides=[(card, *one[1:]) for one in rides], send=True, behind=behind)

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

    @rule(minute=st.sampled_from([-2000, -1000, 0, 30, 1500]))
    def publish(self, minute):
        """A version of the deny list comes out, before the taps that it might have decided."""
        model = self.world.model
        blocked = frozenset(
            card for card, fact in model.cards.items() if self._open_block(fact) is not None
        )
        last = model.lists[-1] if model.lists else ListFact(0, frozenset())
        if model.lists and last.cards == blocked:
            published_ms = None
        else:
            published_ms = max(MORNING_MS + minute * MINUTE_MS, last.published_ms)
            before = model.verdicts()
            model.lists.append(ListFact(published_ms, blocked))
            if model.verdicts() != before:
                model.lists.pop()
                return
        clock = ManualClock((MORNING_MS + minute * MINUTE_MS) / 1000)
        version = self.runner.run(cut_version(self.connection, AGENCY, clock))
        assert version.number == len(model.lists)
        if published_ms is not None:
            assert round(version.published_at.timestamp() * 1000) == published_ms

    @rule()
    def hash(self):
        """The chain takes in what was posted, each journal once, and holds."""
        self.runner.run(hash_new(self.connection))
        verdict = self.runner.run(verify_database(self.connection))
        with connect(self.world.conninfo) as connection:
            posted = connection.execute("SELECT count(*) FROM journal").fetchone()
        assert verdict.findings == []
        assert posted == (verdict.journals + verdict.unhashed,)

    @rule(
        attempt=st.sampled_from(
            [
                "UPDATE journal SET amounts = ARRAY[-amounts[1], -amounts[2]]",
                "DELETE FROM journal",
                "TRUNCATE journal",
                "UPDATE tap SET card_no = card_no + 1",
                "DELETE FROM tap",
            ]
        )
    )
    def tamper(self, attempt):
        """Whatever somebody with the product's own rights tries, nothing that was posted changes."""
        with connect(self.world.conninfo) as connection:
            connection.execute("SET ROLE sapar_ticketing")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attempt)
            connection.rollback()

    @precondition(lambda self: not self.world.model.closed)
    @rule(day=st.sampled_from(sorted(FARE_DAYS)))
    def close_day(self, day):
        """Finance closes a day; what comes for it later is posted into the next open one."""
        self.world.model.close(day)
        with connect(self.world.conninfo) as connection:
            close_day(connection, AGENCY, day)

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def the_database_agrees_with_the_oracle(self):
        if hasattr(self, "world"):
            compare(self.world)
            check_invariants(self.world.conninfo, OF_THE_TOWN)


def test_a_history_with_everything_in_it(postgres, template_database):
    """What chance might leave out for a while: each kind of fact, and what changes it later."""
    TicketingMachine.postgres, TicketingMachine.template = postgres, template_database
    machine = TicketingMachine()
    try:
        machine.begin(listed=True, rides=[("card-a", "validator-0", 0, 1, True)])
        machine.the_database_agrees_with_the_oracle()
        for name, words in HISTORY:
            getattr(machine, name)(**words)
            machine.the_database_agrees_with_the_oracle()
        model = machine.world.model
        verdicts = model.verdicts().values()
        assert {(kind, funder) for one in verdicts for kind, funder, _ in one.parts} == {
            ("cap", "scheme"), ("cap", "akimat"), ("pass", "pass"), ("transfer", "scheme"),
            ("fraud", "scheme"), ("unproved", "carrier"),
        }  # fmt: skip
        assert {one.code for one in verdicts} >= {"validator_ignored_list", "bad_signature"}
        assert any(code == 2220 for moved in model.all_postings().values() for code, _ in moved)
    finally:
        machine.teardown()


def _rides(card, device, *times, **more):
    rides = [(card, f"validator-{device}", minute, 1, False) for minute in times]
    return ("ride", {"rides": rides, "send": True, "behind": 0, **more})


HISTORY = [
    _rides("card-a", 1, 2, 10, behind=1),  # the list was out for longer than a day
    ("issue", {"card": "card-d", "category": "adult"}),
    ("block", {"card": "card-c", "reason": "stolen", "minute": -100}),
    ("publish", {"minute": -90}),
    _rides("card-c", 1, 10, behind=1),  # this one had just come out
    _rides("card-d", 0, -14400, 0, 10, 20),
    ("close_day", {"day": fare_day(MORNING_MS)}),
    _rides("card-d", 0, -7200, -7190, -7180, -7170),  # the month's cap moves a closed day's rides
    _rides("card-d", 2, 5),  # a transfer among them comes to light
    ("sell_pass", {"card": "card-d", "minute": 15, "length": 60, "price": 0, "cash": False}),
    ("top_up_pending", {"card": "card-d", "amount": 500_00, "minute": 25, "days": 1}),
    _rides("card-d", 3, 30),
    ("take_back_last", {"card": "card-d"}),  # used
    ("issue", {"card": "card-f", "category": "adult"}),
    ("sell_pass", {"card": "card-f", "minute": 0, "length": 60, "price": 200_00, "cash": True}),
    ("take_back_last", {"card": "card-f"}),
    _rides("card-f", 1, 10),  # it comes when the pass has gone
    ("replace", {"card": "card-d", "new": "card-e", "minute": 40}),
    _rides("card-d", 3, 50, 1500),
    ("replace", {"card": "card-d", "new": "card-e", "minute": None}),
    ("replace", {"card": "card-e", "new": "card-d", "minute": None}),
    ("tap_under_seal", {"device": "validator-1", "card": "card-e", "minute": 60, "own": True,
                        "send": True}),
    ("tap_under_seal", {"device": "validator-1", "card": "card-e", "minute": 70, "own": False,
                        "send": True}),
    ("register", {"device": "validator-1"}),
    ("hash", {}),
    ("return_card", {"card": "card-e", "minute": None}),
    ("return_card", {"card": "card-c", "minute": None}),
    ("top_up", {"card": "card-e", "amount": 80_00}),
    ("unblock", {"card": "card-a", "minute": 5}),
    ("hash", {}),
]  # fmt: skip
"""Rules and their words; a closed day among them, so that much of it is late."""


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
