"""The application: parts in, one ASGI application out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sapar import __version__
from sapar.access.keys import KeyRing
from sapar.api import errors
from sapar.api.access.guard import Guard
from sapar.api.access.routes import make_access_router
from sapar.api.arrivals.live import LiveStates
from sapar.api.arrivals.routes import make_arrivals_router
from sapar.api.catalogue import Catalogue
from sapar.api.dispatch.acts import make_acts_router
from sapar.api.dispatch.alarms import make_alarms_router
from sapar.api.dispatch.alerts import make_alerts_router
from sapar.api.dispatch.messages import make_messages_router
from sapar.api.door import AtOnce, Door
from sapar.api.finance.agents import make_agents_router
from sapar.api.finance.bank import make_bank_router
from sapar.api.finance.cards import make_cards_router
from sapar.api.finance.closing import make_closing_router
from sapar.api.finance.exceptions import make_exceptions_router
from sapar.api.finance.matching import make_matching_router
from sapar.api.finance.settlement import make_settlement_router
from sapar.api.finance.tariffs import make_tariffs_router
from sapar.api.finance.terms import make_terms_router
from sapar.api.hub import Hub
from sapar.api.limits import Gate, hsts
from sapar.api.onebusaway.routes import make_onebusaway_router
from sapar.api.pages import FrontEnd
from sapar.api.parts import Parts
from sapar.api.performance.routes import make_performance_router
from sapar.api.proxies import read_networks
from sapar.api.ready import Ready
from sapar.api.replay.routes import make_replay_router
from sapar.api.rider.filing import Filing
from sapar.api.rider.keeping import forget_by_the_hour
from sapar.api.rider.queue import make_reports_router
from sapar.api.rider.routes import make_rider_router
from sapar.api.routes import make_plain_router, make_router
from sapar.api.stream.routes import make_stream_router
from sapar.api.stream.streams import Streams
from sapar.api.timetables import Timetables
from sapar.api.vehicles.routes import make_vehicles_router
from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.core.tasks import end_tasks
from sapar.dispatch.emergency.poster import EmergencyPoster

_FIRST_READ_S = 2.0


def create_app(
    settings: Settings,
    pool: Pool,
    clock: Clock,
    metrics: Metrics,
    hub: Hub,
    *,
    front_end: FrontEnd | None = None,
) -> FastAPI:
    """Make the application.

    Args:
        settings: names the default agency, the database and the limits.
        pool: connections for reading; open while the application runs.
        clock: the deployment's shared clock.
        metrics: where answers are counted.
        hub: the newest ticks; whoever made it feeds it (`Hub.run`).
        front_end: the pages; without it those that were built here.
    """
    conninfo = settings.database_url.get_secret_value()
    catalogue = Catalogue(pool, conninfo)
    keys = KeyRing(conninfo, clock)
    streams = Streams(hub, conninfo)
    timetables = Timetables(catalogue)
    live = LiveStates(hub, catalogue, timetables, clock, settings.position_stale_s)
    parts = Parts(
        settings=settings,
        clock=clock,
        metrics=metrics,
        hub=hub,
        catalogue=catalogue,
        front_end=FrontEnd() if front_end is None else front_end,
        timetables=timetables,
        pool=pool,
        guard=Guard(settings, pool, clock),
        keys=keys,
        streams=streams,
        live=live,
    )
    filing = Filing(settings, clock, pool, live)
    # The interactive pages of FastAPI load scripts from elsewhere, so they stay off.
    app = FastAPI(
        title="Sapar",
        version=__version__,
        lifespan=lambda _app: _following(parts, filing),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.stopping = streams.stopping
    errors.install(app)
    _add_rooms(app, parts, filing)
    gate = Gate(settings, keys, clock)
    proxies = read_networks(settings.http_trusted_proxies)
    app.state.at_once = AtOnce(Ready(parts).find, metrics, gate.refuse, proxies)
    app.add_middleware(Door, at_once=app.state.at_once, always=hsts(settings))
    return app


@asynccontextmanager
async def _following(parts: Parts, filing: Filing) -> AsyncIterator[None]:
    """Keep what is held in memory current for as long as the application runs."""
    poster = EmergencyPoster(parts.settings, parts.pool, parts.clock)
    following = [
        asyncio.create_task(parts.catalogue.run(), name="catalogue"),
        asyncio.create_task(parts.keys.run(), name="keys"),
        asyncio.create_task(parts.streams.run(), name="desk"),
        asyncio.create_task(poster.run(), name="emergencies"),
        asyncio.create_task(forget_by_the_hour(filing), name="forgetting"),
    ]
    try:
        # Who comes first need not be told that the agencies have not been read; but feeds are
        # served without the database, so it is not waited for in vain.
        await parts.catalogue.wait_read(_FIRST_READ_S)
        yield
    finally:
        await end_tasks(following)
        await parts.live.close()


def _add_rooms(app: FastAPI, parts: Parts, filing: Filing) -> None:
    """Include the router of every room: whatever it answers from may be away for a while."""
    app.include_router(make_plain_router(parts))  # before `/{agency}`, which `/healthz` fits
    for router in (
        make_rider_router(parts, filing),  # before it too: `/rider`
        make_reports_router(parts),
        make_access_router(parts),
        make_performance_router(parts),
        make_acts_router(parts),
        make_alarms_router(parts),
        make_alerts_router(parts),
        make_messages_router(parts),
        make_cards_router(parts),
        make_tariffs_router(parts),
        make_bank_router(parts),
        make_matching_router(parts),
        make_agents_router(parts),
        make_terms_router(parts),
        make_settlement_router(parts),
        make_closing_router(parts),
        make_exceptions_router(parts),
        make_router(parts),
        make_vehicles_router(parts),
        make_stream_router(parts),
        make_replay_router(parts),
        make_arrivals_router(parts),
        make_onebusaway_router(parts),
    ):
        app.include_router(router, responses=errors.NOT_NOW)
