"""The demo's ticketing: validators with keys, carriers, a tariff, cards; what came of the taps."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapar.cli.demo.cities import DemoCity
from sapar.core.clock import Clock, ScaledClock
from sapar.core.db import Connection, connect, connect_async, open_pool
from sapar.core.errors import Unavailable
from sapar.core.settings import Settings
from sapar.simulators.device import Credentials
from sapar.simulators.population import Population, make_population
from sapar.simulators.taps_seal import DeviceKey, make_ed25519_key

CARDS = 30_000
"""Cards of a demo city: so many that a few hundred buses rarely meet one twice."""

_CARRIERS = ("avtopark-1", "avtopark-2", "tulpar")
_BACK = dt.timedelta(days=2)
PURSES_KZT = (0, 200, 1_000, 5_000)
"""What is on the cards that move in, in turn."""


@dataclass(frozen=True, slots=True)
class Ticketing:
    """What a city's taps are made with.

    Attributes:
        aboard: a validator for each vehicle; keys: theirs, by name.
        people: who may ride; fares: what validators take, as (product, tiyn a rider) by category.
        route_ids: by the people's line numbers.
    """

    aboard: Sequence[Credentials]
    keys: Mapping[str, DeviceKey]
    people: Population
    fares: Mapping[str, tuple[str, int]]
    route_ids: Sequence[str]


def validators_path(folder: Path) -> Path:
    """Give the file in a city's folder that tells the simulator its validators."""
    return folder / "validators.csv"


def prepare_ticketing(
    settings: Settings, city: DemoCity, folder: Path, seed: int, clock: Clock
) -> Ticketing:
    """Register validators, carriers, tariff and cards of a city, and write the simulator's file."""
    from sapar.gtfs.timetable import load_timetable
    from sapar.simulators.validators_file import read_fares, write_validators
    from sapar.ticketing.keys import ensure_master_key

    began = dt.datetime.fromtimestamp(city.start_s, dt.UTC) - _BACK
    master = ensure_master_key(settings.tap_master_key_file)
    folder.mkdir(parents=True, exist_ok=True)
    with connect(settings.database_url.get_secret_value()) as connection:
        aboard = _register_validators(connection, city, began)
        keys = _register_keys(connection, city, aboard, began, master, seed)
        _register_carriers(connection, city)
    write_validators(validators_path(folder), aboard, keys)
    route_ids = load_timetable(city.gtfs, city.agency_id).routes.ids
    people = make_population(CARDS, len(route_ids), seed)
    total = _write_cards(people, folder / "cards.csv")
    there = ScaledClock(clock.wall(), began.timestamp(), 1.0)
    asyncio.run(_fill(settings, city, folder / "cards.csv", total, there))
    return Ticketing(aboard, keys, people, read_fares(city.gtfs), route_ids)


def rewrite_validators(
    folder: Path, ticketing: Ticketing, totals: Mapping[str, tuple[int, int]]
) -> None:
    """Tell the simulator where the grand totals of validators stand, as (taps, tiyn)."""
    from sapar.simulators.validators_file import write_validators

    write_validators(validators_path(folder), ticketing.aboard, ticketing.keys, totals)


def _register_validators(
    connection: Connection, city: DemoCity, began: dt.datetime
) -> list[Credentials]:
    from sapar.fleet.credentials import generate_password
    from sapar.fleet.device_import import import_devices

    aboard = [
        Credentials(f"validator-{vehicle_id}", generate_password(), vehicle_id)
        for vehicle_id in city.vehicle_ids
    ]
    table = ["device,vehicle,kind,from,password"]
    table += [
        f"{who.device_id},{who.vehicle_id},validator,{began.isoformat()},{who.password}"
        for who in aboard
    ]
    plan = import_devices(connection, "\n".join(table), default_agency_id=city.agency_id, now=began)
    if plan.refused:
        row = plan.refused[0]
        raise Unavailable(f"device row {row.line} was refused: {row.message}", code=row.code)
    return aboard


