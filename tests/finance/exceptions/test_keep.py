"""Findings and open exceptions are one to one, whatever was kept before."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.core.db import connect, connect_async
from sapar.core.errors import Fault
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.finance.exceptions.queue import get_exception

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
ANNA = acts.Who("anna")
_kinds = count(1)


async def found(connection, kind, values, *, now=NOW, among=None):
    findings = [Finding(subject, value, f"worth {value}") for subject, value in values.items()]
    return await keep_findings(connection, "town", kind, findings, now=now, among=among)


async def standing(town, kind="k"):
    return dict(
        await town.rows(
            "SELECT subject, value_tiyn FROM ticketing_exception"
            " WHERE kind = %s AND closed_at IS NULL",
            (kind,),
        )
    )


async def number_of(town, subject, kind="k"):
    [(number,)] = await town.rows(
        "SELECT exception_no FROM ticketing_exception WHERE kind = %s AND subject = %s"
        " AND closed_at IS NULL",
        (kind, subject),
    )
    return number


async def test_findings_come_change_and_go(town):
    kept = await found(town.connection, "k", {"a": 100, "b": 50})
    assert kept == (["a", "b"], [], [], [])
    assert await found(town.connection, "k", {"a": 100, "b": 50}) == ([], [], [], [])
    kept = await found(town.connection, "k", {"a": 70, "c": 1})
    assert kept == (["c"], ["a"], ["b"], [])
    assert await standing(town) == {"a": 70, "c": 1}
    card = await get_exception(town.connection, "town", await number_of(town, "a"), NOW)
    assert [(one.action, one.before, one.after) for one in card.history] == [
        ("open", None, {"value_tiyn": 100}),
        (
            "change",
            {"value_tiyn": 100, "accepted": False},
            {"value_tiyn": 70, "accepted": False},
        ),
    ]
    rows = await town.rows(
        "SELECT closed_by, resolution FROM ticketing_exception WHERE subject='b'"
    )
    assert rows == [("sapar", "no longer so")]


@pytest.mark.parametrize("among", [["a", "b"], lambda subject: subject < "c"])
async def test_only_what_was_looked_at_is_closed(town, among):
    await found(town.connection, "k", {"a": 1, "b": 2, "c": 3})
    await found(town.connection, "k", {"b": 2}, among=among)
    assert await standing(town) == {"b": 2, "c": 3}


async def test_what_a_person_closed_stays_closed_until_its_value_changes(town):
    await found(town.connection, "k", {"a": 100})
    await acts.close(
        town.connection, "town", await number_of(town, "a"), reason="known", by=ANNA, now=NOW
    )
    assert (await found(town.connection, "k", {"a": 100})).explained == ["a"]
    assert await standing(town) == {}
    assert (await found(town.connection, "k", {"a": 101})).opened == ["a"]
    assert (await found(town.connection, "k", {"a": 100})).closed == ["a"]
    assert await standing(town) == {}


async def test_what_was_accepted_is_not_when_its_value_changes(town):
    await found(town.connection, "k", {"a": 100})
    number = await number_of(town, "a")
    await acts.accept(
        town.connection, "town", number, reason="small", seen_tiyn=100, by=ANNA, now=NOW
    )
    await found(town.connection, "k", {"a": 100})
    accepted = "SELECT accepted_by FROM ticketing_exception WHERE exception_no = %s"
    assert await town.rows(accepted, (number,)) == [("anna",)]
    await found(town.connection, "k", {"a": 200})
    assert await town.rows(accepted, (number,)) == [(None,)]


async def test_faults(town):
    one = Finding("a", 1, "x")
    with pytest.raises(Fault):
        await keep_findings(town.connection, "town", "k", [one, one], now=NOW)
    with pytest.raises(Fault):
        await keep_findings(town.connection, "town", "k", [Finding("a", -1, "x")], now=NOW)


async def test_the_columns_are_kept(town):
    device = town.devices[0].device_no
    one = Finding("a", 5, "x", date(2026, 3, 1), 17, 3, device, 1110, "kiosk")
    await keep_findings(town.connection, "town", "k", [one], now=NOW)
    rows = await town.rows(
        "SELECT subject, value_tiyn, detail, business_date, tap_no, card_no, device_no, code, owner"
        " FROM ticketing_exception"
    )
    assert rows == [tuple(one)]


async def test_two_keepers_at_once_open_one(town):
    others = [await connect_async(town.conninfo) for _ in range(4)]
    try:
        await asyncio.gather(*(found(one, "k", {"a": 100, "b": 2}) for one in others))
    finally:
        for one in others:
            await one.close()
    assert await standing(town) == {"a": 100, "b": 2}
    assert await town.rows("SELECT count(*) FROM ticketing_exception") == [(2,)]


async def test_what_is_closed_while_it_changes_is_found_again(town):
    """A person closes it over its old value while the keeper is about to write the new one."""
    await found(town.connection, "k", {"a": 100})
    number = await number_of(town, "a")
    person, keeper = await connect_async(town.conninfo), await connect_async(town.conninfo)
    async with person, keeper:
        async with person.transaction():
            await acts.close(person, "town", number, reason="known", by=ANNA, now=NOW)
            keeping = asyncio.create_task(found(keeper, "k", {"a": 200}))
            await asyncio.sleep(0.3)  # it has read that it is open, and waits for the row
            assert not keeping.done()
        await keeping
    value = "SELECT value_tiyn FROM ticketing_exception WHERE exception_no = %s"
    assert await town.rows(value, (number,)) == [(100,)]
    assert (await found(town.connection, "k", {"a": 200})).opened == ["a"]
    assert await standing(town) == {"a": 200}


steps = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)),
        st.sampled_from("abcd"),  # a person closes it
    ),
    max_size=12,
)


def test_open_is_what_is_found_less_what_people_explained(database):
    """A model of sets: after each step the open ones are those found and not explained."""
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('town', 'Town', 'UTC')"
        )

    async def play(history) -> None:
        kind = f"k{next(_kinds)}"
        open_ones: dict[str, int] = {}
        explained: set[tuple[str, int]] = set()
        connection = await connect_async(database)
        async with connection:
            for at, step in enumerate(history):
                now = NOW + timedelta(minutes=at)
                if isinstance(step, dict):
                    await found(connection, kind, step, now=now)
                    open_ones = {
                        one: value for one, value in step.items() if (one, value) not in explained
                    }
                elif step in open_ones:
                    cursor = await connection.execute(
                        "SELECT exception_no FROM ticketing_exception WHERE kind = %s"
                        " AND subject = %s AND closed_at IS NULL",
                        (kind, step),
                    )
                    [(number,)] = await cursor.fetchall()
                    await acts.close(connection, "town", number, reason="r", by=ANNA, now=now)
                    explained.add((step, open_ones.pop(step)))
                cursor = await connection.execute(
                    "SELECT subject, value_tiyn FROM ticketing_exception WHERE kind = %s"
                    " AND closed_at IS NULL",
                    (kind,),
                )
                assert dict(await cursor.fetchall()) == open_ones

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def law(history) -> None:
        asyncio.run(play(history))

    law()
