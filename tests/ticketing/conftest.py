"""A town with validators and carriers."""

import pytest

from tests.ticketing.world import World, make_world


@pytest.fixture
def world(database: str) -> World:
    """Eight validators on buses of four routes and two carriers; no card."""
    return make_world(database, devices=8)
