"""Versions of a tariff in the database: drafts, and those that are published from a moment on.

A version that has begun to hold never changes: taps were priced by it. The table's trigger tells
whoever prices to load the versions again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import Fault, NotFound, Refused
from sapar.ticketing.tariff.findings import TariffFinding, TariffRefused
from sapar.ticketing.tariff.model import Tariff
from sapar.ticketing.tariff.reader import check_tariff, read_tariff
from sapar.ticketing.tariff.tariffs import Tariffs

_queries = load_queries("sapar.ticketing.tariff")
_NO_ZONE: Final = "UTC"  # what an agency has before anybody said where it is


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A version that was stored; `is_new` is false when these files were stored already."""

    version_no: int
    is_new: bool
    tariff: Tariff
    warnings: list[TariffFinding]


@dataclass(frozen=True, slots=True)
class Publication:
    """A version that was published.

    Attributes:
        until: the next version's beginning, or None.
        was_from: from when it was to hold before, where it was moved.
        is_past: it holds from a moment that has passed: what was tapped since, and until `until`,
            must be judged again.
    """

    version_no: int
    effective_from: datetime
    until: datetime | None
    was_from: datetime | None
    is_past: bool


async def store_draft(
    pool: Pool, agency_id: str, data: bytes, *, now: datetime, actor: str
) -> StoredDraft:
    """Check a zip and keep it as a draft, which prices nothing.

    Raises:
        TariffRefused: it cannot price.
        NotFound: there is no such agency.
        Refused: its time zone is not the agency's.
    """
    key = {"agency_id": agency_id}
    with translated():
        async with pool.connection() as connection, connection.transaction():
            zone = await _lock_agency(connection, agency_id)
            read = await asyncio.to_thread(check_tariff, data, zone=zone)
            _check_zone(read.tariff, zone, agency_id)
            digest = read.tariff.digest
            cursor = await connection.execute(
                _queries["find_version_by_digest"], {**key, "digest": digest}
            )
            row = await cursor.fetchone()
            if row is None:
                values = {**key, "name": read.tariff.name, "digest": digest, "zip": data}
                cursor = await connection.execute(
                    _queries["add_version"], {**values, "now": now, "actor": actor}
                )
                added = await cursor.fetchone()
                if added is None:
                    raise Fault("a version was added and has no number")
                return StoredDraft(added[0], True, read.tariff, read.warnings)
    return StoredDraft(row[0], False, read.tariff, read.warnings)


async def publish(
    pool: Pool,
    agency_id: str,
    version_no: int,
    effective_from: datetime,
    *,
    now: datetime,
    actor: str,
    force: bool = False,
    alone: str | None = None,
) -> Publication:
    """Let a version hold from a moment on, as `publish_on`, in a transaction of its own.

    So nobody has approved it, and without `alone` it is refused.
    """
    with translated():
        async with pool.connection() as connection, connection.transaction():
            return await publish_on(
                connection, agency_id, version_no, effective_from,
                now=now, actor=actor, force=force, alone=alone,
            )  # fmt: skip


async def publish_on(
    connection: AsyncConnection,
    agency_id: str,
    version_no: int,
    effective_from: datetime,
    *,
    now: datetime,
    actor: str,
    force: bool = False,
    alone: str | None = None,
) -> Publication:
    """Let a version hold from a moment on, until the next one's.

    A version that does not hold yet may be moved by publishing it again. Two people are needed: one
    has proposed this moment and another approves it, in the caller's transaction: an approval is
    good for one publication, whatever becomes of the version. The first tariff of an agency may be
    published alone, which stands in the audit log with its reason.

    Args:
        connection: of the caller's transaction.
        agency_id: whose tariff.
        version_no: which draft.
        effective_from: from when.
        now: the moment that tells what is past.
        actor: who publishes it.
        force: allow a moment that has passed: taps since then must be judged again.
        alone: why nobody approves it; None: somebody does.

    Raises:
        NotFound: there is no such version.
        Refused: `tariff_in_force`, `effective_in_past`, `effective_from_taken`,
            `fare_day_goes_back` (a fare day would begin a second time), or `two_people`: nobody
            approves this moment now, or it is published alone and not the agency's first.
    """
    key = {"agency_id": agency_id, "version_no": version_no}
    zone = await _lock_agency(connection, agency_id)
    data, was_from = await _find_zip(connection, agency_id, version_no)
    _check_not_in_force(version_no, was_from, now)
    if effective_from <= now and not force:
        raise Refused(
            f"{effective_from.isoformat()} has passed",
            code="effective_in_past",
            hint="choose a later moment, or force it: taps since then change their price",
        )
    others = await _load(connection, agency_id, zone, Tariffs(()), without=version_no)
    tariff = await asyncio.to_thread(_read_stored, data, zone, version_no)
    _check_zone(tariff, zone, agency_id)
    until = _check_place(others, tariff, effective_from)
    values = {**key, "effective_from": effective_from, "now": now, "actor": actor, "alone": alone}
    await _check_people(connection, values, first=not others.versions)
    await connection.execute(_queries["publish"], values)
    if alone is not None:
        await record(
            connection, at=now, person=actor, user_id=None, agency_id=agency_id,
            action="tariff.publish_alone", target=f"tariff {version_no}", before=None,
            after={"version_no": version_no, "effective_from": effective_from.isoformat()},
            reason=alone,
        )  # fmt: skip
    return Publication(version_no, effective_from, until, was_from, effective_from <= now)


