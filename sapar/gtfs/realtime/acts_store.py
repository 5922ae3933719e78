"""Acts of dispatch in the database: decided, undone, listed. Nothing here changes a timetable."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sapar.core.db import AsyncConnection, Pool, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.core.log import get_logger
from sapar.gtfs.realtime.acts import Act, Acts, What, act_body, read_act_body

QUERIES = load_queries("sapar.gtfs.realtime")

DISPATCH_CHANNEL = "sapar_dispatch"
"""Channel on which the database tells of changed acts, alerts and capacities; payload: agency."""

_log = get_logger()


async def decide(
    pool: Pool,
    agency_id: str,
    what: What,
    *,
    author: str,
    reason: str,
    now: datetime,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    cause: str = "OTHER_CAUSE",
) -> str:
    """Store an act that `check_act` has passed; engines publish it with their next tick.

    Args:
        pool: the database.
        agency_id: whose service it is about.
        what: the act.
        author: who decides it.
        reason: why, in that person's words.
        now: transit time.
        from_at: start of the period that it is about, None for at once.
        until_at: its end, None for until it is undone.
        cause: name of a GTFS-realtime cause, for the alerts drafted from it.

    Returns:
        The id of the act.

    Raises:
        BadInput: author or reason is missing, or the period ends before it begins.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            return await decide_on(
                connection,
                agency_id,
                what,
                author=author,
                reason=reason,
                now=now,
                from_at=from_at,
                until_at=until_at,
                cause=cause,
            )


async def decide_on(
    connection: AsyncConnection,
    agency_id: str,
    what: What,
    *,
    author: str,
    reason: str,
    now: datetime,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    cause: str = "OTHER_CAUSE",
) -> str:
    """Store an act in the caller's transaction; otherwise as `decide`."""
    begin = now if from_at is None else from_at
    if not author or not reason:
        raise BadInput("an act of dispatch has an author and a reason", code="bad_act")
    if until_at is not None and until_at <= begin:
        raise BadInput("the period of an act ends after it begins", code="bad_act")
    body = act_body(what)
    values = {
        "agency_id": agency_id,
        "kind": body["kind"],
        "body": json_value(body),
        "from_at": begin,
        "until_at": until_at,
        "cause": cause,
        "author": author,
        "reason": reason,
        "now": now,
    }
    cursor = await connection.execute(QUERIES["insert_act"], values)
    row = await cursor.fetchone()
    return act_id_of(0 if row is None else row[0])


async def undo(pool: Pool, agency_id: str, act_id: str, *, author: str, now: datetime) -> None:
    """End an act: with the next tick the feeds are as if it had never been.

    Raises:
        BadInput: the author is missing.
        NotFound: there is no such act, or it has been undone already.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            await undo_on(connection, agency_id, act_id, author=author, now=now)


async def undo_on(
    connection: AsyncConnection, agency_id: str, act_id: str, *, author: str, now: datetime
) -> None:
    """End an act in the caller's transaction; otherwise as `undo`."""
    if not author:
        raise BadInput("an act of dispatch is undone by somebody", code="bad_act")
    number = act_id.removeprefix("act-")
    row = None
    if number.isdecimal() and len(number) < 19:
        values = {"agency_id": agency_id, "author": author, "now": now, "act_no": int(number)}
        cursor = await connection.execute(QUERIES["end_act"], values)
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"no act {act_id!r} stands", code="no_such_act")


async def list_acts(pool: Pool, agency_id: str, now: datetime) -> Acts:
    """List the acts that stand; one whose content cannot be read is logged and left out.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {"agency_id": agency_id, "now": now.astimezone(UTC)}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_acts"], values)
            rows = await cursor.fetchall()
    return tuple(_read(rows))


async def list_capacities(pool: Pool, agency_id: str) -> dict[str, int]:
    """Give how many passengers each vehicle takes, of those that have an entry.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_capacities"], {"agency_id": agency_id})
            return dict(await cursor.fetchall())


def act_id_of(number: int) -> str:
    """Name an act by its number."""
    return f"act-{number}"


def _read(rows: Iterable[tuple[object, ...]]) -> Iterable[Act]:
    for number, body, from_s, until_s, author, reason, cause, created_s in rows:
        act_id = act_id_of(int(str(number)))
        try:
            what = read_act_body(body)
        except BadInput as exc:
            _log.warning("act_not_read", act=act_id, reason=exc.message)
            continue
        yield Act(
            act_id,
            what,
            _seconds(from_s),
            _seconds(until_s),
            str(author),
            str(reason),
            str(cause),
            _seconds(created_s) or 0.0,
        )


def _seconds(value: object) -> float | None:
    return None if value is None else float(str(value))
