"""Answers without references of cards: in their place stand labels."""

from __future__ import annotations

from typing import Any

import msgspec

from sapar.finance.cards.looking import label_of


def without_reference(one: Any) -> dict[str, Any]:
    """Give a struct or named tuple as plain data, `card_ref` as the label `card`."""
    plain: dict[str, Any] = (
        one._asdict() if hasattr(one, "_asdict") else msgspec.structs.asdict(one)
    )
    card_ref = plain.pop("card_ref", None)
    return {**plain, "card": label_of(card_ref) if card_ref else None}
