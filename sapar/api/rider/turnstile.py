"""How often one address may ask for what costs something: a bound in memory, by this instance."""

from __future__ import annotations

from collections import OrderedDict, deque

from starlette.requests import Request

from sapar.access.errors import TooSoon
from sapar.access.throttle import network_of
from sapar.core.clock import Clock
from sapar.core.errors import BadInput

_ADDRESSES_MAX = 20_000


class Turnstile:
    """Lets so many through within so many seconds, for each address.

    Args:
        clock: its monotonic time counts.
        most: how many.
        within_s: seconds.
    """

    def __init__(self, clock: Clock, most: int, within_s: float) -> None:
        self._clock = clock
        self._most = most
        self._within_s = within_s
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def enter(self, address: str) -> None:
        """Count one.

        Raises:
            TooSoon: that is too many; it is not counted.
        """
        now = self._clock.monotonic()
        times = self._seen.pop(address, None) or deque()
        while times and times[0] <= now - self._within_s:
            times.popleft()
        self._seen[address] = times
        if len(self._seen) > _ADDRESSES_MAX:
            self._seen.popitem(last=False)
        if len(times) >= self._most:
            wait_s = times[0] + self._within_s - now
            raise TooSoon("Too many requests from your address.", wait_s, hint="Wait a little.")
        times.append(now)


def address_of(request: Request) -> str:
    """Give the network that a request comes from, as the server sees it: of IPv6 its /64."""
    return network_of(request.client.host) if request.client is not None else "unknown"


async def read_body(request: Request, most: int) -> bytes:
    """Read a request's body without taking in more than it may have.

    Raises:
        BadInput: it is longer than `most` bytes (`too_long`).
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise BadInput(f"The request has more than {most} bytes.", code="too_long")
    return bytes(body)
