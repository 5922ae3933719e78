"""Signing in, as the specification and as those who attack it see it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from sapar.access.errors import NotSignedIn
from sapar.access.passwords import Passwords
from sapar.access.people import set_password
from sapar.access.register import Actor
from sapar.access.sessions import token_hash
from sapar.access.sign_in import Visitor
from sapar.access.sign_in import sign_in as sign_in_at_once
from sapar.api.access.guard import COOKIE, CSRF_HEADER, SECURE_COOKIE
from sapar.api.door import BODY_MAX
from sapar.core.db import open_pool
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_of, cookie_of, rows, try_in
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, running


async def test_who_signs_in_is_known_from_then_on(api: Instance, person: int) -> None:
    before = (await api.http.get("/api/me")).json()
    assert before["person"] is None
    answer = await try_in(api.http, "  AigeRim ")
    assert answer.status_code == 200
    assert answer.json()["person"]["user_id"] == person
    assert answer.json()["person"]["roles"] == ["viewer", "dispatcher"]
    me = (await api.http.get("/api/me")).json()
    assert me == answer.json()
    assert (await api.http.get("/api/status.json")).status_code == 200
    ((by, action, target, after),) = rows(
        api, "SELECT person, action, target, after FROM audit_log WHERE action LIKE 'session.%%'"
    )
    assert (by, action, target) == (NAME, "session.sign_in", f"user {NAME}")
    assert after == {"address": "127.0.0.1", "by": "password"}


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    api: Instance, person: int
) -> None:
    name, cookie = cookie_of(await try_in(api.http))
    assert name == COOKIE
    assert cookie["httponly"]
    assert str(cookie["samesite"]).lower() == "lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert cookie["max-age"] == ""  # it ends with the browser


async def test_over_https_the_cookie_is_of_this_host_and_of_https_alone(
    town_settings: Settings, person: int
) -> None:
    secured = town_settings.model_copy(update={"public_url": "https://bus.example"})
    async with running(secured) as api:
        name, cookie = cookie_of(await try_in(api.http))
        assert name == SECURE_COOKIE == "__Host-sapar_session"
        assert cookie["secure"]
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
        # Who can answer for plain HTTP on the way could set the name without the prefix.
        async with httpx.AsyncClient(base_url=api.url) as victim:
            victim.cookies.set(COOKIE, str(cookie["value"]))
            assert (await victim.get("/api/me")).json()["person"] is None


async def test_the_database_has_no_token_and_the_answer_is_kept_by_nobody(
    api: Instance, person: int
) -> None:
    answer = await try_in(api.http)
    token = str(cookie_of(answer)[1]["value"])
    assert len(token) >= 43  # 256 bits
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert token not in answer.text
    ((kept,),) = rows(api, "SELECT token_hash FROM session")
    assert kept == token_hash(token)


async def test_a_session_that_was_there_before_is_not_taken_over(
    api: Instance, person: int
) -> None:
    """Fixation: whoever plants a token in the browser does not get the person's session."""
    planted = "a" * 43
    api.http.cookies.set(COOKIE, planted)
    token = str(cookie_of(await try_in(api.http))[1]["value"])
    assert token != planted
    async with httpx.AsyncClient(base_url=api.url, cookies={COOKIE: planted}) as attacker:
        assert (await attacker.get("/api/me")).json()["person"] is None


async def test_signing_in_again_ends_the_session_of_this_browser(
    api: Instance, person: int
) -> None:
    first = str(cookie_of(await try_in(api.http))[1]["value"])
    second = str(cookie_of(await try_in(api.http))[1]["value"])
    assert first != second
    async with httpx.AsyncClient(base_url=api.url, cookies={COOKIE: first}) as old:
        assert (await old.get("/api/me")).json()["person"] is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