async def _check_people(
    connection: AsyncConnection, values: dict[str, Any], *, first: bool
) -> None:
    """Refuse a publication that only one person stands for, as the database would, with a hint."""
    if values["alone"] is None:
        cursor = await connection.execute(_queries["find_approval"], values)
        allowed = await cursor.fetchone() is not None
    else:
        allowed = first and bool(values["alone"].strip())
    if not allowed:
        raise Refused(
            "a tariff comes into force by two people: one proposes it, another approves it",
            code="two_people",
            hint="sapar ticketing tariff propose; the first one of an agency may be published"
            " alone, for a reason",
        )


async def withdraw(
    pool: Pool,
    agency_id: str,
    version_no: int,
    *,
    note: str,
    now: datetime,
    actor: str,
    user_id: int | None = None,
) -> None:
    """Make a published version that does not hold yet a draft again; the audit log says why.

    Args:
        pool: the database.
        agency_id: whose tariff.
        version_no: which version.
        note: why.
        now: the moment that tells what holds.
        actor: who does it.
        user_id: the person's number; None at the prompt.

    Raises:
        NotFound: there is no such version.
        Refused: `tariff_in_force`, or `not_published`.
    """
    values = {"agency_id": agency_id, "version_no": version_no, "now": now, "actor": actor}
    values["alone"] = None
    with translated():
        async with pool.connection() as connection, connection.transaction():
            await _lock_agency(connection, agency_id)
            _, was_from = await _find_zip(connection, agency_id, version_no)
            if was_from is None:
                raise Refused(f"version {version_no} is a draft", code="not_published")
            _check_not_in_force(version_no, was_from, now)
            await connection.execute(_queries["publish"], {**values, "effective_from": None})
            await record(
                connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                action="tariff.take_back", target=f"tariff {version_no}",
                before={"version_no": version_no, "effective_from": was_from.isoformat()},
                after={"version_no": version_no}, reason=note,
            )  # fmt: skip


async def list_versions(pool: Pool, agency_id: str | None) -> list[dict[str, Any]]:
    """Give all versions of one agency, or of all, without their zips."""
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_queries["list_versions"], {"agency_id": agency_id})
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


async def get_zip(pool: Pool, agency_id: str, version_no: int) -> bytes:
    """Give a version's zip, byte for byte as it was stored.

    Raises:
        NotFound: there is no such version.
    """
    with translated():
        async with pool.connection() as connection:
            return (await _find_zip(connection, agency_id, version_no))[0]


async def agency_zone(pool: Pool, agency_id: str) -> ZoneInfo:
    """Give the time zone of an agency.

    Raises:
        NotFound: there is no such agency.
    """
    with translated():
        async with pool.connection() as connection:
            return await _find_zone(connection, agency_id)


async def load_draft(pool: Pool, agency_id: str, version_no: int) -> Tariff:
    """Read a stored version, published or not.

    Raises:
        NotFound: there is no such version.
    """
    with translated():
        async with pool.connection() as connection:
            zone = await _find_zone(connection, agency_id)
            data, _ = await _find_zip(connection, agency_id, version_no)
    return await asyncio.to_thread(_read_stored, data, zone, version_no)


