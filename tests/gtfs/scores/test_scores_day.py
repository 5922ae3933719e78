"""Samples of predictions, and the scores of a day, with a real database."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from sapar.cli.main import app
from sapar.core.db import Pool, connect
from sapar.core.settings import Settings
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.score.buckets import WINDOWS
from sapar.gtfs.realtime.score.samples import sample
from sapar.gtfs.scores.day import Arrivals, Promises, score_routes
from sapar.gtfs.scores.keeper import SampleKeeper
from sapar.gtfs.scores.sampling import is_sampled, sample_rows
from sapar.gtfs.scores.store import list_scores, score_day
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, join, town

AGENCY = "town"
T0 = 1_773_100_000.0


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture
def own(database: str) -> Settings:
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, %s, 'Asia/Aqtobe')"
            " ON CONFLICT DO NOTHING",
            (AGENCY, AGENCY),
        )
    return Settings(database_url=SecretStr(database), agency=AGENCY, eta_sample_share=1.0)


def test_a_share_of_the_vehicles_is_sampled_and_others_the_next_day():
    ids = [f"bus {n}" for n in range(5000)]
    days = [DAY + timedelta(days=n) for n in range(3)]
    drawn = [{v for v in ids if is_sampled(v, day, 0.1)} for day in days]
    for some in drawn:
        assert 400 < len(some) < 600
    assert len(drawn[0] & drawn[1]) < 120
    assert not any(is_sampled(v, DAY, 0.0) for v in ids)
    assert all(is_sampled(v, DAY, 1.0) for v in ids)


def columns(rows: list[tuple], kinds: tuple[type, ...]) -> list[np.ndarray]:
    return [
        np.array([row[n] for row in rows], kind).reshape(len(rows)) for n, kind in enumerate(kinds)
    ]


def promises(rows: list[tuple]) -> Promises:
    """Rows of (sampled, vehicle, stop, route, arrival); the bounds are ± 60 s."""
    sampled, vehicle, stop, route, arrival = columns(
        rows, (float, np.int32, np.int32, np.int32, float)
    )
    arrival = arrival + T0
    return Promises(
        sampled + T0, vehicle, stop, route, arrival, arrival + 10, arrival - 60, arrival + 60
    )


def arrivals(rows: list[tuple]) -> Arrivals:
    """Rows of (vehicle, stop, route, arrival, scheduled), sorted."""
    vehicle, stop, route, arrival, scheduled = columns(
        sorted(rows), (np.int32, np.int32, np.int32, float, float)
    )
    count = len(rows)
    return Arrivals(
        vehicle, stop, route, np.zeros(count, bool), arrival + T0, scheduled + T0,
        np.ones(count, bool),
    )  # fmt: skip


def test_each_route_and_horizon_is_scored():
    truth = arrivals(
        [(0, 0, 0, 0, 0), (0, 1, 0, 1000, 990), (1, 1, 1, 1100, 500), (1, 2, 1, 5000, 5000)]
    )
    said = promises([
        (900, 0, 1, 0, 980),    # 100 s before, 20 s late: good
        (700, 0, 1, 0, 1100),   # 300 s before, 100 s early: wrong
        (900, 1, 1, 1, 1000),   # 200 s before, 100 s late: good
        (900, 1, 3, 1, 1000),   # never came
        (4900, 0, 3, 0, 5000),  # the record of the vehicle had ended
    ])  # fmt: skip
    found = {(s.route_id, s.from_min): s for s in score_routes(said, truth, ["A", "B"])}
    assert len(found) == 3 * len(WINDOWS)
    whole = found["", 0]
    assert (whole.scored, whole.accurate, whole.never_came, whole.within_bounds) == (1, 1, 1, 1)
    assert (found["A", 3].scored, found["A", 3].accurate, found["A", 3].mae_s) == (1, 0, 100.0)
    assert found["A", 3].median_mae_s == 110.0
    assert found["B", 3].accurate == found["", 3].accurate == 1
    assert found["B", 0].never_came == 1
    assert found["A", 0].never_came == 0
    for route in ("A", "B", ""):
        assert found[route, 0].until_min == 3


def test_coverage_counts_arrivals_that_could_have_been_predicted():
    # the vehicle appears at 0; its arrival at 1000 is on time, that at 5000 is an hour late
    truth = arrivals([(0, 0, 0, 0, 0), (0, 1, 0, 1000, 990), (0, 2, 0, 5000, 1400)])
    said = promises([(700, 0, 1, 0, 1000), (940, 0, 1, 0, 1000)])
    found = {s.from_min: s for s in score_routes(said, truth, ["A"]) if s.route_id == "A"}
    assert {n: (s.due, s.covered) for n, s in found.items()} == {
        0: (1, 1), 3: (1, 1), 6: (1, 0), 10: (1, 0),
    }  # fmt: skip


@pytest.fixture(scope="module")
def driven(timetable: Timetable):
    """A bus of block A0 on its way, the engine that followed it, and the arrivals that came."""
    start = day_start(timetable)
    legs = [
        Leg(timetable.trips.ids[trip], start + float(timetable.trips.first_s[trip]), None, None, "A0")
        for trip in timetable.block_trips(timetable.blocks.index["A0"]).tolist()
        if 6 * 3600 <= timetable.trips.first_s[trip] < 7 * 3600
    ]  # fmt: skip
    bus = Bus(timetable, "bus 0", legs)
    engine = Engine(timetable)
    now_s = start + 6 * 3600
    for now_s in np.arange(start + 6 * 3600, start + 6 * 3600 + 300, 15.0):
        engine.ingest(join([bus.fix(float(now_s))]), float(now_s))
        engine.look(float(now_s))
    return engine, float(now_s)


def test_rows_hold_what_is_published(timetable: Timetable, driven):
    engine, now_s = driven
    seen = engine.snapshot
    rows = list(sample_rows(seen, timetable, AGENCY, 1.0))
    said = sample(seen, now_s, timetable)
    inner = said.where(said.row != timetable.trips.st_begin[said.trip])
    assert rows
    assert sum(len(row[7]) for row in rows) == len(inner)
    ahead = [second for row in rows for second in row[8]]
    assert ahead == (inner.arrival_s - now_s).astype(int).tolist()
    assert {row[1] for row in rows} == {DAY}
    assert {row[3] for row in rows} == {"bus 0"}
    assert {row[6] for row in rows} == {"A"}
    assert list(sample_rows(seen, timetable, AGENCY, 0.0)) == []


def add_visits(database: str, rows: list[tuple[str, str, str, int, float]]) -> None:
    """Stop visits of (vehicle, trip, stop, number on the trip, arrival), scheduled as they came."""
    with connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO stop_visit VALUES (%s, %s, %s, 0, %s, %s, %s, %s, 'A', %s, %s, %s, %s, true)",
            [
                (AGENCY, DAY, trip, n + 1, vehicle, n, stop, *[datetime.fromtimestamp(t, UTC)] * 4)
                for vehicle, trip, stop, n, t in rows
            ],
        )


async def test_a_day_is_sampled_and_scored(
    own: Settings, pool: Pool, database: str, timetable: Timetable, driven
):
    engine, now_s = driven
    keeper = SampleKeeper(own, pool, AGENCY)
    keeper.offer(engine.snapshot, timetable)
    count = len(keeper)
    assert count > 0
    keeper.offer(engine.snapshot, timetable)  # the same minute
    assert len(keeper) == count
    await keeper.flush()
    assert len(keeper) == 0

    said = sample(engine.snapshot, now_s, timetable)
    said = said.where(said.row != timetable.trips.st_begin[said.trip])
    stops = timetable.stop_times.stop_idx[said.row]
    came = [
        ("bus 0", timetable.trips.ids[trip], timetable.stops.ids[stop], n, t + 30.0)
        for trip, stop, n, t in zip(
            said.trip.tolist(), stops.tolist(),
            (said.row - timetable.trips.st_begin[said.trip]).tolist(), said.arrival_s.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    add_visits(database, came)
    counts = await score_day(pool, own, AGENCY, DAY)
    assert counts == {"predictions": len(said), "arrivals": len(came), "routes": 1}
    scores = await list_scores(pool, AGENCY, DAY)
    assert [score.route_id for score in scores] == [""] * 4 + ["A"] * 4
    whole = scores[:4]
    assert sum(score.scored for score in whole) > 0
    assert sum(score.never_came for score in whole) == 0
    for score in whole:
        assert score.accurate == score.scored
        assert score.bias_s == pytest.approx(30.0 if score.scored else 0.0)
    assert await score_day(pool, own, AGENCY, DAY) == counts
    assert await list_scores(pool, AGENCY, DAY) == scores


async def test_old_samples_go_and_their_scores_stay(
    own: Settings, pool: Pool, database: str, timetable: Timetable, driven
):
    engine, now_s = driven
    keeper = SampleKeeper(own, pool, AGENCY)
    keeper.offer(engine.snapshot, timetable)
    await keeper.flush()
    add_visits(database, [("bus 0", "t", "a1", 1, now_s + 100)])
    await score_day(pool, own, AGENCY, DAY)
    scores = await list_scores(pool, AGENCY, DAY)
    assert scores
    later = DAY + timedelta(days=own.nightly_late_days + 1)
    nothing = {"predictions": 0, "arrivals": 0, "routes": 0}
    assert await score_day(pool, own, AGENCY, later) == nothing
    assert await score_day(pool, own, AGENCY, DAY) == nothing
    assert await list_scores(pool, AGENCY, DAY) == scores


async def test_samples_wait_while_the_database_is_away(
    own: Settings, pool: Pool, database: str, timetable: Timetable, driven
):
    engine, _ = driven
    keeper = SampleKeeper(own, pool, "no such agency")
    keeper.offer(engine.snapshot, timetable)
    count = len(keeper)
    await keeper.flush()  # refused
    assert len(keeper) == count > 0


def test_the_command_scores_a_day(own: Settings, database: str, timetable: Timetable, driven):
    engine, now_s = driven
    with connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO eta_sample VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            list(sample_rows(engine.snapshot, timetable, AGENCY, 1.0)),
        )
    add_visits(database, [("bus 0", "t", "a1", 1, now_s + 100)])
    command = ["evaluate-day", "--agency", AGENCY, "--date", f"{DAY:%Y-%m-%d}"]
    environment = {"SAPAR_DATABASE_URL": database, "SAPAR_ETA_SAMPLE_SHARE": "1"}
    result = CliRunner().invoke(app, [*command, "--json"], env=environment)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output.strip().splitlines()[-1])
    assert date.fromisoformat(report["date"]) == DAY
    assert report["predictions"] > 0
    assert {row["route_id"] for row in report["scores"]} == {"", "A"}
    table = CliRunner().invoke(app, command, env=environment)
    assert f"{report['predictions']} predictions, 1 arrivals" in table.output
