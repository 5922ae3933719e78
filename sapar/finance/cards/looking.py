"""Finding a card, and who may be told about it: each look at a card is logged with its reason.

A person says once in a session why a card is looked at. The log remembers it, so every instance of
the API knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.contract.pan import is_pan_like
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, SaparError
from sapar.ticketing.cards.lookup.numbers import hash_number, read_number

_QUERIES = load_queries("sapar.finance.cards")
_SHOWN = 4
_TEXT_MAX = 200
_REASON_MAX = 400


def label_of(card_ref: str) -> str:
    """Name a card on screens and paper: four dots and the last signs; never the whole reference."""
    return f"•••• {card_ref[-_SHOWN:]}"


def target_of(card_no: int) -> str:
    """Name a card in the audit log."""
    return f"card {card_no}"


async def find_card(
    connection: AsyncConnection, agency_id: str, text: str, lookup_key: Callable[[], bytes]
) -> int:
    """Give the number of the card that a text names: a reference, or the number printed on it.

    Args:
        connection: to read from.
        agency_id: whose card.
        text: as it was typed or read by a reader; it is kept nowhere.
        lookup_key: gives the key that printed numbers are hashed with.

    Raises:
        BadInput: the text can be neither (`card_number`), or is a bank card's number (`pan_like`).
        NotFound: no card has it (`unknown_card`).
    """
    text = text.strip()
    if is_pan_like(text.replace(" ", "").replace("-", "")):
        raise BadInput(
            "That is the number of a bank card: it is never typed here.",
            code="pan_like",
            hint="Ask for the transport card, or look for the ride by its number.",
        )
    if not text or len(text) > _TEXT_MAX or not text.isprintable():
        raise BadInput("That is no number and no reference of a card.", code="card_number")
    values: dict[str, object] = {"agency_id": agency_id, "card_ref": text}
    row = await _find(connection, "find_by_reference", values)
    if row is None:
        row = await _by_number(connection, agency_id, text, lookup_key)
    if row is None:
        raise NotFound(
            "The form is right, but no card here has that number or reference.",
            code="unknown_card",
            hint="A printed number is known once a PIN was set for the card. Is it of this city?",
        )
    return row


async def _by_number(
    connection: AsyncConnection, agency_id: str, text: str, lookup_key: Callable[[], bytes]
) -> int | None:
    number = read_number(text)
    try:
        key = lookup_key()
    except NotFound:  # no card has a PIN here, so no number is known
        return None
    values: dict[str, object] = {
        "agency_id": agency_id,
        "number_hash": hash_number(key, agency_id, number),
    }
    return await _find(connection, "find_by_number", values)


async def find_card_of_tap(connection: AsyncConnection, agency_id: str, tap_no: int) -> int:
    """Give the card of a ride.

    Raises:
        NotFound: there is no such ride (`unknown_tap`).
    """
    found = await _find(connection, "card_of_tap", {"agency_id": agency_id, "tap_no": tap_no})
    if found is None:
        raise NotFound(f"There is no tap {tap_no}.", code="unknown_tap")
    return found


async def reference_of(connection: AsyncConnection, agency_id: str, card_no: int) -> str:
    """Give a card's reference.

    Raises:
        NotFound: there is no such card (`unknown_card`).
    """
    values = {"agency_id": agency_id, "card_no": card_no}
    with translated():
        row = await (await connection.execute(_QUERIES["reference_of"], values)).fetchone()
    if row is None:
        raise NotFound("There is no such card.", code="unknown_card")
    return str(row[0])


async def category_of(connection: AsyncConnection, card_no: int) -> str:
    """Give the rider category that a card has now."""
    row = await (await connection.execute(_QUERIES["category_of"], {"card_no": card_no})).fetchone()
    assert row is not None
    return str(row[0])


async def log_look(
    connection: AsyncConnection,
    agency_id: str,
    card_no: int,
    person: Person,
    *,
    reason: str,
    now: datetime,
) -> bool:
    """Write down why a card is looked at, in the caller's transaction; once a session and card.

    Returns:
        Whether the card may be told about; False: no reason was given, in this session or now.

    Raises:
        BadInput: the reason is too long, or no line of text (`text`).
    """
    if await has_looked(connection, agency_id, card_no, person):
        return True
    reason = reason.strip()
    if not reason:
        return False
    if len(reason) > _REASON_MAX or not reason.isprintable():
        raise BadInput("A reason is one line of text.", code="text")
    await record(
        connection,
        at=now,
        person=person.name,
        user_id=person.user_id,
        agency_id=agency_id,
        action="card.look_up",
        target=target_of(card_no),
        before=None,
        after={"session": person.session_no},
        reason=reason,
    )
    return True


async def has_looked(
    connection: AsyncConnection, agency_id: str, card_no: int, person: Person
) -> bool:
    """Whether a person has said in this session why the card is looked at."""
    values = {
        "agency_id": agency_id,
        "target": target_of(card_no),
        "user_id": person.user_id,
        "session_no": person.session_no,
    }
    with translated():
        row = await (await connection.execute(_QUERIES["was_looked_up"], values)).fetchone()
    return row is not None and bool(row[0])


def reason_needed() -> SaparError:
    """Make the error of a card that is looked at without a reason."""
    return BadInput(
        "Say why this card is looked at.",
        code="reason_needed",
        hint="It is asked once for a card and a session, and kept in the audit log.",
    )


async def _find(connection: AsyncConnection, query: str, values: dict[str, object]) -> int | None:
    with translated():
        row = await (await connection.execute(_QUERIES[query], values)).fetchone()
    return None if row is None else int(row[0])
