"""Who drives what, worked out from a feed's rows alone, as an independent reader would."""

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from tests.simulators.city.conftest import Rows, seconds

MIN_LAYOVER_S = 300


@dataclass(frozen=True)
class Leg:
    """One run of one vehicle, in seconds of the service day, with where it begins and ends."""

    trip_id: str
    start_s: int
    end_s: int
    from_stop: str
    to_stop: str


def list_legs(tables: dict[str, Rows], service: str) -> tuple[dict[str, list[Leg]], dict]:
    """List the runs of a service: of each block in order, and by headway of each route."""
    first: dict[str, dict] = {}
    last: dict[str, dict] = {}
    for row in tables["stop_times"]:
        first.setdefault(row["trip_id"], row)
        last[row["trip_id"]] = row
    windows = defaultdict(list)
    for row in tables["frequencies"]:
        windows[row["trip_id"]].append(row)
    blocks: dict[str, list[Leg]] = defaultdict(list)
    routes: dict[str, list[Leg]] = defaultdict(list)
    for trip in tables["trips"]:
        if trip["service_id"] != service:
            continue
        a, b = first[trip["trip_id"]], last[trip["trip_id"]]
        start_s, end_s = seconds(a["departure_time"]), seconds(b["arrival_time"])
        ends = (a["stop_id"], b["stop_id"])
        if trip["block_id"]:
            blocks[trip["block_id"]].append(Leg(trip["trip_id"], start_s, end_s, *ends))
        for window in windows[trip["trip_id"]]:
            for at_s in range(
                seconds(window["start_time"]),
                seconds(window["end_time"]),
                int(window["headway_secs"]),
            ):
                leg = Leg(trip["trip_id"], at_s, at_s + end_s - start_s, *ends)
                routes[trip["route_id"]].append(leg)
    for legs in blocks.values():
        legs.sort(key=lambda leg: leg.start_s)
    return blocks, routes


def chain(legs: list[Leg], turns: dict[str, set[str]]) -> list[tuple[int, int]]:
    """Chain runs by headway first in, first out; gives when each vehicle begins and ends.

    `turns` says from which stops a vehicle that ended at a stop may begin again.
    """
    waiting: dict[str, list[tuple[int, int]]] = defaultdict(list)
    spans: list[list[int]] = []
    for leg in sorted(legs, key=lambda leg: (leg.start_s, leg.trip_id)):
        queue = waiting[leg.from_stop]
        while queue and leg.start_s - queue[0][0] > 1_800:
            heapq.heappop(queue)
        if queue and leg.start_s - queue[0][0] >= MIN_LAYOVER_S:
            vehicle = heapq.heappop(queue)[1]
        else:
            vehicle = len(spans)
            spans.append([leg.start_s, leg.end_s])
        spans[vehicle][1] = leg.end_s
        for stop in turns[leg.to_stop]:
            heapq.heappush(waiting[stop], (leg.end_s, vehicle))
    return [(start, end) for start, end in spans]


def peak(spans: list[tuple[int, int]]) -> int:
    """Give the most spans that are open at one moment."""
    changes = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, _ in spans])
    count = best = 0
    for _, change in changes:
        count += change
        best = max(best, count)
    return best


def layovers_s(blocks: dict[str, list[Leg]]) -> list[int]:
    """List the pauses between the runs of every block, in seconds."""
    return [b.start_s - a.end_s for legs in blocks.values() for a, b in pairwise(legs)]
