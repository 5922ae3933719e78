"""The past as it is served equals what is stored: over midnight and over a change of the clocks."""

import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.core.db import Connection, connect
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.tick import make_body
from tests.api import town
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, running, until
from tests.api.replay.line import HEADWAY_S, Line
from tests.gtfs.feeds import zip_files

# Almaty put its clocks back by an hour on 2024-03-01: the last hour of February came twice.
NIGHT = date(2024, 2, 29)
DAY_START_S = datetime(2024, 2, 28, 18, tzinfo=UTC).timestamp()
MIDNIGHT_S = datetime(2024, 2, 29, 19, tzinfo=UTC).timestamp()  # the first of March, local
SINCE_S, UNTIL_S = MIDNIGHT_S - 4200, MIDNIGHT_S + 1800
BUSES = ("101", "102", "103")


@dataclass(frozen=True)
class Fix:
    bus: str
    time_ms: int
    received_ms: int
    lat_e6: int
    lon_e6: int


def late_zip() -> bytes:
    """Two directions; trips that start before midnight and end after it."""
    times = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time"]
    trips = ["trip_id,route_id,service_id,trip_headsign,direction_id,block_id"]
    for number in range(4):
        there = number % 2 == 0
        trips.append(f"N{number},R1,D,{'There' if there else 'Back'},{number % 2},B1")
        begin = 23 * 3600 + 1800 * number
        for call in range(5):
            stop = call if there else 4 - call
            at = begin + 240 * call
            clock = f"{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}"
            times.append(f"N{number},S{stop},{call},{clock},{clock}")
    # a short run: its stops lie in the midst of the others'
    trips.append("short,R1,D,There,0,")
    for call, stop in enumerate((1, 2, 9, 3)):
        times.append(f"short,S{stop},{call},10:0{call}:00,10:0{call}:30")
    trips.append("often,R1,D,There,0,")
    for call, stop in enumerate((0, 1, 2, 3, 4)):
        times.append(f"often,S{stop},{call},06:0{call}:00,06:0{call}:00")
    stops = "".join(f"S{n},Stop {n},{43.2 + n / 100},76.9\n" for n in (0, 1, 2, 3, 4, 9))
    return zip_files(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n"
            "A,Night,https://example.org,Asia/Almaty\n",
            "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n" + stops,
            "routes.txt": "route_id,agency_id,route_short_name,route_type\nR1,A,1,3\n",
            "trips.txt": "\n".join(trips),
            "stop_times.txt": "\n".join(times),
            "frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\n"
            "often,07:00:00,08:00:00,1200,1\n",
            "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
            "start_date,end_date\nD,1,1,1,1,1,1,1,20240101,20241231\n",
        }
    )


def make_fixes() -> list[Fix]:
    """Positions every ten seconds or so; some come at once, some late, some in another order."""
    dice = random.Random(7)
    found = []
    for number, bus in enumerate(BUSES):
        time_s = SINCE_S
        while time_s < UNTIL_S:
            time_s += dice.choice([5, 10, 10, 30])
            wait = dice.choice([0.2, 0.4, 1.5, 1.5, 90, 400])
            at = int(time_s * 1000)
            part = (time_s - SINCE_S) / (UNTIL_S - SINCE_S)
            lat, lon = 43_200_000 + int(40_000 * part), 76_900_000 + 1000 * number
            found.append(Fix(bus, at, at + int(wait * 1000), lat, lon))
    dice.shuffle(found)
    return found


def store(connection: Connection, agency: str, fixes: list[Fix]) -> None:
    numbers = {}
    for bus in BUSES:
        row = connection.execute(
            "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')"
            " RETURNING device_no",
            (agency, f"d{bus}"),
        ).fetchone()
        assert row is not None
        numbers[bus] = row[0]
        connection.execute(
            "INSERT INTO mounting VALUES (%s, %s, tstzrange('2024-01-01', NULL))", (row[0], bus)
        )
    for seq, fix in enumerate(fixes):
        connection.execute(
            "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude, speed_mps,"
            " received_at) VALUES (%s, %s, 1, %s, 0, %s, %s, 5.5, %s)",
            (
                numbers[fix.bus],
                moment(fix.time_ms),
                seq,
                fix.lat_e6 / 1e6,
                fix.lon_e6 / 1e6,
                moment(fix.received_ms),
            ),
        )


