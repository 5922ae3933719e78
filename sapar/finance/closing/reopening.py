"""A closed day is opened again for a while, for a reason, and all of it is kept.

While it lasts, postings about that very day take its business date; those about other days go where
they always go. The first close stays as it is: what was posted is signed as another revision.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, translated
from sapar.core.errors import BadInput, Refused
from sapar.finance.closing.asking import ask
from sapar.finance.closing.days import find_close
from sapar.finance.closing.parts import Part, named_accounts, part_of
from sapar.finance.said import refuse_card_number
from sapar.ticketing.ledger.business_days import lock_closing

LONGEST: Final = timedelta(days=7)
_LISTED_MAX: Final = 10_000


class Reopening(msgspec.Struct, frozen=True):
    """A reopening; times by the database's clock.

    Attributes:
        revision: the close that it opened.
        second_user_id: whoever agreed to it, if anybody was asked.
    """

    reopening_no: int
    revision: int
    user_id: int
    name: str
    second_user_id: int | None
    second_name: str | None
    reason: str
    reopened_at: datetime
    ends_at: datetime


async def reopen(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    *,
    user_id: int,
    name: str,
    reason: str,
    lasts: timedelta,
    now: datetime,
    second_user_id: int | None = None,
) -> Reopening:
    """Open a closed day again for a while.

    Args:
        connection: in no transaction.
        agency_id: whose day.
        day: the business date.
        user_id: who does it; a chief accountant.
        name: of that person.
        reason: why; it is kept for ever.
        lasts: how long by the database's clock, at most a week.
        now: transit time, for the audit log.
        second_user_id: another accountant who agreed to it.

    Raises:
        BadInput: no reason, or one with a bank card's number (`pan_like`); no such time.
        Refused: the person has not the role (`role_missing`), the day is open (`day_open`) or
            reopened already (`already_reopened`), the second person is the first (`same_person`).
    """
    if not reason.strip():
        raise BadInput("a day is reopened for a reason", code="reason_missing")
    refuse_card_number(reason)
    if not timedelta() < lasts <= LONGEST:
        raise BadInput("a day is reopened for at most a week", code="reopening_time")
    if second_user_id == user_id:
        raise Refused("the second person must be another one", code="same_person")
    with translated():
        async with connection.transaction():
            await lock_closing(connection, agency_id)
            close = await find_close(connection, agency_id, day)
            if close is None:
                raise Refused(f"{day} is open", code="day_open")
            if close.reopened:
                raise Refused(f"{day} is reopened until {close.ends_at}", code="already_reopened")
            await _check_people(connection, agency_id, user_id, second_user_id)
            values = {
                "agency_id": agency_id, "day": day, "revision": close.revision,
                "user_id": user_id, "second_user_id": second_user_id, "reason": reason.strip(),
                "lasts": lasts,
            }  # fmt: skip
            [(number, _, ends_at)] = await ask(connection, "insert_reopening", values)
            await record(
                connection,
                at=now,
                person=name,
                user_id=user_id,
                agency_id=agency_id,
                action="day.reopen",
                target=f"day {day}",
                before={"revision": close.revision},
                after={"until": ends_at.isoformat(), "second_user_id": second_user_id},
                reason=reason.strip(),
            )
    found = await list_reopenings(connection, agency_id, day)
    return next(one for one in found if one.reopening_no == number)


async def _check_people(
    connection: AsyncConnection, agency_id: str, user_id: int, second_user_id: int | None
) -> None:
    asked: list[tuple[int, tuple[str, ...]]] = [(user_id, ("chief_accountant",))]
    if second_user_id is not None:
        asked.append((second_user_id, ("accountant", "chief_accountant")))
    for number, roles in asked:
        values = [{"agency_id": agency_id, "user_id": number, "role": role} for role in roles]
        if not any([(await ask(connection, "has_role", one))[0][0] for one in values]):
            raise Refused(
                f"person {number} is no {roles[0].replace('_', ' ')}", code="role_missing"
            )


async def list_reopenings(
    connection: AsyncConnection, agency_id: str, day: date
) -> list[Reopening]:
    """Give all reopenings of a day, the oldest first."""
    rows = await ask(connection, "list_reopenings", {"agency_id": agency_id, "day": day})
    return [Reopening(*row) for row in rows]


async def list_posted_since(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    revision: int = 1,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[Part]:
    """Give what was posted with the day's date after a revision of it was closed, in order.

    Args:
        connection: to read from.
        agency_id: whose day.
        day: the business date.
        revision: of the close.
        after: only journals with higher numbers: the next page.
        limit: at most so many.
    """
    values = {
        "agency_id": agency_id, "day": day, "revision": revision, "after": after,
        "limit": min(limit, _LISTED_MAX),
    }  # fmt: skip
    rows = await ask(connection, "list_posted_since", values)
    accounts = await named_accounts(connection, agency_id, rows)
    return [part_of(row, accounts) for row in rows]
