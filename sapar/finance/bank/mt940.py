"""MT940, the statement of SWIFT. Pure.

The library `mt-940` knows the grammar of each field and is asked field by field: reading whole
files it passes over what it does not understand, gives no line, turns the sign of a reversed
credit the wrong way and cuts long details off. Amounts, signs, years and the order of fields are
held here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from mt940.models import Transactions
from mt940.options import Options
from mt940.processors import transaction_details_post_processor
from mt940.tags import FinalOpeningBalance, TransactionDetails
from mt940.tags import Statement as StatementLine

from sapar.finance.bank.model import (
    BrokenFile,
    Line,
    Statement,
    bin_of,
    by_account,
    clean,
    iban_of,
)
from sapar.finance.bank.values import amount, decode

_TAG = re.compile(r":(?P<tag>[0-9]{2}[A-Z]?|NS):")
_HEAD = re.compile(r"\{4:\s*")
_COMMA = re.compile(r"[0-9]+,[0-9]*")
_ENDS = frozenset({"-", "-}"})
_SIGNS: Final = {"C": 1, "D": -1, "RC": -1, "RD": 1}  # a reversed credit is taken away
_LINE_LENGTH = 65
_WORDS = {
    "NUM": "reference", "EREF": "reference", "NAME": "name", "IDN": "bin", "BIN": "bin",
    "IIK": "iban", "ACC": "iban", "IBAN": "iban", "ASSIGN": "purpose", "REMI": "purpose",
}  # fmt: skip
_WORD = re.compile(rf"/(?P<word>{'|'.join(_WORDS)})/")
_NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED"})

_CONTEXT = Transactions(options=Options.all())
_LINE_TAG, _BALANCE_TAG, _DETAILS_TAG = StatementLine(), FinalOpeningBalance(), TransactionDetails()


class _Field(NamedTuple):
    tag: str
    value: list[str]
    line: int


class _Balance(NamedTuple):
    tiyn: int
    on: date
    currency: str


@dataclass(slots=True)
class _Message:
    """One message, from :20: to the closing balance."""

    line: int
    account: str | None = None
    opening: _Balance | None = None
    closing: _Balance | None = None
    lines: list[tuple[_Field, _Field | None]] = field(default_factory=list)


def parse(data: bytes) -> list[Statement]:
    """Read the statements of all accounts in a file, unchecked.

    Raises:
        BrokenFile: it is not of the format, or not whole; with the line.
    """
    messages: list[_Message] = []
    for one in _fields(decode(data)):
        if one.tag == "20":
            messages.append(_Message(one.line))
        elif not messages:
            raise BrokenFile("a field stands before :20:", code="bad_line", line=one.line)
        else:
            _add(messages[-1], one)
    if not messages:
        raise BrokenFile("the file has no field :20:", code="unknown_format")
    return by_account(_statement(message) for message in messages)


def _fields(text: str) -> Iterator[_Field]:
    current: _Field | None = None
    for number, row in enumerate(text.splitlines(), start=1):
        if row.startswith("{"):  # the envelope: blocks 1 to 3, and where block 4 begins
            row = _HEAD.split(row, maxsplit=1)[-1] if _HEAD.search(row) else ""
        match = _TAG.match(row)
        if match or row.strip() in _ENDS:
            if current:
                yield current
            current = _Field(match["tag"], [row[match.end() :]], number) if match else None
        elif current:
            current.value.append(row)
        elif row.strip():
            raise BrokenFile(f"{row.strip()[:60]!r} is in no field", code="bad_line", line=number)
    if current:
        yield current


def _add(message: _Message, one: _Field) -> None:
    if one.tag == "25":
        message.account = _account(one)
    elif one.tag in {"60F", "60M"}:
        message.opening = _balance(one)
    elif one.tag in {"62F", "62M"}:
        message.closing = _balance(one)
    elif one.tag == "61":
        if message.opening is None or message.closing is not None:
            raise BrokenFile(
                "a line stands outside of the balances :60: and :62:",
                code="bad_line",
                line=one.line,
            )
        message.lines.append((one, None))
    elif one.tag == "86" and message.lines and message.closing is None:
        line, details = message.lines[-1]
        value = one.value if details is None else [*details.value, *one.value]
        message.lines[-1] = (line, one._replace(value=value))


def _account(one: _Field) -> str:
    number = iban_of(one.value[0].rpartition("/")[2])
    if number is None:
        raise BrokenFile("field :25: names no account", code="no_account", line=one.line)
    with_currency = len(number) == 23 and number.startswith("KZ")  # 20 of the IBAN and KZT
    return number[:20] if with_currency else number


def _balance(one: _Field) -> _Balance:
    try:
        parts = _BALANCE_TAG.parse(_CONTEXT, one.value[0].strip())
        on = date(2000 + int(parts["year"] or ""), int(parts["month"] or ""),
                  int(parts["day"] or ""))  # fmt: skip
    except (RuntimeError, ValueError):
        raise BrokenFile(
            f"{one.value[0]!r} is no balance", code="no_balances", line=one.line
        ) from None
    sign = 1 if parts["status"] == "C" else -1
    written = one.value[0].strip()[10:]  # the library stops where it does not understand
    return _Balance(
        sign * amount(written, one.line, decimal_mark=","), on, (parts["currency"] or "").upper()
    )


def _statement(message: _Message) -> Statement:
    account, opening, closing = message.account, message.opening, message.closing
    if account is None:
        raise BrokenFile("the statement has no field :25:", code="no_account", line=message.line)
    if opening is None or closing is None:
        missing = ":60:" if opening is None else ":62:"
        raise BrokenFile(
            f"the statement has no balance {missing}", code="no_balances", line=message.line
        )
    if opening.currency != closing.currency:
        raise BrokenFile(
            "its balances are in two currencies", code="wrong_currency", line=message.line
        )
    lines = tuple(_line(one, details) for one, details in message.lines)
    return Statement(
        account=account,
        # the opening's day may be that of the last closing, so the lines say when it begins
        from_date=min((line.booked_on for line in lines), default=closing.on),
        to_date=closing.on,
        opening_tiyn=opening.tiyn,
        closing_tiyn=closing.tiyn,
        currency=opening.currency,
        lines=lines,
    )


def _line(one: _Field, details: _Field | None) -> Line:
    try:
        parts = _LINE_TAG.parse(_CONTEXT, one.value[0].rstrip())
        valued = date(2000 + int(parts["year"] or ""), int(parts["month"] or ""),
                      int(parts["day"] or ""))  # fmt: skip
        booked = _booked(valued, parts["entry_month"], parts["entry_day"])
        sign = _SIGNS[parts["status"] or ""]
        # without a comma the library takes what follows a point for a reference
        written = _COMMA.fullmatch(parts["amount"] or "")
    except (RuntimeError, ValueError, KeyError):
        written = None
    if written is None:
        raise BrokenFile(f"{one.value[0]!r} is no statement line", code="bad_line", line=one.line)
    reference, bank_reference = _references(parts)
    about = _details(details.value if details else [" ".join(one.value[1:])])
    return Line(
        booked_on=booked,
        amount_tiyn=sign * amount(written[0], one.line, decimal_mark=","),
        value_on=valued,
        counterparty_name=clean(about.get("name", "")),
        counterparty_bin=bin_of(about.get("bin", "")),
        counterparty_iban=iban_of(about.get("iban", "")),
        reference=clean(about.get("reference", "")) or reference,
        bank_reference=bank_reference,
        purpose=clean(about.get("purpose", "")),
        source_line=one.line,
    )


def _booked(valued: date, month: str | None, day: str | None) -> date:
    """Give the day of booking, whose year is the one that brings it nearest to the value date."""
    if not (month or "").strip() or not (day or "").strip():
        return valued
    near = []
    for year in (valued.year - 1, valued.year, valued.year + 1):
        try:
            near.append(date(year, int(month or ""), int(day or "")))
        except ValueError:  # 29 February of another year
            continue
    return min(near, key=lambda one: abs(one - valued))


def _references(parts: dict[str, str | None]) -> tuple[str, str]:
    """Give the customer's and the bank's reference, also where they are longer than the rule."""
    own, of_bank = parts["customer_reference"] or "", parts["bank_reference"]
    rest = parts["extra_details"] or ""
    if of_bank is None:
        own, _, of_bank = (own + rest).partition("//")
    else:
        of_bank += rest
    own = clean(own)
    return "" if own.upper() in _NO_REFERENCE else own, clean(of_bank)


def _details(rows: Sequence[str]) -> dict[str, str]:
    """Take field :86: apart: code words `/NAME/…`, German `?20…`, or a purpose alone."""
    text = ""
    for row in rows:
        text += row if len(row) == _LINE_LENGTH else f"{row}\n"
    text = text.replace("\n", " ").strip()
    if re.match(r"[0-9]{3}\?[0-9]{2}", text):
        return _german(rows)
    words = list(_WORD.finditer(text))
    if not words or words[0].start():
        return {"purpose": text}
    found: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], None], strict=True):
        end = len(text) if following is None else following.start()
        found.setdefault(_WORDS[word["word"]], text[word.end() : end].strip())
    return found


def _german(rows: Sequence[str]) -> dict[str, str]:
    whole = {"transaction_details": "\n".join(rows)}
    found = transaction_details_post_processor(_CONTEXT, _DETAILS_TAG, whole, dict(whole))
    names = {
        "purpose": "purpose", "applicant_name": "name", "applicant_iban": "iban",
        "end_to_end_reference": "reference",
    }  # fmt: skip
    return {ours: found[theirs] for theirs, ours in names.items() if found.get(theirs)}
