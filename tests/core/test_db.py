"""The door to the database: named queries, migrations, and whose fault an error is."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sapar.core import db
from sapar.core.errors import Fault, Unavailable


def test_queries_are_loaded_by_name():
    queries = db.load_queries("sapar.ingest")
    assert "\nCOPY fix_in FROM STDIN" in queries["copy_fix"]
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in queries)


def test_two_queries_of_one_name_are_our_fault(tmp_path, monkeypatch):
    package = tmp_path / "twice"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "queries.sql").write_text("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Fault, match="one name twice"):
        db.load_queries("twice")


def test_migrating_again_changes_nothing(empty_database):
    applied = db.migrate(empty_database)
    assert [name[:4] for name in applied] == [f"{n:04}" for n in range(1, len(applied) + 1)]
    assert db.migrate(empty_database) == []


def test_an_applied_migration_that_was_edited_is_refused(database):
    with db.connect(database) as connection:
        connection.execute("UPDATE schema_migration SET digest = 'edited' WHERE number = 2")
    with pytest.raises(Fault, match="0002 was edited"):
        db.migrate(database)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1/0", db.DatabaseRefused),
        (
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('NO', '', '')",
            db.DatabaseRefused,
        ),
        ("SELECT * FROM no_such_table", Fault),
        ("SELECT pg_terminate_backend(pg_backend_pid())", Unavailable),
    ],
)
def test_errors_say_whose_fault_they_are(database, sql, error):
    with pytest.raises(error), db.connect(database) as connection:
        connection.execute(sql)


def test_a_database_that_is_not_there_is_unavailable(postgres):
    with pytest.raises(Unavailable) as caught, db.connect(postgres.conninfo("nowhere")):
        pass
    assert caught.value.code == "database_unavailable"


def test_a_broken_deadlock_is_no_silence_of_the_database(database):
    """The driver files both under one class; who is told to do it again must know which it was."""
    with db.connect(database) as connection:
        connection.execute("CREATE TABLE door (n int PRIMARY KEY)")
        connection.execute("INSERT INTO door VALUES (1), (2)")
    both_hold_one = threading.Barrier(2)

    def take(first: int, second: int) -> str:
        try:
            with db.connect(database) as connection:
                connection.execute("SET LOCAL deadlock_timeout = '20ms'")
                connection.execute("SELECT FROM door WHERE n = %s FOR UPDATE", (first,))
                both_hold_one.wait(30)
                connection.execute("SELECT FROM door WHERE n = %s FOR UPDATE", (second,))
        except Unavailable as exc:
            return exc.code
        return "taken"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(take, (1, 2), (2, 1))) == ["crossed", "taken"]


def test_a_failed_command_leaves_nothing_behind(database):
    both = "INSERT INTO agency (agency_id, name, timezone) VALUES ('a', 'A', 'UTC'); SELECT 1/0"
    with pytest.raises(db.DatabaseRefused), db.connect(database) as connection:
        connection.execute(both)
    with db.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM agency").fetchone() == (0,)
