"""The seal of a tap: its canonical bytes, their digest, Ed25519 and HMAC-SHA-256 over them.

The canonical bytes of a tap are one MessagePack array: the text `sapar-tap-1`, agency, device, then
the values of `SEALED_FIELDS` in that order, absent ones as nil and defaults written out. Integers
and texts take their shortest form, numbers with a fraction 64 bits, and nils at the end are cut, so
that fields which a later release adds at the end leave the seals of earlier devices good. Such
bytes mean one record only: lengths stand before contents, nothing is joined by a separator.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from operator import attrgetter
from typing import Final, Literal

import msgspec
from nacl.bindings import crypto_sign_PUBLICKEYBYTES
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from sapar.contract.messages import ShiftReport, Tap, TapVoid

Algorithm = Literal["ed25519", "hmac-sha256"]
ED25519: Final = "ed25519"
HMAC_SHA256: Final = "hmac-sha256"
ALGORITHMS: Final[tuple[Algorithm, ...]] = (ED25519, HMAC_SHA256)

PUBLIC_KEY_BYTES: Final = crypto_sign_PUBLICKEYBYTES
"""Length of an Ed25519 public key, and of the secret of HMAC-SHA-256 (32)."""

DIGEST_BYTES: Final = 16

SEALED_FIELDS: Final = (
    "epoch",
    "seq",
    "time_ms",
    "card_ref",
    "medium",
    "num_riders",
    "outcome",
    "alg",
    "key_id",
    "prev_hash",
    "counter",
    "balance_before_tiyn",
    "balance_tiyn",
    "nominal_tiyn",
    "charged_tiyn",
    "product_id",
    "rider_category",
    "transfer_of",
    "deny_reason",
    "tariff_version",
    "denylist_version",
    "route_id",
    "trip_id",
    "direction_id",
    "block_id",
    "stop_id",
    "latitude",
    "longitude",
    "gnss_age_s",
    "driver_id",
    "shift_no",
    "boot_no",
    "uptime_ms",
    "clock_src",
    "last_sync_age_s",
    "card_mac",
)
"""Every field of a tap except the seal itself, in the order of the canonical bytes. New fields come
at the end, default to absent, and never move: this order is what devices have sealed."""

_TAP_FORM: Final = "sapar-tap-1"
_VOID_FORM: Final = "sapar-tap-void-1"
_SHIFT_FORM: Final = "sapar-shift-report-1"
_pack = msgspec.msgpack.Encoder().encode
_values_of = attrgetter(*SEALED_FIELDS)


def canonical_bytes(agency_id: str, device_id: str, tap: Tap) -> bytes:
    """Give the bytes that a tap's seal is made over; they name who sent it."""
    values = [_TAP_FORM, agency_id, device_id, *_values_of(tap)]
    while values[-1] is None:
        values.pop()
    return _pack(values)


def digest(canonical: bytes, signature: str | None = None) -> bytes:
    """Digest a record: the first 16 bytes of the SHA-256 of its canonical bytes and its seal.

    The seal's text belongs to it, so that the same content under a seal that is good and under one
    that is not are two records, whichever arrives first. `prev_hash` of the device's next tap is
    this digest in hexadecimal.
    """
    whole = canonical if signature is None else canonical + signature.encode()
    return hashlib.sha256(whole).digest()[:DIGEST_BYTES]


def digest_of_tap(agency_id: str, device_id: str, tap: Tap) -> bytes:
    """Digest a tap as it is sent, its seal included."""
    return digest(canonical_bytes(agency_id, device_id, tap), tap.signature)


def seal_tap(
    agency_id: str, device_id: str, tap: Tap, *, algorithm: Algorithm, key_id: int, key: bytes
) -> Tap:
    """Give the tap with `alg`, `key_id` and its seal, as a device sends it.

    Args:
        agency_id: the city of who sends it.
        device_id: who sends it.
        tap: the record; a seal that it has is replaced.
        algorithm: how to seal it.
        key_id: number of the device's key.
        key: 32 bytes: the Ed25519 seed, or the secret shared with the server.
    """
    bare = msgspec.structs.replace(tap, alg=algorithm, key_id=key_id, signature=None)
    canonical = canonical_bytes(agency_id, device_id, bare)
    bare.signature = encode_seal(sign(canonical, algorithm, key))
    return bare


