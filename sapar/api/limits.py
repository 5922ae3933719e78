"""How much one app or one address may ask: token buckets in memory, one set in each instance.

Only what costs work to answer is counted: boards, stops, buses, what the rider page asks, and
OneBusAway's methods; a wide board of theirs counts as the many that it is worth. Feeds may be asked
for as often as anybody likes. A key has the rate that it was given; who sends none, or one that is
none, shares the rate of its address, which may stand for a whole mobile network.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.responses import Response
from starlette.types import Scope

from sapar.access.keys import KeyRing
from sapar.access.throttle import network_of
from sapar.api.errors import error_response
from sapar.api.onebusaway.envelope import failed
from sapar.core.clock import Clock
from sapar.core.settings import Settings

_KEPT_MAX = 100_000
_KEY_HEADER = b"x-api-key"
_ONEBUSAWAY = "/api/where/"
_COUNTED = ("/api/stops/", "/api/vehicles/", "/api/rider/")
_PAGE = "/rider/stop/"
_BOARD = f"{_ONEBUSAWAY}arrivals-and-departures-for-"
_AROUND = f"{_BOARD}location"
_AROUND_COSTS = 10  # boards of many stops in one answer
_SPAN_MIN, _DAY_MIN = 60, 960
_MINUTES = frozenset({"minutesBefore", "minutesAfter"})


class Buckets:
    """Token buckets by name: each fills by its rate up to so many seconds' worth.

    Args:
        clock: its monotonic time counts.
        burst_s: seconds' worth of its rate that a full bucket holds; one request at least.
    """

    def __init__(self, clock: Clock, burst_s: float) -> None:
        self._clock = clock
        self._burst_s = burst_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, rate_per_minute: int, tokens: int = 1) -> float:
        """Take tokens; give 0, or the seconds until there are so many. Nothing is taken then.

        What costs more than a full bucket holds takes all that a full one has.
        """
        rate = rate_per_minute / 60.0
        most = max(1.0, rate * self._burst_s)
        now = self._clock.monotonic()
        level, since = self._buckets.pop(name, (most, now))
        level = min(most, level + (now - since) * rate)
        wanted = min(float(tokens), most)
        taken = level >= wanted
        self._buckets[name] = (level - wanted if taken else level, now)
        if len(self._buckets) > _KEPT_MAX:
            self._buckets.popitem(last=False)  # who was away longest has a full bucket anyway
        return 0.0 if taken else (wanted - level) / rate


class Gate:
    """Refuses what is too much, and what has no key where one is needed.

    Args:
        settings: the rates, and whether OneBusAway's apps need a key.
        keys: those that stand.
        clock: for the buckets, and for the time in OneBusAway's envelope.
    """

    def __init__(self, settings: Settings, keys: KeyRing, clock: Clock) -> None:
        self._rate = settings.api_rate_per_minute
        self._key_required = settings.api_key_required
        self._test_key = settings.api_test_key
        self._keys = keys
        self._clock = clock
        self._buckets = Buckets(clock, settings.api_burst_s)

    def refuse(self, scope: Scope) -> Response | None:
        """Give the answer that refuses a request, None when it may go on."""
        path: str = scope["path"]
        onebusaway = path.startswith(_ONEBUSAWAY)
        if not onebusaway and not _costs(path):
            return None
        text = _key_of(scope)
        key = self._keys.find(text) if text else None
        if key is None and onebusaway and self._key_required and not self._is_test(text):
            return failed(401, self._clock.time())
        cost = tokens_of(path, scope["query_string"])
        if key is not None:
            wait_s = self._buckets.take(f"key {key.prefix}", key.rate_per_minute, cost)
        elif self._rate:
            client = scope.get("client")
            wait_s = self._buckets.take(network_of(client[0]) if client else "", self._rate, cost)
        else:
            return None
        if wait_s <= 0:
            return None
        headers = {"retry-after": str(int(wait_s) + 1)}
        if onebusaway:
            return failed(429, self._clock.time(), headers)
        return error_response(
            429,
            "too_many_requests",
            "That is more than may be asked.",
            "Wait as long as Retry-After says, take the stream, or ask for a key of your own.",
            headers,
        )

    def _is_test(self, text: str) -> bool:
        return bool(self._test_key) and text == self._test_key


def tokens_of(path: str, query: bytes) -> int:
    """Give what an answer is worth in requests: a wide board holds as much as many narrow ones."""
    if not path.startswith(_BOARD):
        return 1
    minutes = 0
    for name, value in parse_qsl(query.decode("latin-1")):
        if name in _MINUTES:
            with suppress(ValueError):  # what is no number is refused where it is read
                minutes += max(0, int(value))
    spans = max(1, -(-min(minutes, _DAY_MIN) // _SPAN_MIN))
    return spans * (_AROUND_COSTS if path.startswith(_AROUND) else 1)


def _costs(path: str) -> bool:
    """Tell whether an address of passengers costs work to answer."""
    at = path.find("/api/")
    return path.startswith(_COUNTED, at) if at >= 0 else _PAGE in path


def _key_of(scope: Scope) -> str:
    """Give the key that a request brings, in the query (`key=`) or in the header, '' for none."""
    query: bytes = scope["query_string"]
    if b"key=" in query:
        for part in query.split(b"&"):
            if part.startswith(b"key="):
                return unquote_to_bytes(part[4:]).decode("utf-8", "replace")
    for name, value in scope["headers"]:
        if name == _KEY_HEADER:
            return str(value.decode("latin-1"))
    return ""


def hsts(settings: Settings) -> tuple[tuple[bytes, bytes], ...]:
    """Give the header that keeps browsers at HTTPS, where the API itself has a certificate."""
    if settings.http_certificate_file is None or not settings.http_hsts_s:
        return ()
    return ((b"strict-transport-security", b"max-age=%d" % settings.http_hsts_s),)
