"""A whole published day, posted: counts of boardings by category, or a file of them."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sapar.contract.codec import encode
from sapar.contract.messages import Tap
from sapar.contract.seal import digest_of_tap
from sapar.core.clock import SystemClock
from sapar.core.db import connect, connect_async
from sapar.fleet.registry import DeviceEntry, Mounting
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.liability import load_liabilities
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.post import Tools, post_taps
from sapar.ticketing.taps.carriers import load_carriers
from sapar.ticketing.tariff import Tariffs, read_tariff, write_tariff
from sapar.ticketing.types import TapIn

AGENCY = "almaty"
DEVICES = 400
BATCH = 2000
RIDES_A_CARD = 2
PURSE_TIYN = 1_000_000


class Fare(NamedTuple):
    """What a category pays, and who bears what it pays less than adults; amounts in tenge."""

    tenge: int
    funder: str = ""


def day_tariff(fares: dict[str, Fare], timezone: str) -> Tariffs:
    """Make a flat tariff by category: no transfer, no cap, no window."""
    products = [("ride", name, f"{fare.tenge}.00", "KZT") for name, fare in fares.items()]
    tables = {
        "tariff.txt": (
            ("name", "currency", "timezone", "double_debit_window_s"),
            ("Day", "KZT", timezone, 0),
        ),
        "rider_categories.txt": (
            ("rider_category_id", "rider_category_name", "is_default_fare_category"),
            *((name, name, int(name == "adult")) for name in fares),
        ),
        "fare_media.txt": (("fare_media_id", "fare_media_type"), ("card", 2)),
        "channels.txt": (("medium", "fare_media_id"), ("card", "card")),
        "networks.txt": (("network_id",), ("city",)),
        "fare_products.txt": (
            ("fare_product_id", "rider_category_id", "amount", "currency"),
            *products,
        ),
        "fare_leg_rules.txt": (
            ("leg_group_id", "network_id", "fare_product_id"),
            ("leg", "city", "ride"),
        ),
    }
    concessions = [(name, fare.funder, "difference") for name, fare in fares.items() if fare.funder]
    if concessions:
        head = ("rider_category_id", "funder", "compensation")
        tables["concessions.txt"] = (head, *concessions)
    return Tariffs([(0, read_tariff(write_tariff(tables), version_no=1))])


def make_city(conninfo: str, boardings: dict[str, int], timezone: str) -> list[DeviceEntry]:
    """Put an agency, its validators and cards with money into a database."""
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, %s, %s)",
            (AGENCY, AGENCY, timezone),
        )
        rows = connection.execute(
            "INSERT INTO device (agency_id, device_id, kind, password_hash)"
            " SELECT %s, 'validator-' || n, 'validator', 'x' FROM generate_series(1, %s) n"
            " RETURNING device_no, device_id",
            (AGENCY, DEVICES),
        ).fetchall()
        connection.execute(
            "WITH c AS (INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, 'bus', 'Bus')"
            " RETURNING carrier_no) INSERT INTO carrier_service (carrier_no, vehicle_id, valid)"
            " SELECT carrier_no, 'bus-validator-' || n, '(,)' FROM c, generate_series(1, %s) n",
            (AGENCY, DEVICES),
        )
        for category, count in boardings.items():
            connection.execute(
                "INSERT INTO card (agency_id, card_ref, status, category, category_from, purse_tiyn)"
                " SELECT %s, %s || '-' || n, 'active', %s, 'epoch', %s FROM generate_series(0, %s) n",
                (AGENCY, category, category, PURSE_TIYN, count // RIDES_A_CARD),
            )
        _fill_purses(connection)
    return [
        DeviceEntry(number, AGENCY, name, "validator", mountings=(Mounting(f"bus-{name}"),))
        for number, name in rows
    ]


def _fill_purses(connection) -> None:
    """Post where the purses' money came from."""
    connection.execute(
        "WITH a AS (INSERT INTO account (account_no, agency_id, code, owner, balance)"
        " SELECT nextval('account_number'), %(agency)s, 2990, 'import', sum(purse_tiyn) FROM card"
        " RETURNING account_no) INSERT INTO journal (journal_no, agency_id, kind, source_key,"
        " content_hash, card_no, service_date, business_date, event_at, event_at_raw, received_at,"
        " rule, actor, accounts, amounts)"
        " SELECT nextval('journal_number'), %(agency)s, 'opening', card_ref, '', card_no,"
        " '2000-01-01', '2000-01-01', '2000-01-01', '2000-01-01', '2000-01-01', 'opening', 'test',"
        " ARRAY[card_no * 8, account_no], ARRAY[-purse_tiyn, purse_tiyn] FROM card, a",
        {"agency": AGENCY},
    )


