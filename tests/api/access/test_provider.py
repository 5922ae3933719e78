"""Signing in at a provider of identities: a small real one, on loopback, honest and not."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sapar.access.oidc import local_path, read_roles
from sapar.core.db import connect
from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from tests.api.access_help import add_user
from tests.api.conftest import Instance, running, until
from tests.services import listener

CLIENT, SECRET = "sapar", "s3cret & more"


@dataclass
class SmallProvider:
    """An OpenID Connect provider at which one person is signed in already."""

    issuer: str
    claims: dict[str, Any]
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    twist: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: Callable[[dict[str, Any]], str] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/keys", self.keys),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    async def describe(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 303)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(form["code"], None)
        basic = base64.b64decode(request.headers["authorization"].split()[1]).decode()
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        proved = asked is not None and (
            base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
            and form["redirect_uri"] == asked["redirect_uri"]
            and basic == "sapar:s3cret+%26+more"
        )
        if asked is None or not proved:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "f3a1",
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            **self.claims,
        }
        claims = self.twist(claims)
        sign = self.sign or (lambda c: jwt.encode({"alg": "RS256", "kid": "one"}, c, self.key))
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": sign(claims)})


@pytest.fixture
async def provider() -> AsyncIterator[SmallProvider]:
    """A provider on a port of its own."""
    listening_on = listener()
    issuer = f"http://127.0.0.1:{listening_on.getsockname()[1]}"
    claims = {"preferred_username": "Daniyar", "name": "Данияр", "groups": ["desk", "others"]}
    small = SmallProvider(issuer, claims)
    server = uvicorn.Server(uvicorn.Config(small.app(), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening_on]))
    await until(lambda: server.started)
    yield small
    server.should_exit = True
    await serving


@pytest.fixture
async def api(town_settings: Settings, provider: SmallProvider) -> AsyncIterator[Instance]:
    """An instance that trusts the provider."""
    changes = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_roles": f"desk=dispatcher@{town_settings.agency}, auditors=auditor",
        "password_argon2_memory_kib": 8192,
    }
    async with running(town_settings.model_copy(update=changes)) as instance:
        yield instance


async def go(http: httpx.AsyncClient, return_to: str = "/console/ladder") -> httpx.Response:
    """Go to the provider and come back; give the answer of the callback."""
    start = await http.get("/api/oidc/start", params={"return_to": return_to})
    assert start.status_code == 303, start.text
    async with httpx.AsyncClient() as browser:
        there = await browser.get(start.headers["location"])
    return await http.get(there.headers["location"])


def refused(answer: httpx.Response) -> str:
    """Why the way back ended at the sign-in page."""
    place = urlsplit(answer.headers["location"])
    assert place.path == "/console/sign-in"
    assert all("session" not in cookie for cookie in answer.headers.get_list("set-cookie"))
    return parse_qs(place.query)["refused"][0]


async def test_who_comes_back_is_signed_in_with_the_roles_of_the_groups(
    api: Instance, agency: str
) -> None:
    assert (await api.http.get("/api/me")).json()["sign_in"]["provider"] == "127.0.0.1"
    answer = await go(api.http)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/ladder"
    me = (await api.http.get("/api/me")).json()["person"]
    assert (me["name"], me["full_name"]) == ("daniyar", "Данияр")
    assert me["roles"] == ["viewer", "dispatcher"]
    assert me["everywhere"] == []
    with connect(api.conninfo) as connection:
        written = connection.execute(
            "SELECT person, action, target FROM audit_log ORDER BY audit_no"
        ).fetchall()
    assert written == [
        ("identity provider", "user.create", "user daniyar"),
        ("daniyar", "session.sign_in", "user daniyar"),
    ]


async def test_the_same_subject_is_the_same_person_with_todays_roles(
    api: Instance, provider: SmallProvider
) -> None:
    await go(api.http)
    first = (await api.http.get("/api/me")).json()["person"]["user_id"]
    provider.claims = {"preferred_username": "renamed", "groups": "auditors"}
    await go(api.http)
    me = (await api.http.get("/api/me")).json()["person"]
    assert (me["user_id"], me["name"]) == (first, "daniyar")
    assert me["roles"] == ["viewer", "auditor"]


async def test_a_name_of_somebody_here_is_not_taken_over(
    api: Instance, provider: SmallProvider, town_settings: Settings
) -> None:
    await add_user(town_settings, "daniyar", "a password of one's own", ["admin"])
    assert refused(await go(api.http)) == "name_taken"


async def test_without_a_mapped_role_nobody_gets_in(api: Instance, provider: SmallProvider) -> None:
    provider.claims = {"preferred_username": "passer-by", "groups": ["others"]}
    assert refused(await go(api.http)) == "no_role"
    with connect(api.conninfo) as connection:
        assert connection.execute("SELECT 1 FROM person").fetchall() == []


async def test_an_ended_person_stays_out(api: Instance) -> None:
    await go(api.http)
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE person SET ended_at = now()")
    assert (await api.http.get("/api/me")).json()["person"] is None
    assert refused(await go(api.http)) == "ended"


def part(value: object) -> str:
    """A part of a token by hand: what no library would make."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none'})}.{part(claims)}."


