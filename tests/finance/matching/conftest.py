"""A town for matching."""

import pytest

from tests.finance.matching.support import make_town


@pytest.fixture
def town(database: str) -> str:
    """The URL of a database with an agency and two bank accounts."""
    make_town(database)
    return database
