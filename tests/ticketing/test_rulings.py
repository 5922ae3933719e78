"""What people say of held taps."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from sapar.cli.ticketing.held import rule
from sapar.core.clock import SystemClock
from sapar.core.db import connect, connect_async, open_pool
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.fitting import Entry
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import RefundTap
from sapar.ticketing.controls import run_controls
from sapar.ticketing.post import post_taps
from sapar.ticketing.rulings import Word, rule_on_tap
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.tariff.versions import publish, store_draft
from tests.services import _database
from tests.ticketing.agreement import check_invariants, compare
from tests.ticketing.closing import close_day
from tests.ticketing.facts import fare_day
from tests.ticketing.simulated import tools_of
from tests.ticketing.taps.support import state_of
from tests.ticketing.world import AGENCY, MORNING_MS, World, add_cards, make_world, town_tariff

BUS, OTHER = "validator-0", "validator-1"
MINUTE_MS = 60_000
SAID = datetime(2026, 3, 20, tzinfo=UTC)

# device, seq, minute, card, counter
TAPS = {
    "ride": (BUS, 1, 0, "a", None),
    "two minutes later": (BUS, 2, 2, "a", None),
    "earlier content": (BUS, 3, 10, "b", None),
    "later content": (BUS, 3, 12, "c", None),
    "counter": (OTHER, 1, 20, "d", 5),
    "counter again": (OTHER, 2, 50, "d", 5),
    "hours later": (OTHER, 3, 200, "a", None),
}


class Office:
    """A town with taps by name, and a person who rules on them."""

    def __init__(self, world: World, connection, tools) -> None:
        self.world, self.connection, self.tools = world, connection, tools
        self.made = {
            name: world.tap_in(
                device,
                world.tap(device, seq, MORNING_MS + minute * MINUTE_MS, card, counter=counter),
            )
            for name, (device, seq, minute, card, counter) in TAPS.items()
        }

    async def post(self, *names: str) -> None:
        taps = [self.made[name] for name in names]
        await post_taps(self.connection, self.tools, taps)
        self.world.model.taps |= {self.world.fact(one) for one in taps}

    def number(self, name: str) -> int:
        with connect(self.world.conninfo) as connection:
            digest = self.made[name].digest
            rows = connection.execute("SELECT tap_no FROM tap WHERE digest = %s", (digest,))
            return next(iter(rows))[0]

    async def say(self, name: str, word: Word, second: int = 1, **more):
        values = {"reason": "seen on the camera", "actor": "dana"} | more
        found = await rule_on_tap(
            self.connection, self.tools, AGENCY, self.number(name), word,
            at=SAID + timedelta(seconds=second), **values,
        )  # fmt: skip
        fact = self.world.fact(self.made[name])
        rulings = self.world.model.rulings
        rulings[fact.name] = max((second, word), rulings.get(fact.name, (0, "")))
        return found

    def rows(self, sql: str) -> list:
        with connect(self.world.conninfo) as connection:
            return connection.execute(sql).fetchall()

    def check(self) -> None:
        compare(self.world)
        check_invariants(self.world.conninfo)


@asynccontextmanager
async def opened(conninfo: str):
    world = make_world(conninfo, devices=2)
    add_cards(world, [(card, "adult") for card in "abcd"])
    connection = await connect_async(conninfo)
    async with connection:
        yield Office(world, connection, tools_of(conninfo, await load_carriers(connection)))


@pytest.fixture
async def office(database):
    """Everything has come, and three taps are held."""
    async with opened(database) as found:
        await found.post(*TAPS)
        yield found


async def test_a_second_debit_that_was_another_rider_is_a_ride(office):
    found = await office.say("two minutes later", "accept")
    assert found == ("double_debit", "posted", None, 80_00, 2)  # the fare, and what the card owes
    office.check()
    assert office.rows("SELECT verdict, code, reason, actor, ruled_at FROM tap_ruling") == [
        ("accept", "double_debit", "seen on the camera", "dana", SAID + timedelta(seconds=1))
    ]
    assert office.rows(
        "SELECT kind, closed_by, resolution, action, note, x.actor"
        " FROM ticketing_exception e JOIN exception_comment x USING (exception_no)"
        " WHERE closed_at IS NOT NULL"
    ) == [("double_debit", "dana", "seen on the camera", "close", "seen on the camera", "dana")]
    [(action, person, before, after, reason)] = office.rows(
        "SELECT action, person, before, after, reason FROM audit_log"
    )
    assert (action, person, reason) == ("tap.accept", "dana", "seen on the camera")
    assert (before["code"], after["status"], after["charged_tiyn"]) == (
        "double_debit",
        "posted",
        8000,
    )


async def test_what_a_posting_has_resolved_does_not_ride_as_well(office):
    tap_no = office.number("two minutes later")
    [(exception_no,)] = office.rows(
        f"SELECT exception_no FROM ticketing_exception WHERE tap_no = {tap_no}"
    )
    values: dict[str, Any] = {"reason": "seen on the camera", "by": Who("anna"), "now": SAID}
    entries = [Entry(5170, "", 80_00), Entry(2320, "park", -80_00)]
    await resolve_with_posting(
        office.connection, office.tools.accounts, AGENCY, exception_no, entries, key="1", **values
    )
    with pytest.raises(Refused) as raised:
        await office.say("two minutes later", "accept")
    assert raised.value.code == "resolved_by_posting"
    assert office.rows("SELECT 1 FROM tap_ruling") == []
    await undo_resolution(office.connection, AGENCY, exception_no, key="2", **values)
    assert (await office.say("two minutes later", "accept", 2)).status == "posted"
    office.check()


async def resolve(office, name: str, key: str) -> int:
    """Resolve what is open about a tap with a posting; give the exception's number."""
    [(exception_no,)] = office.rows(
        "SELECT exception_no FROM ticketing_exception WHERE closed_at IS NULL AND tap_no = "
        f"{office.number(name)}"
    )
    await resolve_with_posting(
        office.connection, office.tools.accounts, AGENCY, exception_no,
        [Entry(5170, "", 80_00), Entry(2320, "park", -80_00)],
        key=key, reason="seen on the camera", by=Who("anna"), now=SAID,
    )  # fmt: skip
    return exception_no


