"""The bulk encoder against the bindings: what it writes is what they read."""

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import BadInput
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
        ),
        max_size=5,
    ),
    st.text(min_size=1, max_size=200),
)
def test_encoded_updates_are_what_the_bindings_encode(
    runs: list[tuple[int, int, int, int]], vehicle_id: str
) -> None:
    templates = Templates(TOWN)
    header = pb.FeedHeader(gtfs_realtime_version="2.0", timestamp=1_700_000_000)
    wanted = pb.FeedMessage(header=header)
    frames, first, arrivals, departures, stamps = [], [], [], [], []
    for trip, skip, time_s, relationship in runs:
        descriptor = pb.TripDescriptor(trip_id=TOWN.trips.ids[trip], start_date="20260310")
        vehicle = pb.VehicleDescriptor(id=vehicle_id)
        frames.append(
            make_frame(
                f"run {trip}",
                descriptor.SerializeToString(),
                vehicle.SerializeToString(),
                templates.get(trip, relationship),
            )
        )
        first.append(skip)
        entity = wanted.entity.add(id=f"run {trip}")
        entity.trip_update.trip.CopyFrom(descriptor)
        rows = TOWN.trip_rows(trip)
        for number, row in enumerate(range(rows.start + skip, rows.stop)):
            stop = entity.trip_update.stop_time_update.add(
                stop_sequence=int(TOWN.stop_times.stop_sequence[row]),
                stop_id=TOWN.stops.ids[int(TOWN.stop_times.stop_idx[row])],
                schedule_relationship=relationship,
            )
            stop.arrival.time = time_s - number
            stop.departure.time = time_s
            arrivals.append(time_s - number)
            departures.append(time_s)
        entity.trip_update.vehicle.CopyFrom(vehicle)
        entity.trip_update.timestamp = time_s
        stamps.append(time_s)
    got = encode_updates(
        header.SerializeToString(),
        frames,
        first,
        *(np.array(values, np.int64) for values in (stamps, arrivals, departures)),
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
