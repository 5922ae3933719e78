"""The Fares v2 files: what a ride costs, by who rides and how they pay.

Amounts follow Kazakh practice: a city card is cheapest, a QR code or a bank card dearer, cash
dearest or not taken at all; pupils and students pay half, pensioners nothing, and only with a
card. Villages are a network of their own, dearer late in the evening. A free transfer within 30
minutes is an assumption: no city publishes such a rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from sapar.simulators.city.lines import Line
from sapar.simulators.city.sizes import Fares
from sapar.simulators.city.table import Table
from sapar.simulators.city.timing import Day

EVENING_FACTOR = 1.25
TRANSFER_S = 1_800

CITY, SUBURB = "city", "suburban"
DAYTIME, EVENING = "daytime", "evening"


def fare_tables(fares: Fares, lines: Sequence[Line]) -> list[Table]:
    """Give the Fares v2 tables of a city."""
    return [
        _media(fares),
        _riders(),
        _networks(),
        Table(
            "route_networks.txt",
            ("network_id", "route_id"),
            [(SUBURB if line.suburban else CITY, line.number) for line in lines],
        ),
        _timeframes(),
        _products(fares),
        _leg_rules(),
        _transfer_rules(),
    ]


def _media(fares: Fares) -> Table:
    rows = [
        ("card", "Көлік картасы", "2"),
        ("qr", "QR-код", "4"),
        ("bank", "Банк картасы", "3"),
    ]
    if fares.cash_kzt is not None:
        rows.append(("cash", "Қолма-қол ақша", "0"))
    columns = ("fare_media_id", "fare_media_name", "fare_media_type")
    return Table("fare_media.txt", columns, rows)


def _riders() -> Table:
    columns = ("rider_category_id", "rider_category_name", "is_default_fare_category")
    rows = [
        ("adult", "Ересек", "1"),
        ("pupil", "Оқушы", "0"),
        ("student", "Студент", "0"),
        ("pensioner", "Зейнеткер", "0"),
    ]
    return Table("rider_categories.txt", columns, rows)


def _networks() -> Table:
    rows = [(CITY, "Қалалық маршруттар"), (SUBURB, "Қала маңы маршруттары")]
    return Table("networks.txt", ("network_id", "network_name"), rows)


def _timeframes() -> Table:
    """Daytime and evening for every kind of day; Fares v2 counts calendar days here."""
    columns = ("timeframe_group_id", "start_time", "end_time", "service_id")
    rows = []
    for day in Day:
        rows.append((DAYTIME, "05:00:00", "22:00:00", day.value))
        rows.append((EVENING, "00:00:00", "05:00:00", day.value))
        rows.append((EVENING, "22:00:00", "24:00:00", day.value))
    return Table("timeframes.txt", columns, rows)


def _products(fares: Fares) -> Table:
    columns = (
        "fare_product_id",
        "fare_product_name",
        "rider_category_id",
        "fare_media_id",
        "amount",
        "currency",
    )
    tickets = (
        ("city_single", "Бір сапар, қала", fares.card_kzt, 1.0),
        ("suburban_single", "Бір сапар, қала маңы", fares.suburban_card_kzt, 1.0),
        (
            "suburban_evening",
            "Бір сапар, қала маңы, кешкі",
            fares.suburban_card_kzt,
            EVENING_FACTOR,
        ),
    )
    rows = []
    for product, name, card_kzt, factor in tickets:
        ratio = card_kzt / fares.card_kzt * factor
        prices = [
            ("adult", "card", fares.card_kzt),
            ("adult", "qr", fares.qr_kzt),
            ("adult", "bank", fares.qr_kzt),
            ("pupil", "card", fares.pupil_kzt),
            ("student", "card", fares.pupil_kzt),
            ("pensioner", "card", 0),
        ]
        if fares.cash_kzt is not None:
            prices.append(("adult", "cash", fares.cash_kzt))
        for rider, media, base_kzt in prices:
            amount = f"{_whole_five(base_kzt * ratio)}.00"
            rows.append((product, name, rider, media, amount, "KZT"))
    return Table("fare_products.txt", columns, rows)


def _whole_five(amount_kzt: float) -> int:
    """Round to 5 tenge, as tariffs are."""
    return round(amount_kzt / 5) * 5


def _leg_rules() -> Table:
    """Match legs to products; the priorities make an empty timeframe mean any time."""
    columns = (
        "leg_group_id",
        "network_id",
        "from_timeframe_group_id",
        "fare_product_id",
        "rule_priority",
    )
    rows = [
        ("city_leg", CITY, "", "city_single", "1"),
        ("suburban_leg", SUBURB, DAYTIME, "suburban_single", "1"),
        ("suburban_leg", SUBURB, EVENING, "suburban_evening", "1"),
    ]
    return Table("fare_leg_rules.txt", columns, rows)


def _transfer_rules() -> Table:
    """One free change between city buses within 30 minutes, from boarding to boarding."""
    columns = (
        "from_leg_group_id",
        "to_leg_group_id",
        "transfer_count",
        "duration_limit",
        "duration_limit_type",
        "fare_transfer_type",
    )
    rows = [("city_leg", "city_leg", "1", str(TRANSFER_S), "1", "0")]
    return Table("fare_transfer_rules.txt", columns, rows)
