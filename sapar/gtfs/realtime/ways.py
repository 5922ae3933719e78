"""Runs that are led round closed streets: the calls they leave out, and where they drive. Pure.

A run that is led round has *led legs*: those between the last call before a detour and the first
one after it, with the calls in between left out. On a led leg a bus may be on the line of the
timetable or on the drawn path; its place is on the nearer one. Places on the path are counted in
metres of the timetable's line, from where it is left to where it is joined, so that they compare
with all others; how much longer the path is counts for the time that a led leg takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, cumulative_m
from sapar.gtfs.realtime.detours import LineDetour, along_path
from sapar.gtfs.realtime.lattice import Lattice, project_on_legs
from sapar.gtfs.realtime.modifications import Modification
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
LedRuns = Mapping[tuple[int, int], Modification]
"""How trips (rows) are led round on dates (ordinals)."""

DRAWN_TOLERANCE_M = 45.0
"""A path is drawn by hand: a fix may well be so far off it."""
_ON_PATH_M = 90.0
_OFF_LINE_M = 60.0
_END_M = 0.5  # of the line, on which buses come to the path and leave it
_DAYS = 1 << 20  # more than any ordinal of a date


def _none() -> Longs:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Ways:
    """The led runs of a moment; without arguments: none.

    Attributes:
        trip_of_row, first_row: as in the lattice.
        keys: trip and date of each led run, sorted; begin: where its calls are in the columns.
        served: of each call, the number on its trip of the next one that is not left out.
        opens: the number of the call that its leg begins with: its own, or the first one left out
            before it.
        passed_over: calls left out before it.
        leg: number of its led leg, -1 where it has none.
        stretch: how many times longer than on the line of the timetable its leg is.
        leg_begin, x, y, m, driven_m: led leg n has the line of the timetable from row
            leg_begin[2 n], and the way round from leg_begin[2 n + 1]; metres driven besides.
    """

    trip_of_row: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    first_row: Longs = field(default_factory=_none)
    keys: Longs = field(default_factory=_none)
    begin: Longs = field(default_factory=_none)
    served: Longs = field(default_factory=_none)
    opens: Longs = field(default_factory=_none)
    passed_over: Longs = field(default_factory=_none)
    leg: Longs = field(default_factory=_none)
    stretch: Floats = field(default_factory=lambda: np.zeros(0))
    leg_begin: Longs = field(default_factory=_none)
    x: Floats = field(default_factory=lambda: np.zeros(0))
    y: Floats = field(default_factory=lambda: np.zeros(0))
    m: Floats = field(default_factory=lambda: np.zeros(0))
    driven_m: Floats = field(default_factory=lambda: np.zeros(0))

    def __bool__(self) -> bool:
        return len(self.keys) > 0

    def serving(self, row: Longs, day: Ints) -> Longs:
        """Give the next calls that are not left out, at or after calls."""
        return self._of_trip(self.served, row, day)

    def opening(self, row: Longs, day: Ints) -> Longs:
        """Give the calls with which the legs to calls begin: all but the first are left out."""
        return self._of_trip(self.opens, row, day)

    def left_out(self, row: Longs, day: Ints) -> Bools:
        """Tell which calls are left out."""
        result: Bools = self.serving(row, day) != row
        return result

    def calls_left_out(self, row: Longs, day: Ints) -> Longs:
        """Count the calls of the same runs that are left out before calls."""
        if not self:
            return np.zeros(len(row), np.int64)
        call = self._call(row, day)
        return np.where(call >= 0, self.passed_over[call], 0)

    def led(self, row: Longs, day: Ints) -> Bools:
        """Tell which calls lie at the end of a led leg."""
        if not self:
            return np.zeros(len(row), np.bool_)
        result: Bools = self._leg(row, day) >= 0
        return result

    def project(
        self, lattice: Lattice, row: Longs, day: Ints, x: Floats, y: Floats
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Find the nearest places on the legs to calls, on either line of those that are led.

        Returns:
            (along_m, off_m, east, north, tolerance_m), as `Lattice.project` has them.
        """
        leg = lattice.leg_of_row[row]
        if not self:
            return (*lattice.project(leg, x, y), lattice.tolerance_m[leg])
        along, off, east, north = lattice.project(leg, x, y)
        tolerance = lattice.tolerance_m[leg]
        led = self._leg(row, day)
        at = np.flatnonzero(led >= 0)
        if not len(at):
            return along, off, east, north, tolerance
        plain = self._project(2 * led[at], x[at], y[at])
        path = self._project(2 * led[at] + 1, x[at], y[at])
        nearer = path[1] < plain[1]
        for found, one, other in zip((along, off, east, north), plain, path, strict=True):
            found[at] = np.where(nearer, other, one)
        tolerance[at] = np.where(nearer, DRAWN_TOLERANCE_M, tolerance[at])
        return along, off, east, north, tolerance

    def on_path(self, row: Longs, day: Ints, x: Floats, y: Floats) -> Bools:
        """Tell which places are on a drawn path, and off the line of the timetable."""
        found = np.zeros(len(row), np.bool_)
        if not self:
            return found
        led = self._leg(row, day)
        at = np.flatnonzero(led >= 0)
        if len(at):
            off = self._project(2 * led[at], x[at], y[at])[1]
            off_path = self._project(2 * led[at] + 1, x[at], y[at])[1]
            found[at] = (off > _OFF_LINE_M) & (off_path <= _ON_PATH_M) & (off_path < off)
        return found

    def took(self, row: Longs, day: Ints, of_rows: Callable[[Longs], Floats]) -> Floats:
        """Give what the legs to calls take: those left out included, at the speed of `of_rows`."""
        if not self:
            return of_rows(row)
        call = self._call(row, day)
        first = self.opening(row, day)
        rows, _, begin = expand(first, row + 1)
        result: Floats = np.add.reduceat(of_rows(rows), begin) if len(rows) else np.zeros(0)
        return result * np.where(call >= 0, self.stretch[call], 1.0)

    def left_share(self, row: Longs, day: Ints, along_m: Floats, plain: Floats) -> Floats:
        """Give how much of the legs to calls is left to drive; `plain` where none is led."""
        if not self:
            return plain
        share, legs = plain.copy(), self._leg(row, day)
        for number in np.flatnonzero(legs >= 0).tolist():
            way = slice(*self.leg_begin[2 * legs[number] + 1 :][:2].tolist())
            driven = self.driven_m[way]
            here = float(np.interp(along_m[number], self.m[way], driven))
            share[number] = (driven[-1] - here) / max(float(driven[-1] - driven[0]), 1.0)
        return share

    def resettled(
        self, before: Ways, network: Network, row: Longs, day: Ints, along_m: Floats
    ) -> Longs:
        """Give the next calls of buses that were on their runs by the ways before."""
        opened = before.opening(row, day)
        changed = (opened < row) & (self.opening(row, day) != opened)
        ahead = network.next_row(self.trip_of_row[row], along_m)
        return self.serving(np.where(changed, np.clip(ahead, opened, row), row), day)

    def _call(self, row: Longs, day: Ints) -> Longs:
        trip = self.trip_of_row[row]
        key = trip.astype(np.int64) * _DAYS + day
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        number = self.begin[at] + row - self.first_row[trip]
        return np.where(self.keys[at] == key, number, -1)

    def _leg(self, row: Longs, day: Ints) -> Longs:
        call = self._call(row, day)
        return np.where(call >= 0, self.leg[call], -1)

    def _of_trip(self, column: Longs, row: Longs, day: Ints) -> Longs:
        if not self:
            return row
        call = self._call(row, day)
        return np.where(call >= 0, self.first_row[self.trip_of_row[row]] + column[call], row)

    def _project(self, leg: Longs, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        return project_on_legs(self.leg_begin, self.x, self.y, self.m, leg, x, y)


NO_WAYS = Ways()


def ways_of(lattice: Lattice, led: LedRuns) -> Ways:
    """Work out the ways of runs."""
    numbers: dict[int, int] = {}
    parts: list[_Part] = []
    begins: list[int] = []
    at, legs = 0, 0
    for modification in led.values():
        if id(modification) not in numbers:
            numbers[id(modification)] = len(parts)
            part = _part(lattice.network, modification, legs)
            parts.append(part)
            begins.append(at)
            at += len(part.served)
            legs += len(part.lines) // 2
    pairs = sorted(
        (trip * _DAYS + day, begins[numbers[id(modification)]])
        for (trip, day), modification in led.items()
    )
    lines = [line for part in parts for line in part.lines]
    sizes = [len(line[0]) for line in lines]

    def column(name: str) -> Longs:
        return np.concatenate([_none(), *(getattr(part, name) for part in parts)])

    x, y, m, driven_m = (
        np.concatenate([np.zeros(0), *(line[number] for line in lines)]) for number in range(4)
    )
    return Ways(
        np.append(lattice.trip_of_row, np.int32(-1)),
        lattice.first_row,
        np.array([key for key, _ in pairs], np.int64),
        np.array([begin for _, begin in pairs], np.int64),
        column("served"),
        column("opens"),
        column("passed_over"),
        column("leg"),
        np.concatenate([np.zeros(0), *(part.stretch for part in parts)]),
        np.concatenate(([0], np.cumsum(np.array(sizes, np.int64)))),
        x,
        y,
        m,
        driven_m,
    )


_Line = tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of one modification; `lines` has two for each led leg."""

    served: Longs
    opens: Longs
    passed_over: Longs
    leg: Longs
    stretch: Floats
    lines: list[_Line]


def _part(network: Network, modification: Modification, first_leg: int) -> _Part:
    number = modification.pattern
    stop_m = network.stop_m[network.stop_begin[number] : network.stop_begin[number + 1]]
    count = len(stop_m)
    # a run begins and ends somewhere, whatever is closed
    missed = np.isin(np.arange(count), list(modification.missed - {0, count - 1}))
    plain, path = _plain_line(network, number), _line_round(network, modification)
    served, opens = np.arange(count), np.arange(count)
    leg, stretch = np.full(count, -1, np.int64), np.ones(count)
    lines: list[_Line] = []
    kept = np.flatnonzero(~missed).tolist()
    for a, b in itertools.pairwise(kept):
        low, high = float(stop_m[a]), float(stop_m[b])
        span = slice(a + 1, b + 1)
        served[span], opens[span] = b, a + 1
        if not any(low < d.to_m and high > d.from_m for d in modification.detours):
            continue
        leg[span] = first_leg + len(lines) // 2
        lines += [_cut(plain, low, high), _cut(path, low, high)]
        driven = [float(line[3][-1] - line[3][0]) for line in lines[-2:]]
        stretch[span] = driven[1] / max(driven[0], 1.0)
    return _Part(served, opens, np.cumsum(missed) - missed, leg, stretch, lines)


def _plain_line(network: Network, pattern: int) -> _Line:
    rows = slice(int(network.line_begin[pattern]), int(network.line_begin[pattern + 1]))
    return _driven(network.line_x[rows], network.line_y[rows], network.line_m[rows])


def _line_round(network: Network, modification: Modification) -> _Line:
    """Give the whole line as it is driven, in metres of the timetable's."""
    x, y, m, _ = _plain_line(network, modification.pattern)
    for detour in modification.detours:
        ends = np.array([detour.from_m, detour.to_m])
        before, after = m < detour.from_m, m > detour.to_m
        path_x, path_y = network.plane(detour.latitude, detour.longitude)
        path_m = _metres_of_line(network, modification.pattern, detour)
        at_x, at_y = np.interp(ends, m, x), np.interp(ends, m, y)
        x = np.concatenate((x[before], at_x[:1], path_x, at_x[1:], x[after]))
        y = np.concatenate((y[before], at_y[:1], path_y, at_y[1:], y[after]))
        m = np.concatenate((m[before], ends[:1], path_m, ends[1:], m[after]))
    return _driven(x, y, m)


def _metres_of_line(network: Network, number: int, detour: LineDetour) -> Floats:
    """Give where on the timetable's line each point of a path counts as: even between stops."""
    pattern = network.timetable.patterns[number]
    inside = np.flatnonzero((pattern.stop_m > detour.from_m) & (pattern.stop_m < detour.to_m))
    inside = inside[~np.isin(inside, detour.missed)]
    _, stops_m = along_path(
        network.timetable, pattern.stop_idx[inside], detour.latitude, detour.longitude
    )
    path_m = cumulative_m(detour.latitude, detour.longitude)
    at_m = np.maximum.accumulate(np.concatenate(([0.0], stops_m, path_m[-1:])))
    begin, end = detour.from_m + _END_M, detour.to_m - _END_M
    line_m = np.clip(np.concatenate(([begin], pattern.stop_m[inside], [end])), begin, end)
    counted: Floats = np.interp(path_m, at_m, line_m)
    return counted


def _driven(x: Floats, y: Floats, m: Floats) -> _Line:
    driven = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    return x, y, m, driven


def _cut(line: _Line, low_m: float, high_m: float) -> _Line:
    """Cut a stretch out of a line, its ends included."""
    x, y, m, driven = line
    inner = (m > low_m) & (m < high_m)
    ends = np.array([low_m, max(high_m, low_m)])

    def cut(values: Floats) -> Floats:
        at = np.interp(ends, m, values)
        return np.concatenate((at[:1], values[inner], at[1:]))

    return cut(x), cut(y), cut(m), cut(driven)
