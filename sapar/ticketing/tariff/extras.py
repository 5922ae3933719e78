"""What lowers a price, read from its files: transfers, caps, concessions, free days, passes."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from sapar.ticketing.tariff.checked import Names, read_funder
from sapar.ticketing.tariff.findings import Findings
from sapar.ticketing.tariff.legs import Concession, Prices
from sapar.ticketing.tariff.model import NO_LIMIT, Cap, PassProduct, TransferRule
from sapar.ticketing.tariff.rows import Row, TariffFiles

_DEPARTURE_TO_DEPARTURE: Final = 1
_FROM_LEG_AND_TRANSFER: Final = 0

Transfers = dict[tuple[str, str], tuple[TransferRule, ...]]


def read_transfers(files: TariffFiles, findings: Findings) -> Transfers:
    """Give the transfer rules by the two leg groups, by rising count."""
    file = "fare_transfer_rules.txt"
    rules: dict[tuple[str, str], dict[int, TransferRule]] = {}
    for row in files.rows[file]:
        for message, is_unsupported in _transfer_faults(row):
            code = "unsupported" if is_unsupported else "bad_value"
            findings.add(code, file, row.line, message)
        duration_s, count = row["duration_limit"], row["transfer_count"]
        rule = TransferRule(
            count=NO_LIMIT if count in {None, -1} else count,
            duration_ms=NO_LIMIT if duration_s is None else duration_s * 1000,
            from_first=row["duration_from"] == "first",
            product_id=row["fare_product_id"],
            funder=read_funder(file, row, findings),
        )
        same = rules.setdefault((row["from_leg_group_id"], row["to_leg_group_id"]), {})
        if rule.count in same:
            message = "another row has the same leg groups and transfer_count"
            findings.add("ambiguous_rule", file, row.line, message)
        same[rule.count] = rule
    return {key: tuple(found[count] for count in sorted(found)) for key, found in rules.items()}


def _transfer_faults(row: Row) -> list[tuple[str, bool]]:
    """Give (what is wrong, whether GTFS allows it and we do not) of a row."""
    faults: list[tuple[str, bool]] = []
    if row["fare_transfer_type"] not in {None, _FROM_LEG_AND_TRANSFER}:
        faults.append(("fare_transfer_type: only 0 (the first leg and the transfer)", True))
    kind, duration_s, count = (
        row["duration_limit_type"],
        row["duration_limit"],
        row["transfer_count"],
    )
    if (duration_s is None) != (kind is None):
        faults.append(("duration_limit and duration_limit_type stand together", False))
    elif kind not in {None, _DEPARTURE_TO_DEPARTURE}:
        faults.append(("duration_limit_type: only 1, since riders do not tap off", True))
    if duration_s is not None and duration_s <= 0:
        faults.append(("duration_limit is more than 0", False))
    same = row["from_leg_group_id"] == row["to_leg_group_id"]
    if same and count is None:
        faults.append(("transfer_count is needed where both leg groups are the same", False))
    if not same and count is not None:
        faults.append(("transfer_count is for rows with the same leg group twice", False))
    if count is not None and (count == 0 or count < -1):
        faults.append(("transfer_count is -1 (any number), or 1 and more", False))
    return faults


def check_transfer_prices(
    files: TariffFiles, prices: Prices, names: Names, media: tuple[str, ...], findings: Findings
) -> None:
    """Note categories to which a transfer that has a price gives none."""
    for row in files.rows["fare_transfer_rules.txt"]:
        product_id = row["fare_product_id"]
        if product_id not in prices:
            continue
        without = [
            f"{category} with {medium}"
            for category in names.categories
            for medium in media
            if (category, medium) not in prices[product_id]
        ]
        if without:
            message = f"{product_id} has no price for {', '.join(without)}"
            findings.add("no_transfer_price", "fare_transfer_rules.txt", row.line, message)


def read_caps(
    files: TariffFiles, names: Names, findings: Findings
) -> tuple[tuple[Cap, ...], dict[str, tuple[Cap, ...]]]:
    """Give all caps, and those of each category in the order in which the smallest is looked for.

    A day's cap stands before a month's, so that it is the one named when both leave the same.
    """
    caps: list[Cap] = []
    by_category: dict[str, list[Cap]] = {category: [] for category in names.categories}
    by_period = sorted(files.rows["caps.txt"], key=lambda row: (row["period"] == "month", row.line))
    for row in by_period:
        funder = read_funder("caps.txt", row, findings)
        cap = Cap(row["cap_id"], row["period"] or "day", row["amount"] or 0, funder)
        caps.append(cap)
        for category in [row["rider_category_id"]] if row["rider_category_id"] else by_category:
            by_category.setdefault(category, []).append(cap)
    return tuple(caps), {category: tuple(found) for category, found in by_category.items()}


def read_concessions(
    files: TariffFiles, default_category: str, findings: Findings
) -> dict[str, Concession]:
    """Give what each category's concession means for its prices."""
    file = "concessions.txt"
    found: dict[str, Concession] = {}
    for row in files.rows[file]:
        free_rides = row["free_rides_per_day"] or 0
        base = row["base_category_id"] or default_category
        if row["compensation"] != "difference":
            base = ""
        funder = read_funder(file, row, findings, default="")
        if not funder and (base or free_rides):
            message = "a difference or free rides need a funder (none: the carrier bears them)"
            findings.add("missing_funder", file, row.line, message)
        if free_rides < 0:
            findings.add("bad_value", file, row.line, "free_rides_per_day is 0 or more")
        if base == row["rider_category_id"]:
            findings.add("chained_base_category", file, row.line, "is its own base category")
        found[row["rider_category_id"]] = Concession(base, funder, free_rides, row.line)
    for concession in found.values():
        base_concession = found.get(concession.base)
        if base_concession is not None and base_concession.base:
            message = f"base category {concession.base!r} has a base category itself"
            findings.add("chained_base_category", file, concession.line, message)
    return found


def read_free_days(files: TariffFiles, findings: Findings) -> dict[date, dict[str, str]]:
    """Give the funder of each free day and network, '' being all networks."""
    days: dict[date, dict[str, str]] = {}
    for row in files.rows["free_days.txt"]:
        if row["date"] is not None:
            funder = read_funder("free_days.txt", row, findings)
            days.setdefault(row["date"], {})[row["network_id"]] = funder
    return days


def read_passes(files: TariffFiles, findings: Findings) -> dict[str, PassProduct]:
    """Give the passes; several rows of one product name its networks."""
    file = "passes.txt"
    passes: dict[str, PassProduct] = {}
    for row in files.rows[file]:
        product_id, days = row["fare_product_id"], row["days"]
        period: Literal["month", "days"] = "days" if row["period"] == "days" else "month"
        if (period == "days") != (days is not None and days > 0):
            message = "period days needs a number of days, period month has none"
            findings.add("bad_value", file, row.line, message)
        networks = frozenset({row["network_id"]} if row["network_id"] else ())
        found = PassProduct(product_id, period, days or 0, networks, row["priority"] or 0)
        known = passes.get(product_id)
        if known is not None:
            same = (known.period, known.days, known.priority)
            if same != (found.period, found.days, found.priority) or not networks:
                message = f"rows of {product_id!r} differ in more than their network"
                findings.add("ambiguous_rule", file, row.line, message)
            found = PassProduct(
                product_id, known.period, known.days, known.networks | networks, known.priority
            )
        passes[product_id] = found
    return passes
