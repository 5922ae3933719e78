"""Rides as TIDES `fare_transactions`, pseudonymous: tokens of cards change with each month."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TextIO

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.opendata.figures import check_closed, parse_month
from sapar.finance.opendata.publishing import decimal_of

_QUERIES = load_queries("sapar.finance.opendata")

FIELDS: Final = (
    "transaction_id", "service_date", "event_timestamp", "location_ping_id", "amount",
    "currency_type", "fare_action", "trip_id_performed", "trip_id_scheduled", "pattern_id",
    "trip_stop_sequence", "scheduled_stop_sequence", "vehicle_id", "device_id", "fare_id",
    "stop_id", "num_riders", "fare_media_id", "rider_category", "fare_product", "fare_period",
    "fare_capped", "token_id", "balance",
)  # fmt: skip
"""Columns of the table in the specification's order; what a tap does not tell stays empty."""

_MEDIA: Final = {
    "card": "Smart card or ticket", "bank_card": "Bank card", "nfc": "Mobile NFC",
    "qr": "Optical scan",
}  # fmt: skip
_TOKEN_BYTES = 12
_AT_ONCE = 2000


def month_secret(master: bytes, agency_id: str, month: str) -> bytes:
    """Derive the secret that a month's tokens are made with."""
    return hmac.digest(master, f"open data token {agency_id} {month}".encode(), "sha256")


def token_of(secret: bytes, card_ref: str) -> str:
    """Give the token that stands for a card in one month."""
    return hmac.digest(secret, card_ref.encode(), hashlib.sha256)[:_TOKEN_BYTES].hex()


async def write_transactions(
    connection: AsyncConnection, agency_id: str, month: str, master: bytes, file: TextIO
) -> int:
    """Write the rides of a month as CSV; give how many.

    Args:
        connection: not in a transaction.
        agency_id: whose rides.
        month: like `2026-10`; all of its days are closed.
        master: secret of the deployment, from which each month's is derived.
        file: opened with `newline=""`.

    Raises:
        BadInput: it is no month.
        NotFound: there is no such agency.
        Refused: `day_open`: a day of the month is not closed.
    """
    parsed = parse_month(month)
    names = {"agency_id": agency_id, "first": parsed.first, "last": parsed.last}
    await check_closed(connection, names)
    secret = month_secret(master, agency_id, parsed.text)
    out = csv.writer(file, lineterminator="\n")
    out.writerow(FIELDS)
    count = 0
    with translated():
        async with connection.transaction(), connection.cursor(name="tides") as cursor:
            await cursor.execute(_QUERIES["list_transactions"], names)
            while rows := await cursor.fetchmany(_AT_ONCE):
                out.writerows(transaction(row, secret) for row in rows)
                count += len(rows)
    return count


def transaction(row: Sequence[Any], secret: bytes) -> list[str]:
    """Give the values of a ride, in the order of `FIELDS`. Pure.

    Args:
        row: of the query `list_transactions`.
        secret: of the month.
    """
    (device_id, epoch, seq, service_date, local, utc, charged, rule, trip_id, vehicle_id, riders,
     medium, category, product_id, adjustments, card_ref) = row  # fmt: skip
    kinds = {part[0] for part in json.loads(adjustments)}
    values = {
        "transaction_id": f"{device_id}-{epoch}-{seq}",
        "service_date": service_date.isoformat(),
        "event_timestamp": _with_offset(local, utc),
        "amount": str(decimal_of(charged, 2)),
        "currency_type": "KZT",
        "fare_action": "Transfer entrance" if "transfer of" in rule else "Enter",
        "trip_id_scheduled": trip_id or "",
        "vehicle_id": vehicle_id or "",
        "device_id": device_id,
        "num_riders": str(riders),
        "fare_media_id": _MEDIA.get(medium, "Other type"),
        "rider_category": category or "",
        "fare_product": "Pass" if "pass" in kinds else product_id or "",
        "fare_capped": "true" if "cap" in kinds else "false",
        "token_id": token_of(secret, card_ref),
    }
    return [values.get(name, "") for name in FIELDS]


def _with_offset(local: datetime, utc: datetime) -> str:
    """Write a local time with its offset from UTC."""
    minutes = round((local - utc).total_seconds() / 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    at = local.isoformat(timespec="seconds")
    return f"{at}{sign}{minutes // 60:02}:{minutes % 60:02}"
