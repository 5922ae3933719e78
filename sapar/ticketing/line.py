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
from sapar.ticketing.device_voids import take_device_voids
from sapar.ticketing.keys import KeyWatcher
from sapar.ticketing.taps.store import find_stored
from sapar.ticketing.types import Posted, TapIn
from sapar.ticketing.verify import Candidate, Identity, Verifier
from sapar.uplink.letters import DeadLetter, dead_letter, write_letters

_QUERIES = load_queries("sapar.ticketing")
_log = get_logger()

Post = Callable[[AsyncConnection, Sequence[TapIn]], Awaitable[Posted]]
"""Posts taps in one transaction over a connection in autocommit."""

Poster = Callable[[Sequence[TapIn]], Awaitable[Posted]]
"""Posts taps in one transaction and returns after its commit."""


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

    async def __call__(self, taps: Sequence[TapIn]) -> Posted:
        """Post taps.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._connection is None or self._connection.closed:
            self._connection = await connect_async(self._conninfo)
        try:
            return await self._post(self._connection, taps)
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
        poster: posts taps.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        pool: Pool,
        keys: KeyWatcher,
        poster: Poster,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._pool = pool
        self._keys = keys
        self._poster = poster
        self._verifier = Verifier(settings.ticketing_verify_threads, metrics.seals)

    def close(self) -> None:
        """End the threads."""
        self._verifier.close()

    async def judge(self, candidates: Sequence[Candidate]) -> list[TapIn]:
        """Judge the seals of a batch.

        Raises:
            Unavailable: the database does not answer.
        """
        known = await self._find_known(candidates)
        verdicts = await self._verifier.judge(candidates, self._keys.current, known)
        return [
            TapIn(
                c.device,
                c.tap,
                c.digest,
                c.payload,
                sealed,
                c.device.vehicle_at(c.tap.time_ms / 1000),
                c.received_ms,
            )
            for c, sealed in zip(candidates, verdicts, strict=True)
        ]

    async def _find_known(self, candidates: Sequence[Candidate]) -> set[Identity]:
        """Look up which of the costly ones are stored already: to prove HMAC costs less."""
        asked = {c.identity[:3] for c in candidates if c.tap.alg == ED25519}
        if not asked:
            return set()
        with translated():
            async with self._pool.connection() as connection:
                stored = await find_stored(connection, asked)
        return {(*key, tap.digest) for key, versions in stored.items() for tap in versions}

    async def post(self, taps: Sequence[TapIn]) -> tuple[Posted, list[DeadLetter]]:
        """Post taps; what cannot be posted is halved until the culprit stands alone.

        Returns:
            What is committed, and the dead letters of those that stand alone, stored too.

        Raises:
            Unavailable: the database does not answer; try again with the same taps: what was
                committed then counts as repeated.
        """
        posted, dead = Posted(), []
        waiting = [taps] if taps else []
        while waiting:
            part = waiting.pop()
            try:
                add_posted(posted, await self._poster(part))
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
