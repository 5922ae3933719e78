"""The board of a stop over HTTP: every state, said as it is."""

import asyncio
import json
import time
from typing import Any

import msgspec
import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.access.errors import TooSoon
from sapar.api.arrivals.routes import AFTER_STEPS, BEFORE_STEPS, LIMIT_STEPS, RIDER_SPAN, _step
from sapar.api.arrivals.stream import OpenStreams
from sapar.gtfs.realtime.tick import encode_tick, make_body
from tests.api.arrivals import scene
from tests.api.arrivals.conftest import Show
from tests.api.arrivals.scene import add_alert, add_run, at, bus, new_message
from tests.api.conftest import Instance

NOW = at(10, 12)


def _busy() -> pb.FeedMessage:
    """m1 has left A, two minutes late; m2 is cancelled; s1 leaves out B."""
    message = new_message(NOW)
    add_run(message, "m2", (), relation=pb.TripDescriptor.CANCELED)
    add_run(
        message, "m1", [(6, "B", NOW + 60, NOW + 90), (11, "C", NOW + 600, NOW + 600)], vehicle="7"
    )
    left_out = add_run(message, "s1", [(1, "A", NOW + 10, NOW + 20)], vehicle="8")
    call = left_out.stop_time_update.add(stop_sequence=6, stop_id="B")
    call.schedule_relationship = pb.TripUpdate.StopTimeUpdate.SKIPPED
    return message


