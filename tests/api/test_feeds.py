"""Feeds over HTTP: types, validators, encodings, methods, and what is said when there is none."""

import asyncio
import gzip
import hashlib
import json
import zipfile
from io import BytesIO

import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.api.document import accepts_gzip
from sapar.core.mqtt import MqttClient
from tests.api import town
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, until

FEEDS = ("vehicle-positions", "trip-updates", "alerts")


@pytest.fixture
async def served(api: Instance, engine: MqttClient, agency: str) -> Instance:
    """An instance that has taken a tick."""
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=1_795_000_000.5))
    await until(lambda: agency in api.hub.held)
    return api


@pytest.mark.parametrize("name", FEEDS)
async def test_both_addresses_and_both_forms(served: Instance, agency: str, name: str) -> None:
    for prefix in ("", f"/{agency}"):
        answer = await served.http.get(f"{prefix}/gtfs-rt/{name}.pb")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-protobuf"
        message = pb.FeedMessage.FromString(answer.content)
        assert message.header.gtfs_realtime_version == "2.0"
        assert len(message.entity) == 24
        answer = await served.http.get(f"{prefix}/gtfs-rt/{name}.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["header"]["incrementality"] == "FULL_DATASET"


@pytest.mark.parametrize("path", ["/gtfs-rt/trip-updates.pb", "/gtfs-rt/alerts.json", "/gtfs.zip"])
async def test_unchanged_is_304_by_tag_and_by_date(served: Instance, path: str) -> None:
    first = await served.http.get(path)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"if-none-match": tag},
        {"if-none-match": f'"other", W/{tag}'},
        {"if-none-match": "*"},
        {"if-modified-since": date},
        {"if-none-match": tag, "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        answer = await served.http.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (304, b""), headers
        assert answer.headers["etag"] == tag
    for headers in (
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": date},
        {"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"if-modified-since": "not a date"},
    ):
        assert (await served.http.get(path, headers=headers)).status_code == 200, headers


@pytest.mark.parametrize("path", ["/gtfs-rt/trip-updates.pb", "/gtfs-rt/alerts.json"])
@pytest.mark.parametrize("held", ["gzip", "identity"])
@pytest.mark.parametrize("taken", ["gzip", "identity"])
async def test_304_names_the_copy_that_the_client_has(
    served: Instance, path: str, held: str, taken: str
) -> None:
    tag = (await served.http.get(path, headers={"accept-encoding": held})).headers["etag"]
    both = [("if-none-match", '"other"'), ("if-none-match", f"W/{tag}"), ("accept-encoding", taken)]
    answer = await served.http.get(path, headers=both)
    assert answer.status_code == 304
    assert answer.headers["etag"] == tag
    assert answer.headers.get("content-encoding", "identity") == held


async def test_a_new_tick_changes_tag_and_date(
    served: Instance, engine: MqttClient, agency: str
) -> None:
    path = "/gtfs-rt/vehicle-positions.pb"
    before = await served.http.get(path)
    assert before.headers["last-modified"] == "Wed, 18 Nov 2026 11:06:40 GMT"
    later = town.make_tick(
        agency, 1, 2, wall_s=1_795_000_002.5, time_s=town.TRANSIT_S + 2, vehicles=town.buses(0)
    )
    await town.publish(engine, later)
    await until(lambda: served.hub.held[agency].tick.tick == 2)
    after = await served.http.get(path, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["last-modified"] == "Wed, 18 Nov 2026 11:06:42 GMT"


@pytest.mark.parametrize("path", ["/gtfs-rt/trip-updates.pb", "/gtfs-rt/trip-updates.json",
                                  "/api/fleet.json", "/api/network.geojson"])  # fmt: skip
async def test_gzip_only_for_those_who_take_it(served: Instance, path: str) -> None:
    await sign_in(served.http, served.conninfo)
    async with served.http.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) == len(packed)
        packed_tag = answer.headers["etag"]
    plain = await served.http.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"].split(", ")[0] == "accept-encoding"
    assert gzip.decompress(packed) == plain.content
    assert packed_tag != plain.headers["etag"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False),
        ("gzip;q=0.000, *", False), ("identity", False), ("", False), ("*;q=0", False),
        ("gzip; q=1.0", True),
    ],
)  # fmt: skip
def test_accept_encoding(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


@given(st.text(max_size=40))
def test_any_accept_encoding_is_answered(header: str) -> None:
    assert accepts_gzip(header) in {True, False}


@pytest.mark.parametrize("path", ["/gtfs-rt/alerts.pb", "/gtfs-rt/alerts.json", "/gtfs.zip",
                                  "/api/fleet.json", "/healthz", "/metrics"])  # fmt: skip
async def test_head_has_the_headers_of_get_and_no_body(served: Instance, path: str) -> None:
    await sign_in(served.http, served.conninfo)
    got, head = await served.http.get(path), await served.http.head(path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    for name in ("content-type", "etag", "last-modified"):
        assert head.headers.get(name) == got.headers.get(name)


async def test_pages_of_other_sites_may_read(served: Instance) -> None:
    answer = await served.http.get("/gtfs-rt/alerts.pb", headers={"origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "ETag" in answer.headers["access-control-expose-headers"]
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "if-none-match",
    }
    answer = await served.http.options("/gtfs-rt/alerts.pb", headers=asked)
    assert answer.status_code == 204
    assert "If-None-Match" in answer.headers["access-control-allow-headers"]
    assert (await served.http.get("/nowhere")).headers["access-control-allow-origin"] == "*"


async def test_the_zip_is_the_one_that_was_imported(served: Instance, agency: str) -> None:
    for path in ("/gtfs.zip", f"/{agency}/gtfs.zip"):
        answer = await served.http.get(path)
        assert answer.content == town.town_zip()
        assert answer.headers["content-type"] == "application/zip"
        digest = hashlib.sha256(answer.content).hexdigest()
        assert answer.headers["etag"] == f'"{digest}"'
    assert "stops.txt" in zipfile.ZipFile(BytesIO(answer.content)).namelist()


@pytest.fixture
def no_regular_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances that start after this hear of changes by their notices alone."""
    monkeypatch.setattr("sapar.api.catalogue._REFRESH_S", 600.0)


@pytest.mark.usefixtures("no_regular_look")
async def test_a_new_timetable_is_served_at_once(
    served: Instance, database: str, agency: str
) -> None:
    await sign_in(served.http, served.conninfo)
    old_network = await served.http.get("/api/network.geojson")
    town.import_town(database, agency, "town-2")

    async def version() -> str:
        return str((await served.http.get("/api/status.json")).json()["timetable"]["feed_version"])

    async with asyncio.timeout(60):
        while await version() != "town-2":
            await asyncio.sleep(0.02)
    assert (await served.http.get("/gtfs.zip")).content == town.town_zip("town-2")
    new_network = await served.http.get("/api/network.geojson")
    assert new_network.json()["feed_version"] == "town-2"
    assert new_network.headers["etag"] != old_network.headers["etag"]


async def test_without_a_tick_the_answer_says_so(api: Instance, agency: str) -> None:
    await sign_in(api.http, api.conninfo)
    for path in ("/gtfs-rt/alerts.pb", f"/{agency}/gtfs-rt/alerts.json", "/api/fleet.json"):
        answer = await api.http.get(path)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "no_tick"
        assert answer.headers["retry-after"] == "2"


async def test_the_network_has_every_route_line_and_stop(served: Instance) -> None:
    body = json.loads((await served.http.get("/api/network.geojson")).content)
    assert body["type"] == "FeatureCollection"
    routes = [f for f in body["features"] if f["properties"]["kind"] == "route"]
    stops = [f for f in body["features"] if f["properties"]["kind"] == "stop"]
    assert {r["properties"]["name"] for r in routes} == {"1", "2", "10", "105"}
    assert all(len(r["geometry"]["coordinates"]) == 1 for r in routes)
    assert len(stops) == 32
    assert {tuple(s["properties"]["routes"]) for s in stops} == {
        ("R1",), ("R2",), ("R10",), ("R105",),
    }  # fmt: skip
    west, south, east, north = body["bbox"]
    for stop in stops:
        longitude, latitude = stop["geometry"]["coordinates"]
        assert west <= longitude <= east
        assert south <= latitude <= north
