"""Reading what is open, and writing matches: sets of rows, journals in one piece."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sapar.core.db import AsyncConnection, int_array, json_value, load_queries, translated
from sapar.core.errors import BadInput, Fault, NotFound, Refused
from sapar.finance.matching.items import NewItem, add_items
from sapar.finance.matching.model import (
    RULE_VERSION,
    Expected,
    Hint,
    Line,
    MatchingSettings,
)
from sapar.finance.matching.postings import Booking, journal_of, movements
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.matching")
_HINT_ITEMS_MAX = 50
_STREAMED = 2000
"""So many rows are in memory twice while they are read."""
_REPEATED = (2, 3, 6, 7, 9, 10, 11, 13, 14)
"""Places of owner, days, batch, counterparty and residual account in the query `read_items`."""


class Town(NamedTuple):
    """What matching needs to know of an agency.

    Attributes:
        bank_ids: the number of each of its bank accounts → its short name.
        own: IBAN → number.
        zone: in which its days are.
        version: of the settings; 0: nobody changed them.
    """

    agency_id: str
    bank_ids: Mapping[int, str]
    own: Mapping[str, int]
    zone: ZoneInfo
    settings: MatchingSettings
    version: int

    def today(self, now: datetime) -> date:
        """Give the local day."""
        return now.astimezone(self.zone).date()


async def read_town(connection: AsyncConnection, agency_id: str) -> Town:
    """Read what matching needs to know of an agency.

    Raises:
        NotFound: there is no such agency.
    """
    names = {"agency_id": agency_id}
    with translated():
        found = await connection.execute(_QUERIES["find_zone"], names)
        zone = await found.fetchone()
        found = await connection.execute(_QUERIES["read_bank_accounts"], names)
        accounts = await found.fetchall()
    if zone is None:
        raise NotFound(f"no agency {agency_id}")
    version, settings = await read_settings(connection, agency_id)
    return Town(
        agency_id,
        {number: short for number, short, _ in accounts},
        {iban: number for number, _, iban in accounts},
        ZoneInfo(zone[0]),
        settings,
        version,
    )


async def read_settings(
    connection: AsyncConnection, agency_id: str
) -> tuple[int, MatchingSettings]:
    """Give the version and the settings that hold now."""
    with translated():
        found = await connection.execute(_QUERIES["find_settings"], {"agency_id": agency_id})
        row = await found.fetchone()
    if row is None:
        return 0, MatchingSettings()
    return row[0], msgspec.convert(row[1], MatchingSettings)


async def keep_settings(
    connection: AsyncConnection,
    agency_id: str,
    settings: MatchingSettings,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Let settings hold from now on, in a transaction of the caller's; give their version.

    Raises:
        BadInput: `bad_setting`: a number is out of its range.
    """
    for name, value in msgspec.structs.asdict(settings).items():
        if not 0 <= value <= (1000 if name.endswith("permille") else 366):
            raise BadInput(f"{name} cannot be {value}", code="bad_setting")
    await lock_matching(connection, agency_id)
    version, before = await read_settings(connection, agency_id)
    if before == settings and version:
        return version
    with translated():
        await connection.execute(
            _QUERIES["insert_settings"],
            {
                "agency_id": agency_id, "version": version + 1, "now": now, "actor": actor,
                "settings": json_value(msgspec.to_builtins(settings)),
            },
        )  # fmt: skip
    return version + 1


async def lock_matching(connection: AsyncConnection, agency_id: str) -> None:
    """Keep others from matching for an agency until the commit."""
    with translated():
        await connection.execute(_QUERIES["lock_matching"], {"agency_id": agency_id})


async def hold_matching(connection: AsyncConnection, agency_id: str) -> None:
    """Keep others from matching for an agency as long as the connection is open."""
    with translated():
        await connection.execute(_QUERIES["hold_matching"], {"agency_id": agency_id})


async def read_lines(
    connection: AsyncConnection, agency_id: str, line_nos: Collection[int] | None = None
) -> list[Line]:
    """Give the open lines of an agency, or those of the named ones that are open."""
    names = {
        "agency_id": agency_id,
        "lines": None if line_nos is None else sorted(line_nos),
    }
    with translated():
        async with connection.cursor() as cursor:
            rows = cursor.stream(_QUERIES["read_lines"], names, size=_STREAMED)
            return [Line(*row) async for row in rows]


