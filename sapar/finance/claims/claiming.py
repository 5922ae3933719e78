"""Claims on budgets: count times difference, equal to what 1220 holds, claimed once.

A claim holds what the journals of closed days left on a budget's account: the rides of each
category with the difference that one cost, later changes of them, and production that fares did not
cover. What another day's journals bring after a claim is the next part of it. A claim posts
nothing: 1220 was debited ride by ride; the bank line that pays it clears it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, is_idle, load_queries, translated
from sapar.core.errors import BadInput, Fault, NotFound, Refused
from sapar.finance.exceptions.keep import Finding, Kept, keep_findings
from sapar.finance.matching.items import NewItem, add_items
from sapar.ticketing.ledger.business_days import read_closed_days

_QUERIES = load_queries("sapar.finance.claims")
_canonical = msgspec.json.Encoder(order="deterministic").encode
BUDGET: Final = 1220
EXCEPTION: Final = "claim_difference"


class Claim(msgspec.Struct, frozen=True):
    """A claim.

    Attributes:
        number: of the document, and the reference that the payer is asked to write.
        amount_tiyn: sum of its lines.
        open_tiyn: what is not paid of it; below zero: what was paid beyond it.
        paid: a bank line was matched to it, for the whole or a part.
        item_no: for matching; None when there is nothing to receive.
    """

    claim_no: int
    funder: str
    from_date: date
    to_date: date
    part: int
    number: str
    amount_tiyn: int
    open_tiyn: int
    paid: bool
    digest: str
    item_no: int | None
    made_at: datetime
    made_by: str


class ClaimLine(msgspec.Struct, frozen=True):
    """A line: `rides * difference_tiyn = amount_tiyn`.

    Attributes:
        block: `concession`, `late` (posted after the day was closed), `refunds`, `production`.
        category: of the riders; of production the carrier.
        difference_tiyn: that the budget bears of a ride; None where no ride came or went, but
            prices changed, and for production.
    """

    position: int
    block: str
    category: str
    product_id: str
    difference_tiyn: int | None
    rides: int
    amount_tiyn: int


class ClaimPart(msgspec.Struct, frozen=True):
    """A ride of a claim's line (or a journal of production), by the newest of its journals."""

    journal_no: int
    tap_no: int | None
    kind: str
    card_ref: str | None
    device_id: str | None
    seq: int | None
    route_id: str | None
    event_at: datetime | None
    rides: int
    amount_tiyn: int


