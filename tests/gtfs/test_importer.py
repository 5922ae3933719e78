"""Versions in the database: import beside, atomic switch, undo, drop; on a real PostgreSQL."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest

from sapar.core.db import Pool, connect
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.gtfs.importer import (
    CHANNEL,
    ImportResult,
    activate_version,
    check_feed,
    drop_version,
    find_active_version,
    import_feed,
    list_versions,
    load_active_timetable,
)
from tests.gtfs.feeds import BASE, edited, tiny_feed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLES = (
    "agency",
    "stop",
    "route",
    "trip",
    "stop_time",
    "calendar",
    "calendar_date",
    "shape",
    "frequency",
)


def import_zip(
    conninfo: str, content: bytes, agency_id: str = "aqtobe", activate: bool = True
) -> ImportResult:
    with connect(conninfo, autocommit=True) as connection:
        checked = check_feed(content, agency_id, NOW)
        return import_feed(
            connection, checked, activate=activate, now=NOW, progress=lambda text: None
        )


def rows(conninfo: str, query: str) -> list[tuple]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchall()


def version_marks(conninfo: str) -> list[tuple]:
    return rows(conninfo, "SELECT agency_id, version_no, active FROM gtfs_version ORDER BY 1, 2")


def test_first_import_is_active_and_tables_hold_it(database: str) -> None:
    extra = {
        "calendar_dates.txt": "service_id,date,exception_type\nDAILY,20260501,2\n",
        "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nT1,08:00:00,10:00:00,600\n",
        "stops.txt": BASE["stops.txt"] + 'S"4\\,"Depot, old",,\n'.replace('S"4\\', '"S""4\\"'),
    }
    result = import_zip(database, tiny_feed(extra))
    assert (result.version_no, result.is_new, result.is_active) == (1, True, True)
    assert result.diff is not None
    assert result.diff.tables["trips"].added == ["T1", "T2"]
    counts = {table: rows(database, f"SELECT count(*) FROM gtfs_{table}")[0][0] for table in TABLES}
    assert counts == {
        "agency": 1,
        "stop": 4,
        "route": 1,
        "trip": 2,
        "stop_time": 2,
        "calendar": 1,
        "calendar_date": 1,
        "shape": 2,
        "frequency": 1,
    }
    assert rows(
        database,
        "SELECT trip_id, stop_sequence, stop_id, arrival_s, departure_s, timed"
        " FROM gtfs_stop_time_row WHERE stop_sequence = 2 ORDER BY 1",
    ) == [
        ("T1", 2, "S2", 28_980, 29_010, True),
        ("T2", 2, "S2", 87_180, 87_180, False),
    ]
    assert rows(database, "SELECT latitude FROM gtfs_stop WHERE stop_id = E'S\"4\\\\'") == [(None,)]
    assert rows(database, "SELECT weekdays, start_date, end_date FROM gtfs_calendar") == [
        ([True] * 7, date(2026, 1, 1), date(2026, 12, 31))
    ]
    (shape,) = rows(database, "SELECT latitude, along_m FROM gtfs_shape WHERE shape_id = 'H1'")
    assert shape[0] == [50.28, 50.284]
    assert shape[1][1] == pytest.approx(839, abs=5)


def test_ids_with_quotes_and_backslashes_survive(database: str) -> None:
    odd = 'S"2\\, {x}'
    written = '"S""2\\, {x}"'
    stops = BASE["stops.txt"].replace("S2", written)
    times = BASE["stop_times.txt"].replace("S2", written)
    import_zip(database, tiny_feed({"stops.txt": stops, "stop_times.txt": times}))
    query = "SELECT DISTINCT stop_id FROM gtfs_stop_time_row WHERE stop_sequence = 2"
    assert rows(database, query) == [(odd,)]
    assert (odd,) in rows(database, "SELECT stop_id FROM gtfs_stop")


def test_agency_gets_zone_and_area(database: str) -> None:
    import_zip(database, tiny_feed())
    columns = "name, timezone, min_latitude, min_longitude, max_latitude, max_longitude"
    (agency,) = rows(database, f"SELECT {columns} FROM agency WHERE agency_id = 'aqtobe'")
    assert agency[:2] == ("Avtobus", "Asia/Aqtobe")
    assert agency[2:] == pytest.approx((50.10, 56.878, 50.464, 57.452), abs=0.01)
    import_zip(database, edited("stops.txt", "50.2840", "51.5"))
    (wider,) = rows(database, f"SELECT {columns} FROM agency WHERE agency_id = 'aqtobe'")
    assert wider[4] == pytest.approx(51.68)
    activate_in(database, 1)
    (kept,) = rows(database, f"SELECT {columns} FROM agency WHERE agency_id = 'aqtobe'")
    assert kept[4] == pytest.approx(51.68)


def activate_in(conninfo: str, version_no: int, agency_id: str = "aqtobe") -> bool:
    with connect(conninfo, autocommit=True) as connection:
        return activate_version(connection, agency_id, version_no, now=NOW)


def test_the_same_zip_twice_changes_nothing(database: str) -> None:
    import_zip(database, tiny_feed())
    again = import_zip(database, tiny_feed())
    assert (again.version_no, again.is_new, again.is_active, again.diff) == (1, False, True, None)
    assert version_marks(database) == [("aqtobe", 1, True)]


def test_stored_but_not_active_until_asked(database: str) -> None:
    import_zip(database, tiny_feed())
    second = import_zip(database, edited("stops.txt", "Park", "Sayabaq"), activate=False)
    assert not second.is_active
    assert second.diff is not None
    assert second.diff.tables["stops"].changed == ["S2"]
    assert not second.diff.tables["trips"].changed
    assert version_marks(database) == [("aqtobe", 1, True), ("aqtobe", 2, False)]
    third = import_zip(database, edited("stops.txt", "Park", "Sayabaq"))
    assert (third.version_no, third.is_new, third.is_active) == (2, False, True)
    assert version_marks(database) == [("aqtobe", 1, False), ("aqtobe", 2, True)]


def test_diff_names_what_changed(database: str) -> None:
    import_zip(database, tiny_feed())
    changed = {
        "trips.txt": BASE["trips.txt"].replace("T2,", "T7,"),
        "stop_times.txt": BASE["stop_times.txt"].replace("T2,", "T7,").replace("08:06", "08:07"),
        "calendar.txt": BASE["calendar.txt"].replace("20261231", "20270131"),
        "routes.txt": BASE["routes.txt"] + "R2,A,2,,3,\n",
    }
    diff = import_zip(database, tiny_feed(changed)).diff
    assert diff is not None
    assert diff.to_json() == {
        "dates": {
            "before": "2026-01-01..2026-12-31",
            "after": "2026-01-01..2027-01-31",
        },
        "routes": change(added=["R2"]),
        "stops": change(),
        "trips": change(added=["T7"], removed=["T2"], changed=["T1"]),
        "services": change(changed=["DAILY"]),
    }
    assert not diff.is_empty


def change(**kinds: list[str]) -> dict[str, object]:
    names = ("added", "removed", "changed")
    return {
        name: {"count": len(kinds.get(name, [])), "first": kinds.get(name, [])} for name in names
    }


def test_cities_with_the_same_ids_do_not_meet(database: str) -> None:
    import_zip(database, tiny_feed(), "aqtobe")
    import_zip(database, tiny_feed(), "shymkent")
    assert version_marks(database) == [("aqtobe", 1, True), ("shymkent", 1, True)]
    assert rows(database, "SELECT agency_id, trip_id FROM gtfs_trip ORDER BY 1, 2") == [
        ("aqtobe", "T1"),
        ("aqtobe", "T2"),
        ("shymkent", "T1"),
        ("shymkent", "T2"),
    ]


def test_undo_and_drop(database: str) -> None:
    import_zip(database, tiny_feed())
    import_zip(database, edited("stops.txt", "Park", "Sayabaq"))
    assert activate_in(database, 1)
    assert not activate_in(database, 1)
    with connect(database, autocommit=True) as connection:
        with pytest.raises(Refused, match="active one"):
            drop_version(connection, "aqtobe", 1)
        drop_version(connection, "aqtobe", 2)
        with pytest.raises(NotFound):
            drop_version(connection, "aqtobe", 2)
        with pytest.raises(NotFound):
            activate_version(connection, "aqtobe", 2, now=NOW)
        with pytest.raises(NotFound):
            activate_version(connection, "nowhere", 1, now=NOW)
        versions = list_versions(connection, "aqtobe")
    assert [(v["version_no"], v["active"], v["summary"]["trips"]) for v in versions] == [
        (1, True, 2)
    ]
    assert rows(database, "SELECT DISTINCT version_no FROM gtfs_stop_time") == [(1,)]


def test_two_active_versions_are_impossible(database: str) -> None:
    import_zip(database, tiny_feed())
    import_zip(database, edited("stops.txt", "Park", "Sayabaq"))
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("UPDATE gtfs_version SET active = true")


def test_a_failing_import_leaves_everything_as_it_was(database: str) -> None:
    import_zip(database, tiny_feed())
    seen: list[str] = []

    def stop_at_shapes(text: str) -> None:
        seen.append(text)
        if text == "writing shapes":
            raise RuntimeError("pulled the plug")

    with connect(database, autocommit=True) as connection:
        checked = check_feed(edited("stops.txt", "Park", "Sayabaq"), "aqtobe", NOW)
        with pytest.raises(RuntimeError, match="plug"):
            import_feed(connection, checked, activate=True, now=NOW, progress=stop_at_shapes)
    assert seen[0] == "comparing with the active version"
    assert version_marks(database) == [("aqtobe", 1, True)]
    assert rows(database, "SELECT count(*) FROM gtfs_stop") == [(3,)]


class _Overwritten(type(Path())):  # type: ignore[misc]
    """A file that somebody writes anew right after every reading."""

    def read_bytes(self) -> bytes:
        content: bytes = super().read_bytes()
        self.write_bytes(edited("stops.txt", "Park", "Sayabaq"))
        return content


def test_what_is_stored_is_what_was_judged(tmp_path: Path) -> None:
    path = _Overwritten(tmp_path / "feed.zip")
    path.write_bytes(tiny_feed())
    checked = check_feed(path, "aqtobe", NOW)
    assert checked.zip == tiny_feed()
    assert hashlib.sha256(checked.zip).hexdigest() == checked.feed.digest


def test_devices_can_be_added_while_a_timetable_is_imported(database: str) -> None:
    import_zip(database, tiny_feed())

    def add_device(text: str) -> None:
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("SET lock_timeout = '1s'")
            other.execute(
                "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')",
                ("aqtobe", text.replace(" ", "-")),
            )

    with connect(database, autocommit=True) as connection:
        checked = check_feed(edited("stops.txt", "Park", "Sayabaq"), "aqtobe", NOW)
        import_feed(connection, checked, activate=True, now=NOW, progress=add_device)
    assert rows(database, "SELECT count(*) > 5 FROM device") == [(True,)]


def test_two_imports_and_a_switch_at_once_leave_one_active_version(database: str) -> None:
    import_zip(database, tiny_feed())
    names = [f"Sayabaq {n}" for n in range(3)]
    with ThreadPoolExecutor(7) as threads:
        imports = [
            threads.submit(import_zip, database, edited("stops.txt", "Park", name))
            for name in names * 2
        ]
        switch = threads.submit(activate_in, database, 1)
        results = [one.result(timeout=60) for one in imports]
        switch.result(timeout=60)
    assert sorted(r.version_no for r in results) == [2, 2, 3, 3, 4, 4]
    assert sum(r.is_new for r in results) == 3
    assert [active for _, _, active in version_marks(database)].count(True) == 1
    assert rows(database, "SELECT count(*) FROM gtfs_stop") == [(12,)]


def test_switching_notifies_with_the_agency(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        import_zip(database, tiny_feed(), "aqtobe", activate=False)
        import_zip(database, tiny_feed(), "shymkent")
        notices = [n.payload for n in listener.notifies(timeout=60, stop_after=1)]
        assert notices == ["shymkent"]
        activate_in(database, 1)
        assert [n.payload for n in listener.notifies(timeout=60, stop_after=1)] == ["aqtobe"]
        assert list(listener.notifies(timeout=0.1)) == []


def test_bad_agency_id_is_refused(database: str) -> None:
    with pytest.raises(BadInput, match="not an agency id"):
        import_zip(database, tiny_feed(), "Aktobe/1")
    assert version_marks(database) == []


async def test_the_engine_loads_what_was_imported(database: str, pool: Pool) -> None:
    with pytest.raises(NotFound, match="no active timetable"):
        await load_active_timetable(pool, "aqtobe")
    assert await find_active_version(pool, "aqtobe") is None
    import_zip(database, tiny_feed())
    timetable = await load_active_timetable(pool, "aqtobe")
    assert timetable.trips.ids == ["T1", "T2"]
    version = await find_active_version(pool, "aqtobe")
    assert version is not None
    assert version.zip == tiny_feed()
    assert version.feed_version == timetable.feed_version == "2026-1"
    assert version.activated_at == NOW


def test_warsaw_is_imported_in_time(database: str, sapar_data: Path) -> None:
    """873,306 stop times, read, checked, compared and stored."""
    content = (sapar_data / "warsaw/gtfs.zip").read_bytes()
    result = import_zip(database, content, "warsaw")
    assert result.is_active
    (sums,) = rows(
        database,
        "SELECT count(*), sum(cardinality(stop_id)), (SELECT count(*) FROM gtfs_stop)"
        " FROM gtfs_stop_time",
    )
    assert sums == (41_572, 873_306, 6_904)
