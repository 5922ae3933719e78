"""The newest tick per agency: newer wins, older and foreign ones change nothing."""

import asyncio
import gzip
import json

import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.api.hub import Hub
from sapar.core.clock import ManualClock
from sapar.core.errors import BadInput
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.gtfs.realtime.tick import Tick, encode_tick
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, Start, until
from tests.api.town import buses, forget, make_tick, publish


def a_hub(time_s: float = 1000.0) -> tuple[Hub, ManualClock]:
    clock = ManualClock(time_s)
    return Hub(clock, Metrics()), clock


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_the_greatest_is_held_whatever_the_order(orders: list[tuple[int, int]]) -> None:
    hub, _ = a_hub()
    greatest = (0, 0)
    for term, tick in orders:
        taken = hub.take(encode_tick(make_tick("a", term, tick, wall_s=1000.0, vehicles=[])))
        assert taken == ((term, tick) > greatest)
        greatest = max(greatest, (term, tick))
        assert hub.held["a"].tick.order == greatest


def test_agencies_do_not_touch_each_other() -> None:
    hub, _ = a_hub()
    hub.take(encode_tick(make_tick("a", 9, 9, wall_s=1000.0)))
    before = hub.held["a"]
    assert hub.take(encode_tick(make_tick("b", 1, 1, wall_s=1000.0)))
    assert hub.held["a"] is before
    assert set(hub.held) == {"a", "b"}


def test_a_held_state_never_changes_under_its_reader() -> None:
    hub, _ = a_hub()
    hub.take(encode_tick(make_tick("a", 1, 1, wall_s=1000.0)))
    seen = hub.held
    hub.take(encode_tick(make_tick("a", 1, 2, wall_s=1002.0)))
    assert seen["a"].tick.tick == 1
    with pytest.raises(TypeError):
        seen["a"] = hub.held["a"]  # type: ignore[index]


def test_bytes_that_are_no_tick_are_refused_and_nothing_is_lost() -> None:
    hub, _ = a_hub()
    hub.take(encode_tick(make_tick("a", 1, 1, wall_s=1000.0)))
    with pytest.raises(BadInput):
        hub.take(b"\x00not a tick")
    assert hub.held["a"].tick.order == (1, 1)


def test_age_counts_from_the_making_and_never_below_the_time_since_arrival() -> None:
    hub, clock = a_hub(1000.0)
    hub.take(encode_tick(make_tick("old", 1, 1, wall_s=400.0)))
    hub.take(encode_tick(make_tick("ahead", 1, 1, wall_s=1600.0)))
    clock.advance(7)
    assert hub.held["old"].age_s() == pytest.approx(607)
    assert hub.held["ahead"].age_s() == pytest.approx(7)


async def test_json_is_made_once_and_says_the_same_as_the_protobuf() -> None:
    hub, _ = a_hub()
    hub.take(encode_tick(make_tick("a", 1, 1, wall_s=1000.0)))
    documents = hub.held["a"].documents
    feed = documents["vehicle-positions.json"]
    first, second = await asyncio.gather(feed.plain.get(), feed.plain.get())
    assert first is second
    message = pb.FeedMessage.FromString(await documents["vehicle-positions.pb"].plain.get())
    body = json.loads(first)
    assert body["header"]["gtfs_realtime_version"] == "2.0"
    assert [entity["id"] for entity in body["entity"]] == [entity.id for entity in message.entity]
    assert feed.gzip is not None
    assert gzip.decompress(await feed.gzip.get()) == first


async def test_two_instances_serve_the_same_bytes_through_a_change_of_leader(
    start: Start, engine: MqttClient, agency: str
) -> None:
    paths = [
        "/gtfs-rt/vehicle-positions.pb", "/gtfs-rt/trip-updates.pb", "/gtfs-rt/alerts.pb",
        "/gtfs-rt/vehicle-positions.json", "/api/fleet.json",
    ]  # fmt: skip
    # The second leader takes over at term 2; the first does not know yet and goes on for a while.
    sent = [(1, 1), (1, 2), (1, 3), (2, 1), (1, 4), (1, 5), (2, 2), (1, 6), (2, 3)]
    held_after = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 1), (2, 1), (2, 2), (2, 2), (2, 3)]
    async with start() as one, start() as two:
        seen: dict[str, list[tuple[int, int]]] = {one.url: [], two.url: []}
        for instance in (one, two):
            await sign_in(instance.http, instance.conninfo)
        for number, (order, expected) in enumerate(zip(sent, held_after, strict=True)):
            time_s = 1_795_000_000.0 + number
            tick = make_tick(agency, *order, wall_s=time_s, time_s=time_s, vehicles=buses(time_s))
            await publish(engine, tick)
            # A stale tick leaves no trace, so a mark sent after it tells when it has been seen.
            mark = make_tick(f"{agency}-mark", 1, number + 1, wall_s=time_s, vehicles=[])
            await publish(engine, mark)
            for instance in (one, two):
                await until(lambda i=instance, m=mark: has(i, m))  # type: ignore[misc]
                seen[instance.url].append(instance.hub.held[agency].tick.order)
                assert seen[instance.url][-1] == expected
            for path in paths:
                answers = [await instance.http.get(path) for instance in (one, two)]
                assert answers[0].status_code == answers[1].status_code == 200
                assert answers[0].content == answers[1].content
                for name in ("etag", "last-modified", "content-type"):
                    assert answers[0].headers[name] == answers[1].headers[name]
        # an instance that starts only now has the newest state at once: the retained tick
        async with start() as late:
            await until(lambda: agency in late.hub.held)
            # the broker retains the last message, and that was the new leader's
            assert late.hub.held[agency].tick.order == (2, 3)
            answers = [await i.http.get(paths[0]) for i in (one, late)]
            assert answers[0].content == answers[1].content
        for orders in seen.values():
            assert orders == sorted(orders)
    await forget(engine, f"{agency}-mark")


def has(instance: Instance, tick: Tick) -> bool:
    """Whether an instance holds this very tick."""
    held = instance.hub.held.get(tick.agency_id)
    return held is not None and held.tick.order == tick.order
