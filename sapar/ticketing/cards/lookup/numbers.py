"""Numbers of transport cards: read as people type them, and kept only as a keyed hash.

The number that is printed on a card and the reference that validators send are different things:
only the validators' key leads from one to the other, and it never comes here. So a number is tied
to its card when a PIN is set, by whoever has the card in hand.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

from sapar.contract.pan import is_pan_like
from sapar.core.errors import BadInput, Fault, NotFound

_KEY_BYTES: Final = 32
_NUMBER: Final = re.compile(r"[0-9A-Z]{6,24}")


def read_number(text: str) -> str:
    """Give a card's number without what people put between its signs.

    Raises:
        BadInput: it is no number of a transport card (`card_number`).
    """
    number = re.sub(r"[\s-]", "", text).upper()
    if not _NUMBER.fullmatch(number) or is_pan_like(number):
        raise BadInput(
            "That is no number of a transport card.",
            code="card_number",
            hint="It stands on the back of the card: 6 to 24 digits or Latin letters.",
        )
    return number


def hash_number(key: bytes, agency_id: str, number: str) -> bytes:
    """Give what a number is found by: HMAC-SHA-256 over agency and number, 32 bytes."""
    return hmac.digest(key, f"card {agency_id} {number}".encode(), hashlib.sha256)


def load_lookup_key(path: Path) -> bytes:
    """Read the key that numbers are hashed with.

    Raises:
        NotFound: there is none, so no card has a PIN (`no_card_lookup`).
        Fault: the file is no key.
    """
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        raise NotFound(
            "Cards cannot be looked up here.",
            code="no_card_lookup",
            hint="The first PIN makes the key: sapar ticketing cards pin.",
        ) from None
    except ValueError:
        raise Fault(f"{path} holds no key") from None
    if len(key) != _KEY_BYTES:
        raise Fault(f"{path} holds no key of {_KEY_BYTES} bytes")
    return key


def ensure_lookup_key(path: Path) -> bytes:
    """Give the key, made first if there is none; the file is for its owner alone.

    Raises:
        Fault: the file is no key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
    return load_lookup_key(path)