async def test_a_ruling_on_a_rival_posts_nothing_that_a_posting_has_resolved(office):
    await office.say("later content", "accept")
    exception_no = await resolve(office, "earlier content", "1")
    before = office.rows("SELECT count(*) FROM journal")
    with pytest.raises(Refused) as raised:
        await office.say("later content", "reject", 2)
    assert raised.value.code == "resolved_by_posting"
    assert office.rows("SELECT count(*) FROM journal") == before
    await undo_resolution(
        office.connection, AGENCY, exception_no, key="2", reason="thought again",
        by=Who("anna"), now=SAID,
    )  # fmt: skip
    assert (await office.say("later content", "reject", 2)).status == "held"
    assert office.rows("SELECT status FROM tap WHERE digest = '\\x{}'".format(
        office.made["earlier content"].digest.hex()
    )) == [("posted",)]  # fmt: skip


async def test_a_fare_that_was_given_back_is_not_taken_back_as_well(office):
    await office.say("two minutes later", "accept")
    request = RefundTap(
        agency_id=AGENCY, key="back", actor="clerk", card_ref="a", at_ms=MORNING_MS,
        tap_no=office.number("two minutes later"), reason="bus broke down",
    )  # fmt: skip
    await carry_out(office.connection, Desk(SystemClock(), office.tools.accounts), request)
    before = office.rows("SELECT count(*) FROM journal")
    with pytest.raises(Refused) as raised:
        await office.say("two minutes later", "reject", 2)
    assert raised.value.code == "already_refunded"
    assert office.rows("SELECT count(*) FROM journal") == before
    check_invariants(office.world.conninfo)


