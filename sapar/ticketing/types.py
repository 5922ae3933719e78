"""What the parts of ticketing hand to one another; plain values, no I/O.

Amounts are whole tiyn (1/100 tenge). Times are Unix milliseconds (`_ms`), dates are fare days: the
local calendar day, begun at the tariff's `day_start` (04:00 unless it says otherwise).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from sapar.contract.messages import Tap
from sapar.fleet.registry import DeviceEntry


class TapIn(NamedTuple):
    """A tap that was decoded, and its seal checked, before the database is asked.

    Attributes:
        device: who sent it.
        tap: the decoded record.
        digest: of its canonical bytes and its seal (contract/seal.py), 16 bytes.
        payload: the record's bytes as received.
        sealed: why the seal does not count (`unsigned`, `unknown_key`, `wrong_algorithm`,
            `bad_signature`, `key_not_valid`, `revoked_key`), or None when it is good.
        vehicle_id: where the device was mounted at the device time, or None.
        received_ms: when the server got it.
    """

    device: DeviceEntry
    tap: Tap
    digest: bytes
    payload: bytes
    sealed: str | None
    vehicle_id: str | None
    received_ms: int


AdjustmentKind = Literal["concession", "transfer", "cap", "pass", "free_day", "fraud", "unproved"]
"""Why less than the nominal fare came from the card; see `ledger/entries.py` for the postings."""


class Adjustment(NamedTuple):
    """A part of the nominal fare that the card does not pay.

    Attributes:
        kind: why.
        funder: who bears it: `scheme` (an expense of ours), `carrier` (nobody pays the carrier), a
            pass product (kind `pass`), or the name of a budget (`akimat`, `republic`, …).
        amount_tiyn: > 0.
    """

    kind: AdjustmentKind
    funder: str
    amount_tiyn: int


class Ride(NamedTuple):
    """A tap that counts, as pricing sees it.

    Attributes:
        tap_no: names the tap; answers come in the order of the rides.
        at_ms: corrected event time.
        medium: `card`, `qr`, `bank_card`, `nfc`.
        category: the card's rider category at that time.
        passes: products of the passes that the card holds at that time.
        num_riders: how many ride on this tap.
        accepted: a person has said that it is a ride, however soon after another.
    """

    tap_no: int
    at_ms: int
    route_id: str | None
    vehicle_id: str | None
    medium: str
    category: str
    passes: tuple[str, ...] = ()
    num_riders: int = 1
    accepted: bool = False


class Fare(NamedTuple):
    """What a ride costs, and who bears it: nominal = charged + sum of the adjustments.

    Attributes:
        product_id: GTFS fare product that was used.
        rider_category: GTFS rider category that it was priced for.
        tariff_version: number of the tariff that priced it.
        boardings: how many boardings it counts (riders on the tap).
        rule: why, in short and in stable words: `leg local adult`, `transfer of 17`, `cap day`.
        hold: why the tap is no ride of its own (`double_debit`, `no_fare_rule`, …), or None. A held
            tap has neither amounts nor boardings.
        disputed: why a person must decide before the carrier is paid, or None.
    """

    product_id: str
    rider_category: str
    tariff_version: int
    nominal_tiyn: int
    charged_tiyn: int
    adjustments: tuple[Adjustment, ...]
    boardings: int
    rule: str
    hold: str | None = None
    disputed: str | None = None


class CardRow(NamedTuple):
    """A card as it stands, locked by the transaction that reads it."""

    card_no: int
    agency_id: str
    card_ref: str
    status: str
    category: str
    category_from_ms: int
    has_pass: bool
    has_pending: bool
    has_block: bool
    purse_tiyn: int
    debt_tiyn: int
    deposit_tiyn: int
    pending_tiyn: int


@dataclass(slots=True)
class Journal:
    """A journal to be posted; `entries` moves amounts (debit > 0) on account numbers.

    A tap's journal has `tap_no` and `revision`; any other has `source_key`, the client's
    idempotency key, and `content_hash`, the SHA-256 of what came with it. `business_date` is the
    first open day from `service_date` on; the poster fills it in, `posted_at` is the database's.
    """

    agency_id: str
    kind: str
    service_date: date
    event_at_ms: int
    received_ms: int
    entries: dict[int, int]
    rule: str
    actor: str
    event_at_raw_ms: int | None = None
    tap_no: int | None = None
    revision: int | None = None
    source_key: str | None = None
    content_hash: bytes | None = None
    card_no: int | None = None
    product_id: str | None = None
    rider_category: str | None = None
    tariff_version: int | None = None
    reverses: int | None = None
    business_date: date | None = None
    journal_no: int | None = None


@dataclass(slots=True)
class Posted:
    """What a batch of taps came to, read back from rows that are committed.

    Attributes:
        stored: (device_no, epoch) → sequence numbers stored as usable taps (new or before).
        held: (device_no, epoch) → (seq, code) of those kept as evidence and not used.
        new, repeats, conflicts: how many taps were new, byte-identical to a stored one, and of a
            stored identity with other content.
        journals: how many journals were posted.
        put_off: taps that are not stored yet, as another transaction holds their device or card.
    """

    stored: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    held: dict[tuple[int, int], list[tuple[int, str]]] = field(default_factory=dict)
    new: int = 0
    repeats: int = 0
    conflicts: int = 0
    journals: int = 0
    put_off: list[TapIn] = field(default_factory=list)

    def note(self, identity: tuple[int, int, int], status: str, code: str | None) -> None:
        """Note for the device what is stored under (device_no, epoch, seq)."""
        device_no, epoch, seq = identity
        if status == "held" and code is not None:
            self.held.setdefault((device_no, epoch), []).append((seq, code))
        else:
            self.stored.setdefault((device_no, epoch), []).append(seq)
