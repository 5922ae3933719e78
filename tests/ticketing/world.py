"""A small town for ticketing tests: devices, carriers, cards and a tariff, in the database and in
the oracle, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Tap
from sapar.contract.seal import digest_of_tap
from sapar.core.db import connect
from sapar.fleet.registry import DeviceEntry, Mounting
from sapar.ticketing.tariff import Tariffs, read_tariff, write_tariff
from sapar.ticketing.types import TapIn
from tests.ticketing import facts
from tests.ticketing.facts import CardFact, TapFact
from tests.ticketing.oracle import Model

AGENCY = "town"
MORNING_MS = round(datetime(2026, 3, 10, 3, 0, tzinfo=UTC).timestamp()) * 1000  # 08:00 in Aqtobe
RECEIVED_MS = MORNING_MS + 3 * 86_400_000
CARRIERS = ("north", "south")
EPOCH_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def town_tariff(*, more: bool = False) -> bytes:
    """Write the oracle's tariff as the product's files; `more` has the monthly cap and the pass."""
    amounts = []
    concessions = []
    for category, price in facts.PRICES.items():
        amounts.append((facts.PRODUCT, category, "", f"{price.own / 100:.2f}", "KZT"))
        if price.funder:
            concessions.append((category, price.funder, "difference"))
    tables = {
        "tariff.txt": (
            ("name", "currency", "timezone", "double_debit_window_s", "group_category"),
            ("Town", "KZT", "Asia/Aqtobe", facts.DOUBLE_DEBIT_MS // 1000, "adult"),
        ),
        "rider_categories.txt": (
            ("rider_category_id", "rider_category_name", "is_default_fare_category"),
            *((name, name, int(name == "adult")) for name in (*facts.PRICES, "guest")),
        ),
        "fare_media.txt": (("fare_media_id", "fare_media_type"), ("card", 2), ("app", 4)),
        "channels.txt": (("medium", "fare_media_id"), ("card", "card"), ("qr", "app")),
        "networks.txt": (("network_id",), ("town",)),
        "fare_products.txt": (
            ("fare_product_id", "rider_category_id", "fare_media_id", "amount", "currency"),
            *amounts, (facts.PRODUCT, "guest", "app", "100", "KZT"),  # a guest has no card fare
        ),
        "fare_leg_rules.txt": (
            ("leg_group_id", "network_id", "fare_product_id"), ("leg", "town", facts.PRODUCT)
        ),
        "concessions.txt": (("rider_category_id", "funder", "compensation"), *concessions),
        "fare_transfer_rules.txt": (
            ("from_leg_group_id", "to_leg_group_id", "transfer_count", "duration_limit",
             "duration_limit_type", "fare_transfer_type", "funder"),
            ("leg", "leg", 1, facts.TRANSFER_MS // 1000, 1, 0, "scheme"),
        ),
        "caps.txt": (
            ("cap_id", "period", "amount", "funder"),
            ("day", "day", f"{facts.CAP_TIYN / 100:.2f}", "scheme"),
        ),
    }  # fmt: skip
    if more:
        month_cap = ("month", "month", f"{facts.MONTH_CAP_TIYN / 100:.2f}", "akimat")
        tables["caps.txt"] = (*tables["caps.txt"], month_cap)
        pass_price = (facts.PASS, "", "", "2000", "KZT")
        tables["fare_products.txt"] = (*tables["fare_products.txt"], pass_price)
        tables["passes.txt"] = (("fare_product_id", "period"), (facts.PASS, "month"))
    return write_tariff(tables)


def town_tariffs(*, more: bool = False) -> Tariffs:
    """Give the oracle's tariff, in force for ever."""
    return Tariffs([(0, read_tariff(town_tariff(more=more), version_no=1))])


@dataclass
class World:
    """The town in a database and the oracle's model of it.

    Attributes:
        conninfo: the database; devices: by name.
    """

    conninfo: str
    model: Model
    devices: dict[str, DeviceEntry] = field(default_factory=dict)

    def tap(self, device: str, seq: int, time_ms: int, card: str, **changes: object) -> Tap:
        """Make a record of a validator; its bus is on the route that has the device's number."""
        number = int(device.rpartition("-")[2])
        values: dict[str, object] = {
            "epoch": 1, "seq": seq, "time_ms": time_ms, "card_ref": card,
            "route_id": f"route-{number // 2}",
        }  # fmt: skip
        return msgspec.convert(values | changes, Tap)

    def tap_in(self, device: str, tap: Tap, sealed: str | None = None) -> TapIn:
        """Give a tap as it comes out of verification."""
        entry = self.devices[device]
        return TapIn(
            device=entry,
            tap=tap,
            digest=digest_of_tap(AGENCY, device, tap),
            payload=encode(tap),
            sealed=sealed,
            vehicle_id=entry.vehicle_at(tap.time_ms / 1000),
            received_ms=RECEIVED_MS,
        )

    def fact(self, taken: TapIn) -> TapFact:
        """Give the oracle's view of a tap."""
        tap = taken.tap
        return TapFact(
            taken.device.device_id, tap.epoch, tap.seq, taken.digest, tap.time_ms, tap.card_ref,
            tap.counter, taken.vehicle_id or "", tap.route_id or "", tap.num_riders,
            tap.outcome == "allow", taken.sealed, tap.denylist_version,
        )  # fmt: skip


def vehicle_of(device: str) -> str:
    return f"bus-{device.rpartition('-')[2]}"


def make_world(conninfo: str, devices: int = 4) -> World:
    """Put agency, validators and carriers into the database."""
    names = [f"validator-{number}" for number in range(devices)]
    carriers = {
        vehicle_of(name): CARRIERS[number % len(CARRIERS)] for number, name in enumerate(names)
    }
    entries = {}
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, %s, 'Asia/Aqtobe')",
            (AGENCY, AGENCY),
        )
        for name in names:
            row = connection.execute(
                "INSERT INTO device (agency_id, device_id, kind, password_hash)"
                " VALUES (%s, %s, 'validator', 'x') RETURNING device_no",
                (AGENCY, name),
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO mounting (device_no, vehicle_id, mounted) VALUES (%s, %s, '(,)')",
                (row[0], vehicle_of(name)),
            )
            mounted = (Mounting(vehicle_of(name)),)
            entries[name] = DeviceEntry(row[0], AGENCY, name, "validator", mountings=mounted)
        for carrier in CARRIERS:
            connection.execute(
                "WITH c AS (INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, %s, %s)"
                " RETURNING carrier_no) INSERT INTO carrier_service (carrier_no, vehicle_id, valid)"
                " SELECT carrier_no, v, '(,)' FROM c, unnest(%s::text[]) v",
                (AGENCY, carrier, carrier, [v for v, c in carriers.items() if c == carrier]),
            )
    numbers = {name: entry.device_no for name, entry in entries.items()}
    return World(conninfo, Model(numbers, carriers), entries)


def add_cards(world: World, cards: Iterable[tuple[str, str]]) -> None:
    """Issue cards (reference, category) with empty purses, in both places."""
    rows = list(cards)
    with connect(world.conninfo) as connection:
        connection.execute(
            "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
            " SELECT %s, r, 'active', c, 'epoch' FROM unnest(%s::text[], %s::text[]) n (r, c)",
            (AGENCY, [ref for ref, _ in rows], [category for _, category in rows]),
        )
    for ref, category in rows:
        world.model.cards[ref] = CardFact([(0, category)])
