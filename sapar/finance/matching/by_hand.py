"""Matches that people make: any lines with any items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from sapar.access import audit
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, Fault, Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching import store
from sapar.finance.matching.findings import keep_matching_findings
from sapar.finance.matching.items import check_account
from sapar.finance.matching.model import Candidate, Expected, Line
from sapar.finance.matching.postings import NOTHING, Booking, ResidualPart
from sapar.finance.matching.remainders import remainder_of
from sapar.finance.matching.settle import item_order
from sapar.finance.said import refuse_card_number
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN, Operation, operate
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.matching")
_TEXT_MAX = 2000
_MOST = 5000
_PARTS_MAX = 20


class HandMatch(msgspec.Struct, frozen=True):
    """A match that a person asked for.

    Attributes:
        journal_no: what it posted; None when its lines cancel each other.
        residual_tiyn: the lines, less what was expected.
        remainder_item_no: the item of what is still owed, if anything is.
        repeated: the same had come before, under the same key.
    """

    match_no: int
    journal_no: int | None
    residual_tiyn: int
    remainder_item_no: int | None
    repeated: bool


class Asked(NamedTuple):
    """What a person puts together.

    Attributes:
        key: the client's, once for each match.
        lines: at least one.
        items: none when lines cancel each other, or the residual takes them whole.
        residual: account (code, owner) of what the lines show beyond what was expected.
        reason: the person's words; needed when there is a residual.
        residuals: the same for several accounts, with what goes to each; they sum up to it.
    """

    key: str
    lines: tuple[int, ...]
    items: tuple[int, ...]
    residual: tuple[int, str] | None = None
    reason: str = ""
    residuals: tuple[ResidualPart, ...] = ()


async def match_by_hand(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    asked: Asked,
    *,
    by: Who,
    now: datetime,
) -> HandMatch:
    """Match lines and items as a person says, once under the client's key.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose.
        asked: what goes together.
        by: the person.
        now: transit time.

    Raises:
        BadInput: `bad_match`: no line, one twice, too many, or no key; `bad_account`: a residual
            account is none that a difference can go to, or stands there twice; `pan_like`: a bank
            card's number in key or reason.
        Refused: `not_open`: a line or an item is matched, cancelled or not there;
            `residual_needs_account`: it does not add up, and account or reason are missing;
            `residual_sum`: several residuals do not sum up to the difference, or one of them is
            more than lines and items together;
            `wrong_account`: an item is expected on another bank account; `idempotency_conflict`:
            the key came before with other content.
    """
    _check(asked)
    source_key = f"match:hand:{asked.key}"
    work = _Hand(connection, accounts, agency_id, asked, by, now, source_key)
    found = await _find(connection, agency_id, source_key)
    if found is None and not await work.moves():
        async with connection.transaction():
            await work.do()
        return await work.answer(repeated=False)
    if found is not None and found[2] is None:
        if found[1] != work.operation.content_hash:
            raise Refused("the key came before with other content", code="idempotency_conflict")
        return await work.answer(repeated=True)
    outcome = await operate(connection, work.operation, work.do)
    return await work.answer(repeated=outcome.repeated)


def _check(asked: Asked) -> None:
    for numbers in (asked.lines, asked.items):
        if len(set(numbers)) != len(numbers) or len(numbers) > _MOST:
            raise BadInput(f"each once, and at most {_MOST}", code="bad_match")
    if not asked.lines or not asked.key.strip() or len(asked.key) > 200:
        raise BadInput("a match has a key and at least one line", code="bad_match")
    if len(asked.reason) > _TEXT_MAX:
        raise BadInput(f"a reason has at most {_TEXT_MAX} characters", code="bad_match")
    refuse_card_number(asked.key, asked.reason)
    accounts = [part[:2] for part in asked.residuals]
    if asked.residual is not None:
        accounts.append(asked.residual)
    if len(set(accounts)) != len(accounts) or len(accounts) > _PARTS_MAX:
        raise BadInput(f"each account once, and at most {_PARTS_MAX}", code="bad_account")
    for account in accounts:
        try:
            check_account(*account)
        except Fault as exc:
            raise BadInput(exc.message, code="bad_account") from exc
    if asked.residuals and (asked.residual is not None or len(asked.residuals) < 2):
        raise BadInput("several residuals are two or more, and no other", code="bad_match")
    if any(not 0 < abs(part.amount) <= AMOUNT_MAX_TIYN for part in asked.residuals):
        raise BadInput("a residual is more than nothing", code="bad_match")


class _Hand:
    """A match by hand while it is made."""

    def __init__(
        self,
        connection: AsyncConnection,
        accounts: Accounts,
        agency_id: str,
        asked: Asked,
        by: Who,
        now: datetime,
        source_key: str,
    ) -> None:
        self._connection, self._accounts = connection, accounts
        self._agency_id, self._asked, self._by, self._now = agency_id, asked, by, now
        self._source_key = source_key
        content: dict[str, object] = {
            "lines": sorted(asked.lines), "items": sorted(asked.items),
            "residual": asked.residual, "reason": asked.reason, "by": by.name,
        }  # fmt: skip
        if asked.residuals:  # not there before: keys of then have the content of then
            content["residuals"] = sorted(asked.residuals)
        self.operation = Operation(agency_id, "match", source_key, content)

    async def moves(self) -> bool:
        """Whether the match moves anything: lines of one account may cancel each other."""
        if self._asked.items:
            return True
        lines = await store.read_lines(self._connection, self._agency_id, self._asked.lines)
        await self._connection.commit()
        sums: dict[int, int] = {}
        for line in lines:
            sums[line.account] = sums.get(line.account, 0) + line.amount
        return any(sums.values()) or len(lines) != len(self._asked.lines)

    async def do(self) -> Journal:
        """Check and write, inside the operation's transaction."""
        connection, agency_id, asked = self._connection, self._agency_id, self._asked
        await store.lock_matching(connection, agency_id)
        town = await store.read_town(connection, agency_id)
        lines = await store.read_lines(connection, agency_id, asked.lines)
        store.require_open("line", asked.lines, [line.line_no for line in lines])
        items = await store.read_items(connection, agency_id, asked.items)
        store.require_open("item", asked.items, [item.item_no for item in items])
        booking = self._booking(lines, items, town)
        (written,) = await store.write_matches(
            connection, self._accounts, town, [booking], actor=self._by.name, now=self._now,
            content_hash=self.operation.content_hash,
        ) or (None,)  # fmt: skip
        if written is None:
            raise Refused("an item was cancelled meanwhile", code="not_open")
        await keep_matching_findings(connection, town, self._now)
        await audit.record(
            connection,
            at=self._now,
            person=self._by.name,
            user_id=self._by.user_id,
            agency_id=agency_id,
            action="match.make",
            target=f"match {written.match_no}",
            before=None,
            after={
                "lines": sorted(asked.lines), "items": sorted(asked.items),
                "lines_tiyn": booking.lines_sum, "items_tiyn": booking.items_sum,
                "residual_tiyn": booking.residual, "residual_account": booking.residual_account,
                **({"residuals": booking.parts} if booking.parts else {}),
            },
            reason=asked.reason,
        )  # fmt: skip
        return written.journal or NOTHING

    def _booking(
        self, lines: Sequence[Line], items: Sequence[Expected], town: store.Town
    ) -> Booking:
        asked = self._asked
        one = Candidate(tuple(lines), tuple(items))
        at = {line.account for line in lines}
        for item in items:
            if item.account is not None and at != {item.account}:
                raise Refused(
                    f"item {item.item_no} is expected on account {town.bank_ids[item.account]}",
                    code="wrong_account",
                )
        residual, parts = one.difference, asked.residuals
        named = asked.residual is not None or parts
        if residual and (not named or not asked.reason.strip()):
            raise Refused(
                f"the difference of {residual} tiyn needs an account and a reason",
                code="residual_needs_account",
            )
        if parts and (not residual or sum(part.amount for part in parts) != residual):
            raise Refused(
                f"the residuals do not sum up to the difference of {residual} tiyn",
                code="residual_sum",
            )
        most = sum(abs(line.amount) for line in lines) + sum(abs(item.amount) for item in items)
        if any(abs(part.amount) > most for part in parts):
            raise Refused("a residual is more than lines and items together", code="residual_sum")
        stand = {item.stands_on for item in items}
        if any(
            part.amount * residual < 0 and (part.code, part.owner) not in stand for part in parts
        ):
            raise Refused(
                "a part of the other sign goes to an account that an item stands on",
                code="residual_sign",
                hint="To move money between other accounts, resolve an exception with a posting.",
            )
        account = asked.residual if residual else None
        rest = None
        own = account
        if items:
            left = residual
            for part in parts:
                if (part.code, part.owner) == min(items, key=item_order).stands_on:
                    own, left = (part.code, part.owner), part.amount
            if own is not None:
                rest = remainder_of(one, own, town.settings, tolerance=0, item_no=-1, residual=left)
        return Booking(
            self._source_key, "hand", lines, items, residual, account, rest, asked.reason,
            tuple(sorted(parts)),
        )  # fmt: skip

    async def answer(self, *, repeated: bool) -> HandMatch:
        """Read what was made."""
        names = {"agency_id": self._agency_id, "source_key": self._source_key}
        with translated():
            async with self._connection.transaction():
                found = await self._connection.execute(_QUERIES["find_hand_match"], names)
                row = await found.fetchone()
        if row is None:
            raise Fault(f"match {self._source_key} is not there")
        return HandMatch(row[0], row[1], row[2], row[3], repeated)


async def _find(
    connection: AsyncConnection, agency_id: str, source_key: str
) -> tuple[int, bytes, int | None] | None:
    with translated():
        async with connection.transaction():
            found = await connection.execute(
                _QUERIES["find_match_by_key"],
                {"agency_id": agency_id, "source_key": source_key},
            )
            return await found.fetchone()
