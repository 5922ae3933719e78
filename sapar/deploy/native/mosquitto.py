"""A private Mosquitto: start, stop, kill and reload; what it allows is its caller's text."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from sapar.core.errors import Unavailable
from sapar.deploy.native.places import listening, prepare_directory, service_account
from sapar.deploy.native.process import ServiceProcess, handles

CONFIG_NAME = "mosquitto.conf"
LOG_NAME = "mosquitto.log"
PID_NAME = "mosquitto.pid"

_START_TIMEOUT_S = 20.0
# Mosquitto writes its whole store to disk when it stops; with a long queue that takes a while.
_STOP_PATIENCE_S = 60.0
# Set-group-ID: a password file that root writes here later belongs to the broker's group, and
# nobody else can walk in, whatever the file's own mode.
_DIRECTORY_MODE = 0o2750


class MosquittoBroker:
    """A Mosquitto whose files all lie in one directory.

    The configuration must name its listeners itself and write its log to `log_path` (or to
    standard error, which lands there too). Files that it reads again on `reload` (passwords,
    access) must be readable for the group.

    Args:
        directory: holds configuration, passwords, access rules, persistence, log and pid; the
            broker's account must be able to walk to it.
        ports: loopback ports of its listeners: it is ready when all of them accept.
    """

    def __init__(self, directory: Path, ports: Sequence[int]) -> None:
        self.directory = directory.resolve()
        self.ports = tuple(ports)
        self.log_path = self.directory / LOG_NAME
        self.pid_path = self.directory / PID_NAME
        self._account = service_account("mosquitto", "nobody")
        # SIGTERM when the supervisor dies: it still saves its sessions and queues.
        self._process = ServiceProcess("mosquitto", self.log_path, self._account, "TERM")
        prepare_directory(self.directory, self._account, _DIRECTORY_MODE)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.running

    def configure(self, config: str) -> None:
        """Write the configuration for the next start or reload."""
        (self.directory / CONFIG_NAME).write_text(config, encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until every listener accepts.

        Raises:
            Unavailable: it is not installed, refused its configuration or found a port taken.
        """
        self._hand_over()
        command = [find_mosquitto(), "-c", str(self.directory / CONFIG_NAME)]
        self._process.start(command, self._ready, _START_TIMEOUT_S)
        self.pid_path.write_text(f"{self._process.pid}\n", encoding="ascii")

    def stop(self) -> None:
        """Stop it politely: sessions and queued messages are saved."""
        self._process.stop([(signal.SIGTERM, _STOP_PATIENCE_S)])
        self.pid_path.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a power cut would: what was not saved yet is gone."""
        self._process.kill()
        self.pid_path.unlink(missing_ok=True)

    def reload(self) -> None:
        """Have it read passwords and access rules again; connections stay open."""
        self._hand_over()
        self._process.send(signal.SIGHUP)

    def _ready(self, pid: int) -> bool:
        # It listens before it handles signals, and an unhandled SIGHUP would end it.
        return all(listening(port) for port in self.ports) and handles(pid, signal.SIGHUP)

    def _hand_over(self) -> None:
        """Give every file in the directory to the account that will read it."""
        if self._account is None:
            return
        for path in self.directory.iterdir():
            if not path.is_symlink():
                os.chown(path, self._account.uid, self._account.gid)


def find_mosquitto() -> str:
    """Give the path of the broker's program.

    Raises:
        Unavailable: it is not installed.
    """
    # Debian puts it where only root's PATH leads.
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise Unavailable("mosquitto is not installed", code="no_mosquitto", hint="Run make setup.")
    return found
