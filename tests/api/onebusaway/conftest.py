"""Two cities under one base address."""

import pytest

from sapar.core.settings import Settings
from tests.api.arrivals.conftest import Show, import_scene, show

__all__ = ["Show", "show"]


@pytest.fixture
def other(agency: str) -> str:
    """The second city's name."""
    return f"{agency}-b"


@pytest.fixture
def town_settings(settings: Settings, agency: str, other: str) -> Settings:
    """Settings of a deployment with two cities; both use the same ids and the same agency_id."""
    import_scene(settings, agency)
    import_scene(settings, other, name="Басқа көлік", version="scene-2")
    return settings.model_copy(update={"agency": agency})
