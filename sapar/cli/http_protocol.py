"""HTTP/1.1 for uvicorn, with an answer before there is a task for what is at hand.

Of the time that a feed's answer takes, most goes into what makes an answer possible that is not
there yet: a task, its messages, and checks of headers that we made ourselves. Here a request that
has been read is looked up at once, and all of its answer is written in one piece. Whatever is out
of the ordinary about a request or its connection goes uvicorn's way.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sapar.api.door import AtOnce
from sapar.core.log import get_logger

_PIPELINED_MAX = 8  # of one reading: who asks for a thousand things at once does not stop others
_UNHEARD_MAX = 64 * 1024  # bytes that become no request and no body: the parser keeps any number
_HEAD_S = 30.0  # for a connection's first request to come, and for the rest of one that has begun
_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
_log = get_logger()


def make_protocol(at_once: AtOnce) -> type[HttpToolsProtocol]:
    """Give uvicorn's protocol with the answers at hand."""

    class Protocol(_AtOnceProtocol):
        pass

    Protocol.at_once = at_once
    return Protocol


class _AtOnceProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        at_once: gives answers that are at hand.
    """

    at_once: AtOnce
    _answered = False
    _left = 0
    _unheard = 0
    _in_head = True
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._in_head = False
        self._wait_for_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read requests, of which no head is longer than what is read at once and 64 KiB."""
        self._left = _PIPELINED_MAX
        self._unheard += len(data)
        super().data_received(data)
        if self._unheard > _UNHEARD_MAX and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")
        if self._in_head != (self._waiting is not None):
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        """Begin or end the time within which a head has to come."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(_HEAD_S, self._let_go) if self._in_head else None

    def _let_go(self) -> None:
        self._waiting = None
        cycle: RequestResponseCycle | None = self.cycle
        if (
            cycle is None or cycle.response_complete
        ):  # else the answer before it is still on its way
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unheard = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Answer what is at hand."""
        self._unheard = 0
        self._in_head = False
        self._answered = self._left > 0 and self._can_be_at_once() and self._answer()
        if not self._answered:
            # an answer before it in the same reading has said when an idle connection ends
            self._unset_keepalive_if_required()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; one that was answered has no task to tell."""
        self._unheard = 0
        if not self._answered:
            super().on_message_complete()

    def _can_be_at_once(self) -> bool:
        """Tell whether the connection is free to be written to, and the request has no body."""
        parser = self.parser
        cycle: RequestResponseCycle | None = self.cycle
        return (
            parser.get_method() in {b"GET", b"HEAD"}
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and (cycle is None or (cycle.response_complete and cycle.keep_alive))
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and _UNUSUAL.isdisjoint([name for name, _ in self.headers])
        )

    def _answer(self) -> bool:
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["method"] = self.parser.get_method().decode("ascii")
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = urllib.parse.unquote(path) if "%" in path else path
        scope["query_string"] = url.query or b""
        try:
            lines = self.at_once.write(scope, self._own_lines())
        except Exception as exc:  # noqa: BLE001 -- the long way meets it again, and answers 500
            _log.error("not_answered_at_once", path=path, reason=repr(exc))
            return False
        if lines is None:
            return False
        self._left -= 1
        self.transport.write(b"".join(lines))
        self.on_response_complete()
        return True

    def _own_lines(self) -> bytes:
        return b"".join([b"%s: %s\r\n" % pair for pair in self.server_state.default_headers])
