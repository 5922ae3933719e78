"""What is wrong with agents and processors, kept as exceptions: registers, money that is due."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sapar.core.db import AsyncConnection, Pool, load_queries
from sapar.finance.agents.model import Party, Terms
from sapar.finance.agents.parties import changing, list_terms, zone_of
from sapar.finance.agents.reconcile import (
    keep_differences,
    list_sales,
    names_of,
    start_of,
    subject_of,
)
from sapar.finance.agents.terms import register_due_at, terms_on, window
from sapar.finance.bank.model import tenge
from sapar.finance.exceptions.keep import Finding, keep_findings

_QUERIES = load_queries("sapar.finance.agents")
LOOK_BACK_DAYS: Final = 7
"""So many days before the one that is closed are looked at for registers that never came."""
_WORDS: Final = {
    "agent_deposit": "the deposit",
    "processor_payout": "the payout",
    "refund": "a refund",
}


async def compare_registers(pool: Pool, agency_id: str, day: date, now: datetime) -> int:
    """Compare the registers of the day, and those of other days that differed last time."""
    names = {"agency_id": agency_id, "day": day}
    count = 0
    async with changing(pool, agency_id) as connection:
        found = await connection.execute(_QUERIES["list_days_to_compare"], names)
        zone = await zone_of(connection, agency_id)
        for party, party_id, of_day in await found.fetchall():
            start = await start_of(connection, agency_id, party, party_id, of_day)
            if now < window(zone, of_day, start)[1]:
                continue
            compared = await keep_differences(
                connection, agency_id, party, party_id, of_day, now=now
            )
            count += len(compared.differences)
    return count


async def find_missing(pool: Pool, agency_id: str, day: date, now: datetime) -> int:
    """Keep exceptions for registers that should be here and are not, of days with sales."""
    first = day - timedelta(days=LOOK_BACK_DAYS)
    names = {"agency_id": agency_id, "from_date": first, "to_date": day}
    parties: tuple[Party, ...] = ("agent", "processor")
    findings: list[Finding] = []
    looked_at: set[str] = set()
    async with changing(pool, agency_id) as connection:
        zone = await zone_of(connection, agency_id)
        found = await connection.execute(_QUERIES["list_register_days"], names)
        here = {tuple(row) for row in await found.fetchall()}
        for party in parties:
            for party_id, versions in (await list_terms(connection, agency_id, party)).items():
                history = [one.terms for one in versions]
                for of_day in (first + timedelta(days=n) for n in range(LOOK_BACK_DAYS + 1)):
                    terms = terms_on(history, of_day)
                    due = None if terms is None else register_due_at(zone, terms, of_day)
                    if terms is None or due is None:
                        continue
                    looked_at.add(subject_of(party, party_id, of_day))
                    if due > now or (party, party_id, of_day) in here:
                        continue
                    names = names_of(agency_id, party, party_id, of_day)
                    sold = await _sold(connection, names, zone, of_day, terms)
                    if sold:
                        findings.append(_no_register(party, party_id, of_day, sold))
        await keep_findings(
            connection, agency_id, "register_missing", findings, now=now, among=looked_at
        )
    return len(findings)


async def _sold(
    connection: AsyncConnection, names: dict[str, Any], zone: ZoneInfo, day: date, terms: Terms
) -> int:
    """Give what was sold on a register's day."""
    sales = await list_sales(connection, names, window(zone, day, terms.register_start))
    return sum(one.amount_tiyn for one in sales if one.within and one.status == "done")


def _no_register(party: Party, party_id: str, day: date, sold_tiyn: int) -> Finding:
    return Finding(
        subject=subject_of(party, party_id, day),
        value_tiyn=sold_tiyn,
        detail=f"{party} {party_id} sold for {tenge(sold_tiyn)} and sent no register",
        business_date=day,
        owner=party_id,
    )


async def find_unpaid(pool: Pool, agency_id: str, today: date, now: datetime) -> int:
    """Keep exceptions for items that the bank should have shown by now."""
    async with changing(pool, agency_id) as connection:
        names = {"agency_id": agency_id, "today": today}
        found = await connection.execute(_QUERIES["list_unpaid_items"], names)
        findings = [
            Finding(
                subject=f"item {item_no}",
                value_tiyn=abs(net),
                detail=f"{_WORDS[kind]} of {owner} for {item_date}, due on {due}, did not come",
                business_date=item_date,
                code=code,
                owner=owner,
            )
            for item_no, kind, code, owner, net, item_date, due in await found.fetchall()
        ]
        await keep_findings(connection, agency_id, "payout_missing", findings, now=now)
    return len(findings)
