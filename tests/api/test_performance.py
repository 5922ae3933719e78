"""Performance pages' addresses over a real day: driven, proven by the night, and asked for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sapar.api.performance.figures import share, wait_s
from sapar.core.clock import ManualClock
from sapar.core.db import connect, json_value, open_pool
from sapar.core.settings import Settings
from sapar.gtfs.history.nightly import Nightly
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, running
from tests.gtfs.history.support import AGENCY, block_legs, drive, prepare, store
from tests.gtfs.realtime.town import DAY, Bus, day_start, join, town

RECEIVED = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
SPAN = f"from={DAY}&to={DAY}"


@pytest.fixture
async def night(settings: Settings) -> Settings:
    """Bus 0 drives a morning, five minutes late; the night has been."""
    conninfo = settings.database_url.get_secret_value()
    own = settings.model_copy(update={"agency": AGENCY})
    prepare(conninfo, ["bus 0", "bus 1"])
    timetable = town()
    bus = Bus(timetable, "bus 0", block_legs(timetable, "A0", 6 * 3600, 9 * 3600, 300.0))
    store(conninfo, join([drive(bus, 6 * 3600 - 300, 10 * 3600, 15.0)]), RECEIVED)
    async with open_pool(conninfo, name="night") as pool:
        clock = ManualClock(day_start(timetable) + 30 * 3600)
        assert await Nightly(pool, own, clock, AGENCY).run() == [DAY]
    with connect(conninfo) as connection:
        connection.execute(
            "WITH c AS (INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, 'K1', 'One')"
            " RETURNING carrier_no) INSERT INTO carrier_service (carrier_no, route_id, valid)"
            " SELECT carrier_no, 'A', tstzrange('2020-01-01', NULL) FROM c",
            (AGENCY,),
        )
    return own


@pytest.fixture
async def api(night: Settings) -> AsyncIterator[Instance]:
    async with running(night) as instance:
        await sign_in(instance.http, instance.conninfo)
        yield instance


async def ask(http: httpx.AsyncClient, address: str, status: int = 200) -> dict:
    answer = await http.get(f"/api/{address}")
    assert answer.status_code == status, answer.text
    found: dict = answer.json()
    return found


async def test_nobody_sees_figures_without_a_role(night: Settings):
    async with running(night) as instance:
        for name in ("service", "runs", "segments", "eta", "carriers", "histograms", "run-times"):
            body = await ask(instance.http, f"performance/{name}.json?{SPAN}", 401)
            assert body["error"]["code"] == "sign_in_first"
        await ask(instance.http, "devices.json", 401)


async def test_a_day_by_route_and_hour(api: Instance):
    body = await ask(api.http, f"performance/service.json?{SPAN}&by=route&by=hour")
    rows = {(row["route_id"], row["hour"]): row for row in body["rows"]}
    seven = rows["A", 7]
    assert seven["departures"] > 20
    assert seven["late"] == 0
    assert seven["on_time_share"] == 1.0
    assert seven["run_share"] == share(seven["done"], seven["planned"])
    assert 0 < seven["coverage"] < 1  # one of two buses drove
    assert rows["O", 12]["departures"] == 0
    assert rows["O", 12]["run_share"] == 0.0
    assert rows["O", 12]["on_time_share"] is None
    assert body["from"] == DAY.isoformat()
    strict = await ask(api.http, f"performance/service.json?{SPAN}&by=route&late=3&route=A")
    (whole,) = strict["rows"]
    assert whole["late"] > 20
    assert whole["on_time_share"] == share(
        whole["departures"] - whole["early"] - whole["late"], whole["departures"]
    )


async def test_waits_are_those_of_riders_who_come_at_random():
    assert wait_s(600.0, 600.0**2) == 300.0
    # two buses at once and then nothing for twenty minutes: ten minutes, not five
    assert wait_s(1200.0, 1200.0**2) == 600.0
    assert wait_s(0.0, 0.0) is None


async def test_classes_add_up_to_the_departures(api: Instance):
    classes = await ask(api.http, f"performance/histograms.json?{SPAN}&route=A")
    (whole,) = (await ask(api.http, f"performance/service.json?{SPAN}&route=A"))["rows"]
    assert sum(classes["delay"]["count"]) == whole["departures"]
    assert sum(classes["headway"]["count"]) == whole["headways"]
    at = classes["delay"]["count"].index(max(classes["delay"]["count"]))
    assert classes["delay"]["from_min"][at] in {4, 5}
    empty = await ask(api.http, "performance/histograms.json?from=2001-01-01&to=2001-01-02")
    assert empty["delay"]["count"] == []


async def test_run_times_and_speeds(api: Instance):
    rows = (await ask(api.http, f"performance/run-times.json?{SPAN}&route=A"))["rows"]
    assert {row["direction"] for row in rows} == {0, 1}
    for row in rows:
        assert row["p10_s"] <= row["p50_s"] <= row["p85_s"] <= row["p90_s"]
        assert row["p50_s"] == pytest.approx(row["planned_s"], abs=60)
    missing = await ask(api.http, f"performance/run-times.json?{SPAN}", 422)
    assert missing["error"]["code"] == "route_missing"
    every = (await ask(api.http, f"performance/segments.json?{SPAN}"))["rows"]
    one = (await ask(api.http, f"performance/segments.json?{SPAN}&route=A"))["rows"]
    assert one == every  # nothing else was driven
    for row in one:
        assert row["p15_kmh"] <= row["p50_kmh"] <= row["p85_kmh"]
        assert 5 < row["mean_kmh"] < 130  # two of the town's stops have the same minute
        assert "before" not in row
    both = await ask(
        api.http, f"performance/segments.json?{SPAN}&before_from={DAY}&before_to={DAY}"
    )
    assert all(row["before"]["mean_kmh"] == row["mean_kmh"] for row in both["rows"])


async def test_proofs_by_carrier_and_run_by_run(api: Instance):
    carriers = (await ask(api.http, f"performance/carriers.json?{SPAN}"))["rows"]
    assert [row["carrier_id"] for row in carriers] == ["K1", None]
    (whole,) = (await ask(api.http, f"performance/service.json?{SPAN}"))["rows"]
    assert sum(row["planned"] for row in carriers) == whole["planned"]
    assert sum(row["done"] for row in carriers) == whole["done"] > 0
    runs = await ask(api.http, f"performance/runs.json?{SPAN}&status=done")
    assert len(runs["rows"]) == whole["done"]
    assert {row["route_id"] for row in runs["rows"]} == {"A"}
    assert runs["next_after"] is None
    assert runs["rows"][0]["vehicle_ids"] == ["bus 0"]


async def test_predictions_are_told_by_horizon(api: Instance):
    with connect(api.conninfo) as connection:
        for day, accurate in ((DAY, 8), (DAY + timedelta(days=1), 4)):
            connection.execute(
                "INSERT INTO eta_score VALUES (%s, %s, '', 1, 3, 10, 2, %s, 60, -5, 40, 7, 20, 18)",
                (AGENCY, day, accurate),
            )
    address = f"performance/eta.json?from={DAY}&to={DAY + timedelta(days=1)}"
    (row,) = (await ask(api.http, address))["rows"]
    assert row == {
        "from_min": 1,
        "until_min": 3,
        "scored": 20,
        "never_came": 4,
        "accurate_share": 0.5,
        "within_bounds_share": 0.7,
        "coverage": 0.9,
        "mae_s": 60.0,
        "bias_s": -5.0,
    }
    days = (await ask(api.http, f"{address}&by=day"))["rows"]
    assert [row["day"] for row in days] == [str(DAY), str(DAY + timedelta(days=1))]


async def test_devices_with_what_the_other_one_in_the_bus_says(api: Instance):
    now = datetime.now(UTC)
    with connect(api.conninfo) as connection:
        numbers = dict(connection.execute("SELECT device_id, device_no FROM device").fetchall())
        connection.execute(
            "WITH d AS (INSERT INTO device (agency_id, device_id, kind, password_hash)"
            " VALUES (%s, 'V0', 'validator', 'x') RETURNING device_no)"
            " INSERT INTO mounting SELECT device_no, 'bus 0', tstzrange('2020-01-01', NULL) FROM d",
            (AGENCY,),
        )
        status = {"backlog": 3120, "time_ms": int((now.timestamp() - 41) * 1000)}
        connection.execute(
            "INSERT INTO device_status SELECT device_no, true, %s, %s FROM device"
            " WHERE device_id = 'V0'",
            (json_value(status), now),
        )
        connection.execute(
            "INSERT INTO vehicle_latest (agency_id, vehicle_id, device_no, time, latitude,"
            " longitude, received_at) VALUES (%s, 'bus 0', %s, %s, 50, 57, %s)"
            " ON CONFLICT (agency_id, vehicle_id) DO UPDATE SET time = excluded.time,"
            " received_at = excluded.received_at",
            (AGENCY, numbers["bus-0"], now - timedelta(hours=1), now - timedelta(hours=1)),
        )
        connection.execute(
            "INSERT INTO dead_letter VALUES ('\\x01', %s, 'V0', 't', 'p', 'bad_time', '', 17,"
            " %s, %s)",
            (AGENCY, now, now),
        )
    body = await ask(api.http, "devices.json")
    found = {device["device_id"]: device for device in body["devices"]}
    assert found["V0"]["state"] == "heard"
    assert found["V0"]["backlog"] == 3120
    assert found["V0"]["clock_s"] == pytest.approx(-41, abs=1)
    assert (found["V0"]["refused"], found["V0"]["refused_codes"]) == (17, ["bad_time"])
    assert found["bus-0"]["state"] == "silent"
    assert found["bus-0"]["suspect"]  # the validator of the same bus was heard just now
    assert not found["V0"]["suspect"]
    assert found["bus-1"]["state"] == "never"
    assert body["counts"] == {"known": 3, "heard": 1, "silent": 1, "never": 1, "backlog": 1}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad_date"),
        ("from=2026-13-01&to=2026-12-01", "bad_date"),
        ("from=2026-02-02&to=2026-02-01", "bad_period"),
        ("from=2020-01-01&to=2026-02-01", "bad_period"),
        (f"{SPAN}&by=colour", "bad_group"),
        (f"{SPAN}&from_hour=24", "bad_number"),
        (f"{SPAN}&from_hour=9&until_hour=8", "bad_number"),
        (f"{SPAN}&late=nine", "bad_number"),
    ],
)
async def test_senseless_questions_are_refused(api: Instance, query: str, code: str):
    body = await ask(api.http, f"performance/service.json?{query}", 422)
    assert body["error"]["code"] == code
