"""The balance of a card, for who knows its number and PIN."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from sapar.api.rider.turnstile import Turnstile
from sapar.core.clock import Clock
from sapar.core.db import connect_async
from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from sapar.ticketing.cards.lookup import numbers, pins
from sapar.ticketing.cards.lookup.balance import Balance, as_reader, summarise
from sapar.ticketing.cards.statement import read_statement

_AT_ONCE = 2  # each takes 19 MB and 30 ms of a core to judge a PIN


class Asked(msgspec.Struct, frozen=True):
    """A look-up as it is sent."""

    number: str
    pin: str


class CardDesk:
    """Looks cards up with a role of its own, which can change neither cards nor the ledger."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._turnstile = Turnstile(clock, 30, 900.0)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._conninfo: str | None = None
        self._key: bytes | None = None

    async def look_up(self, agency_id: str, body: bytes, address: str) -> Balance:
        """Give what the holder is shown.

        Raises:
            BadInput: the request or the number is malformed.
            NotFound: no card has this number and PIN, or cards are not looked up here.
            TooSoon: too many have failed.
            Unavailable: the database does not answer.
        """
        self._turnstile.enter(address)
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except msgspec.DecodeError:
            raise BadInput("A look-up has a number and a PIN.", code="bad_request") from None
        key = self._lookup_key()
        number_hash = numbers.hash_number(key, agency_id, numbers.read_number(asked.number))
        async with self._at_once:
            if self._conninfo is None:
                self._conninfo = await as_reader(self._settings.database_url.get_secret_value())
            connection = await connect_async(self._conninfo)
            async with connection:
                card_ref = await pins.find_card(
                    connection,
                    agency_id,
                    number_hash=number_hash,
                    pin=asked.pin[:64],
                    address=address,
                    wall=datetime.fromtimestamp(self._clock.wall(), UTC),
                )
                statement = await read_statement(connection, agency_id, card_ref)
        return summarise(statement, int(self._clock.time() * 1000))

    def _lookup_key(self) -> bytes:
        if self._key is None:
            self._key = numbers.load_lookup_key(self._settings.card_lookup_key_file)
        return self._key
