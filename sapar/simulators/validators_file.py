"""What tells the simulator its validators: who they are, what they seal with, what they take."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sapar.contract.seal import ALGORITHMS, Algorithm
from sapar.core.errors import BadInput
from sapar.simulators.device import Credentials
from sapar.simulators.taps_seal import DeviceKey

COLUMNS = ("device_id", "password", "vehicle_id", "algorithm", "key_id", "key")
TOTALS = ("total_taps", "total_tiyn")
"""Further columns, which a file may leave out: what the grand totals stand at."""


def write_validators(
    path: Path,
    credentials: Iterable[Credentials],
    keys: Mapping[str, DeviceKey],
    totals: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Write a CSV with the columns `COLUMNS` and `TOTALS`; keys in hexadecimal."""
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS + TOTALS)
        for who in credentials:
            key = keys[who.device_id]
            writer.writerow(
                (who.device_id, who.password, who.vehicle_id, key.algorithm, key.key_id,
                 key.key.hex(), *(totals or {}).get(who.device_id, (0, 0)))
            )  # fmt: skip


def read_validators(path: Path) -> tuple[list[Credentials], dict[str, DeviceKey]]:
    """Read such a file.

    Raises:
        BadInput: it is missing, lacks a column, has no row, or a key that is none.
    """
    credentials: list[Credentials] = []
    keys: dict[str, DeviceKey] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                who = Credentials(row["device_id"], row["password"], row["vehicle_id"])
                credentials.append(who)
                key = bytes.fromhex(row["key"])
                keys[who.device_id] = DeviceKey(_algorithm(row), int(row["key_id"]), key)
    except (OSError, KeyError, ValueError) as exc:
        raise BadInput(
            f"cannot read validators from {path}: {exc!r}",
            code="bad_validators_file",
            hint=f"the file needs the columns {', '.join(COLUMNS)}",
        ) from exc
    if not credentials:
        raise BadInput(f"{path} lists no validator", code="bad_validators_file")
    return credentials, keys


def read_totals(path: Path) -> dict[str, tuple[int, int]]:
    """Read what the grand totals of validators stand at: (taps, tiyn) by name.

    Raises:
        BadInput: the file is missing, or a total is no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return {
                row["device_id"]: (int(row.get(TOTALS[0]) or 0), int(row.get(TOTALS[1]) or 0))
                for row in csv.DictReader(handle)
            }
    except (OSError, KeyError, ValueError) as exc:
        raise BadInput(
            f"cannot read totals of validators from {path}: {exc!r}", code="bad_validators_file"
        ) from exc


def read_fares(gtfs: Path) -> dict[str, tuple[str, int]]:
    """Give what a validator takes for a ride by card: (product, tiyn) by rider category.

    The first product of the feed's `fare_products.txt`; nothing where the feed has no fares. A
    simulated validator knows neither suburbs nor evenings, transfers or caps: what it claims is
    compared with what its taps claim, and never with the tariff.

    Raises:
        BadInput: an amount is none.
    """
    found: dict[str, tuple[str, int]] = {}
    with zipfile.ZipFile(gtfs) as feed:
        if "fare_products.txt" not in feed.namelist():
            return found
        with feed.open("fare_products.txt") as raw:
            rows = list(csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")))
    for row in rows:
        if row["fare_product_id"] == rows[0]["fare_product_id"] and row["fare_media_id"] == "card":
            try:
                tiyn = int(Decimal(row["amount"]) * 100)
            except (InvalidOperation, ValueError, OverflowError) as exc:
                raise BadInput(f"{gtfs}: {row['amount']!r} is no amount", code="amount") from exc
            found[row["rider_category_id"]] = (row["fare_product_id"], tiyn)
    return found


def _algorithm(row: Mapping[str, str]) -> Algorithm:
    for known in ALGORITHMS:
        if row["algorithm"] == known:
            return known
    raise ValueError(f"no algorithm: {row['algorithm']}")
