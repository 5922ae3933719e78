"""What the rider's page asks for, over HTTP."""

import json
from typing import Any

import msgspec
import pytest

from sapar.api.arrivals.answers import ArrivalShown, BoardShown
from sapar.api.rider.html import OVER_MAX, SHOWN_MAX, _choose, _is_shown
from sapar.core.db import connect
from sapar.dispatch.reports import make_code
from tests.api.access_help import sign_in
from tests.api.conftest import Instance
from tests.api.rider.conftest import CARD_NUMBER, CARD_PIN, NOW, Busy

REPORT = {
    "kind": "never_came", "language": "ru", "text": "Ждала 40 минут", "stop_id": "B",
    "route_id": "R1", "trip_id": "m1", "vehicle_id": "7",
    "shown": {"earliest_s": NOW + 210, "latest_s": NOW + 330},
}  # fmt: skip


async def get(api: Instance, path: str, **asked: Any) -> dict[str, Any]:
    answer = await api.http.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_stops_are_found_by_name_place_and_id(api: Instance, busy: Busy, agency: str) -> None:
    busy()
    found = await get(api, "/api/rider/stops", q="абилкайыр")
    assert [one["id"] for one in found["stops"]] == ["B"]
    assert found["stops"][0]["towards"] in {"Базар", "Саябақ"}
    assert {one["short_name"] for one in found["stops"][0]["routes"]} >= {"1", "2", "30"}
    near = await get(api, f"/{agency}/api/rider/stops", lat=50.2801, lon=57.1501)
    assert [one["id"] for one in near["stops"]][:2] == ["A", "B"]
    assert near["stops"][0]["distance_m"] < 20
    kept = await get(api, "/api/rider/stops", id=["C", "no-such", "A"])
    assert [one["id"] for one in kept["stops"]] == ["C", "A"]
    assert (await api.http.get("/api/rider/stops")).status_code == 422


async def test_a_ride_has_a_line_and_a_bus(api: Instance, busy: Busy) -> None:
    busy()
    line = await get(api, "/api/rider/trips/m1")
    assert [stop["id"] for stop in line["stops"]] == ["A", "B", "C"]
    assert line["line"][0] == [50.28, 57.15]
    ride = await get(api, "/api/rider/rides/m1", vehicle_id="7")
    assert (ride["bus"]["id"], ride["bus"]["on_this_trip"]) == ("7", True)
    assert [call["stop_id"] for call in ride["calls"]] == ["B", "C"]
    assert ride["calls"][0]["earliest_s"] == NOW + 210
    assert (await api.http.get("/api/rider/trips/nonsense")).status_code == 404
    assert (await get(api, "/api/rider/rides/m1", vehicle_id="nobody"))["bus"] is None


async def test_an_alert_that_is_over_says_so(api: Instance, busy: Busy, agency: str) -> None:
    busy()
    listed = (await get(api, "/api/rider/alerts"))["alerts"]
    assert [one["alert_id"] for one in listed] == ["detour-1"]
    assert listed[0]["routes"][0]["short_name"] == "1"
    assert set(listed[0]["header"]) == {"en", "kk", "ru"}
    assert (await get(api, "/api/rider/alerts/detour-1"))["over"] is False
    with connect(api.conninfo) as connection:
        connection.execute(
            "INSERT INTO alert (agency_id, alert_id, header, description, effect, periods,"
            " informed) VALUES (%s, 'old', '{\"ru\": \"Было\"}', '{\"ru\": \"Было\"}', 'DETOUR',"
            " ARRAY[tstzrange('2026-11-01', '2026-11-02')], '[{\"stop_id\": \"B\"}]')",
            (agency,),
        )
    over = await get(api, "/api/rider/alerts/old")
    assert over["over"] is True
    assert over["ended_s"] == over["periods"][0][1]
    assert over["stops"][0]["name"] == "Әбілқайыр хан"
    for nobody in ("never", "%00"):
        assert (await api.http.get(f"/api/rider/alerts/{nobody}")).status_code == 404


