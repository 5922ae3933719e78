"""The bulk encoder against the bindings: what it writes is what they read."""

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.gtfs.realtime.crowding import occupancy_status
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.describe import Descriptions
from sapar.gtfs.realtime.positions import NOWHERE, Shown, encode_positions
from sapar.gtfs.realtime.tick import (
    BODY_NAMES,
    Tick,
    decode_tick,
    encode_tick,
    make_body,
)
from sapar.gtfs.realtime.wire import (
    SCHEDULED,
    UNSCHEDULED,
    Templates,
    encode_updates,
    make_frame,
    times_as_varints,
    varint,
)
from tests.gtfs.realtime.town import town

TOWN = town()
TIMES = st.integers(min_value=(1 << 28) + 100, max_value=(1 << 35) - 1)


@given(TIMES)
def test_a_unix_time_takes_five_bytes(time_s: int) -> None:
    assert times_as_varints(np.array([time_s])).tobytes() == varint(time_s)
    assert len(varint(time_s)) == 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from(range(len(TOWN.trips.ids))),
            st.integers(0, 3),
            TIMES,
            st.sampled_from((SCHEDULED, UNSCHEDULED)),
            st.frozensets(st.integers(0, 5), max_size=4),
            st.frozensets(st.integers(4, 7), max_size=3),
            st.booleans(),
            # of 128 and more the bindings write two bytes, as the encoder always does
            st.integers(128, 16_383),
        ),
        max_size=5,
    ),
    st.text(min_size=1, max_size=200),
)
def test_encoded_updates_are_what_the_bindings_encode(
    runs: list[tuple[int, int, int, int, frozenset[int], frozenset[int], bool, int]],
    vehicle_id: str,
) -> None:
    templates = Templates(TOWN)
    header = pb.FeedHeader(gtfs_realtime_version="2.0", timestamp=1_700_000_000)
    wanted = pb.FeedMessage(header=header)
    frames, first, arrivals, departures, stamps, unsure = [], [], [], [], [], []
    for trip, skip, time_s, relationship, left_out, unseen, modified, uncertainty_s in runs:
        descriptor = pb.TripDescriptor(trip_id=TOWN.trips.ids[trip], start_date="20260310")
        vehicle = pb.VehicleDescriptor(id=vehicle_id)
        frames.append(
            make_frame(
                f"run {trip}",
                descriptor.SerializeToString(),
                vehicle.SerializeToString(),
                templates.get(trip, relationship, left_out, unseen, modified=modified),
            )
        )
        first.append(skip)
        entity = wanted.entity.add(id=f"run {trip}")
        entity.trip_update.trip.CopyFrom(descriptor)
        rows = TOWN.trip_rows(trip)
        served = [n for n in range(rows.stop - rows.start) if n not in left_out]
        for number in range(skip, rows.stop - rows.start):
            row = rows.start + number
            if number not in unseen:
                arrivals.append(time_s - number)
                departures.append(time_s)
                unsure.append(uncertainty_s)
            silent = modified or relationship == UNSCHEDULED
            if number in (left_out if silent else unseen - left_out):
                continue
            if silent and number in unseen:
                continue
            stop = entity.trip_update.stop_time_update.add(
                stop_sequence=served.index(number) + 1
                if modified
                else int(TOWN.stop_times.stop_sequence[row]),
                stop_id=TOWN.stops.ids[int(TOWN.stop_times.stop_idx[row])],
                schedule_relationship=relationship,
            )
            if number in left_out:
                stop.schedule_relationship = pb.TripUpdate.StopTimeUpdate.SKIPPED
                continue
            stop.arrival.time = time_s - number
            stop.arrival.uncertainty = uncertainty_s
            stop.departure.time = time_s
        entity.trip_update.vehicle.CopyFrom(vehicle)
        entity.trip_update.timestamp = time_s
        stamps.append(time_s)
    got = encode_updates(
        header.SerializeToString(),
        frames,
        first,
        np.array(stamps, np.int64),
        np.array(arrivals, np.int64),
        np.array(departures, np.int64),
        np.array(unsure, np.int64),
    )
    assert pb.FeedMessage.FromString(got) == wanted
    assert got == wanted.SerializeToString(deterministic=True)