def canonical_void(agency_id: str, device_id: str, time_ms: int, void: TapVoid) -> bytes:
    """Give the bytes that the seal of a void is made over; `time_ms` is that of its event."""
    return _pack(
        [
            _VOID_FORM,
            agency_id,
            device_id,
            time_ms,
            void.epoch,
            void.from_seq,
            void.to_seq,
            void.reason,
            void.alg,
            void.key_id,
        ]
    )


def seal_void(
    agency_id: str,
    device_id: str,
    time_ms: int,
    void: TapVoid,
    *,
    algorithm: Algorithm,
    key_id: int,
    key: bytes,
) -> TapVoid:
    """Give the void with `alg`, `key_id` and its seal; arguments as in `seal_tap`."""
    bare = msgspec.structs.replace(void, alg=algorithm, key_id=key_id, signature=None)
    canonical = canonical_void(agency_id, device_id, time_ms, bare)
    bare.signature = encode_seal(sign(canonical, algorithm, key))
    return bare


def canonical_shift(agency_id: str, device_id: str, time_ms: int, report: ShiftReport) -> bytes:
    """Give the bytes that the seal of a shift report is made over; `time_ms` is its event's."""
    return _pack(
        [
            _SHIFT_FORM,
            agency_id,
            device_id,
            time_ms,
            report.epoch,
            report.shift_no,
            report.opened_ms,
            report.closed_ms,
            report.first_seq,
            report.last_seq,
            [[one.product_id, one.taps, one.sum_tiyn] for one in report.products],
            report.denied,
            report.total_taps,
            report.total_tiyn,
            report.alg,
            report.key_id,
        ]
    )


def seal_shift(
    agency_id: str,
    device_id: str,
    time_ms: int,
    report: ShiftReport,
    *,
    algorithm: Algorithm,
    key_id: int,
    key: bytes,
) -> ShiftReport:
    """Give the report with `alg`, `key_id` and its seal; arguments as in `seal_tap`."""
    bare = msgspec.structs.replace(report, alg=algorithm, key_id=key_id, signature=None)
    canonical = canonical_shift(agency_id, device_id, time_ms, bare)
    bare.signature = encode_seal(sign(canonical, algorithm, key))
    return bare


def sign(canonical: bytes, algorithm: Algorithm, key: bytes) -> bytes:
    """Make a seal: 64 bytes of Ed25519 or 32 of HMAC-SHA-256."""
    if algorithm == ED25519:
        return SigningKey(key).sign(canonical).signature
    return hmac.digest(key, canonical, "sha256")


def public_key_of(seed: bytes) -> bytes:
    """Give the Ed25519 public key of a private one (its 32-byte seed)."""
    return SigningKey(seed).verify_key.encode()


def encode_seal(seal: bytes) -> str:
    """Write a seal as the wire has it: base64url without padding."""
    return base64.urlsafe_b64encode(seal).rstrip(b"=").decode("ascii")


def decode_seal(text: str) -> bytes | None:
    """Read a seal off the wire; None when it is not exactly what `encode_seal` writes."""
    try:
        seal = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return seal if encode_seal(seal) == text else None


def hmac_holds(canonical: bytes, seal: bytes, key: bytes) -> bool:
    """Tell whether an HMAC-SHA-256 seal is good, in constant time."""
    return hmac.compare_digest(hmac.digest(key, canonical, "sha256"), seal)


def ed25519_holds(canonical: bytes, seal: bytes, key: VerifyKey) -> bool:
    """Tell whether an Ed25519 seal is good; frees the interpreter's lock while it computes."""
    try:
        key.verify(canonical, seal)
    except (BadSignatureError, ValueError):
        return False
    return True