@pytest.mark.parametrize(
    "twist",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"iss": "https://evil.example"},
        {"exp": 1_600_000_000}, {"iat": 4_000_000_000}, {"sub": None}, {"azp": "another"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_that_is_not_for_us_here_and_now_proves_nothing(
    api: Instance, provider: SmallProvider, twist: dict[str, Any]
) -> None:
    merged = lambda claims: {k: v for k, v in {**claims, **twist}.items() if v is not None}  # noqa: E731
    provider.twist = merged
    assert refused(await go(api.http)) == "not_proved"


async def test_a_token_that_the_provider_did_not_sign_proves_nothing(
    api: Instance, provider: SmallProvider
) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})

    def by_the_public_key(claims: dict[str, Any]) -> str:
        text = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
        public = provider.key.as_pem(private=False)
        return f"{text}.{part(hmac.digest(public, text.encode(), 'sha256'))}"

    for sign in (
        unsigned,
        lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger),
        by_the_public_key,
        lambda claims: "not a token",
    ):
        provider.sign = sign
        assert refused(await go(api.http)) == "not_proved"


async def test_a_new_key_of_the_provider_is_fetched(api: Instance, provider: SmallProvider) -> None:
    await go(api.http)
    provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)
    assert (await go(api.http)).headers["location"] == "/console/ladder"


async def test_a_way_is_gone_once_and_by_the_browser_that_began_it(api: Instance) -> None:
    start = await api.http.get("/api/oidc/start")
    cookie = start.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(start.headers["location"])).headers["location"]
    async with httpx.AsyncClient() as victim:  # sign-in as the attacker, by the attacker's link
        assert refused(await victim.get(back)) == "way_lost"
    assert (await api.http.get(back)).headers["location"] == "/"
    api.http.cookies.set("sapar_way", parse_qs(urlsplit(back).query)["state"][0])
    assert refused(await api.http.get(back)) == "way_lost"
    assert refused(await api.http.get("/api/oidc/callback")) == "way_lost"


async def test_a_way_that_took_too_long_is_lost(api: Instance) -> None:
    start = await api.http.get("/api/oidc/start")
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE sign_in_way SET expires_at = now() - interval '1 second'")
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(start.headers["location"])).headers["location"]
    assert refused(await api.http.get(back)) == "way_lost"


async def test_a_provider_that_is_away_is_said_to_be(
    town_settings: Settings, api: Instance
) -> None:
    away = town_settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"})
    async with running(away) as instance:
        answer = await instance.http.get("/api/oidc/start")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "provider_silent"
    async with running(town_settings) as instance:
        answer = await instance.http.get("/api/oidc/start")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_provider")


@pytest.mark.parametrize(
    "away",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example",
        "javascript:alert(1)", "evil", "", "/a\nb", "/" + "a" * 600, "///evil.example",
        "//[",
    ],
)  # fmt: skip
def test_the_way_back_leads_nowhere_else(away: str) -> None:
    assert local_path(away) == "/"


@given(st.text())
def test_any_way_back_is_a_path_of_ours(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))


def test_roles_are_read_from_the_setting() -> None:
    assert read_roles("") == {}
    assert read_roles(" desk = dispatcher@a, desk=viewer,x=admin ") == {
        "desk": [("dispatcher", "a"), ("viewer", None)],
        "x": [("admin", None)],
    }
    for wrong in ("desk", "=viewer", "desk=chief"):
        with pytest.raises(BadInput):
            read_roles(wrong)