def _register_keys(
    connection: Connection,
    city: DemoCity,
    aboard: Sequence[Credentials],
    began: dt.datetime,
    master: bytes,
    seed: int,
) -> dict[str, DeviceKey]:
    """Give every other validator a key pair, and the rest a secret shared with the server."""
    from sapar.ticketing.key_store import add_key
    from sapar.ticketing.keys import derive_secret

    keys = {}
    for number, who in enumerate(aboard):
        if number % 2:
            secret = derive_secret(master, city.agency_id, who.device_id, 1)
            key = DeviceKey("hmac-sha256", 1, secret)
        else:
            key = make_ed25519_key(seed, who.device_id)
        add_key(
            connection,
            city.agency_id,
            who.device_id,
            algorithm=key.algorithm,
            public_key=key.public_key,
            valid_from=began,
            key_id=key.key_id,
        )
        keys[who.device_id] = key
    return keys


def _register_carriers(connection: Connection, city: DemoCity) -> None:
    for number, name in enumerate(_CARRIERS):
        connection.execute(
            "WITH new AS (INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, %s, %s)"
            " RETURNING carrier_no) INSERT INTO carrier_service (carrier_no, vehicle_id, valid)"
            " SELECT carrier_no, vehicle_id, '(,)' FROM new, unnest(%s::text[]) AS v (vehicle_id)",
            (city.agency_id, name, name, list(city.vehicle_ids[number :: len(_CARRIERS)])),
        )


def _write_cards(people: Population, path: Path) -> int:
    """Write the cards as the file of a system that they move in from; give what they hold, tiyn."""
    total = 0
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("card_ref", "category", "purse", "debt", "deposit"))
        for card in range(len(people)):
            purse = PURSES_KZT[card % len(PURSES_KZT)]
            total += purse * 100
            writer.writerow((people.card_ref(card), people.category_of(card), purse, 0, 0))
    return total


async def _fill(
    settings: Settings, city: DemoCity, cards: Path, total_tiyn: int, clock: Clock
) -> None:
    """Publish a tariff that holds already, and move the cards in."""
    from sapar.ticketing.cards.move_in import Files, MoveIn, move_in
    from sapar.ticketing.cards.operations import Desk
    from sapar.ticketing.ledger.accounts import Accounts
    from sapar.ticketing.tariff import city_tariff
    from sapar.ticketing.tariff.versions import agency_zone, publish, store_draft

    conninfo, agency_id, now = settings.database_url.get_secret_value(), city.agency_id, clock.now()
    async with open_pool(conninfo) as pool:
        zone = await agency_zone(pool, agency_id)
        data = city_tariff(timezone=zone.key)
        draft = await store_draft(pool, agency_id, data, now=now, actor="demo")
        await publish(
            pool, agency_id, draft.version_no, now,
            now=now, actor="demo", force=True, alone="the demo's first tariff",
        )  # fmt: skip
    connection = await connect_async(conninfo)
    async with connection:
        desk = Desk(clock, Accounts(conninfo))
        plan = MoveIn(agency_id, "demo", "demo", total_tiyn)
        report = await move_in(connection, desk, plan, Files(cards))
    if report.refused:
        raise Unavailable(f"card row was refused: {report.refused[0].message}")


def judge_ticketing(conninfo: str) -> dict[str, Any]:
    """Count what the taps came to, and check that the ledger adds up."""
    with connect(conninfo) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM tap), (SELECT count(*) FROM journal),"
            " (SELECT count(*) FROM tap_gap),"
            " (SELECT count(*) FROM ticketing_exception WHERE closed_at IS NULL),"
            " (SELECT count(*) FROM shift_report WHERE counts)"
        ).fetchone()
    assert row is not None
    names = ("taps", "journals", "open_gaps", "exceptions", "shift_reports")
    wrong = asyncio.run(_imbalances(conninfo))
    return dict(zip(names, row, strict=True)) | {
        "ledger_balanced": not wrong,
        "ledger_imbalances": wrong,
    }


async def _imbalances(conninfo: str) -> list[str]:
    from sapar.ticketing.ledger.export import check_ledger

    connection = await connect_async(conninfo)
    async with connection:
        found = await check_ledger(connection)
    return [f"{one.rule}: {one.cases} ({one.example})" for one in found]