async def _board(api: Instance, stop_id: str, **asked: int) -> dict[str, Any]:
    answer = await api.http.get(f"/api/stops/{stop_id}/arrivals", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_state_is_said(api: Instance, show: Show) -> None:
    show(
        _busy(),
        buses=[bus("7", NOW - 4, "m1", route_id="R1"), bus("8", NOW - 5, "s1")],
        full={"7": (pb.VehiclePosition.STANDING_ROOM_ONLY, 72)},
    )
    board = await _board(api, "B")
    assert board["live"] is True
    assert board["time_s"] == NOW
    assert board["stop"]["name"] == "Әбілқайыр хан"
    assert board["stop"]["wheelchair"] == "possible"  # its station's
    by_trip = {call["trip_id"]: call for call in board["arrivals"]}
    assert list(by_trip)[:2] == ["m1", "s1"]
    m1 = by_trip["m1"]
    assert m1["state"] == "live"
    assert (m1["earliest_s"], m1["arrival_s"], m1["latest_s"]) == (NOW, NOW + 60, NOW + 120)
    assert m1["scheduled_arrival_s"] == at(10, 10)
    assert m1["delay_s"] == 180
    assert m1["vehicle"]["vehicle_id"] == "7"
    assert m1["vehicle"]["on_this_trip"] is True
    assert (m1["stops_away"], m1["distance_m"]) == (0, pytest.approx(356, abs=5))
    assert (m1["occupancy"], m1["occupancy_percent"]) == ("standing_room_only", 72)
    assert m1["wheelchair"] == "possible"
    assert by_trip["m2"]["state"] == "cancelled"
    assert by_trip["m2"]["arrival_s"] is None
    assert by_trip["s1"]["state"] == "skipped"
    assert {route["short_name"] for route in board["routes"]} >= {"1", "2"}


async def test_headway_service_tells_its_headway_and_no_time(api: Instance, show: Show) -> None:
    message = new_message(NOW)
    add_run(
        message, "h1", [(1, "B", NOW + 120, NOW + 130), (16, "B", NOW + 1900, NOW + 1900)],
        vehicle="9", start="10:13:07",
        relation=pb.TripDescriptor.UNSCHEDULED,
    )  # fmt: skip
    show(message, buses=[bus("9", NOW, "h1")])
    board = await _board(api, "B", minutes_after=30)
    calls = [call for call in board["arrivals"] if call["stop_sequence"] == 1]
    calls = [call for call in calls if call["trip_id"] == "h1"]
    assert [call["state"] for call in calls] == ["live", "scheduled", "scheduled", "scheduled"]
    assert int(calls[1]["start_time"][:2] + calls[1]["start_time"][3:5]) == 1020
    assert {call["headway_s"] for call in calls} == {600}
    assert {call["scheduled_arrival_s"] for call in calls} == {None}
    assert calls[0]["start_time"] == "10:13:07"


async def test_a_bus_that_was_there_has_passed(api: Instance, show: Show) -> None:
    show(_busy(), buses=[bus("7", NOW, "m1")])
    await _board(api, "B")
    later = new_message(NOW + 62)
    add_run(later, "m1", [(11, "C", NOW + 600, NOW + 600)], vehicle="7")
    show(later, buses=[bus("7", NOW + 62, "m1")])
    async with asyncio.timeout(30):
        while (board := await _board(api, "B"))["time_s"] == NOW:
            await asyncio.sleep(0.02)
    m1 = _of(board, "m1")
    assert (m1["state"], m1["passed_s"]) == ("passed", NOW + 62)
    assert m1["arrival_s"] is None


async def test_a_bus_that_falls_silent_is_told_with_its_last_sign(
    api: Instance, show: Show
) -> None:
    show(_busy(), buses=[bus("7", NOW, "m1")])
    await _board(api, "C")
    show(
        new_message(NOW + 100),
        buses=[bus("7", NOW + 2, "m1", phase="no_signal", stale=True)],
    )
    async with asyncio.timeout(30):
        while (board := await _board(api, "C"))["time_s"] == NOW:
            await asyncio.sleep(0.02)
    m1 = _of(board, "m1")
    assert (m1["state"], m1["no_signal_since_s"]) == ("no_signal", NOW + 2)
    # an instance that has just started says the same: the fleet names the silent bus's trip
    assert m1["vehicle"]["vehicle_id"] == "7"


async def test_an_extra_run_is_on_the_board(api: Instance, show: Show) -> None:
    message = new_message(NOW)
    update = add_run(
        message, "extra-1", [(1, "B", NOW + 300, NOW + 300)], relation=pb.TripDescriptor.NEW,
        start="10:17:00",
    )  # fmt: skip
    update.trip.route_id = "R2"
    update.trip_properties.trip_headsign = "Стадион"
    show(message)
    board = await _board(api, "B")
    extra = next(call for call in board["arrivals"] if call["added"])
    assert (extra["state"], extra["headsign"], extra["route_id"]) == ("live", "Стадион", "R2")
    assert extra["scheduled_arrival_s"] is None


async def test_a_detour_announced_leaves_its_stops_out(api: Instance, show: Show) -> None:
    message = new_message(NOW)
    changed = message.entity.add(id="detour").trip_modifications
    changed.service_dates.append(f"{scene.DAY:%Y%m%d}")
    changed.selected_trips.add(trip_ids=["m2"], shape_id="detour")
    part = changed.modifications.add()
    part.start_stop_selector.stop_sequence = part.end_stop_selector.stop_sequence = 6
    show(message)
    m2 = _of(await _board(api, "B"), "m2")
    assert (m2["state"], m2["detour"]) == ("skipped", True)
    m2 = _of(await _board(api, "C"), "m2")
    assert m2["state"] == "scheduled"


async def test_alerts_that_touch_the_stop_come_with_it(api: Instance, show: Show) -> None:
    alerts = new_message(NOW)
    add_alert(alerts, "a-stop", "stop moved", stop_id="B")
    add_alert(alerts, "a-route", "led round", route_id="R1")
    add_alert(alerts, "a-far", "not here", stop_id="LONE")
    over = add_alert(alerts, "a-over", "over", stop_id="B")
    over.active_period[0].end = NOW - 1
    show(_busy(), alerts=alerts)
    board = await _board(api, "B")
    assert [alert["alert_id"] for alert in board["alerts"]] == ["a-stop", "a-route"]
    assert board["alerts"][0]["header"] == {"en": "stop moved"}
    by_trip = {call["trip_id"]: call["alert_ids"] for call in board["arrivals"]}
    assert by_trip["m1"] == ["a-route"]
    assert by_trip["s1"] == []


async def test_without_a_tick_all_is_scheduled(api: Instance) -> None:
    board = await _board(api, "B", minutes_after=1440)
    assert board["live"] is False
    assert {call["state"] for call in board["arrivals"]} <= {"scheduled"}


async def test_unchanged_is_304(api: Instance, show: Show) -> None:
    show(_busy())
    first = await api.http.get("/api/stops/B/arrivals")
    assert first.headers["access-control-allow-origin"] == "*"
    assert float(first.headers["sapar-tick-age"]) < 60
    again = await api.http.get(
        "/api/stops/B/arrivals", headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/stops/NONE/arrivals", 404, "no_such_stop"),
        ("/api/stops/B/arrivals?minutes_after=0", 422, "invalid_request"),
        ("/api/stops/near?lat=91&lon=0", 422, "invalid_request"),
        ("/api/stops/near?lat=nan&lon=0", 422, "invalid_request"),
        ("/api/stops/search", 422, "invalid_request"),
        ("/api/vehicles/none", 404, "no_such_vehicle"),
        ("/nowhere/api/stops/B/arrivals", 404, "unknown_agency"),
    ],
)
async def test_what_is_not_there_is_said(api: Instance, path: str, status: int, code: str) -> None:
    answer = await api.http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_stops_near_and_by_name(api: Instance, agency: str) -> None:
    answer = (await api.http.get("/api/stops/near?lat=50.2801&lon=57.1601")).json()
    assert [stop["stop_id"] for stop in answer["stops"]] == ["B"]  # a station is no stop
    assert answer["stops"][0]["distance_m"] < 20
    assert {route["route_id"] for route in answer["routes"]} == {"R1", "R2", "N", "H"}
    for text, found in (
        ("абилкайыр", ["B"]),
        ("ХАН әбілқ", ["B"]),
        ("13", ["C"]),
        ("Ескі", []),  # no trip calls there
        ("?", []),
    ):
        answer = (await api.http.get(f"/{agency}/api/stops/search", params={"q": text})).json()
        assert [stop["stop_id"] for stop in answer["stops"]] == found, text


