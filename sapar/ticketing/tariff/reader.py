"""Reads a tariff: the zip, its rows, what they refer to, and the tables that pricing looks up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sapar.ticketing.tariff import checked, extras
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.tariff.findings import Findings, TariffFinding
from sapar.ticketing.tariff.legs import Concession, LegContext, read_legs, read_prices
from sapar.ticketing.tariff.model import Cap, LegPrice, PassProduct, Tariff, Timeframe
from sapar.ticketing.tariff.rows import TariffFiles, read_files

_TAP_MEDIA = ("card", "qr", "bank_card", "nfc")  # contract/messages.py
_DAY_S = 86400

Legs = Mapping[tuple[str, str, str], tuple[LegPrice, ...]]


@dataclass(frozen=True, slots=True)
class ReadTariff:
    """A tariff that can price, and what its owner should know about it."""

    tariff: Tariff
    warnings: list[TariffFinding]


def read_tariff(data: bytes, *, zone: ZoneInfo | None = None, version_no: int = 0) -> Tariff:
    """Read a tariff's zip; see `check_tariff`."""
    return check_tariff(data, zone=zone, version_no=version_no).tariff


def check_tariff(data: bytes, *, zone: ZoneInfo | None = None, version_no: int = 0) -> ReadTariff:
    """Read a tariff's zip and say what is odd about it.

    Args:
        data: the zip's bytes.
        zone: the agency's time zone, for a tariff that names none.
        version_no: what its fares say they were priced by.

    Raises:
        TariffRefused: it cannot price; every finding is listed at once.
    """
    findings = Findings()
    files = read_files(data, findings)
    if findings.refusals and not all(files.rows[name] for name in _FOUNDATION):
        findings.finish()  # nothing can be said about references to files that are not there
    rules = _read_rules(files, zone, findings)
    findings.finish()  # prices of what does not exist would be a second list of the same faults
    channels = {row["medium"]: row["fare_media_id"] for row in files.rows["channels.txt"]}
    context = _make_context(files, rules, channels, version_no)
    legs = read_legs(
        files.rows["fare_leg_rules.txt"],
        has_priority="rule_priority" in files.columns["fare_leg_rules.txt"],
        context=context,
        findings=findings,
    )
    extras.check_transfer_prices(files, context.prices, rules.names, context.media, findings)
    _check_coverage(legs, context, rules.timeframes, findings)
    _check_use(files, channels, findings)
    findings.finish()
    return ReadTariff(_assemble(files, rules, context, legs), findings.warnings)


_FOUNDATION = ("tariff.txt", "rider_categories.txt", "fare_products.txt", "fare_leg_rules.txt")


@dataclass(frozen=True, slots=True)
class _Rules:
    """Everything but the prices of legs, read and checked."""

    names: checked.Names
    default_category: str
    default_network: str
    calendar: FareCalendar
    timeframes: Mapping[str, tuple[Timeframe, ...]]
    transfers: extras.Transfers
    caps: tuple[Cap, ...]
    caps_by_category: Mapping[str, tuple[Cap, ...]]
    concessions: Mapping[str, Concession]
    free_days: Mapping[date, Mapping[str, str]]
    passes: Mapping[str, PassProduct]


def _read_rules(files: TariffFiles, zone: ZoneInfo | None, findings: Findings) -> _Rules:
    names = checked.read_names(files, findings)
    default = checked.default_category(files, findings)
    head = files.rows["tariff.txt"][0]
    caps, caps_by_category = extras.read_caps(files, names, findings)
    network = head["default_network"]
    if not network and len(names.networks) == 1:
        (network,) = names.networks
    rules = _Rules(
        names=names,
        default_category=default,
        default_network=network,
        calendar=checked.read_calendar(head, zone, findings),
        timeframes=checked.read_timeframes(files, findings),
        transfers=extras.read_transfers(files, findings),
        caps=caps,
        caps_by_category=caps_by_category,
        concessions=extras.read_concessions(files, default, findings),
        free_days=extras.read_free_days(files, findings),
        passes=extras.read_passes(files, findings),
    )
    _check_head(files, findings)
    return rules