async def read_items(
    connection: AsyncConnection, agency_id: str, item_nos: Collection[int] | None = None
) -> list[Expected]:
    """Give the open items of an agency, or those of the named ones that are open."""
    names = {
        "agency_id": agency_id,
        "items": None if item_nos is None else sorted(item_nos),
    }
    same: dict[object, object] = {}  # few owners and counterparties have many items
    items = []
    with translated():
        async with connection.cursor() as cursor:
            async for row in cursor.stream(_QUERIES["read_items"], names, size=_STREAMED):
                values = [*row]
                for place in _REPEATED:
                    values[place] = same.setdefault(values[place], values[place])
                items.append(Expected(*values))
    return items


async def read_twins(
    connection: AsyncConnection, agency_id: str, settings: MatchingSettings
) -> set[int]:
    """Give the open lines that equal a matched one of about the same time."""
    with translated():
        found = await connection.execute(
            _QUERIES["read_twins"], {"agency_id": agency_id, "days": settings.doubled_days}
        )
        return {row[0] for row in await found.fetchall()}


async def read_undone(connection: AsyncConnection, agency_id: str) -> dict[int, frozenset[int]]:
    """Give for each open line the items that a person took from it."""
    with translated():
        found = await connection.execute(_QUERIES["read_undone"], {"agency_id": agency_id})
        return {row[0]: frozenset(row[1]) for row in await found.fetchall()}


class Written(NamedTuple):
    """A match that was written; `journal` is None when nothing moved."""

    match_no: int
    booking: Booking
    journal: Journal | None
    remainder_no: int | None


async def write_matches(
    connection: AsyncConnection,
    accounts: Accounts,
    town: Town,
    bookings: Sequence[Booking],
    *,
    actor: str,
    now: datetime,
    content_hash: bytes | None = None,
) -> list[Written]:
    """Write matches and post their journals, in the caller's transaction and as its last act.

    The caller holds the agency's matching lock. A match of which an item was cancelled meanwhile is
    left out. `content_hash` is that of the one match's client, where it came from one.

    Raises:
        Fault: a line or an item is in another match.
    """
    bookings = await _still_there(connection, bookings)
    if not bookings:
        return []
    remainders = await _add_remainders(connection, town.agency_id, bookings)
    moved = [movements(town.agency_id, one, town.bank_ids) for one in bookings]
    numbers = await accounts.numbers({key for one in moved for key in one})
    at_ms = int(now.timestamp() * 1000)
    hashes = [content_hash or one.operation(town.agency_id).content_hash for one in bookings]
    journals = [
        journal_of(town.agency_id, one, moves, numbers, digest, actor=actor, at_ms=at_ms)
        for one, moves, digest in zip(bookings, moved, hashes, strict=True)
    ]
    await post(connection, [journal for journal in journals if journal is not None], {})
    match_nos = await _insert(connection, town, bookings, journals, hashes, actor=actor, now=now)
    return [
        Written(match_no, booking, journal, remainders.get(booking.source_key))
        for match_no, booking, journal in zip(match_nos, bookings, journals, strict=True)
    ]


async def _still_there(
    connection: AsyncConnection, bookings: Sequence[Booking]
) -> Sequence[Booking]:
    items = {item.item_no for one in bookings for item in one.items}
    if not items:
        return bookings
    with translated():
        found = await connection.execute(
            _QUERIES["lock_items"], {"items": int_array(sorted(items))}
        )
        there = {row[0] for row in await found.fetchall()}
    if len(there) == len(items):
        return bookings
    return [one for one in bookings if all(item.item_no in there for item in one.items)]


