"""A town with exceptions."""

from tests.ticketing.taps.conftest import Town, town

__all__ = ["Town", "town"]
