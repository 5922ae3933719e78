"""CAMT.053, the XML statement of ISO 20022, versions .001.02 to .001.08. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple

from sapar.finance.bank.model import (
    BrokenFile,
    Line,
    Statement,
    bin_of,
    by_account,
    clean,
    iban_of,
)
from sapar.finance.bank.values import amount, day
from sapar.finance.bank.xml_tree import Node, read

_NOT_PROVIDED: Final = frozenset({"", "NOTPROVIDED", "NOTAVAILABLE", "NONREF"})
_OPENINGS = ("OPBD", "PRCD")  # at the beginning of the day; at the end of the one before
_DAY = timedelta(days=1)


@dataclass(slots=True)
class _Reading:
    """A statement as far as it is read: entries become lines as they come, and are forgotten."""

    statements: list[Statement] = field(default_factory=list)
    head: _Head | None = None
    lines: list[Line] = field(default_factory=list)
    is_camt: bool = False

    def take(self, node: Node, around: list[Node]) -> None:
        inside = around[-1].name if around else ""
        if node.name == "Ntry" and inside == "Stmt":
            if self.head is None:
                self.head = _head(around[-1])
            self.lines += _lines(node, self.head.account, self.head.currency)
        elif node.name == "Stmt" and inside == "BkToCstmrStmt":
            self.is_camt = True
            self.statements.append(_statement(node, self.head or _head(node), self.lines))
            self.head, self.lines = None, []


class _Head(NamedTuple):
    """What stands before the entries."""

    account: str
    opening: int
    opened_on: date
    closing: int
    closed_on: date
    currency: str


def parse(data: bytes) -> list[Statement]:
    """Read the statements of all accounts in a file, unchecked.

    Raises:
        BrokenFile: it is not of the format, or not whole; with the line.
    """
    reading = _Reading()
    read(data, {"Ntry", "Stmt"}, reading.take)
    if not reading.is_camt:
        raise BrokenFile(
            "the XML holds no BkToCstmrStmt: it is not CAMT.053", code="unknown_format"
        )
    return by_account(reading.statements)


def _head(node: Node) -> _Head:
    account = iban_of(node.value("Acct", "Id", "IBAN") or node.value("Acct", "Id", "Othr", "Id"))
    if account is None:
        raise BrokenFile("the statement names no account", code="no_account", line=node.line)
    opening, opened_on, currency = _balance(node, *_OPENINGS)
    closing, closed_on, closing_currency = _balance(node, "CLBD")
    if currency != closing_currency:
        raise BrokenFile(
            "its balances are in two currencies", code="wrong_currency", line=node.line
        )
    return _Head(account, opening, opened_on, closing, closed_on, currency)


def _statement(node: Node, head: _Head, lines: Sequence[Line]) -> Statement:
    from_date, to_date = _period(node)
    return Statement(
        account=head.account,
        from_date=from_date or min((line.booked_on for line in lines), default=head.opened_on),
        to_date=to_date or head.closed_on,
        opening_tiyn=head.opening,
        closing_tiyn=head.closing,
        currency=head.currency,
        lines=tuple(lines),
    )


def _balance(node: Node, *codes: str) -> tuple[int, date, str]:
    """Give amount, day and currency of the first balance of these kinds."""
    for code in codes:
        for balance in node.all("Bal"):
            if balance.value("Tp", "CdOrPrtry", "Cd") == code:
                tiyn, currency = _amount(balance)
                booked = balance.value("Dt", "Dt") or balance.value("Dt", "DtTm")
                return _sign(balance) * tiyn, day(booked, balance.line), currency
    raise BrokenFile(
        f"the statement has no balance {' or '.join(codes)}", code="no_balances", line=node.line
    )


def _period(node: Node) -> tuple[date | None, date | None]:
    """Give first and last day, where they are said; midnight at the end is the day before."""
    first, last = node.value("FrToDt", "FrDtTm"), node.value("FrToDt", "ToDtTm")
    begins, ends = (day(text, node.line) if text else None for text in (first, last))
    if ends is not None and begins is not None and ends > begins and "T00:00:00" in last:
        ends -= _DAY
    return begins, ends


def _amount(node: Node) -> tuple[int, str]:
    found = node.find("Amt")
    if found is None:
        raise BrokenFile(f"{node.name} has no Amt", code="bad_amount", line=node.line)
    return amount(found.text, found.line, decimal_mark="."), found.attributes.get("Ccy", "")


def _sign(node: Node) -> int:
    """Give 1 for a credit. A reversal has the mark of what it does now, not of what it undoes."""
    mark = node.value("CdtDbtInd")
    if mark not in {"CRDT", "DBIT"}:
        raise BrokenFile(f"{mark!r} is no CdtDbtInd", code="no_direction", line=node.line)
    return 1 if mark == "CRDT" else -1


def _lines(entry: Node, account: str, currency: str) -> Iterator[Line]:
    """Give an entry's lines: one, or one for each of its transactions if they are several."""
    if (entry.value("Sts", "Cd") or entry.value("Sts")) not in {"BOOK", ""}:
        return  # announced, not booked: no part of the balance
    tiyn, own = _amount(entry)
    if own != currency:
        raise BrokenFile(
            f"an entry in {own} on an account in {currency}", code="wrong_currency", line=entry.line
        )
    total = _sign(entry) * tiyn
    details = list(entry.all("NtryDtls", "TxDtls"))
    amounts = [_part(one, entry, currency) for one in details]
    if len(details) < 2 or all(part is None for part in amounts):
        yield _line(entry, details[0] if len(details) == 1 else None, total, account)
        return
    if None in amounts or sum(part or 0 for part in amounts) != total:
        raise BrokenFile(
            "the transactions of the entry do not add up to it",
            code="batch_does_not_add_up",
            line=entry.line,
        )
    for one, part in zip(details, amounts, strict=True):
        yield _line(entry, one, part or 0, account)


