"""Registers: taken as received, held against the ledger, what differs kept as exceptions."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sapar.access.audit import record
from sapar.contract.pan import is_pan_like
from sapar.core.db import AsyncConnection, Pool, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.finance.agents.files import Register, Row, read_register
from sapar.finance.agents.mapping import DEFAULT, RegisterMapping, mapping_of, plain_mapping
from sapar.finance.agents.model import Party
from sapar.finance.agents.parties import Who, changing, fare_day, get_stored, zone_of
from sapar.finance.agents.reconcile import (
    first_row,
    keep_differences,
    names_of,
    start_of,
    subject_of,
)
from sapar.finance.agents.terms import window
from sapar.finance.bank.model import BrokenFile
from sapar.finance.exceptions.keep import keep_findings

_QUERIES = load_queries("sapar.finance.agents")
_DAY = timedelta(days=1)
_NUMBER_MAX: Final = 100


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a register's file.

    Attributes:
        repeated: the file was here already; nothing was added.
        standing_no: number of the register that stands for the day now: another one's, where the
            file was corrected since it came first.
        replaced: number of the register of the day that it corrects.
        row_count: rows, cancelled ones included.
        total_tiyn: of those that are not cancelled.
    """

    register_no: int
    repeated: bool
    replaced: int | None
    number: str
    row_count: int
    total_tiyn: int
    standing_no: int


class RegisterRow(msgspec.Struct, frozen=True):
    """A register in the list; `replaced_at` says that a correction stands for it now."""

    register_no: int
    party: Party
    party_id: str
    day: date
    number: str
    format: str
    file_name: str
    row_count: int
    total_tiyn: int
    replaces: int | None
    replaced_at: datetime | None
    imported_at: datetime
    imported_by: str
    digest: str


def usual_number(party_id: str, day: date) -> str:
    """Give the number of a day's register, or of a day's deposit, where nobody gave one."""
    return f"{party_id}-{day:%Y%m%d}"


async def import_register(
    pool: Pool,
    agency_id: str,
    party: Party,
    party_id: str,
    day: date,
    data: bytes,
    who: Who,
    *,
    file_name: str = "",
    number: str | None = None,
    mapping: RegisterMapping | None = None,
    again: bool = False,
) -> Imported:
    """Take a day's register, whole or not at all.

    The same file again adds nothing. Another file for the day corrects the one before: it stands,
    both are kept. A file that was corrected since stands again only when that is asked for. A day
    that is over is held against the ledger at once.

    Args:
        pool: of connections.
        agency_id: whose.
        party: of whom, …
        party_id: … and which one.
        day: what the register is of.
        data: the file.
        who: takes it.
        file_name: as it was called.
        number: the sender's; None: made of name and day.
        mapping: how it is read; None: as kept for the sender, or as documented.
        again: let a file that was corrected since stand again, as another register.

    Raises:
        BrokenFile: as `read_register`, or `wrong_day`: a row is of another day; with its line.
        BadInput: `future_day`, `register_number`.
        NotFound: there is no such agent or processor.
    """
    async with pool.connection() as connection:
        zone = await zone_of(connection, agency_id)
        stored = await get_stored(connection, agency_id, party, party_id)
        start = await start_of(connection, agency_id, party, party_id, day)
    if day > fare_day(zone, who.now):
        raise BadInput(f"{day} has not begun", code="future_day")
    number = _check_number(number or usual_number(party_id, day))
    if mapping is None:
        mapping = DEFAULT if stored.mapping is None else mapping_of(stored.mapping)
    register = await asyncio.to_thread(read_register, data, mapping, zone)
    _check_days(register, zone, day, start)
    names = names_of(agency_id, party, party_id, day)
    digest = hashlib.sha256(data).digest()
    async with changing(pool, agency_id) as connection:
        known = await first_row(connection, "find_register_file", names | {"digest": digest})
        standing = await first_row(connection, "find_standing_register", names)
        # of one file the newest is asked for, and the newest of the day stands
        if known is not None and standing is not None and (known[0] == standing[0] or not again):
            return _imported(known[0], None, known[1], register, standing_no=standing[0])
        if standing is not None:
            await _replace(connection, standing[0], who)
        replaces = None if standing is None else standing[0]
        values = names | {f"{party}_id": party_id, "number": number, "file_name": file_name[:200]}
        values |= {"digest": digest, "file": data, "replaces": replaces}
        values["mapping"] = json_value(plain_mapping(mapping))
        register_no = await _insert(connection, values, register, who)
        await _note(connection, names, register_no, replaces, register, who)
        here = {subject_of(party, party_id, day)}
        await keep_findings(connection, agency_id, "register_missing", [], now=who.now, among=here)
        if who.now >= window(zone, day, start)[1]:
            await keep_differences(connection, agency_id, party, party_id, day, now=who.now)
        return _imported(register_no, replaces, number, register)