async def run_claims(
    connection: AsyncConnection,
    agency_id: str,
    from_date: date,
    to_date: date,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> list[Claim]:
    """Claim from every budget what closed days left on it and no claim holds yet.

    Args:
        connection: not in a transaction.
        agency_id: whose budgets.
        from_date: first business day.
        to_date: last business day.
        actor: who claims.
        now: when.
        user_id: of the person, for the audit log.

    Returns:
        The new claims; none when everything was claimed before.

    Raises:
        BadInput: the period ends before it begins, or is longer than a year.
        Refused: `day_open`: a day of the period is not closed; `day_reopened`: one was opened
            meanwhile, try again when it is closed.
        Fault: the lines are not what the ledger holds.
    """
    if not 0 <= (to_date - from_date).days <= 366:
        raise BadInput(f"{from_date} to {to_date} is no period", code="bad_period")
    if not is_idle(connection):
        raise Fault("claims need a transaction of their own")
    names: dict[str, Any] = {
        "agency_id": agency_id, "from_date": from_date, "to_date": to_date, "now": now,
        "actor": actor,
    }  # fmt: skip
    made = []
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_claims"], names)
            stamps = await _closed_stamps(connection, names)
            funders = await (await connection.execute(_QUERIES["list_funders"], names)).fetchall()
            for (funder,) in funders:
                claim_no = await _claim(connection, {**names, "funder": funder})
                if claim_no is None:
                    continue
                claim = await get_claim(connection, agency_id, claim_no)
                made.append(claim)
                await record(
                    connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                    action="claim.make", target=f"claim {claim_no}", before=None,
                    after=msgspec.to_builtins(claim),
                )  # fmt: skip
            # held up to the commit alone, and not while it is counted: whoever posts would wait
            await read_closed_days(connection, [agency_id], from_date)
            if await _closed_stamps(connection, names) != stamps:
                raise Refused("a day of the period was opened", code="day_reopened")
    return made


async def _closed_stamps(
    connection: AsyncConnection, names: dict[str, Any]
) -> list[tuple[date, datetime]]:
    """Give the days of the period with when they were closed.

    Raises:
        Refused: `day_open`: one is not.
    """
    row = await (await connection.execute(_QUERIES["list_open_days"], names)).fetchone()
    if row is not None:
        raise Refused(
            f"{row[0]} is not closed",
            code="day_open",
            hint="Close the days of the period first: sapar ticketing close.",
        )
    return await (await connection.execute(_QUERIES["list_closed_stamps"], names)).fetchall()


async def _claim(connection: AsyncConnection, names: dict[str, Any]) -> int | None:
    ranges = await (await connection.execute(_QUERIES["list_ranges"], names)).fetchall()
    new = [row for row in ranges if row[2] > row[1]]
    names |= {
        "days": [row[0] for row in new],
        "after": [row[1] for row in new],
        "upto": [row[2] for row in new],
    }
    rows = await (await connection.execute(_QUERIES["sum_rides"], names)).fetchall()
    lines = [ClaimLine(position, *row) for position, row in enumerate(rows, 1)]
    if not lines:
        return None
    amount = check_lines(lines)
    found = await (await connection.execute(_QUERIES["sum_budget"], names)).fetchone()
    if found is None or found[0] != amount:
        raise Fault(f"a claim of {amount} tiyn is not what {names['funder']} owes: {found}")
    row = await (await connection.execute(_QUERIES["find_next"], names)).fetchone()
    assert row is not None
    part, number = row
    names |= {"part": part, "number": number, "amount_tiyn": amount}
    content = (names["funder"], names["from_date"], names["to_date"], part, number, lines)
    names["digest"] = hashlib.sha256(_canonical(content)).digest()
    names["item_no"] = await _item(connection, names)
    row = await (await connection.execute(_QUERIES["insert_claim"], names)).fetchone()
    assert row is not None
    names["claim_no"] = row[0]
    for line in lines:
        await connection.execute(
            _QUERIES["insert_claim_line"], names | msgspec.structs.asdict(line)
        )
    await connection.execute(_QUERIES["insert_claim_days"], names)
    return int(row[0])


def check_lines(lines: Sequence[ClaimLine]) -> int:
    """Hold the identity of every line, and give their sum.

    Raises:
        Fault: a line's rides times its difference are not its amount.
    """
    for line in lines:
        if line.difference_tiyn is not None:
            whole = line.rides * line.difference_tiyn
            if whole != line.amount_tiyn:
                raise Fault(f"{line.category}: {whole} tiyn are claimed as {line.amount_tiyn}")
    return sum(line.amount_tiyn for line in lines)


async def _item(connection: AsyncConnection, names: dict[str, Any]) -> int | None:
    if names["amount_tiyn"] <= 0:
        return None
    to_date: date = names["to_date"]
    [item_no] = await add_items(
        connection,
        [
            NewItem(
                agency_id=names["agency_id"],
                kind="claim",
                source_key=f"claim:{names['number']}",
                code=BUDGET,
                owner=names["funder"],
                amount_tiyn=names["amount_tiyn"],
                item_date=names["now"].date(),
                reference=f"CL-{to_date.year}-{names['number']:04}",
                residual_code=BUDGET,  # what is not paid stays owed
                residual_owner=names["funder"],
                detail={"from": names["from_date"].isoformat(), "to": to_date.isoformat()},
            )
        ],
    )
    return item_no


async def list_claims(
    connection: AsyncConnection, agency_id: str, *, funder: str | None = None, most: int = 500
) -> list[Claim]:
    """Give claims, newest first."""
    return await _list(connection, agency_id, funder, None, most)


async def get_claim(connection: AsyncConnection, agency_id: str, claim_no: int) -> Claim:
    """Give a claim.

    Raises:
        NotFound: the agency has no such claim.
    """
    found = await _list(connection, agency_id, None, claim_no, 1)
    if not found:
        raise NotFound(f"there is no claim {claim_no}", hint="sapar ticketing claims show")
    return found[0]


async def _list(
    connection: AsyncConnection, agency_id: str, funder: str | None, claim_no: int | None, most: int
) -> list[Claim]:
    names = {"agency_id": agency_id, "funder": funder, "claim_no": claim_no, "most": most}
    with translated():
        found = await connection.execute(_QUERIES["list_claims"], names)
        return [Claim(*row) for row in await found.fetchall()]


async def list_claim_lines(connection: AsyncConnection, claim_no: int) -> list[ClaimLine]:
    """Give the lines of a claim in their order."""
    with translated():
        found = await connection.execute(_QUERIES["list_claim_lines"], {"claim_no": claim_no})
        return [ClaimLine(*row) for row in await found.fetchall()]


async def claim_parts(
    connection: AsyncConnection,
    agency_id: str,
    claim_no: int,
    position: int,
    *,
    after: int = 0,
    most: int = 1000,
) -> list[ClaimPart]:
    """Give the rides of a claim's line; their sums are the line's.

    Args:
        connection: to read from.
        agency_id: whose.
        claim_no: which claim.
        position: of its line.
        after: only journals with higher numbers: the next page.
        most: at most so many.
    """
    names = {
        "agency_id": agency_id, "claim_no": claim_no, "position": position, "after": after,
        "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_claim_parts"], names)
        return [ClaimPart(*row) for row in await found.fetchall()]


async def check_claims(connection: AsyncConnection, agency_id: str, *, now: datetime) -> Kept:
    """Open an exception for each claim that was paid otherwise than claimed; close the others'.

    The exception is worth what is still owed, or was paid beyond it; a claim that comes to less
    than nothing is one until somebody has settled it with the budget. To be called after bank
    lines were matched.
    """
    findings = []
    for claim in await list_claims(connection, agency_id, most=100_000):
        value, detail = 0, ""
        if claim.amount_tiyn < 0:  # no bank line is expected for it, and no later claim holds it
            value = -claim.amount_tiyn
            detail = f"{claim.funder} gets {value} tiyn back by {claim.number}"
        elif claim.paid and claim.open_tiyn:
            value = abs(claim.open_tiyn)
            paid = claim.amount_tiyn - claim.open_tiyn
            detail = f"{claim.funder} paid {paid} of {claim.amount_tiyn} tiyn of {claim.number}"
        if value:
            subject = f"claim {claim.claim_no}"
            findings.append(Finding(subject, value, detail, code=BUDGET, owner=claim.funder))
    return await keep_findings(connection, agency_id, EXCEPTION, findings, now=now)
