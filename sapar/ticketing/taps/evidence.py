"""A stored tap, and what is thought of it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

from sapar.ticketing.types import Fare

Status = Literal["posted", "held", "denied"]
ACCEPT, REJECT = "accept", "reject"
_encode = msgspec.json.Encoder().encode


class Judgement(NamedTuple):
    """What a tap came to: the columns of `tap` that may change.

    Attributes:
        status: `posted` (a ride), `held` (kept, not used, a person looks at it), `denied` (the
            validator refused the ride).
        code: why a person must look at it: why it is held, or why a posted one is disputed.
        event_ms: corrected event time.
        adjustments: JSON array of [kind, funder, amount_tiyn].
    """

    status: Status
    code: str | None
    event_ms: int
    service_date: date
    carrier_no: int | None
    product_id: str | None
    rider_category: str | None
    tariff_version: int | None
    nominal_tiyn: int
    charged_tiyn: int
    adjustments: str
    rule: str


def ride_judgement(
    fare: Fare, event_ms: int, service_date: date, carrier_no: int | None
) -> Judgement:
    """Say that a tap is a ride at `fare`, or held for the reason that pricing gives."""
    if fare.hold is not None:
        return held_judgement(fare.hold, event_ms, service_date)
    adjustments = _encode(fare.adjustments).decode() if fare.adjustments else "[]"
    return Judgement(
        "posted",
        fare.disputed,
        event_ms,
        service_date,
        carrier_no,
        fare.product_id,
        fare.rider_category,
        fare.tariff_version,
        fare.nominal_tiyn,
        fare.charged_tiyn,
        adjustments,
        fare.rule,
    )


def held_judgement(code: str, event_ms: int, service_date: date) -> Judgement:
    """Say that a tap is kept and not used."""
    return Judgement("held", code, event_ms, service_date, None, None, None, None, 0, 0, "[]", code)


def denied_judgement(event_ms: int, service_date: date) -> Judgement:
    """Say that the validator let nobody ride."""
    return Judgement(
        "denied", None, event_ms, service_date, None, None, None, None, 0, 0, "[]", "denied"
    )


@dataclass(slots=True, eq=False)
class Evidence:
    """A tap as it will be, or is, stored; `judged` and `revision` are the stored judgement.

    A new tap has neither: `judged` is None, `revision` 0. `ruling` is the newest word of a person
    on it, `accept` or `reject`, given at `ruled_us` (Unix microseconds).
    """

    tap_no: int
    device_no: int
    epoch: int
    seq: int
    digest: bytes
    device_ms: int
    card_no: int
    counter: int | None
    vehicle_id: str | None
    route_id: str | None
    medium: str
    num_riders: int
    allowed: bool
    denylist_version: int | None
    claimed_tiyn: int | None
    synchronized: bool
    boot_no: int | None
    uptime_ms: int | None
    received_ms: int
    sealed: str | None
    event_ms: int
    service_date: date
    judged: Judgement | None = None
    revision: int = 0
    ruling: str | None = None
    ruled_us: int = 0

    @property
    def identity(self) -> tuple[int, int, int]:
        """Give what names the record on the wire, whatever its content."""
        return (self.device_no, self.epoch, self.seq)

    @property
    def order(self) -> tuple[int, int, int, int, bytes]:
        """Give the canonical order of a card's taps: by event time, then by what never changes."""
        return (self.event_ms, self.device_no, self.epoch, self.seq, self.digest)

    @property
    def word(self) -> int:
        """Rank what a person said among rivals: lowest what was accepted last, 0 without a word."""
        return -self.ruled_us if self.ruling == ACCEPT else 0

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Evidence:
        """Make it of a row of the view `tap_evidence`."""
        known: Any = row
        judged = Judgement(*known[22:24], *known[20:22], *known[24:32])
        evidence = cls(*known[:22])
        evidence.judged, evidence.revision = judged, known[32]
        if known[33] is not None:
            evidence.ruling, evidence.ruled_us = known[33], known[34]
        return evidence
