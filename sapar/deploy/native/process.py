"""One service process: started as an unprivileged account, ended with us, stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sapar.core.errors import Unavailable
from sapar.deploy.native.places import Account

_POLL_S = 0.02
_LOG_TAIL_BYTES = 2000


def as_account(
    command: Sequence[str], account: Account | None, parent_death: str = "KILL"
) -> list[str]:
    """Wrap `command` so that it runs as `account` and gets signal `parent_death` when we die.

    `setpriv` (util-linux, part of every Debian) sets the signal last, after the change of account,
    because the kernel forgets it there. It is bound to the thread that started the process: start
    services from a thread that lives as long as they should.
    """
    wrapper = ["setpriv", f"--pdeathsig={parent_death}"]
    if account is not None:
        wrapper += [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    return [*wrapper, "--", *command]


def clean_environment() -> dict[str, str]:
    """Give the environment for a service: nothing of the caller's that would change it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def handles(pid: int, signal_number: signal.Signals) -> bool:
    """Tell whether process `pid` has a handler for a signal."""
    try:
        status = Path("/proc", str(pid), "status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return bool(int(fields["SigCgt"], 16) >> (signal_number - 1) & 1)


class ServiceProcess:
    """A child process with its log file.

    Args:
        name: what error messages call it.
        log_path: receives what it prints, appended.
        account: whom it runs as, None for ourselves.
        parent_death: signal it gets when we die without stopping it.
    """

    def __init__(
        self, name: str, log_path: Path, account: Account | None, parent_death: str
    ) -> None:
        self._name = name
        self._log_path = log_path
        self._account = account
        self._parent_death = parent_death
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str], ready: Callable[[int], bool], timeout_s: float) -> None:
        """Start `command` and wait until `ready(pid)` says that it serves.

        Raises:
            Unavailable: it ended, or was not ready in time; the log's end is in the message.
        """
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                as_account(command, self._account, self._parent_death),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                # Ctrl-C goes to the terminal's process group; services are stopped in order.
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_s
        while not ready(self._process.pid):
            if not self.running or time.monotonic() > deadline:
                ended = f"ended with {self._process.poll()}" if not self.running else "is not ready"
                self.kill()
                raise Unavailable(
                    f"{self._name} {ended}; the end of {self._log_path}:\n{self.log_tail()}",
                    code="service_start",
                )
            time.sleep(_POLL_S)

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._process is not None and self.running:
            self._process.send_signal(signal_number)

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal and wait its seconds, from polite to rude; SIGKILL ends the list."""
        for signal_number, patience_s in steps:
            self.send(signal_number)
            if self._wait(patience_s):
                return
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL) and take its exit status."""
        self.send(signal.SIGKILL)
        self._wait(None)

    def _wait(self, timeout_s: float | None) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log_tail(self) -> str:
        """Give the end of the log."""
        try:
            text = self._log_path.read_bytes()[-_LOG_TAIL_BYTES:]
        except FileNotFoundError:
            return ""
        return text.decode(errors="replace").strip()
