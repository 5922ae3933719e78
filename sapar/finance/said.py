"""What people write in their own words: reasons, comments, notes. No bank card's number goes in."""

from __future__ import annotations

import re
from typing import Final

from sapar.core.errors import BadInput
from sapar.finance.bank.cards import mask

_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A key as pages make them: nobody typed it."""


def refuse_card_number(*texts: str) -> None:
    """Refuse a text that holds a bank card's number: what is written down stays for ever.

    Whoever types is there to write it otherwise, so it is refused and not starred out, as what a
    bank or an agent sends is. Every tenth long number looks like a card's by accident.

    Raises:
        BadInput: one does (`pan_like`).
    """
    if any(mask(text) != text for text in texts if not _UUID.fullmatch(text)):
        raise BadInput(
            "that looks like a bank card's number, which must not be kept",
            code="pan_like",
            hint="Write its last four digits alone.",
        )
