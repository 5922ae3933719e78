"""Who signs in."""

import pytest

from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD
from tests.api.access_help import add_user


@pytest.fixture
def town_settings(town_settings: Settings) -> Settings:
    """Quick hashes: these tests are not about how long they take."""
    quick = {"password_argon2_time": 1, "password_argon2_memory_kib": 8192}
    return town_settings.model_copy(update=quick)


@pytest.fixture
async def person(town_settings: Settings) -> int:
    """A dispatcher."""
    return await add_user(town_settings, NAME, PASSWORD, ["dispatcher"])
