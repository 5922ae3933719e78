"""Detours as GTFS-realtime says them: which trips on which dates, without which stops. Pure.

On one date a trip may be in one TripModifications only, so trips are put together by the detours
that they run into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.acts import Act, Detour
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days
from sapar.gtfs.realtime.detours import LineDetour, detoured_line, fit_detour
from sapar.gtfs.timetable.model import Pattern, Timetable

_KEPT_S = 1800.0
_DAYS_AHEAD = 7  # detours further ahead should not be sent (rule S049)
_HEADWAY_AHEAD_S = 1800.0  # headway trips have no times to choose by: from shortly before
_PACE_S_PER_M = 0.2  # 18 km/h with stops, where the timetable does not say


@dataclass(frozen=True, slots=True)
class Replacement:
    """A stop served on the way round, and how long after the reference stop."""

    stop: int
    travel_s: int


@dataclass(frozen=True, slots=True)
class Span:
    """Stops next to each other that are replaced; numbers on the trip, from 0.

    Attributes:
        first: the first stop replaced, or the first after the detour where none is.
        last: the last stop replaced, None where none is.
        replacements: what is served in their place.
        delay_s: how much later all is after it.
        act_id: the detour.
    """

    first: int
    last: int | None
    replacements: tuple[Replacement, ...]
    delay_s: int
    act_id: str


@dataclass(frozen=True, slots=True)
class Modification:
    """Trips that are led round alike.

    Attributes:
        name: stable id of the entity, and of the shape.
        acts: the detours, in the order along the line.
        pattern: the pattern of the trips.
        trips: their rows; days: ordinals of the dates.
        spans: what is replaced.
        missed: numbers of the stops that are not served.
        latitude, longitude: the whole line that is driven.
        detours: the paths, fitted to the pattern.
    """

    name: str
    acts: tuple[Act, ...]
    pattern: int
    trips: tuple[int, ...]
    days: tuple[int, ...]
    spans: tuple[Span, ...]
    missed: frozenset[int]
    latitude: Floats
    longitude: Floats
    detours: tuple[LineDetour, ...]

    def missed_stops(self, timetable: Timetable, act_id: str) -> list[int]:
        """List the rows of the stops that one of its detours passes by."""
        stop_idx = timetable.patterns[self.pattern].stop_idx
        return [
            int(stop_idx[number])
            for detour in self.detours
            if detour.act_id == act_id
            for number in detour.missed
        ]


def modifications_of(
    timetable: Timetable, days: Days, acts: Sequence[tuple[Act, Detour]], now_s: float
) -> tuple[Modification, ...]:
    """Give the modifications of a moment, in a stable order."""
    if not acts:
        return ()
    dates = _dates(timetable, now_s)
    found: list[Modification] = []
    for number, pattern in enumerate(timetable.patterns):
        fitted = fitted_detours(timetable, pattern, acts)
        if fitted:
            found += _of_pattern(timetable, days, number, fitted, dates, now_s)
    return tuple(found)


def fitted_detours(
    timetable: Timetable, pattern: Pattern, acts: Sequence[tuple[Act, Detour]]
) -> list[tuple[Act, LineDetour]]:
    """Fit the detours to a pattern; one that overlaps an earlier one on the line is left out."""
    route = timetable.routes.ids[pattern.route_idx]
    fitted = []
    for act, what in acts:
        if what.route_id != route or what.direction not in (None, pattern.direction):
            continue
        index = timetable.stops.index
        stops = tuple(index[stop] for stop in what.replacement_stop_ids if stop in index)
        detour = fit_detour(timetable, pattern, what.path, act.act_id, stops)
        if detour is None and what.direction is None:  # the other way, along the same path
            turned = stops[::-1]
            detour = fit_detour(timetable, pattern, what.path[::-1], act.act_id, turned)
        if detour is not None:
            fitted.append((act, detour))
    apart: list[tuple[Act, LineDetour]] = []
    for act, detour in sorted(fitted, key=lambda pair: pair[1].from_m):
        if not apart or detour.from_m >= apart[-1][1].to_m:
            apart.append((act, detour))
    return apart


def _of_pattern(
    timetable: Timetable,
    days: Days,
    number: int,
    fitted: list[tuple[Act, LineDetour]],
    dates: list[date],
    now_s: float,
) -> list[Modification]:
    trips = np.flatnonzero(timetable.trips.pattern_idx == number).astype(np.int32)
    met: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for day in dates:
        active = timetable.services.active(day)
        running = trips[active[timetable.trips.service_idx[trips]]]
        if _is_over(timetable, days, running, day, now_s):
            continue
        for trip, which in _meets(timetable, days, running, day, fitted, now_s):
            met[trip, which].append(day.toordinal())
    groups: dict[tuple[tuple[int, ...], tuple[int, ...], bytes], list[int]] = defaultdict(list)
    for (trip, which), when in met.items():
        rows = timetable.trip_rows(trip)
        sequence = timetable.stop_times.stop_sequence[rows].tobytes()
        groups[which, tuple(when), sequence].append(trip)
    return [
        _modification(timetable, number, [fitted[n] for n in which], sorted(rows), when)
        for (which, when, _), rows in groups.items()
    ]


def _is_over(
    timetable: Timetable, days: Days, trips: NDArray[np.int32], day: date, now_s: float
) -> bool:
    """Tell whether no trip of a date is still to end; headway service is looked at by itself."""
    ends = timetable.trips.last_s[trips]
    over = timetable.service_day_start(day) + int(ends.max(initial=0)) <= now_s - _KEPT_S
    return over and bool((days.kind[trips] == FREQUENCY_NONE).all())


def _meets(
    timetable: Timetable,
    days: Days,
    trips: NDArray[np.int32],
    day: date,
    fitted: list[tuple[Act, LineDetour]],
    now_s: float,
) -> list[tuple[int, tuple[int, ...]]]:
    """Tell which of the trips of a date run into which detours."""
    base_s = timetable.service_day_start(day)
    found = []
    for trip in trips.tolist():
        if days.kind[trip] == FREQUENCY_NONE:
            which = tuple(
                number
                for number, (act, detour) in enumerate(fitted)
                if _from(act) <= base_s + _passing_s(timetable, trip, detour) < _until(act)
            )
        else:
            which = tuple(
                number
                for number, (act, _) in enumerate(fitted)
                if _headway_meets(timetable, trip, base_s, act, now_s)
            )
        if which:
            found.append((trip, which))
    return found


def _headway_meets(timetable: Timetable, trip: int, base_s: float, act: Act, now_s: float) -> bool:
    """Tell whether headway service of a date is led round now or soon."""
    freq = timetable.frequencies
    rows = freq.trip_idx == trip
    run_s = int(timetable.trips.last_s[trip] - timetable.trips.first_s[trip])
    start_s = base_s + float(freq.start_s[rows].min())
    end_s = base_s + float(freq.end_s[rows].max()) + run_s
    soon = _from(act) - _HEADWAY_AHEAD_S <= now_s < _until(act)
    return soon and start_s < _until(act) and end_s > _from(act) and start_s <= now_s < end_s


def _passing_s(timetable: Timetable, trip: int, detour: LineDetour) -> float:
    """Give when a trip reaches a detour, by the timetable, in seconds of the service day."""
    arrival, departure = timetable.trip_times(trip)
    stop_m = timetable.trip_pattern(trip).stop_m
    before = max(0, int(np.searchsorted(stop_m, detour.from_m, side="right")) - 1)
    after = min(before + 1, len(stop_m) - 1)
    gap_m = float(stop_m[after] - stop_m[before])
    share = (detour.from_m - float(stop_m[before])) / gap_m if gap_m > 0 else 0.0
    left = float(departure[before])
    return left + min(max(share, 0.0), 1.0) * max(0.0, float(arrival[after]) - left)


def _modification(
    timetable: Timetable,
    number: int,
    fitted: list[tuple[Act, LineDetour]],
    trips: list[int],
    when: tuple[int, ...],
) -> Modification:
    pattern = timetable.patterns[number]
    detours = [detour for _, detour in fitted]
    spans: list[Span] = []
    for detour in detours:
        spans += _spans(timetable, pattern, trips[0], detour)
    lat, lon = detoured_line(pattern, detours)
    ids = "+".join(detour.act_id for detour in detours)
    return Modification(
        f"detour:{ids}:{timetable.trips.ids[trips[0]]}",
        tuple(act for act, _ in fitted),
        number,
        tuple(trips),
        when,
        tuple(_merged(spans)),
        frozenset(stop for detour in detours for stop in detour.missed),
        lat,
        lon,
        tuple(detours),
    )


def _spans(timetable: Timetable, pattern: Pattern, trip: int, detour: LineDetour) -> list[Span]:
    """Cut a detour into spans of stops that are next to each other."""
    pace = _pace(timetable, pattern, trip, detour)
    delay = max(0, round((detour.length_m - (detour.to_m - detour.from_m)) * pace))
    if detour.missed:
        missed = np.array(detour.missed)
        parts = np.split(missed, np.flatnonzero(np.diff(missed) > 1) + 1)
        pairs: list[tuple[int, int | None]] = [(int(p[0]), int(p[-1])) for p in parts]
    else:
        after = int(np.searchsorted(pattern.stop_m, detour.to_m))
        pairs = [(min(after, len(pattern.stop_m) - 1), None)]
    first = pairs[0][0]
    reference_m = float(pattern.stop_m[max(0, first - 1)])
    replacements = tuple(
        Replacement(stop, max(0, round((detour.from_m - reference_m + along_m) * pace)))
        for stop, along_m in zip(detour.replacement, detour.replacement_m, strict=True)
    )
    return [
        Span(
            begin,
            end,
            replacements if number == 0 else (),
            delay if number == len(pairs) - 1 else 0,
            detour.act_id,
        )
        for number, (begin, end) in enumerate(pairs)
    ]


def _pace(timetable: Timetable, pattern: Pattern, trip: int, detour: LineDetour) -> float:
    """Give seconds a metre around a detour, by the timetable."""
    arrival, departure = timetable.trip_times(trip)
    stop_m = pattern.stop_m
    before = max(0, int(np.searchsorted(stop_m, detour.from_m, side="right")) - 1)
    after = min(int(np.searchsorted(stop_m, detour.to_m)), len(stop_m) - 1)
    driven_m = float(stop_m[after] - stop_m[before])
    took_s = float(arrival[after]) - float(departure[before])
    return took_s / driven_m if driven_m > 0 and took_s > 0 else _PACE_S_PER_M


def _merged(spans: list[Span]) -> list[Span]:
    """Merge spans with no stop between them, as the specification asks for."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.last is not None and span.first <= last.last + 1:
            merged[-1] = Span(
                last.first,
                last.last if span.last is None else span.last,
                last.replacements + span.replacements,
                last.delay_s + span.delay_s,
                last.act_id,
            )
        else:
            merged.append(span)
    return merged


def _dates(timetable: Timetable, now_s: float) -> list[date]:
    today = datetime.fromtimestamp(now_s, timetable.timezone).date()
    ahead = [today + timedelta(days=n) for n in range(_DAYS_AHEAD + 1)]
    return sorted({*timetable.service_dates_at(now_s), *ahead})


def _from(act: Act) -> float:
    return act.created_s if act.from_s is None else act.from_s


def _until(act: Act) -> float:
    return float("inf") if act.until_s is None else act.until_s
