"""Second factor: time-based codes (RFC 6238: SHA-1, six digits, 30 s), as every app makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

STEP_S = 30
_DIGITS = 6
_STEPS_EITHER_SIDE = 1  # telephones' clocks differ by some seconds, people type slowly


def make_secret() -> bytes:
    """Make a secret: 160 bits, as long as the hash (RFC 4226, 4)."""
    return secrets.token_bytes(20)


def secret_text(secret: bytes) -> str:
    """Write a secret as apps take it by hand."""
    return base64.b32encode(secret).decode()


def secret_address(secret: bytes, name: str, issuer: str) -> str:
    """Write a secret as the address that apps take from a picture."""
    label = quote(f"{issuer}:{name}")
    values = {"secret": secret_text(secret), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(values)}"


def code_at(secret: bytes, step: int) -> str:
    """Give the code of a step of 30 seconds since 1970."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def find_step(secret: bytes, code: str, at: datetime) -> int | None:
    """Find the step whose code this is, among those around now; all are compared."""
    typed = code.replace(" ", "").encode()
    now = int(at.timestamp()) // STEP_S
    found = None
    for step in range(now - _STEPS_EITHER_SIDE, now + _STEPS_EITHER_SIDE + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed):
            found = step
    return found
