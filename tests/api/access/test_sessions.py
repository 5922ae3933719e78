"""Sessions and passwords: how they end, and what ends with them."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from sapar.access.sessions import csrf_of
from sapar.api import errors
from sapar.api.access import guard as guard_module
from sapar.api.access.guard import COOKIE, CSRF_HEADER, Guard
from sapar.core.clock import ManualClock, SystemClock
from sapar.core.db import Pool, connect, open_pool
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_of, cookie_of, rows, try_in
from tests.api.access_help import add_user, make_session, sign_in
from tests.api.conftest import Instance, running


async def test_signing_out_ends_it_everywhere(town_settings: Settings, person: int) -> None:
    async with running(town_settings) as one, running(town_settings) as two:
        answer = await try_in(one.http)
        token = str(cookie_of(answer)[1]["value"])
        two.http.cookies.set(COOKIE, token)
        assert (await two.http.get("/api/status.json")).status_code == 200
        out = await one.http.delete("/api/session", headers={CSRF_HEADER: answer.json()["csrf"]})
        assert out.status_code == 200
        assert cookie_of(out)[1]["max-age"] == "0"
        answer = await two.http.get("/api/status.json")
        assert (answer.status_code, code_of(answer)) == (401, "sign_in_first")
        headers = {CSRF_HEADER: csrf_of(token)}
        again = await two.http.delete("/api/session", headers=headers)
        assert again.status_code == 200  # nothing is left to end


async def test_signing_out_is_the_persons_own_wish(api: Instance, person: int) -> None:
    await try_in(api.http)
    answer = await api.http.delete("/api/session")
    assert (answer.status_code, code_of(answer)) == (403, "csrf")
    assert (await api.http.get("/api/me")).json()["person"] is not None


async def test_a_revoked_session_is_over_at_once_and_so_is_an_ended_persons(
    api: Instance, person: int
) -> None:
    await try_in(api.http)
    async with httpx.AsyncClient(base_url=api.url) as admin:
        await sign_in(admin, api.conninfo, ("admin",))
        shown = (await admin.get(f"/api/people/{person}")).json()
        (session,) = shown["sessions"]
        assert session["address"] == "127.0.0.1"
        answer = await admin.delete(f"/api/people/{person}/sessions/{session['session_no']}")
        assert answer.status_code == 200
        assert (await api.http.get("/api/status.json")).status_code == 401
        await try_in(api.http)
        assert (await api.http.get("/api/status.json")).status_code == 200
        answer = await admin.patch(f"/api/people/{person}", json={"ended": True})
        assert answer.status_code == 200
    assert (await api.http.get("/api/status.json")).status_code == 401
    assert code_of(await try_in(api.http)) == "wrong_sign_in"


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        ("last_seen_at = now() - interval '59 minutes'", True),
        ("last_seen_at = now() - interval '61 minutes'", False),
        ("created_at = now() - interval '15 h', expires_at = now() + interval '1 s'", True),
        ("created_at = now() - interval '15 h', expires_at = now() - interval '1 s'", False),
    ],
)
async def test_sessions_end_by_idleness_and_by_age(
    api: Instance, person: int, change: str, stands: bool
) -> None:
    await try_in(api.http)
    ((lasts, idle),) = rows(api, "SELECT expires_at - created_at, idle_s FROM session")
    assert lasts == timedelta(hours=14)
    assert idle == 3600
    with connect(api.conninfo) as connection:
        connection.execute(f"UPDATE session SET {change}")
    expected = 200 if stands else 401
    assert (await api.http.get("/api/status.json")).status_code == expected


async def test_looking_on_is_no_sign_of_life_but_input_and_acts_are(
    api: Instance, person: int
) -> None:
    csrf = (await try_in(api.http)).json()["csrf"]

    def seen_ago() -> float:
        ((ago,),) = rows(api, "SELECT extract(epoch FROM now() - last_seen_at) FROM session")
        return float(ago)

    def sleep() -> None:
        with connect(api.conninfo) as connection:
            connection.execute("UPDATE session SET last_seen_at = now() - interval '30 minutes'")

    sleep()
    await api.http.get("/api/status.json")  # as a page does by itself, every two seconds
    assert seen_ago() > 1700
    await api.http.get("/api/me")  # as a page does once a minute after input
    assert seen_ago() < 60
    sleep()
    await api.http.patch("/api/me", json={"language": "kk"}, headers={CSRF_HEADER: csrf})
    assert seen_ago() < 60


async def test_a_wall_screen_stays_signed_in(api: Instance, town_settings: Settings) -> None:
    await add_user(town_settings, "wall", PASSWORD, ["viewer"])
    _, cookie = cookie_of(await try_in(api.http, "wall"))
    assert cookie["max-age"] == str(30 * 86400)
    ((lasts, idle),) = rows(api, "SELECT expires_at - created_at, idle_s FROM session")
    assert lasts == timedelta(days=30)
    assert idle is None


async def test_new_parameters_take_hold_when_somebody_signs_in(
    town_settings: Settings, person: int
) -> None:
    stronger = town_settings.model_copy(update={"password_argon2_time": 2})
    async with running(stronger) as api:
        ((before,),) = rows(api, "SELECT password_hash FROM person")
        assert "t=1," in before
        assert (await try_in(api.http, NAME, "wrong")).status_code == 401
        assert rows(api, "SELECT password_hash FROM person") == [(before,)]
        assert (await try_in(api.http)).status_code == 200
        ((after,),) = rows(api, "SELECT password_hash FROM person")
        assert "t=2," in after
        assert (await try_in(api.http)).status_code == 200


async def test_a_change_of_password_ends_the_other_sessions(api: Instance, person: int) -> None:
    csrf = (await try_in(api.http)).json()["csrf"]
    http, headers = api.http, {CSRF_HEADER: csrf}
    async with httpx.AsyncClient(base_url=api.url) as other:
        await try_in(other)

        async def change(old: str, new: str) -> httpx.Response:
            body = {"old": old, "new": new}
            return await http.post("/api/me/password", json=body, headers=headers)

        assert code_of(await change("wrong", "a new one, long enough")) == "wrong_password"
        for new, code in [
            ("short one", "password_short"),
            ("abababababab", "password_plain"),
            ("i am Aigerim from Aktobe", "password_name"),
            (PASSWORD, "password_same"),
            ("long" * 65, "password_long"),
        ]:
            assert code_of(await change(PASSWORD, new)) == code
        assert (await other.get("/api/status.json")).status_code == 200
        assert (await change(PASSWORD, "no capitals needed")).status_code == 200
        assert (await other.get("/api/status.json")).status_code == 401
    assert (await http.get("/api/status.json")).status_code == 200
    assert (await try_in(http)).status_code == 401
    assert (await try_in(http, NAME, "no capitals needed")).status_code == 200
    written = rows(api, "SELECT after::text FROM audit_log WHERE action = 'user.password'")
    assert len(written) == 1
    assert "capitals" not in written[0][0]


async def test_a_first_password_opens_nothing_but_its_change(
    api: Instance, town_settings: Settings
) -> None:
    await add_user(town_settings, "new", "given-by-the-admin", ["admin"], temporary=True)
    answer = await try_in(api.http, "new", "given-by-the-admin")
    assert answer.json()["person"]["password_temporary"]
    headers = {CSRF_HEADER: answer.json()["csrf"]}
    for path in ("/api/status.json", "/api/people", "/api/audit"):
        refused = await api.http.get(path)
        assert (refused.status_code, code_of(refused)) == (403, "change_password")
    body = {"old": "given-by-the-admin", "new": "my very own words"}
    changed = await api.http.post("/api/me/password", json=body, headers=headers)
    assert changed.status_code == 200
    assert (await api.http.get("/api/people")).status_code == 200


async def test_who_can_only_be_looked_up_waits_while_all_connections_are_in_use(
    town_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too busy is not away: an act is told to come back only after a wait of our own."""
    monkeypatch.setattr(guard_module, "_AWAY_S", 0.2)
    conninfo = town_settings.database_url.get_secret_value()
    _, token = await make_session(conninfo, ("dispatcher",))
    app = FastAPI()
    errors.install(app)
    async with open_pool(conninfo, max_size=1) as pool:
        guard = Guard(town_settings, pool, SystemClock())

        def nothing() -> dict[str, str]:
            return {}

        for method in ("GET", "POST"):
            wanted: Any = Depends(guard.needs("dispatcher"))
            app.add_api_route("/desk", nothing, methods=[method], dependencies=[wanted])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
            http.cookies.set(COOKIE, token)
            http.headers[CSRF_HEADER] = csrf_of(token)
            assert (await http.get("/desk")).status_code == 200
            async with pool.connection():
                # who was known a moment ago looks on meanwhile
                assert (await http.get("/desk")).status_code == 200
                acting = asyncio.create_task(http.post("/desk"))
                await asyncio.sleep(0.3)
                assert not acting.done()
            assert (await acting).status_code == 200


