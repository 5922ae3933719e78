"""What a name on the wire may look like."""

from __future__ import annotations

TEXT_CHARACTERS_MAX = 64


def is_id(text: str) -> bool:
    """Tell whether a text is a name: 1 to 64 printable characters."""
    return 0 < len(text) <= TEXT_CHARACTERS_MAX and text.isprintable()
