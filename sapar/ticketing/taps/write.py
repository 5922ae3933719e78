r"""How taps are written: lines of COPY, and the columns of changed judgements. Pure.

A line is CSV that a JSON encoder writes: with `ESCAPE '\'` and `NULL 'null'` it reads back as the
very values (as in ingest). A text with a control character, which JSON would escape in a way that
CSV does not know, is refused by the contract's checks before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.types import TapIn

_encode = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(at_ms: int) -> datetime:
    """Give Unix milliseconds as an aware time, exactly."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def tap_line(evidence: Evidence, judged: Judgement, taken: TapIn) -> bytes:
    """Write a new tap as one line of COPY, in the order of the query `copy_taps`."""
    tap = taken.tap
    device_time = utc(evidence.device_ms)
    event_at = device_time if judged.event_ms == evidence.device_ms else utc(judged.event_ms)
    return _encode(
        (
            evidence.tap_no,
            evidence.device_no,
            evidence.epoch,
            evidence.seq,
            f"\\x{evidence.digest.hex()}",
            device_time,
            evidence.card_no,
            evidence.counter,
            f"\\x{taken.payload.hex()}",
            evidence.vehicle_id,
            evidence.route_id,
            tap.trip_id,
            evidence.medium,
            evidence.num_riders,
            evidence.allowed,
            evidence.denylist_version,
            evidence.claimed_tiyn,
            tap.balance_tiyn,
            evidence.synchronized,
            evidence.boot_no,
            evidence.uptime_ms,
            None if tap.prev_hash is None else f"\\x{tap.prev_hash}",
            utc(evidence.received_ms),
            evidence.sealed,
            judged.status,
            judged.code,
            event_at,
            judged.service_date,
            judged.carrier_no,
            judged.product_id,
            judged.rider_category,
            judged.tariff_version,
            judged.nominal_tiyn,
            judged.charged_tiyn,
            judged.adjustments,
            judged.rule,
            evidence.revision,
        )
    )[1:-1]


def judgement_columns(
    changed: Iterable[Evidence], judged: Mapping[int, Judgement]
) -> dict[str, list[Any]]:
    """Give the arrays of the query `update_taps`; `revision` is taken from the evidence."""
    columns: dict[str, list[Any]] = {name: [] for name in ("tap_no", "revision", "event_at")}
    names = [name for name in Judgement._fields if name != "event_ms"]
    columns |= {name: [] for name in names}
    for evidence in changed:
        judgement = judged[evidence.tap_no]
        columns["tap_no"].append(evidence.tap_no)
        columns["revision"].append(evidence.revision)
        columns["event_at"].append(utc(judgement.event_ms))
        for name in names:
            columns[name].append(getattr(judgement, name))
    return columns
