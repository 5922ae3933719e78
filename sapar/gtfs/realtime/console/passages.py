"""Who passed each post last, and how regular the passages of the last hour were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

EVEN_LOW, EVEN_HIGH = 0.5, 1.5
"""A headway is regular between these shares of the planned one."""
_BIN_S, _BINS = 300.0, 12
_LONG = 4.0  # so many planned headways are a break in service, not a headway of it
_LONG_LEAST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Regularity:
    """Regularity of groups over the last hour; NaN without passages.

    Attributes:
        share: of the headways that lie between half and one and a half of the planned one.
        excess_wait_s: mean wait of riders who come at random, less what the plan has them wait.
    """

    share: Floats
    excess_wait_s: Floats


class Passages:
    """Passages of the buses of one fleet on one timetable.

    Attributes:
        last_s, last_slot: the newest passage of each post, -inf and `NO` for none.
        before_s, before_slot: the one before it, by another bus.
    """

    def __init__(self, timetable: Timetable, posts: Posts) -> None:
        self._first_row = timetable.trips.st_begin
        self._posts = posts
        self.last_s = np.full(posts.count, -np.inf)
        self.last_slot = np.full(posts.count, NO, np.int64)
        self.before_s = np.full(posts.count, -np.inf)
        self.before_slot = np.full(posts.count, NO, np.int64)
        self._seen: dict[str, NDArray[np.generic]] = {}
        self._bins = np.zeros((_BINS, 6, len(posts)))
        self._bin = 0

    def note(self, fleet: FleetState, now_s: float) -> None:
        """Take what buses reached since the last look."""
        count = len(fleet)
        names = ("trip", "day", "start_s", "reached_row", "reached_s", "left_s")
        now = {name: fleet[name][:count].copy() for name in names}
        was = self._padded(count)
        self._seen = now
        row = now["reached_row"].astype(np.int64)
        moved = (row != NO) & (now["trip"] != NO)
        moved &= (row != was["reached_row"]) | (now["trip"] != was["trip"])
        slots = np.flatnonzero(moved)
        # at the end of a run the call reached last may still be of the run before
        of_row = self._posts.trip_of_row
        slots = slots[of_row[row[slots]] == fleet.ints("trip")[slots]]
        if not len(slots):
            return
        row = row[slots]
        trip = fleet.ints("trip")[slots]
        first = row == self._first_row[trip]
        reached_s, left_s = fleet.floats("reached_s")[slots], fleet.floats("left_s")[slots]
        at_s = np.where(first | ~np.isfinite(reached_s), left_s, reached_s)
        at_s = np.where(np.isfinite(at_s), at_s, fleet.floats("time_s")[slots])
        same = (now["trip"] == was["trip"]) & (now["day"] == was["day"])
        same &= (now["start_s"] == was["start_s"]) & (was["reached_row"] != NO)
        from_row = was["reached_row"][slots].astype(np.int64)
        from_s = was["left_s"][slots].astype(np.float64)
        same_trip = of_row[np.maximum(from_row, 0)] == trip
        follows = same[slots] & same_trip & (from_row < row)
        follows &= np.isfinite(from_s) & (from_s <= at_s)
        low = np.where(follows, from_row + 1, row)
        rows, owner, _ = expand(low, row + 1)
        steps = np.maximum(row - np.where(follows, from_row, row - 1), 1)[owner]
        share = (rows - low[owner] + 1) / steps
        start = np.where(follows, from_s, at_s)[owner]
        self._take(fleet, slots[owner], rows, start + share * (at_s[owner] - start), now_s)

    def _padded(self, count: int) -> dict[str, NDArray[np.generic]]:
        """Give what was seen last, with rows for vehicles that are new."""
        empty = {"trip": NO, "day": NO, "start_s": 0, "reached_row": NO}
        padded: dict[str, NDArray[np.generic]] = {}
        for name in ("trip", "day", "start_s", "reached_row", "left_s"):
            old = self._seen.get(name, np.zeros(0))
            fill = np.full(count - len(old), empty.get(name, np.nan))
            padded[name] = np.concatenate((old, fill))
        return padded

    def _take(
        self, fleet: FleetState, slots: Longs, rows: Longs, time_s: Floats, now_s: float
    ) -> None:
        order = np.argsort(time_s, kind="stable")
        slots, rows, time_s = slots[order], rows[order], time_s[order]
        post = self._posts.of_row[rows]
        trip, day, start_s = (fleet.ints(name)[slots] for name in ("trip", "day", "start_s"))
        planned = self._posts.planned_s(rows, trip, day, start_s)
        headway = np.full(len(rows), np.nan)
        # two buses at one post within a look are rare: one after the other, in order of time
        for at in _rounds(post):
            here = post[at]
            other = self.last_slot[here] != slots[at]
            later = time_s[at] >= self.last_s[here]
            use = other & later
            headway[at[use]] = time_s[at[use]] - self.last_s[here[use]]
            push = here[use]
            self.before_s[push], self.before_slot[push] = self.last_s[push], self.last_slot[push]
            take = later
            self.last_s[here[take]] = time_s[at[take]]
            self.last_slot[here[take]] = slots[at[take]]
        self._count(self._posts.group_of_trip[trip], headway, planned, now_s)

    def _count(self, group: Longs, headway: Floats, planned: Floats, now_s: float) -> None:
        self._turn(now_s)
        most = np.maximum(_LONG * planned, _LONG_LEAST_S)
        use = np.isfinite(headway) & np.isfinite(planned) & (headway <= most)
        g, h, p = group[use], headway[use], planned[use]
        if not len(g):
            return
        even = (h >= EVEN_LOW * p) & (h <= EVEN_HIGH * p)
        sums = self._bins[self._bin % _BINS]
        for number, value in enumerate((np.ones(len(g)), even, h, h * h, p, p * p)):
            sums[number] += np.bincount(g, value, sums.shape[1])

    def _turn(self, now_s: float) -> None:
        """Begin new bins as time goes on; a clock that jumps leaves none of the old ones."""
        number = int(now_s // _BIN_S)
        for old in range(min(abs(number - self._bin), _BINS)):
            self._bins[(number - old) % _BINS] = 0.0
        self._bin = number

    def regularity(self, now_s: float) -> Regularity:
        """Give the regularity of all groups."""
        self._turn(now_s)
        count, even, h, h2, p, p2 = self._bins.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return Regularity(even / count, excess_wait_s(h, h2, p, p2))


def excess_wait_s(h: Floats, h2: Floats, p: Floats, p2: Floats) -> Floats:
    """Give the excess waiting time from sums of headways and their squares.

    Riders who come at random wait half the square of a headway for each second of it: on average
    sum(h^2) / (2 sum(h)). The excess is that of the headways driven less that of those planned
    (Transport for London's measure of high-frequency routes; Trompet, Liu and Graham 2011,
    "Development of key performance indicator to compare regularity of service between urban bus
    operators").
    """
    return h2 / (2 * h) - p2 / (2 * p)


def _rounds(post: NDArray[np.int32]) -> list[Longs]:
    """Split rows so that no post stands twice in a part; order within a post is kept."""
    order = np.argsort(post, kind="stable")
    sorted_post = post[order]
    new = np.append(True, sorted_post[1:] != sorted_post[:-1])
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    number = np.arange(len(order)) - start
    return [order[number == n] for n in range(int(number.max(initial=-1)) + 1)]