async def test_another_sites_page_signs_nobody_in_and_acts_for_nobody(
    api: Instance, person: int, headers: dict[str, str]
) -> None:
    body = {"name": NAME, "password": PASSWORD}
    answer = await api.http.post("/api/session", json=body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (403, "csrf")
    await sign_in(api.http, api.conninfo, ("admin",))  # with the right header, even
    answer = await api.http.post("/api/keys", json={"name": "x"}, headers=headers)
    assert (answer.status_code, code_of(answer)) == (403, "csrf")
    assert rows(api, "SELECT 1 FROM api_key") == []


async def test_a_form_cannot_sign_in(api: Instance, person: int) -> None:
    """Forms of other sites are sent without asking first; they cannot be JSON by type."""
    text = f'{{"name": "{NAME}", "password": "{PASSWORD}"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await api.http.post(
            "/api/session", content=text.encode(), headers={"content-type": kind}
        )
        assert answer.status_code == 422


async def test_a_browser_is_told_that_other_sites_may_not_act(api: Instance) -> None:
    asked = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-sapar-csrf",
    }
    answer = await api.http.options("/api/session", headers=asked)
    assert "POST" not in answer.headers["access-control-allow-methods"]
    assert CSRF_HEADER not in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    open_one = await api.http.get("/api/agencies.json", headers={"origin": "https://app.example"})
    assert open_one.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in open_one.headers


async def test_texts_that_no_database_keeps_are_refused_politely(api: Instance) -> None:
    bodies = [
        rb'{"name": "\ud800", "password": "x"}',
        rb'{"name": "x", "password": "\udfff"}',
        b'{"name": "x", "password": "x", "admin": true}',
        b'{"name": ["x"], "password": {}}',
        b"[]",
        b"{",
        b"\xff\xfe",
    ]
    for body in bodies:
        headers = {"content-type": "application/json"}
        answer = await api.http.post("/api/session", content=body, headers=headers)
        assert answer.status_code in {401, 422}, (body, answer.text)


async def test_an_origin_that_is_none_is_another_site(api: Instance, person: int) -> None:
    answer = await api.http.post(
        "/api/session", json={"name": NAME, "password": PASSWORD}, headers={"origin": "http://["}
    )
    assert (answer.status_code, code_of(answer)) == (403, "csrf")


async def test_nobody_makes_an_instance_read_more_than_a_body_may_have(api: Instance) -> None:
    long = b'{"name": "' + b"a" * BODY_MAX + b'"}'
    answer = await api.http.post("/api/session", content=long)
    assert (answer.status_code, code_of(answer)) == (413, "body_too_long")

    async def unannounced() -> AsyncIterator[bytes]:
        yield b'{"name": "'
        for _ in range(BODY_MAX // 65_536 + 1):
            yield b"a" * 65_536
        yield b'"}'

    # who does not say how long it is, and who is not signed in at an address that needs it
    headers = {"content-type": "application/json"}
    for path in ("/api/session", "/api/people", "/api/rider/reports"):
        answer = await api.http.post(path, content=unannounced(), headers=headers)
        assert answer.status_code in {400, 422}
    assert (await api.http.get("/healthz")).status_code == 200


async def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    api: Instance, town_settings: Settings, person: int
) -> None:
    now = datetime.now(UTC)
    visitor = Visitor("127.0.0.1", "test", None, now, now)

    class Slow(Passwords):
        """Somebody gives the person another password before the check is over."""

        async def check(self, password_hash: str | None, password: str) -> bool:
            right = await super().check(password_hash, password)
            async with pool.connection() as connection:
                by = Actor("admin", None, now, now)
                other = await self.make_hash("another password 8")
                await set_password(connection, by, person, other, temporary=True)
            return right

    async with open_pool(api.conninfo) as pool:
        slow = Slow(town_settings)
        with pytest.raises(NotSignedIn) as refused:
            await sign_in_at_once(pool, town_settings, slow, visitor, NAME, PASSWORD)
    assert refused.value.code == "wrong_sign_in"
    assert rows(api, "SELECT 1 FROM session WHERE ended_at IS NULL") == []
