"""The fault-injection proof: parts are killed under load, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sapar.cli.bench.kill_devices import FleetOptions
from sapar.cli.bench.kill_line import Line, holds
from sapar.cli.bench.kill_plan import Kill, Target, count_kills, plan_kills
from sapar.core.clock import SystemClock
from sapar.core.log import configure_logging
from sapar.core.settings import Settings
from sapar.deploy.native import (
    MosquittoBroker,
    PostgresCluster,
    hold_directory,
    state_directory,
)

_LEAD_S = 2.0  # of undisturbed load before the first kill and after the last
_POLL_S = 0.05
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class KillOptions:
    """What is killed how often, while `fleet` speaks.

    Attributes:
        seed: of the plan; seconds: wall seconds over which the kills are spread.
    """

    seed: int = 1
    seconds: float = 120.0
    worker_kills: int = 20
    postgres_kills: int = 3
    broker_kills: int = 3
    fleet: FleetOptions = field(default_factory=FleetOptions)


def run_kills(options: KillOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the proof in this checkout's directory for services; give the report.

    See `Line.finish` for the report, to which the kills that were done are added.
    """
    # a device's lost connection is what this is about, not news
    configure_logging(Settings(log_level="WARNING", log_json=False), "kills")
    directory = state_directory(Path.cwd()) / "bench"
    with hold_directory(directory), Line(directory, options.fleet, say=say) as line:
        return kill_and_compare(line, options)


def kill_and_compare(line: Line, options: KillOptions) -> dict[str, Any]:
    """Kill parts of a running line by plan, let it come to rest, and compare."""
    plan = plan_kills(
        options.seed,
        options.seconds,
        line.workers,
        options.worker_kills,
        options.postgres_kills,
        options.broker_kills,
    )
    line.wait(_LEAD_S)
    restarts_before = line.restarts
    killer = Killer(line, plan)
    killer.run()
    line.wait(_LEAD_S)
    line.until(killer.workers_run, "a worker does not come back")
    ended = line.restarts - restarts_before - killer.done["worker"]
    report = line.finish()
    return {
        "seed": options.seed,
        "seconds": round(killer.duration_s, 1),
        **report,
        "worker_kills": killer.done["worker"],
        "postgres_kills": killer.done["postgres"],
        "broker_kills": killer.done["broker"],
        "parts_ended_by_themselves": ended,
        "passed": holds(report)
        and all(killer.done[target] == count_kills(plan, target) for target in killer.done),
    }


class Killer:
    """Carries a plan out, from the main thread: services end with the thread that started them.

    Attributes:
        done: kills so far; duration_s: wall seconds that the plan took.
    """

    def __init__(self, line: Line, plan: list[Kill]) -> None:
        self.done: dict[Target, int] = {"worker": 0, "postgres": 0, "broker": 0}
        self.duration_s = 0.0
        self._line = line
        self._clock = SystemClock()
        self._due = deque(plan)
        self._returns: dict[Target, float] = {}
        self._killed: set[int] = set()

    def run(self) -> None:
        """Kill, start again, and so on until the plan is done and all services run."""
        start_s = self._clock.monotonic()
        while self._due or self._returns:
            now_s = self._clock.monotonic() - start_s
            self._bring_back(now_s)
            waiting: deque[Kill] = deque()
            while self._due and self._due[0].at_s <= now_s:
                kill = self._due.popleft()
                if not self._carry_out(kill, now_s):
                    waiting.append(kill)  # its victim is down: a little later
            self._due.extendleft(reversed(waiting))
            self._line.wait(_POLL_S)
        self.duration_s = self._clock.monotonic() - start_s

    def workers_run(self) -> bool:
        """Tell whether every worker runs."""
        return all(self._line.worker_pid(n) is not None for n in range(self._line.workers))

    def _carry_out(self, kill: Kill, now_s: float) -> bool:
        line = self._line
        if kill.target == "worker":
            pid = line.worker_pid(kill.worker)
            if pid is None or pid in self._killed:  # it may take a moment to be gone
                return False
            os.kill(pid, signal.SIGKILL)
            self._killed.add(pid)
        elif kill.target in self._returns:
            return False
        else:
            self._service(kill.target).kill()
            self._returns[kill.target] = now_s + kill.down_s
        self.done[kill.target] += 1
        who = f"worker {kill.worker}" if kill.target == "worker" else kill.target
        line.say(f"{now_s:6.1f} s: killed {who}")
        return True

    def _bring_back(self, now_s: float) -> None:
        for target, at_s in list(self._returns.items()):
            if now_s >= at_s:
                self._service(target).start()
                del self._returns[target]

    def _service(self, target: Target) -> PostgresCluster | MosquittoBroker:
        stack = self._line.stack
        return stack.postgres if target == "postgres" else stack.broker