@given(st.dictionaries(st.sampled_from(BODY_NAMES), st.binary(max_size=2000)), st.integers(1, 99))
def test_a_tick_survives_the_broker(bodies: dict[str, bytes], term: int) -> None:
    tick = Tick("city", term, 1, 1.5, 2.5, "v", {n: make_body(b) for n, b in bodies.items()})
    back = decode_tick(encode_tick(tick))
    assert back == tick
    assert {name: body.plain() for name, body in back.bodies.items()} == bodies
    assert all(body.size == len(bodies[name]) for name, body in back.bodies.items())


def test_equal_bytes_compress_equally() -> None:
    assert make_body(b"abc" * 99) == make_body(b"abc" * 99)


@pytest.mark.parametrize("payload", [b"", b"{}", b"\x81\xa1a\x01"])
def test_what_is_no_tick_is_bad_input(payload: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        decode_tick(payload)
    assert caught.value.code == "decode_error"


@given(
    st.lists(
        st.tuples(
            st.floats(-90, 90),
            st.floats(-180, 180),
            st.one_of(st.just(float("nan")), st.floats(0, 359)),
            st.one_of(st.just(float("nan")), st.floats(0, 40)),
            TIMES,
            st.integers(0, 2),
            st.integers(-1, 4),
            st.integers(-1, 250),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_encoded_positions_are_what_the_bindings_encode(
    vehicles: list[tuple[float, float, float, float, int, int, int, int, bool]],
) -> None:
    names = Descriptions(TOWN, Days(TOWN))
    header = pb.FeedHeader(gtfs_realtime_version="2.0", timestamp=1_700_000_000)
    wanted = pb.FeedMessage(header=header)
    key = (TOWN.trips.index["A-out-20"], 739_685, 41_000)
    row = int(TOWN.trips.st_begin[key[0]]) + 2
    for number, (lat, lon, bearing, speed, time_s, status, level, load, named) in enumerate(
        vehicles
    ):
        shown = wanted.entity.add(id=f"bus {number}").vehicle
        shown.vehicle.id = shown.vehicle.label = f"bus {number}"
        shown.position.latitude, shown.position.longitude = lat, lon
        if not np.isnan(bearing):
            shown.position.bearing = bearing
        if not np.isnan(speed):
            shown.position.speed = speed
        shown.timestamp = time_s
        if named:
            shown.trip.CopyFrom(names.trip_descriptor(key))
            shown.current_stop_sequence, shown.stop_id = 3, "a2"
            shown.current_status = status  # type: ignore[assignment]  # values are plain int
        if level >= 0:
            shown.congestion_level = level  # type: ignore[assignment]
        if load >= 0:
            band = int(occupancy_status(np.array([load]))[0])
            shown.occupancy_status = band  # type: ignore[assignment]
            shown.occupancy_percentage = load
    columns = list(zip(*vehicles, strict=True)) or [()] * 9
    got = encode_positions(
        header.SerializeToString(),
        Shown(
            [names.vehicle(f"bus {number}") for number in range(len(vehicles))],
            [names.position_trip(key) if named else b"" for named in columns[8]],
            np.array(columns[0], np.float64),
            np.array(columns[1], np.float64),
            np.array(columns[2], np.float64),
            np.array(columns[3], np.float64),
            np.array(columns[4], np.int64),
            [names.standing(row) if named else NOWHERE for named in columns[8]],
            np.array(columns[5], np.int8),
            np.array(columns[6], np.int8),
            np.array(columns[7], np.int64),
        ),
    )
    assert pb.FeedMessage.FromString(got) == wanted
    assert got == wanted.SerializeToString(deterministic=True)


def test_a_varint_longer_than_it_needs_to_be_is_read_all_the_same() -> None:
    templates = Templates(TOWN)
    got = encode_updates(
        pb.FeedHeader(gtfs_realtime_version="2.0").SerializeToString(),
        [make_frame("run", b"", b"", templates.get(0, SCHEDULED))],
        [7],
        np.array([1_700_000_000], np.int64),
        np.array([1_700_000_100], np.int64),
        np.array([1_700_000_110], np.int64),
        np.array([7], np.int64),
    )
    (stop,) = pb.FeedMessage.FromString(got).entity[0].trip_update.stop_time_update
    assert stop.arrival.uncertainty == 7
    assert not stop.departure.HasField("uncertainty")
