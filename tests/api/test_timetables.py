"""Timetables in memory: built once, swapped when another version becomes active."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sapar.api.catalogue import Catalogue
from sapar.api.timetables import Plan, Timetables
from sapar.core.db import open_pool
from sapar.core.errors import NotFound
from sapar.core.settings import Settings
from tests.api import town


@pytest.fixture
async def catalogue(town_settings: Settings) -> AsyncIterator[Catalogue]:
    """The agencies as read once."""
    conninfo = town_settings.database_url.get_secret_value()
    async with open_pool(conninfo, name="test-timetables") as pool:
        made = Catalogue(pool, conninfo)
        await made.refresh()
        yield made


async def test_all_who_ask_get_the_same_one(catalogue: Catalogue, agency: str) -> None:
    timetables = Timetables(catalogue)
    assert timetables.find(agency) is None
    found = await asyncio.gather(*(timetables.get(agency) for _ in range(5)))
    assert {id(timetable) for timetable in found} == {id(found[0])}
    assert found[0].feed_version == "town-1"
    plan = timetables.find(agency)
    assert plan is not None
    assert plan.timetable is found[0]
    assert [row.name for row in plan.details.agencies] == ["Қала"]


async def test_a_new_version_is_swapped_in_when_it_is_built(
    catalogue: Catalogue, town_settings: Settings, agency: str
) -> None:
    timetables = Timetables(catalogue)
    old = await timetables.plan(agency)
    count = await old.derive("count", _count)
    town.import_town(town_settings.database_url.get_secret_value(), agency, "town-2")
    await catalogue.refresh()
    assert await timetables.plan(agency) is old  # nobody waits for the new one
    # but for who asks about that one by name
    assert (await timetables.newest(agency)).feed_version == "town-2"
    async with asyncio.timeout(20):
        while (new := await timetables.plan(agency)) is old:
            await asyncio.sleep(0.01)
    assert new.timetable.feed_version == "town-2"
    assert new.derived("count") is None
    assert (old.derived("count"), await new.derive("count", _count)) == (count, count)


async def test_no_agency_no_timetable(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="no agency"):
        await Timetables(catalogue).get("nowhere")


def _count(plan: Plan) -> int:
    return len(plan.timetable.trips.ids)
