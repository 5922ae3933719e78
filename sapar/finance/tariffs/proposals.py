"""A tariff comes into force by two people: one proposes the moment, another approves it.

Approving publishes the version in the same breath; what publishing refuses (a moment that has
passed, another version of the same moment) refuses the approval.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import NotFound, Refused
from sapar.finance.said import refuse_card_number
from sapar.ticketing.tariff.versions import Publication, publish_on, withdraw

_QUERIES = load_queries("sapar.finance.tariffs")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal; times in Unix seconds. `decision` is None while it is open."""

    proposal_no: int
    version_no: int
    effective_s: float
    note: str
    proposed_s: float
    proposed_by: str
    proposed_by_no: int
    decision: str | None
    decided_s: float | None
    decided_by: str | None
    decided_note: str


async def list_proposals(pool: Pool, agency_id: str) -> list[Proposal]:
    """Give the proposals of an agency, the newest first."""
    names = Proposal.__struct_fields__
    with translated():
        async with pool.connection() as connection:
            values = {"agency_id": agency_id}
            cursor = await connection.execute(_QUERIES["list_proposals"], values)
            rows = await cursor.fetchall()
    return [Proposal(**dict(zip(names, row, strict=True))) for row in rows]


async def propose(
    pool: Pool,
    agency_id: str,
    version_no: int,
    effective_from: datetime,
    *,
    note: str,
    person: Person,
    now: datetime,
    force: bool = False,
) -> int:
    """Propose that a version holds from a moment on; give the proposal's number.

    `force` allows a moment that has passed: taps since then are to be judged again.

    Raises:
        BadInput: there is a bank card's number in the note (`pan_like`).
        NotFound: there is no such version (`unknown_version`).
        Refused: it holds already (`tariff_in_force`), the moment has passed (`effective_in_past`),
            a proposal for it is open (`already_proposed`), or the person is no accountant
            (`role_missing`).
    """
    refuse_card_number(note)
    values = {
        "agency_id": agency_id,
        "version_no": version_no,
        "effective_from": effective_from,
        "note": note,
        "now": now,
        "person": person.name,
        "user_id": person.user_id,
    }
    with translated():
        async with pool.connection() as connection, connection.transaction():
            row = await _one(connection, "find_version", values)
            if row is None:
                raise NotFound(f"There is no version {version_no}.", code="unknown_version")
            if row[0] is not None and row[0] <= now:
                raise Refused(f"Version {version_no} holds already.", code="tariff_in_force")
            if effective_from <= now and not force:
                raise Refused("That moment has passed.", code="effective_in_past")
            await _check_role(connection, agency_id, person, "accountant", "chief_accountant")
            made = await _one(connection, "add_proposal", values)
            if made is None:
                raise Refused("A proposal for it is open.", code="already_proposed")
            after = {"version_no": version_no, "effective_from": effective_from.isoformat()}
            await _note(connection, agency_id, "propose", made[0], person, now, note, after)
    return int(made[0])


async def decide(
    pool: Pool,
    agency_id: str,
    proposal_no: int,
    decision: str,
    *,
    note: str,
    person: Person,
    now: datetime,
    force: bool = False,
) -> Publication | None:
    """Approve a proposal, which publishes its version, or decline it, or withdraw one's own.

    Args:
        pool: the database.
        agency_id: whose tariff.
        proposal_no: which.
        decision: `approved`, `declined` or `withdrawn`.
        note: why.
        person: who decides; nobody approves what the same person proposed.
        now: the moment that tells what is past.
        force: publish from a moment that has passed.

    Raises:
        BadInput: there is a bank card's number in the note (`pan_like`).
        NotFound: there is no such proposal (`unknown_proposal`).
        Refused: it is decided (`already_decided`), by the same person (`own_proposal`), somebody
            else's is withdrawn (`not_own_proposal`), whoever approves or declines is no chief
            accountant (`role_missing`); and as `publish_on`.
    """
    refuse_card_number(note)
    names = {"agency_id": agency_id, "proposal_no": proposal_no}
    published = None
    with translated():
        async with pool.connection() as connection, connection.transaction():
            row = await _one(connection, "lock_proposal", names)
            if row is None:
                raise NotFound(f"There is no proposal {proposal_no}.", code="unknown_proposal")
            version_no, effective_from, proposed_by, proposed_by_no, before = row
            _check_decision(decision, before, proposed_by, own=proposed_by_no == person.user_id)
            if decision != "withdrawn":
                await _check_role(connection, agency_id, person, "chief_accountant")
            values = {"decision": decision, "now": now, "note": note, "person": person.name}
            await connection.execute(
                _QUERIES["decide"], values | names | {"user_id": person.user_id}
            )
            after = {"version_no": version_no, "effective_from": effective_from.isoformat()}
            await _note(connection, agency_id, decision, proposal_no, person, now, note, after)
            if decision == "approved":
                actor = f"{proposed_by} + {person.name}"
                published = await publish_on(
                    connection, agency_id, version_no, effective_from,
                    now=now, actor=actor, force=force,
                )  # fmt: skip
    return published


async def take_back(
    pool: Pool,
    agency_id: str,
    version_no: int,
    *,
    note: str,
    actor: str,
    user_id: int | None,
    now: datetime,
) -> None:
    """Make a version that was published and does not hold yet a draft again.

    `user_id` is None for whoever is at the prompt, and no person of the product.

    Raises:
        NotFound: there is no such version.
        Refused: it holds (`tariff_in_force`) or is a draft (`not_published`).
        BadInput: there is a bank card's number in the note (`pan_like`).
    """
    refuse_card_number(note)
    await withdraw(pool, agency_id, version_no, note=note, now=now, actor=actor, user_id=user_id)


def _check_decision(decision: str, before: str | None, proposed_by: str, *, own: bool) -> None:
    if before is not None:
        raise Refused(f"The proposal is {before} already.", code="already_decided")
    if decision == "approved" and own:
        raise Refused(
            "Nobody approves an own proposal.",
            code="own_proposal",
            hint="Another chief accountant has to.",
        )
    if decision == "withdrawn" and not own:
        raise Refused(f"It is {proposed_by}'s proposal.", code="not_own_proposal")


async def _check_role(
    connection: AsyncConnection, agency_id: str, person: Person, *roles: str
) -> None:
    """Refuse who has none of the roles; the database asks for them, too."""
    values = {"agency_id": agency_id, "user_id": person.user_id, "roles": list(roles)}
    row = await _one(connection, "has_role", values)
    if row is None or not row[0]:
        raise Refused(f"This needs the role {' or '.join(roles)}.", code="role_missing")


async def _one(
    connection: AsyncConnection, query: str, values: dict[str, Any]
) -> tuple[Any, ...] | None:
    return await (await connection.execute(_QUERIES[query], values)).fetchone()


async def _note(
    connection: AsyncConnection,
    agency_id: str,
    what: str,
    proposal_no: int,
    person: Person,
    now: datetime,
    reason: str,
    after: dict[str, Any],
) -> None:
    verbs = {"approved": "approve", "declined": "decline", "withdrawn": "withdraw"}
    await record(
        connection,
        at=now,
        person=person.name,
        user_id=person.user_id,
        agency_id=agency_id,
        action=f"tariff.{verbs.get(what, what)}",
        target=f"tariff {after['version_no']}",
        before=None,
        after={**after, "proposal_no": proposal_no},
        reason=reason,
    )
