"""OneBusAway's methods: the documented form of every answer, and that what they say is so."""

from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from tests.api.arrivals import scene
from tests.api.arrivals.scene import add_alert, add_run, at, bus, new_message
from tests.api.conftest import Instance
from tests.api.onebusaway import forms
from tests.api.onebusaway.conftest import Show

NOW = at(10, 12)
DAY_MS = 1000 * at(0)


@pytest.fixture
def served(api: Instance, show: Show) -> Instance:
    """An instance that knows where a bus is, what is cancelled, and an alert."""
    message = new_message(NOW)
    add_run(message, "m2", (), relation=pb.TripDescriptor.CANCELED)
    calls = [(6, "B", NOW + 60, NOW + 90), (11, "C", NOW + 600, NOW + 600)]
    add_run(message, "m1", calls, vehicle="7")
    headway = [(1, "B", NOW + 120, NOW + 130)]
    add_run(message, "h1", headway, start="10:13:07", relation=pb.TripDescriptor.UNSCHEDULED)
    new = add_run(message, "x-1", [(1, "B", NOW + 300, NOW + 300)], relation=pb.TripDescriptor.NEW)
    new.trip.route_id = "R2"
    alerts = new_message(NOW)
    add_alert(alerts, "a1", "led round", route_id="R1")
    add_alert(alerts, "a2", "stop moved", stop_id="B")
    full = {"7": (pb.VehiclePosition.STANDING_ROOM_ONLY, 72)}
    show(message, buses=[bus("7", NOW - 4, "m1", route_id="R1")], full=full, alerts=alerts)
    return api


async def _get(api: Instance, path: str, **asked: object) -> dict[str, Any]:
    query = {name: str(value) for name, value in asked.items()}
    answer = await api.http.get(f"/api/where/{path}.json", params={"key": "TEST", **query})
    body = answer.json()
    assert body.keys() >= {"code", "currentTime", "text", "version"}
    assert (answer.status_code, body["version"]) == (body["code"], 2)
    return body


HERE = {"lat": 50.28, "lon": 57.16}
ANSWERS: list[tuple[str, dict[str, Any], Any]] = [
    ("agencies-with-coverage", {}, forms.listed(forms.COVERAGE)),
    ("agency/{a}", {}, forms.entry(forms.AGENCY)),
    ("current-time", {}, forms.entry(forms.TIME)),
    ("config", {}, forms.entry(forms.CONFIG)),
    ("stops-for-location", HERE, forms.listed(forms.STOP, ranged=True)),
    ("stops-for-location", {**HERE, "query": "13"}, forms.listed(forms.STOP, ranged=True)),
    ("routes-for-location", HERE, forms.listed(forms.ROUTE, ranged=True)),
    ("stops-for-route/{a}_R1", {}, forms.entry(forms.STOPS_OF_ROUTE)),
    ("stop/{a}_B", {}, forms.entry(forms.STOP)),
    ("route/{a}_R1", {}, forms.entry(forms.ROUTE)),
    ("trip/{a}_m1", {}, forms.entry(forms.TRIP)),
    ("shape/{a}_line", {}, forms.entry(forms.POLYLINE)),
    ("shape/{a}_pattern-1", {}, forms.entry(forms.POLYLINE)),
    ("route-ids-for-agency/{a}", {}, forms.listed(str)),
    ("stop-ids-for-agency/{a}", {}, forms.listed(str)),
    ("routes-for-agency/{a}", {}, forms.listed(forms.ROUTE)),
    ("stops-for-agency/{a}", {}, forms.listed(forms.STOP, ranged=True)),
    ("search/stop", {"input": "базар"}, forms.listed(forms.STOP, ranged=True)),
    ("search/route", {"input": "1"}, forms.listed(forms.ROUTE, ranged=True)),
    ("arrivals-and-departures-for-stop/{a}_B", {"minutesAfter": 90}, forms.entry(forms.BOARD)),
    ("arrivals-and-departures-for-location", {**HERE, "radius": 900}, forms.entry(forms.BOARDS)),
    (
        "arrival-and-departure-for-stop/{a}_B",
        {"tripId": "{a}_m1", "serviceDate": DAY_MS},
        forms.entry(forms.ARRIVAL),
    ),
    ("trip-details/{a}_m1", {}, forms.entry(forms.TRIP_DETAILS)),
    ("trip-details/{a}_m3", {}, forms.entry(forms.TRIP_DETAILS)),
    ("trip-for-vehicle/{a}_7", {}, forms.entry(forms.TRIP_OF_VEHICLE)),
    ("trips-for-route/{a}_R1", {}, forms.listed(forms.TRIP_OF_VEHICLE)),
    (
        "trips-for-location",
        {**HERE, "latSpan": 1, "lonSpan": 1},
        forms.listed(forms.TRIP_OF_VEHICLE, ranged=True),
    ),
    ("vehicles-for-agency/{a}", {}, forms.listed(forms.VEHICLE, ranged=True)),
    ("vehicle/{a}_7", {}, forms.entry(forms.VEHICLE)),
    ("block/{a}_b1", {}, forms.entry(forms.BLOCK)),
    ("schedule-for-stop/{a}_B", {"date": "2026-11-18"}, forms.entry(forms.SCHEDULE_OF_STOP)),
    ("schedule-for-route/{a}_R1", {"date": "2026-11-18"}, forms.entry(forms.SCHEDULE_OF_ROUTE)),
]


