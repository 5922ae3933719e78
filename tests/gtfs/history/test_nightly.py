"""The nightly job and the commands on a real database: a day is made, proven, corrected, exported."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from sapar.cli.main import app
from sapar.core.clock import ManualClock
from sapar.core.db import Pool, connect
from sapar.core.errors import Refused
from sapar.core.settings import Settings
from sapar.gtfs.history.child import run_nightly_child
from sapar.gtfs.history.nightly import STEPS, Nightly
from tests.gtfs.history.support import AGENCY, block_legs, drive, prepare, store
from tests.gtfs.realtime.town import DAY, Bus, day_start, join, town

runner = CliRunner()
RECEIVED = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def driven():
    """One bus drives its block for a morning and goes dark in the midst of the day."""
    timetable = town()
    bus = Bus(timetable, "bus 0", block_legs(timetable, "A0", 6 * 3600, 8 * 3600))
    return join([drive(bus, 6 * 3600 - 300, 8 * 3600, 15.0)])


@pytest.fixture
def own(database: str) -> Settings:
    prepare(database, ["bus 0", "bus 1"])
    return Settings(database_url=SecretStr(database), agency=AGENCY)


@pytest.fixture
def clock() -> ManualClock:
    """Six in the morning of the day after."""
    return ManualClock(day_start(town()) + 30 * 3600)


def run(*arguments: object, status: int = 0) -> str:
    result = runner.invoke(app, ["history", *(str(argument) for argument in arguments)])
    assert result.exit_code == status, result.output
    return result.output


def steps(database: str) -> dict[str, tuple[datetime, dict]]:
    with connect(database) as connection:
        rows = connection.execute("SELECT step, done_at, summary FROM nightly_step").fetchall()
    return {step: (done_at, summary) for step, done_at, summary in rows}


async def test_a_day_is_done_once_its_last_bus_is_in(
    own: Settings, pool: Pool, clock: ManualClock, database: str, driven
):
    store(database, driven, RECEIVED)
    job = Nightly(pool, own, clock, AGENCY)
    clock.set(day_start(town()) + 25 * 3600)
    assert await job.run() == []
    clock.set(day_start(town()) + 30 * 3600)
    assert await job.due_days() == [DAY]
    assert await job.run() == [DAY]
    done = steps(database)
    assert set(done) == set(STEPS)
    assert done["rebuild"][1]["fixes"] == len(driven)
    assert done["rebuild"][1]["visits"] > 30
    assert done["proofs"][1]["runs"] == sum(
        done["proofs"][1][s] for s in ("done", "partly", "not_done")
    )
    assert done["scores"][1] == {"predictions": 0, "arrivals": 0, "routes": 0}
    assert done["streets"][1] == {"pairs": 8, "ways": 0, "ways_changed": 0}
    assert await job.run() == []
    assert await job.run([DAY]) == []
    assert steps(database) == done


async def test_a_job_that_was_stopped_goes_on_where_it_was(
    own: Settings,
    pool: Pool,
    clock: ManualClock,
    database: str,
    driven,
    monkeypatch: pytest.MonkeyPatch,
):
    store(database, driven, RECEIVED)

    async def broken(*_: object) -> dict[str, int]:
        raise Refused("not tonight")

    with monkeypatch.context() as patch:
        patch.setattr("sapar.gtfs.history.nightly.score_day", broken)
        with pytest.raises(Refused, match="not tonight"):
            await Nightly(pool, own, clock, AGENCY).run()
    first = steps(database)
    assert set(first) == {"rebuild", "proofs", "figures"}
    clock.advance(3600)
    assert await Nightly(pool, own, clock, AGENCY).run() == [DAY]
    after = steps(database)
    assert set(after) == set(STEPS)
    assert after["rebuild"] == first["rebuild"]
    assert after["scores"][0] > first["rebuild"][0]


async def test_fixes_that_came_late_make_a_day_be_done_again(
    own: Settings, pool: Pool, clock: ManualClock, database: str, driven
):
    store(database, driven.take(range(0, len(driven), 3)), RECEIVED)
    job = Nightly(pool, own, clock, AGENCY)
    await job.run()
    before = steps(database)["rebuild"][1]
    clock.advance(86_400)
    late = driven.take(range(len(driven)))
    late.time_s[:] += 86_400  # the next day's own fixes, which make that day due
    store(database, late, clock.now() - timedelta(hours=18))
    store(database, driven, clock.now() - timedelta(hours=1))
    assert await job.run() == [DAY, DAY + timedelta(days=1)]
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT summary->'fixes' FROM nightly_step WHERE step = 'rebuild' ORDER BY service_date"
        ).fetchall()
    assert rows[0][0] == len(driven) > before["fixes"]
    assert await job.run() == []


async def test_two_jobs_never_work_at_once(own: Settings, pool: Pool, clock: ManualClock):
    first, second = (Nightly(pool, own, clock, AGENCY) for _ in range(2))
    async with first._alone():
        with pytest.raises(Refused, match="under way"):
            await second.run()
    assert await second.run() == []


async def test_the_job_runs_in_a_process_of_its_own(
    own: Settings, database: str, clock: ManualClock, driven
):
    store(database, driven, RECEIVED)
    at = own.model_copy(
        update={"clock_origin_wall_s": 1.0, "clock_origin_time_s": clock.time(), "clock_rate": 1e-9}
    )
    assert await run_nightly_child(at, AGENCY)
    assert set(steps(database)) == set(STEPS)
    nowhere = at.model_copy(update={"agency": "x"})
    assert not await run_nightly_child(nowhere, "nobody")


async def test_old_visits_and_proofs_go(
    own: Settings, pool: Pool, clock: ManualClock, database: str
):
    with connect(database, autocommit=True) as connection:
        for days in (500, 5):
            connection.execute(
                "INSERT INTO stop_visit VALUES (%s, %s, 't', 0, 1, 'b', 0, 'a0', 'A', now(), now(),"
                " now(), now(), true)",
                (AGENCY, DAY - timedelta(days=days)),
            )
    await Nightly(pool, own, clock, AGENCY).run([DAY])
    with connect(database) as connection:
        kept = connection.execute(
            "SELECT service_date FROM stop_visit WHERE trip_id = 't'"
        ).fetchall()
    assert kept == [(DAY - timedelta(days=5),)]


def test_the_commands_rebuild_prove_correct_export_and_learn(
    own: Settings, database: str, driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)
    # far in the past of the machine's clock, so that retention does not matter
    monkeypatch.setenv("SAPAR_FIX_RETENTION_DAYS", "36500")
    store(database, driven)
    answer = run("rebuild", "--date", DAY)
    assert f"stop visits from {len(driven):,} positions" in answer
    visits = run("visits", "--date", DAY)
    assert visits.splitlines()[0].startswith(
        "service_date,trip_id,start_s,stop_sequence,vehicle_id"
    )
    assert run("visits", "--date", DAY) == visits
    assert "done" in run("prove", "--date", DAY)
    run("correct", "--date", DAY, "--trip", "A-out-61", "--status", "done",
        "--author", "dispatcher 7", "--reason", "tracker broken, 84 taps")  # fmt: skip
    assert "no such run" in run("correct", "--date", DAY, "--trip", "A-out-99", "--status", "done",
        "--author", "x", "--reason", "y", status=1)  # fmt: skip
    run("correct", "--date", DAY, "--trip", "A-out-61", "--status", "maybe",
        "--author", "x", "--reason", "y", status=2)  # fmt: skip
    path = tmp_path / "runs.csv"
    written = run("runs", "--date", DAY, "--csv", path)
    assert "SHA-256" in written
    assert " not done" in written
    rows = {(r["trip_id"], r["start_s"]): r for r in csv.DictReader(io.StringIO(path.read_text()))}
    corrected = rows["A-out-61", str(5 * 3600 + 61 * 1200)]
    assert (corrected["status"], corrected["measured_status"]) == ("done", "not_done")
    assert (corrected["corrected_by"], corrected["correction"]) == (
        "dispatcher 7",
        "tracker broken, 84 taps",
    )
    driven_run = rows["A-out-4", str(5 * 3600 + 4 * 1200)]
    assert driven_run["status"] == "done"
    assert driven_run["vehicles"] == "bus 0"
    assert driven_run["scheduled_start"] == f"{DAY} 06:20:00"
    assert float(driven_run["driven_km"]) == pytest.approx(5.494, abs=0.01)
    run("prove", "--date", DAY)
    again = {
        (r["trip_id"], r["start_s"]): r
        for r in csv.DictReader(io.StringIO(run("runs", "--date", DAY)))
    }
    assert again == rows
    assert "travel times from" in run("learn", "--from", DAY, "--to", DAY)
    assert "nothing is due" in run("nightly")
    assert "ends before it begins" in run("learn", "--from", DAY, "--to", "2020-01-01", status=2)
