"""The town of the ledger's benchmark: cards with money, two fleets, their keys and their taps."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Tap
from sapar.contract.seal import ED25519, HMAC_SHA256, Algorithm, public_key_of, seal_tap
from sapar.contract.topics import device_topic
from sapar.core.db import Connection
from sapar.core.mqtt import Message
from sapar.ticketing.keys import derive_secret
from sapar.ticketing.tariff import city_tariff

AGENCY: Final = "bench"
FLEETS: Final = ("hot", "zipf")
"""`hot`: one carrier runs all buses; `zipf`: the n-th of the carriers runs a share of 1/n."""
PURSE_TIYN: Final = 500_000
_CARRIERS = 20
_BUSES = 490  # of each fleet
_KEY_ID = 1
_CATEGORIES = (("adult", 62), ("student", 14), ("pupil", 12), ("pensioner", 9), ("disability", 3))
_RIDES_A_CARD = 2.2  # of those that ride at all
_TAPS_A_MESSAGE = 100
_HOURS_S = 3 * 3600
_OPENING_CARDS = 1000  # a journal

_weights = list(accumulate(weight for _, weight in _CATEGORIES))
_zipf = list(accumulate(1.0 / n for n in range(1, _CARRIERS + 1)))


@dataclass(frozen=True, slots=True)
class Town:
    """What was made, and how to speak for its validators.

    Attributes:
        cards: how many cards there are.
        master: what HMAC keys are derived from.
        begin_ms: when the morning began in which all taps fall.
    """

    cards: int
    master: bytes
    begin_ms: int


def card_ref(number: int) -> str:
    """Give the reference of a card by its place; looks like the keyed hash that it stands for."""
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest()


def make_town(connection: Connection, cards: int, master: bytes, now: datetime) -> Town:
    """Put everything into a fresh database and commit it."""
    day = (now - timedelta(days=1)).date()
    begin = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)  # seven in the morning there
    connection.execute(
        "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, 'Benchmark', 'Asia/Aqtobe')",
        (AGENCY,),
    )
    zipped = city_tariff()
    connection.execute(
        "INSERT INTO tariff_version (agency_id, version_no, name, digest, zip, effective_from,"
        " created_by, published_at, published_by, alone_reason)"
        " VALUES (%s, 1, 'bench', %s, %s, '2020-01-01Z', 'bench', now(), 'bench', 'bench')",
        (AGENCY, hashlib.sha256(zipped).hexdigest(), zipped),
    )
    _make_fleets(connection)
    _make_cards(connection, cards)
    _open_purses(connection)
    connection.commit()
    return Town(cards, master, round(begin.timestamp()) * 1000)


def _make_fleets(connection: Connection) -> None:
    """Make buses with a validator each; every other one seals with Ed25519."""
    connection.execute(
        "INSERT INTO carrier (agency_id, carrier_id, name)"
        " SELECT %s, 'carrier-' || n, 'Carrier' FROM generate_series(1, %s) n",
        (AGENCY, _CARRIERS),
    )
    rng = random.Random(1)
    with connection.cursor() as cursor:
        for fleet in FLEETS:
            for bus in range(_BUSES):
                device_id = device_of(fleet, bus)
                carrier = 1 + (bisect(_zipf, rng.random() * _zipf[-1]) if fleet == "zipf" else 0)
                is_strong = algorithm_of(bus) == ED25519
                public = public_key_of(_seed(device_id)) if is_strong else None
                cursor.execute(
                    "WITH d AS (INSERT INTO device (agency_id, device_id, kind, password_hash)"
                    " VALUES (%(agency)s, %(device)s, 'validator', '') RETURNING device_no),"
                    " m AS (INSERT INTO mounting SELECT device_no, %(device)s, '(,)' FROM d),"
                    " k AS (INSERT INTO device_key (device_no, key_id, algorithm, public_key,"
                    "       valid_from) SELECT device_no, %(key_id)s, %(algorithm)s, %(public)s,"
                    "       '2020-01-01Z' FROM d)"
                    " INSERT INTO carrier_service (carrier_no, vehicle_id, valid)"
                    " SELECT carrier_no, %(device)s, '(,)' FROM carrier"
                    " WHERE agency_id = %(agency)s AND carrier_id = %(carrier)s",
                    {
                        "agency": AGENCY,
                        "device": device_id,
                        "key_id": _KEY_ID,
                        "algorithm": algorithm_of(bus),
                        "public": public,
                        "carrier": f"carrier-{carrier}",
                    },
                )


def _make_cards(connection: Connection, cards: int) -> None:
    rng = random.Random(2)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY card (agency_id, card_ref, status, category, category_from, purse_tiyn)"
            " FROM STDIN"
        ) as copy,
    ):
        for first in range(0, cards, 5000):
            copy.write(
                "".join(
                    f"{AGENCY}\t{card_ref(number)}\tactive\t"
                    f"{_CATEGORIES[bisect(_weights, rng.random() * 100)][0]}\t2020-01-01Z\t"
                    f"{PURSE_TIYN}\n"
                    for number in range(first, min(first + 5000, cards))
                )
            )
    connection.execute("ANALYZE card")


def _open_purses(connection: Connection) -> None:
    """Post where the money in the purses came from: a journal for a thousand cards."""
    connection.execute(
        "INSERT INTO account (account_no, agency_id, code, owner)"
        " VALUES (nextval('account_number'), %s, 2990, 'bench')",
        (AGENCY,),
    )
    connection.execute(
        "INSERT INTO journal (journal_no, agency_id, kind, source_key, content_hash, service_date,"
        " business_date, event_at, event_at_raw, received_at, rule, actor, accounts, amounts)"
        " SELECT nextval('journal_number'), %(agency)s, 'opening', 'opening ' || part, '\\x00',"
        "   '2020-01-01', '2020-01-01', '2020-01-01Z', '2020-01-01Z', '2020-01-01Z', 'opening',"
        "   'bench', array_agg(card_no * 8) || max(account_no),"
        "   array_agg(-purse_tiyn) || sum(purse_tiyn)::bigint"
        " FROM (SELECT card_no, purse_tiyn, account_no, card_no / %(size)s AS part FROM card,"
        "       account WHERE code = 2990) cards GROUP BY part",
        {"agency": AGENCY, "size": _OPENING_CARDS},
    )
    connection.execute(
        "UPDATE account SET balance = (SELECT sum(purse_tiyn) FROM card) WHERE code = 2990"
    )


def device_of(fleet: str, bus: int) -> str:
    """Name a bus's validator; the bus has the same name."""
    return f"{fleet}-{bus}"