async def test_a_late_tap_that_makes_a_ride_of_what_was_resolved_is_told(office):
    await resolve(office, "two minutes later", "1")
    found = await run_controls(office.connection, AGENCY, since=SAID - timedelta(days=90), now=SAID)
    assert found["resolved_and_posted"] == []
    # another ride within the window before the first: now that one is held, and the third rides
    office.made["late"] = office.world.tap_in(
        BUS, office.world.tap(BUS, 8, MORNING_MS - 4 * MINUTE_MS, "a")
    )
    await office.post("late")
    found = await run_controls(office.connection, AGENCY, since=SAID - timedelta(days=90), now=SAID)
    tap_no = office.number("two minutes later")
    [told] = found["resolved_and_posted"]
    assert (told.subject, told.tap_no, told.value_tiyn) == (f"tap {tap_no}", tap_no, 80_00)


async def test_another_content_is_chosen_and_chosen_back(office):
    assert (await office.say("later content", "accept")).status == "posted"
    office.check()
    assert office.rows("SELECT code FROM tap WHERE seq = 3 AND code IS NOT NULL") == [
        ("identity_conflict",)
    ]
    assert (await office.say("earlier content", "accept", 2)).status == "posted"
    office.check()
    # who was chosen first is held again, and a person is told anew
    assert office.rows(
        "SELECT count(*) FROM ticketing_exception WHERE kind = 'identity_conflict'"
    ) == [(3,)]


async def test_a_word_that_decides_nothing_leaves_it_to_be_looked_at(office):
    """Said before a rival was accepted, known after it: the rival still rides."""
    await office.post("earlier content", "later content")
    await office.say("later content", "accept", second=4)
    asked = "SELECT code FROM tap WHERE tap_no = {}".format(office.number("earlier content"))
    assert office.rows(asked) == [("identity_conflict",)]
    found = await office.say("earlier content", "accept", second=1)
    assert (found.status, found.code) == ("held", "identity_conflict")
    assert office.rows(
        "SELECT kind, closed_at FROM ticketing_exception"
        f" WHERE tap_no = {office.number('earlier content')} ORDER BY exception_no DESC LIMIT 1"
    ) == [("identity_conflict", None)]
    office.check()


async def test_of_two_taps_with_one_counter_the_chosen_one_counts(office):
    assert (await office.say("counter again", "accept")).before == "counter_reused"
    office.check()
    assert office.rows("SELECT seq FROM tap WHERE code = 'counter_reused'") == [(1,)]


async def test_what_is_rejected_never_rides_whatever_comes(database):
    async with opened(database) as office:
        await office.post("ride", "two minutes later")
        found = await office.say("two minutes later", "reject")
        assert found == ("double_debit", "held", "rejected", 0, 0)
        await office.post(*TAPS)
        office.check()
        assert office.rows("SELECT count(*) FROM ticketing_exception WHERE kind = 'rejected'") == [
            (0,)
        ]
        found = await run_controls(
            office.connection, AGENCY, since=SAID - timedelta(days=999), now=datetime.now(UTC)
        )
        assert found["without_journal"] == []
        # a person may think again
        assert (await office.say("two minutes later", "accept", 2)).status == "posted"
        office.check()


async def test_a_closed_day_is_not_touched(office):
    day = fare_day(MORNING_MS)
    with connect(office.world.conninfo) as connection:
        close_day(connection, AGENCY, day)
    office.world.model.close(day)
    before = office.rows("SELECT count(*) FROM journal")
    await office.say("two minutes later", "accept")
    office.check()
    assert office.rows(
        "SELECT DISTINCT service_date, business_date FROM journal WHERE journal_no >"
        f" (SELECT max(journal_no) FROM journal) - 2 AND {before[0][0]} > 0"
    ) == [(day, day + timedelta(days=1))]
    assert office.rows("SELECT owner, balance FROM account WHERE code = 2220") == [("north", -8000)]


