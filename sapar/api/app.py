"""The application: parts in, one ASGI application out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from sapar import __version__
from sapar.api import errors
from sapar.api.catalogue import Catalogue
from sapar.api.door import Door
from sapar.api.hub import Hub
from sapar.api.pages import BUILT, FrontEnd
from sapar.api.parts import Parts
from sapar.api.routes import make_router
from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings


def create_app(
    settings: Settings,
    pool: Pool,
    clock: Clock,
    metrics: Metrics,
    hub: Hub,
    *,
    web_folder: Path = BUILT,
) -> FastAPI:
    """Make the application.

    Args:
        settings: names the default agency, the database and the limits.
        pool: connections for reading; open while the application runs.
        clock: the deployment's shared clock.
        metrics: where answers are counted.
        hub: the newest ticks; whoever made it feeds it (`Hub.run`).
        web_folder: where the front end was built.
    """
    catalogue = Catalogue(pool, settings.database_url.get_secret_value())
    parts = Parts(settings, clock, metrics, hub, catalogue, FrontEnd(web_folder))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(catalogue.run(), name="catalogue")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    # The interactive pages of FastAPI load scripts from elsewhere, so they stay off.
    app = FastAPI(
        title="Sapar",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    app.include_router(make_router(parts))
    app.add_middleware(Door, find=parts.find_ready, metrics=metrics)
    return app
