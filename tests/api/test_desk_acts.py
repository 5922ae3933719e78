"""Acts of dispatch over HTTP: looked at, decided, in the feeds with the next tick, undone."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.core.db import connect, connect_async
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES
from tests.api.access_help import sign_in
from tests.api.living_town import LivingTown, living_town
from tests.gtfs.realtime import judge
from tests.gtfs.realtime.dispatch_days import DETOUR_PATH, message, updates
from tests.gtfs.realtime.town import town_zip

CANCELED = pb.TripDescriptor.CANCELED
SKIPPED = pb.TripUpdate.StopTimeUpdate.SKIPPED
DAY = "2026-03-10"


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[LivingTown]:
    async with living_town(settings) as alive:
        await sign_in(alive.http, alive.instance.conninfo, ["dispatcher"])
        yield alive


async def decide(town: LivingTown, what: dict, **more: object) -> str:
    body = {"what": what, "reason": "road works", "cause": "CONSTRUCTION", **more}
    response = await town.http.post("/api/dispatch/acts", json=body)
    assert response.status_code == 201, response.text
    return response.json()["act_id"]


async def undo(town: LivingTown, act_id: str) -> float:
    response = await town.http.post(f"/api/dispatch/acts/{act_id}/undo")
    assert response.status_code == 200, response.text
    return response.json()["ended_s"]


async def seen(town: LivingTown, act_id: str) -> list[str]:
    response = await town.http.get(f"/api/dispatch/acts/{act_id}/feeds.json")
    return response.json()["seen"]


async def test_every_act_is_in_the_feeds_within_a_tick_and_gone_within_one_after_undo(
    town: LivingTown, tmp_path: Path
):
    acts: dict[str, dict] = {
        "cancel": {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY},
        "skip": {"kind": "skip", "stop_ids": ["a6"], "route_id": "A"},
        "extra": {"kind": "extra", "trip_id": "extra-1", "service_date": DAY, "copy_of": "A-out-24", "start_s": 12 * 3600 + 2400},
        "swap": {"kind": "swap", "vehicle_id": "A1", "service_date": DAY, "trip_id": "A-out-22"},
        "detour": {"kind": "detour", "route_id": "A", "path": DETOUR_PATH},
    }  # fmt: skip
    for kind, what in acts.items():
        shown = (await town.http.post("/api/dispatch/acts/preview", json={"what": what})).json()
        assert shown["runs_total"] > 0, (kind, shown)
        act_id = await decide(town, what)
        # one tick may be under way when the act is committed; the one after it must know
        decided = await town.next_tick(town.clock.time(), 2)
        where = await seen(town, act_id)
        if kind != "swap":  # a pin shows when the engine has weighed it, over a few ticks
            assert where, kind
        for stop_id in shown["stop_ids"]:
            assert _skips(decided, stop_id), (kind, stop_id)
        ended_s = await undo(town, act_id)
        gone = await town.next_tick(ended_s, 2)
        assert await seen(town, act_id) == [], kind
        assert not any(_skips(gone, stop_id) for stop_id in shown["stop_ids"])
    path = tmp_path / "gtfs.zip"
    path.write_bytes(town_zip())
    prepared = await asyncio.to_thread(judge.prepare, path)
    assert await asyncio.to_thread(judge.errors, prepared, town.ticks[2:]) == {}


def _skips(tick, stop_id: str) -> bool:
    return any(
        stop.stop_id == stop_id and stop.schedule_relationship == SKIPPED
        for entity in message(tick, TRIP_UPDATES).entity
        for stop in entity.trip_update.stop_time_update
    )


async def test_a_preview_says_what_the_feeds_will_say(town: LivingTown):
    what = {"kind": "detour", "route_id": "A", "path": DETOUR_PATH}
    looked = {"what": what, "cause": "CONSTRUCTION"}
    shown = (await town.http.post("/api/dispatch/acts/preview", json=looked)).json()
    assert {(line["direction"], tuple(line["missed"])) for line in shown["lines"]} == {
        (0, ("a3", "a4")),
        (1, ("a4", "a3")),
    }
    assert shown["lines"][0]["leave_stop_id"] == "a2"
    assert shown["lines"][0]["join_stop_id"] == "a5"
    assert shown["alert_published"]
    act_id = await decide(town, what)
    tick = await town.next_tick(town.clock.time(), 2)
    (alert,) = [e.alert for e in message(tick, ALERTS).entity if e.id == act_id]
    published = {t.language: t.text for t in alert.header_text.translation}
    assert published == shown["alert"]["header"]
    assert set(published) == {"kk", "ru", "en"}


async def test_nothing_is_stored_by_a_preview(town: LivingTown):
    what = {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY}
    await town.http.post("/api/dispatch/acts/preview", json={"what": what})
    listed = (await town.http.get("/api/dispatch/acts.json")).json()
    assert listed["acts"] == []


async def test_an_act_is_listed_with_its_life_and_stands_in_the_audit_log(town: LivingTown):
    what = {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY}
    act_id = await decide(town, what)
    (row,) = (await town.http.get("/api/dispatch/acts.json")).json()["acts"]
    assert (row["act_id"], row["kind"], row["state"]) == (act_id, "cancel", "standing")
    assert row["reason"] == "road works"
    await undo(town, act_id)
    assert (await town.http.get("/api/dispatch/acts.json")).json()["acts"] == []
    (row,) = (await town.http.get("/api/dispatch/acts.json?past=1")).json()["acts"]
    assert row["state"] == "undone"
    assert row["ended_by"] == row["author"]
    again = await town.http.post(f"/api/dispatch/acts/{act_id}/undo")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "no_such_act")
    lines = audit(town)
    assert [line[0] for line in lines] == ["act.decide", "act.undo"]
    assert lines[0][3]["what"] == what
    assert lines[1][2]["what"] == what


def audit(town: LivingTown) -> list[tuple]:
    with connect(town.instance.conninfo) as connection:
        return connection.execute(
            "SELECT action, target, before, after FROM audit_log WHERE agency_id = %s ORDER BY at,"
            " action",
            (town.agency,),
        ).fetchall()


async def test_a_longer_detour_takes_the_place_of_the_old_one_in_one_step(town: LivingTown):
    what = {"kind": "detour", "route_id": "A", "path": DETOUR_PATH}
    until_s = town.clock.time() + 500
    old = await decide(town, what, until_s=until_s)
    (row,) = (await town.http.get("/api/dispatch/acts.json")).json()["acts"]
    assert row["state"] == "ending"  # ten minutes before the end its author is reminded
    new = await decide(town, what, until_s=until_s + 3600, replaces=old)
    (row,) = (await town.http.get("/api/dispatch/acts.json")).json()["acts"]
    assert (row["act_id"], row["state"]) == (new, "standing")
    for tick in town.ticks:
        ids = {e.id for e in message(tick, ALERTS).entity}
        assert not {old, new} <= ids


async def test_words_written_for_an_act_go_with_it(town: LivingTown):
    what = {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY}
    shown = (await town.http.post("/api/dispatch/acts/preview", json={"what": what})).json()
    assert shown["alert"] is not None
    assert not shown["alert_published"]
    alert = {**shown["alert"], "header": {**shown["alert"]["header"], "en": "No 12:40 bus"}}
    act_id = await decide(town, what, alert=alert)
    tick = await town.next_tick(town.clock.time(), 2)
    (entity,) = [e for e in message(tick, ALERTS).entity if e.id == act_id]
    texts = {t.language: t.text for t in entity.alert.header_text.translation}
    assert texts["en"] == "No 12:40 bus"
    assert updates(tick, "A-out-23")[0].trip.schedule_relationship == CANCELED
    ended_s = await undo(town, act_id)
    tick = await town.next_tick(ended_s, 2)
    assert act_id not in {e.id for e in message(tick, ALERTS).entity}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"what": {"kind": "cancel", "trip_id": "no", "service_date": DAY}}, "unknown_trip"),
        ({"what": {"kind": "dance"}}, "bad_act"),
        ({"what": {"kind": "skip", "stop_ids": []}}, "bad_act"),
        ({"what": {"kind": "skip", "stop_ids": ["a6"]}, "reason": " "}, "reason_missing"),
        ({"what": {"kind": "skip", "stop_ids": ["a6"]}, "until_s": 1.0}, "bad_period"),
        ({"what": {"kind": "skip", "stop_ids": ["a6"]}, "until_s": 1.7e9}, "period_over"),
        ({"what": {"kind": "skip", "stop_ids": ["a6"]}, "cause": "MOON"}, "bad_cause"),
        ({"what": {"kind": "detour", "route_id": "A", "path": [[91, 0], [0, 0]]}}, "bad_act"),
        ({"what": {"kind": "skip", "stop_ids": ["a6"]}, "replaces": "act-9"}, "no_such_act"),
        ({"reason": 3}, "invalid_request"),
        ("no", "invalid_request"),
    ],
)  # fmt: skip
async def test_what_has_no_meaning_is_refused(town: LivingTown, body: object, code: str):
    if isinstance(body, dict) and "what" in body:
        body = {"reason": "because", **body}
    response = await town.http.post("/api/dispatch/acts", json=body)
    assert response.status_code in {404, 422}, response.text
    assert response.json()["error"]["code"] == code
    assert (await town.http.get("/api/dispatch/acts.json")).json()["acts"] == []


async def test_a_viewer_looks_and_does_not_act(town: LivingTown):
    what = {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY}
    town.http.cookies.clear()
    assert (await town.http.get("/api/dispatch/acts.json")).status_code == 401
    await sign_in(town.http, town.instance.conninfo, ["viewer"])
    assert (await town.http.get("/api/dispatch/acts.json")).status_code == 200
    shown = await town.http.post("/api/dispatch/acts/preview", json={"what": what})
    assert shown.status_code == 200
    refused = await town.http.post("/api/dispatch/acts", json={"what": what, "reason": "r"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_missing")


async def test_runs_to_choose_from(town: LivingTown):
    runs = (await town.http.get("/api/dispatch/runs.json?route=A")).json()["runs"]
    starts = [run["first_s"] for run in runs]
    assert starts == sorted(starts)
    assert {run["block_id"] for run in runs} == {"A0", "A1"}
    assert all(run["last_s"] > town.clock.time() for run in runs)
    (loose,) = (await town.http.get("/api/dispatch/runs.json?route=F")).json()["runs"][:1]
    assert loose["start_s"] is None
    exact = (await town.http.get("/api/dispatch/runs.json?route=X")).json()["runs"]
    assert exact[1]["start_s"] - exact[0]["start_s"] == 720


async def test_people_who_got_on_there_yesterday_at_this_hour(town: LivingTown):
    conninfo = town.instance.conninfo
    with connect(conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # taps without their cards
        row = connection.execute(
            "SELECT device_no FROM device WHERE agency_id = %s AND device_id = 'A0'", (town.agency,)
        ).fetchone()
        assert row is not None
        yesterday_s = town.clock.time() - 86_400
        connection.execute(
            "INSERT INTO stop_visit VALUES (%(a)s, '2026-03-09', 'A-out-21', 43200, 4, 'A0', 3,"
            " 'a3', 'A', to_timestamp(%(s)s), to_timestamp(%(s)s + 20), to_timestamp(%(s)s),"
            " to_timestamp(%(s)s), true)",
            {"a": town.agency, "s": yesterday_s + 600},
        )
        for seq, (at_s, riders) in enumerate(((610, 1), (625, 3), (900, 5))):
            connection.execute(
                "INSERT INTO tap (tap_no, device_no, epoch, seq, digest, device_time, card_no,"
                " payload, vehicle_id, medium, num_riders, allowed, synchronized, received_at,"
                " status, event_at, service_date, nominal_tiyn, charged_tiyn, adjustments, rule,"
                " revision) VALUES (%(seq)s, %(d)s, 1, %(seq)s, %(digest)s, to_timestamp(%(at)s),"
                " 1, '', 'A0', 'card', %(riders)s, true, true, to_timestamp(%(at)s), 'posted',"
                " to_timestamp(%(at)s), '2026-03-09', 0, 0, '[]', '-', 0)",
                {
                    "seq": seq,
                    "d": row[0],
                    "digest": bytes([seq] * 16),
                    "at": yesterday_s + at_s,
                    "riders": riders,
                },
            )
    asked = {"stop_ids": ["a3", "a4"], "route_id": "A"}
    found = (await town.http.post("/api/dispatch/acts/boardings", json=asked)).json()
    assert (found["visits"], found["people"]) == (1, 4)
    asked = {"stop_ids": ["a6"]}
    found = (await town.http.post("/api/dispatch/acts/boardings", json=asked)).json()
    assert (found["visits"], found["people"]) == (0, 0)


async def test_pages_are_told_of_every_act(town: LivingTown):
    connection = await connect_async(town.instance.conninfo)
    async with connection:
        await connection.execute("LISTEN sapar_desk")
        await decide(town, {"kind": "cancel", "trip_id": "A-out-23", "service_date": DAY})
        told = [n.payload async for n in connection.notifies(timeout=60.0, stop_after=1)]
    assert told == [f"{town.agency} acts"]


async def test_the_answers_are_plain_json_for_the_default_agency_and_by_name(town: LivingTown):
    own = await town.http.get("/api/dispatch/acts.json")
    named = await town.http.get(f"/{town.agency}/api/dispatch/acts.json")
    assert own.headers["cache-control"].startswith("private")
    assert json.loads(named.text)["acts"] == own.json()["acts"]
    nobody = await town.http.get("/nowhere/api/dispatch/acts.json")
    assert nobody.status_code == 404
