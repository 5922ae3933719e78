"""Passwords of devices: generated here, stored only as the hash that the broker reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_SALT_BYTES = 12
_HASH_BYTES = 64

# The broker's own default. Stretching protects passwords that people choose; ours have 160 random
# bits, which no number of guesses reaches. And the broker hashes the password of every open
# connection on each reload, while nobody is served: 3,000 connections take it a third of a second.
_ITERATIONS = 101

PASSWORD_BYTES = 20
"""Random bytes in a generated password: 160 bits, 32 letters and digits when written out."""


def generate_password() -> str:
    """Make a password: 32 characters A-Z and 2-7, which survive every terminal and CSV."""
    return base64.b32encode(secrets.token_bytes(PASSWORD_BYTES)).decode("ascii")


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Hash a password in Mosquitto's format: `$7$iterations$salt$hash`, PBKDF2 with SHA-512.

    Args:
        password: as the device sends it.
        salt: 12 bytes, random unless given.
    """
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = _derive(password, salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${_base64(salt)}${_base64(digest)}"


def password_matches(password: str, password_hash: str) -> bool:
    """Tell whether `password` is the one that `password_hash` was made of."""
    try:
        empty, method, iterations, salt, digest = password_hash.split("$")
        expected = base64.b64decode(digest, validate=True)
        derived = _derive(password, base64.b64decode(salt, validate=True), int(iterations))
    except ValueError:
        return False
    return empty == "" and method == "7" and hmac.compare_digest(derived, expected)


def _derive(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _HASH_BYTES)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