def counted_taps(
    devices: list[DeviceEntry], boardings: Iterable[tuple[str, int]]
) -> Iterator[TapIn]:
    """Make a tap for each (category, Unix milliseconds); a card rides `RIDES_A_CARD` times."""
    seen: dict[str, int] = {}
    seqs = [0] * len(devices)
    for number, (category, at_ms) in enumerate(boardings):
        turn = seen.get(category, 0)
        seen[category] = turn + 1
        place = number % len(devices)
        seqs[place] += 1
        device = devices[place]
        tap = Tap(
            epoch=1,
            seq=seqs[place],
            time_ms=at_ms,
            card_ref=f"{category}-{turn // RIDES_A_CARD}",
            counter=turn % RIDES_A_CARD,
            route_id=f"{place % 40}",
        )
        yield TapIn(
            device=device,
            tap=tap,
            digest=digest_of_tap(AGENCY, device.device_id, tap),
            payload=encode(tap),
            sealed=None,
            vehicle_id=f"bus-{device.device_id}",
            received_ms=at_ms + 86_400_000,
        )


async def post_all(conninfo: str, tariffs: Tariffs, taps: Iterable[TapIn]) -> int:
    """Post taps in batches; give how many were new."""
    connection = await connect_async(conninfo)
    async with connection:
        carriers = await load_carriers(connection)
        tools = Tools(
            clock=SystemClock(),
            accounts=Accounts(conninfo),
            tariffs=lambda _agency: tariffs,
            carriers=lambda: carriers,
            liabilities=load_liabilities,
            activations=activate_pending,
        )
        new, batch = 0, []
        for one in taps:
            batch.append(one)
            if len(batch) == BATCH:
                new += (await post_taps(connection, tools, batch)).new
                batch = []
        return new + (await post_taps(connection, tools, batch)).new


def even_day(boardings: dict[str, int], midnight: datetime, seed: int) -> list[tuple[str, int]]:
    """Spread counts over a day from 06:00 to 22:00, mixed."""
    names = [name for name, count in boardings.items() for _ in range(count)]
    random.Random(seed).shuffle(names)
    begin_ms = round(midnight.astimezone(UTC).timestamp() * 1000) + 6 * 3_600_000
    step = 16 * 3_600_000 / max(len(names), 1)
    return [(name, begin_ms + int(number * step)) for number, name in enumerate(names)]


class Claimed(NamedTuple):
    """What a category came to, in boardings and tiyn."""

    boardings: int
    charged: int
    claimed: int


def by_category(conninfo: str) -> dict[str, Claimed]:
    """Add up what was posted, from the journals alone."""
    with connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT j.rider_category, sum(e.amount) FILTER (WHERE a.code = 9110),"
            " sum(e.amount) FILTER (WHERE e.account_no > 0), sum(e.amount) FILTER (WHERE a.code = 1220)"
            " FROM journal j CROSS JOIN LATERAL unnest(j.accounts, j.amounts) e (account_no, amount)"
            " LEFT JOIN account a USING (account_no) WHERE j.tap_no IS NOT NULL GROUP BY 1"
        ).fetchall()
    return {row[0]: Claimed(*(int(value or 0) for value in row[1:])) for row in rows}


def balance_of(conninfo: str, code: int) -> int:
    """Give debits less credits of all accounts of a code."""
    with connect(conninfo) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(balance), 0) FROM account WHERE code = %s", (code,)
        ).fetchone()
    assert row is not None
    return int(row[0])
