"""Pricing: rides of one card on one fare day to fares, as a pure function of the rides.

Comes in: published tariffs and rides in canonical order. Goes out: a fare for each ride, in the
same order. A fare depends on the rides before it alone, so a later ride never changes an earlier
fare. docs/tariff.md tells the order in which the rules apply.
"""

from sapar.ticketing.pricing.day import price_day

__all__ = ["price_day"]
