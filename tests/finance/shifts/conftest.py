"""A town whose validators report their shifts."""

from tests.ticketing.taps.conftest import Town, town

__all__ = ["Town", "town"]
