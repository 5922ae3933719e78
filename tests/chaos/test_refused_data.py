"""Data that is too much for the database is refused for good, never tried again without end."""

import pytest

from sapar.core.db import DatabaseRefused, connect


def test_a_document_too_deep_for_the_database_is_refused(empty_database):
    with pytest.raises(DatabaseRefused, match="stack depth"), connect(empty_database) as connection:
        connection.execute("SELECT %s::jsonb", ("[" * 100_000 + "]" * 100_000,))
