"""What a person says of a held tap: it is a ride, or it is none. Facts like any other.

The ledger follows from taps and rulings together, in whatever order they come. A ruling never
changes the tap; of several on one tap the newest counts, so a person may think again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from sapar.access import audit
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.ticketing.ledger.business_days import read_closed_days
from sapar.ticketing.post import Tools, judge_and_write, post_scene
from sapar.ticketing.taps import store
from sapar.ticketing.taps.evidence import ACCEPT, Evidence, Judgement
from sapar.ticketing.taps.judge import COUNTER_REUSED, IDENTITY_CONFLICT
from sapar.ticketing.taps.reading import read_touched
from sapar.ticketing.taps.scene import Scene
from sapar.ticketing.types import Posted

Word = Literal["accept", "reject"]

ACCEPTABLE: Final = frozenset({"double_debit", IDENTITY_CONFLICT, COUNTER_REUSED})
"""Why a tap is held that a person may say is a ride: not for want of a seal or of a price."""

_REASON_CHARACTERS_MAX: Final = 2000
_SECOND_US: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUERIES = load_queries("sapar.ticketing")


class Ruled(NamedTuple):
    """What a ruling came to.

    Attributes:
        before: why the tap was held; None: it was a ride by an earlier ruling.
        status, code: of the tap now.
        charged_tiyn: what it costs the card now.
        journals: how many were posted, of this tap and of those that moved with it.
    """

    before: str | None
    status: str
    code: str | None
    charged_tiyn: int
    journals: int


async def rule_on_tap(
    connection: AsyncConnection,
    tools: Tools,
    agency_id: str,
    tap_no: int,
    word: Word,
    *,
    reason: str,
    actor: str,
    user_id: int | None = None,
    at: datetime | None = None,
) -> Ruled:
    """Say that a held tap is a ride, whatever other records say, or that it is none.

    Accepting one of several contents, or of several taps with one card counter, chooses it: the
    others are held. A word that decides nothing, because a rival was accepted later, leaves its
    exception open. What moves is posted into the open day, as everything that is known late.

    Args:
        connection: in autocommit, or in a transaction of the caller's that holds no lock.
        tools: see `Tools`.
        agency_id: whose card it is.
        tap_no: the tap.
        word: `accept` or `reject`.
        reason: why; it stays with the ruling.
        actor: who says so.
        user_id: the person's number, where it is a person of the console.
        at: when it was said; now if not given.

    Raises:
        BadInput: no reason, or nobody who gives it (`text`).
        NotFound: the agency has no such tap (`unknown_tap`).
        Refused: it is not held (`not_held`), or for a reason that nobody may overrule
            (`not_acceptable`), or a tap would become a ride that a posting has resolved already
            (`resolved_by_posting`), or be none whose fare was given back (`already_refunded`).
    """
    reason, actor = reason.strip(), actor.strip()
    if not reason or len(reason) > _REASON_CHARACTERS_MAX or not actor or actor == "sapar":
        raise BadInput("a ruling has a reason and a person who gives it", code="text")
    values = {"agency_id": agency_id, "tap_no": tap_no, "verdict": word, "reason": reason}
    values |= {"actor": actor, "user_id": user_id, "ruled_at": at or tools.clock.now()}
    with translated():
        async with connection.transaction():
            return await _rule(connection, tools, values)


async def _rule(connection: AsyncConnection, tools: Tools, values: dict[str, Any]) -> Ruled:
    agency_id, tap_no = values["agency_id"], values["tap_no"]
    row = await (await connection.execute(_QUERIES["find_tap"], values)).fetchone()
    if row is None:
        raise NotFound(f"{agency_id} has no tap {tap_no}", code="unknown_tap")
    await store.lock_sequences(connection, [row[:2]])
    await read_closed_days(connection, [agency_id], date.max)
    known = await store.load_versions(connection, [row])
    tap = next(one for one in known if one.tap_no == tap_no)
    said = tap.ruling
    _say(tap, values["verdict"], values["ruled_at"])
    scene = await read_touched(connection, tools.tariffs, [tap])
    before = tap.judged
    assert before is not None
    _check(tap, said, values["verdict"])
    now = tools.clock.now()
    await connection.execute(_QUERIES["add_ruling"], {**values, "code": before.code})
    await connection.execute(_QUERIES["show_ruling"], values)
    await connection.execute(_QUERIES["hold_ruled"], values)
    closing = {**values, "code": before.code, "now": now}
    closed = await (await connection.execute(_QUERIES["close_ruled"], closing)).fetchone()
    posted = Posted()
    await judge_and_write(connection, tools, scene, posted)
    await _refuse_twice(connection, scene, values)
    await post_scene(connection, tools, scene, posted)
    after = scene.judged[tap_no]
    if closed is not None and after.code == before.code:
        opening = {**closing, "exception_no": closed[0]}
        await connection.execute(_QUERIES["open_undecided"], opening)
    await audit.record(
        connection,
        at=now,
        person=values["actor"],
        user_id=values["user_id"],
        agency_id=agency_id,
        action=f"tap.{values['verdict']}",
        target=f"tap {tap_no}",
        before={"status": before.status, "code": before.code, "charged_tiyn": before.charged_tiyn},
        after={"status": after.status, "code": after.code, "charged_tiyn": after.charged_tiyn},
        reason=values["reason"],
    )
    return Ruled(before.code, after.status, after.code, after.charged_tiyn, posted.journals)


async def _refuse_twice(connection: AsyncConnection, scene: Scene, values: dict[str, Any]) -> None:
    """Refuse a word that would move money a second time, for the tap or for one that moves with it.

    A ride that finance has resolved with a posting is not posted as well, and a fare that was given
    back is not taken back again. Asked after exceptions were closed, which takes their locks, so
    that a resolution that is under way is waited for; refunds wait for the cards.
    """
    turned = [
        tap for tap in scene.changed if _is_ride(tap.judged) != _is_ride(scene.judged[tap.tap_no])
    ]
    begin = [tap.tap_no for tap in turned if _is_ride(scene.judged[tap.tap_no])]
    if values["verdict"] == ACCEPT:
        begin.append(values["tap_no"])
    found = await connection.execute(_QUERIES["find_resolution"], {"tap_nos": begin})
    row = await found.fetchone()
    if row is not None:
        raise Refused(
            f"exception {row[0]} about tap {row[2]} was resolved by journal {row[1]}",
            code="resolved_by_posting",
            hint=f"Undo that first: sapar ticketing exceptions resolve {row[0]} --undo",
        )
    end = [tap.tap_no for tap in turned if _is_ride(tap.judged)]
    found = await connection.execute(_QUERIES["find_given_back"], {"tap_nos": end})
    row = await found.fetchone()
    if row is not None:
        raise Refused(
            f"the fare of tap {row[0]} was given back by journal {row[1]}",
            code="already_refunded",
            hint="It costs nobody anything any more; leave the ruling as it is.",
        )


def _is_ride(judged: Judgement | None) -> bool:
    return judged is not None and judged.status == "posted"


def _say(tap: Evidence, word: Word, at: datetime) -> None:
    """Put a ruling on a tap, unless a newer one stands there; as the query `show_ruling`."""
    at_us = (at - _EPOCH) // timedelta(microseconds=1)
    if tap.ruling is None or (at_us, word) > (tap.ruled_us, tap.ruling):
        tap.ruling, tap.ruled_us = word, at_us


def _check(tap: Evidence, said: str | None, word: Word) -> None:
    """Refuse a ruling on what is not held, and one that accepts what nobody may accept."""
    before = tap.judged
    assert before is not None
    if said is None and before.status != "held":
        raise Refused(
            f"tap {tap.tap_no} is not held: it is {before.status}",
            code="not_held",
            hint="A ride is taken back by a refund.",
        )
    barred = tap.sealed or (before.code if said is None else None)
    if word == ACCEPT and barred is not None and barred not in ACCEPTABLE:
        raise Refused(
            f"tap {tap.tap_no} is held as {barred}, which nobody may overrule",
            code="not_acceptable",
            hint="Register the key, or publish a tariff that has a price, and it is judged again.",
        )
