"""Leg prices: every network, category and medium with the prices that may hold there, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from sapar.ticketing.tariff.findings import Findings
from sapar.ticketing.tariff.model import NO_LIMIT, Cap, LegPrice, Timeframe
from sapar.ticketing.tariff.rows import Row
from sapar.ticketing.types import Adjustment, Fare

Prices = Mapping[str, Mapping[tuple[str, str], int]]
"""Product → (category, medium) → tiyn."""

_FILE = "fare_leg_rules.txt"


@dataclass(frozen=True, slots=True)
class Concession:
    """A row of concessions.txt: `base` is empty when nobody makes up the difference."""

    base: str
    funder: str
    free_rides: int
    line: int


@dataclass(frozen=True, slots=True)
class LegContext:
    """What the prices of legs are made of."""

    version_no: int
    networks: frozenset[str]
    categories: tuple[str, ...]
    media: tuple[str, ...]
    prices: Prices
    concessions: Mapping[str, Concession]
    caps: Mapping[str, tuple[Cap, ...]]
    timeframes: Mapping[str, tuple[Timeframe, ...]]


def read_prices(
    rows: list[Row], categories: tuple[str, ...], channels: Mapping[str, str]
) -> dict[str, dict[tuple[str, str], int]]:
    """Give what each product costs each category by each medium.

    The row that says most wins: one of this category and fare medium, of this category, of this
    fare medium, of neither.
    """
    listed: dict[str, dict[tuple[str, str], int]] = {}
    for row in rows:
        key = (row["rider_category_id"], row["fare_media_id"])
        listed.setdefault(row["fare_product_id"], {})[key] = row["amount"] or 0
    prices: dict[str, dict[tuple[str, str], int]] = {}
    for product_id, amounts in listed.items():
        found = prices.setdefault(product_id, {})
        for category in categories:
            for medium, media_id in channels.items():
                keys = ((category, media_id), (category, ""), ("", media_id), ("", ""))
                amount = next((amounts[key] for key in keys if key in amounts), None)
                if amount is not None:
                    found[category, medium] = amount
    return prices


def read_legs(
    rules: list[Row], *, has_priority: bool, context: LegContext, findings: Findings
) -> dict[tuple[str, str, str], tuple[LegPrice, ...]]:
    """Give the prices of every network, category and medium, the first that holds first."""
    legs: dict[tuple[str, str, str], tuple[LegPrice, ...]] = {}
    named = {row["network_id"] for row in rules}
    ambiguous: set[tuple[int, int]] = set()
    for network in sorted(context.networks):
        ordered = [
            row
            for row in sorted(rules, key=lambda row: (-(row["rule_priority"] or 0), row.line))
            # without the column rule_priority an empty network means those that no rule names
            if row["network_id"] == network
            or (not row["network_id"] and (has_priority or network not in named))
        ]
        for medium in context.media:
            options = {
                category: [
                    row
                    for row in ordered
                    if (category, medium) in context.prices.get(row["fare_product_id"], {})
                ]
                for category in context.categories
            }
            for category, own in options.items():
                ambiguous |= _ambiguous(own, context.timeframes)
                base = context.concessions.get(category)
                base_rows = options.get(base.base) if base and base.base else None
                found = _leg_prices(category, medium, own, base_rows, context, findings)
                if found:
                    legs[network, category, medium] = tuple(found)
    for first, second in sorted(ambiguous):
        message = f"holds together with line {first} at the same rule_priority"
        findings.add("ambiguous_rule", _FILE, second, message)
    return legs


def _ambiguous(
    rows: list[Row], timeframes: Mapping[str, tuple[Timeframe, ...]]
) -> set[tuple[int, int]]:
    """Give the pairs of lines that may both hold for a ride at the same priority."""
    found = set()
    for one, other in combinations(rows, 2):
        if (one["rule_priority"] or 0) == (other["rule_priority"] or 0) and groups_overlap(
            one["from_timeframe_group_id"], other["from_timeframe_group_id"], timeframes
        ):
            low, high = sorted((one.line, other.line))
            found.add((low, high))
    return found


def groups_overlap(one: str, other: str, timeframes: Mapping[str, tuple[Timeframe, ...]]) -> bool:
    """Tell whether two timeframe groups, '' being always, have a moment in common."""
    if not one or not other or one == other:
        return True
    return any(
        a.start_s < b.end_s
        and b.start_s < a.end_s
        and not a.service.days.isdisjoint(b.service.days)
        for a in timeframes.get(one, ())
        for b in timeframes.get(other, ())
    )


def _leg_prices(
    category: str,
    medium: str,
    own_rows: list[Row],
    base_rows: list[Row] | None,
    context: LegContext,
    findings: Findings,
) -> list[LegPrice]:
    found: list[LegPrice] = []
    for row in own_rows:
        own = context.prices[row["fare_product_id"]][category, medium]
        group = row["from_timeframe_group_id"]
        if base_rows is None:
            found.append(_leg_price(row, category, group, own, own, context))
            continue
        before = len(found)
        base_category = context.concessions[category].base
        for base in base_rows:
            base_group = base["from_timeframe_group_id"]
            if not groups_overlap(group, base_group, context.timeframes):
                continue
            if group and base_group and group != base_group:
                message = f"timeframes {group} and {base_group}, of a concession, overlap in part"
                findings.add("unsupported", _FILE, base.line, message)
            nominal = context.prices[base["fare_product_id"]][base_category, medium]
            if nominal < own:
                line = context.concessions[category].line
                message = f"{category} pays more than {base_category} with {medium}"
                findings.add("dearer_concession", "concessions.txt", line, message)
            found.append(
                _leg_price(row, category, group or base_group, max(nominal, own), own, context)
            )
            if not base_group or base_group == group:
                break
        else:
            if len(found) == before:
                line = context.concessions[category].line
                message = f"{base_category} has no price where {category} has one, with {medium}"
                findings.add("no_base_price", "concessions.txt", line, message)
                found.append(_leg_price(row, category, group, own, own, context))
    return found


def _leg_price(
    row: Row, category: str, timeframe: str, nominal: int, own: int, context: LegContext
) -> LegPrice:
    concession = context.concessions.get(category, Concession("", "", 0, 0))
    caps = context.caps.get(category, ())
    product_id, leg_group = row["fare_product_id"], row["leg_group_id"]
    saved = nominal - own
    adjustments = (Adjustment("concession", concession.funder, saved),) if saved else ()
    rule = f"leg {leg_group or product_id} {category}"
    return LegPrice(
        product_id=product_id,
        leg_group=leg_group,
        category=category,
        nominal_tiyn=nominal,
        own_tiyn=own,
        funder=concession.funder,
        timeframe=timeframe,
        free_rides=concession.free_rides,
        free_funder=concession.funder,
        caps=caps,
        day_limit_tiyn=min((c.amount_tiyn for c in caps if c.period == "day"), default=NO_LIMIT),
        month_limit_tiyn=min(
            (c.amount_tiyn for c in caps if c.period == "month"), default=NO_LIMIT
        ),
        fare=Fare(product_id, category, context.version_no, nominal, own, adjustments, 1, rule),
    )
