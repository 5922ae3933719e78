"""The page around the rider's page: completed for each request by city, language and content."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from starlette.responses import Response

from sapar.api.catalogue import Agency
from sapar.api.pages import FrontEnd
from sapar.api.rider.words import WORDS, Language

THEME_COLOR: Final = "#00695c"
_BACKGROUND: Final = "#dfe2e5"
ICON_SIZES: Final = (192, 512)
POLICY: Final = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; "
    "script-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_ASSET: Final = re.compile(r'(?:src|href)="(/assets/[^"]+)"')
_CHUNK: Final = re.compile(r'"(?:\./|assets/)([\w.-]+\.(?:js|css))"')


def page(
    front_end: FrontEnd,
    base: str,
    language: Language,
    boot: Mapping[str, Any],
    title: str,
    body: str,
    *,
    status: int = 200,
    refresh_s: int | None = None,
    packed: bool = False,
) -> Response:
    """Complete the built page.

    Args:
        front_end: where it was built.
        base: what addresses of the city begin with: "" or "/aqtobe".
        language: of the words in it.
        boot: what the script begins with, as plain data.
        title: of the window.
        body: plain HTML, which the script replaces.
        status: HTTP status.
        refresh_s: seconds after which a browser without script asks again.
        packed: whether the client takes gzip.
    """
    words = WORDS[language]
    manifest = f"{base}/rider/manifest.webmanifest?lang={language}"
    head = (
        f"<title>{escape(title)}</title>"
        f'<meta name="description" content="{escape(words["description"])}">'
        f'<link rel="manifest" href="{escape(manifest)}">'
        f'<link rel="icon" href="{escape(base)}/rider/icon.svg" type="image/svg+xml">'
        f'<link rel="apple-touch-icon" href="{escape(base)}/rider/icon-192.png">'
    )
    if refresh_s is not None:
        head += f'<noscript><meta http-equiv="refresh" content="{refresh_s}"></noscript>'
    data = json.dumps(boot, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    text = front_end.text("rider")
    text = re.sub(r"<title>.*?</title>", lambda _: head, text, count=1, flags=re.DOTALL)
    text = text.replace('lang="en"', f'lang="{language}"', 1)
    text = text.replace(
        '<div id="app"></div>',
        f'<div id="app">{body}</div><script type="application/json" id="boot">{data}</script>',
        1,
    )
    plain = text.encode()
    tag = hashlib.sha256(plain).hexdigest()[:32]
    headers = {
        "content-security-policy": POLICY,
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
        "vary": "accept-language, cookie, accept-encoding",
        "etag": f'"{tag}{"-gzip" if packed else ""}"',
    }
    if packed:
        plain = gzip.compress(plain, 5, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(plain, status, headers, "text/html; charset=utf-8")


def manifest(agency: Agency, base: str, language: Language) -> dict[str, Any]:
    """Give the web app manifest of a city in a language."""
    title = WORDS[language]["title"].format(city=agency.name)
    icons = [
        {
            "src": f"{base}/rider/icon-{size}.png",
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size in ICON_SIZES
        for purpose in ("any", "maskable")
    ]
    return {
        "id": f"{base}/rider",
        "name": title,
        "short_name": agency.name[:12],
        "description": WORDS[language]["description"],
        "lang": language,
        "dir": "ltr",
        "start_url": f"{base}/rider?lang={language}",
        "scope": f"{base}/rider",
        "display": "standalone",
        "theme_color": THEME_COLOR,
        "background_color": _BACKGROUND,
        "icons": [
            *icons,
            {"src": f"{base}/rider/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        ],
    }


def first_files(front_end: FrontEnd) -> list[str]:
    """List the assets that the page names itself: what its first view loads."""
    return sorted(set(_ASSET.findall(front_end.text("rider"))))


async def all_files(front_end: FrontEnd) -> list[str]:
    """List the assets of the first view and of the views that it loads later."""
    found = set(first_files(front_end))
    for path in first_files(front_end):
        if path.endswith(".js"):
            plain = await front_end.asset(path.removeprefix("/assets/")).plain.get()
            found |= {f"/assets/{one}" for one in _CHUNK.findall(plain.decode())}
    return sorted(found)


async def worker(front_end: FrontEnd, base: str) -> Response:
    """Give the service worker, told which files belong to this build and what it serves."""
    files = await all_files(front_end)
    told = {
        "base": base,
        "files": files,
        "version": hashlib.sha256("\n".join(files).encode()).hexdigest()[:12],
    }
    source = await front_end.asset(front_end.named("rider-worker", ".js")).plain.get()
    text = f"self.SAPAR={json.dumps(told)};\n{source.decode()}"
    headers = {
        "cache-control": "no-cache",
        "service-worker-allowed": f"{base}/rider",
        "x-content-type-options": "nosniff",
    }
    return Response(text, 200, headers, "text/javascript; charset=utf-8")