async def test_every_answer_has_the_documented_form(served: Instance, agency: str) -> None:
    for path, asked, form in ANSWERS:
        filled = {name: str(value).replace("{a}", agency) for name, value in asked.items()}
        body = await _get(served, path.replace("{a}", agency), **filled)
        assert body["code"] == 200, (path, body)
        assert forms.differences(body["data"], form) == [], path
        data = body["data"]
        assert data.get("list", True), path  # an empty list shows no form
        bare = await _get(served, path.replace("{a}", agency), **filled, includeReferences="false")
        assert not any(bare["data"]["references"].values()), path


async def test_arrivals_say_what_the_board_says(served: Instance, agency: str) -> None:
    body = await _get(served, f"arrivals-and-departures-for-stop/{agency}_B", minutesAfter=90)
    entry = body["data"]["entry"]
    by_trip = {call["tripId"]: call for call in entry["arrivalsAndDepartures"]}
    m1 = by_trip[f"{agency}_m1"]
    assert m1["predicted"] is True
    assert m1["predictedArrivalTime"] == 1000 * (NOW + 60)
    assert m1["scheduledArrivalTime"] == 1000 * at(10, 10)
    assert m1["predictedArrivalInterval"] == {"from": 1000 * NOW, "to": 1000 * (NOW + 120)}
    assert (m1["stopSequence"], m1["totalStopsInTrip"], m1["numberOfStopsAway"]) == (1, 3, 0)
    assert m1["distanceFromStop"] == pytest.approx(356, abs=5)
    assert m1["serviceDate"] == DAY_MS
    assert m1["occupancyStatus"] == "STANDING_ROOM_ONLY"
    assert m1["situationIds"] == [f"{agency}_a1"]
    status = m1["tripStatus"]
    assert (status["vehicleId"], status["nextStop"]) == (f"{agency}_7", f"{agency}_B")
    assert status["distanceAlongTrip"] == pytest.approx(355, abs=5)
    assert status["orientation"] == 0.0  # it drives east
    assert status["nextStopTimeOffset"] == 60
    assert status["blockTripSequence"] == 0
    assert by_trip[f"{agency}_m2"]["status"] == "CANCELED"
    assert by_trip[f"{agency}_m2"]["blockTripSequence"] == 1
    assert by_trip[f"{agency}_h1"]["frequency"]["headway"] == 600
    assert by_trip[f"{agency}_s1"]["predicted"] is False
    assert by_trip[f"{agency}_s1"]["predictedArrivalTime"] == 0
    assert entry["situationIds"] == [f"{agency}_a2"]
    references = body["data"]["references"]
    assert {trip["id"] for trip in references["trips"]} >= set(by_trip)
    assert f"{agency}_R2" in {route["id"] for route in references["routes"]}


async def test_two_cities_answer_under_one_base(
    served: Instance, show: Show, agency: str, other: str
) -> None:
    message = new_message(NOW)
    add_run(message, "m1", [(6, "B", NOW + 240, NOW + 240)], vehicle="7")
    show(message, buses=[bus("7", NOW, "m1")], of=other)
    found = (await _get(served, "stops-for-location", **HERE))["data"]["list"]
    assert {stop["id"] for stop in found} == {f"{agency}_B", f"{other}_B"}
    agencies = (await _get(served, "agencies-with-coverage"))["data"]
    assert agencies["list"][0]["agencyId"] == agency
    assert {row["id"] for row in agencies["references"]["agencies"]} >= {agency, other}
    for name, expected in ((agency, NOW + 60), (other, NOW + 240)):
        board = await _get(served, f"arrivals-and-departures-for-stop/{name}_B")
        calls = board["data"]["entry"]["arrivalsAndDepartures"]
        m1 = next(call for call in calls if call["tripId"] == f"{name}_m1")
        assert m1["predictedArrivalTime"] == 1000 * expected
    around = await _get(served, "arrivals-and-departures-for-location", **HERE)
    entry = around["data"]["entry"]
    assert set(entry["stopIds"]) == {f"{agency}_B", f"{other}_B"}