async def _add_remainders(
    connection: AsyncConnection, agency_id: str, bookings: Sequence[Booking]
) -> dict[str, int]:
    owing = [(one.source_key, one.remainder) for one in bookings if one.remainder is not None]
    items = [
        NewItem(
            agency_id=agency_id,
            kind="remainder",
            source_key=remainder_key(source_key),
            code=rest.code,
            owner=rest.owner,
            amount_tiyn=rest.amount,
            item_date=date.fromordinal(rest.day),
            due_on=date.fromordinal(rest.last_day),
            reference=rest.reference,
            batch_ref=rest.batch_ref,
            counterparty_bin=rest.bin,
            counterparty_iban=rest.iban,
            bank_account_no=rest.account,
            residual_code=rest.residual_code,
            residual_owner=rest.residual_owner,
            tolerance_tiyn=rest.tolerance,
            parent_item_no=rest.root,
        )
        for source_key, rest in owing
    ]
    numbers = await add_items(connection, items)
    return {source_key: number for (source_key, _), number in zip(owing, numbers, strict=True)}


def remainder_key(source_key: str) -> str:
    """Give the key of the item that a match leaves."""
    return f"remainder:{source_key}"


async def _insert(
    connection: AsyncConnection,
    town: Town,
    bookings: Sequence[Booking],
    journals: Sequence[Journal | None],
    hashes: Sequence[bytes],
    *,
    actor: str,
    now: datetime,
) -> list[int]:
    if len({one.note for one in bookings}) != 1:
        raise Fault("matches that are written together have one note")
    with translated():
        found = await connection.execute(_QUERIES["draw_match_numbers"], {"count": len(bookings)})
        row = await found.fetchone()
        assert row is not None
        numbers: list[int] = row[0]
        each = list(zip(numbers, bookings, strict=True))
        residuals = [one.residual_account or (None, None) for one in bookings]
        columns = {
            "match_no": int_array(numbers),
            "bank_account_no": int_array(one.account_no for one in bookings),
            "source_key": [one.source_key for one in bookings],
            "content_hash": hashes,
            "rule": [one.rule for one in bookings],
            "lines_tiyn": int_array(one.lines_sum for one in bookings),
            "items_tiyn": int_array(one.items_sum for one in bookings),
            "fee_tiyn": int_array(one.fee for one in bookings),
            "residual_tiyn": int_array(one.residual for one in bookings),
            "residual_code": int_array(code for code, _ in residuals),
            "residual_owner": [owner for _, owner in residuals],
            "journal_no": int_array(None if one is None else one.journal_no for one in journals),
            "line_match": int_array(number for number, one in each for _ in one.lines),
            "line_no": int_array(line.line_no for one in bookings for line in one.lines),
            "item_match": int_array(number for number, one in each for _ in one.items),
            "item_no": int_array(item.item_no for one in bookings for item in one.items),
        }
        parts = [
            (number, place, *part)
            for number, one in each
            for place, part in enumerate(one.parts, 1)
        ]
        await connection.execute(
            _QUERIES["insert_matches"],
            {
                **columns, "agency_id": town.agency_id, "rule_version": RULE_VERSION,
                "settings_version": town.version, "now": now, "actor": actor,
                "note": bookings[0].note,
            },
        )  # fmt: skip
        for match_no, place, code, owner, amount in parts:
            await connection.execute(
                _QUERIES["insert_residual"],
                {
                    "match_no": match_no, "position": place, "code": code, "owner": owner,
                    "amount_tiyn": amount,
                },
            )  # fmt: skip
    return numbers


async def keep_hints(
    connection: AsyncConnection, agency_id: str, hints: Mapping[int, Hint]
) -> None:
    """Keep why lines stay open, and forget what is so no longer."""
    order = sorted(hints)
    columns = {
        "agency_id": agency_id,
        "line_no": order,
        "rule": [hints[number].rule for number in order],
        "reason": [hints[number].reason for number in order],
        "items": [" ".join(map(str, hints[number].items[:_HINT_ITEMS_MAX])) for number in order],
        "item_count": [len(hints[number].items) for number in order],
    }
    with translated():
        await connection.execute(_QUERIES["delete_hints"], columns)
        await connection.execute(_QUERIES["keep_hints"], columns)


def require_open(what: str, asked: Collection[int], found: Collection[int]) -> None:
    """Refuse to match what is not open.

    Raises:
        Refused: `not_open`.
    """
    missing = sorted(set(asked) - set(found))
    if missing:
        raise Refused(
            f"{what} {missing[0]} is not open: it is matched, cancelled, or not of this agency",
            code="not_open",
            hint="Look again at what is open.",
        )
