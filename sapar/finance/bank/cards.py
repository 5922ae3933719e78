"""Numbers of bank cards in what a bank writes: found and masked, so that none is stored. Pure."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import replace

from sapar.contract.pan import PAN_DIGITS_MAX, PAN_DIGITS_MIN, is_pan_like
from sapar.finance.bank.model import Format, Line

_CHAIN = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9](?:[ -]?[0-9]){12,}")  # at least 13 digits
_GROUP = re.compile(r"[0-9]+")
_IBAN_HEAD = re.compile(r"[A-Z]{2}$")
_KEPT_HEAD, _KEPT_TAIL = 6, 4


def mask(text: str, known: Collection[str] = ()) -> str:
    """Star out all but the first six and last four digits of each bank card's number.

    A number counts as a card's when it has 13 to 19 digits and a right check digit, in one piece
    or in groups of three to six. What is part of an IBAN is none.

    Args:
        text: in which to look.
        known: numbers that stand for something else: of the document, of the bank.
    """
    places = [place for chain in _CHAIN.finditer(text) for place in _found(text, chain, known)]
    for start, end in reversed(places):
        text = text[:start] + _starred(text[start:end]) + text[end:]
    return text


def _found(text: str, chain: re.Match[str], known: Collection[str]) -> Iterator[tuple[int, int]]:
    """Give where cards' numbers stand in digits that only single blanks and hyphens part."""
    groups = [group.span() for group in _GROUP.finditer(text, chain.start(), chain.end())]
    first = 0
    while first < len(groups):
        start = groups[first][0]
        digits, last, end = 0, first, 0
        while last < len(groups) and digits <= PAN_DIGITS_MAX:
            size = groups[last][1] - groups[last][0]
            if last > first and not (3 <= size <= 6 and 3 <= groups[first][1] - start <= 6):
                break
            digits += size
            candidate = text[start : groups[last][1]]
            if digits >= PAN_DIGITS_MIN and _is_card(text, start, candidate, known):
                end = groups[last][1]
                break
            last += 1
        if end:
            yield start, end
            first = last
        first += 1


def _is_card(text: str, start: int, candidate: str, known: Collection[str]) -> bool:
    return (
        not _IBAN_HEAD.search(text[max(0, start - 2) : start])
        and is_pan_like(candidate)
        and candidate not in known
    )


def _starred(number: str) -> str:
    total = sum(c.isdigit() for c in number)
    seen = 0
    masked = []
    for c in number:
        seen += c.isdigit()
        hidden = c.isdigit() and _KEPT_HEAD < seen <= total - _KEPT_TAIL
        masked.append("*" if hidden else c)
    return "".join(masked)


def without_cards(line: Line) -> Line:
    """Give a line whose texts hold no bank card's number; its references stay as they are."""
    known = {line.reference, line.bank_reference}
    name, purpose = mask(line.counterparty_name, known), mask(line.purpose, known)
    if name == line.counterparty_name and purpose == line.purpose:
        return line
    return replace(line, counterparty_name=name, purpose=purpose)


def file_to_keep(
    data: bytes, form: Format, lines: Collection[Line], *, text_held_cards: bool
) -> bytes | None:
    """Give a file as it may be stored, or None if cards' numbers cannot be masked in it.

    In text each number is starred out, byte for byte. A workbook is packed, and MT940 may break a
    number in two: with a card's number in them they are not kept.

    Args:
        data: the file.
        form: its format.
        lines: its lines; what they have as references stays.
        text_held_cards: a line's text held a card's number.
    """
    known = {line.reference for line in lines} | {line.bank_reference for line in lines}
    if form == "xlsx":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [archive.read(name).decode("latin-1") for name in archive.namelist()
                     if name.endswith(".xml")]  # fmt: skip
        return data if all(mask(part, known) == part for part in parts) else None
    if form == "mt940" and text_held_cards:
        return None
    return mask(data.decode("latin-1"), known).encode("latin-1")
