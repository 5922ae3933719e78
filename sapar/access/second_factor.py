"""Second factor: time-based codes (RFC 6238: SHA-1, six digits, 30 s), as every app makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

import segno

STEP_S = 30
_DIGITS = 6
_STEPS_EITHER_SIDE = 1  # telephones' clocks differ by some seconds, people type slowly
_MODULE_PX = 4  # whole pixels: no edge of the picture is blurred
_QUIET_MODULES = 4  # the white margin without which scanners do not find a code (ISO/IEC 18004)


def make_secret() -> bytes:
    """Make a secret: 160 bits, as long as the hash (RFC 4226, 4)."""
    return secrets.token_bytes(20)


def secret_text(secret: bytes) -> str:
    """Write a secret as apps take it by hand."""
    return base64.b32encode(secret).decode()


def secret_address(secret: bytes, name: str, issuer: str) -> str:
    """Write a secret as the address that apps take from a picture (Key URI format).

    What apps take for granted is written all the same: some of them ask when it is not there.
    """
    label = quote(f"{issuer}:{name}", safe="")
    values = {
        "secret": secret_text(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": _DIGITS,
        "period": STEP_S,
    }
    return f"otpauth://totp/{label}?{urlencode(values, quote_via=quote)}"


def address_picture(address: str) -> str:
    """Draw an address as a QR code for a telephone's camera: an SVG image as a `data:` address.

    Black on white with its margin whatever the page's colours are: scanners look for that.
    """
    code = segno.make_qr(address, error="m", boost_error=False)
    return code.svg_data_uri(scale=_MODULE_PX, border=_QUIET_MODULES, dark="#000", light="#fff")


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
