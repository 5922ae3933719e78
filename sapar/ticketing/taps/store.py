"""The database side of taps: one function a statement, arrays in, rows out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sapar.core.db import AsyncConnection, Rollback, int_array, load_queries, text_array
from sapar.ticketing.ledger.rows import COPY_BYTES, HEADER, TRAILER
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.taps.gaps import Range, SeqState
from sapar.ticketing.taps.write import judgement_columns, tap_row
from sapar.ticketing.types import CardRow, TapIn

_queries = load_queries("sapar.ticketing.taps")

Identity = tuple[int, int, int]
"""(device_no, epoch, seq)."""
DeviceEpoch = tuple[int, int]


class StoredTap(NamedTuple):
    """A stored version of an identity, in short."""

    digest: bytes
    sealed: str | None
    status: str
    code: str | None


async def find_stored(
    connection: AsyncConnection, identities: Iterable[Identity]
) -> dict[Identity, list[StoredTap]]:
    """Give what is stored under these identities; those of which nothing is are left out."""
    wanted = list(identities)
    cursor = await connection.execute(_queries["stored_taps"], _identity_columns(wanted))
    found: dict[Identity, list[StoredTap]] = {}
    for device_no, epoch, seq, *values in await cursor.fetchall():
        found.setdefault((device_no, epoch, seq), []).append(StoredTap(*values))
    return found


async def load_versions(
    connection: AsyncConnection, identities: Sequence[Identity]
) -> list[Evidence]:
    """Give every stored version of these identities."""
    return await _evidence(connection, "taps_of_identities", _identity_columns(identities))


async def load_counters(
    connection: AsyncConnection, counters: Sequence[tuple[int, int]]
) -> list[Evidence]:
    """Give every stored tap with these (card, counter) pairs."""
    columns = {
        "card_no": int_array([one[0] for one in counters]),
        "counter": int_array([one[1] for one in counters]),
    }
    return await _evidence(connection, "taps_of_counters", columns)


async def load_days(
    connection: AsyncConnection, spans: Sequence[tuple[int, date, date]]
) -> list[Evidence]:
    """Give every stored tap of (card, first fare day, last fare day)."""
    columns = {
        "card_no": int_array([one[0] for one in spans]),
        "first": _date_array([one[1] for one in spans]),
        "last": _date_array([one[2] for one in spans]),
    }
    return await _evidence(connection, "taps_of_days", columns)


async def list_days(
    connection: AsyncConnection, agency_id: str, since: datetime, until: datetime | None
) -> list[tuple[int, date]]:
    """Give the (card, fare day) pairs with a tap in a span of time."""
    values = {"agency_id": agency_id, "since": since, "until": until}
    cursor = await connection.execute(_queries["days_between"], values)
    return list(await cursor.fetchall())


async def load_carried(
    connection: AsyncConnection, days: Sequence[tuple[int, date]]
) -> dict[tuple[int, date], int]:
    """Give what each card was charged in the month before each fare day, in tiyn."""
    columns = {"card_no": int_array([one[0] for one in days]), "day": [one[1] for one in days]}
    cursor = await connection.execute(_queries["charged_before"], columns)
    return {(card_no, day): charged for card_no, day, charged in await cursor.fetchall()}


async def write_seals(connection: AsyncConnection, taps: Sequence[Evidence]) -> None:
    """Write what came of the seals of stored taps."""
    columns = {"tap_no": [tap.tap_no for tap in taps], "sealed": [tap.sealed for tap in taps]}
    await connection.execute(_queries["update_seals"], columns)


async def load_unsynchronized(
    connection: AsyncConnection, boots: Sequence[tuple[int, int, int]]
) -> list[Evidence]:
    """Give the stored taps of (device_no, epoch, boot_no) whose clock nobody had set."""
    columns = _identity_columns(boots)
    columns["boot_no"] = columns.pop("seq")
    return await _evidence(connection, "unsynchronized_taps", columns)


async def load_neighbours(
    connection: AsyncConnection, taps: Sequence[Evidence], uptime_max_ms: int
) -> dict[int, list[tuple[int, int, int]]]:
    """Give (seq, time_ms, uptime_ms) of the nearest taps with a right clock, by tap."""
    names = ("tap_no", "device_no", "epoch", "boot_no", "seq")
    columns: dict[str, Any] = {name: [getattr(tap, name) for tap in taps] for name in names}
    columns["uptime_max_ms"] = uptime_max_ms
    cursor = await connection.execute(_queries["neighbours_in_time"], columns)
    found: dict[int, list[tuple[int, int, int]]] = {}
    for tap_no, seq, time_ms, uptime_ms in await cursor.fetchall():
        found.setdefault(tap_no, []).append((seq, time_ms, uptime_ms))
    return found


async def _evidence(
    connection: AsyncConnection, query: str, columns: Mapping[str, Any]
) -> list[Evidence]:
    cursor = await connection.execute(_queries[query], columns, binary=True)
    return [Evidence.of_row(row) for row in await cursor.fetchall()]


def _date_array(days: Iterable[date]) -> str:
    return "{" + ",".join([day.isoformat() for day in days]) + "}"


def _identity_columns(identities: Sequence[Identity]) -> dict[str, str]:
    device_no, epoch, seq = zip(*identities, strict=True) if identities else ((), (), ())
    return {
        "device_no": int_array(device_no),
        "epoch": int_array(epoch),
        "seq": int_array(seq),
    }


async def lock_known_cards(
    connection: AsyncConnection, refs: Mapping[str, Collection[str]]
) -> dict[int, CardRow]:
    """Lock the cards of these references (by agency), if all of them are known; else none."""
    cards: dict[int, CardRow] = {}
    async with connection.transaction() as savepoint:
        found = await _lock_cards(connection, "lock_known_cards", refs)
        if len(found) < sum(map(len, refs.values())):
            raise Rollback(savepoint)  # lets go of the locks
        cards = found
    return cards


async def lock_free_cards(
    connection: AsyncConnection, refs: Mapping[str, Collection[str]]
) -> tuple[dict[int, CardRow], dict[str, list[str]]]:
    """Lock those of these cards that nobody else holds, without waiting.

    Returns:
        The locked cards, and the references (by agency) that are of no card; where there are some,
        nothing is locked.
    """
    cards: dict[int, CardRow] = {}
    unknown: dict[str, list[str]] = {}
    async with connection.transaction() as savepoint:
        found = await _lock_cards(connection, "lock_free_cards", refs)
        if len(found) < sum(map(len, refs.values())):
            locked = {(card.agency_id, card.card_ref) for card in found.values()}
            for agency_id, wanted in refs.items():
                left = [ref for ref in wanted if (agency_id, ref) not in locked]
                known = await _card_numbers(connection, agency_id, left) if left else {}
                if missing := [ref for ref in left if ref not in known]:
                    unknown[agency_id] = missing
            if unknown:
                raise Rollback(savepoint)  # whoever makes cards holds no other's lock
        cards = found
    return cards, unknown


async def _lock_cards(
    connection: AsyncConnection, query: str, refs: Mapping[str, Collection[str]]
) -> dict[int, CardRow]:
    names = [(agency_id, ref) for agency_id, known in refs.items() for ref in known]
    columns = {
        "agency_id": text_array([agency_id for agency_id, _ in names]),
        "card_ref": text_array([ref for _, ref in names]),
    }
    cursor = await connection.execute(_queries[query], columns, binary=True)
    return {row[0]: CardRow._make(row) for row in await cursor.fetchall()}


async def find_card_numbers(
    connection: AsyncConnection, agency_id: str, refs: Sequence[str], category: str
) -> set[int]:
    """Give the numbers of cards by reference; those that nobody issued are made, as unknown."""
    found = await _card_numbers(connection, agency_id, refs)
    missing = [ref for ref in refs if ref not in found]
    if missing:
        await connection.execute(
            _queries["add_unknown_cards"],
            {"agency_id": agency_id, "card_ref": missing, "category": category},
        )
        found |= await _card_numbers(connection, agency_id, missing)
    return set(found.values())


async def _card_numbers(
    connection: AsyncConnection, agency_id: str, refs: Sequence[str]
) -> dict[str, int]:
    columns = {"agency_id": agency_id, "card_ref": list(refs)}
    return dict(await (await connection.execute(_queries["find_cards"], columns)).fetchall())


async def find_agencies(connection: AsyncConnection, card_nos: Iterable[int]) -> list[str]:
    """Give the agencies of cards."""
    columns = {"card_no": int_array(set(card_nos))}
    cursor = await connection.execute(_queries["agencies_of_cards"], columns)
    return [row[0] for row in await cursor.fetchall()]


async def next_tap_numbers(connection: AsyncConnection, count: int) -> list[int]:
    """Draw numbers for new taps."""
    cursor = await connection.execute(_queries["next_tap_numbers"], {"count": count})
    return [row[0] for row in await cursor.fetchall()]


async def copy_taps(
    connection: AsyncConnection,
    taps: Iterable[tuple[Evidence, TapIn]],
    judged: Mapping[int, Judgement],
) -> None:
    """Write new taps."""
    async with connection.cursor().copy(_queries["copy_taps"]) as copy:
        buffer = bytearray(HEADER)
        for evidence, taken in taps:
            buffer += tap_row(evidence, judged[evidence.tap_no], taken)
            if len(buffer) >= COPY_BYTES:
                await copy.write(bytes(buffer))
                buffer.clear()
        await copy.write(bytes(buffer) + TRAILER)


async def update_taps(
    connection: AsyncConnection, changed: Sequence[Evidence], judged: Mapping[int, Judgement]
) -> None:
    """Write new judgements of stored taps."""
    await connection.execute(_queries["update_taps"], judgement_columns(changed, judged))


class PostedTap(NamedTuple):
    """What is posted for a tap.

    Attributes:
        entries: account → net amount.
        owners: of the clearing accounts among them.
    """

    entries: dict[int, int]
    owners: set[str]


async def load_posted(connection: AsyncConnection, tap_nos: Sequence[int]) -> dict[int, PostedTap]:
    """Give what is posted for taps, by tap; those of which nothing is are left out."""
    found: dict[int, PostedTap] = {}
    cursor = await connection.execute(_queries["posted_entries"], {"tap_no": list(tap_nos)})
    for tap_no, account_no, amount, owner in await cursor.fetchall():
        posted = found.setdefault(tap_no, PostedTap({}, set()))
        posted.entries[account_no] = amount
        if owner is not None:
            posted.owners.add(owner)
    return found


async def open_exceptions(
    connection: AsyncConnection,
    held: Sequence[tuple[str, Evidence, str]],
    now: datetime,
) -> None:
    """Open an exception for each (agency, tap, code) that a person must look at."""
    columns = {
        "agency_id": [agency_id for agency_id, _, _ in held],
        "kind": [code for _, _, code in held],
        "tap_no": [tap.tap_no for _, tap, _ in held],
        "card_no": [tap.card_no for _, tap, _ in held],
        "device_no": [tap.device_no for _, tap, _ in held],
        "value_tiyn": [tap.claimed_tiyn or 0 for _, tap, _ in held],
        "detail": [f"epoch {tap.epoch} seq {tap.seq}" for _, tap, _ in held],
        "now": now,
    }
    await connection.execute(_queries["open_exceptions"], columns)


async def close_exceptions(
    connection: AsyncConnection, settled: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Close the exceptions of (tap, code) that another record decided."""
    columns = {
        "tap_no": [tap_no for tap_no, _ in settled],
        "kind": [kind for _, kind in settled],
        "now": now,
    }
    await connection.execute(_queries["close_exceptions"], columns)


