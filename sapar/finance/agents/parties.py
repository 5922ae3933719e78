"""Keeping agents and processors: who they are, what is agreed, whether they may sell.

Every change stands in the audit log, in the transaction that makes it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, Pool, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.agents.model import (
    AgentTerms,
    Party,
    ProcessorTerms,
    Status,
    Terms,
    TermsVersion,
)
from sapar.finance.agents.terms import check_terms
from sapar.finance.said import refuse_card_number
from sapar.ticketing.cards.legs import PAYMENTS
from sapar.ticketing.tariff.calendar import FareCalendar

_QUERIES = load_queries("sapar.finance.agents")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_TEXT_MAX: Final = 200


class Who(NamedTuple):
    """Who changes something, and when.

    Attributes:
        actor: the person's name, or the part that acts by itself.
        now: transit time.
        user_id: the person's number; None when a command acts.
    """

    actor: str
    now: datetime
    user_id: int | None = None


class Stored(NamedTuple):
    """A row of `agent` or `processor`."""

    id: str
    name: str
    status: Status
    reason: str
    mapping: dict[str, Any] | None
    created_at: datetime
    created_by: str


@asynccontextmanager
async def changing(pool: Pool, agency_id: str) -> AsyncIterator[AsyncConnection]:
    """Give a connection in a transaction that alone changes the agency's agents."""
    with translated():
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(_QUERIES["lock_takers"], {"agency_id": agency_id})
            yield connection


async def zone_of(connection: AsyncConnection, agency_id: str) -> ZoneInfo:
    """Give the time zone of an agency.

    Raises:
        NotFound: there is no such agency (`unknown_agency`).
    """
    found = await connection.execute(_QUERIES["zone_of_agency"], {"agency_id": agency_id})
    row = await found.fetchone()
    if row is None:
        raise NotFound(f"there is no agency {agency_id!r}", code="unknown_agency")
    return ZoneInfo(row[0])


def fare_day(zone: ZoneInfo, at: datetime) -> date:
    """Give the fare day that holds a moment."""
    return FareCalendar(zone).fare_day(int(at.timestamp() * 1000))


async def add_party(
    pool: Pool, agency_id: str, party_id: str, name: str, terms: Terms, who: Who
) -> None:
    """Register an agent (by `AgentTerms`) or a processor (by `ProcessorTerms`).

    To do it again with the same name and terms changes nothing. Its terms may begin on any day.

    Raises:
        BadInput: `party_id`, `name`, as `check_terms`, or `bank_account`: no such account of ours.
        NotFound: there is no such agency.
        Refused: it is registered already, otherwise (`agent_exists`, `processor_exists`); a cash
            desk has the name (`desk_exists`).
    """
    party = party_of(terms)
    if not _ID.fullmatch(party_id) or (party, party_id) == ("processor", PAYMENTS):
        raise BadInput(
            f"{party_id[:60]!r} is no name of an account: 1 to 40 letters, digits, '.', '_', '-'",
            code="party_id",
        )
    _check_text("name", name, 1)
    check_terms(terms)
    async with changing(pool, agency_id) as connection:
        await zone_of(connection, agency_id)
        if party == "agent":
            await _refuse_name_of_desk(connection, agency_id, party_id)
        values = _names(agency_id, party_id) | {"name": name, "actor": who.actor, "now": who.now}
        done = await connection.execute(_QUERIES[f"insert_{party}"], values)
        if done.rowcount == 0:
            stored = await get_stored(connection, agency_id, party, party_id)
            first = (await list_terms(connection, agency_id, party, party_id))[party_id][0]
            if (stored.name, first.terms) == (name, terms):
                return
            raise Refused(f"there is a {party} {party_id} already", code=f"{party}_exists")
        await _insert_terms(connection, agency_id, party_id, 1, terms, who)
        after = {"name": name, "terms": msgspec.to_builtins(terms)}
        await _note(connection, agency_id, f"{party}.create", (party, party_id), None, after, who)


async def agree_terms(
    pool: Pool, agency_id: str, party_id: str, terms: Terms, who: Who, *, reason: str = ""
) -> int:
    """Agree on other terms from today or a later day on, and give their number.

    What was agreed before is never changed: it still says what held on its days. The terms that
    stand for that day already are not agreed on again.

    Raises:
        BadInput: `terms_in_past`, as `check_terms`, or `bank_account`: no such account of ours.
        NotFound: there is no such agent or processor.
    """
    check_terms(terms)
    async with changing(pool, agency_id) as connection:
        return await agree_inside(connection, agency_id, party_id, terms, who, reason=reason)