async def list_registers(
    connection: AsyncConnection,
    agency_id: str,
    *,
    party: Party | None = None,
    party_id: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    replaced: bool = False,
    most: int = 200,
) -> list[RegisterRow]:
    """Give registers, the newest day first; those that were replaced only when asked for."""
    values = {
        "agency_id": agency_id, "party": party, "id": party_id, "from_date": from_date,
        "to_date": to_date, "all": replaced, "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_registers"], values)
        return [RegisterRow(*row) for row in await found.fetchall()]


async def get_register_file(
    connection: AsyncConnection, agency_id: str, register_no: int
) -> tuple[bytes, str]:
    """Give a register's file as received, and its name.

    Raises:
        NotFound: the agency has no such register (`no_register`).
    """
    values = {"agency_id": agency_id, "register_no": register_no}
    with translated():
        row = await first_row(connection, "get_register_file", values)
    if row is None:
        raise NotFound(f"there is no register {register_no}", code="no_register")
    return row[0], row[1]


def _check_number(number: str) -> str:
    if len(number) > _NUMBER_MAX or not number.isprintable() or is_pan_like(number):
        raise BadInput("a register's number is a text of 1 to 100 signs", code="register_number")
    return number


def _check_days(register: Register, zone: ZoneInfo, day: date, start: time) -> None:
    first, last = window(zone, day, start)
    for row in register.rows:
        if not first - _DAY <= row.at < last + _DAY:
            raise BrokenFile(
                f"{row.at:%Y-%m-%d %H:%M} is not of {day}",
                code="wrong_day",
                line=row.line,
                hint="Is it the register of another day?",
            )


async def _replace(connection: AsyncConnection, register_no: int, who: Who) -> None:
    values = {"register_no": register_no, "now": who.now}
    await connection.execute(_QUERIES["replace_register"], values)


async def _insert(
    connection: AsyncConnection, values: dict[str, Any], register: Register, who: Who
) -> int:
    values = {"agent_id": None, "processor_id": None} | values
    values |= {
        "format": register.format,
        "row_count": len(register.rows),
        "total_tiyn": register.total_tiyn,
        "now": who.now,
        "actor": who.actor,
    }
    row = await first_row(connection, "insert_register", values)
    assert row is not None
    columns = {name: [getattr(one, name) for one in register.rows] for name in Row._fields}
    await connection.execute(_QUERIES["insert_register_rows"], columns | {"register_no": row[0]})
    register_no: int = row[0]
    return register_no


async def _note(
    connection: AsyncConnection,
    names: dict[str, Any],
    register_no: int,
    replaces: int | None,
    register: Register,
    who: Who,
) -> None:
    after = {
        "day": str(names["day"]),
        "rows": len(register.rows),
        "total_tiyn": register.total_tiyn,
        "register_no": register_no,
    }
    await record(
        connection,
        at=who.now,
        person=who.actor,
        user_id=who.user_id,
        agency_id=names["agency_id"],
        action="register.import",
        target=f"{names['party']} {names['id']}",
        before=None if replaces is None else {"register_no": replaces},
        after=after,
    )


def _imported(
    register_no: int,
    replaced: int | None,
    number: str,
    register: Register,
    *,
    standing_no: int | None = None,
) -> Imported:
    return Imported(
        register_no=register_no,
        repeated=standing_no is not None,
        standing_no=register_no if standing_no is None else standing_no,
        replaced=replaced,
        number=number,
        row_count=len(register.rows),
        total_tiyn=register.total_tiyn,
    )
