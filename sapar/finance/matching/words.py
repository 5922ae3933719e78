"""References as people and banks write them. Pure.

Two references are the same when their words are: letters and digits count, case and what stands
between them does not, and a Cyrillic letter is the Latin one that it looks like.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_WORD = re.compile(r"[^\W_]+")
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХІ", "ABEKMHOPCTYXI")
_SEARCHED_LENGTH: Final = 4
_STRONG_LENGTH: Final = 6


def words_of(text: str) -> list[str]:
    """Give the words of a text, folded.

    >>> words_of("Дог. №аг-17/2")
    ['ДOГ', 'AГ', '17', '2']
    """
    if not text.isascii():
        # the numero sign would become the letters of its own
        text = unicodedata.normalize("NFKC", text.replace("№", " ")).upper()
        text = text.translate(_LOOKALIKES)
    else:
        text = text.upper()
    return _WORD.findall(text)


def fold(text: str) -> str:
    """Give what two equal references have in common; '' when nothing is in it."""
    return " ".join(words_of(text))


def is_searched(key: str) -> bool:
    """Whether a folded reference is looked for in running text: not every `17` is one."""
    return _counts(key) >= _SEARCHED_LENGTH and any(map(str.isdigit, key))


def is_strong(key: str) -> bool:
    """Whether a folded reference found in running text stands for itself, whatever the amount."""
    return _counts(key) >= _STRONG_LENGTH and any(map(str.isdigit, key))


def _counts(key: str) -> int:
    return len(key) - key.count(" ")


class Finder:
    """Finds known references in texts as whole words.

    Args:
        keys: folded references.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._lengths: dict[str, set[int]] = {}
        self._keys: set[str] = set()
        for key in keys:
            if is_searched(key):
                first, _, _ = key.partition(" ")
                self._keys.add(key)
                self._lengths.setdefault(first, set()).add(key.count(" ") + 1)

    def find(self, text: str) -> set[str]:
        """Give the references that stand in a text."""
        words = words_of(text)
        found: set[str] = set()
        for place, word in enumerate(words):
            for length in self._lengths.get(word, ()):
                key = " ".join(words[place : place + length])
                if key in self._keys:
                    found.add(key)
        return found
