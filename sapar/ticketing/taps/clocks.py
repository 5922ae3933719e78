"""Times of taps whose device did not know the time, corrected with evidence.

A device without GNSS and network keeps its own clock, which may be wrong by weeks (what is further
off is refused); its `uptime_ms`, which nobody sets, is right all the same. A tap of the same boot
(same `boot_no`) whose clock was set gives the difference between the two: corrected time = its time
- its uptime + the tap's uptime.
Of several such taps the nearest by sequence number counts, the earlier one of two equally near.
Without any the time as sent stands. The answer follows from what is stored, in whatever order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sapar.core.db import AsyncConnection
from sapar.ticketing.taps import store
from sapar.ticketing.taps.evidence import Evidence

SYNCHRONIZED = frozenset({None, "gnss", "ntp"})
"""Sources of a clock that is right; a device that names none is believed."""

UPTIME_MAX_MS = 10 * 366 * 86_400_000
"""No device runs for longer: an uptime beyond it tells nothing of the time."""


class Beacon(NamedTuple):
    """A tap whose time is right: what its device's uptime is worth.

    In the order of which one counts for a tap, given how far away it is.
    """

    seq: int
    time_ms: int
    uptime_ms: int


Boot = tuple[int, int, int]
"""(device_no, epoch, boot_no)."""


def corrected_ms(tap: Evidence, beacons: Iterable[Beacon]) -> int:
    """Give the corrected time of a tap whose clock was not set; as sent where nothing helps."""
    best = min(beacons, key=lambda one: (abs(one.seq - tap.seq), one), default=None)
    if best is None or tap.uptime_ms is None:
        return tap.device_ms
    return best.time_ms - best.uptime_ms + tap.uptime_ms


def _boot(tap: Evidence) -> Boot | None:
    return None if tap.boot_no is None else (tap.device_no, tap.epoch, tap.boot_no)


def _tells(tap: Evidence) -> bool:
    """Tell whether a tap's uptime is of use: sealed, and no longer than a device can run."""
    return tap.sealed is None and tap.uptime_ms is not None and tap.uptime_ms <= UPTIME_MAX_MS


async def correct_clocks(connection: AsyncConnection, new: Sequence[Evidence]) -> list[Evidence]:
    """Correct the times of new taps, and of stored ones that new taps say more about.

    Args:
        connection: in the transaction that holds the locks of the devices' sequences.
        new: taps that are about to be stored; their `event_ms` is set.

    Returns:
        The stored taps whose time is another now, with `event_ms` set.
    """
    told: dict[Boot, list[Beacon]] = {}
    asking: list[Evidence] = []
    for tap in new:
        boot = _boot(tap)
        if boot is None or tap.uptime_ms is None or not _tells(tap):
            continue
        if tap.synchronized:
            told.setdefault(boot, []).append(Beacon(tap.seq, tap.device_ms, tap.uptime_ms))
        else:
            asking.append(tap)
    stored = await store.load_unsynchronized(connection, sorted(told)) if told else []
    asking += [tap for tap in stored if _tells(tap)]
    if not asking:
        return []
    known = await store.load_neighbours(connection, asking, UPTIME_MAX_MS)
    moved: list[Evidence] = []
    for tap in asking:
        beacons = [*(Beacon(*row) for row in known.get(tap.tap_no, ()))]
        beacons += told.get((tap.device_no, tap.epoch, tap.boot_no or 0), ())
        event_ms = corrected_ms(tap, beacons)
        if event_ms != tap.event_ms:
            tap.event_ms = event_ms
            if tap.judged is not None:
                moved.append(tap)
    return moved