async def lock_sequences(
    connection: AsyncConnection, keys: Iterable[DeviceEpoch], *, patient: bool = True
) -> dict[DeviceEpoch, SeqState]:
    """Lock the sequences of devices and epochs, made where they are new.

    Without patience those that another transaction holds are left out.
    """
    columns = _epoch_columns(sorted(set(keys)))
    missing = await connection.execute(_queries["missing_sequences"], columns)
    if new := await missing.fetchall():
        await connection.execute(_queries["add_sequences"], _epoch_columns(new))
    query = "lock_sequences" if patient else "lock_free_sequences"
    cursor = await connection.execute(_queries[query], columns)
    return {(row[0], row[1]): SeqState(*row[2:]) for row in await cursor.fetchall()}


async def load_gaps(
    connection: AsyncConnection, keys: Sequence[DeviceEpoch]
) -> dict[DeviceEpoch, list[Range]]:
    """Give the open gaps of devices and epochs, in order."""
    return await _ranges(connection, "gaps_of_sequences", keys)


async def load_voids(
    connection: AsyncConnection, keys: Sequence[DeviceEpoch]
) -> dict[DeviceEpoch, list[Range]]:
    """Give what was voided of devices and epochs, in order."""
    return await _ranges(connection, "voids_of_sequences", keys)