async def test_without_the_database_who_was_known_looks_on_and_does_not_act(
    town_settings: Settings, pool: Pool
) -> None:
    """The live state comes over the broker: the map must not go dark with the database."""
    clock = ManualClock()
    guard = Guard(town_settings, pool, clock)
    conninfo = town_settings.database_url.get_secret_value()
    _, token = await make_session(conninfo, ("dispatcher",))
    clock.set(time.time())
    app = FastAPI()
    errors.install(app)

    def nothing() -> dict[str, str]:
        return {}

    for method, role in (("GET", "viewer"), ("POST", "dispatcher")):
        app.add_api_route(
            "/desk",
            nothing,
            methods=[method],
            dependencies=[Depends(guard.needs(role))],  # type: ignore[arg-type]
        )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
        http.cookies.set(COOKIE, token)
        http.headers[CSRF_HEADER] = csrf_of(token)
        assert [(await http.request(m, "/desk")).status_code for m in ("GET", "POST")] == [200] * 2
        await pool.close()
        assert (await http.get("/desk")).status_code == 200
        assert (await http.post("/desk")).status_code == 503
        clock.advance(town_settings.session_outage_s + 1)
        assert (await http.get("/desk")).status_code == 503  # known too long ago
        http.cookies.set(COOKIE, "b" * 43)
        assert (await http.get("/desk")).status_code == 503  # never known
