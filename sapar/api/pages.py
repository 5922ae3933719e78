"""The front end as it was built, held in memory and served with the headers it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from sapar.api.document import HTML, Document, plain_document
from sapar.core.errors import NotFound, Unavailable

BUILT = Path(__file__).parent / "web" / "dist"

_IMMUTABLE = "public, max-age=31536000, immutable"  # the name changes with the content
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".png": "image/png",
}
_PACKED = {".woff2", ".woff", ".png"}
_POLICY = (
    "default-src 'self'; "
    "connect-src 'self' https:; "  # a tile server, when there is one
    "img-src 'self' data: blob: https:; "
    "style-src 'self' 'unsafe-inline'; "  # the map library sets styles on its elements
    "worker-src 'self' blob:; "  # ... and starts its workers from a blob
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class FrontEnd:
    """The files of the build.

    Args:
        folder: where the build lies; without it every page answers how to build it.
    """

    def __init__(self, folder: Path = BUILT) -> None:
        self._pages: Mapping[str, Document] = {}
        self._assets: Mapping[str, Document] = {}
        # pages that are completed for each request: the rider's
        self._texts = {path.stem: path.read_text("utf-8") for path in folder.glob("*.html")}
        if (folder / "index.html").is_file():
            self._pages = {path.stem: _page(path.read_bytes()) for path in folder.glob("*.html")}
            self._assets = {
                str(path.relative_to(folder / "assets")): _asset(path)
                for path in sorted((folder / "assets").rglob("*"))
                if path.is_file()
            }

    def index(self) -> Document:
        """Give the console, as `page` does."""
        return self.page("index")

    def page(self, name: str) -> Document:
        """Give a page by the name of its entry: `index`, `rider`.

        Raises:
            Unavailable: the front end has not been built, or without this page.
        """
        page = self._pages.get(name)
        if page is None:
            raise not_built()
        return page

    def text(self, name: str) -> str:
        """Give a page as it was built, to be completed for a request.

        Raises:
            Unavailable: the front end has not been built, or not with this page.
        """
        if name not in self._texts:
            raise not_built()
        return self._texts[name]

    def named(self, stem: str, suffix: str) -> str:
        """Give the path of the asset `stem-<digest>.suffix`.

        Raises:
            Unavailable: the front end has not been built with it.
        """
        for path in self._assets:
            if path.startswith(f"{stem}-") and path.endswith(suffix):
                return path
        raise not_built()

    def asset(self, path: str) -> Document:
        """Give a file of the page.

        Raises:
            NotFound: there is no such file; an old page asks for files of an old build.
        """
        document = self._assets.get(path)
        if document is None:
            raise NotFound(f"There is no file {path!r}.", code="no_such_file", hint="Reload.")
        return document


def not_built() -> Unavailable:
    """Make the error of a page that is not there."""
    return Unavailable(
        "The pages have not been built.",
        code="pages_not_built",
        hint="Run `make setup`, or `npm ci && npm run build` in sapar/api/web; then start again.",
    )


def _page(body: bytes) -> Document:
    return plain_document(
        HTML,
        _digest(body),
        "",
        "no-cache",
        body,
        extra=(("content-security-policy", _POLICY), ("referrer-policy", "same-origin")),
    )


def _asset(path: Path) -> Document:
    body = path.read_bytes()
    content_type = _TYPES.get(path.suffix, "application/octet-stream")
    return plain_document(
        content_type, _digest(body), "", _IMMUTABLE, body, compress=path.suffix not in _PACKED
    )


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
