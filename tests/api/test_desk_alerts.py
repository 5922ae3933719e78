"""Alerts for riders over HTTP: drafted, published, read back from the feed, changed, undone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sapar.core.db import connect
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import ALERTS
from tests.api.access_help import sign_in
from tests.api.living_town import LivingTown, living_town
from tests.gtfs.realtime.dispatch_days import message

CONTENT: dict[str, Any] = {
    "header": {"kk": "A: айналма жол", "ru": "A: объезд"},
    "description": {"kk": "Жол жөндеу.", "ru": "Ремонт дороги."},
    "url": {"ru": "https://example.org/a"},
    "cause": "CONSTRUCTION",
    "effect": "DETOUR",
    "informed": [{"route_id": "A"}, {"route_id": "A", "stop_id": "a3"}],
}
PATH = "/api/dispatch/alerts"


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[LivingTown]:
    async with living_town(settings) as alive:
        await sign_in(alive.http, alive.instance.conninfo, ["dispatcher"])
        yield alive


async def publish(town: LivingTown, **changes: object) -> dict:
    response = await town.http.post(PATH, json={**CONTENT, **changes})
    assert response.status_code == 201, response.text
    return response.json()


async def listed(town: LivingTown) -> dict[str, dict]:
    found = (await town.http.get(f"{PATH}.json")).json()["alerts"]
    return {row["alert_id"]: row for row in found}


def texts(translated) -> dict[str, str]:
    return {one.language: one.text for one in translated.translation}


async def in_feed(town: LivingTown, alert_id: str):
    tick = await town.next_tick(town.clock.time(), 2)
    return next((e.alert for e in message(tick, ALERTS).entity if e.id == alert_id), None)


async def test_an_alert_is_in_the_feed_and_only_then_said_to_be(town: LivingTown):
    made = await publish(town)
    alert_id = made["alert_id"]
    published_s = town.clock.time()
    async with asyncio.timeout(10):
        while (await listed(town))[alert_id]["in_feed_s"] is None:
            await asyncio.sleep(0.05)
    row = (await listed(town))[alert_id]
    assert row["in_feed_s"] >= published_s - 2
    assert (row["state"], row["in_feed"], row["revision"]) == ("active", True, 1)
    alert = await in_feed(town, alert_id)
    assert texts(alert.header_text) == CONTENT["header"]
    assert texts(alert.description_text) == CONTENT["description"]
    assert texts(alert.url) == CONTENT["url"]
    assert {(e.route_id, e.stop_id) for e in alert.informed_entity} == {("A", ""), ("A", "a3")}


async def test_a_change_an_end_and_their_undoing(town: LivingTown):
    alert_id = (await publish(town))["alert_id"]
    changed = {**CONTENT, "header": {**CONTENT["header"], "en": "A: detour"}}
    changed["description"] = {**CONTENT["description"], "en": "Road works."}
    body = {"revision": 1, "content": changed}
    answer = await town.http.put(f"{PATH}/{alert_id}", json=body)
    assert answer.json()["revision"] == 2
    assert "en" in texts((await in_feed(town, alert_id)).header_text)
    stale = await town.http.put(f"{PATH}/{alert_id}", json=body)
    assert (stale.status_code, stale.json()["error"]["code"]) == (403, "changed_since")
    undone = await town.http.post(f"{PATH}/{alert_id}/undo", json={"revision": 2})
    assert undone.json()["revision"] == 3
    assert "en" not in texts((await in_feed(town, alert_id)).header_text)
    ended = await town.http.post(f"{PATH}/{alert_id}/end", json={"revision": 3})
    assert ended.status_code == 200
    assert await in_feed(town, alert_id) is None
    assert (await listed(town))[alert_id]["state"] == "withdrawn"
    await town.http.post(f"{PATH}/{alert_id}/undo", json={"revision": 4})
    assert await in_feed(town, alert_id) is not None
    first = (await publish(town))["alert_id"]
    await town.http.post(f"{PATH}/{first}/undo", json={"revision": 1})
    assert await in_feed(town, first) is None
    with connect(town.instance.conninfo) as connection:
        actions = connection.execute(
            "SELECT action FROM audit_log WHERE target = %s ORDER BY at", (alert_id,)
        ).fetchall()
    assert [a for (a,) in actions] == [
        "alert.publish",
        "alert.change",
        "alert.undo",
        "alert.end",
        "alert.undo",
    ]


async def test_an_alert_of_other_means_can_be_changed_and_gone_back_to(town: LivingTown):
    with connect(town.instance.conninfo, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO alert (agency_id, alert_id, header, description) VALUES (%s, 'old',"
            """ '{"kk": "Ескі", "ru": "Старое"}', '{"kk": "Ескі", "ru": "Старое"}')""",
            (town.agency,),
        )
    body = {"revision": 0, "content": CONTENT}
    answer = await town.http.put(f"{PATH}/old", json=body)
    assert answer.json()["revision"] == 2
    await town.http.post(f"{PATH}/old/undo", json={"revision": 2})
    assert (await listed(town))["old"]["content"]["header"] == {"kk": "Ескі", "ru": "Старое"}


async def test_words_are_drafted_in_three_languages(town: LivingTown):
    asked = {
        "effect": "NO_SERVICE",
        "cause": "ACCIDENT",
        "informed": [{"stop_id": "a3"}],
        "until_s": town.start_s + 18 * 3600,
    }
    words = (await town.http.post(f"{PATH}/draft", json=asked)).json()
    assert words["header"] == {
        "kk": "Жабық аялдама: Stop a3",
        "ru": "Остановка закрыта: Stop a3",
        "en": "Stop closed: Stop a3",
    }
    assert "18:00" in words["description"]["kk"]
    assert words["description"]["ru"].endswith("Причина: ДТП.")
    asked = {"effect": "SIGNIFICANT_DELAYS", "informed": [{"route_id": "A"}, {"route_id": "O"}]}
    words = (await town.http.post(f"{PATH}/draft", json=asked)).json()
    assert words["header"]["en"] == "A, O: delays"
    unknown = {"effect": "PARADE", "informed": [{"route_id": "gone"}]}
    assert (await town.http.post(f"{PATH}/draft", json=unknown)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"header": {"kk": "A"}}, "language_missing"),
        ({"header": {"kk": "A", "ru": " "}}, "language_missing"),
        ({"header": {**CONTENT["header"], "en": "A"}}, "language_missing"),
        ({"header": {"kk": "A" * 81, "ru": "A"}}, "text_too_long"),
        ({"header": {**CONTENT["header"], "de": "A"}}, "bad_language"),
        ({"header": {"kk": "A\u0001", "ru": "A"}}, "bad_text"),
        ({"url": {"ru": "javascript:alert(1)"}}, "bad_url"),
        ({"url": {"ru": "example.org"}}, "bad_url"),
        ({"url": {"ru": "http://["}}, "bad_url"),
        ({"cause": "BOREDOM"}, "bad_cause"),
        ({"effect": "PARADE"}, "bad_effect"),
        ({"from_s": 200.0, "until_s": 100.0}, "bad_period"),
        ({"from_s": 1e30}, "bad_period"),
        ({"informed": [{"route_id": "gone"}]}, "unknown_route"),
        ({"informed": [{}]}, "bad_place"),
        ({"informed": [{"stop_id": "a3"}] * 201}, "too_many_places"),
        ({"header": 3}, "invalid_request"),
    ],
)
async def test_what_no_rider_could_read_is_refused(api_town: LivingTown, changes, code):
    response = await api_town.http.post(PATH, json={**CONTENT, **changes})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == code


@pytest.fixture
async def api_town(town: LivingTown) -> LivingTown:
    return town


async def test_a_viewer_reads_and_does_not_write(town: LivingTown):
    town.http.cookies.clear()
    await sign_in(town.http, town.instance.conninfo, ["viewer"])
    assert (await town.http.get(f"{PATH}.json")).status_code == 200
    assert (await town.http.post(PATH, json=CONTENT)).status_code == 403
    for path in (f"{PATH}/nothing/end", f"{PATH}/nothing/undo"):
        assert (await town.http.post(path, json={"revision": 1})).status_code == 403
