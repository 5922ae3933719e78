"""1CClientBankExchange, the text that banks write for 1C: sections of `key=value` lines. Pure.

Version 1.03 says with `ДатаСписано` and `ДатаПоступило` which way the money went. Kazakh banks
write a dialect (Kaspi, Halyk, Jusan): `СуммаПриход` and `СуммаРасход`, `ПлательщикИИК`,
`ПлательщикБИН_ИИН`, keys in any case, a purpose on several lines, no `КонецФайла`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sapar.finance.bank.model import (
    BrokenFile,
    Line,
    Statement,
    bin_of,
    by_account,
    clean,
    iban_of,
)
from sapar.finance.bank.values import amount, day, decode

HEAD: Final = "1CClientBankExchange"

_DOS = re.compile(rb"=DOS\r?$", re.MULTILINE)  # the header's Кодировка
_ACCOUNT, _DOCUMENT, _HEADER = "account", "document", "header"
_PURPOSE = "назначениеплатежа"
_BOOKED_OUT, _BOOKED_IN = ("датасписано",), ("датапоступило",)
_BOOKED = ("датаоперации", "датапроводки", "датадокумента", "дата")
_VALUED = ("датавалютирования",)
_NUMBER = ("номердокумента", "номер")
_BANK_REFERENCE = ("референс", "референсдокумента", "референсбанка")
_SIDES = {-1: "плательщик", 1: "получатель"}  # who stands on our side when money goes, comes
_SIDE_ACCOUNT = ("иик", "счет", "расчсчет", "iban")
_SIDE_BIN = ("бинииин", "биниин", "бин", "иин", "инн")
_BIN_BEFORE_NAME = re.compile(r"\s*(?:ИНН|БИН|ИИН)\s*(?P<number>[0-9]{12})\s+(?=\S)")
_SIDE_NAME = ("наименование", "1", "")


@dataclass(slots=True)
class _Section:
    """A section's values by key (in small letters, without `_`), and where they stand."""

    kind: str
    line: int
    values: dict[str, tuple[str, int]] = field(default_factory=dict)

    def find(self, *keys: str) -> tuple[str, int] | None:
        """Give the first of these keys that has a value."""
        for key in keys:
            found = self.values.get(key)
            if found is not None and found[0].strip():
                return found
        return None

    def text(self, *keys: str) -> str:
        found = self.find(*keys)
        return "" if found is None else found[0]

    def date(self, *keys: str) -> date | None:
        found = self.find(*keys)
        return None if found is None else day(*found)

    def tiyn(self, *keys: str) -> int | None:
        found = self.find(*keys)
        return None if found is None else amount(*found, decimal_mark=_mark(found[0]))

    def side(self, side: int, names: Collection[str]) -> str:
        return self.text(*(_SIDES[side] + name for name in names))


def _mark(text: str) -> str:
    return "," if "," in text and "." not in text else "."


def parse(data: bytes) -> list[Statement]:
    """Read the statements of all accounts in a file, unchecked.

    Raises:
        BrokenFile: it is not of the format, or not whole; with the line.
    """
    text = data.decode("cp866", "replace") if _DOS.search(data[:500]) else decode(data)
    sections = list(_sections(text))
    header = sections[0]
    documents = [one for one in sections if one.kind == _DOCUMENT]
    accounts = [one for one in sections if one.kind == _ACCOUNT]
    if not accounts:
        raise BrokenFile(
            "no section СекцияРасчСчет: the file has no balances",
            code="no_balances",
            hint="Ask the bank for a statement, not for a list of payments.",
        )
    numbers = {_number(section, header) for section in accounts}
    lines: dict[str, list[Line]] = {number: [] for number in numbers}
    for document in documents:
        for number, sign in _sides(document, numbers):
            lines[number].append(_line(document, sign))
    statements = by_account(_balances(section, header) for section in accounts)
    return [
        Statement(
            account=one.account,
            from_date=one.from_date,
            to_date=one.to_date,
            opening_tiyn=one.opening_tiyn,
            closing_tiyn=one.closing_tiyn,
            currency=one.currency,
            lines=tuple(lines[one.account]),
        )
        for one in statements
    ]


