"""The only place that reads the machine's clock.

Two times are kept apart. *Transit time* (`time`, `now`) is what devices stamp and timetables
speak of; a replay or a simulated day shifts and speeds it up, and all parts share it. *Wall time*
(`wall`, `monotonic`) is for latencies, timeouts and back-off, and no setting touches it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every part asks for the time."""

    @property
    def rate(self) -> float:
        """Seconds of transit time that pass in one wall second."""
        ...

    def time(self) -> float:
        """Transit time in Unix seconds."""
        ...

    def now(self) -> datetime:
        """Transit time as an aware UTC datetime."""
        ...

    def wall(self) -> float:
        """Wall time in Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Wall seconds from an arbitrary start that never go back."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` seconds of transit time."""
        ...


class ScaledClock:
    """Transit time that stood at `origin_time_s` when the wall stood at `origin_wall_s`.

    Args:
        origin_wall_s: Unix wall seconds of the common start; every part is given the same.
        origin_time_s: Unix transit seconds at that moment.
        rate: seconds of transit time a wall second, > 0.
    """

    def __init__(self, origin_wall_s: float, origin_time_s: float, rate: float = 1.0) -> None:
        if rate <= 0:
            raise ValueError("rate must be positive")
        self._origin_wall_s = origin_wall_s
        self._origin_time_s = origin_time_s
        self._rate = rate

    @property
    def rate(self) -> float:
        """Seconds of transit time that pass in one wall second."""
        return self._rate

    def time(self) -> float:
        """Transit time in Unix seconds."""
        return self.time_at(time.time())

    def now(self) -> datetime:
        """Transit time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    def wall(self) -> float:
        """Wall time in Unix seconds."""
        return time.time()

    def wall_at(self, time_s: float) -> float:
        """Wall time at which transit time is `time_s`, both in Unix seconds."""
        return self._origin_wall_s + (time_s - self._origin_time_s) / self._rate

    def time_at(self, wall_s: float) -> float:
        """Transit time when the wall stands at `wall_s`, both in Unix seconds."""
        return self._origin_time_s + (wall_s - self._origin_wall_s) * self._rate

    def monotonic(self) -> float:
        """Wall seconds from an arbitrary start that never go back."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` seconds of transit time."""
        await asyncio.sleep(max(0.0, duration_s) / self._rate)


class SystemClock(ScaledClock):
    """Transit time is wall time."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, 1.0)


class ManualClock:
    """A clock for tests and for runs in simulated time: it moves only when told to."""

    rate = 1.0

    def __init__(self, time_s: float = 1_700_000_000.0) -> None:
        self._time_s = time_s

    def set(self, time_s: float) -> None:
        """Put the clock at `time_s` Unix seconds."""
        self._time_s = time_s

    def advance(self, duration_s: float) -> None:
        """Move the clock on by `duration_s` seconds."""
        self._time_s += duration_s

    def time(self) -> float:
        """Transit time in Unix seconds."""
        return self._time_s

    def now(self) -> datetime:
        """Transit time as an aware UTC datetime."""
        return datetime.fromtimestamp(self._time_s, UTC)

    def wall(self) -> float:
        """Wall time in Unix seconds: here the same as transit time."""
        return self._time_s

    def monotonic(self) -> float:
        """Wall seconds from an arbitrary start: here the same as transit time."""
        return self._time_s

    async def sleep(self, duration_s: float) -> None:
        """Move the clock on by `duration_s` and let other tasks run."""
        self.advance(max(0.0, duration_s))
        await asyncio.sleep(0)
