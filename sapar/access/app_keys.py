"""Keys of apps as those who administer them see them: added, listed, changed, revoked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from sapar.access import audit
from sapar.access.keys import make_key
from sapar.access.register import Actor
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound

_QUERIES = load_queries("sapar.access")
RATE_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key without its secret.

    Attributes:
        key_no: its number.
        prefix: what people tell it by.
        name: of the app.
        contact: of who runs the app.
        rate_per_minute: requests a minute.
        created_at: when it was made.
        created_by: who made it.
        revoked_at: when it was revoked; None: it stands.
        last_used_on: the newest day (UTC) of use, a minute late; None: never.
    """

    key_no: int
    prefix: str
    name: str
    contact: str
    rate_per_minute: int
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    last_used_on: date | None


async def add_key(
    connection: AsyncConnection, by: Actor, name: str, rate_per_minute: int, contact: str = ""
) -> tuple[KeyEntry, str]:
    """Add a key; give it and its text, which is told this once. The caller commits.

    Raises:
        BadInput: the app has no name or too long a one (`key_name`), or the rate is none
            (`key_rate`).
    """
    name, contact = name.strip(), contact.strip()
    if not name or len(name) > 200 or len(contact) > 200:
        raise BadInput("A key has the name of its app, of 1 to 200 characters.", code="key_name")
    _check_rate(rate_per_minute)
    text, prefix, secret_hash = make_key()
    values = {
        "prefix": prefix,
        "secret_hash": secret_hash,
        "name": name,
        "contact": contact,
        "rate_per_minute": rate_per_minute,
        "at": by.at,
        "created_by": by.name,
    }
    with translated():
        cursor = await connection.execute(_QUERIES["insert_key"], values)
        row = await cursor.fetchone()
    assert row is not None
    entry = await get_key(connection, row[0])
    await _record(connection, by, "key.create", entry, None, _described(entry))
    return entry, text


async def list_keys(connection: AsyncConnection, *, revoked: bool = False) -> list[KeyEntry]:
    """Keys by name of their app; with those that were revoked when asked for."""
    with translated():
        cursor = await connection.execute(
            _QUERIES["list_keys"], {"revoked": revoked, "key_no": None}
        )
        return [KeyEntry(*row) for row in await cursor.fetchall()]


async def get_key(connection: AsyncConnection, key_no: int) -> KeyEntry:
    """Give one key.

    Raises:
        NotFound: there is none of this number (`unknown_key`).
    """
    with translated():
        cursor = await connection.execute(
            _QUERIES["list_keys"], {"revoked": True, "key_no": key_no}
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no key {key_no}.", code="unknown_key")
    return KeyEntry(*row)


async def set_rate(
    connection: AsyncConnection, by: Actor, key_no: int, rate_per_minute: int
) -> KeyEntry:
    """Give a key another rate, and the key after; the caller commits.

    Raises:
        BadInput: the rate is none (`key_rate`).
        NotFound: there is no such key.
    """
    _check_rate(rate_per_minute)
    old = await get_key(connection, key_no)
    values = {"key_no": key_no, "rate_per_minute": rate_per_minute}
    with translated():
        await connection.execute(_QUERIES["set_key_rate"], values)
    new = await get_key(connection, key_no)
    if new != old:
        before = {"rate_per_minute": old.rate_per_minute}
        await _record(
            connection, by, "key.change", new, before, {"rate_per_minute": rate_per_minute}
        )
    return new


async def revoke_key(connection: AsyncConnection, by: Actor, key_no: int) -> KeyEntry:
    """Revoke a key, for good and once; give it. The caller commits.

    Raises:
        NotFound: there is no such key.
    """
    await get_key(connection, key_no)
    with translated():
        cursor = await connection.execute(_QUERIES["revoke_key"], {"key_no": key_no, "at": by.at})
        changed = await cursor.fetchone()
    entry = await get_key(connection, key_no)
    if changed is not None:
        before, after = {"revoked": False}, {"revoked": True}
        await _record(connection, by, "key.revoke", entry, before, after)
    return entry


def _check_rate(rate_per_minute: int) -> None:
    if not 0 < rate_per_minute <= RATE_MAX:
        raise BadInput(f"A rate is 1 to {RATE_MAX:,} requests a minute.", code="key_rate")


def _described(entry: KeyEntry) -> dict[str, object]:
    wanted = ("name", "contact", "rate_per_minute")
    return {name: value for name, value in asdict(entry).items() if name in wanted}


async def _record(
    connection: AsyncConnection,
    by: Actor,
    action: str,
    entry: KeyEntry,
    before: object | None,
    after: object | None,
) -> None:
    await audit.record(
        connection,
        at=by.shown_at,
        person=by.name,
        user_id=by.user_id,
        agency_id=None,
        action=action,
        target=f"key {entry.prefix}",
        before=before,
        after=after,
    )