async def load_tariffs(pool: Pool, agency_id: str, known: Tariffs | None = None) -> Tariffs:
    """Read the published versions of an agency.

    Args:
        pool: the database.
        agency_id: whose tariffs.
        known: what was loaded before; versions that did not change are taken from it.

    Raises:
        NotFound: there is no such agency.
    """
    with translated():
        async with pool.connection() as connection:
            zone = await _find_zone(connection, agency_id)
            return await _load(connection, agency_id, zone, known or Tariffs(()))


async def _load(
    connection: AsyncConnection,
    agency_id: str,
    zone: ZoneInfo,
    known: Tariffs,
    without: int | None = None,
) -> Tariffs:
    cursor = await connection.execute(_queries["published_zips"], {"agency_id": agency_id})
    ready = {(tariff.version_no, tariff.digest): tariff for _, tariff in known.versions}
    versions: list[tuple[int, Tariff]] = []
    for version_no, digest, data, effective_from in await cursor.fetchall():
        if version_no == without:
            continue
        tariff = ready.get((version_no, digest))
        if tariff is None:
            tariff = await asyncio.to_thread(_read_stored, bytes(data), zone, version_no)
        versions.append((round(effective_from.timestamp() * 1000), tariff))
    return Tariffs(versions, zone)


def _read_stored(data: bytes, zone: ZoneInfo, version_no: int) -> Tariff:
    try:
        return read_tariff(data, zone=zone, version_no=version_no)
    except TariffRefused as exc:
        raise Fault(f"stored tariff {version_no} does not read any more: {exc.message}") from exc


async def _lock_agency(connection: AsyncConnection, agency_id: str) -> ZoneInfo:
    return await _zone_of(connection, "lock_agency", agency_id)


async def _find_zone(connection: AsyncConnection, agency_id: str) -> ZoneInfo:
    return await _zone_of(connection, "agency_zone", agency_id)


async def _zone_of(connection: AsyncConnection, query: str, agency_id: str) -> ZoneInfo:
    cursor = await connection.execute(_queries[query], {"agency_id": agency_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no agency {agency_id!r}", hint="sapar agencies list")
    return ZoneInfo(row[0])


async def _find_zip(
    connection: AsyncConnection, agency_id: str, version_no: int
) -> tuple[bytes, datetime | None]:
    cursor = await connection.execute(
        _queries["find_zip"], {"agency_id": agency_id, "version_no": version_no}
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"{agency_id} has no tariff version {version_no}", hint="sapar ticketing tariff list"
        )
    return bytes(row[0]), row[1]


def _check_zone(tariff: Tariff, zone: ZoneInfo, agency_id: str) -> None:
    theirs = tariff.calendar.zone.key
    if zone.key not in {theirs, _NO_ZONE}:
        raise Refused(
            f"the tariff is of {theirs}, {agency_id} lies in {zone.key}",
            code="wrong_timezone",
            hint="leave timezone in tariff.txt empty to use the agency's",
        )


def _check_not_in_force(version_no: int, effective_from: datetime | None, now: datetime) -> None:
    if effective_from is not None and effective_from <= now:
        raise Refused(
            f"version {version_no} holds since {effective_from.isoformat()}: it never changes",
            code="tariff_in_force",
            hint="publish a new version instead",
        )


def _check_place(others: Tariffs, tariff: Tariff, effective_from: datetime) -> datetime | None:
    """Give when the next version takes over, once the place between the others is good."""
    at_ms = round(effective_from.timestamp() * 1000)
    following = None
    for other_ms, other in others.versions:
        if other_ms == at_ms:
            raise Refused(
                f"version {other.version_no} holds from the same moment",
                code="effective_from_taken",
            )
        if other_ms > at_ms and following is None:
            following = (other_ms, other)
    before = others.tariff_at(at_ms)
    pairs = [(before, tariff, at_ms)] if before else []
    if following is not None:
        pairs.append((tariff, following[1], following[0]))
    for one, other, moment_ms in pairs:
        if one.calendar.fare_day(moment_ms - 1) > other.calendar.fare_day(moment_ms):
            raise Refused(
                "the day would begin twice: the versions have other zones or beginnings of the day",
                code="fare_day_goes_back",
                hint="publish it from the beginning of a fare day",
            )
    if following is None:
        return None
    return datetime.fromtimestamp(following[0] / 1000, effective_from.tzinfo)
