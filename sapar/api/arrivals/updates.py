"""Trip updates of a feed: the runs one by one with the bindings, their calls all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as pb
from numpy.typing import NDArray

from sapar.api.arrivals.slices import Slices, batched
from sapar.api.arrivals.wire import LENGTH, VARINT, Step, list_parts, read_in_step
from sapar.core.errors import BadInput

Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_ENTITY = 2
_TRIP_UPDATE, _STOP_TIME_UPDATE = 3, 2
_SEQUENCE, _ARRIVAL, _DEPARTURE, _STOP_ID, _RELATION = 1, 2, 3, 4, 5
_TIME, _UNCERTAINTY, _SCHEDULED = 2, 3, 4
_AT_ONCE = 500  # messages that the bindings read in a millisecond


@dataclass(frozen=True, slots=True)
class StopUpdates:
    """stop_time_updates as columns; 0 where a field is not there.

    Attributes:
        update: number of the trip update that it belongs to; they are in the feed's order.
        sequence, relation: as they are.
        arrival_s, departure_s, planned_s, unsure_s: of the events, Unix seconds and seconds.
        id_begin, id_end: where the stop's id stands in the feed.
    """

    update: Longs
    sequence: Longs
    relation: Longs
    arrival_s: Longs
    departure_s: Longs
    planned_s: Longs
    unsure_s: Longs
    id_begin: Longs
    id_end: Longs


Updates = tuple[list[pb.TripUpdate], StopUpdates, list[pb.FeedEntity]]


def read_updates(feed: bytes) -> Slices[Updates]:
    """Read a feed; give its trip updates without their calls, the calls, and other entities.

    Raises:
        BadInput: it is no feed.
    """
    try:
        return (yield from _read(feed))
    except DecodeError as exc:
        raise BadInput(f"not a feed: {exc}", code="decode_error") from exc


def _read(feed: bytes) -> Slices[Updates]:
    data = np.frombuffer(feed, np.uint8)
    parts = np.array(list_parts(feed, _ENTITY), np.int64).reshape(-1, 2)
    yield
    begin, end = _trip_updates(data, parts)
    others = [
        pb.FeedEntity.FromString(feed[first:last]) for first, last in parts[begin < 0].tolist()
    ]
    begin, end = begin[begin >= 0], end[begin >= 0]
    yield
    owners, starts, ends = [], [], []
    heads: list[list[bytes]] = [[] for _ in range(len(begin))]
    for step in read_in_step(data, begin, end):
        calls = step.field == _STOP_TIME_UPDATE
        owners.append(step.which[calls])
        starts.append(step.body[calls])
        ends.append(step.end[calls])
        rest = ~calls
        for number, first, last in zip(
            step.which[rest].tolist(), step.start[rest].tolist(), step.end[rest].tolist(),
            strict=True,
        ):  # fmt: skip
            heads[number].append(feed[first:last])
        yield
    updates: list[pb.TripUpdate] = []
    for some in batched(heads, _AT_ONCE):
        updates += [pb.TripUpdate.FromString(b"".join(head)) for head in some]
        yield
    nothing = [np.zeros(0, np.int64)]
    owner = np.concatenate(owners or nothing)
    order = np.argsort(owner, kind="stable")
    yield
    calls_of = yield from _calls(
        data,
        owner[order],
        np.concatenate(starts or nothing)[order],
        np.concatenate(ends or nothing)[order],
    )
    return updates, calls_of, others


def _trip_updates(data: Bytes, parts: Longs) -> tuple[Longs, Longs]:
    """Find the trip update in each entity; -1 where there is none."""
    begin, end = np.full(len(parts), -1, np.int64), np.full(len(parts), -1, np.int64)
    for step in read_in_step(data, parts[:, 0], parts[:, 1]):
        found = (step.field == _TRIP_UPDATE) & (step.kind == LENGTH)
        begin[step.which[found]] = step.body[found]
        end[step.which[found]] = step.end[found]
    return begin, end


def _calls(data: Bytes, owner: Longs, begin: Longs, end: Longs) -> Slices[StopUpdates]:
    count = len(owner)
    sequence, relation = np.zeros(count, np.int64), np.zeros(count, np.int64)
    places = {field: np.zeros((count, 2), np.int64) for field in (_ARRIVAL, _DEPARTURE, _STOP_ID)}
    for step in read_in_step(data, begin, end):
        for field, column in ((_SEQUENCE, sequence), (_RELATION, relation)):
            _put(column, step, field)
        for field, place in places.items():
            found = (step.field == field) & (step.kind == LENGTH)
            which = step.which[found]
            place[which, 0], place[which, 1] = step.body[found], step.end[found]
        yield
    arrival = yield from _event(data, places[_ARRIVAL])
    departure = yield from _event(data, places[_DEPARTURE])
    ids = places[_STOP_ID]
    return StopUpdates(
        owner,
        sequence,
        relation,
        arrival[_TIME],
        departure[_TIME],
        arrival[_SCHEDULED],
        arrival[_UNCERTAINTY],
        ids[:, 0],
        ids[:, 1],
    )


def _event(data: Bytes, place: Longs) -> Slices[dict[int, Longs]]:
    """Read the StopTimeEvents at some places; an event that is not there is empty."""
    columns = {field: np.zeros(len(place), np.int64) for field in (_TIME, _UNCERTAINTY, _SCHEDULED)}
    for step in read_in_step(data, place[:, 0], place[:, 1]):
        for field, column in columns.items():
            _put(column, step, field)
        yield
    return columns


def _put(column: Longs, step: Step, field: int) -> None:
    found = (step.field == field) & (step.kind == VARINT)
    if found.all():
        column[step.which] = step.value
    else:
        column[step.which[found]] = step.value[found]
