"""Looking a card up by number and PIN: the holder gets in, guesses are bounded, nothing leaks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from sapar.access.errors import TooSoon
from sapar.cli.ticketing import app
from sapar.core.db import AsyncConnection, connect, connect_async
from sapar.core.errors import BadInput, Fault, NotFound, Refused
from sapar.ticketing.cards.lookup import numbers, pins
from sapar.ticketing.cards.lookup.balance import as_reader, summarise
from sapar.ticketing.cards.requests import Block, Issue, SellPass, TopUp
from sapar.ticketing.cards.statement import read_statement
from tests.ticketing.cards.counter import AGENCY, AGENT, NOON_MS, ServicePoint

KEY = bytes(range(32))
NUMBER = "9643 9000 1234 5678"
NOW = datetime(2026, 11, 18, 7, 0, tzinfo=UTC)


def hashed(number: str = NUMBER) -> bytes:
    return numbers.hash_number(KEY, AGENCY, numbers.read_number(number))


@pytest.fixture
async def reader(database: str, point: ServicePoint) -> AsyncIterator[AsyncConnection]:
    """The connection that the API looks cards up with; card A is out and has a PIN."""
    await point.do(Issue, category="adult")
    await set_pin(point, "A", "4071")
    connection = await connect_async(await as_reader(database))
    async with connection:
        yield connection


async def set_pin(point: ServicePoint, card_ref: str, pin: str, number: str = NUMBER) -> None:
    await pins.set_pin(
        point.connection, AGENCY, card_ref, number_hash=hashed(number), pin=pin, actor="t", now=NOW
    )


async def look_up(
    reader: AsyncConnection,
    pin: str = "4071",
    number: str = NUMBER,
    address: str = "192.0.2.1",
    wall: datetime = NOW,
) -> str:
    return await pins.find_card(
        reader, AGENCY, number_hash=hashed(number), pin=pin, address=address, wall=wall
    )


async def test_the_holder_is_shown_the_card(point: ServicePoint, reader: AsyncConnection):
    await point.do(TopUp, amount_tiyn=500_000, paid=AGENT)
    await point.do(
        SellPass, product_id="pass_month", price_tiyn=100_000, valid_from_ms=NOON_MS,
        valid_to_ms=NOON_MS + 30 * 86_400_000,
    )  # fmt: skip
    await point.do(
        SellPass, product_id="pass_day", price_tiyn=0, valid_from_ms=0, valid_to_ms=NOON_MS
    )
    for _ in range(12):
        await point.ride()
    await point.do(Block, reason="lost")
    card_ref = await look_up(reader)
    balance = summarise(await read_statement(reader, AGENCY, card_ref), NOON_MS)
    assert balance.balance_tiyn == 400_000 - 12 * 12_000
    assert (balance.status, balance.blocked_for) == ("blocked", "lost")
    assert [one[0] for one in balance.passes] == ["pass_month"]
    assert len(balance.moves) == 10
    assert balance.moves[0].balance_tiyn == balance.balance_tiyn
    assert {move.kind for move in balance.moves} <= {"ride", "top_up", "sell_pass", "issue"}


async def test_a_wrong_number_and_a_wrong_pin_are_the_same(reader: AsyncConnection):
    told = set()
    for pin, number in (("0000", NUMBER), ("4071", "1111 2222 3333"), ("", NUMBER)):
        with pytest.raises(NotFound) as caught:
            await look_up(reader, pin, number)
        told.add((caught.value.code, caught.value.message))
    assert len(told) == 1


async def test_guesses_at_a_card_are_bounded_wherever_they_come_from(reader: AsyncConnection):
    for number in range(5):
        with pytest.raises(NotFound):
            await look_up(reader, pin="0000", address=f"192.0.2.{number}")
    with pytest.raises(TooSoon):  # the right PIN does not help, and is not counted
        await look_up(reader, address="192.0.2.77")
    assert await look_up(reader, wall=NOW + timedelta(minutes=16)) == "A"
    assert await look_up(reader, wall=NOW + timedelta(minutes=16)) == "A"  # and is forgiven
    for number in range(15):
        with pytest.raises(NotFound):
            await look_up(reader, pin="0000", wall=NOW + timedelta(hours=1 + number))
    with pytest.raises(TooSoon):
        await look_up(reader, wall=NOW + timedelta(hours=20))
    assert await look_up(reader, wall=NOW + timedelta(hours=27)) == "A"


async def test_guesses_from_an_address_are_bounded_whatever_the_card(reader: AsyncConnection):
    for number in range(20):
        with pytest.raises(NotFound):
            await look_up(reader, number=f"1111 2222 {number:04}")
    with pytest.raises(TooSoon):
        await look_up(reader)
    assert await look_up(reader, address="192.0.2.2") == "A"


async def test_the_role_that_looks_up_can_change_nothing(reader: AsyncConnection):
    for statement in (
        "UPDATE card SET purse_tiyn = 1",
        "DELETE FROM journal",
        "INSERT INTO journal (journal_no) VALUES (1)",
        "UPDATE account SET balance = 0",
        "UPDATE card_pin SET pin_hash = ''",
        "UPDATE tap SET status = 'held'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await reader.execute(statement)


async def test_neither_number_nor_pin_is_kept(reader: AsyncConnection, database: str):
    await look_up(reader)
    with connect(database) as connection:
        [row] = connection.execute("SELECT to_jsonb(card_pin)::text FROM card_pin").fetchall()
    assert "96439000" not in row[0]
    assert "$argon2id$" in row[0]


async def test_a_new_pin_ends_the_old_and_a_number_has_one_card(
    point: ServicePoint, reader: AsyncConnection
):
    await set_pin(point, "A", "9071")
    with pytest.raises(NotFound):
        await look_up(reader)
    assert await look_up(reader, pin="9071") == "A"
    await point.do(Issue, card_ref="B", category="adult")
    with pytest.raises(Refused, match="another card"):
        await set_pin(point, "B", "9071")
    with pytest.raises(NotFound, match="no card"):
        await set_pin(point, "nobody", "9071", number="5555 6666 7777")


@pytest.mark.parametrize("pin", ["", "123", "1234", "8765", "0000", "12a4", "123456789", "٤٠٧١"])
def test_poor_pins_are_refused(pin: str):
    with pytest.raises(BadInput):
        pins.check_pin(pin)


def test_made_pins_are_good():
    for _ in range(100):
        pins.check_pin(pins.make_pin())


@pytest.mark.parametrize("number", ["", "12345", "4111 1111 1111 1111", "abc_def", "x" * 25])
def test_what_is_no_card_number_is_refused(number: str):
    with pytest.raises(BadInput):
        numbers.read_number(number)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "new" / "lookup.key"
    with pytest.raises(NotFound):
        numbers.load_lookup_key(path)
    key = numbers.ensure_lookup_key(path)
    assert numbers.ensure_lookup_key(path) == numbers.load_lookup_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    for wrong in ("nonsense", "abcd"):
        path.write_text(wrong)
        with pytest.raises(Fault):
            numbers.load_lookup_key(path)


async def test_the_command_gives_a_pin(
    point: ServicePoint, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await point.do(Issue, category="adult")
    path = tmp_path / "lookup.key"
    for name, value in (
        ("DATABASE_URL", database), ("AGENCY", AGENCY), ("CARD_LOOKUP_KEY_FILE", str(path)),
    ):  # fmt: skip
        monkeypatch.setenv(f"SAPAR_{name}", value)
    monkeypatch.setattr("asyncio.run", run_elsewhere)
    result = CliRunner().invoke(app, ["cards", "pin", "A"], input=f"{NUMBER}\n")
    assert result.exit_code == 0, result.output
    made = result.output.split("the PIN ")[1][:6]
    result = CliRunner().invoke(app, ["cards", "pin", "A", "--choose"], input=f"{NUMBER}\n1234\n")
    assert result.exit_code == 1
    key = numbers.load_lookup_key(path)
    connection = await connect_async(await as_reader(database))
    async with connection:
        found = await pins.find_card(
            connection,
            AGENCY,
            number_hash=numbers.hash_number(key, AGENCY, NUMBER.replace(" ", "")),
            pin=made,
            address="a",
            wall=NOW,
        )
    assert found == "A"


def run_elsewhere(work):
    """The command runs its own event loop; the test has one already."""
    from concurrent.futures import ThreadPoolExecutor

    def run():
        import asyncio

        with asyncio.Runner() as runner:
            return runner.run(work)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