def _make_context(
    files: TariffFiles, rules: _Rules, channels: Mapping[str, str], version_no: int
) -> LegContext:
    categories = tuple(rules.names.categories)
    return LegContext(
        version_no=version_no,
        networks=rules.names.networks | {rules.default_network},
        categories=categories,
        media=tuple(channels),
        prices=read_prices(files.rows["fare_products.txt"], categories, channels),
        concessions=rules.concessions,
        caps=rules.caps_by_category,
        timeframes=rules.timeframes,
    )


def _assemble(files: TariffFiles, rules: _Rules, context: LegContext, legs: Legs) -> Tariff:
    head = files.rows["tariff.txt"][0]
    transfers = rules.transfers
    return Tariff(
        version_no=context.version_no,
        name=head["name"],
        digest=files.digest,
        currency=head["currency"],
        calendar=rules.calendar,
        default_category=rules.default_category,
        group_category=head["group_category"] or rules.default_category,
        double_debit_ms=(head["double_debit_window_s"] or 0) * 1000,
        default_network=rules.default_network,
        hold_unknown_route=head["unknown_route"] == "hold",
        same_route_transfer=bool(head["same_route_transfer"]),
        categories=rules.names.categories,
        base_categories={name: c.base for name, c in rules.concessions.items() if c.base},
        route_networks={
            row["route_id"]: row["network_id"] for row in files.rows["route_networks.txt"]
        },
        media=context.media,
        legs=legs,
        prices=context.prices,
        timeframes=rules.timeframes,
        transfers=transfers,
        transfer_groups=(
            frozenset(before for before, _ in transfers if before),
            frozenset(after for _, after in transfers if after),
        ),
        caps=rules.caps,
        free_days=rules.free_days,
        passes=rules.passes,
    )


def _check_head(files: TariffFiles, findings: Findings) -> None:
    head = files.rows["tariff.txt"][0]
    window_s = head["double_debit_window_s"]
    if window_s is not None and not 0 <= window_s <= 6 * 3600:
        message = "double_debit_window_s is 0 (off) to 21600"
        findings.add("bad_value", "tariff.txt", head.line, message)


def _check_coverage(
    legs: Legs,
    context: LegContext,
    timeframes: Mapping[str, tuple[Timeframe, ...]],
    findings: Findings,
) -> None:
    """Note rides that have no price, or none at some times."""
    file = "fare_products.txt"
    for category in context.categories:
        if not any(key[1] == category for key in legs):
            message = f"rider category {category!r} has no price at all"
            findings.add("category_without_price", file, 0, message)
    for network in sorted(context.networks):
        for medium in context.media:
            names = {c for c in context.categories if (network, c, medium) not in legs}
            if names:
                message = f"network {network or '(none)'}, {medium}: {checked.shown_list(names)}"
                findings.add("no_price", file, 0, message)
            partial = {
                category
                for category in context.categories
                if (options := legs.get((network, category, medium)))
                and not _covers(options, timeframes)
            }
            if partial:
                message = f"network {network or '(none)'}, {medium}: {checked.shown_list(partial)}"
                findings.add("no_price_at_times", "fare_leg_rules.txt", 0, message)


def _covers(options: tuple[LegPrice, ...], timeframes: Mapping[str, tuple[Timeframe, ...]]) -> bool:
    """Tell whether the prices leave no moment of a usual week without one."""
    if any(not leg.timeframe for leg in options):
        return True
    frames = [frame for leg in options for frame in timeframes[leg.timeframe]]
    for weekday in range(7):
        reached_s = 0
        for frame in sorted(frames, key=lambda one: one.start_s):
            if frame.service.weekdays[weekday] and frame.start_s <= reached_s:
                reached_s = max(reached_s, frame.end_s)
        if reached_s < _DAY_S:
            return False
    return True


def _check_use(files: TariffFiles, channels: Mapping[str, str], findings: Findings) -> None:
    for medium in _TAP_MEDIA:
        if medium not in channels:
            findings.add("unknown_medium", "channels.txt", 0, f"{medium} is not listed")
    used = {row["from_timeframe_group_id"] for row in files.rows["fare_leg_rules.txt"]}
    unused = {row["timeframe_group_id"] for row in files.rows["timeframes.txt"]} - used
    for group in sorted(unused):
        findings.add("unused_timeframe", "timeframes.txt", 0, f"no leg rule names {group!r}")
