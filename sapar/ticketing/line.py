"""From a batch of taps to what is committed: seals, posting, and what trips it set aside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sapar.contract.seal import ED25519
from sapar.contract.topics import device_topic
from sapar.core.clock import Clock
from sapar.core.db import (
    AsyncConnection,
    DatabaseRefused,
    Pool,
    connect_async,
    load_queries,
    translated,
)
from sapar.core.errors import Unavailable
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.fleet.registry import Registry
from sapar.ticketing.device_shifts import take_device_shifts
from sapar.ticketing.device_voids import take_device_voids
from sapar.ticketing.keys import KeyWatcher
from sapar.ticketing.taps.store import StoredTap, find_stored
from sapar.ticketing.types import Posted, TapIn
from sapar.ticketing.verify import Candidate, Identity, Verifier
from sapar.uplink.letters import DeadLetter, dead_letter, write_letters

_QUERIES = load_queries("sapar.ticketing")
_log = get_logger()

Post = Callable[[AsyncConnection, Sequence[TapIn], bool], Awaitable[Posted]]
"""Posts taps in one transaction over a connection in autocommit; whether it waits for what others
hold, or puts such taps off, comes last."""

Poster = Callable[[Sequence[TapIn], bool], Awaitable[Posted]]
"""Posts taps in one transaction, patiently or not, and returns after its commit."""


class ConnectionPoster:
    """Posts over one connection of its own, made anew when it broke.

    Args:
        conninfo: the database.
        post: what posts.
    """

    def __init__(self, conninfo: str, post: Post) -> None:
        self._conninfo = conninfo
        self._post = post
        self._connection: AsyncConnection | None = None

    async def __call__(self, taps: Sequence[TapIn], patient: bool) -> Posted:
        """Post taps; without patience those are put off whose device or card another holds.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._connection is None or self._connection.closed:
            self._connection = await connect_async(self._conninfo)
        try:
            return await self._post(self._connection, taps, patient)
        except Unavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


class Line:
    """From a batch to what is committed: seals, posting, dead letters.

    Args:
        settings: how many threads prove seals.
        clock: receipt time of dead letters.
        metrics: counts.
        pool: for look-ups and dead letters.
        keys: what seals are proved with.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        pool: Pool,
        keys: KeyWatcher,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._pool = pool
        self._keys = keys
        self._verifier = Verifier(settings.ticketing_verify_threads, metrics.seals)

    def close(self) -> None:
        """End the threads."""
        self._verifier.close()

    async def judge(self, candidates: Sequence[Candidate]) -> tuple[list[TapIn], Posted]:
        """Judge the seals of a batch, and sort out what is known to be stored.

        Returns:
            The taps to post; some may be stored already. And what the others came to, as committed.

        Raises:
            Unavailable: the database does not answer.
        """
        known = await self._find_known(candidates)
        verdicts = await self._verifier.judge(candidates, self._keys.current, known)
        posted = Posted()
        taps: list[TapIn] = []
        for c, sealed in zip(candidates, verdicts, strict=True):
            if known and (stored := known.get(c.identity)) is not None:
                posted.repeats += 1
                posted.note(c.identity[:3], stored.status, stored.code)
                continue
            vehicle_id = c.device.vehicle_at(c.tap.time_ms / 1000)
            taps.append(
                TapIn(c.device, c.tap, c.digest, c.payload, sealed, vehicle_id, c.received_ms)
            )
        return taps, posted

    async def _find_known(self, candidates: Sequence[Candidate]) -> dict[Identity, StoredTap]:
        """Look up which are stored already: the costly ones; and if some are, the others too.

        To prove an HMAC costs less than to ask. But what is stored needs no transaction.
        """
        costly = {c.identity[:3] for c in candidates if c.tap.alg == ED25519}
        if not costly:
            return {}
        with translated():
            async with self._pool.connection() as connection:
                stored = await find_stored(connection, costly)
                if stored:
                    others = {c.identity[:3] for c in candidates} - costly
                    stored |= await find_stored(connection, others) if others else {}
        return {(*key, tap.digest): tap for key, versions in stored.items() for tap in versions}

    async def post(
        self, poster: Poster, taps: Sequence[TapIn], *, patient: bool = True
    ) -> tuple[Posted, list[DeadLetter]]:
        """Post taps; what cannot be posted is halved until the culprit stands alone.

        Args:
            poster: posts them.
            taps: judged.
            patient: wait for devices and cards that others hold, or put their taps off.

        Returns:
            What is committed and what is put off, and the dead letters of those that stand alone,
            stored too.

        Raises:
            Unavailable: the database does not answer; try again with the same taps: what was
                committed then counts as repeated.
        """
        posted, dead = Posted(), []
        waiting = [taps] if taps else []
        while waiting:
            part = waiting.pop()
            try:
                add_posted(posted, await poster(part, patient))
            except Unavailable:
                raise
            except Exception as exc:  # noqa: BLE001 - one tap that trips us must not stop all others
                self._metrics.ticketing_bisected.inc()
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += (part[middle:], part[:middle])
                    continue
                dead.append(_refused_tap(part[0], exc))
                self._metrics.ticketing_refused.labels(dead[-1].code).inc()
        await self.write_letters(dead)
        return posted, dead

    async def take_device_voids(self, registry: Registry) -> None:
        """Close the gaps that devices have declared, under their seals.

        Raises:
            Unavailable: the database does not answer.
        """
        await take_device_voids(self._pool, registry, self._keys.current, self._clock)

    async def take_device_shifts(self, registry: Registry) -> None:
        """Keep the shift reports that devices have sent, under their seals.

        Raises:
            Unavailable: the database does not answer.
        """
        await take_device_shifts(self._pool, registry, self._keys.current, self._clock)

    async def write_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters.

        Raises:
            Unavailable: the database does not answer.
        """
        if letters:
            with translated():
                async with self._pool.connection() as connection:
                    await write_letters(connection, letters, self._clock.now())


def add_posted(whole: Posted, part: Posted) -> None:
    """Add what one transaction came to."""
    for key, seqs in part.stored.items():
        whole.stored.setdefault(key, []).extend(seqs)
    for key, held in part.held.items():
        whole.held.setdefault(key, []).extend(held)
    whole.new += part.new
    whole.repeats += part.repeats
    whole.conflicts += part.conflicts
    whole.journals += part.journals
    whole.put_off += part.put_off


def _refused_tap(one: TapIn, cause: Exception) -> DeadLetter:
    """Make the dead letter of a tap that cannot be posted although every check passed."""
    device, tap = one.device, one.tap
    if isinstance(cause, DatabaseRefused):
        code, detail = "database_refused", cause.message[:200]
    else:
        code, detail = "server_fault", f"{type(cause).__name__}: {cause}"[:200]
        _log.error(
            "tap_not_posted",
            device=device.device_id,
            epoch=tap.epoch,
            seq=tap.seq,
            exc_info=cause,
        )
    return dead_letter(
        device_topic(device.agency_id, device.device_id, "tap"),
        one.payload,
        code,
        detail,
        device=device,
        kind="tap",
        epoch=tap.epoch,
        seq=tap.seq,
        agency_id=device.agency_id,
        device_id=device.device_id,
    )
