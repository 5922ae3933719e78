"""The CSV files of another system's cards, read row by row. Pure but for reading the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sapar.contract.pan import is_pan_like
from sapar.core.errors import BadInput

CARD_COLUMNS: Final = ("card_ref", "category", "purse", "debt", "deposit")
PASS_COLUMNS: Final = ("card_ref", "product_id", "valid_from", "valid_to", "unearned")
BLOCK_COLUMNS: Final = ("card_ref", "reason", "note", "from")
_REASONS: Final = frozenset({"stolen", "lost", "debt", "fraud", "other"})

_AMOUNT = re.compile(r"(\d{1,13})(?:[.,](\d{1,2}))?")
_TEXT_MAX, _REF_MAX = 200, 64


class RefusedRow(NamedTuple):
    """A row that was not moved in: which file, its line, a code, the reason, and its money.

    Attributes:
        kind: `cards`, `passes` or `blocks`.
    """

    kind: str
    line: int
    code: str
    message: str
    amount_tiyn: int = 0


class CardLine(NamedTuple):
    """A card with its opening balances."""

    line: int
    card_ref: str
    category: str
    purse_tiyn: int
    debt_tiyn: int
    deposit_tiyn: int

    @property
    def amount_tiyn(self) -> int:
        """What is owed to the holder."""
        return self.purse_tiyn + self.deposit_tiyn - self.debt_tiyn


class PassLine(NamedTuple):
    """A pass, and what of its price is not earned yet."""

    line: int
    card_ref: str
    product_id: str
    valid_from: datetime
    valid_to: datetime
    amount_tiyn: int


class BlockLine(NamedTuple):
    """A block that stands; without a time it began when it moved in."""

    line: int
    card_ref: str
    reason: str
    note: str
    blocked_at: datetime | None
    amount_tiyn: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rows of one kind of file.

    Attributes:
        kind: `cards`, `passes` or `blocks`.
        columns: those that the file may have; the first two are required.
        make: (line, values of these columns) → row; raises `BadInput`.
    """

    kind: str
    columns: tuple[str, ...]
    make: Callable[[int, list[str]], Any]

    def rows(self, path: Path) -> Iterator[Any]:
        """Give rows, and a `RefusedRow` for each that cannot be used.

        Comma, semicolon and tab separate, whichever the header uses; UTF-8.

        Raises:
            BadInput: the file cannot be read (`csv_file`), or its first line does not name the
                columns (`csv_header`).
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header = file.readline()
                separator = max(",;\t", key=header.count)
                places = self._places(
                    path, [name.strip().lower() for name in header.split(separator)]
                )
                yield from self._read(csv.reader(file, delimiter=separator), places)
        except OSError as exc:
            raise BadInput(f"cannot read {path}: {exc.strerror}", code="csv_file") from None
        except UnicodeDecodeError as exc:
            raise BadInput(
                f"{path} is not UTF-8: byte {exc.start}", code="csv_file", hint="Save it as UTF-8."
            ) from None

    def _places(self, path: Path, names: list[str]) -> list[int]:
        if len(set(names)) != len(names) or any(name not in names for name in self.columns[:2]):
            raise BadInput(
                f"the first line of {path} must name the columns, none twice: {', '.join(names)!r}",
                code="csv_header",
                hint=f"Columns: {', '.join(self.columns)}.",
            )
        return [names.index(name) if name in names else -1 for name in self.columns]

    def _read(self, reader: Any, places: list[int]) -> Iterator[Any]:
        rows = iter(reader)
        while True:
            line = reader.line_num + 2
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as exc:
                yield RefusedRow(self.kind, line, "csv_row", str(exc))
                continue
            if not row:
                continue
            try:
                values = [row[place].strip() if place >= 0 else "" for place in places]
                yield self.make(line, values)
            except IndexError:
                yield RefusedRow(
                    self.kind, line, "csv_row", "the row has fewer fields than the header"
                )
            except BadInput as exc:
                yield RefusedRow(self.kind, line, exc.code, exc.message)


def card_line(line: int, values: list[str]) -> CardLine:
    """Read a card.

    Raises:
        BadInput: `card_ref`, `pan_like`, `category`, `amount`, `purse_and_debt`.
    """
    card_ref, category, purse, debt, deposit = values
    check_ref(card_ref)
    _check_text("category", category, 1)
    row = CardLine(line, card_ref, category, tiyn(purse), tiyn(debt), tiyn(deposit))
    if row.purse_tiyn and row.debt_tiyn:
        raise BadInput("a card has money or a debt, not both", code="purse_and_debt")
    return row


def pass_line(line: int, values: list[str], zone: ZoneInfo) -> PassLine:
    """Read a pass.

    Raises:
        BadInput: `card_ref`, `product_id`, `time`, `amount`.
    """
    card_ref, product_id, valid_from, valid_to, unearned = values
    check_ref(card_ref)
    _check_text("product_id", product_id, 1)
    first, last = moment(valid_from, zone), moment(valid_to, zone)
    if last <= first:
        raise BadInput("the pass ends before it begins", code="time")
    return PassLine(line, card_ref, product_id, first, last, tiyn(unearned))


def block_line(line: int, values: list[str], zone: ZoneInfo, now: datetime) -> BlockLine:
    """Read a block.

    Raises:
        BadInput: `card_ref`, `reason`, `note`, `time`.
    """
    card_ref, reason, note, since = values
    check_ref(card_ref)
    if reason not in _REASONS:
        raise BadInput(f"the reason is one of {', '.join(sorted(_REASONS))}", code="reason")
    _check_text("note", note, 0)
    at = moment(since, zone) if since else None
    if at is not None and at > now:
        raise BadInput("the block begins in the future", code="time")
    return BlockLine(line, card_ref, reason, note, at)


def check_ref(card_ref: str) -> None:
    """Check a card's reference.

    Raises:
        BadInput: it is no printable text of at most 64 signs (`card_ref`), or it is a bank card's
            number (`pan_like`).
    """
    if not 0 < len(card_ref) <= _REF_MAX or not card_ref.isprintable():
        raise BadInput("a card's reference is a text of 1 to 64 signs", code="card_ref")
    if is_pan_like(card_ref):
        raise BadInput("that is a bank card's number", code="pan_like")


def tiyn(text: str) -> int:
    """Read tenge with at most two decimals, exactly, as tiyn; nothing is 0.

    Raises:
        BadInput: it is no such amount (`amount`).
    """
    if not text:
        return 0
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise BadInput(f"{text[:40]!r} is no amount in tenge", code="amount")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is local time.

    Raises:
        BadInput: it is none (`time`).
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no ISO 8601 time", code="time") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def _check_text(name: str, text: str, shortest: int) -> None:
    if not shortest <= len(text) <= _TEXT_MAX or not text.isprintable():
        raise BadInput(f"{name} is a text of {shortest} to {_TEXT_MAX} signs", code=name)
