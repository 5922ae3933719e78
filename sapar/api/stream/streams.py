"""The streams of all agencies."""

from __future__ import annotations

import asyncio

from sapar.api.hub import Held, Hub
from sapar.api.stream.channel import Channel
from sapar.api.stream.notices import Notices


class Streams:
    """One channel an agency that has ticks.

    Args:
        hub: gives the ticks.
        conninfo: where notices are heard.

    Attributes:
        stopping: set by the server when it is asked to stop; every stream then ends, those of
            stops' boards too.
    """

    def __init__(self, hub: Hub, conninfo: str) -> None:
        self.stopping = asyncio.Event()
        self._channels: dict[str, Channel] = {}
        self._notices = Notices(conninfo, self.tell)
        for held in hub.held.values():
            self.take(held)
        hub.watch(self.take)

    def take(self, held: Held) -> None:
        """Take a new tick."""
        self.channel(held.tick.agency_id).take(held)

    def channel(self, agency_id: str) -> Channel:
        """Give an agency's channel."""
        return self._channels.setdefault(agency_id, Channel())

    def tell(self, agency_id: str | None, what: str) -> None:
        """Tell the readers of an agency, or of all, that a list has changed."""
        for name, channel in self._channels.items():
            if agency_id in {None, name}:
                channel.tell(what)

    async def run(self) -> None:
        """Hear notices until cancelled."""
        await self._notices.run()
