"""Cash desks of our own: which there are, and who may take money there.

A city that keeps none says the name of a desk in its own words. As soon as it keeps one, money is
taken at a card's desk through an open one alone, by the people who are named for it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, Pool, load_queries
from sapar.core.errors import BadInput, Refused
from sapar.finance.agents.parties import Who, changing, zone_of
from sapar.finance.said import refuse_card_number

_QUERIES = load_queries("sapar.finance.agents")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_TEXT_MAX: Final = 200
_SELLERS_MAX: Final = 200

DeskStatus = Literal["open", "closed"]


class Seller(msgspec.Struct, frozen=True):
    """A person who may take money at a desk; `ended`: the person has left."""

    user_id: int
    name: str
    full_name: str
    ended: bool


class CashDesk(msgspec.Struct, frozen=True):
    """A cash desk.

    Attributes:
        desk_id: owner of its 1110, and the `paid.name` of a sale.
        balance_tiyn: what it has taken and not handed in.
        sellers: who may take money there, by name.
    """

    desk_id: str
    name: str
    place: str
    status: DeskStatus
    balance_tiyn: int
    sellers: list[Seller]
    created_at: datetime
    created_by: str


class DeskSays(msgspec.Struct, frozen=True, kw_only=True):
    """A desk as a person writes it down; `sellers` are numbers of people."""

    name: str
    place: str = ""
    status: DeskStatus = "open"
    sellers: list[int] = []


async def list_desks(connection: AsyncConnection, agency_id: str) -> list[CashDesk]:
    """Give an agency's cash desks by name, closed ones last."""
    found = await connection.execute(_QUERIES["list_desks"], {"agency_id": agency_id})
    desks = []
    for desk_id, name, place, status, balance, sellers, at, by in await found.fetchall():
        people = msgspec.convert(sellers, list[Seller])
        desks.append(CashDesk(desk_id, name, place, status, balance, people, at, by))
    return desks


async def list_sellers(connection: AsyncConnection, agency_id: str) -> list[Seller]:
    """Give the people who may be named for a desk: the agency's cashiers."""
    found = await connection.execute(_QUERIES["list_cashiers"], {"agency_id": agency_id})
    return [
        Seller(user_id, name, full_name, False)
        for user_id, name, full_name in await found.fetchall()
    ]


async def keep_desk(
    pool: Pool, agency_id: str, desk_id: str, says: DeskSays, who: Who, *, reason: str = ""
) -> bool:
    """Register a cash desk, or write down what is so now; False when it stands so already.

    Raises:
        BadInput: `desk_id`, `name` or `place`; `sellers`: one of them is no cashier of the agency;
            `pan_like`: a bank card's number in a text.
        NotFound: there is no such agency.
        Refused: an agent has the name (`agent_exists`).
    """
    _check(desk_id, says)
    async with changing(pool, agency_id) as connection:
        await zone_of(connection, agency_id)
        desks = {one.desk_id: one for one in await list_desks(connection, agency_id)}
        before = desks.get(desk_id)
        await _check_sellers(connection, agency_id, before, says)
        names = {"agency_id": agency_id, "id": desk_id}
        found = await connection.execute(_QUERIES["find_agent"], names)
        if before is None and await found.fetchone() is not None:
            raise Refused(f"{desk_id} is an agent", code="agent_exists")
        was = None if before is None else _plain(before)
        becomes = {
            "name": says.name, "place": says.place, "status": says.status,
            "sellers": sorted(set(says.sellers)),
        }  # fmt: skip
        if was == becomes:
            return False
        values = names | becomes | {"now": who.now, "actor": who.actor}
        for query in ("keep_desk", "drop_sellers", "add_sellers"):
            await connection.execute(_QUERIES[query], values)
        await record(
            connection, at=who.now, person=who.actor, user_id=who.user_id, agency_id=agency_id,
            action="cash_desk.create" if before is None else "cash_desk.change",
            target=f"cash_desk {desk_id}", before=was, after=becomes, reason=reason,
        )  # fmt: skip
        return True


async def desks_of(
    connection: AsyncConnection, agency_id: str, user_id: int
) -> tuple[bool, list[tuple[str, str]]]:
    """Say whether the agency keeps cash desks, and give (id, name) of those of a person."""
    values = {"agency_id": agency_id, "user_id": user_id}
    row = await (await connection.execute(_QUERIES["desks_of_person"], values)).fetchone()
    assert row is not None
    return row[0], [(one, name) for one, name in row[1]]


async def check_desk(
    connection: AsyncConnection, agency_id: str, desk_id: str, user_id: int
) -> None:
    """Refuse a sale at a desk by somebody who may not sell there, in the sale's transaction.

    The desk is locked until the commit: it is not closed, nor a person taken off it, meanwhile.

    Raises:
        Refused: `unknown_desk`, `desk_closed`, `not_your_desk`.
    """
    values = {"agency_id": agency_id, "id": desk_id, "user_id": user_id}
    row = await (await connection.execute(_QUERIES["hold_desk"], values)).fetchone()
    if row is None:
        kept, _ = await desks_of(connection, agency_id, user_id)
        if kept:
            raise Refused(
                f"There is no cash desk {desk_id!r}.",
                code="unknown_desk",
                hint="A chief accountant registers cash desks in the room of agents.",
            )
        return
    if row[0] != "open":
        raise Refused(f"Cash desk {desk_id} is closed.", code="desk_closed")
    # asked after the lock was got: a statement that waits for it has an older look at the people
    sells = await (await connection.execute(_QUERIES["sells_at_desk"], values)).fetchone()
    assert sells is not None
    if not sells[0]:
        raise Refused(
            f"You are not named for cash desk {desk_id}.",
            code="not_your_desk",
            hint="A chief accountant says who takes money there.",
        )


def _plain(desk: CashDesk) -> dict[str, object]:
    return {
        "name": desk.name, "place": desk.place, "status": desk.status,
        "sellers": sorted(one.user_id for one in desk.sellers),
    }  # fmt: skip


def _check(desk_id: str, says: DeskSays) -> None:
    if not _ID.fullmatch(desk_id):
        raise BadInput(
            f"{desk_id[:60]!r} is no name of an account: 1 to 40 letters, digits, '.', '_', '-'",
            code="desk_id",
        )
    for name, text, shortest in (("name", says.name, 1), ("place", says.place, 0)):
        if len(text.strip()) < shortest or len(text) > _TEXT_MAX or not text.isprintable():
            raise BadInput(f"{name} is a text of {shortest} to {_TEXT_MAX} signs", code=name)
    refuse_card_number(says.name, says.place)
    if len(says.sellers) > _SELLERS_MAX:
        raise BadInput(f"a desk has at most {_SELLERS_MAX} people", code="sellers")


async def _check_sellers(
    connection: AsyncConnection, agency_id: str, before: CashDesk | None, says: DeskSays
) -> None:
    """Refuse whom the agency does not have as a cashier; who stands there already may stay."""
    known = {one.user_id for one in await list_sellers(connection, agency_id)}
    if before is not None:
        known |= {one.user_id for one in before.sellers}
    strangers = sorted(set(says.sellers) - known)
    if strangers:
        raise BadInput(f"person {strangers[0]} is no cashier here", code="sellers")
