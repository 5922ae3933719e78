"""Who asks, where a proxy stands before the instance: it says so, and nobody else is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

from sapar.core.errors import BadInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks, separated by commas.

    Raises:
        BadInput: one of them is neither (`trusted_proxies`).
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in parts)
    except ValueError as exc:
        raise BadInput(f"trusted proxies: {exc}", code="trusted_proxies") from exc


def seen_through(scope: Scope, trusted: Sequence[Network]) -> Scope:
    """Give the scope with the client's own address and scheme, as trusted proxies tell them.

    `X-Forwarded-For` is read from its end: what a client writes there itself stands before the
    address that the nearest trusted proxy saw, and is not looked at.
    """
    client = scope.get("client")
    if not trusted or client is None or not _is_in(client[0], trusted):
        return scope
    address, scheme = client[0], scope.get("scheme", "http")
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            address = _nearest(value.decode("latin-1"), trusted) or address
        elif name == b"x-forwarded-proto" and value in {b"http", b"https"}:
            scheme = value.decode()
    return {**scope, "client": (address, 0), "scheme": scheme}


def _nearest(text: str, trusted: Sequence[Network]) -> str | None:
    for part in reversed([part.strip() for part in text.split(",")]):
        if not _is_address(part):
            return None
        if not _is_in(part, trusted):
            return part
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    if not _is_address(text):
        return False
    address = ipaddress.ip_address(text)
    return any(address.version == one.version and address in one for one in networks)
