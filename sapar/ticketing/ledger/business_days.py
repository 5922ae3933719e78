"""Business days: which are closed, and which one a posting falls on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sapar.core.db import AsyncConnection, load_queries, translated

_QUERIES = load_queries("sapar.ticketing.ledger")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Closed business days as they stay while the transaction that read them lasts.

    Attributes:
        days: closed ones.
        reopened: closed ones that finance has opened for a while: for what is about that very day.
    """

    days: Collection[tuple[str, date]]
    reopened: Collection[tuple[str, date]] = ()

    def late(self, agency_id: str, service_date: date) -> bool:
        """Whether the day of service is closed."""
        return (agency_id, service_date) in self.days and not self._is_reopened(
            agency_id, service_date
        )

    def business_date(self, agency_id: str, service_date: date) -> date:
        """Give the first open day from `service_date` on, or that very day while it is reopened."""
        if self._is_reopened(agency_id, service_date):
            return service_date
        while (agency_id, service_date) in self.days:
            service_date += _DAY
        return service_date

    def _is_reopened(self, agency_id: str, service_date: date) -> bool:
        return bool(self.reopened) and (agency_id, service_date) in self.reopened


async def read_closed_days(
    connection: AsyncConnection, agency_ids: Iterable[str], since: date
) -> ClosedDays:
    """Read the closed days from `since` on, and keep these agencies from closing another.

    Whoever closes a day waits for the transactions that have read them (`lock_closing`), so that
    none posts into a day after it was closed.
    """
    agencies = sorted(set(agency_ids))
    with translated():
        # a statement of its own: the next one must see what a closing before it has committed
        await connection.execute(_QUERIES["hold_days_open"], {"agencies": agencies})
        found = await connection.execute(
            _QUERIES["list_closed_days"], {"agencies": agencies, "since": since}
        )
        rows = await found.fetchall()
        return ClosedDays(
            frozenset((agency_id, day) for agency_id, day, _ in rows),
            frozenset((agency_id, day) for agency_id, day, reopened in rows if reopened),
        )


async def lock_closing(connection: AsyncConnection, agency_id: str) -> None:
    """Wait until no transaction posts for an agency, and keep others from it until the commit.

    Whoever closes a day calls this first, before it locks anything else.
    """
    with translated():
        await connection.execute(_QUERIES["lock_closing"], {"agency_id": agency_id})
