"""Behind a proxy the client is who the proxy saw, and nobody whom the client names itself."""

import pytest

from sapar.api.proxies import read_networks, seen_through
from sapar.core.errors import BadInput

TRUSTED = read_networks("10.0.0.0/8, 127.0.0.1, fd00::/8")


def scope(client: str, **headers: str) -> dict:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 5000), "scheme": "http", "headers": pairs}


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours: not believed
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the first is the client's own word
        ("10.1.2.3", "198.51.100.1, 10.9.9.9, 127.0.0.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, <script>", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.1", "10.1.2.3"),
    ],
)
def test_the_address_is_the_one_that_the_nearest_trusted_proxy_saw(
    client: str, forwarded: str, address: str
) -> None:
    found = seen_through(scope(client, x_forwarded_for=forwarded), TRUSTED)
    assert found["client"][0] == address


def test_the_scheme_is_the_proxys_word_too() -> None:
    secure = {"x_forwarded_proto": "https"}
    assert seen_through(scope("10.1.2.3", **secure), TRUSTED)["scheme"] == "https"
    assert seen_through(scope("203.0.113.9", **secure), TRUSTED)["scheme"] == "http"
    odd = {"x_forwarded_proto": "javascript"}
    assert seen_through(scope("10.1.2.3", **odd), TRUSTED)["scheme"] == "http"


def test_without_proxies_nobody_is_believed() -> None:
    asked = scope("127.0.0.1", x_forwarded_for="198.51.100.1")
    assert seen_through(asked, read_networks("")) is asked
    with pytest.raises(BadInput):
        read_networks("10.0.0.0/8, nonsense")
