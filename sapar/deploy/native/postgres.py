"""A private PostgreSQL cluster with TimescaleDB: made once, started, stopped, killed, restarted."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from sapar.core.db import connect
from sapar.core.errors import Refused, Unavailable
from sapar.deploy.native.places import (
    LOOPBACK,
    free_port,
    prepare_directory,
    service_account,
)
from sapar.deploy.native.process import ServiceProcess, as_account, clean_environment

USER = "sapar"
DATABASE = "sapar"

_START_TIMEOUT_S = 60.0
_ORPHAN_PATIENCE_S = 5.0
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: "ready" when it accepts connections

_SETTINGS: Mapping[str, str | int] = {
    # Loopback only and never a socket file: no length limit on paths, no stale file after a kill.
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "max_connections": 100,
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    # Acknowledged means committed, and committed means written: never off.
    "synchronous_commit": "on",
    "wal_compression": "on",  # by lz4 where the server has it
    "wal_buffers": "16MB",
    "min_wal_size": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_worker_processes": 24,
    "timescaledb.max_background_workers": 8,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "cluster_name": "sapar",
}
# A killed process loses nothing that it had written to the kernel, so tests that kill PostgreSQL
# still prove what they should without waiting for the disk; a power cut is what would show.
_FAST_SETTINGS: Mapping[str, str | int] = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "min_wal_size": "128MB",
    "max_wal_size": "1GB",
}


class PostgresCluster:
    """A cluster whose files all lie in one directory, reachable on loopback with a password.

    Args:
        directory: holds the data, the password and the log; kept between runs.
        port: port to prefer; another free one is taken when it is in use. 0 means any.
        durable: False leaves out waiting for the disk (tests); commits still survive a kill of
            the processes, not of the machine.
        settings: further server settings, over the defaults.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        durable: bool = True,
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log_path = self.directory / "postgres.log"
        self.port = port
        self._bin = find_postgres_bin()
        self._settings = {
            **_SETTINGS,
            **({"wal_compression": "lz4"} if _has_lz4(self._bin) else {}),
            **({} if durable else _FAST_SETTINGS),
            **(settings or {}),
        }
        self._account = service_account("postgres")
        # SIGINT when the supervisor dies: PostgreSQL's fast shutdown.
        self._process = ServiceProcess("PostgreSQL", self.log_path, self._account, "INT")
        self._password = ""

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it runs."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the postmaster runs."""
        return self._process.running

    def conninfo(self, database: str = DATABASE) -> str:
        """Give the libpq URL of `database`, with the password in it."""
        return f"postgresql://{USER}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> str:
        """Make the cluster if there is none, start it, make its database; give the libpq URL.

        Raises:
            Unavailable: it does not start; the message holds the end of its log.
            Refused: somebody else's PostgreSQL runs in this directory.
        """
        prepare_directory(self.directory, None, 0o711)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._password = (self.directory / "password").read_text(encoding="ascii").strip()
        self._end_orphans()
        self._launch()
        self._create_database()
        return self.conninfo()

    def stop(self) -> None:
        """Stop it: sessions are ended, everything is on disk."""
        self._process.stop([(signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)])

    def kill(self) -> None:
        """SIGKILL the postmaster, as the kernel does when memory runs out; the next start recovers.

        Its children notice and end by themselves; `start` waits for them.
        """
        self._process.kill()

    def restart(self) -> str:
        """Stop it and start it on the same port."""
        self.stop()
        return self.start()

    def _initialise(self) -> None:
        """Run initdb in a fresh directory; an attempt that was cut short is begun anew."""
        shutil.rmtree(self.data, ignore_errors=True)
        prepare_directory(self.data, self._account, 0o700)
        password_path = self.directory / "password"
        password_path.touch(mode=0o600)
        password_path.write_text(secrets.token_urlsafe(24), encoding="ascii")
        if self._account is not None:  # initdb reads it as that account
            os.chown(password_path, self._account.uid, self._account.gid)
        command = [
            *(str(self._bin / "initdb"), "--pgdata", str(self.data), "--username", USER),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions", "--no-sync"),
            *("--auth", "scram-sha-256", "--pwfile", str(password_path)),
        ]
        done = subprocess.run(
            as_account(command, self._account),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=clean_environment(),
            check=False,
        )
        if done.returncode != 0:
            (self.data / "PG_VERSION").unlink(missing_ok=True)
            raise Unavailable(f"initdb failed:\n{done.stdout.decode()}", code="service_start")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include 'sapar.conf'\n")

    def _launch(self) -> None:
        """Start the postmaster; a port that somebody took meanwhile is exchanged for another."""
        for attempt in (1, 2, 3):
            self.port = free_port(self.port)
            self._write_settings()
            command = [str(self._bin / "postgres"), "-D", str(self.data)]
            try:
                self._process.start(command, self._ready, _START_TIMEOUT_S)
            except Unavailable:
                if attempt == 3 or free_port(self.port) == self.port:
                    raise
            else:
                return

    def _write_settings(self) -> None:
        lines = [f"{name} = '{value}'" for name, value in self._settings.items()]
        text = "\n".join([*lines, f"port = {self.port}", ""])
        path = self.data / "sapar.conf"
        path.write_text(text, encoding="utf-8")
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _ready(self, pid: int) -> bool:
        """Read postmaster.pid as pg_ctl does: our process, and it says that it is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return (
            len(lines) > _STATUS_LINE
            and lines[0].strip() == str(pid)
            and lines[_STATUS_LINE].strip() == "ready"
        )

    def _create_database(self) -> None:
        with connect(self.conninfo("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
            ).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _end_orphans(self) -> None:
        """Wait for what a killed postmaster left behind, then end it.

        Backends hold the old shared memory until they notice that the postmaster is gone; one in
        the middle of a long computation notices late, and PostgreSQL refuses to start meanwhile.
        """
        deadline = time.monotonic() + _ORPHAN_PATIENCE_S
        while orphans := _processes_in(self.data):
            if time.monotonic() > deadline:
                if self._recorded_postmaster() in orphans:
                    raise Refused(
                        f"a PostgreSQL is running in {self.data}",
                        code="directory_in_use",
                        hint="Stop whoever started it first.",
                    )
                for pid in orphans:
                    _end(pid)
            time.sleep(0.05)

    def _recorded_postmaster(self) -> int | None:
        """Give the process id that postmaster.pid names, whether it lives or not."""
        try:
            first = (self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        except FileNotFoundError:
            return None
        return int(first) if first.strip().isdigit() else None


def _processes_in(directory: Path) -> list[int]:
    """List processes that work in `directory`; every process of a cluster works in its data."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == directory:
                    found.append(int(entry.name))
            except OSError:  # it ended meanwhile, or it is not ours to look at
                continue
    return found


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _has_lz4(folder: Path) -> bool:
    """Tell whether the server was built with lz4, which costs a fifth of the time of its own.

    The program names the library that it is linked with; a value that it does not know would keep
    it from starting.
    """
    return b"liblz4" in (folder / "postgres").read_bytes()


def find_postgres_bin() -> Path:
    """Give the folder with the programs of the newest PostgreSQL that has TimescaleDB.

    Raises:
        Unavailable: there is none on this machine.
    """
    # Debian's layout: several versions side by side, libraries beside the programs.
    versions = sorted(
        (int(path.parent.parent.name), path.parent.parent / "bin")
        for path in Path("/usr/lib/postgresql").glob("[0-9]*/lib/timescaledb.so")
        if path.parent.parent.name.isdigit()
    )
    for _, folder in reversed(versions):
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    elsewhere = _from_pg_config()
    if elsewhere is not None:
        return elsewhere
    raise Unavailable(
        "no PostgreSQL with TimescaleDB on this machine", code="no_postgres", hint="Run make setup."
    )


def _from_pg_config() -> Path | None:
    if shutil.which("pg_config") is None:
        return None
    answer = subprocess.run(
        ["pg_config", "--bindir", "--pkglibdir"], capture_output=True, text=True, check=False
    ).stdout.split("\n")
    folder, libraries = Path(answer[0]), Path(answer[1] if len(answer) > 1 else "")
    if (folder / "initdb").exists() and (libraries / "timescaledb.so").exists():
        return folder
    return None
