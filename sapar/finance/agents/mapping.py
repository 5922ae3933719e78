"""How a register's columns are named: the documented defaults, and what an agent does otherwise."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from sapar.core.errors import BadInput

Field = Literal["reference", "time", "date", "amount", "card_ref", "masked", "status"]

DEFAULT_NAMES: Final[dict[Field, tuple[str, ...]]] = {
    "reference": ("reference", "key", "operation", "референс", "номер операции", "операция"),
    "time": ("time", "date and time", "datetime", "дата и время", "время"),
    "date": ("date", "дата"),
    "amount": ("amount", "sum", "сумма", "сомасы"),
    "card_ref": ("card_ref", "card", "карта", "транспортная карта"),
    "masked": ("masked", "pan", "банковская карта"),
    "status": ("status", "state", "статус", "состояние"),
}
"""Headings by what they mean, without regard to capitals."""

DEFAULT_CANCELLED: Final = (
    "cancelled", "canceled", "reversed", "refunded", "отменен", "отменён", "отмена", "возврат",
    "сторно",
)  # fmt: skip
DEFAULT_DONE: Final = (
    "", "done", "ok", "success", "paid", "выполнен", "успешно", "оплачен", "проведен", "проведён",
)  # fmt: skip
DEFAULT_TOTAL: Final = ("total", "итого", "всего", "барлығы")


class RegisterMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read a register.

    Attributes:
        columns: what a column means → its heading; what is not named here goes by the defaults.
        separator: of a CSV file: `,` `;` or a tab; None: whichever its heading has most of.
        encoding: of a CSV file; None: UTF-8, or Windows-1251 with the Kazakh letters.
        decimal_mark: `.` or `,`; None: told from the amount.
        time_format: as strptime has it, for date and time in one column; None: ISO 8601 or
            day.month.year, seconds and time zone may be missing.
        sheet: of an XLSX file; None: the first.
        skip_rows: rows above the heading.
        done: words of a status that mean the money was taken.
        cancelled: … that it was given back.
        total: words that, in the first column, mark a row of totals; it ends the register and must
            be right.
    """

    columns: dict[Field, str] = {}
    separator: Literal[",", ";", "\t"] | None = None
    encoding: str | None = None
    decimal_mark: Literal[".", ","] | None = None
    time_format: str | None = None
    sheet: str | None = None
    skip_rows: int = 0
    done: tuple[str, ...] = DEFAULT_DONE
    cancelled: tuple[str, ...] = DEFAULT_CANCELLED
    total: tuple[str, ...] = DEFAULT_TOTAL


DEFAULT: Final = RegisterMapping()


def mapping_of(plain: object) -> RegisterMapping:
    """Read a mapping from plain data.

    Raises:
        BadInput: it is none (`register_mapping`).
    """
    try:
        mapping = msgspec.convert(plain, RegisterMapping)
        if mapping.encoding is not None:
            "".encode(mapping.encoding)
    except (msgspec.ValidationError, LookupError) as exc:
        raise BadInput(f"the mapping cannot be used: {exc}", code="register_mapping") from None
    if not 0 <= mapping.skip_rows <= 100:
        raise BadInput("skip_rows is 0 to 100", code="register_mapping")
    return mapping


def plain_mapping(mapping: RegisterMapping) -> dict[str, Any]:
    """Give a mapping as plain data."""
    plain: dict[str, Any] = msgspec.to_builtins(mapping)
    return plain


def places_of(mapping: RegisterMapping, header: list[str]) -> dict[Field, int] | str:
    """Find the columns in a heading; a text says what is wrong with it."""
    names = [name.strip().lower() for name in header]
    places: dict[Field, int] = {}
    for field, usual in DEFAULT_NAMES.items():
        own = mapping.columns.get(field)
        wanted = usual if own is None else (own.strip().lower(),)
        found = [place for place, name in enumerate(names) if name in wanted]
        if len(found) > 1:
            return f"two columns are called {names[found[1]]!r}"
        if found:
            places[field] = found[0]
        elif own is not None:
            return f"no column is called {own!r}"
    for field in ("amount", "time"):
        if field not in places and not (field == "time" and "date" in places):
            return f"no column is the {field}: {', '.join(repr(name) for name in names)}"
    if "reference" not in places and "card_ref" not in places:
        return "neither a reference nor a card stands in it"
    return places
