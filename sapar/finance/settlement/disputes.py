"""Money of a carrier on hold: an amount, or the fares of certain taps, until somebody decides.

A hold moves what is owed to the carrier (2310) to 2320. Released, it goes back; rejected, it goes
to whoever the fares belong to then. While the statement is a draft a hold is one of its lines;
later it is kept back when the statement is paid, and after that it is in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.finance.said import refuse_card_number
from sapar.finance.settlement.contracts import list_contracts, terms_on
from sapar.finance.settlement.engine import BP, HOLD, PAYABLE, Line, Terms, stepped
from sapar.finance.settlement.split import round_half_up
from sapar.finance.settlement.statements import end_statement
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.operations import Operation, check_amount, operate
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.settlement")
EXCEPTION: Final = "carrier_dispute"

Decision = Literal["release", "reject"]
Destination = Literal["city", "loss"]
"""Where rejected money goes: to the city's fares (2520), or against our losses (5170)."""


class Dispute(msgspec.Struct, frozen=True):
    """A hold; `taps` are those that it is about, `decision` the reason that ended it."""

    dispute_no: int
    statement_no: int
    carrier_id: str
    amount_tiyn: int
    reason: str
    status: str
    opened_at: datetime
    opened_by: str
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None
    taps: list[int]


async def list_disputes(
    connection: AsyncConnection,
    agency_id: str,
    *,
    statement_no: int | None = None,
    status: str | None = None,
) -> list[Dispute]:
    """Give disputes, newest first; `status` is `open`, `released` or `rejected`."""
    values = {"agency_id": agency_id, "statement_no": statement_no, "status": status, "no": None}
    with translated():
        found = await connection.execute(_QUERIES["list_disputes"], values)
        return [Dispute(*row) for row in await found.fetchall()]


async def get_dispute(connection: AsyncConnection, agency_id: str, dispute_no: int) -> Dispute:
    """Give a dispute.

    Raises:
        NotFound: the agency has no such dispute.
    """
    values = {"agency_id": agency_id, "statement_no": None, "status": None, "no": dispute_no}
    with translated():
        found = await connection.execute(_QUERIES["list_disputes"], values)
        row = await found.fetchone()
    if row is None:
        raise NotFound(f"there is no dispute {dispute_no}")
    return Dispute(*row)


async def open_dispute(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    statement_no: int,
    *,
    key: str,
    reason: str,
    actor: str,
    now: datetime,
    amount_tiyn: int | None = None,
    tap_nos: Sequence[int] = (),
    user_id: int | None = None,
) -> Dispute:
    """Put an amount, or what the carrier gets for certain taps, on hold.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose statement.
        statement_no: that it is against.
        key: the client's; the same again gives the dispute that is there.
        reason: why; it is kept.
        actor: who says so; user_id for the audit log.
        now: when.
        amount_tiyn: that is held, or …
        tap_nos: … rides of the carrier that are settled.
        user_id: of the person.

    Raises:
        BadInput: no reason, both or neither of amount and taps; a bank card's number (`pan_like`).
        NotFound: there is no such statement.
        Refused: `beyond_payable`: more than is owed to the carrier; `not_settled`: a tap is not
            settled for this carrier; `held_before`: a tap is on hold already; `no_fare`: they
            bring the carrier nothing; `not_by_taps`: the carrier is paid for kilometres.
    """
    if not reason.strip() or (amount_tiyn is None) == (not tap_nos):
        raise BadInput("a dispute has a reason, and an amount or taps", code="bad_dispute")
    refuse_card_number(key, reason)
    taps = sorted(set(tap_nos))
    content = {"statement_no": statement_no, "amount": amount_tiyn, "taps": taps, "reason": reason}
    operation = Operation(agency_id, "carrier_hold", f"settle:hold:{key}", content)
    step = _Step(connection, accounts, operation, statement_no, actor, user_id, now)

    async def work() -> Journal:
        await step.begin()
        fares = await _fares(step, taps) if taps else {}
        amount = await _share(step, fares) if taps else check_amount(amount_tiyn or 0)
        owed = step.total + step.waiting
        if amount > owed:
            raise Refused(f"{owed} tiyn are to be paid", code="beyond_payable")
        journal = await step.post({PAYABLE: amount, HOLD: -amount}, reason)
        row = await step.find("insert_dispute", amount_tiyn=amount, reason=reason)
        step.dispute_no = row[0]
        for tap_no, fare in fares.items():
            await step.run("insert_dispute_tap", tap_no=tap_no, fare_tiyn=fare)
        await step.keep(-amount, journal)
        await step.report([amount])
        await step.log("dispute.open", None, {"amount_tiyn": amount, "taps": taps}, reason)
        return journal

    outcome = await operate(connection, operation, work)
    if step.dispute_no is None:
        values = {"journal_no": outcome.journal_no}
        with translated():
            found = await connection.execute(_QUERIES["find_dispute_of"], values)
            row = await found.fetchone()
        assert row is not None
        step.dispute_no = row[0]
    return await get_dispute(connection, agency_id, step.dispute_no)


