"""A city's tariff to begin with: the files of one that follows the practice of Aktobe."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

Table = Sequence[Sequence[object]]
"""Rows of a file, the header first."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same files give the same bytes, and so the same digest


_COMMON: dict[str, Table] = {
    "rider_categories.txt": (
        ("rider_category_id", "rider_category_name", "is_default_fare_category"),
        ("adult", "Adults", 1),
        ("pupil", "Pupils", 0),
        ("student", "Students", 0),
        ("pensioner", "Pensioners", 0),
        ("disability", "Persons of disability groups I to III", 0),
    ),
    "fare_media.txt": (
        ("fare_media_id", "fare_media_name", "fare_media_type"),
        ("transit_card", "Transit card", 2),
        ("bank_card", "Bank card", 3),
        ("app", "Code or telephone", 4),
    ),
    "channels.txt": (
        ("medium", "fare_media_id"),
        ("card", "transit_card"),
        ("bank_card", "bank_card"),
        ("qr", "app"),
        ("nfc", "app"),
        ("sms", "app"),
    ),
    "networks.txt": (("network_id", "network_name"), ("city", "City buses")),
    "fare_leg_rules.txt": (
        ("leg_group_id", "network_id", "fare_product_id", "rule_priority"),
        ("city", "city", "ride", 0),
    ),
    "concessions.txt": (
        ("rider_category_id", "funder", "compensation"),
        ("pupil", "akimat", "difference"),
        ("student", "akimat", "difference"),
        ("pensioner", "akimat", "difference"),
        ("disability", "republic", "difference"),
    ),
    "passes.txt": (("fare_product_id", "period", "priority"), ("month_pass", "month", 0)),
}
_PRODUCT = (
    "fare_product_id", "fare_product_name", "rider_category_id", "fare_media_id", "amount",
    "currency",
)  # fmt: skip
_TRANSFER = (
    "from_leg_group_id", "to_leg_group_id", "transfer_count", "duration_limit",
    "duration_limit_type", "fare_transfer_type", "fare_product_id", "funder",
)  # fmt: skip


def write_tariff(tables: Mapping[str, Table]) -> bytes:
    """Write files (name → rows, the header first) as a zip; the same rows give the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, rows in tables.items():
            text = "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), text, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def city_tariff(
    name: str = "City tariff",
    *,
    timezone: str = "Asia/Aqtobe",
    adult: str = "80",
    qr: str = "100",
    day_cap: str | None = "400",
    month_cap: str | None = None,
    transfer_minutes: int | None = 30,
    double_debit_window_s: int = 180,
    free_days: Iterable[date] = (),
) -> bytes:
    """Make the zip of a city's tariff: one network, one fare, concessions with their funders.

    Adults pay 80 tenge by card and 100 by QR; pupils and students half of the card's price, whose
    other half the akimat makes up; pensioners ride free at the akimat's expense, persons of
    disability groups at the republic's. One transfer within half an hour costs nothing, and a day
    costs no more than five rides.

    Args:
        name: of the tariff.
        timezone: IANA name.
        adult: tenge by card.
        qr: tenge by code, bank card or telephone.
        day_cap: tenge, or None: no limit.
        month_cap: the same for a calendar month.
        transfer_minutes: of the free transfer, or None: there is none.
        double_debit_window_s: in which a second debit in the same bus is held; 0: never.
        free_days: fare days that cost nothing, at the akimat's expense.
    """
    half = _half(adult)
    head = ("name", "currency", "timezone", "day_start", "double_debit_window_s", "group_category")
    tables: dict[str, Table] = {
        "tariff.txt": (
            head,
            (name, "KZT", timezone, "04:00:00", double_debit_window_s, "adult"),
        ),
        **_COMMON,
        "fare_products.txt": (
            _PRODUCT,
            ("ride", "One ride", "adult", "transit_card", adult, "KZT"),
            ("ride", "One ride", "adult", "bank_card", qr, "KZT"),
            ("ride", "One ride", "adult", "app", qr, "KZT"),
            ("ride", "One ride", "pupil", "", half, "KZT"),
            ("ride", "One ride", "student", "", half, "KZT"),
            ("ride", "One ride", "pensioner", "", "0", "KZT"),
            ("ride", "One ride", "disability", "", "0", "KZT"),
            ("month_pass", "A calendar month", "adult", "", "4500", "KZT"),
            ("month_pass", "A calendar month", "student", "", "2250", "KZT"),
        ),
    }
    if transfer_minutes is not None:
        tables["fare_transfer_rules.txt"] = (
            _TRANSFER,
            ("city", "city", 1, transfer_minutes * 60, 1, 0, "", "scheme"),
        )
    caps = [("day", day_cap), ("month", month_cap)]
    if day_cap is not None or month_cap is not None:
        rows = [(period, period, amount, "scheme") for period, amount in caps if amount is not None]
        tables["caps.txt"] = (("cap_id", "period", "amount", "funder"), *rows)
    days = [(f"{day:%Y%m%d}", "akimat") for day in free_days]
    if days:
        tables["free_days.txt"] = (("date", "funder"), *days)
    return write_tariff(tables)


def _half(tenge: str) -> str:
    whole, _, part = tenge.partition(".")
    tiyn = (int(whole) * 100 + int(part.ljust(2, "0") or 0)) // 2
    return f"{tiyn // 100}.{tiyn % 100:02}"
