"""What a person changes of oneself, while an admin takes the account out of somebody's hands."""

import asyncio
import base64
from datetime import UTC, datetime

import httpx
import pytest

from sapar.access import second_factor
from sapar.access.passwords import Passwords
from sapar.access.people import set_password
from sapar.access.register import Actor
from sapar.api.access.guard import CSRF_HEADER
from sapar.core.db import connect, connect_async
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_now, code_of, rows, try_in
from tests.api.access_help import add_user
from tests.api.conftest import Instance, until

GIVEN = "given by the admin 8"


def somebody_waits(api: Instance) -> bool:
    """Whether a request has come so far that only the admin's transaction holds it up."""
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return rows(api, query) != []


@pytest.mark.parametrize("act", ["password", "set", "drop"])
async def test_a_password_that_is_taken_away_meanwhile_proves_nothing(
    api: Instance, town_settings: Settings, person: int, act: str
) -> None:
    """The password is checked, then hashed and written: long enough for an admin to give another.

    Who knew the old one must not write over that: the account would be that one's again.
    """
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    secret = second_factor.make_secret()
    now = datetime.now(UTC)
    with connect(api.conninfo) as connection:
        kept = second_factor.make_secret() if act == "drop" else None
        connection.execute("UPDATE person SET second_factor = %s", (kept,))
    given = await Passwords(town_settings).make_hash(GIVEN)

    async def ask() -> httpx.Response:
        if act == "password":
            body = {"old": PASSWORD, "new": "kept by who stole it"}
            return await api.http.post("/api/me/password", json=body, headers=headers)
        body = {"password": PASSWORD}
        if kept is not None:
            body["code_now"] = code_now(kept)
            path = "/api/me/second-factor"
            return await api.http.request("DELETE", path, json=body, headers=headers)
        body |= {"secret": base64.b32encode(secret).decode(), "code": code_now(secret)}
        return await api.http.put("/api/me/second-factor", json=body, headers=headers)

    async with await connect_async(api.conninfo, autocommit=False) as admin:
        by = Actor("admin", None, now, now)
        await set_password(admin, by, person, given, temporary=True)
        asked = asyncio.create_task(ask())
        await until(lambda: somebody_waits(api))
        await admin.commit()
    answer = await asked
    assert (answer.status_code, code_of(answer)) == (403, "wrong_password")
    assert rows(api, "SELECT password_hash, second_factor FROM person") == [(given, kept)]
    assert rows(api, "SELECT 1 FROM session WHERE ended_at IS NULL") == []
    api.http.cookies.clear()
    assert code_of(await try_in(api.http, NAME, PASSWORD)) == "wrong_sign_in"


async def test_a_sign_in_that_began_before_the_second_factor_opens_nothing(
    api: Instance, person: int
) -> None:
    async with await connect_async(api.conninfo, autocommit=False) as owner:
        secret = second_factor.make_secret()
        await owner.execute("UPDATE person SET second_factor = %s", (secret,))
        asked = asyncio.create_task(try_in(api.http, NAME, PASSWORD))
        await until(lambda: somebody_waits(api))
        await owner.commit()
    assert code_of(await asked) == "wrong_sign_in"
    assert rows(api, "SELECT 1 FROM session WHERE ended_at IS NULL") == []
    assert code_of(await try_in(api.http, NAME, PASSWORD)) == "code_needed"


async def test_a_second_factor_ends_the_sessions_that_no_code_opened(
    api: Instance, person: int
) -> None:
    """Who has the password alone may be signed in already, and would stay."""
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    secret = second_factor.make_secret()
    text, code = second_factor.secret_text(secret), code_now(secret)
    body = {"password": PASSWORD, "secret": text, "code": code}
    async with httpx.AsyncClient(base_url=api.url) as other:
        assert (await try_in(other)).status_code == 200
        answer = await api.http.put("/api/me/second-factor", json=body, headers=headers)
        assert answer.status_code == 200
        assert (await other.get("/api/status.json")).status_code == 401
    assert (await api.http.get("/api/status.json")).status_code == 200
    ((after,),) = rows(api, "SELECT after FROM audit_log WHERE action = 'user.second_factor'")
    assert after == {"second_factor": True, "sessions_ended": 1}


async def test_at_an_admins_unlocked_screen_the_admins_own_second_factor_stays(
    api: Instance, town_settings: Settings
) -> None:
    user_id = await add_user(town_settings, NAME, PASSWORD, ["admin"])
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    secret = second_factor.make_secret()
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE person SET second_factor = %s", (secret,))
    refused = await api.http.delete(f"/api/people/{user_id}/second-factor", headers=headers)
    assert (refused.status_code, code_of(refused)) == (403, "own_second_factor")
    assert rows(api, "SELECT second_factor FROM person") == [(secret,)]
    body = {"password": PASSWORD, "code_now": code_now(secret)}
    path = "/api/me/second-factor"
    dropped = await api.http.request("DELETE", path, json=body, headers=headers)
    assert dropped.status_code == 200
