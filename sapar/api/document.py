"""Documents: bytes with their validators, answered as they are and never built per request.

A document knows its entity tags, its date and its two encodings. Everything that the API serves
with caching (feeds, the timetable, the network, the front end) goes through `respond`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sapar.api.lazy import Lazy

PROTOBUF = "application/x-protobuf"
"""Protobuf has no registered media type; OneBusAway and most GTFS-realtime publishers answer with
this one, and consumers that look at the type accept it. `application/octet-stream` says nothing, so
that proxies do not compress it and logs cannot tell it from a download."""
JSON = "application/json"
GEOJSON = "application/geo+json"  # RFC 7946
ZIP = "application/zip"
HTML = "text/html; charset=utf-8"

EXPOSED_HEADERS = b"ETag, Last-Modified, Sapar-Tick-Age"
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED_HEADERS),
]

_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})

HeaderList = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes to serve.

    Attributes:
        content_type: media type.
        tag: what the entity tags are made of; equal tags mean equal bytes.
        modified: HTTP date of the last change (wall time), or "" when there is none to tell.
        cache_control: for how long others may keep it.
        plain: the bytes.
        gzip: the same compressed (RFC 1952), or None when compressing gains nothing.
        extra: further headers.
        age_s: gives the age that `Sapar-Tick-Age` tells, or None for documents without one.
    """

    content_type: str
    tag: str
    modified: str
    cache_control: str
    plain: Lazy[bytes]
    gzip: Lazy[bytes] | None = None
    extra: tuple[tuple[str, str], ...] = ()
    age_s: Callable[[], float] | None = None
    _headers: dict[bool, HeaderList] = field(default_factory=dict, repr=False)
    _heads: dict[bool, bytes] = field(default_factory=dict, repr=False)

    def headers(self, *, compressed: bool) -> HeaderList:
        """Headers of one encoding, without the length; made once."""
        made = self._headers.get(compressed)
        if made is None:
            made = self._headers[compressed] = self._make_headers(compressed=compressed)
        return made

    def head(self, *, compressed: bool) -> bytes:
        """Give the same headers as lines of HTTP/1.1; made once."""
        made = self._heads.get(compressed)
        if made is None:
            pairs = self.headers(compressed=compressed)
            made = b"".join([b"%s: %s\r\n" % pair for pair in pairs])
            self._heads[compressed] = made
        return made

    def _make_headers(self, *, compressed: bool) -> HeaderList:
        pairs = [
            ("content-type", self.content_type),
            ("etag", f'"{self._tag(compressed=compressed)}"'),
            ("cache-control", self.cache_control),
            ("x-content-type-options", "nosniff"),
            *self.extra,
        ]
        if self.modified:
            pairs.append(("last-modified", self.modified))
        if self.gzip is not None:
            pairs.append(("vary", "accept-encoding"))
        if compressed:
            pairs.append(("content-encoding", "gzip"))
        return [(name.encode(), value.encode("latin-1")) for name, value in pairs] + _CORS

    def matches(self, if_none_match: str) -> set[bool]:
        """Tell which encodings of this document a list of entity tags names: compressed or not."""
        if if_none_match.strip() == "*":
            return {False, True}
        tags = {part.strip().removeprefix("W/").strip('"') for part in if_none_match.split(",")}
        return {packed for packed in (False, True) if self._tag(compressed=packed) in tags}

    def _tag(self, *, compressed: bool) -> str:
        # Two encodings are two representations, so their strong tags differ (RFC 9110, 8.8.3.3).
        return f"{self.tag}-gzip" if compressed else self.tag


def http_date(unix_s: float) -> str:
    """Give the HTTP form of a wall time in Unix seconds; fractions are dropped."""
    return formatdate(int(unix_s), usegmt=True)


def plain_document(
    content_type: str,
    tag: str,
    modified: str,
    cache_control: str,
    body: bytes,
    *,
    compress: bool = True,
    extra: tuple[tuple[str, str], ...] = (),
) -> Document:
    """Make a document of bytes at hand, compressed now where that helps."""
    packed = Lazy.of(gzip.compress(body, 6, mtime=0)) if compress else None
    return Document(content_type, tag, modified, cache_control, Lazy.of(body), packed, extra)


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether a client takes gzip (RFC 9110, 12.5.3); without the header it is not sent."""
    wanted: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        quality = parameters.strip().removeprefix("q=")
        wanted[coding.strip()] = quality.rstrip("0") not in {"0.", ""} if parameters else True
    return wanted.get("gzip", wanted.get("*", False))


def fresh_encodings(document: Document, headers: dict[bytes, bytes]) -> set[bool]:
    """Tell which of the client's copies, compressed or not, are still good: 304 is the answer.

    `If-None-Match` decides alone when it is there (RFC 9110, 13.2.2). `If-Modified-Since` must name
    the very date that we gave: after a change of leader between machines whose clocks differ, "not
    later than" could keep a client on old bytes.
    """
    tags = headers.get(b"if-none-match")
    if tags is not None:
        return document.matches(tags.decode("latin-1"))
    since = headers.get(b"if-modified-since")
    dated = bool(document.modified) and since == document.modified.encode()
    return {False, True} if dated else set()


class Said(NamedTuple):
    """What a document says to a request: all of an answer that follows from the headers.

    Attributes:
        status: 200 or 304.
        compressed: which encoding `head` describes.
        age: `Sapar-Tick-Age`, None for documents without one.
        source: the bytes, None where none are sent.
    """

    status: int
    compressed: bool
    age: bytes | None
    source: Lazy[bytes] | None


def say(document: Document, headers: Iterable[tuple[bytes, bytes]]) -> Said:
    """Say what is answered to the headers of a GET or HEAD; their names are in small letters."""
    accepted = b""
    request: dict[bytes, bytes] | None = None
    for name, value in headers:
        if name == b"accept-encoding":
            # a list may come in several lines (RFC 9110, 5.3)
            accepted = accepted + b", " + value if accepted else value
        elif name in _CONDITIONS:
            request = {} if request is None else request
            request[name] = request[name] + b", " + value if name in request else value
    compressed = bool(accepted) and document.gzip is not None and _accepts_gzip(accepted)
    age = None if document.age_s is None else b"%.3f" % document.age_s()
    fresh = set() if request is None else fresh_encodings(document, request)
    if fresh:
        # 304 carries the tag of the copy that the client has (RFC 9111, 4.3.4), in either encoding
        return Said(304, compressed if compressed in fresh else not compressed, age, None)
    return Said(200, compressed, age, document.gzip if compressed else document.plain)


@lru_cache(maxsize=512)
def _accepts_gzip(accept_encoding: bytes) -> bool:
    return accepts_gzip(accept_encoding.decode("latin-1"))


async def respond(document: Document, scope: Scope, send: Send) -> int:
    """Answer GET or HEAD with a document; give the status."""
    said = say(document, scope["headers"])
    headers = document.headers(compressed=said.compressed)
    if said.age is not None:
        headers = [*headers, (b"sapar-tick-age", said.age)]
    body = b""
    if said.source is not None:
        ready = said.source.ready
        body = await said.source.get() if ready is None else ready
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": said.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
    return said.status


class DocumentResponse(Response):
    """A document as a route's answer."""

    def __init__(self, document: Document) -> None:
        super().__init__(media_type=document.content_type)
        self.document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer, conditionally and in the encoding that the client takes."""
        await respond(self.document, scope, send)