def moment(unix_ms: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=unix_ms)


@dataclass(frozen=True)
class Night:
    http: httpx.AsyncClient
    fixes: list[Fix]

    async def get(self, path: str, **query: object) -> Any:
        answer = await self.http.get(path, params={k: str(v) for k, v in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def minute(self, at_s: float, known_as: str) -> "Minute":
        return Minute(await self.get("/api/replay/minute.json", at=at_s, **{"as": known_as}))


class Minute:
    """A minute, read as a page reads it."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.from_ms = body["from_s"] * 1000

    def fixes(self, name: str) -> list[tuple[str, int, int, int, int]]:
        """(bus, time, when it counts, latitude, longitude) of the start or of the minute itself."""
        columns = self.body[name]
        names = ("vehicle", "time_ms", "at_ms", "lat_e6", "lon_e6")
        rows = zip(*(columns[column] for column in names), strict=True)
        return [
            (self.body["vehicles"][bus], self.from_ms + time, self.from_ms + at, lat, lon)
            for bus, time, at, lat, lon in rows
        ]

    def at(self, now_ms: int) -> dict[str, tuple[int, int, int]]:
        """Where each bus is drawn: (time, latitude, longitude) of the newest fix that counts."""
        drawn: dict[str, tuple[int, int, int]] = {}
        for bus, time_ms, at_ms, lat, lon in [*self.fixes("start"), *self.fixes("fixes")]:
            if at_ms <= now_ms and (bus not in drawn or time_ms >= drawn[bus][0]):
                drawn[bus] = (time_ms, lat, lon)
        return drawn


@pytest.fixture
async def night(settings: Settings, agency: str) -> AsyncIterator[Night]:
    fixes = make_fixes()
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        import_feed(
            connection,
            check_feed(late_zip(), agency),
            activate=True,
            now=datetime(2024, 1, 1, tzinfo=UTC),
            progress=lambda _: None,
        )
        store(connection, agency, fixes)
        for trip in range(4):
            for call in range(5):
                at = DAY_START_S + 23 * 3600 + 1800 * trip + 240 * call + 30
                stop = call if trip % 2 == 0 else 4 - call
                connection.execute(
                    "INSERT INTO stop_visit VALUES (%s, %s, %s, %s, %s, '101', %s, %s, 'R1', %s,"
                    " %s, %s, %s, true)",
                    (
                        agency, NIGHT, f"N{trip}", 23 * 3600 + 1800 * trip, call, call, f"S{stop}",
                        moment(1000 * at), None if call == 4 else moment(1000 * at + 20_000),
                        moment(1000 * (at - 30)), moment(1000 * (at - 30)),
                    ),
                )  # fmt: skip
    async with running(settings.model_copy(update={"agency": agency})) as api:
        await sign_in(api.http, api.conninfo)
        yield Night(api.http, fixes)


async def test_without_a_role_there_is_no_past(api: Instance):
    for path in ("replay/minute.json?at=1", "replay/marks.json", "stringline.json"):
        assert (await api.http.get(f"/api/{path}")).status_code == 401


async def test_the_minutes_of_a_night_hold_every_stored_fix_once(night: Night):
    first = int(SINCE_S) // 60 * 60
    got: list[tuple[str, int, int, int, int]] = []
    for at_s in range(first, int(UNTIL_S) + 120, 60):
        got += (await night.minute(at_s, "was")).fixes("fixes")
    stored = [(f.bus, f.time_ms, f.time_ms, f.lat_e6, f.lon_e6) for f in night.fixes]
    assert sorted(got) == sorted(stored)


@pytest.mark.parametrize("known_as", ["was", "known"])
async def test_every_moment_shows_the_newest_fix_that_there_was(night: Night, known_as: str):
    def drawn(now_ms: int) -> dict[str, tuple[int, int, int]]:
        counted = [
            fix
            for fix in night.fixes
            if (fix.time_ms if known_as == "was" else fix.received_ms) <= now_ms
            and fix.time_ms > now_ms - now_ms % 60_000 - 1_800_000
        ]
        return {
            fix.bus: (fix.time_ms, fix.lat_e6, fix.lon_e6)
            for fix in sorted(counted, key=lambda fix: fix.time_ms)
        }

    dice = random.Random(known_as)
    midnight = int(MIDNIGHT_S)
    for base_s in (int(SINCE_S) + 600, midnight - 3600, midnight - 60, midnight, midnight + 900):
        minute = await night.minute(base_s, known_as)
        assert minute.body["from_s"] == base_s // 60 * 60
        assert minute.body["complete"]
        for _ in range(25):
            now_ms = minute.from_ms + dice.randrange(1, 60_000)
            assert minute.at(now_ms) == drawn(now_ms)


async def test_what_was_known_differs_from_what_was(night: Night):
    at_s = int(MIDNIGHT_S) - 1200
    known, was = await night.minute(at_s, "known"), await night.minute(at_s, "was")
    now_ms = was.from_ms + 30_000
    assert any(known.at(now_ms)[bus][0] < was.at(now_ms)[bus][0] for bus in BUSES)


async def test_visits_come_with_the_one_before_and_the_one_after(night: Night):
    # N2 begins at 24:00 of the 29th: with the old hour that is 18:00 UTC, still February here
    at_s = int(DAY_START_S) + 24 * 3600 + 300
    body = (await night.minute(at_s, "was")).body
    runs, visits = body["runs"], body["visits"]
    times = [at_ms + body["from_s"] * 1000 for at_ms in visits["arrival_ms"]]
    assert {runs["trip_id"][run] for run in visits["run"]} == {"N2"}
    assert runs["direction"] == [0]
    assert runs["start_s"] == [DAY_START_S + 24 * 3600]
    assert runs["headsign"] == ["There"]
    assert [body["stops"][stop] for stop in visits["stop"]] == ["S1", "S2"]
    assert times == [int(1000 * (DAY_START_S + 24 * 3600 + 240 * n + 30)) for n in (1, 2)]
    assert visits["delay_s"] == [50, 50]  # it left 20 s after it came, 30 s late


async def test_marks_tell_where_nothing_was_heard(night: Night):
    body = await night.get(
        "/api/replay/marks.json", **{"from": SINCE_S - 3000, "until": UNTIL_S + 3000}
    )
    ends = [body["from_s"] + (n + 1) * body["bin_s"] for n in range(len(body["heard"]))]
    for heard, end in zip(body["heard"], ends, strict=True):
        some = any(end - body["bin_s"] <= f.time_ms / 1000 < end for f in night.fixes)
        assert heard == some
    assert not body["heard"][0]
    assert True in body["heard"]
    assert body["alarms"] == []


async def test_a_stringline_holds_plan_and_drives_past_midnight(night: Night):
    body = await night.get("/api/stringline.json", route="R1", direction=0, date=NIGHT)
    assert body["day_start_s"] == DAY_START_S
    assert [stop["stop_id"] for stop in body["stops"]] == ["S0", "S1", "S2", "S3", "S4"]
    along = [stop["along"] for stop in body["stops"]]
    assert along[0] == 0
    assert along[-1] == 1
    assert along == sorted(along)
    runs = {(run["trip_id"], run["start_s"]): run for run in body["runs"]}
    assert list(runs) == [
        ("often", 7 * 3600), ("often", 7 * 3600 + 1200), ("often", 7 * 3600 + 2400),
        ("short", 10 * 3600), ("N0", 23 * 3600), ("N2", 24 * 3600),
    ]  # fmt: skip
    assert runs["often", 7 * 3600 + 1200]["arrival_s"] == [
        7 * 3600 + 1200 + 60 * n for n in range(5)
    ]
    assert runs["short", 10 * 3600]["stops"] == [1, 2, 3]  # S9 is not on the axis
    late = runs["N2", 24 * 3600]
    assert late["arrival_s"] == [24 * 3600 + 240 * n for n in range(5)]
    (drive,) = late["drives"]
    assert drive["vehicle_id"] == "101"
    assert drive["arrival_s"] == [24 * 3600 + 240 * n + 30 for n in range(5)]
    assert drive["departure_s"][-1] is None
    assert runs["N0", 23 * 3600]["drives"]
    assert runs["short", 10 * 3600]["drives"] == []
    assert body["directions"] == [
        {"direction": 0, "headsign": "There"}, {"direction": 1, "headsign": "Back"},
    ]  # fmt: skip
    assert body["expected"] == []


async def test_a_day_is_drawn_by_the_timetable_that_it_ran_by(
    night: Night, settings: Settings, agency: str
):
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE gtfs_version SET active = false WHERE agency_id = %s", (agency,))
        import_feed(
            connection,
            check_feed(renamed(late_zip()), agency),
            activate=True,
            now=datetime(2024, 6, 1, tzinfo=UTC),
            progress=lambda _: None,
        )
    then = await night.get("/api/stringline.json", route="R1", direction=1, date=NIGHT)
    assert {run["headsign"] for run in then["runs"]} == {"Back"}
    later = await night.get("/api/stringline.json", route="R1", direction=1, date="2024-07-01")
    assert {run["headsign"] for run in later["runs"]} == {"Home"}


def renamed(feed: bytes) -> bytes:
    """The same feed with another name for the way back."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        return zip_files(
            {
                name: archive.read(name).decode().replace("Back", "Home")
                for name in archive.namelist()
            }
        )


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/replay/minute.json", "invalid_time"),
        ("/api/replay/minute.json?at=nan", "invalid_time"),
        ("/api/replay/minute.json?at=9e99", "invalid_time"),
        ("/api/replay/minute.json?at=1700000000&as=x", "invalid_as"),
        ("/api/replay/marks.json?from=1700000000&until=1700000000", "invalid_span"),
        ("/api/replay/marks.json?from=1700000000&until=1800000000", "invalid_span"),
        ("/api/stringline.json?route=R1&date=yesterday", "invalid_date"),
        ("/api/stringline.json?route=R1&date=0001-01-01", "invalid_date"),
        ("/api/stringline.json?route=R1&direction=2", "invalid_direction"),
    ],
)
async def test_questions_that_mean_nothing_are_refused(night: Night, path: str, code: str):
    answer = await night.http.get(path)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code