async def agree_inside(
    connection: AsyncConnection,
    agency_id: str,
    party_id: str,
    terms: Terms,
    who: Who,
    *,
    reason: str = "",
) -> int:
    """Do what `agree_terms` does, in a transaction of the caller's made by `changing`."""
    party = party_of(terms)
    await get_stored(connection, agency_id, party, party_id)
    today = fare_day(await zone_of(connection, agency_id), who.now)
    versions = (await list_terms(connection, agency_id, party, party_id))[party_id]
    same_day = [one for one in versions if one.terms.from_date == terms.from_date]
    if same_day and same_day[-1].terms == terms:
        return same_day[-1].terms_no
    if terms.from_date < today:
        raise BadInput(
            f"terms begin on {today} or later: earlier days were sold by what held then",
            code="terms_in_past",
        )
    await connection.execute(_QUERIES[f"lock_{party}_accounts"], _names(agency_id, party_id))
    await _insert_terms(connection, agency_id, party_id, len(versions) + 1, terms, who)
    before = msgspec.to_builtins(versions[-1].terms)
    after = msgspec.to_builtins(terms)
    target = (party, party_id)
    await _note(connection, agency_id, f"{party}.terms", target, before, after, who, reason)
    return len(versions) + 1


async def _refuse_name_of_desk(connection: AsyncConnection, agency_id: str, party_id: str) -> None:
    """Refuse a name that a cash desk has: both would owe on the same account."""
    found = await connection.execute(_QUERIES["find_desk"], _names(agency_id, party_id))
    if await found.fetchone() is not None:
        raise Refused(f"{party_id} is the name of a cash desk", code="desk_exists")


async def set_status(
    pool: Pool,
    agency_id: str,
    party: Party,
    party_id: str,
    status: Status,
    who: Who,
    *,
    reason: str,
) -> bool:
    """Suspend an agent or processor, or let it sell again; False when it stands so already.

    A sale that has begun ends first; from then on every one is refused.

    Raises:
        BadInput: it is suspended for no reason (`reason`).
        NotFound: there is no such agent or processor.
    """
    _check_text("reason", reason, int(status == "suspended"))
    async with changing(pool, agency_id) as connection:
        names = _names(agency_id, party_id)
        # the order of whoever sells: its accounts, then its standing
        await connection.execute(_QUERIES[f"lock_{party}_accounts"], names)
        stored = await get_stored(connection, agency_id, party, party_id)
        if stored.status == status:
            return False
        kept = reason if status == "suspended" else ""
        values = names | {"status": status, "reason": kept}
        await connection.execute(_QUERIES[f"set_{party}_status"], values)
        verb = "suspend" if status == "suspended" else "resume"
        before, after = {"status": stored.status}, {"status": status}
        target = (party, party_id)
        await _note(connection, agency_id, f"{party}.{verb}", target, before, after, who, reason)
        return True


async def keep_mapping(
    pool: Pool,
    agency_id: str,
    party: Party,
    party_id: str,
    mapping: dict[str, Any] | None,
    who: Who,
) -> None:
    """Keep how an agent's or processor's registers are read: a `RegisterMapping` as plain data.

    None means as documented.

    Raises:
        NotFound: there is no such agent or processor.
    """
    async with changing(pool, agency_id) as connection:
        stored = await get_stored(connection, agency_id, party, party_id)
        if stored.mapping == mapping:
            return
        value = None if mapping is None else json_value(mapping)
        values = _names(agency_id, party_id) | {"mapping": value}
        await connection.execute(_QUERIES[f"set_{party}_mapping"], values)
        target = (party, party_id)
        await _note(connection, agency_id, f"{party}.mapping", target, stored.mapping, mapping, who)