async def test_the_second_time_it_is_at_hand(served: Instance, agency: str) -> None:
    path = f"/api/where/arrivals-and-departures-for-stop/{agency}_B.json?minutesAfter=60&key=TEST"
    first = await served.http.get(path)
    second = await served.http.get(path)
    assert second.headers["etag"]
    assert second.json()["data"] == first.json()["data"]
    again = await served.http.get(path, headers={"if-none-match": second.headers["etag"]})
    assert again.status_code == 304
    counted = served.metrics.render().decode()
    assert 'route="/api/where/arrivals-and-departures-for-stop/{id}.json",status="304"' in counted


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("stop/{a}_NONE", 404),
        ("stop/nobody", 404),
        ("stop/nowhere_B", 404),
        ("stops-for-location", 400),
        ("stops-for-location?lat=x&lon=1", 400),
        ("stops-for-location?lat=nan&lon=1", 400),
        ("search/stop", 400),
        ("trip-details/{a}_m1?serviceDate=1", 400),
        ("trip-for-vehicle/{a}_none", 404),
        ("shape/{a}_none", 404),
        ("schedule-for-stop/{a}_B?date=2026-13-45", 400),
        ("arrivals-and-departures-for-stop/{a}_B?time=99999999999999999999", 400),
        ("arrivals-and-departures-for-location?lat=0&lon=0&emptyReturnsNotFound=true", 404),
    ],
)
async def test_errors_come_in_the_envelope(
    served: Instance, agency: str, path: str, status: int
) -> None:
    path, _, query = path.replace("{a}", agency).partition("?")
    answer = await served.http.get(f"/api/where/{path}.json?{query}")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, status), body
    assert body["text"]
    assert "data" not in body


async def test_reports_are_kept(served: Instance, agency: str) -> None:
    for path, asked in (
        (f"report-problem-with-stop/{agency}_B", {"code": "stop_location_wrong"}),
        ("report-problem-with-stop", {"stopId": f"{agency}_B", "code": "odd"}),
        (
            f"report-problem-with-trip/{agency}_m1",
            {"code": "vehicle_never_came", "stopID": f"{agency}_B", "userComment": "жоқ"},
        ),
    ):
        assert (await _get(served, path, **asked)) | {"currentTime": 0} == {
            "code": 200, "currentTime": 0, "data": {}, "text": "OK", "version": 2,
        }  # fmt: skip
    rows = _reports(served.conninfo, agency)
    assert rows == [
        ("stop_place", "B", None, None, "onebusaway"),
        ("other", "B", None, None, "onebusaway"),
        ("never_came", "B", "m1", "R1", "onebusaway"),
    ]


def _reports(conninfo: str, agency: str) -> list[tuple[Any, ...]]:
    from sapar.core.db import connect

    with connect(conninfo) as connection:
        return connection.execute(
            "SELECT kind, stop_id, trip_id, route_id, source FROM rider_report"
            " WHERE agency_id = %s ORDER BY report_no",
            (agency,),
        ).fetchall()


async def test_a_day_at_a_stop_is_the_timetables(served: Instance, agency: str) -> None:
    body = await _get(served, f"schedule-for-stop/{agency}_B", date="2026-11-18")
    entry = body["data"]["entry"]
    assert entry["date"] == DAY_MS
    by_route = {row["routeId"]: row for row in entry["stopRouteSchedules"]}
    (first,) = by_route[f"{agency}_R1"]["stopRouteDirectionSchedules"]
    # m3 does not run on this date
    assert [call["tripId"] for call in first["scheduleStopTimes"]] == [
        f"{agency}_m1",
        f"{agency}_m2",
    ]
    assert first["scheduleStopTimes"][0]["arrivalTime"] == 1000 * at(10, 10)
    (night,) = by_route[f"{agency}_N"]["stopRouteDirectionSchedules"]
    assert night["scheduleStopTimes"][0]["arrivalTime"] == 1000 * at(24, 0)
    (headway,) = by_route[f"{agency}_H"]["stopRouteDirectionSchedules"]
    assert headway["scheduleStopTimes"] == []
    assert [row["headway"] for row in headway["scheduleFrequencies"]] == [600]
    assert scene.DAY.isoformat() == "2026-11-18"


async def test_a_wide_board_is_the_narrow_one_and_more(served: Instance, agency: str) -> None:
    """The narrow one is made in one go, the wide one in slices."""
    path, name = f"arrivals-and-departures-for-stop/{agency}_B", "arrivalsAndDepartures"
    narrow = (await _get(served, path, minutesAfter=35))["data"]["entry"][name]
    wide = (await _get(served, path, minutesBefore=240, minutesAfter=720))["data"]["entry"][name]
    assert len(wide) > len(narrow) > 0
    assert [one for one in wide if one in narrow] == narrow
