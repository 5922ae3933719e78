"""What the database refuses of exceptions by itself, and what is accepted: what was seen."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sapar.core.db import DatabaseRefused, connect, with_role
from sapar.core.errors import BadInput, Fault, Refused
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.fitting import Entry
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.finance.exceptions.resolve import resolve_with_posting, undo_resolution
from sapar.ticketing.ledger.accounts import Accounts

REFUSED = (DatabaseRefused, Fault)  # `Fault`: the privilege is missing
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = date(2026, 3, 17)
ANNA = acts.Who("anna")
PAN = "4111 1111 1111 1111"

CHANGES = (
    "accepted_at = now()",
    "accepted_at = now(), accepted_by = 'x'",
    "accepted_at = now(), accepted_by = ' ', accepted_reason = 'x'",
    "accepted_at = now(), accepted_by = 'x', accepted_reason = ''",
    "closed_at = now()",
    "closed_at = now(), resolution = 'x'",
    "closed_at = now(), closed_by = '', resolution = 'x'",
    "closed_at = now(), closed_by = 'x', resolution = ' '",
    "closed_by = 'x'",
    "journal_no = 1",
    "closed_at = now(), closed_by = 'x', resolution = 'x', journal_no = 999999",
    "kind = 'gap'",
    "subject = 'x'",
    "opened_at = now()",
    "agency_id = 'village'",
)


@pytest.fixture(params=["owner", "role"])
def as_whom(request, database: str) -> str:
    """The database's owner, or the role that posts: neither may more."""
    return database if request.param == "owner" else with_role(database, "sapar_ticketing")


@pytest.fixture
async def number(town) -> int:
    await find(town, 24000)
    [(found,)] = await town.rows("SELECT exception_no FROM ticketing_exception")
    return found


async def find(town, value_tiyn: int) -> None:
    device_no = town.devices[0].device_no
    one = Finding("shift v1 1/1", value_tiyn, "3 taps", DAY, device_no=device_no)
    await keep_findings(town.connection, "town", "shift_difference", [one], now=NOW)


async def state(town) -> list[tuple]:
    return await town.rows("SELECT e::text FROM ticketing_exception e ORDER BY exception_no")


async def test_nobody_accepts_or_closes_without_name_and_reason(town, number, as_whom):
    before = await state(town)
    for change in CHANGES:
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(f"UPDATE ticketing_exception SET {change}".encode())
    assert await state(town) == before


async def test_an_exception_begins_open(town, number, as_whom):
    for columns, values in (
        ("closed_at, closed_by, resolution", "now(), 'x', 'x'"),
        ("accepted_at, accepted_by, accepted_reason", "now(), 'x', 'x'"),
    ):
        with pytest.raises(REFUSED, match="begins open"), connect(as_whom) as connection:
            connection.execute(
                f"INSERT INTO ticketing_exception (agency_id, kind, subject, detail, opened_at,"
                f" {columns}) VALUES ('town', 'gap', 'y', 'y', now(), {values})".encode()
            )


async def test_what_was_accepted_is_not_worth_something_else(town, number, as_whom):
    await acts.accept(
        town.connection, "town", number, reason="small", seen_tiyn=24000, by=ANNA, now=NOW
    )
    with pytest.raises(REFUSED, match="was another value"), connect(as_whom) as connection:
        connection.execute("UPDATE ticketing_exception SET value_tiyn = 1")
    await find(town, 25000)  # the product's way: it is accepted no more
    [(accepted,)] = await town.rows("SELECT accepted_by FROM ticketing_exception")
    assert accepted is None


async def test_what_is_closed_is_closed_as_it_was(town, number, as_whom):
    await acts.close(town.connection, "town", number, reason="x", by=ANNA, now=NOW)
    before = await state(town)
    for change in ("closed_by = 'bek'", "resolution = 'y'", "value_tiyn = 1"):
        with pytest.raises(REFUSED, match="open it again first"), connect(as_whom) as connection:
            connection.execute(f"UPDATE ticketing_exception SET {change}".encode())
    for statement in ("DELETE FROM ticketing_exception", "TRUNCATE ticketing_exception CASCADE"):
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(statement.encode())
    assert await state(town) == before
    await acts.reopen(town.connection, "town", number, reason="x", by=ANNA, now=NOW)


async def test_comments_stay(town, number, as_whom):
    await acts.comment(town.connection, "town", number, text="x", by=ANNA, now=NOW)
    before = await town.rows("SELECT c::text FROM exception_comment c")
    for statement in (
        "UPDATE exception_comment SET note = 'y'", "UPDATE exception_comment SET actor = 'y'",
        "DELETE FROM exception_comment", "TRUNCATE exception_comment",
    ):  # fmt: skip
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(statement.encode())
    assert await town.rows("SELECT c::text FROM exception_comment c") == before


async def test_a_resolution_is_opened_by_its_reversal_alone(town, number, database, as_whom):
    entries = [Entry(5170, "", 24000), Entry(2320, "green", -24000)]
    await resolve_with_posting(
        town.connection, Accounts(database), "town", number, entries,
        reason="lost", key="k", by=ANNA, now=NOW,
    )  # fmt: skip
    opened = "closed_at = NULL, closed_by = NULL, resolution = NULL, journal_no = NULL"
    with pytest.raises(REFUSED, match="nothing has reversed"), connect(as_whom) as connection:
        connection.execute(f"UPDATE ticketing_exception SET {opened}".encode())
    await undo_resolution(town.connection, "town", number, reason="x", key="k", by=ANNA, now=NOW)
    assert await town.rows("SELECT closed_at FROM ticketing_exception") == [(None,)]


async def test_what_is_accepted_is_what_was_seen(town, number):
    """Between looking and accepting the value changed: nothing is accepted, nothing written."""
    await find(town, 25000)
    with pytest.raises(Refused) as refused:
        await acts.accept(
            town.connection, "town", number, reason="small", seen_tiyn=24000, by=ANNA, now=NOW
        )
    assert refused.value.code == "changed_since"
    assert await town.rows("SELECT accepted_at FROM ticketing_exception") == [(None,)]
    assert await town.rows("SELECT count(*) FROM audit_log") == [(0,)]
    await acts.accept(
        town.connection, "town", number, reason="small", seen_tiyn=25000, by=ANNA, now=NOW
    )
    assert await town.rows("SELECT accepted_by FROM ticketing_exception") == [("anna",)]


async def test_no_bank_cards_number_is_written_down(town, number):
    who: dict[str, Any] = {"by": ANNA, "now": NOW}
    tries: tuple[tuple[Any, dict[str, Any]], ...] = (
        (acts.comment, {"text": PAN}),
        (acts.comment, {"text": f"paid with {PAN}."}),
        (acts.accept, {"reason": "карта 4111111111111111", "seen_tiyn": 24000}),
        (acts.close, {"reason": "4111-1111-1111-1111"}),
        (acts.assign, {"to": PAN}),
    )
    for act, words in tries:
        with pytest.raises(BadInput) as refused:
            await act(town.connection, "town", number, **words, **who)
        assert refused.value.code == "pan_like"
    assert await town.rows("SELECT count(*) FROM audit_log") == [(0,)]
    # what only looks long is no card's: a document's number, a telephone, an account
    for text_ in ("77012345678", "KZ86125KZT5004100100", "990140000385", "order 20261120-0001"):
        await acts.comment(town.connection, "town", number, text=text_, **who)
