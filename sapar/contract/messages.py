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
        signature: signature over the record (see docs/wire-contract.md).
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
    """A command to a device (topic `cmd`); answered by an `event` of kind `cmd_result`."""

    command_id: str
    name: str
    args: dict[str, Any] | None = None


class DenyList(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Blocked cards of an agency (retained): the whole list of one version."""

    version: int
    issued_at_ms: int
    card_refs: list[str] = []


class TariffNotice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The tariff in force for an agency (retained)."""

    version: int
    effective_from_ms: int
    products: list[dict[str, Any]] = []


RECORD_TYPES: dict[str, type[Record]] = {
    "gps": Fix,
    "tap": Tap,
    "event": Event,
    "shift": Shift,
}
"""Model of a record by the kind that its topic names."""
