"""Alarms over HTTP, from a real engine: rules, what people do about one, ladders."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sapar.core.db import connect
from sapar.core.settings import Settings
from sapar.fleet.depots import read_depots, replace_depots
from tests.api.access_help import sign_in
from tests.api.desk_asking import console, get, post, rows, wait_for
from tests.api.living_town import LivingTown, living_town


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[LivingTown]:
    async with living_town(settings) as alive:
        await sign_in(alive.http, alive.instance.conninfo, ["dispatcher"])
        yield alive


LATE_RULE = {
    "kind": "late", "route_id": "A", "raise_at": 1.0, "clear_at": 0.5, "on_delay_s": 0.0,
    "off_delay_s": 0.0, "priority": 2, "enabled": True,
}  # fmt: skip


async def test_a_rule_for_one_route_raises_alarms_there_and_nowhere_else(town: LivingTown):
    shown = await get(town, "/api/dispatch/rules")
    assert shown["rules"] == []
    assert {rule["kind"] for rule in shown["defaults"]} >= {"late", "gap", "panic"}
    response = await town.http.put(
        "/api/dispatch/rules", json={"rules": [LATE_RULE], "reason": "works on A"}
    )
    assert response.json()["rules"] == [LATE_RULE]

    async def late() -> list[dict[str, Any]]:
        listed = (await get(town, "/api/dispatch/alarms"))["alarms"]
        return [alarm for alarm in listed if alarm["kind"] == "late"]

    found = await wait_for(late)
    assert {alarm["route_id"] for alarm in found} == {"A"}
    assert {alarm["priority"] for alarm in found} == {2}
    told = {alarm["key"] for alarm in console(town)["alarms"]}
    assert {alarm["key"] for alarm in found} <= told

    async def none() -> bool:
        return not await late()

    await town.http.put("/api/dispatch/rules", json={"rules": []})
    await wait_for(none)
    history = (await get(town, "/api/dispatch/alarms/history?day=2026-03-10&kind=late"))["alarms"]
    assert len(history) == len(found)  # each once: no flapping
    assert all(alarm["cleared_s"] >= alarm["raised_s"] for alarm in history)
    log = await rows(town, "SELECT action, reason FROM audit_log WHERE action LIKE 'rules.%'")
    assert log == [("rules.replace", "works on A"), ("rules.replace", "")]


async def test_rules_that_somebody_else_changed_are_not_overwritten(town: LivingTown):
    seen = (await get(town, "/api/dispatch/rules"))["revision"]
    first = {"rules": [LATE_RULE], "revision": seen}
    assert (await town.http.put("/api/dispatch/rules", json=first)).status_code == 200
    second = await town.http.put("/api/dispatch/rules", json={"rules": [], "revision": seen})
    assert second.json()["error"]["code"] == "changed_since"
    assert (await get(town, "/api/dispatch/rules"))["rules"] == [LATE_RULE]


async def test_what_a_person_does_about_an_alarm_is_kept_and_undoable(town: LivingTown):
    await town.http.put("/api/dispatch/rules", json={"rules": [LATE_RULE]})

    async def listed() -> list[dict[str, Any]]:
        return (await get(town, "/api/dispatch/alarms"))["alarms"]

    alarm = (await wait_for(listed))[0]
    path = f"/api/dispatch/alarms/{alarm['alarm_no']}"
    seen = await post(town, f"{path}/acknowledge", reason="calling the driver")
    assert seen["acknowledged_by"].startswith("person-")
    mine = await post(town, f"{path}/take")
    assert mine["owner"] == seen["acknowledged_by"]
    shelved = await post(town, f"{path}/shelve", minutes=15)
    assert shelved["shelved_until_s"] == pytest.approx(town.clock.time() + 900, abs=5)
    back = await post(town, f"{path}/undo")
    assert back["shelved_until_s"] is None
    assert back["owner"] == mine["owner"]
    await post(town, f"{path}/undo")
    await post(town, f"{path}/undo")
    response = await town.http.post(f"{path}/undo", json={})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "nothing_to_undo")
    steps = (await get(town, f"{path}/steps"))["steps"]
    assert [step["what"] for step in steps] == [
        "raised", "acknowledged", "taken_over", "shelved", "undone", "undone", "undone",
    ]  # fmt: skip
    log = await rows(town, "SELECT action FROM audit_log WHERE action LIKE 'alarm.%' ORDER BY 1")
    assert [row[0] for row in log] == [
        "alarm.acknowledge", "alarm.shelve", "alarm.take", "alarm.undo", "alarm.undo", "alarm.undo",
    ]  # fmt: skip
    rate = await get(town, "/api/dispatch/alarms")
    assert rate["rate_10min"] >= 1
    assert (await town.http.post(f"{path}/shelve", json={"minutes": 0})).status_code == 422
    assert (await town.http.post("/api/dispatch/alarms/999999/take", json={})).status_code == 404


async def test_who_may_only_look_may_not_act(town: LivingTown):
    await sign_in(town.http, town.instance.conninfo, ["viewer"])
    await get(town, "/api/dispatch/alarms")
    for method, path in (
        ("POST", "/api/dispatch/alarms/1/acknowledge"),
        ("PUT", "/api/dispatch/rules"),
        ("POST", "/api/dispatch/emergencies/1/close"),
    ):
        response = await town.http.request(method, path, json={})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "role_missing")


async def test_rules_that_mean_nothing_are_refused(town: LivingTown):
    for change in (
        {"kind": "loud"},
        {"clear_at": 400.0},
        {"raise_at": -1.0},
        {"priority": 9},
    ):
        response = await town.http.put("/api/dispatch/rules", json={"rules": [LATE_RULE | change]})
        assert (response.status_code, response.json()["error"]["code"]) == (422, "bad_rule")
    twice = await town.http.put("/api/dispatch/rules", json={"rules": [LATE_RULE, LATE_RULE]})
    assert twice.status_code == 422


async def test_depots_reach_the_fleet_and_the_stream_filters_by_them(town: LivingTown):
    assert await get(town, "/api/dispatch/depots.json") == {"depots": []}
    text = (
        "depot,name,latitude,longitude,vehicles\nnorth,Север,50.28,57.2,A0; F-1\nempty,,50.3,57.2,"
    )
    with connect(town.instance.conninfo) as connection:
        replace_depots(connection, town.agency, read_depots(text))
    told = (await get(town, "/api/dispatch/depots.json"))["depots"]
    assert [(one["depot_id"], one["name"], one["vehicles"]) for one in told] == [
        ("empty", "empty", 0),
        ("north", "Север", 2),
    ]

    async def homes() -> dict[str, str] | None:
        vehicles = (await get(town, "/api/fleet.json"))["vehicles"]
        found = {one["id"]: one["depot"] for one in vehicles if one["depot"]}
        return found or None

    assert await wait_for(homes) == {"A0": "north", "F-1": "north"}
    async with town.http.stream("GET", "/api/dispatch/stream?depot=north") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                shown = json.loads(line[5:])["fleet"]["vehicles"]
                break
    assert {one["id"] for one in shown} == {"A0", "F-1"}


async def test_ladders_are_the_main_patterns(town: LivingTown):
    ladders = {r["route_id"]: r for r in (await get(town, "/api/dispatch/ladders.json"))["routes"]}
    assert list(ladders) == ["A", "O", "F", "X", "N"]
    out, back = ladders["A"]["directions"]
    assert [stop["stop_id"] for stop in out["stops"]] == [f"a{n}" for n in range(8)]
    assert [stop["stop_id"] for stop in back["stops"]] == [f"a{n}" for n in reversed(range(8))]
    along = [stop["along"] for stop in out["stops"]]
    assert along == sorted(along)
    assert (along[0], along[-1]) == (0.0, 1.0)
    assert ladders["N"]["directions"][0]["direction"] is None


async def test_the_console_names_buses_with_places_on_the_ladder(town: LivingTown):
    body = console(town)
    by_id = {bus["id"]: bus for bus in body["buses"]}
    bus = by_id["A0"]
    assert bus["route_id"] == "A"
    assert 0.0 <= bus["share"] <= 1.0
    assert bus["plan_share"] is not None
    assert {route["route_id"] for route in body["routes"]} == {"A", "O", "F", "X", "N"}
    # route N has no bus at all in this town
    ghosts = [ghost for ghost in body["ghosts"] if ghost["route_id"] == "N"]
    assert ghosts
    assert {ghost["reason"] for ghost in ghosts} == {"no_vehicle"}
