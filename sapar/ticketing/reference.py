"""What pricing looks up, in memory: tariffs and carriers; and what posts taps with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, translated
from sapar.core.errors import NotFound
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher, kept_current, load_registry
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.liability import load_liabilities
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.line import Post
from sapar.ticketing.post import Tools, post_taps
from sapar.ticketing.taps.carriers import Carriers, load_carriers
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.tariff.versions import load_tariffs
from sapar.ticketing.types import Posted, TapIn


class Reference:
    """Tariffs and carriers as of the last notice of the database.

    While the database does not answer, the last state stands.
    """

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._tariffs: dict[str, Tariffs] = {}
        self._carriers = Carriers()

    def tariffs(self, agency_id: str) -> Tariffs:
        """Give the published tariffs of an agency; none for one that was just made."""
        return self._tariffs.get(agency_id) or Tariffs((), ZoneInfo("UTC"))

    def carriers(self) -> Carriers:
        """Give who runs what."""
        return self._carriers

    async def refresh(self) -> None:
        """Read everything now.

        Raises:
            Unavailable: the database does not answer; the last state stands.
        """
        registry = await load_registry(self._pool)
        tariffs: dict[str, Tariffs] = {}
        for agency_id in registry.agencies:
            try:
                known = self._tariffs.get(agency_id)
                tariffs[agency_id] = await load_tariffs(self._pool, agency_id, known)
            except NotFound:  # it was removed meanwhile
                continue
        with translated():
            async with self._pool.connection() as connection:
                self._carriers = await load_carriers(connection)
        self._tariffs = tariffs

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Reference]:
        """Read everything, then keep it current in a task until the block ends."""
        async with kept_current(self._settings, self.refresh, "tariffs"):
            yield self


def make_tools(settings: Settings, clock: Clock, reference: Reference) -> Tools:
    """Put together what a process posts taps with."""
    return Tools(
        clock=clock,
        accounts=Accounts(settings.database_url.get_secret_value()),
        tariffs=reference.tariffs,
        carriers=reference.carriers,
        liabilities=load_liabilities,
        activations=activate_pending,
    )


@asynccontextmanager
async def open_post(
    settings: Settings, clock: Clock, pool: Pool, _registry: RegistryWatcher
) -> AsyncIterator[Post]:
    """Make what a worker posts taps with, and keep its tariffs and carriers current."""
    async with Reference(pool, settings).running() as reference:
        tools = make_tools(settings, clock, reference)

        async def post(connection: AsyncConnection, taps: Sequence[TapIn], patient: bool) -> Posted:
            return await post_taps(connection, tools, taps, patient=patient)

        yield post