def _part(details: Node, entry: Node, currency: str) -> int | None:
    """Give what a transaction contributes to its entry, in the account's currency, or None."""
    sign = _sign(details if details.find("CdtDbtInd") else entry)
    for holder in (details, *details.all("AmtDtls", "TxAmt"), *details.all("AmtDtls", "InstdAmt")):
        if holder.find("Amt") is not None:
            tiyn, own = _amount(holder)
            if own == currency:
                return sign * tiyn
    return None


def _line(entry: Node, details: Node | None, tiyn: int, account: str) -> Line:
    booked = entry.value("BookgDt", "Dt") or entry.value("BookgDt", "DtTm")
    valued = entry.value("ValDt", "Dt") or entry.value("ValDt", "DtTm")
    if not booked and not valued:
        raise BrokenFile("the entry has no booking date", code="bad_date", line=entry.line)
    about = details or Node("TxDtls", {}, entry.line)
    reversed_ = entry.value("RvslInd").lower() in {"true", "1"}
    name, number, iban = _counterparty(about, (tiyn > 0) != reversed_, account)
    return Line(
        booked_on=day(booked or valued, entry.line),
        amount_tiyn=tiyn,
        value_on=day(valued, entry.line) if valued else None,
        counterparty_name=clean(name),
        counterparty_bin=bin_of(number),
        counterparty_iban=iban_of(iban),
        reference=clean(_reference(about)),
        bank_reference=clean(
            about.value("Refs", "AcctSvcrRef") or entry.value("AcctSvcrRef")
            or entry.value("NtryRef")
        ),
        purpose=clean(
            " ".join(one.text for one in about.all("RmtInf", "Ustrd"))
            or about.value("AddtlTxInf") or entry.value("AddtlNtryInf")
        ),
        source_line=about.line,
    )  # fmt: skip


def _counterparty(about: Node, from_debtor: bool, account: str) -> tuple[str, str, str]:
    """Give name, number and account of the other side: the debtor of what comes in.

    A reversal names the parties of what it undoes; the side that has our account is never it.
    """
    sides = ("Dbtr", "Cdtr") if from_debtor else ("Cdtr", "Dbtr")
    accounts = [
        about.value("RltdPties", f"{side}Acct", "Id", "IBAN")
        or about.value("RltdPties", f"{side}Acct", "Id", "Othr", "Id")
        for side in sides
    ]
    other = 1 if iban_of(accounts[0]) == account and iban_of(accounts[1]) != account else 0
    path = ("RltdPties", sides[other])
    party = about.find(*path, "Pty") or about.find(*path)
    if party is None:
        return "", "", accounts[other]
    numbers = [party.value("Id", kind, "Othr", "Id") for kind in ("OrgId", "PrvtId")]
    return party.value("Nm"), numbers[0] or numbers[1], accounts[other]


def _reference(about: Node) -> str:
    """Give what the payer gave it: the creditor's reference, else EndToEndId, else the others."""
    given = (
        about.value("RmtInf", "Strd", "CdtrRefInf", "Ref"),
        *(about.value("Refs", name) for name in ("EndToEndId", "InstrId", "TxId")),
    )
    return next((one for one in given if one.upper() not in _NOT_PROVIDED), "")
