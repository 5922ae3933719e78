"""A whole split into parts that sum to it exactly: the largest remainders are rounded up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sapar.core.errors import Fault

Key = TypeVar("Key")


def round_half_up(numerator: int, denominator: int) -> int:
    """Round a fraction to the nearest whole number, halves away from zero; `denominator` > 0."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def apportion(numerators: Mapping[Key, int], denominator: int) -> dict[Key, int]:
    """Round all fractions `numerator / denominator` so that their sum is the rounded sum.

    Each part is its fraction rounded down or up; those with the largest remainders go up, of equal
    ones those with the smaller key (by its text). The answer does not depend on the order of the
    parts.

    Args:
        numerators: by part; may be negative.
        denominator: > 0.

    Raises:
        Fault: the denominator is not positive.
    """
    if denominator <= 0:
        raise Fault(f"nothing can be split into {denominator} parts")
    shares = {key: divmod(numerator, denominator) for key, numerator in numerators.items()}
    whole = round_half_up(sum(numerators.values()), denominator)
    missing = whole - sum(down for down, _ in shares.values())
    first = sorted(shares, key=lambda key: (-shares[key][1], _order(key)))
    up = set(first[:missing])
    return {key: down + (key in up) for key, (down, _) in shares.items()}


def split(whole: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """Split a whole by weights; the parts sum to it exactly.

    Raises:
        Fault: the weights do not sum to more than nothing.
    """
    return apportion(
        {key: whole * weight for key, weight in weights.items()}, sum(weights.values())
    )


def _order(key: Any) -> str:
    return repr(key)