def algorithm_of(bus: int) -> Algorithm:
    """Every other validator is a weak reader."""
    return HMAC_SHA256 if bus % 2 else ED25519


def _seed(device_id: str) -> bytes:
    return hashlib.sha256(device_id.encode()).digest()


def make_messages(town: Town, fleet: str, epoch: int, taps: int, seed: int) -> list[Message]:
    """Make what a fleet uploads after a morning offline: every validator its taps, in bulk.

    Args:
        town: whose cards ride.
        fleet: one of `FLEETS`.
        epoch: of the validators' counting; the same one gives the same identities.
        taps: how many.
        seed: who rides when.
    """
    rng = random.Random(seed)
    riders = [rng.randrange(town.cards) for _ in range(max(1, round(taps / _RIDES_A_CARD)))]
    rides: list[list[tuple[int, int]]] = [[] for _ in range(_BUSES)]
    for _ in range(taps):
        time_ms = town.begin_ms + rng.randrange(_HOURS_S * 1000)
        rides[rng.randrange(_BUSES)].append((time_ms, rng.choice(riders)))
    messages = []
    for bus, ridden in enumerate(rides):
        device_id = device_of(fleet, bus)
        topic = device_topic(AGENCY, device_id, "tap")
        sealed = list(_sealed(town, device_id, bus, epoch, sorted(ridden)))
        for first in range(0, len(sealed), _TAPS_A_MESSAGE):
            payload = b"[" + b",".join(sealed[first : first + _TAPS_A_MESSAGE]) + b"]"
            messages.append(Message(topic, payload, None, 0, retain=False))
    rng.shuffle(messages)
    return messages


def _sealed(
    town: Town, device_id: str, bus: int, epoch: int, ridden: list[tuple[int, int]]
) -> Iterator[bytes]:
    """Seal a validator's taps in order of time."""
    algorithm = algorithm_of(bus)
    key = (
        _seed(device_id)
        if algorithm == ED25519
        else derive_secret(town.master, AGENCY, device_id, _KEY_ID)
    )
    plain = Tap(
        epoch=epoch, seq=0, time_ms=0, card_ref="", route_id=f"route-{bus % 78}",
        trip_id=f"trip-{bus}", tariff_version=1, denylist_version=1, clock_src="gnss",
        last_sync_age_s=30, boot_no=epoch, uptime_ms=0, latitude=50.28, longitude=57.16,
        charged_tiyn=8_000, balance_tiyn=PURSE_TIYN,
    )  # fmt: skip
    for seq, (time_ms, card) in enumerate(ridden, 1):
        tap = msgspec.structs.replace(
            plain, seq=seq, time_ms=time_ms, card_ref=card_ref(card),
            uptime_ms=time_ms - town.begin_ms + 60_000,
        )  # fmt: skip
        yield encode(seal_tap(AGENCY, device_id, tap, algorithm=algorithm, key_id=_KEY_ID, key=key))
