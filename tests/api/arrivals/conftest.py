"""Instances that serve the scene."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.core.db import connect
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.tick import encode_tick
from tests.api.arrivals import scene
from tests.api.conftest import Instance

Show = Callable[..., None]


def import_scene(settings: Settings, agency: str, **changed: str) -> None:
    """Import the scene as an agency's timetable and make it the active one."""
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        import_feed(
            connection,
            check_feed(scene.scene_zip(**changed), agency),
            activate=True,
            now=datetime.fromtimestamp(scene.at(6), UTC),
            progress=lambda _: None,
        )


@pytest.fixture
def town_settings(settings: Settings, agency: str) -> Settings:
    """Settings whose default agency is the test's; the scene is its timetable."""
    import_scene(settings, agency)
    return settings.model_copy(update={"agency": agency})


@pytest.fixture
def show(api: Instance, agency: str) -> Show:
    """Gives the instance a tick, as if it had just come."""
    numbers = iter(range(1, 10_000))

    def take(
        updates: pb.FeedMessage,
        *,
        buses: Iterable[dict[str, object]] = (),
        full: dict[str, tuple[int, int]] | None = None,
        alerts: pb.FeedMessage | None = None,
        of: str = agency,
    ) -> None:
        tick = scene.make_tick(
            of, next(numbers), updates, wall_s=time.time(), buses=buses, full=full, alerts=alerts
        )
        assert api.hub.take(encode_tick(tick))

    return take
