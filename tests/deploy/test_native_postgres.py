"""The private PostgreSQL cluster: commits outlive kills, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sapar.core.db import connect
from sapar.core.errors import Refused, SaparError, Unavailable
from sapar.deploy.native import PostgresCluster, find_postgres_bin, free_port


@pytest.fixture
def cluster(service_directory: Path):
    made = PostgresCluster(service_directory / "postgres", durable=False)
    made.start()
    yield made
    made.stop()


def test_has_timescaledb_and_never_gives_up_commits(cluster: PostgresCluster):
    with connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE fix (time timestamptz NOT NULL, vehicle text)")
        connection.execute("SELECT create_hypertable('fix', 'time')")
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            for name in ("synchronous_commit", "timescaledb.telemetry_level", "listen_addresses")
        }
    assert shown == {
        "synchronous_commit": ("on",),
        "timescaledb.telemetry_level": ("off",),
        "listen_addresses": ("127.0.0.1",),
    }


def test_durable_is_the_default(service_directory: Path):
    durable = PostgresCluster(service_directory / "durable")
    with connect(durable.start()) as connection:
        fsync = connection.execute("SHOW fsync").fetchone()
    durable.stop()
    assert fsync == ("on",)


def test_committed_rows_outlive_a_kill_in_the_middle_of_work(cluster: PostgresCluster):
    with connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    port = cluster.port
    # A backend that computes notices late that its postmaster is gone; start() must cope.
    work = (
        "import sys; from sapar.core.db import connect\n"
        "with connect(sys.argv[1]) as c:\n"
        "    c.execute('INSERT INTO kept VALUES (0)')\n"
        "    c.execute('DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$')"
    )
    busy = subprocess.Popen(
        [sys.executable, "-c", work, cluster.conninfo()], stderr=subprocess.DEVNULL
    )
    until_it_computes(cluster, busy)
    cluster.kill()
    cluster.start()
    busy.wait()
    assert cluster.port == port
    with connect(cluster.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def until_it_computes(cluster: PostgresCluster, busy: subprocess.Popen[bytes]) -> None:
    """Wait until the process's backend is in its loop: its row is then written, uncommitted."""
    deadline = time.monotonic() + 60
    with connect(cluster.conninfo(), autocommit=True) as connection:
        while not connection.execute(
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
        ).fetchall():
            assert busy.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_stop_and_a_second_cluster_object_find_the_same_data(service_directory: Path):
    first = PostgresCluster(service_directory / "postgres", durable=False)
    with connect(first.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with pytest.raises(Refused) as refused:
        PostgresCluster(service_directory / "postgres", durable=False).start()
    assert refused.value.code == "directory_in_use"
    assert first.running
    first.stop()
    second = PostgresCluster(service_directory / "postgres", durable=False)
    with connect(second.start()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    second.stop()
    assert not second.running


def test_only_the_password_opens_it(cluster: PostgresCluster):
    stranger = cluster.conninfo().replace(cluster.conninfo().split(":")[2].split("@")[0], "guess")
    with pytest.raises(Unavailable, match="authentication"), connect(stranger):
        pass
    assert (cluster.directory / "password").stat().st_mode & 0o077 == 0


def test_takes_another_port_when_the_usual_one_is_taken(cluster: PostgresCluster, tmp_path: Path):
    second = PostgresCluster(cluster.directory.parent / "second", port=cluster.port, durable=False)
    second.start()
    ports = {cluster.port, second.port}
    second.stop()
    assert len(ports) == 2


def test_says_why_it_does_not_start(service_directory: Path):
    broken = PostgresCluster(service_directory / "postgres", settings={"shared_buffers": "none"})
    with pytest.raises(Unavailable, match="shared_buffers"):
        broken.start()
    assert not broken.running


def test_ends_with_the_process_that_started_it(service_directory: Path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom sapar.deploy.native import PostgresCluster\n"
        "c = PostgresCluster(Path(sys.argv[1]), durable=False)\nc.start()\n"
        "print(c.pid, c.port, flush=True)\ntime.sleep(60)"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code, str(service_directory / "postgres")], stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    pid, port = (int(word) for word in supervisor.stdout.readline().split())
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    supervisor.stdout.close()
    assert ended(pid)
    assert free_port(port) == port


def ended(pid: int, patience_s: float = 10.0) -> bool:
    """Wait until a process is gone; one that nobody has buried yet counts as gone."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            state = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_finds_programs_beside_timescaledb():
    folder = find_postgres_bin()
    assert (folder / "postgres").exists()


def test_no_postgres_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SaparError, match="make setup"):
        find_postgres_bin()
