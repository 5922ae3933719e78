"""Which shift reports count, what is kept of them, and what the page says of them."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.contract import checks
from sapar.contract.messages import Event, ProductTotal, ShiftReport, Tap
from sapar.contract.seal import canonical_shift, decode_seal, ed25519_holds, seal_shift
from sapar.core.db import connect
from sapar.simulators.shift_reports import ShiftCounter
from sapar.ticketing.device_shifts import (
    NUMBERS_MAX,
    PRODUCTS_MAX,
    ShiftEvent,
    read_shift,
    take_device_shifts,
)
from tests.finance.shifts.support import (
    CLOCK,
    count,
    registry_of,
    report_of,
    ring_of,
    seal,
    store_event,
)
from tests.ticketing.evidence_support import NOW_MS, A, B, ring, seed_of
from tests.ticketing.taps.support import NOON_MS

SINGLE = {"product_id": "single", "taps": 2, "sum_tiyn": 16000}


def data(device=A, time_ms=NOW_MS, **changes) -> dict:
    """The data of a good report, as JSON brings it back."""
    values = {
        "epoch": 1, "shift_no": 1, "opened_ms": NOW_MS - 10, "closed_ms": NOW_MS, "first_seq": 1,
        "last_seq": 3, "products": [SINGLE], "denied": 1, "total_taps": 2, "total_tiyn": 16000,
    } | changes  # fmt: skip
    one = msgspec.convert(values, ShiftReport)
    done = seal_shift(
        device.agency_id, device.device_id, time_ms, one,
        algorithm="ed25519", key_id=1, key=seed_of(device.device_id),
    )  # fmt: skip
    return msgspec.to_builtins(done)


def read(given_data, device=A):
    return read_shift(ShiftEvent(1, 9, 1, 77, NOW_MS, given_data, CLOCK.now()), device, ring())


def test_a_good_report_is_read():
    found = read(data())
    assert isinstance(found, ShiftReport)
    assert found.products == [ProductTotal(product_id="single", taps=2, sum_tiyn=16000)]
    assert isinstance(read(data(first_seq=None, last_seq=None, products=[], denied=0)), ShiftReport)


@pytest.mark.parametrize(
    ("given_data", "code"),
    [
        (None, "decode_error"),
        ({"epoch": 1}, "decode_error"),
        (data() | {"products": [{"taps": "2"}]}, "decode_error"),
        *(
            (data(**change), "impossible_value")
            for change in (
                {"last_seq": 0}, {"last_seq": None}, {"first_seq": None}, {"first_seq": -1},
                {"last_seq": 1 + NUMBERS_MAX}, {"shift_no": 0}, {"epoch": -1},
                {"opened_ms": NOW_MS + 1}, {"closed_ms": 10**18}, {"denied": -1},
                {"total_taps": -1}, {"total_tiyn": -1}, {"products": [SINGLE, SINGLE]},
                {"products": [SINGLE | {"taps": -1}]}, {"products": [SINGLE | {"sum_tiyn": -1}]},
                {"products": [SINGLE | {"product_id": "a\nb"}]},
                {"products": [SINGLE | {"product_id": f"p{n}"} for n in range(PRODUCTS_MAX + 1)]},
                {"first_seq": None, "last_seq": None},
            )
        ),
        (data() | {"signature": None}, "unsigned"),
        (data() | {"key_id": 9}, "unknown_key"),
        (data() | {"alg": "hmac-sha256"}, "wrong_algorithm"),
        (data(B), "bad_signature"),
        (data(time_ms=NOW_MS + 1), "bad_signature"),
        *(
            (data() | {name: value}, "bad_signature")
            for name, value in {
                "epoch": 2, "shift_no": 2, "opened_ms": NOW_MS - 11, "closed_ms": NOW_MS - 1,
                "first_seq": 0, "last_seq": 4, "denied": 2, "total_taps": 3, "total_tiyn": 1,
                "products": [SINGLE | {"taps": 3}],
            }.items()
        ),
    ],
)  # fmt: skip
def test_what_does_not_count(given_data, code):
    assert read(given_data) == code


def test_the_example_of_the_page_is_sealed_by_the_key_of_the_page():
    path = Path(checks.__file__).with_name("examples") / "event/good/008.shift_report.json"
    event = msgspec.json.decode(path.read_bytes(), type=Event)
    report = msgspec.convert(event.data, ShiftReport)
    from nacl.signing import SigningKey

    canonical = canonical_shift("aktobe", "v-1042", event.time_ms, report)
    key = SigningKey(bytes(range(32))).verify_key
    assert ed25519_holds(canonical, decode_seal(report.signature or "") or b"", key)


def test_the_page_tells_every_field(repository):
    page = (repository / "docs/wire-contract.md").read_text(encoding="utf-8")
    section = page.partition("### Shift reports")[2].partition("\n### ")[0]
    names = (*ShiftReport.__struct_fields__, *ProductTotal.__struct_fields__)
    assert all(f"`{name}`" in section for name in names)
    assert f"{NUMBERS_MAX:,}" in section
    assert str(PRODUCTS_MAX) in section


async def test_reports_are_kept_once_whoever_takes_them(town, pool):
    v1, v2 = town.devices[:2]
    good = seal(v1, report_of(1, []))
    store_event(town.conninfo, v1, 1, good)
    store_event(town.conninfo, v1, 2, good)  # the same report under another event
    store_event(town.conninfo, v1, 3, seal(v1, report_of(1, [], total_tiyn=5), NOON_MS - 1000),
                NOON_MS - 1000)  # fmt: skip
    store_event(town.conninfo, v2, 1, good)  # another device's seal
    take = (pool, registry_of(town.devices), ring_of(town.devices), CLOCK)
    taken = await asyncio.gather(*(take_device_shifts(*take) for _ in range(3)))
    assert sum(taken) == 2
    assert await take_device_shifts(*take) == 0
    rows = await town.rows(
        "SELECT device_no, shift_no, total_tiyn, counts FROM shift_report ORDER BY total_tiyn"
    )
    assert rows == [(v1.device_no, 1, 0, False), (v1.device_no, 1, 5, True)]
    assert await town.rows("SELECT kind, device_no, detail FROM ticketing_exception") == [
        ("shift_refused", v2.device_no, "bad_signature")
    ]


async def test_what_is_kept_cannot_be_changed(town, pool):
    import psycopg

    store_event(town.conninfo, town.devices[0], 1, seal(town.devices[0], report_of(1, [])))
    await take_device_shifts(pool, registry_of(town.devices), ring_of(town.devices), CLOCK)
    for statement in ("UPDATE shift_report SET total_tiyn = 1", "DELETE FROM shift_report"):
        with (
            connect(town.conninfo) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


RIDES = st.lists(
    st.tuples(
        st.sampled_from([None, "single", "pass"]), st.sampled_from([None, 0, 8000]), st.booleans()
    ),
    max_size=8,
)


@given(st.lists(st.tuples(RIDES, st.booleans()), max_size=5))
def test_the_simulators_counter_counts_as_its_taps_say(shifts):
    """Shifts cover all numbers without overlap, and the grand totals go on over epochs."""
    counter = ShiftCounter(0)
    epoch, seq, total, shift_no = 1, 0, (0, 0), 1
    for at, (rides, new_epoch) in enumerate(shifts, 1):
        taps = [
            Tap(
                epoch=epoch, seq=seq + place, time_ms=at, card_ref="c", product_id=product,
                charged_tiyn=tiyn, outcome="allow" if allowed else "deny",
            )
            for place, (product, tiyn, allowed) in enumerate(rides, 1)
        ]  # fmt: skip
        for tap in taps:
            counter.count(tap)
        report = counter.close(at, epoch)
        products, denied = count(taps)
        expected = (epoch, shift_no, denied, products)
        assert (report.epoch, report.shift_no, report.denied, report.products) == expected
        span = (taps[0].seq, taps[-1].seq) if taps else (None, None)
        assert (report.first_seq, report.last_seq) == span
        total = (
            total[0] + sum(one.taps for one in products),
            total[1] + sum(one.sum_tiyn for one in products),
        )
        assert (report.total_taps, report.total_tiyn) == total
        seq += len(taps)
        shift_no += 1
        if new_epoch:
            counter.begin_epoch()
            epoch, seq, shift_no = epoch + 1, 0, 1
