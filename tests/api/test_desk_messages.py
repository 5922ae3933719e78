"""Messages to drivers over HTTP: to a bus, a route, all; quick texts; who may."""

from collections.abc import AsyncIterator

import pytest

from sapar.core.settings import Settings
from tests.api.access_help import sign_in
from tests.api.living_town import LivingTown, living_town

TEXTS = {"kk": "Хабарласыңыз.", "ru": "Позвоните."}
PATH = "/api/dispatch/messages"


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[LivingTown]:
    async with living_town(settings) as alive:
        await sign_in(alive.http, alive.instance.conninfo, ["dispatcher"])
        yield alive


async def send(town: LivingTown, target: dict, **more: object):
    return await town.http.post(PATH, json={"texts": TEXTS, "target": target, **more})


async def buses_of(town: LivingTown, number: int) -> list[str]:
    found = await town.http.get(f"{PATH}/{number}/recipients.json")
    return [row["vehicle_id"] for row in found.json()["recipients"]]


async def test_a_message_goes_to_a_bus_a_route_or_all(town: LivingTown):
    one = await send(town, {"kind": "vehicles", "vehicle_ids": ["A0", "A0"]}, urgent=True)
    assert (one.status_code, one.json()["buses"]) == (201, 1)
    route = (await send(town, {"kind": "route", "route_id": "F"})).json()
    assert await buses_of(town, route["message_no"]) == ["F-0", "F-1"]
    everybody = (await send(town, {"kind": "all"})).json()
    assert everybody["buses"] == 7
    nobody = await send(town, {"kind": "route", "route_id": "N"})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (422, "no_recipients")
    listed = (await town.http.get(f"{PATH}.json")).json()["messages"]
    assert [row["target"]["kind"] for row in listed] == ["all", "route", "vehicles"]
    assert listed[0]["counts"]["waiting"] == 7
    mine = (await town.http.get(f"{PATH}.json?vehicle=F-1")).json()["messages"]
    assert len(mine) == 2
    older = (await town.http.get(f"{PATH}.json?before={mine[0]['message_no']}")).json()
    assert len(older["messages"]) == 2


async def test_what_is_not_delivered_can_be_withdrawn(town: LivingTown):
    number = (await send(town, {"kind": "all"})).json()["message_no"]
    answer = await town.http.post(f"{PATH}/{number}/withdraw")
    assert answer.json() == {"message_no": number, "buses": 7}
    again = await town.http.post(f"{PATH}/{number}/withdraw")
    assert again.json()["buses"] == 0
    unknown = await town.http.post(f"{PATH}/{number + 1}/withdraw")
    assert unknown.json()["error"]["code"] == "no_such_message"


async def test_quick_texts_are_added_and_retired(town: LivingTown):
    path = "/api/dispatch/texts"
    first = (await town.http.get(f"{path}.json")).json()["texts"]
    assert {one["key"] for one in first} >= {"call", "detour"}
    number = (await town.http.post(path, json={"texts": TEXTS})).json()["text_no"]
    listed = (await town.http.get(f"{path}.json")).json()["texts"]
    assert listed[-1] == {"key": None, "text_no": number, "texts": TEXTS}
    assert (await town.http.post(f"{path}/{number}/retire")).status_code == 200
    assert (await town.http.get(f"{path}.json")).json()["texts"] == first
    assert (await town.http.post(f"{path}/{number}/retire")).status_code == 404
    empty = await town.http.post(path, json={"texts": {}})
    assert empty.json()["error"]["code"] == "text_missing"


async def test_a_viewer_reads_and_does_not_write(town: LivingTown):
    town.http.cookies.clear()
    await sign_in(town.http, town.instance.conninfo, ["viewer"])
    assert (await town.http.get(f"{PATH}.json")).status_code == 200
    assert (await send(town, {"kind": "all"})).status_code == 403


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=9999999999999999999"])
async def test_a_page_that_is_none_is_refused(town: LivingTown, query: str):
    answer = await town.http.get(f"{PATH}.json?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_number")