async def require_known(pool: Pool, agency_id: str, required: bool, who: Who) -> None:
    """Say whether money is taken through registered agents and processors alone.

    Raises:
        NotFound: there is no such agency.
    """
    async with changing(pool, agency_id) as connection:
        await zone_of(connection, agency_id)
        before = await is_required(connection, agency_id)
        if before == required:
            return
        values = {"agency_id": agency_id, "required": required}
        values |= {"now": who.now, "actor": who.actor}
        await connection.execute(_QUERIES["set_rule"], values)
        was, becomes = {"required": before}, {"required": required}
        await _note(connection, agency_id, "agent.require", ("agents", "all"), was, becomes, who)


async def is_required(connection: AsyncConnection, agency_id: str) -> bool:
    """Whether an agency takes money through registered agents and processors alone."""
    names = {"agency_id": agency_id}
    row = await (await connection.execute(_QUERIES["find_rule"], names)).fetchone()
    return row is not None and bool(row[0])


async def get_stored(
    connection: AsyncConnection, agency_id: str, party: Party, party_id: str
) -> Stored:
    """Give a row of an agent or processor.

    Raises:
        NotFound: there is none (`unknown_agent`, `unknown_processor`).
    """
    found = await connection.execute(_QUERIES[f"find_{party}"], _names(agency_id, party_id))
    row = await found.fetchone()
    if row is None:
        raise NotFound(
            f"{agency_id} has no {party} {party_id!r}",
            code=f"unknown_{party}",
            hint=f"sapar ticketing {party}s list",
        )
    return Stored(*row)


async def list_terms(
    connection: AsyncConnection, agency_id: str, party: Party, party_id: str | None = None
) -> dict[str, list[TermsVersion]]:
    """Give the terms of one or all, by name, in the order in which they were agreed."""
    names = {"agency_id": agency_id, "id": party_id}
    found = await connection.execute(_QUERIES[f"list_{party}_terms"], names)
    versions: dict[str, list[TermsVersion]] = {}
    for owner, terms_no, agreed_at, agreed_by, *columns in await found.fetchall():
        terms = _terms(party, columns)
        versions.setdefault(owner, []).append(TermsVersion(terms_no, terms, agreed_at, agreed_by))
    return versions


def party_of(terms: Terms) -> Party:
    """Say whose kind of terms these are."""
    return "agent" if isinstance(terms, AgentTerms) else "processor"


def _terms(party: Party, columns: Sequence[Any]) -> Terms:
    made: type[Terms] = AgentTerms if party == "agent" else ProcessorTerms
    return made(**dict(zip(made.__struct_fields__, columns, strict=True)))


async def _insert_terms(
    connection: AsyncConnection, agency_id: str, party_id: str, number: int, terms: Terms, who: Who
) -> None:
    await _check_account(connection, agency_id, terms.bank_account_id)
    values = {name: getattr(terms, name) for name in terms.__struct_fields__}
    values |= _names(agency_id, party_id)
    values |= {"terms_no": number, "now": who.now, "actor": who.actor}
    await connection.execute(_QUERIES[f"insert_{party_of(terms)}_terms"], values)


async def _check_account(connection: AsyncConnection, agency_id: str, account: str | None) -> None:
    """Refuse an account of ours that nobody has registered: the money would be expected anywhere.

    Until the first one is registered a city is being set up, and its terms may name what comes.
    """
    found = await connection.execute(_QUERIES["list_bank_accounts"], {"agency_id": agency_id})
    known = sorted(row[0] for row in await found.fetchall())
    if account is not None and known and account not in known:
        raise BadInput(
            f"there is no bank account {account[:40]!r}",
            code="bank_account",
            hint=f"Registered: {', '.join(known)}; sapar ticketing bank accounts add adds one.",
        )


async def _note(
    connection: AsyncConnection,
    agency_id: str,
    action: str,
    target: tuple[str, str],
    before: object | None,
    after: object | None,
    who: Who,
    reason: str = "",
) -> None:
    await record(
        connection,
        at=who.now,
        person=who.actor,
        user_id=who.user_id,
        agency_id=agency_id,
        action=action,
        target=" ".join(target),
        before=before,
        after=after,
        reason=reason,
    )


def _names(agency_id: str, party_id: str) -> dict[str, Any]:
    return {"agency_id": agency_id, "id": party_id}


def _check_text(name: str, text: str, shortest: int) -> None:
    if not shortest <= len(text.strip()) or len(text) > _TEXT_MAX or not text.isprintable():
        raise BadInput(f"{name} is a text of {shortest} to {_TEXT_MAX} signs", code=name)
    refuse_card_number(text)