async def _ranges(
    connection: AsyncConnection, query: str, keys: Sequence[DeviceEpoch]
) -> dict[DeviceEpoch, list[Range]]:
    found: dict[DeviceEpoch, list[Range]] = {}
    if keys:
        cursor = await connection.execute(_queries[query], _epoch_columns(keys))
        for device_no, epoch, first, last in await cursor.fetchall():
            found.setdefault((device_no, epoch), []).append((first, last))
    return found


def _epoch_columns(keys: Sequence[DeviceEpoch]) -> dict[str, str]:
    return {
        "device_no": int_array([key[0] for key in keys]),
        "epoch": int_array([key[1] for key in keys]),
    }


async def write_sequences(
    connection: AsyncConnection,
    states: Mapping[DeviceEpoch, SeqState],
    before: Mapping[DeviceEpoch, Sequence[Range]],
    after: Mapping[DeviceEpoch, Sequence[Range]],
    now: datetime,
) -> None:
    """Write how far sequences are known, and what changed of their open gaps."""
    columns = _epoch_columns(list(states))
    for index, name in enumerate(SeqState._fields):
        columns[name] = int_array([state[index] for state in states.values()])
    await connection.execute(_queries["update_sequences"], columns)
    gone = [(*key, gap[0]) for key in states for gap in set(before[key]) - set(after[key])]
    new = [(*key, *gap) for key in states for gap in set(after[key]) - set(before[key])]
    if gone:
        names = ("device_no", "epoch", "from_seq")
        rows = dict(zip(names, map(list, zip(*gone, strict=True)), strict=True))
        await connection.execute(_queries["delete_gaps"], rows)
    if new:
        names_new = ("device_no", "epoch", "from_seq", "to_seq")
        rows_new: dict[str, Any] = dict(
            zip(names_new, map(list, zip(*new, strict=True)), strict=True)
        )
        await connection.execute(_queries["add_gaps"], rows_new | {"now": now})


async def add_void(
    connection: AsyncConnection, key: DeviceEpoch, gone: Range, values: Mapping[str, Any]
) -> None:
    """Note a range that will never come; `values` say how, why, by whom and when."""
    named = {"device_no": key[0], "epoch": key[1], "from_seq": gone[0], "to_seq": gone[1]}
    await connection.execute(_queries["add_void"], {**named, **values})
