"""Parts as processes of their own: started, watched, restarted after a crash, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sapar.core.errors import Unavailable
from sapar.deploy.native.process import as_account

_RESTART_PAUSE_S = 1.0
_STOP_PATIENCE_S = 8.0
_LOG_TAIL_BYTES = 1500


@dataclass(slots=True)
class Part:
    """A process of the product.

    Attributes:
        name: what people call it; also names its log.
        arguments: command line after `sapar`.
        ends: it may end by itself with status 0 and is not started again then.
    """

    name: str
    arguments: Sequence[str]
    ends: bool = False
    process: subprocess.Popen[bytes] | None = None
    restart_at_s: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps parts running.

    Attributes:
        environment: what every part gets over our own environment.
        log_dir: one log file a part, begun anew each time.
        restarts: how often each part was started again.
    """

    environment: Mapping[str, str]
    log_dir: Path
    parts: list[Part] = field(default_factory=list)
    restarts: Counter[str] = field(default_factory=Counter)

    def start(self, part: Part) -> None:
        """Start a part and keep it running from now on."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self.log_path(part).unlink(missing_ok=True)
        self.parts.append(part)
        self._launch(part)

    def log_path(self, part: Part) -> Path:
        """Name the log of a part."""
        return self.log_dir / f"{part.name}.log"

    def poll(self) -> list[str]:
        """Start crashed parts again after a pause; give a sentence for each that has crashed."""
        said = []
        for part in self.parts:
            process = part.process
            if process is None:
                if part.restart_at_s and time.monotonic() >= part.restart_at_s:
                    self._launch(part)
                continue
            status = process.poll()
            if status is None:
                continue
            part.process = None
            part.restart_at_s = 0.0
            if part.ends and status == 0:
                continue
            self.restarts[part.name] += 1
            part.restart_at_s = time.monotonic() + _RESTART_PAUSE_S
            said.append(f"{part.name} ended with status {status} and is started again")
        return said

    def stop(self, *names: str, patience_s: float = _STOP_PATIENCE_S) -> None:
        """Ask parts to stop (all of them without names), wait, and end those that do not."""
        chosen = [part for part in self.parts if not names or part.name in names]
        for part in chosen:
            part.restart_at_s = 0.0
            if part.process is not None:
                part.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        for part in chosen:
            if part.process is None:
                continue
            try:
                part.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()
            part.process = None
        self.parts = [part for part in self.parts if part not in chosen]

    def get(self, name: str) -> Part:
        """Give the part of that name."""
        return next(part for part in self.parts if part.name == name)

    def check_started(self, part: Part) -> None:
        """Raise `Unavailable` with the end of its log when a part has ended already."""
        if part.process is None or part.process.poll() is not None:
            raise Unavailable(
                f"{part.name} did not start; the end of {self.log_path(part)}:\n"
                + self.log_tail(part),
                code="part_start",
            )

    def log_tail(self, part: Part) -> str:
        """Give the end of a part's log."""
        try:
            text = self.log_path(part).read_bytes()[-_LOG_TAIL_BYTES:]
        except FileNotFoundError:
            return ""
        return text.decode(errors="replace")

    def _launch(self, part: Part) -> None:
        command = [sys.executable, "-m", "sapar.cli.main", *part.arguments]
        part.restart_at_s = 0.0
        with self.log_path(part).open("ab") as log:
            part.process = subprocess.Popen(
                # When we are killed the kernel ends our parts: nothing is left behind.
                as_account(command, None, "TERM"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