async def decide_dispute(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    dispute_no: int,
    decision: Decision,
    *,
    reason: str,
    actor: str,
    now: datetime,
    destination: Destination = "city",
    city: str = "",
    user_id: int | None = None,
) -> Dispute:
    """Release what is on hold to the carrier, or reject it; the same decision again is as before.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose dispute.
        dispute_no: which.
        decision: what is done.
        reason: why; it is kept.
        actor: who decides.
        now: when.
        destination: where rejected money goes.
        city: owner of 2520 for the destination `city`.
        user_id: of the person, for the audit log.

    Raises:
        BadInput: there is no reason, or no city; `pan_like`: a bank card's number in the reason.
        NotFound: there is no such dispute.
        Refused: `already_decided`: otherwise than now.
    """
    _check_decision(reason, needs_city=decision == "reject" and destination == "city", city=city)
    dispute = await get_dispute(connection, agency_id, dispute_no)
    became = {"release": "released", "reject": "rejected"}[decision]
    if dispute.status == became:
        return dispute
    if dispute.status != "open":
        raise Refused(f"dispute {dispute_no} is {dispute.status}", code="already_decided")
    content = {"dispute_no": dispute_no, "to": "" if decision == "release" else destination}
    operation = Operation(
        agency_id, f"carrier_{decision}", f"settle:{decision}:{dispute_no}", content
    )
    step = _Step(
        connection, accounts, operation, dispute.statement_no, actor, user_id, now, dispute_no
    )

    async def work() -> Journal:
        await step.begin()
        done = await step.find("decide_dispute", status=became, reason=reason)
        if not done:
            raise Refused(f"dispute {dispute_no} is decided", code="already_decided")
        amount = dispute.amount_tiyn
        if decision == "release":
            journal = await step.post({HOLD: amount, PAYABLE: -amount}, reason)
            await step.keep(amount, journal)
        else:
            code, owner = (2520, city) if destination == "city" else (5170, "")
            journal = await step.post({HOLD: amount}, reason, {(code, owner): -amount})
        await step.report([])
        await step.log("dispute." + decision, {"status": "open"}, {"status": became}, reason)
        await step.end()
        return journal

    await operate(connection, operation, work)
    return await get_dispute(connection, agency_id, dispute_no)


def _check_decision(reason: str, *, needs_city: bool, city: str) -> None:
    if not reason.strip():
        raise BadInput("a dispute is decided for a reason", code="bad_dispute")
    refuse_card_number(reason)
    if needs_city and not city:
        raise BadInput("rejected money goes to a city: name it", code="bad_dispute")


