"""Two people sign what the stages came to; with the second signature the day is closed.

The signature of who approves, the close and the reports are one transaction. The database holds it
against the stages, the totals and the ledger by itself (migration 0018).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, DatabaseRefused, load_queries, translated
from sapar.core.errors import BadInput, Refused
from sapar.finance.closing.asking import ask
from sapar.finance.closing.days import ROLE_OF, Act, DayStatus, next_revision, read_status
from sapar.finance.closing.reopening import list_reopenings
from sapar.finance.closing.reports import FORMS, make_csv, make_json
from sapar.ticketing.ledger.business_days import lock_closing

_QUERIES = load_queries("sapar.finance.closing")


class Signer(NamedTuple):
    """Who signs: a person who is signed in, or named at the command line."""

    user_id: int
    name: str


async def sign(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    act: Act,
    signer: Signer,
    *,
    now: datetime,
    digest: str | None = None,
) -> DayStatus:
    """Sign a day; the second signature (`approved`) closes it and makes its reports.

    To sign the same once more changes nothing.

    Args:
        connection: in no transaction.
        agency_id: whose day.
        day: the business date.
        act: `prepared` (an accountant) or `approved` (a chief accountant, another person).
        signer: who signs.
        now: transit time.
        digest: what the person has seen; refused when the stages have come to something else
            since. None: whatever they came to now.

    Raises:
        NotFound: there is no such agency.
        Refused: the person has not the role (`role_missing`), a stage has not passed
            (`not_passed`), something was posted or changed since (`changed_since`), nobody has
            prepared it (`not_prepared`), the same person did (`same_person`), an earlier day is
            open (`earlier_day_open`), the day is closed (`day_closed`).
    """
    if act not in ROLE_OF:
        raise BadInput(f"a day is prepared or approved, not {act!r}", code="unknown_act")
    with translated():
        async with connection.transaction():
            # first of all locks, as whoever closes a day does: see business_days.lock_closing
            await lock_closing(connection, agency_id)
            await _sign(connection, agency_id, day, act, signer, now, digest)
    return await read_status(connection, agency_id, day)


async def _sign(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    act: Act,
    signer: Signer,
    now: datetime,
    digest: str | None,
) -> None:
    await _check_role(connection, agency_id, act, signer)
    revision = await _revision(connection, agency_id, day, act, signer)
    if revision is None:
        return
    status = await read_status(connection, agency_id, day)
    signed = _checked_digest(status, day, digest)
    valid = {one.act: one for one in status.signatures if one.valid}
    if act in valid and valid[act].user_id == signer.user_id:
        return
    if act in valid:
        raise Refused(f"{valid[act].name} has {act} {day}", code="already_signed")
    if any(one.user_id == signer.user_id for one in valid.values()):
        raise Refused(
            f"{signer.name} cannot sign {day} twice",
            code="same_person",
            hint="Another person must approve what one prepared.",
        )
    if act == "approved" and "prepared" not in valid:
        raise Refused(f"nobody has prepared {day} as it is now", code="not_prepared")
    values: dict[str, Any] = {
        "agency_id": agency_id, "day": day, "revision": revision, "act": act,
        "user_id": signer.user_id, "digest": signed, "now": now,
    }  # fmt: skip
    try:
        await ask(connection, "insert_signature", values)
        if act == "approved":
            await _close(connection, values, signer)
    except DatabaseRefused as exc:
        if "closed in order" in str(exc):
            raise Refused(
                f"the day before {day} is open", code="earlier_day_open",
                hint="Days are closed in order.",
            ) from exc  # fmt: skip
        raise
    await record(
        connection,
        at=now,
        person=signer.name,
        user_id=signer.user_id,
        agency_id=agency_id,
        action=f"day.{'prepare' if act == 'prepared' else 'close'}",
        target=f"day {day}",
        before=None,
        after={"revision": revision, "digest": signed.hex()},
    )


async def _check_role(
    connection: AsyncConnection, agency_id: str, act: Act, signer: Signer
) -> None:
    values = {"agency_id": agency_id, "user_id": signer.user_id, "role": ROLE_OF[act]}
    [(has_role,)] = await ask(connection, "has_role", values)
    if not has_role:
        raise Refused(
            f"{signer.name} is no {ROLE_OF[act].replace('_', ' ')}",
            code="role_missing",
            hint=f"A day is {act} by a person with the role {ROLE_OF[act]}.",
        )


async def _revision(
    connection: AsyncConnection, agency_id: str, day: date, act: Act, signer: Signer
) -> int | None:
    """Give the revision to sign; None when this very signature stands on the closed day."""
    try:
        return await next_revision(connection, agency_id, day)
    except Refused:
        status = await read_status(connection, agency_id, day)
        mine = (act, signer.user_id)
        if any(one.valid and (one.act, one.user_id) == mine for one in status.signatures):
            return None
        raise


def _checked_digest(status: DayStatus, day: date, digest: str | None) -> bytes:
    if status.digest is None:
        raise Refused(
            f"not all stages of {day} have passed",
            code="not_passed",
            hint="Run them, and accept what stands in the way with a reason.",
        )
    if status.obstacle is not None or digest not in {None, status.digest}:
        why = status.obstacle or "its stages have come to something else since"
        raise Refused(f"{day}: {why}", code="changed_since", hint="Run the stages again.")
    return bytes.fromhex(status.digest)


async def _close(connection: AsyncConnection, values: Mapping[str, Any], signer: Signer) -> None:
    """Close the day and keep its reports; the database checks all of it again."""
    closing = {**values, "closed_by": signer.name}
    await ask(connection, "close_day" if values["revision"] == 1 else "close_day_again", closing)
    [(totals, *_)] = await ask(connection, "find_totals", values)
    stages = [_stage(row) for row in await ask(connection, "list_stages", values)]
    signatures = [
        {"act": act, "user_id": user_id, "name": name, "full_name": full_name, "signed_at": at}
        for act, user_id, name, full_name, digest, at in await ask(
            connection, "list_signatures", values
        )
        if digest == values["digest"]
    ]
    agency_id, day, revision = values["agency_id"], values["day"], values["revision"]
    reopenings = await _reopenings(connection, agency_id, day)
    body = make_json(
        agency_id, day, revision, totals,
        stages=sorted(stages, key=lambda stage: str(stage["stage"])), signatures=signatures,
        reopenings=reopenings, digest=values["digest"],
    )  # fmt: skip
    for form, written in zip(FORMS, (body, make_csv(body)), strict=True):
        hashed = hashlib.sha256(written).digest()
        report = {**values, "form": form, "body": written, "digest": hashed}
        await ask(connection, "insert_report", report)


async def _reopenings(
    connection: AsyncConnection, agency_id: str, day: date
) -> list[dict[str, Any]]:
    """Give all reopenings with what was posted with the day's date after the close they opened."""
    found = []
    for one in await list_reopenings(connection, agency_id, day):
        values = {"agency_id": agency_id, "day": day, "revision": one.revision}
        [(journals, first, last)] = await ask(connection, "count_posted_since", values)
        posted = {"journals": journals, "from_journal": first, "to_journal": last}
        found.append({**msgspec.to_builtins(one), "posted": posted})
    return found


def _stage(row: Sequence[Any]) -> dict[str, Any]:
    stage, _, _, findings, _, evidence, digest, _, ran_at, ran_by = row
    return {
        "stage": stage, "findings": findings, "digest": digest.hex(), "ran_at": ran_at,
        "ran_by": ran_by, "evidence": msgspec.json.decode(evidence),
    }  # fmt: skip
