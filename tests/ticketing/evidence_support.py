"""What the tests of the evidence front share: devices with keys, sealed taps, candidates."""

import hmac

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Tap
from sapar.contract.seal import (
    Algorithm,
    canonical_bytes,
    digest,
    public_key_of,
    seal_tap,
)
from sapar.fleet.registry import AgencyEntry, DeviceEntry, Mounting, Registry
from sapar.ticketing.keys import KeyRing, derive_secret
from sapar.ticketing.verify import Candidate

AGENCY = "aktobe"
NOW_MS = 1_785_564_000_000
MASTER = bytes(range(32))
CARD = "f55799f06b5b4117d471de6f7c40cd931bd3bd6aaf93672b071d911d9debd0b3"

A = DeviceEntry(1, AGENCY, "val-a", "validator", mountings=(Mounting("1042"),))
B = DeviceEntry(2, AGENCY, "val-b", "validator")
REGISTRY = Registry.of([AgencyEntry(AGENCY, AGENCY, "Asia/Aqtobe")], [A, B])


def seed_of(device_id: str, key_id: int = 1) -> bytes:
    """The private half of a device's Ed25519 key."""
    return hmac.digest(b"test", f"{device_id}/{key_id}".encode(), "sha256")


def ring(*, valid_from_ms: int = 0, revoked_ms: int | None = None) -> KeyRing:
    """Key 1 of each device is Ed25519, key 2 HMAC."""
    rows: list[tuple[object, ...]] = []
    for device in (A, B):
        public = public_key_of(seed_of(device.device_id))
        name = (device.device_no, device.agency_id, device.device_id)
        rows.append((*name, 1, "ed25519", public, valid_from_ms, revoked_ms))
        rows.append((*name, 2, "hmac-sha256", None, valid_from_ms, revoked_ms))
    return KeyRing.of_rows(rows, MASTER)


def tap(seq: int = 1, **changes: object) -> Tap:
    """A good tap without a seal."""
    values = {"epoch": 1, "seq": seq, "time_ms": NOW_MS, "card_ref": CARD, "balance_tiyn": 245000}
    return msgspec.convert(values | changes, Tap)


def sealed(one: Tap, device: DeviceEntry = A, algorithm: Algorithm = "ed25519") -> Tap:
    """The tap with the device's seal."""
    key_id = 1 if algorithm == "ed25519" else 2
    key = (
        seed_of(device.device_id)
        if algorithm == "ed25519"
        else derive_secret(MASTER, device.agency_id, device.device_id, key_id)
    )
    return seal_tap(
        device.agency_id, device.device_id, one, algorithm=algorithm, key_id=key_id, key=key
    )


def candidate(one: Tap, device: DeviceEntry = A) -> Candidate:
    """What intake makes of a tap that came on the device's topic."""
    canonical = canonical_bytes(device.agency_id, device.device_id, one)
    return Candidate(device, one, canonical, digest(canonical, one.signature), encode(one), NOW_MS)
