"""Posts emergencies to the other centre until it, or a person, acknowledges.

Every instance of the API may post; one that is being tried is left alone by the others. A try that
fails is followed by another, later and later; what has to be posted stands in the database, so a
restart forgets nothing. The other side may get one emergency twice, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from sapar.core.clock import Clock
from sapar.core.db import Pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.settings import Settings
from sapar.dispatch.emergency.desk import QUERIES

SIGNATURE_HEADER = "x-sapar-signature"
KEY_HEADER = "idempotency-key"
_POLL_S = 1.0
_STEPS = 4  # of a post: connecting, writing, reading, and a connection of the pool before
_LEASE_MARGIN_S = 5.0
_FIRST_DELAY_S = 1.0
_ERROR_MAX = 200
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Post:
    """One emergency on its way."""

    agency_id: str
    emergency_no: int
    tries: int
    body: bytes


class EmergencyPoster:
    """Posts what waits.

    Args:
        settings: url, secret and delays.
        pool, clock: shared tools of the process; delays are wall time.
    """

    def __init__(self, settings: Settings, pool: Pool, clock: Clock) -> None:
        self._settings, self._pool, self._clock = settings, pool, clock
        self._secret = settings.emergency_webhook_secret.get_secret_value().encode()
        self._most_s = settings.emergency_webhook_timeout_s * _STEPS

    async def run(self) -> None:
        """Post until cancelled; without a url there is nothing to do."""
        if not self._settings.emergency_webhook_url:
            return
        timeout = self._settings.emergency_webhook_timeout_s
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
            while not _is_cancelled():
                try:
                    posted = await self.post_one(client)
                except SaparError as exc:
                    _log.warning("emergency_not_posted", code=exc.code, reason=exc.message)
                    posted = False
                except Exception as exc:  # noqa: BLE001 -- what waits must not wait for a restart
                    _log.error("emergency_not_posted", code="fault", reason=repr(exc))
                    posted = False
                if not posted:
                    await asyncio.sleep(_POLL_S)
        raise asyncio.CancelledError

    async def post_one(self, client: httpx.AsyncClient) -> bool:
        """Try one emergency that is due; tell whether there was one.

        Raises:
            Unavailable: the database does not answer.
        """
        post = await self._take()
        if post is None:
            return False
        error = await self._send(client, post)
        now = self._wall()
        values = {"agency_id": post.agency_id, "emergency_no": post.emergency_no, "now": now}
        if error is None:
            _log.info("emergency_posted", agency=post.agency_id, emergency=post.emergency_no)
            await self._execute("note_delivered", values)
        else:
            delay_s = retry_delay_s(post.tries, self._settings.emergency_retry_max_s)
            again = {"next_try_at": now + timedelta(seconds=delay_s), "error": error[:_ERROR_MAX]}
            _log.warning(
                "emergency_not_taken",
                agency=post.agency_id,
                emergency=post.emergency_no,
                tries=post.tries,
                reason=error,
            )
            await self._execute("note_failed", values | again)
        return True

    async def _take(self) -> Post | None:
        lease_s = self._most_s + _LEASE_MARGIN_S
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    QUERIES["take_post"], {"now": self._wall(), "lease_s": lease_s}
                )
                row = await cursor.fetchone()
        if row is None:
            return None
        body = msgspec.json.encode(_content(*row[:12]))
        return Post(row[0], row[1], row[12], body)

    async def _send(self, client: httpx.AsyncClient, post: Post) -> str | None:
        """Post; give why it was not taken, None when it was."""
        at_s = int(self._clock.wall())
        headers = {
            "content-type": "application/json",
            KEY_HEADER: f"{post.agency_id}-emergency-{post.emergency_no}",
            SIGNATURE_HEADER: signature(self._secret, at_s, post.body),
        }
        try:
            # the client's own timeouts begin anew with every byte; this one is for all of it
            async with asyncio.timeout(self._most_s):
                answer = await client.post(
                    self._settings.emergency_webhook_url, content=post.body, headers=headers
                )
        except TimeoutError:
            return f"no whole answer within {self._most_s:.0f} s"
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return f"{type(exc).__name__}: {exc}"
        return None if answer.is_success else f"HTTP status {answer.status_code}"

    async def _execute(self, query: str, values: dict[str, object]) -> None:
        with translated():
            async with self._pool.connection() as connection:
                await connection.execute(QUERIES[query], values)

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)


def _is_cancelled() -> bool:
    """Whether this task was asked to end: what it waited for may have swallowed that.

    The pool waits for a connection by `asyncio.wait_for`, which before Python 3.12 answers a cancel
    with its result when both come in one step of the loop.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def signature(secret: bytes, at_s: int, body: bytes) -> str:
    """Sign a post: `t=<Unix seconds>,v1=<HMAC-SHA-256 of "<t>.<body>" in hex>`.

    The time is under the signature, so that an old post cannot be sent again as a new one.
    """
    digest = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def retry_delay_s(tries: int, most_s: float) -> float:
    """Give the wait after so many tries: it doubles from one second up to `most_s`."""
    return min(most_s, _FIRST_DELAY_S * 2.0 ** min(tries - 1, 30))


def _content(
    agency_id: str,
    emergency_no: int,
    vehicle_id: str,
    at_s: float,
    received_s: float,
    presses: int,
    latitude: float | None,
    longitude: float | None,
    driver_id: str | None,
    route_id: str | None,
    trip_id: str | None,
    data: dict[str, Any] | None,
) -> dict[str, Any]:
    """Make the JSON that docs/alarms.md describes."""
    return {
        "type": "emergency",
        "agency_id": agency_id,
        "emergency_no": emergency_no,
        "vehicle_id": vehicle_id,
        "driver_id": driver_id,
        "route_id": route_id,
        "trip_id": trip_id,
        "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
        "received": datetime.fromtimestamp(received_s, UTC).isoformat(),
        "presses": presses,
        "place": None if latitude is None else {"latitude": latitude, "longitude": longitude},
        "data": data,
    }
