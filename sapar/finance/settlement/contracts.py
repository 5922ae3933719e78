"""Versions of carriers' contracts in the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.said import refuse_card_number
from sapar.finance.settlement.engine import BP, ContractKind, Terms
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

_QUERIES = load_queries("sapar.finance.settlement")
_IBAN: Final = re.compile(r"[A-Z0-9]{5,34}")
_TEXT_MAX: Final = 200


class NewContract(msgspec.Struct, frozen=True):
    """A version of a contract, as a person enters it.

    Attributes:
        carrier_id: whose.
        valid_from: first service date that it counts for; it ends where the next version begins.
        kind: `net` (commission), `gross_km` (rate for a kilometre) or `boarding` (rate for one).
        payee_bin, payee_iban, payee_bic: where the carrier is paid.
        commission_bp: hundredths of a percent of the fares; net contracts only.
        rate_tiyn: for a kilometre or a boarding.
        city: owner of the fares (2520); not for net contracts.
        funder: budget that bears what the fares do not cover (1220).
        title: number and date of the paper.
        payee_name: the carrier's own name when left out.
    """

    carrier_id: str
    valid_from: date
    kind: ContractKind
    payee_bin: str
    payee_iban: str
    payee_bic: str = ""
    commission_bp: int = 0
    rate_tiyn: int | None = None
    city: str = ""
    funder: str | None = None
    title: str = ""
    payee_name: str = ""


class Contract(msgspec.Struct, frozen=True):
    """A version of a contract as it stands; `used`: a statement was made by it, it cannot change.

    `valid_to` is its last day, None for the newest version.
    """

    contract_no: int
    carrier_id: str
    carrier_name: str
    valid_from: date
    valid_to: date | None
    kind: ContractKind
    commission_bp: int
    rate_tiyn: int | None
    city: str
    funder: str | None
    title: str
    payee_name: str
    payee_bin: str
    payee_iban: str
    payee_bic: str
    created_at: datetime
    created_by: str
    used: bool

    @property
    def terms(self) -> Terms:
        """What the engine needs of it."""
        return Terms(
            self.contract_no, self.kind, self.commission_bp, self.rate_tiyn or 0, self.city,
            self.funder,
        )  # fmt: skip


def terms_on(versions: Sequence[Contract], service_date: date) -> Terms:
    """Give the terms for a service date; rides older than the first version follow that one.

    Args:
        versions: of one carrier, at least one, in order of `valid_from`.
        service_date: of the rides.
    """
    counting = [one for one in versions if one.valid_from <= service_date]
    return (counting[-1] if counting else versions[0]).terms


def _check(new: NewContract) -> None:
    refuse_card_number(new.title, new.payee_name)
    wrong = ""
    if new.kind == "net":
        if new.rate_tiyn is not None or new.city or new.funder:
            wrong = "a net contract has a commission, and neither rate nor city nor funder"
    elif new.rate_tiyn is None or new.rate_tiyn <= 0 or not new.city or new.commission_bp:
        wrong = "a gross contract has a rate and a city, and no commission"
    if not 0 <= new.commission_bp <= BP:
        wrong = f"a commission of {new.commission_bp} hundredths of a percent cannot be"
    if not (len(new.payee_bin) == 12 and new.payee_bin.isascii() and new.payee_bin.isdigit()):
        wrong = f"{new.payee_bin[:40]!r} is no BIN: it has twelve digits"
    if not _IBAN.fullmatch(new.payee_iban):
        wrong = f"{new.payee_iban[:40]!r} is no account number"
    if (new.rate_tiyn or 0) > AMOUNT_MAX_TIYN:
        wrong = "the rate is beyond what an account holds"
    texts = (new.payee_bic, new.city, new.funder or "", new.title, new.payee_name)
    if any(len(text) > _TEXT_MAX or not text.isprintable() for text in texts):
        wrong = f"a text has at most {_TEXT_MAX} signs, in one line"
    if new.funder == "":
        wrong = "a budget has a name; leave it out where there is none"
    if wrong:
        raise BadInput(wrong, code="bad_contract")


async def add_contract(
    connection: AsyncConnection,
    agency_id: str,
    new: NewContract,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> Contract:
    """Add a version of a carrier's contract; the same again gives the one that is there.

    Args:
        connection: not in a transaction, or in one of the caller's.
        agency_id: whose carrier.
        new: the version.
        actor: who adds it; goes to the audit log.
        now: when.
        user_id: of the person, for the audit log.

    Raises:
        BadInput: `bad_contract`: what it says does not go together.
        NotFound: there is no such carrier.
        Refused: `contract_settled`: days from `valid_from` on are settled by another version;
            `contract_exists`: another version begins on this day.
    """
    _check(new)
    values = msgspec.to_builtins(new) | {
        "agency_id": agency_id, "valid_from": new.valid_from, "now": now, "actor": actor,
    }  # fmt: skip
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_settling"], values)
            found = await connection.execute(_QUERIES["find_carrier"], values)
            row = await found.fetchone()
            if row is None:
                raise NotFound(f"{agency_id} has no carrier {new.carrier_id!r}")
            carrier_no, name, settled_to = row
            values |= {"carrier_no": carrier_no, "payee_name": new.payee_name or name}
            known = await list_contracts(connection, agency_id, new.carrier_id)
            same = [one for one in known if one.valid_from == new.valid_from]
            if same:
                if _says(same[0], new, values["payee_name"]):
                    return same[0]
                raise Refused(
                    f"another version begins on {new.valid_from}",
                    code="contract_exists",
                    hint="Take it away first if nothing was settled by it, or begin another day.",
                )
            if settled_to is not None and new.valid_from <= settled_to:
                raise Refused(
                    f"days up to {settled_to} are settled by another version",
                    code="contract_settled",
                    hint="A new version begins after the last settled day.",
                )
            await connection.execute(_QUERIES["insert_contract"], values)
            await record(
                connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                action="contract.add", target=f"carrier {new.carrier_id}", before=None,
                after=msgspec.to_builtins(new),
            )  # fmt: skip
            versions = await list_contracts(connection, agency_id, new.carrier_id)
    return next(one for one in versions if one.valid_from == new.valid_from)


def _says(one: Contract, new: NewContract, payee_name: str) -> bool:
    asked = msgspec.to_builtins(new) | {"payee_name": payee_name}
    stands = msgspec.to_builtins(one)
    return all(stands[name] == value for name, value in asked.items())


async def remove_contract(
    connection: AsyncConnection,
    agency_id: str,
    contract_no: int,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
    reason: str = "",
) -> None:
    """Take a version away that nothing was settled by; `user_id` and `reason` go to the audit log.

    Raises:
        NotFound: there is no such version.
        Refused: `contract_used`: something was settled by it.
    """
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_settling"], {"agency_id": agency_id})
            found = [
                one
                for one in await list_contracts(connection, agency_id)
                if one.contract_no == contract_no
            ]
            if not found:
                raise NotFound(f"there is no contract {contract_no}")
            if found[0].used:
                raise Refused(
                    f"contract {contract_no} was settled by",
                    code="contract_used",
                    hint="Add a version that begins later.",
                )
            await connection.execute(_QUERIES["delete_contract"], {"contract_no": contract_no})
            await record(
                connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                action="contract.remove", target=f"carrier {found[0].carrier_id}",
                before=msgspec.to_builtins(found[0]), after=None, reason=reason,
            )  # fmt: skip


async def list_contracts(
    connection: AsyncConnection, agency_id: str, carrier_id: str | None = None
) -> list[Contract]:
    """Give all versions of an agency's contracts, or of one carrier's, in order of their days."""
    values = {"agency_id": agency_id, "carrier_id": carrier_id}
    with translated():
        found = await connection.execute(_QUERIES["list_contracts"], values)
        return [Contract(*row) for row in await found.fetchall()]