async def test_a_bus_in_service_tells_its_calls(api: Instance, show: Show) -> None:
    show(_busy(), buses=[bus("7", NOW - 4, "m1", route_id="R1"), bus("6", NOW)])
    shown = (await api.http.get("/api/vehicles/7")).json()
    assert [(c["stop_id"], c["arrival_s"]) for c in shown["calls"]] == [
        ("B", NOW + 60),
        ("C", NOW + 600),
    ]
    assert (await api.http.get("/api/vehicles/6")).status_code == 404  # it is in its depot


async def test_the_stream_says_the_board_when_it_changes(api: Instance, show: Show) -> None:
    show(_busy(), buses=[bus("7", NOW, "m1")])
    async with (
        asyncio.timeout(60),
        api.http.stream("GET", "/api/stops/C/arrivals/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        first = await _next_data(lines)
        assert _of(first, "m1")["arrival_s"] == NOW + 600
        same = _busy()
        same.header.timestamp = NOW + 1
        show(same, buses=[bus("7", NOW, "m1")])  # nothing new but the time
        await asyncio.sleep(0.3)
        later = new_message(NOW + 62)
        add_run(later, "m1", [(11, "C", NOW + 700, NOW + 700)], vehicle="7")
        show(later)
        second = await _next_data(lines)
        assert second["time_s"] == NOW + 62
        assert _of(second, "m1")["arrival_s"] == NOW + 700


def _of(board: dict[str, Any], trip_id: str) -> dict[str, Any]:
    return next(call for call in board["arrivals"] if call["trip_id"] == trip_id)


async def _next_data(lines: Any) -> dict[str, Any]:
    async for line in lines:
        if line.startswith("data: "):
            return json.loads(line[6:])
    raise AssertionError("the stream ended")


async def test_a_tick_that_cannot_be_read_keeps_nobody_waiting(
    api: Instance, show: Show, agency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sapar.api.arrivals.live._WAIT_S", 120.0)
    tick = scene.make_tick(agency, 1, _busy(), wall_s=time.time())
    broken = {**tick.bodies, "trip-updates": make_body(b"\x12\xff\xff")}
    assert api.hub.take(encode_tick(msgspec.structs.replace(tick, bodies=broken)))
    async with asyncio.timeout(60):
        assert (await _board(api, "B", minutes_after=1440))["live"] is False
        assert (await _board(api, "B", minutes_after=1440))["live"] is False
    tick = msgspec.structs.replace(tick, tick=2)
    assert api.hub.take(encode_tick(tick))
    async with asyncio.timeout(30):
        while not (await _board(api, "B"))["live"]:
            await asyncio.sleep(0.02)


def test_open_streams_are_bounded_by_network_and_in_all() -> None:
    streams = OpenStreams(most=3, most_to_one=2)
    with streams.opened("a"), streams.opened("a"):
        with pytest.raises(TooSoon):
            streams.check("a")
        streams.check("b")
        with streams.opened("b"), pytest.raises(TooSoon):
            streams.check("c")
    streams.check("a")


def test_streamed_boards_come_in_a_few_spans() -> None:
    assert [_step(value, AFTER_STEPS) for value in (1, 30, 31, 60, 1440)] == [30, 30, 60, 60, 120]
    steps = (BEFORE_STEPS, AFTER_STEPS, LIMIT_STEPS)
    assert tuple(map(_step, RIDER_SPAN, steps)) == RIDER_SPAN
