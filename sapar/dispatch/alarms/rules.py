"""The rules of an agency: read, and replaced as a whole, with a line in the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, translated
from sapar.core.errors import BadInput, Refused
from sapar.dispatch.alarms.desk import QUERIES
from sapar.gtfs.realtime.console.rules import Rule, check_rule

RULES_MAX = 5000


async def list_rules(pool: Pool, agency_id: str) -> list[Rule]:
    """List the rules of an agency that differ from the deployment's.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            return await _read(connection, agency_id)


async def replace_rules(
    pool: Pool,
    agency_id: str,
    rules: Sequence[Rule],
    person: Person,
    *,
    now: datetime,
    reason: str = "",
    revision: str | None = None,
) -> None:
    """Put other rules in the place of all that an agency has; engines follow at once.

    Args:
        pool: the database.
        agency_id: whose rules they are.
        rules: one at most for a kind and route.
        person: who changes them.
        now: transit time.
        reason: in the person's words; may be empty.
        revision: of the rules that the person saw; None: whatever they are now.

    Raises:
        BadInput: a rule means nothing, or two are for the same kind and route.
        Refused: somebody else changed the rules meanwhile (`changed_since`).
        Unavailable: the database does not answer.
    """
    if len(rules) > RULES_MAX:
        raise BadInput(f"There are {RULES_MAX} rules at most.", code="bad_rule")
    for rule in rules:
        check_rule(rule)
    if len({(rule.kind, rule.route_id) for rule in rules}) < len(rules):
        raise BadInput("Two rules are for the same kind and route.", code="bad_rule")
    with translated():
        async with pool.connection() as connection:
            await connection.execute(QUERIES["lock_rules"], {"agency_id": agency_id})
            before = await _read(connection, agency_id)
            if revision not in {None, revision_of(before)}:
                raise Refused(
                    "Somebody else changed the rules meanwhile.",
                    code="changed_since",
                    hint="Look at them as they are now, and change them again.",
                )
            await connection.execute(QUERIES["drop_rules"], {"agency_id": agency_id})
            async with connection.cursor() as cursor:
                rows = [msgspec.structs.asdict(rule) | {"agency_id": agency_id} for rule in rules]
                await cursor.executemany(QUERIES["add_rule"], rows)
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="rules.replace",
                target="rules of alarms",
                before=_plain(before),
                after=_plain(rules),
                reason=reason,
            )


def revision_of(rules: Sequence[Rule]) -> str:
    """Give what tells these rules from any others."""
    return hashlib.sha256(msgspec.json.encode(list(rules))).hexdigest()[:16]


async def _read(connection: AsyncConnection, agency_id: str) -> list[Rule]:
    cursor = await connection.execute(QUERIES["list_rules"], {"agency_id": agency_id})
    names = (
        "kind", "route_id", "raise_at", "clear_at", "on_delay_s", "off_delay_s", "priority",
        "enabled",
    )  # fmt: skip
    return [Rule(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


def _plain(rules: Sequence[Rule]) -> list[Any]:
    plain: list[Any] = msgspec.to_builtins(list(rules))
    return plain