class _Step:
    """What opening and deciding have in common, inside `operate`'s transaction."""

    def __init__(
        self,
        connection: AsyncConnection,
        accounts: Accounts,
        operation: Operation,
        statement_no: int,
        actor: str,
        user_id: int | None,
        now: datetime,
        dispute_no: int | None = None,
    ) -> None:
        self.connection, self.accounts, self.operation = connection, accounts, operation
        self.statement_no, self.actor, self.user_id, self.now = statement_no, actor, user_id, now
        self.dispute_no = dispute_no
        self.carrier, self.status, self.total, self.waiting = "", "", 0, 0
        self.to_date = date.min

    async def run(self, query: str, **values: Any) -> Any:
        names = {
            "agency_id": self.operation.agency_id, "statement_no": self.statement_no,
            "dispute_no": self.dispute_no, "now": self.now, "actor": self.actor,
        }  # fmt: skip
        return await self.connection.execute(_QUERIES[query], names | values)

    async def find(self, query: str, **values: Any) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = await (await self.run(query, **values)).fetchone()
        return row or ()

    async def begin(self) -> None:
        await self.run("lock_settling")
        row = await self.find("lock_statement")
        if not row:
            raise Refused(f"there is no statement {self.statement_no}", code="unknown_statement")
        self.status, self.carrier, _, self.to_date, _, _, _, self.total, _, _ = row
        self.waiting = (await self.find("sum_waiting"))[0]

    async def post(
        self, codes: dict[int, int], rule: str, others: dict[tuple[int, str], int] | None = None
    ) -> Journal:
        moved = {(code, self.carrier): amount for code, amount in codes.items()} | (others or {})
        agency_id = self.operation.agency_id
        account_of = await self.accounts.numbers((agency_id, *account) for account in moved)
        now_ms = int(self.now.timestamp() * 1000)
        journal = Journal(
            agency_id=agency_id,
            kind=self.operation.kind,
            service_date=self.to_date,
            event_at_ms=now_ms,
            received_ms=now_ms,
            entries={account_of[agency_id, *key]: amount for key, amount in moved.items()},
            rule=rule,
            actor=self.actor,
            source_key=self.operation.source_key,
            content_hash=self.operation.content_hash,
        )
        await post(self.connection, [journal], {})
        return journal

    async def keep(self, payable_tiyn: int, journal: Journal) -> None:
        """Keep what a step changes of what is paid; in the statement while it is a draft."""
        journal_no = journal.journal_no
        row = await self.find("insert_step", payable_tiyn=payable_tiyn, journal_no=journal_no)
        if self.status == "draft":
            number = (await self.find("draw_line_numbers", count=1))[0]
            line: Line = stepped(payable_tiyn, self.to_date)
            await self.run(
                "insert_line",
                **line._asdict()
                | {
                    "line_no": number, "from_journal_no": 0, "through_journal_no": 0,
                    "journal_no": journal_no, "step_no": row[0],
                },
            )  # fmt: skip

    async def report(self, amounts: Sequence[int]) -> None:
        """Open the exception of the dispute, or close it when there are no amounts."""
        subject = f"dispute {self.dispute_no}"
        detail = f"{self.carrier}, statement {self.statement_no}"
        await keep_findings(
            self.connection, self.operation.agency_id, EXCEPTION,
            [Finding(subject, amount, detail, code=HOLD, owner=self.carrier) for amount in amounts],
            now=self.now, among=[subject],
        )  # fmt: skip

    async def end(self) -> None:
        """End the statement where nothing is left to be paid or decided."""
        await end_statement(
            self.connection, self.operation.agency_id, self.statement_no,
            actor=self.actor, now=self.now, user_id=self.user_id,
        )  # fmt: skip

    async def log(self, action: str, before: object, after: object, reason: str) -> None:
        await record(
            self.connection, at=self.now, person=self.actor, user_id=self.user_id,
            agency_id=self.operation.agency_id, action=action,
            target=f"dispute {self.dispute_no}", before=before, after=after, reason=reason,
        )  # fmt: skip


async def _fares(step: _Step, taps: Sequence[int]) -> dict[int, int]:
    """Give what each tap brought to the carrier's clearing, and its boardings as a check."""
    found = await step.run("list_tap_fares", taps=list(taps), carrier_id=step.carrier)
    rows = {row[0]: row for row in await found.fetchall()}
    for tap_no in taps:
        if tap_no not in rows:
            raise Refused(f"tap {tap_no} is not settled for {step.carrier}", code="not_settled")
        if rows[tap_no][3]:
            raise Refused(f"tap {tap_no} is on hold already", code="held_before")
    return {tap_no: rows[tap_no][1] for tap_no in taps}


async def _share(step: _Step, fares: dict[int, int]) -> int:
    """Give what the carrier is paid for these rides, by the contract of their days."""
    found = await step.run("list_tap_fares", taps=list(fares), carrier_id=step.carrier)
    versions = await list_contracts(step.connection, step.operation.agency_id, step.carrier)
    amount = 0
    by_terms: dict[Terms, list[int]] = {}
    for _, fare, boardings, _, day in await found.fetchall():
        terms = terms_on(versions, day)
        if terms.kind == "gross_km":
            raise Refused(f"{step.carrier} is paid for kilometres", code="not_by_taps")
        worth = fare if terms.kind == "net" else boardings * terms.rate_tiyn
        by_terms.setdefault(terms, []).append(worth)
    for terms, worths in by_terms.items():
        whole = sum(worths)
        amount += whole - round_half_up(whole * terms.commission_bp, BP)
    if amount <= 0:
        raise Refused("these rides bring the carrier nothing", code="no_fare")
    return amount