async def test_a_report_keeps_what_was_promised_and_comes_back_with_an_answer(
    api: Instance, busy: Busy, agency: str
) -> None:
    busy()
    code = make_code()
    sent = {**REPORT, "code": code, "contact": "+7 701 000 00 00"}
    first = await api.http.post("/api/rider/reports", json=sent)
    assert first.status_code == 201, first.text
    again = await api.http.post(f"/{agency}/api/rider/reports", json=sent)
    assert (again.status_code, again.json()) == (200, first.json())
    followed = await get(api, f"/api/rider/reports/{code[:4]}-{code[4:].lower()}")
    assert (followed["state"], followed["answer"]) == ("new", None)

    assert (await api.http.get("/api/dispatch/reports")).status_code == 401
    await sign_in(api.http, api.conninfo, ("viewer",))
    [seen] = (await get(api, "/api/dispatch/reports"))["reports"]
    assert (seen["contact"], seen["has_contact"]) == (None, True)
    report_no = seen["report_no"]
    [promised] = seen["evidence"]["board"]
    assert (promised["trip_id"], promised["state"]) == ("m1", "live")
    assert promised["earliest_s"] == NOW + 210
    assert seen["evidence"]["bus"]["time_s"] == NOW - 4
    assert seen["evidence"]["shown"] == REPORT["shown"]
    assert seen["evidence"]["stop_name"] == "Әбілқайыр хан"
    refused = await api.http.post(f"/api/dispatch/reports/{report_no}/take")
    assert refused.status_code == 403

    name = await sign_in(api.http, api.conninfo, ("dispatcher",))
    [seen] = (await get(api, "/api/dispatch/reports", vehicle_id="7"))["reports"]
    assert seen["contact"] == "+7 701 000 00 00"
    url = f"/api/dispatch/reports/{report_no}"
    assert (await api.http.post(f"{url}/take")).status_code == 200
    text = "Автобус сошёл с линии в 10:05.\nПриносим извинения."
    answered = await api.http.post(f"{url}/answer", json={"text": text})
    assert answered.json()["state"] == "answered", answered.text
    assert (await get(api, f"/api/rider/reports/{code}"))["answer"] == text
    assert (await api.http.post(f"{url}/close")).json()["state"] == "closed"
    assert (await api.http.post(f"{url}/answer", json={"text": "x"})).status_code == 403
    assert (await api.http.get("/api/dispatch/reports?route_id=%00")).status_code == 422
    assert (await get(api, "/api/dispatch/reports"))["reports"] == []
    closed = await get(api, "/api/dispatch/reports", state="closed", kind="never_came")
    assert len(closed["reports"]) == 1
    with connect(api.conninfo) as connection:
        lines = connection.execute(
            "SELECT action, person, target, before ->> 'state', after ->> 'state' FROM audit_log"
            " WHERE action LIKE 'report.%' ORDER BY 1"
        ).fetchall()
    target = f"report {report_no}"
    assert lines == [
        ("report.answer", name, target, "taken", "answered"),
        ("report.close", name, target, "answered", "closed"),
        ("report.take", name, target, "new", "taken"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"nonsense", "bad_report"),
        (b'{"code": "x", "kind": "other", "language": "ru"}', "report_code"),
        (json.dumps({**REPORT, "code": "0" * 16, "kind": "weather"}).encode(), "bad_report"),
        (json.dumps({**REPORT, "code": "0" * 16, "text": "4111 1111 1111 1111"}).encode(), "pan_like"),
        (json.dumps({**REPORT, "code": "0" * 16, "lat": 1e9}).encode(), "bad_report"),
        (json.dumps({**REPORT, "code": "0" * 16, "shown": {"a": "\0"}}).encode(), "bad_report"),
        (b'{"code": "0000000000000000", "text": "' + b"x" * 20_000 + b'"}', "too_long"),
    ],
)  # fmt: skip
async def test_reports_that_cannot_be_kept(api: Instance, body: bytes, code: str) -> None:
    answer = await api.http.post("/api/rider/reports", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_reports_of_one_address_are_bounded(api: Instance, busy: Busy) -> None:
    busy()
    for _ in range(10):
        sent = await api.http.post("/api/rider/reports", json={**REPORT, "code": make_code()})
        assert sent.status_code == 201
    refused = await api.http.post("/api/rider/reports", json={**REPORT, "code": make_code()})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 3000


async def test_a_card_is_looked_up_by_number_and_pin(api: Instance, card: str) -> None:
    asked = {"number": CARD_NUMBER.replace(" ", "-"), "pin": CARD_PIN}
    found = await api.http.post("/api/rider/card", json=asked)
    assert found.status_code == 200, found.text
    assert found.headers["cache-control"] == "no-store"
    body = found.json()
    assert (body["balance_tiyn"], body["status"]) == (124_000, "active")
    assert [move["kind"] for move in body["moves"]] == ["top_up"]
    assert card not in found.text
    for _ in range(5):
        wrong = await api.http.post("/api/rider/card", json={**asked, "pin": "9999"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "card_or_pin")
    blocked = await api.http.post("/api/rider/card", json=asked)
    assert (blocked.status_code, blocked.json()["error"]["code"]) == (429, "too_many_tries")


async def test_without_a_key_no_card_is_looked_up(api: Instance) -> None:
    asked = {"number": CARD_NUMBER, "pin": CARD_PIN}
    answer = await api.http.post("/api/rider/card", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_card_lookup")
    for body in (b"{}", b"[]", b'{"number": 1, "pin": 2}'):
        assert (await api.http.post("/api/rider/card", content=body)).status_code == 422


def test_the_plain_page_leaves_out_what_was_planned_and_is_over() -> None:
    nothing: dict[str, Any] = dict.fromkeys(ArrivalShown.__struct_fields__)
    planned = ArrivalShown(**{**nothing, "state": "scheduled", "scheduled_departure_s": 100})
    assert _is_shown(planned, 279)  # it may be late
    assert not _is_shown(planned, 280)  # it has come, or it never will
    cancelled = msgspec.structs.replace(planned, state="cancelled")
    assert _is_shown(cancelled, 399)
    assert not _is_shown(cancelled, 400)
    late = msgspec.structs.replace(planned, state="live", arrival_s=300)
    assert _is_shown(late, 200)
    passed = msgspec.structs.replace(planned, state="passed", passed_s=150)
    assert _is_shown(passed, 449)
    assert not _is_shown(msgspec.structs.replace(passed, headway_s=600), 450)


def test_at_a_busy_stop_what_is_over_takes_no_line_of_what_is_to_come() -> None:
    nothing: dict[str, Any] = dict.fromkeys(ArrivalShown.__struct_fields__)
    empty: dict[str, Any] = dict.fromkeys(BoardShown.__struct_fields__)
    board = BoardShown(**{**empty, "time_s": 1000})

    def call(state: str, at_s: int) -> ArrivalShown:
        times = {"passed_s": at_s} if state == "passed" else {}
        return ArrivalShown(**{**nothing, **times, "state": state, "scheduled_departure_s": at_s})

    gone = [call("passed", 760 + 10 * n) for n in range(23)] + [call("cancelled", 995)]
    coming = [call("live", 1010 + 10 * n) for n in range(30)]
    chosen, is_some_to_come = _choose(msgspec.structs.replace(board, arrivals=[*gone, *coming]))
    assert chosen == [*gone[-OVER_MAX:], *coming[:SHOWN_MAX]]
    assert is_some_to_come
    # the last bus has gone, and what was to follow it is cancelled
    last = [*gone, call("cancelled", 1500)]
    chosen, is_some_to_come = _choose(msgspec.structs.replace(board, arrivals=last))
    assert chosen == last[-OVER_MAX - 1 :]
    assert not is_some_to_come


async def test_a_report_of_an_impossible_moment_is_of_now(api: Instance) -> None:
    sent = {**REPORT, "code": make_code(), "at_s": -9.9e10}
    answer = await api.http.post("/api/rider/reports", json=sent)
    assert answer.status_code in {200, 201}, answer.text
