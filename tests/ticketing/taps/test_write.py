"""What is written of a tap is read back as it was, whatever it holds and whatever is absent."""

import asyncio
from datetime import date, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.contract.messages import Tap
from sapar.core.db import connect_async
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.taps import store
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.types import TapIn

_numbers = count(1)
TEXTS = st.one_of(
    st.sampled_from(["null", "NULL", '"', "\\", "a,b", "{x}", "ә 'қ' \\N", ""]),
    st.text(st.characters(exclude_categories=("C", "Z")), max_size=12),
)
INTEGERS = st.integers(0, 2**53 - 1)
TIMES = st.integers(-60_000_000_000, 4_000_000_000_000)
DAYS = st.integers(0, 50_000).map(lambda days: date(1971, 1, 1) + timedelta(days))


@st.composite
def judgements(draw) -> Judgement:
    status = draw(st.sampled_from(["posted", "held", "denied"]))
    code = {"posted": draw(st.none() | TEXTS), "held": draw(TEXTS), "denied": None}[status]
    return Judgement(
        status, code, draw(TIMES), draw(DAYS), draw(st.none() | st.integers(1, 2**31 - 1)),
        draw(st.none() | TEXTS), draw(st.none() | TEXTS), draw(st.none() | st.integers(0, 9999)),
        draw(INTEGERS), draw(INTEGERS), draw(TEXTS), draw(TEXTS),
    )  # fmt: skip


@st.composite
def taps(draw) -> tuple[Evidence, TapIn]:
    number, absent_or = next(_numbers), lambda values: draw(st.none() | values)
    tap = Tap(
        epoch=draw(INTEGERS), seq=number, time_ms=draw(TIMES), card_ref="x", trip_id=absent_or(TEXTS),
        balance_tiyn=absent_or(INTEGERS),
        prev_hash=absent_or(st.binary(min_size=16, max_size=16).map(bytes.hex)),
    )  # fmt: skip
    evidence = Evidence(
        number, draw(st.integers(1, 2**31 - 1)), tap.epoch, tap.seq, draw(st.binary(min_size=16, max_size=16)),
        tap.time_ms, draw(INTEGERS), absent_or(INTEGERS), absent_or(TEXTS), absent_or(TEXTS),
        draw(TEXTS), draw(st.integers(1, 50)), draw(st.booleans()), absent_or(INTEGERS),
        absent_or(INTEGERS), draw(st.booleans()), absent_or(INTEGERS), absent_or(INTEGERS),
        draw(TIMES), absent_or(TEXTS), 0, date(2026, 1, 1),
    )  # fmt: skip
    evidence.revision = draw(st.integers(0, 1000))
    device = DeviceEntry(evidence.device_no, "town", "v", "validator")
    return evidence, TapIn(
        device, tap, evidence.digest, draw(st.binary(max_size=40)), evidence.sealed,
        evidence.vehicle_id, evidence.received_ms,
    )  # fmt: skip


async def written_and_read(conninfo: str, drawn, first, then) -> None:
    """Write taps with one judgement and then another; each time read them back."""
    connection = await connect_async(conninfo)
    async with connection:
        known = {one.tap_no: judged for (one, _), judged in zip(drawn, first, strict=True)}
        await store.copy_taps(connection, drawn, known)
        await check(connection, drawn, known)
        known = {one.tap_no: judged for (one, _), judged in zip(drawn, then, strict=True)}
        await store.update_taps(connection, [one for one, _ in drawn], known)
        await check(connection, drawn, known)


async def check(connection, drawn, judged) -> None:
    found = await store.load_versions(connection, [one.identity for one, _ in drawn])
    by_no = {one.tap_no: one for one in found}
    for evidence, taken in drawn:
        read = by_no[evidence.tap_no]
        assert read.judged == judged[evidence.tap_no]
        assert read.revision == evidence.revision
        for name in Evidence.__slots__:
            if name not in {"judged", "event_ms", "service_date"}:
                assert getattr(read, name) == getattr(evidence, name), name
        cursor = await connection.execute(
            "SELECT payload, trip_id, balance_tiyn, encode(previous_digest, 'hex') FROM tap"
            " WHERE tap_no = %s",
            (evidence.tap_no,),
        )
        tap = taken.tap
        assert await cursor.fetchone() == (
            taken.payload, tap.trip_id, tap.balance_tiyn, tap.prev_hash
        )  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_tap_is_read_back_as_it_was_written(database, data):
    drawn = data.draw(st.lists(taps(), min_size=1, max_size=4))
    lists = st.lists(judgements(), min_size=len(drawn), max_size=len(drawn))
    asyncio.run(written_and_read(database, drawn, data.draw(lists), data.draw(lists)))
