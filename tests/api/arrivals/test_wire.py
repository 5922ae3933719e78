"""Trip updates read in bulk are what the bindings read, whatever stands in them."""

from contextlib import suppress

from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.api.arrivals.updates import read_updates
from sapar.core.errors import BadInput
from tests.api.arrivals.through import run_through

_TIMES = st.integers(0, 2**40)
_SMALL = st.integers(0, 300)


@st.composite
def events(draw: st.DrawFn) -> pb.TripUpdate.StopTimeEvent:
    """An event with some of its fields."""
    event = pb.TripUpdate.StopTimeEvent()
    if draw(st.booleans()):
        event.time = draw(_TIMES)
    if draw(st.booleans()):
        event.uncertainty = draw(_SMALL)
    if draw(st.booleans()):
        event.delay = draw(st.integers(-900, 900))
    if draw(st.booleans()):
        event.scheduled_time = draw(_TIMES)
    return event


@st.composite
def feeds(draw: st.DrawFn) -> pb.FeedMessage:
    """A feed with entities of all kinds."""
    message = pb.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    for number in range(draw(st.integers(0, 5))):
        entity = message.entity.add(id=f"e{number}")
        kind = draw(st.sampled_from(["update", "modifications", "alert"]))
        if kind == "modifications":
            entity.trip_modifications.service_dates.append("20261118")
        elif kind == "alert":
            entity.alert.header_text.translation.add(text="x")
        else:
            update = entity.trip_update
            update.trip.trip_id = draw(st.text(max_size=5))
            update.timestamp = draw(_TIMES)
            update.vehicle.id = draw(st.text(max_size=200))
            for _ in range(draw(st.integers(0, 6))):
                call = update.stop_time_update.add()
                if draw(st.booleans()):
                    call.stop_sequence = draw(_SMALL)
                if draw(st.booleans()):
                    call.stop_id = draw(st.text(max_size=150))
                if draw(st.booleans()):
                    call.arrival.CopyFrom(draw(events()))
                if draw(st.booleans()):
                    call.departure.CopyFrom(draw(events()))
                call.schedule_relationship = draw(  # type: ignore[assignment]
                    st.sampled_from([0, 1, 2, 3])
                )
    return message


@given(feeds())
def test_bulk_reading_is_what_the_bindings_read(message: pb.FeedMessage) -> None:
    feed = message.SerializeToString()
    updates, calls, others = run_through(read_updates(feed))
    wanted = [e.trip_update for e in message.entity if e.HasField("trip_update")]
    assert [u.trip for u in updates] == [u.trip for u in wanted]
    assert [u.timestamp for u in updates] == [u.timestamp for u in wanted]
    assert [u.vehicle.id for u in updates] == [u.vehicle.id for u in wanted]
    assert [e.id for e in others] == [e.id for e in message.entity if not e.HasField("trip_update")]
    rows = [
        (
            number,
            call.stop_sequence,
            call.schedule_relationship,
            call.arrival.time,
            call.departure.time,
            call.arrival.scheduled_time,
            call.arrival.uncertainty,
            call.stop_id,
        )
        for number, update in enumerate(wanted)
        for call in update.stop_time_update
    ]
    got = zip(
        calls.update.tolist(),
        calls.sequence.tolist(),
        calls.relation.tolist(),
        calls.arrival_s.tolist(),
        calls.departure_s.tolist(),
        calls.planned_s.tolist(),
        calls.unsure_s.tolist(),
        [
            feed[a:b].decode()
            for a, b in zip(calls.id_begin.tolist(), calls.id_end.tolist(), strict=True)
        ],
        strict=True,
    )
    assert list(got) == rows


@given(feeds(), st.data())
def test_a_feed_that_was_cut_is_refused_or_read(
    message: pb.FeedMessage, data: st.DataObject
) -> None:
    feed = message.SerializeToString()
    cut = feed[: data.draw(st.integers(0, len(feed)))]
    try:
        run_through(read_updates(cut))
    except BadInput:
        return
    # it was cut between two entities
    assert feed.startswith(cut)


@given(st.binary(max_size=200))
def test_whatever_comes_never_breaks_it(noise: bytes) -> None:
    with suppress(BadInput):  # any other error would end the test
        run_through(read_updates(noise))
