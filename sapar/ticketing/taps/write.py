"""How taps are written: rows of binary COPY, and the columns of changed judgements. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sapar.core.db import int_array, text_array
from sapar.ticketing.ledger.rows import EPOCH_DAY, EPOCH_MS
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.types import TapIn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = 38  # of the query `copy_taps`, in the order in which they are written here
_NUMBERS = ("carrier_no", "tariff_version", "nominal_tiyn", "charged_tiyn")
_TEXTS = ("status", "code", "product_id", "rider_category", "adjustments", "rule")
_NULL = b"\xff\xff\xff\xff"

_fixed = struct.Struct("!hiqiiiqiqiqiqiqiqiiihihi?i?i").pack
_int4 = struct.Struct("!ii").pack
_int8 = struct.Struct("!iq").pack
_five_int8 = struct.Struct("!iqiqiqiqiq").pack
_length = struct.Struct("!i").pack


def utc(at_ms: int) -> datetime:
    """Give Unix milliseconds as an aware time, exactly."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def tap_row(evidence: Evidence, judged: Judgement, taken: TapIn) -> bytes:
    """Write a new tap as one row of binary COPY, in the order of the query `copy_taps`."""
    tap, payload, digest = taken.tap, taken.payload, evidence.digest
    counter, previous = evidence.counter, tap.prev_hash
    denylist_version, claimed_tiyn = evidence.denylist_version, evidence.claimed_tiyn
    balance_tiyn, boot_no, uptime_ms = tap.balance_tiyn, evidence.boot_no, evidence.uptime_ms
    if (
        denylist_version is None
        or claimed_tiyn is None
        or balance_tiyn is None
        or boot_no is None
        or uptime_ms is None
    ):
        values = (denylist_version, claimed_tiyn, balance_tiyn, boot_no, uptime_ms)
        numbers = b"".join([_NULL if value is None else _int8(8, value) for value in values])
    else:  # nearly all
        numbers = _five_int8(
            8, denylist_version, 8, claimed_tiyn, 8, balance_tiyn, 8, boot_no, 8, uptime_ms
        )
    return b"".join((
        _fixed(
            _COLUMNS,
            8, evidence.tap_no,
            4, evidence.device_no,
            8, evidence.epoch,
            8, evidence.seq,
            8, evidence.card_no,
            8, (evidence.device_ms - EPOCH_MS) * 1000,
            8, (evidence.received_ms - EPOCH_MS) * 1000,
            8, (judged.event_ms - EPOCH_MS) * 1000,
            4, judged.service_date.toordinal() - EPOCH_DAY,
            2, evidence.revision,
            2, evidence.num_riders,
            1, evidence.allowed,
            1, evidence.synchronized,
            len(digest),
        ),
        digest,
        _NULL if counter is None else _int8(8, counter),
        numbers,
        _NULL if previous is None else _bytes(bytes.fromhex(previous)),
        _length(len(payload)),
        payload,
        _place(evidence.vehicle_id, evidence.route_id, tap.trip_id, evidence.medium),
        _verdict(
            evidence.sealed,
            judged.status,
            judged.code,
            *judged[4:],
        ),
        _NULL if tap.product_id is None else _bytes(tap.product_id.encode()),
    ))  # fmt: skip


@lru_cache(maxsize=8192)
def _place(vehicle_id: str | None, route_id: str | None, trip_id: str | None, medium: str) -> bytes:
    """Write what the taps of a trip have in common."""
    return _text(vehicle_id) + _text(route_id) + _text(trip_id) + _text(medium)


@lru_cache(maxsize=8192)
def _verdict(
    sealed: str | None,
    status: str,
    code: str | None,
    carrier_no: int | None,
    product_id: str | None,
    rider_category: str | None,
    tariff_version: int | None,
    nominal_tiyn: int,
    charged_tiyn: int,
    adjustments: str,
    rule: str,
) -> bytes:
    """Write what taps with the same fare have in common."""
    return b"".join((
        _text(sealed),
        _text(status),
        _text(code),
        _NULL if carrier_no is None else _int4(4, carrier_no),
        _text(product_id),
        _text(rider_category),
        _NULL if tariff_version is None else _int4(4, tariff_version),
        _int8(8, nominal_tiyn),
        _int8(8, charged_tiyn),
        _text(adjustments),
        _text(rule),
    ))  # fmt: skip


def _text(value: str | None) -> bytes:
    return _NULL if value is None else _bytes(value.encode())


def _bytes(data: bytes) -> bytes:
    return _length(len(data)) + data


def judgement_columns(
    changed: Iterable[Evidence], judged: Mapping[int, Judgement]
) -> dict[str, str]:
    """Give the arrays of the query `update_taps`, as text; `revision` is the evidence's."""
    taps = list(changed)
    rows = [judged[tap.tap_no] for tap in taps]
    return {
        "tap_no": int_array([tap.tap_no for tap in taps]),
        "revision": int_array([tap.revision for tap in taps]),
        "event_at": "{" + ",".join([utc(row.event_ms).isoformat() for row in rows]) + "}",
        "service_date": "{" + ",".join([row.service_date.isoformat() for row in rows]) + "}",
        **{name: int_array([getattr(row, name) for row in rows]) for name in _NUMBERS},
        **{name: text_array([getattr(row, name) for row in rows]) for name in _TEXTS},
    }
