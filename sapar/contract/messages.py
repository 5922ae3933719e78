"""The messages of the wire, one model each for JSON and MessagePack.

A message on `gps`, `tap`, `event` or `shift` is one record (an object) or a batch (an array of
records). Every record carries `epoch` and `seq`: a number that never goes back within an epoch,
each kind with a sequence of its own. Times are device time in whole Unix milliseconds (UTC), as
sent. Unknown fields are ignored, so that new devices may talk to an older server.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

INTEGER_MAX = 2**53 - 1
"""Largest epoch, sequence number or time: every JSON reader keeps it exact."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every record carries.

    Attributes:
        epoch: number of the device's counting period; larger than any before, e.g. the Unix second
            in which the device's storage was last empty.
        seq: number of the record within the epoch, for this kind; each used once.
        time_ms: device time of the observation in Unix milliseconds.
    """

    epoch: int
    seq: int
    time_ms: int


class Fix(Record, kw_only=True, omit_defaults=True):
    """A position (topic `gps`).

    Attributes:
        latitude, longitude: WGS84 degrees; both absent when the receiver has no fix.
        speed_mps: speed over ground in metres a second.
        bearing_deg: course over ground, degrees clockwise from north, 0 <= bearing < 360; absent
            while standing.
        odometer_m: metres driven since any fixed start.
        accuracy_m: radius in metres that holds the true place with 68 %.
        satellites: satellites used.
        trip_id, route_id, block_id: what the driver signed on to, spelt as in the timetable.
        driver_id: who drives, as the operator names them.
        doors_open: any door open.
        ignition: ignition on.
        occupancy_count: passengers on board, from a counter.
    """

    latitude: float | None = None
    longitude: float | None = None
    speed_mps: float | None = None
    bearing_deg: float | None = None
    odometer_m: float | None = None
    accuracy_m: float | None = None
    satellites: int | None = None
    trip_id: str | None = None
    route_id: str | None = None
    block_id: str | None = None
    driver_id: str | None = None
    doors_open: bool | None = None
    ignition: bool | None = None
    occupancy_count: int | None = None


class Tap(Record, kw_only=True, omit_defaults=True):
    """A card or code presented to a validator (topic `tap`).

    Attributes:
        card_ref: keyed hash of the card number, never the number itself.
        medium: what was presented.
        num_riders: how many ride on this tap.
        counter: the card's own transaction counter.
        balance_tiyn: balance on the card after the tap, in tiyn.
        latitude, longitude, trip_id, route_id, block_id, stop_id: where, as far as known.
        tariff_version, denylist_version: the versions the validator decided by.
        direction_id: direction of the trip as in the timetable, 0 or 1.
        driver_id: who drives, as the operator names them.
        shift_no: number of the validator's shift (its Z report).
        boot_no: how often the device has started; it never goes back.
        uptime_ms: milliseconds since that start, from a clock that nobody sets.
        clock_src: what set the clock last.
        last_sync_age_s: seconds since then.
        gnss_age_s: seconds since the position was measured.
        balance_before_tiyn: balance on the card before the tap, in tiyn.
        nominal_tiyn: the fare by the validator's tariff before any reduction, in tiyn.
        charged_tiyn: what the validator took from the card, in tiyn.
        product_id: the fare product that the validator used.
        rider_category: the category that it read from the card.
        outcome: whether the rider was let in.
        deny_reason: why not, in snake case.
        transfer_of: the card's counter on the tap that this ride continues.
        card_mac: what the card itself or its security module signed, as the validator got it.
        prev_hash: digest of the device's tap before this one, 32 hexadecimal digits.
        alg: algorithm of the seal.
        key_id: number of the device's key that made the seal.
        signature: the seal over all the other fields (see docs/wire-contract.md).
    """

    card_ref: str
    medium: Literal["card", "qr", "bank_card", "nfc"] = "card"
    num_riders: int = 1
    counter: int | None = None
    balance_tiyn: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    trip_id: str | None = None
    route_id: str | None = None
    block_id: str | None = None
    stop_id: str | None = None
    tariff_version: int | None = None
    denylist_version: int | None = None
    direction_id: int | None = None
    driver_id: str | None = None
    shift_no: int | None = None
    boot_no: int | None = None
    uptime_ms: int | None = None
    clock_src: Literal["gnss", "ntp", "rtc"] | None = None
    last_sync_age_s: int | None = None
    gnss_age_s: int | None = None
    balance_before_tiyn: int | None = None
    nominal_tiyn: int | None = None
    charged_tiyn: int | None = None
    product_id: str | None = None
    rider_category: str | None = None
    outcome: Literal["allow", "deny"] = "allow"
    deny_reason: str | None = None
    transfer_of: int | None = None
    card_mac: str | None = None
    prev_hash: str | None = None
    alg: str | None = None
    key_id: int | None = None
    signature: str | None = None


class Event(Record, kw_only=True, omit_defaults=True):
    """Something that happened (topic `event`): `panic`, `power_on`, `gps_lost`, `doors` and so on.

    Attributes:
        kind: name in snake case, at most 32 characters.
        latitude, longitude: where, as far as known.
        data: values that belong to this kind of event.
    """

    kind: str
    latitude: float | None = None
    longitude: float | None = None
    data: dict[str, Any] | None = None


class TapVoid(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`data` of an event of kind `tap_void`: sequence numbers of taps that will never come.

    Attributes:
        epoch: the epoch of the taps.
        from_seq, to_seq: first and last number, both included.
        reason: why, for a person.
        alg, key_id, signature: the seal, as on a tap.
    """

    epoch: int
    from_seq: int
    to_seq: int
    reason: str
    alg: str | None = None
    key_id: int | None = None
    signature: str | None = None


class ProductTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a validator counted of one fare product.

    Attributes:
        product_id: the product, as on the taps; absent: of taps that name none.
        taps: how many taps it let in.
        sum_tiyn: what it took for them from cards, in tiyn: the sum of their `charged_tiyn`.
    """

    product_id: str | None = None
    taps: int
    sum_tiyn: int


class ShiftReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`data` of an event of kind `shift_report`: a validator's shift (Z) report.

    Attributes:
        epoch: the epoch of its taps; a shift ends with the epoch.
        shift_no: number of the shift, from 1 in each epoch, each used once.
        opened_ms, closed_ms: when the shift began and ended, device time in Unix milliseconds.
        first_seq, last_seq: numbers of its first and last tap; both absent: nobody tapped.
        products: what it counted by product, each product once.
        denied: how many taps it let nobody ride on.
        total_taps, total_tiyn: grand totals of taps let in and of what was taken for them, this
            shift included; never reset, in no epoch.
        alg, key_id, signature: the seal, as on a tap.
    """

    epoch: int
    shift_no: int
    opened_ms: int
    closed_ms: int
    first_seq: int | None = None
    last_seq: int | None = None
    products: list[ProductTotal] = []
    denied: int = 0
    total_taps: int
    total_tiyn: int
    alg: str | None = None
    key_id: int | None = None
    signature: str | None = None


class Shift(Record, kw_only=True, omit_defaults=True):
    """A driver signs on or off (topic `shift`)."""

    action: Literal["sign_on", "sign_off"]
    driver_id: str
    trip_id: str | None = None
    route_id: str | None = None
    block_id: str | None = None


class Status(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State of the device (topic `status`, retained; also its last will with `online` false)."""

    online: bool
    time_ms: int | None = None
    firmware: str | None = None
    backlog: int | None = None
    battery_v: float | None = None


class StoredRanges(msgspec.Struct):
    """Sequence numbers of one epoch that are committed, as inclusive ranges in rising order."""

    epoch: int
    ranges: list[tuple[int, int]]


class RefusedRecord(msgspec.Struct):
    """A record that was kept as evidence and will not be used; the device may free it."""

    epoch: int
    seq: int
    code: str


class UndecodableMessage(msgspec.Struct):
    """A message or record without a readable identity, named by the SHA-256 of its bytes."""

    digest: str
    code: str


class Ack(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is committed (topic `ack`): only what stands here may be freed on the device."""

    kind: Literal["gps", "tap", "event", "shift"]
    server_time_ms: int
    stored: list[StoredRanges] = []
    refused: list[RefusedRecord] = []
    undecodable: list[UndecodableMessage] = []


class Config(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Settings of a device (topic `config`, retained)."""

    version: int
    fix_interval_s: float = 5.0
    batch_interval_s: float = 0.0
    upload_messages_per_s: float = 5.0
    server_time_ms: int | None = None


class Command(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A command to a device (topic `cmd`); answered by an `event` of kind `cmd_result`.

    A command `message` (see `DriverMessage`) is answered twice: by `cmd_result` when it is on the
    display, by `cmd_read` when the driver has confirmed it.
    """

    command_id: str
    name: str
    args: dict[str, Any] | None = None


class DriverMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`args` of the command `message`: something for the driver to read.

    Attributes:
        texts: by language tag; the device shows the driver's own, else the first it can show.
        urgent: sound, and stay on the display until the driver has confirmed.
        expires_ms: not shown any more from then on, in Unix milliseconds.
    """

    texts: dict[str, str]
    urgent: bool = False
    expires_ms: int | None = None


class CommandAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`data` of the events `cmd_result` and `cmd_read`.

    Attributes:
        command_id: of the command that is answered.
        ok: of a `cmd_result`: it was carried out; a message: the driver can see it.
        error: why not, in snake case.
    """

    command_id: str
    ok: bool | None = None
    error: str | None = None


class DenyList(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Blocked cards of an agency (retained): a whole list, or what changed since one.

    The whole list goes out seldom (topic `denylist`), what changed since then often (topic
    `denylist-delta`, always all changes since the whole list that it names). In JSON bytes are
    base64. See docs/cards.md for the packing.

    Attributes:
        version: number of this list; a validator writes it on its taps.
        base_version: the whole list that `added` and `removed` change; absent: this is one.
        cards: how many hashes the list has.
        added: packed hashes of cards that are on the list (of a delta: and not in its base).
        removed: packed hashes that the base has and the list has not.
        spared: marks (16 bytes each) of cards that share a hash with a blocked one and are none.
        check: the first 8 bytes of the SHA-256 of the list's sorted hashes, 8 bytes each.
        card_refs: further cards by their whole reference.
    """

    version: int
    issued_at_ms: int
    base_version: int | None = None
    cards: int = 0
    added: bytes | None = None
    removed: bytes | None = None
    spared: bytes | None = None
    check: bytes | None = None
    card_refs: list[str] = []


class TariffNotice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The tariff in force for an agency, and the one that will follow it (retained).

    Attributes:
        version: its number; a validator writes it on its taps.
        effective_from_ms: from when it holds, in Unix milliseconds.
        digest: SHA-256 of its files in hexadecimal.
        products: what each product costs by rider category and medium, in tiyn.
        next: the next one, if it is published already.
    """

    version: int
    effective_from_ms: int
    digest: str | None = None
    products: list[dict[str, Any]] = []
    next: TariffNotice | None = None


RECORD_TYPES: dict[str, type[Record]] = {
    "gps": Fix,
    "tap": Tap,
    "event": Event,
    "shift": Shift,
}
"""Model of a record by the kind that its topic names."""
