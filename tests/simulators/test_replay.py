"""A slice of a real recording, replayed over a real broker and compared record by record."""

import asyncio
import csv
import json
from itertools import takewhile

from sapar.contract.checks import Area
from sapar.core.clock import ScaledClock, SystemClock
from sapar.gtfs.importer import AREA_MARGIN_DEG as IMPORT_MARGIN_DEG
from sapar.gtfs.timetable import load_timetable
from sapar.simulators import replay as replay_module
from sapar.simulators.device import Credentials
from sapar.simulators.recording import RecordedFix, read_recording, survey
from sapar.simulators.replay import ReplaySettings, replay, timetable_area
from sapar.simulators.truth import TruthWriter
from tests.simulators.acknowledger import PASSWORD, acknowledger, admit
from tests.simulators.network import network

SPEED = 200.0


def started_at(time_s: float) -> ScaledClock:
    return ScaledClock(SystemClock().wall(), time_s, SPEED)


def credentials(vehicles) -> list[Credentials]:
    return [Credentials(f"tr-{v}", PASSWORD, v) for v in vehicles]


async def run(broker, agency, folder, rows, vehicles, start_s, **changes):
    """Replay rows and give the summary, what arrived, and published.csv."""
    who = credentials(vehicles)
    admit(broker, agency, [one.device_id for one in who])
    options = ReplaySettings(agency, ("127.0.0.1", broker.device_port), stop_at_end=True, **changes)
    async with acknowledger(broker, agency) as server:
        with TruthWriter(folder) as truth:
            summary = await replay(rows, options, who, truth, started_at(start_s), asyncio.Event())
    with (folder / "published.csv").open(newline="") as handle:
        published = list(csv.DictReader(handle))
    return summary, server, published


async def test_a_slice_of_wmata_arrives_record_by_record(sapar_data, broker, tmp_path):
    path = sapar_data / "wmata" / "positions.csv.gz"
    facts = survey(path, 600.0)
    area = timetable_area(load_timetable(sapar_data / "wmata" / "gtfs.zip", "wmata"))
    summary, server, published = await run(
        broker,
        "wmata",
        tmp_path,
        read_recording(path),
        facts.vehicle_ids,
        facts.begin_s,
        area=area,
        duration_s=600.0,
    )
    rows = takewhile(lambda row: row.time_s <= facts.begin_s + 600, read_recording(path))
    expected: dict[str, list[RecordedFix]] = {}
    for row in rows:
        expected.setdefault(row.vehicle_id, []).append(row)
    assert sum(map(len, expected.values())) == facts.fixes == len(published)
    for vehicle, fixes in expected.items():
        assert server.seqs(f"tr-{vehicle}") == list(range(1, len(fixes) + 1))
    got = {key[::3]: record for key, record in server.records.items()}
    for vehicle, fixes in expected.items():
        for seq, row in enumerate(fixes, 1):
            record = got[f"tr-{vehicle}", seq]
            assert record.time_ms == row.time_s * 1000
            assert (record.latitude, record.longitude) == (row.latitude, row.longitude)
            assert (record.speed_mps, record.bearing_deg) == (row.speed_mps, row.bearing_deg)
            assert record.trip_id == row.trip_id
            assert record.route_id == row.route_id
            assert record.block_id == row.block_id
    assert summary["unacknowledged"] == 0
    assert summary["published"] == summary["published_valid"] == facts.fixes
    assert summary["acknowledged"] == {"stored": facts.fixes, "refused": {}}
    assert json.loads((tmp_path / "summary.json").read_text()) == summary


def rows_of(*made: tuple[str, int, float]) -> list[RecordedFix]:
    return [
        RecordedFix(vehicle, time_s, lat, 57.17, None, None, None, None, "B")
        for vehicle, time_s, lat in made
    ]


async def test_what_lies_outside_is_expected_to_be_refused_and_two_rows_of_one_second_are_two(
    broker, tmp_path
):
    rows = rows_of(("1", 1000, 50.2), ("1", 1000, 50.2), ("1", 1005, 59.0), ("2", 1010, 50.2))
    summary, server, published = await run(
        broker, "rep-a", tmp_path, rows, ["1"], 1000.0, area=Area(50.0, 57.0, 51.0, 58.0)
    )
    assert [row["expected"] for row in published] == ["stored", "stored", "outside_area"]
    assert server.seqs("tr-1") == [1, 2, 3]
    assert summary["planted"] == {"outside_area": 1}
    assert summary["replay"] == {"no_device": 1, "rows": 3}
    assert summary["mismatched"] == 1  # this server refuses nothing
    assert summary["in_service"] == ["1"]


async def test_what_lies_long_before_the_clock_is_skipped(broker, tmp_path):
    rows = rows_of(("1", 1000, 50.2), ("1", 9500, 50.2), ("1", 10_000, 50.2), ("1", 10_100, 50.2))
    summary, _, published = await run(broker, "rep-b", tmp_path, rows, ["1"], 10_000.0)
    assert summary["replay"] == {"rows": 3, "skipped": 1}
    assert [row["time_ms"] for row in published] == ["9500000", "10000000", "10100000"]
    assert published[-1]["live"] == "1"


def test_the_area_is_the_one_that_the_import_sets():
    assert replay_module.AREA_MARGIN_DEG == IMPORT_MARGIN_DEG
    low_lat, low_lon, high_lat, high_lon = network().bounding_box
    area = timetable_area(network())
    assert area.min_latitude < low_lat < high_lat < area.max_latitude
    assert area.min_longitude < low_lon < high_lon < area.max_longitude
