"""Amounts, dates and texts out of bank files, exactly or not at all. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from sapar.finance.bank.model import BrokenFile

_SIGN = re.compile(r"[+-]?[0-9]")
_WHOLE = re.compile(r"[0-9]{1,15}")
_PART = re.compile(r"[0-9]{0,2}")
_GROUPED: Final = {  # by the decimal mark: thousands parted by the other one
    ".": re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}"),
    ",": re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3}){1,4}"),
}
_BLANKS = re.compile(r"[\s'’]")
_DATES = ((re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}"), "%d.%m.%Y"),
          (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "%Y-%m-%d"),
          (re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}"), "%d/%m/%Y"),
          (re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}"), "%d.%m.%y"))  # fmt: skip


def amount(text: str, line: int | None, *, decimal_mark: str | None = None) -> int:
    """Read tenge as tiyn, never through a float.

    Args:
        text: digits, blanks or apostrophes between thousands, a sign, at most two decimals.
        line: for the error.
        decimal_mark: `.` or `,`, the other one may then stand between thousands; None: found out,
            and refused where it cannot be (`1.234`).

    Raises:
        BrokenFile: `bad_amount`.
    """
    digits = _BLANKS.sub("", text).replace("−", "-").removesuffix("₸").removesuffix("KZT")
    mark = decimal_mark or _mark_of(digits)
    whole, _, part = digits.lstrip("+-").partition(mark or ".")
    part = part.rstrip("0")
    if (
        mark is None
        or not _SIGN.match(digits)
        or not (_WHOLE.fullmatch(whole) or _GROUPED[mark].fullmatch(whole))
        or not _PART.fullmatch(part)
    ):
        raise BrokenFile(
            f"{text!r} is no amount in tenge",
            code="bad_amount",
            line=line,
            hint="" if mark else "Say in the mapping whether `.` or `,` is the decimal_mark.",
        )
    tiyn = int(whole.replace(",", "").replace(".", "")) * 100 + int(part.ljust(2, "0"))
    return -tiyn if digits.startswith("-") else tiyn


def _mark_of(digits: str) -> str | None:
    """Tell which of `.` and `,` stands before decimals; None when both readings are money."""
    places = {mark: digits.rfind(mark) for mark in ".,"}
    mark = max(places, key=places.__getitem__)
    other = "," if mark == "." else "."
    if digits.count(mark) > 1:
        return other  # 1,234,567
    grouped = _GROUPED[other].fullmatch(digits.lstrip("+-"))
    return None if grouped and places[other] < 0 else mark


def day(text: str, line: int | None, *, form: str | None = None) -> date:
    """Read a date, whatever time follows it.

    Raises:
        BrokenFile: `bad_date`.
    """
    found = _day(text.strip(), form)
    if found is None:
        raise BrokenFile(f"{text!r} is no date", code="bad_date", line=line)
    return found


@lru_cache(maxsize=4096)
def _day(text: str, form: str | None) -> date | None:
    try:
        if form is not None:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        head = re.split(r"[ T]", text, maxsplit=1)[0]
        for pattern, usual in _DATES:
            if pattern.fullmatch(head):
                return datetime.strptime(head, usual).date()  # noqa: DTZ007
    except ValueError:
        pass
    return None


def decode(data: bytes) -> str:
    """Read text: UTF-8 where it is that, otherwise Windows-1251 with the Kazakh letters (KZ-1048).

    KZ-1048 is Windows-1251 but for letters of other alphabets, in whose places it has Қ, Ә, Ң …

    Raises:
        BrokenFile: `bad_encoding`.
    """
    for encoding in ("utf-8-sig", "kz1048"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BrokenFile("the text is neither UTF-8 nor Windows-1251", code="bad_encoding")