def _sections(text: str) -> Iterator[_Section]:
    """Take the text apart; the header comes first."""
    rows = text.splitlines()
    if not rows or rows[0].strip() != HEAD:
        raise BrokenFile(f"the first line is not {HEAD}", code="unknown_format", line=1)
    header = section = _Section(_HEADER, 1)
    last = ""
    yield header
    for number, row in enumerate(rows[1:], start=2):
        key, equals, value = row.partition("=")
        name = key.strip().casefold().replace("_", "")
        if name in {"секциярасчсчет", "секциядокумент"}:
            if section is not header:
                raise BrokenFile(
                    f"the section of line {section.line} has no end",
                    code="section_not_closed",
                    line=number,
                )
            section = _Section(_ACCOUNT if name == "секциярасчсчет" else _DOCUMENT, number)
            last = ""
        elif name == {_ACCOUNT: "конецрасчсчет", _DOCUMENT: "конецдокумента"}.get(section.kind):
            yield section
            section = header
        elif name == "конецфайла":
            break
        elif equals and name.replace(" ", "").isalnum() and len(name) <= 60:
            last = name
            section.values.setdefault(name, (value, number))
        elif section.kind == _DOCUMENT and last.startswith(_PURPOSE):
            before, at = section.values[last]
            section.values[last] = (f"{before}\n{row}", at)
        elif row.strip():
            raise BrokenFile(f"{row.strip()[:60]!r} is no key=value", code="bad_line", line=number)
    if section is not header:
        raise BrokenFile(
            f"the file ends within the section of line {section.line}",
            code="section_not_closed",
            line=len(rows),
        )


def _number(section: _Section, header: _Section) -> str:
    number = iban_of(section.text("расчсчет") or header.text("расчсчет"))
    if number is None:
        raise BrokenFile("the section names no account", code="no_account", line=section.line)
    return number


def _balances(section: _Section, header: _Section) -> Statement:
    """Give what a section of an account says, without lines."""
    from_date = section.date("датаначала") or header.date("датаначала")
    to_date = section.date("датаконца") or header.date("датаконца") or from_date
    opening, closing = section.tiyn("начальныйостаток"), section.tiyn("конечныйостаток")
    for found, name in (
        (from_date, "ДатаНачала"),
        (opening, "НачальныйОстаток"),
        (closing, "КонечныйОстаток"),
    ):
        if found is None:
            raise BrokenFile(
                f"the account's section has no {name}", code="no_balances", line=section.line
            )
    assert from_date is not None
    assert to_date is not None
    assert opening is not None
    assert closing is not None
    currency = clean(section.text("валюта") or "KZT").upper()
    return Statement(
        account=_number(section, header),
        from_date=from_date,
        to_date=to_date,
        opening_tiyn=opening,
        closing_tiyn=closing,
        currency="KZT" if currency in {"398", "ТЕНГЕ"} else currency,
        lines=(),
    )


def _sides(document: _Section, numbers: Collection[str]) -> list[tuple[str, int]]:
    """Give the accounts that a document moves, each with the way: -1 when money goes."""
    on_sides = [
        (number, sign)
        for sign in (-1, 1)
        if (number := iban_of(document.side(sign, _SIDE_ACCOUNT)) or "") in numbers
    ]
    said = _said(document)
    if len(on_sides) == 1 and said in {None, on_sides[0][1]}:
        return on_sides
    if len({number for number, _ in on_sides}) == 2 and said is None:
        return on_sides  # from one of our accounts to another
    if said is not None and len(numbers) == 1 and len(on_sides) != 1:
        return [(next(iter(numbers)), said)]
    raise BrokenFile(
        "the document does not say whether money came or went",
        code="no_direction",
        line=document.line,
        hint="It needs ДатаСписано or ДатаПоступило, and an account of ours on that side.",
    )


def _said(document: _Section) -> int | None:
    """Give the way that a document states in so many words, or None."""
    out = bool(document.find("датасписано")) or bool(document.tiyn("суммарасход"))
    into = bool(document.find("датапоступило")) or bool(document.tiyn("суммаприход"))
    return None if out == into else (-1 if out else 1)


def _line(document: _Section, sign: int) -> Line:
    booked = _BOOKED_OUT if sign < 0 else _BOOKED_IN
    booked_on = document.date(*booked, *_BOOKED)
    moved = document.tiyn("суммарасход" if sign < 0 else "суммаприход") or document.tiyn("сумма")
    if booked_on is None:
        raise BrokenFile("the document has no date", code="bad_date", line=document.line)
    if moved is None:
        raise BrokenFile("the document has no amount", code="bad_amount", line=document.line)
    if moved < 0:
        raise BrokenFile("a document's amount has a sign", code="bad_amount", line=document.line)
    name = document.side(-sign, _SIDE_NAME)
    number = document.side(-sign, _SIDE_BIN)
    before_name = _BIN_BEFORE_NAME.match(name)
    if before_name is not None:
        name, number = name[before_name.end() :], number or before_name["number"]
    purpose = document.text(_PURPOSE) or " ".join(
        document.text(f"{_PURPOSE}{number}") for number in range(1, 7)
    )
    return Line(
        booked_on=booked_on,
        amount_tiyn=sign * moved,
        value_on=document.date(*_VALUED),
        counterparty_name=clean(name),
        counterparty_bin=bin_of(number),
        counterparty_iban=iban_of(document.side(-sign, _SIDE_ACCOUNT)),
        reference=clean(document.text(*_NUMBER)),
        bank_reference=clean(document.text(*_BANK_REFERENCE)),
        purpose=clean(purpose),
        source_line=document.line,
    )