async def test_an_unknown_route_is_not_found(night: Night):
    answer = await night.http.get("/api/stringline.json?route=none")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "no_such_route"


async def test_a_stringline_of_today_has_what_the_newest_tick_expects(
    settings: Settings, agency: str
):
    line = Line.around(float(int(time.time())))
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        line.store(connection, agency)
    trip, way, number = next(found for found in line.driven()[::-1] if found[1] == 0)
    start_s = line.first_s + number * HEADWAY_S
    message = pb.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = int(line.now_s)
    update = message.entity.add(id="one").trip_update
    update.trip.trip_id = trip
    update.trip.start_date = f"{line.day:%Y%m%d}"
    update.trip.start_time = f"{start_s // 3600:02}:{start_s // 60 % 60:02}:{start_s % 60:02}"
    update.vehicle.id = line.vehicle(way, number)
    for call in (9, 10, 11):
        at = update.stop_time_update.add(stop_sequence=call, stop_id=f"S{call}")
        at.arrival.time = int(line.now_s) + 100 * (call - 8)
        at.departure.time = at.arrival.time + 20
    mine = settings.model_copy(update={"agency": agency})
    async with running(mine) as api, town.client_of(mine, f"engine-{agency}") as client:
        await sign_in(api.http, api.conninfo)
        made = town.make_tick(agency, 1, 1, wall_s=time.time(), time_s=line.now_s, vehicles=[])
        made.bodies["trip-updates"] = make_body(message.SerializeToString())
        await town.publish(client, made)
        await until(lambda: agency in api.hub.held)
        answer = await api.http.get(
            "/api/stringline.json", params={"route": "R105", "direction": 0, "date": str(line.day)}
        )
        await town.forget(client, agency)
    (expected,) = answer.json()["expected"]
    after_s = line.now_s - line.day_start_s
    assert expected == {
        "trip_id": trip,
        "start_s": start_s,
        "vehicle_id": line.vehicle(way, number),
        "stops": [9, 10, 11],
        "arrival_s": [after_s + 100, after_s + 200, after_s + 300],
        "departure_s": [after_s + 120, after_s + 220, after_s + 320],
    }