@pytest.mark.parametrize(
    ("name", "word", "code"),
    [
        ("ride", "accept", "not_held"),
        ("ride", "reject", "not_held"),
        ("forged", "accept", "not_acceptable"),
        ("guest", "accept", "not_acceptable"),
    ],
)
async def test_what_nobody_may_say(office, name, word, code):
    add_cards(office.world, [("guest", "guest")])
    tap = office.world.tap(BUS, 9, MORNING_MS, "guest")
    office.made["guest"] = office.world.tap_in(BUS, tap)
    office.made["forged"] = office.world.tap_in(BUS, tap, "bad_signature")._replace(
        digest=bytes(16)
    )
    await office.post("guest", "forged")
    with pytest.raises(Refused) as refused:
        await office.say(name, word)
    assert refused.value.code == code
    assert office.rows("SELECT 1 FROM tap_ruling UNION ALL SELECT 1 FROM audit_log") == []


async def test_a_ruling_has_a_reason_and_a_tap(office):
    for more in ({"reason": " "}, {"actor": "sapar"}, {"actor": ""}):
        with pytest.raises(BadInput):
            await office.say("two minutes later", "accept", **more)
    with pytest.raises(NotFound):
        await rule_on_tap(
            office.connection, office.tools, AGENCY, 999, "accept", reason="x", actor="dana"
        )


async def test_rulings_stay_and_nothing_but_a_ruling_lets_a_tap_ride(office):
    await office.say("two minutes later", "accept")
    with connect(office.world.conninfo) as connection:
        for attempt in (
            "UPDATE tap_ruling SET reason = 'y'",
            "DELETE FROM tap_ruling",
            "TRUNCATE tap_ruling",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(attempt)
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            connection.execute("UPDATE tap SET ruling = 'accept', ruled_at = now()")


async def test_the_command_rules_and_says_what_came_of_it(office, monkeypatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", office.world.conninfo)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)
    now = datetime.now(UTC)
    async with open_pool(office.world.conninfo) as pool:
        draft = await store_draft(pool, AGENCY, town_tariff(), now=now, actor="test")
        await publish(
            pool, AGENCY, draft.version_no, datetime(2020, 1, 1, tzinfo=UTC),
            now=now, actor="test", force=True, alone="the first",
        )  # fmt: skip
    app = typer.Typer()
    app.command()(rule)
    number = office.number("two minutes later")

    def run(*words: str):
        return CliRunner().invoke(app, [str(number), *words])

    done = await asyncio.to_thread(run, "reject", "--reason", "the driver's own card")
    assert (done.exit_code, done.output) == (
        0, f"tap {number} is held: rejected; it costs 0.00 tenge; 0 journals were posted\n",
    )  # fmt: skip
    assert (await asyncio.to_thread(run, "perhaps", "--reason", "x")).exit_code == 1
    assert office.rows("SELECT verdict FROM tap_ruling") == [("reject",)]


RULINGS: dict[str, tuple[str, Word, int]] = {
    "1": ("two minutes later", "accept", 1),
    "2": ("later content", "accept", 1),
    "3": ("later content", "reject", 2),
    "4": ("counter again", "accept", 1),
    "5": ("two minutes later", "reject", 1),  # of one moment with the first: it wins
}
EARLY = [name for name in TAPS if name != "hours later"]


async def played(conninfo: str, steps) -> dict:
    async with opened(conninfo) as office:
        await office.post(*EARLY)
        for step in steps:
            if step in RULINGS:
                await office.say(*RULINGS[step])
            else:
                await office.post(step)
        office.check()
        return state_of(conninfo)


@pytest.fixture(scope="module")
def in_order(postgres, template_database) -> dict:
    with _database(postgres, template_database) as conninfo:
        return asyncio.run(played(conninfo, [*RULINGS, "hours later"]))


@settings(
    max_examples=6, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(steps=st.permutations([*RULINGS, "hours later"]))
def test_the_order_of_rulings_does_not_matter(postgres, template_database, in_order, steps):
    with _database(postgres, template_database) as conninfo:
        assert asyncio.run(played(conninfo, steps)) == in_order
