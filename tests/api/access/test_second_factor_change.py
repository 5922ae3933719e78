"""A second factor that is set is replaced or dropped by who has it, not by who knows the password."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sapar.access import second_factor
from sapar.api.access.guard import CSRF_HEADER
from sapar.core.db import connect, connect_async
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_now, code_of, rows, try_in
from tests.api.access.test_own import somebody_waits
from tests.api.conftest import Instance, running, until

_PATH = "/api/me/second-factor"
_NEW = second_factor.make_secret()
_OLD = second_factor.make_secret()


def factor(api: Instance) -> bytes | None:
    ((secret,),) = rows(api, "SELECT second_factor FROM person")
    return secret if secret is None else bytes(secret)


async def signed_in(api: Instance, secret: bytes | None = _OLD) -> dict[str, str]:
    """The header to act with, of a person who has this second factor now; no code was used."""
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE person SET second_factor = %s", (secret,))
    return headers


async def change(
    api: Instance, headers: dict[str, str], act: str, typed: str | None = None, **more: object
) -> httpx.Response:
    """Replace or drop; `more` stands in the place of what is right."""
    body: dict[str, object] = {"password": PASSWORD}
    if typed is not None:
        body["code_now"] = typed
    if act == "replace":
        body |= {"secret": second_factor.secret_text(_NEW), "code": code_now(_NEW)}
        return await api.http.put(_PATH, json=body | more, headers=headers)
    return await api.http.request("DELETE", _PATH, json=body | more, headers=headers)


@pytest.mark.parametrize("act", ["replace", "drop"])
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (None, "code_needed"),
        (lambda: "  ", "code_needed"),
        (lambda: "no code", "wrong_code_now"),
        (lambda: code_now(_OLD, 5), "wrong_code_now"),
        (lambda: code_now(_NEW), "wrong_code_now"),
    ],
)
async def test_without_a_code_of_it_the_second_factor_stays(
    api: Instance, person: int, act: str, typed: object, code: str
) -> None:
    headers = await signed_in(api)
    told = await change(api, headers, act, typed() if callable(typed) else None)
    assert (told.status_code, code_of(told)) == (403, code)
    assert factor(api) == _OLD
    assert rows(api, "SELECT 1 FROM audit_log WHERE action = 'user.second_factor'") == []


@pytest.mark.parametrize(("act", "after"), [("replace", _NEW), ("drop", None)])
async def test_with_a_code_of_it_it_is_changed_and_the_code_counts_once(
    api: Instance, person: int, act: str, after: bytes | None
) -> None:
    headers = await signed_in(api)
    code = code_now(_OLD)
    api.http.cookies.clear()
    headers = {CSRF_HEADER: (await try_in(api.http, code=code)).json()["csrf"]}
    replayed = await change(api, headers, act, code)
    assert (replayed.status_code, code_of(replayed)) == (403, "wrong_code_now")
    assert factor(api) == _OLD
    done = await change(api, headers, act, code_now(_OLD, 1))
    assert done.status_code == 200, done.text
    assert factor(api) == after
    ((before,),) = rows(api, "SELECT before FROM audit_log WHERE action = 'user.second_factor'")
    assert before == {"second_factor": True}


@pytest.mark.parametrize("typed", [None, "", "000000"])
async def test_the_first_one_needs_no_code_but_its_own(
    api: Instance, person: int, typed: str | None
) -> None:
    headers = await signed_in(api, None)
    assert (await change(api, headers, "replace", typed)).status_code == 200
    assert factor(api) == _NEW


async def test_another_mistake_does_not_use_the_code_up(api: Instance, person: int) -> None:
    headers = await signed_in(api)
    code = code_now(_OLD)
    password = await change(api, headers, "replace", code, password="not the password")
    assert (password.status_code, code_of(password)) == (403, "wrong_password")
    unscanned = await change(api, headers, "replace", code, code="000000")
    assert (unscanned.status_code, code_of(unscanned)) == (422, "wrong_code")
    assert factor(api) == _OLD
    assert (await change(api, headers, "replace", code)).status_code == 200


@pytest.mark.parametrize("act", ["replace", "drop"])
async def test_codes_are_guessed_no_more_often_than_at_the_sign_in(
    api: Instance, town_settings: Settings, person: int, act: str
) -> None:
    """Asking without a code gives wrong codes no new start, and neither does the password."""
    headers = await signed_in(api)
    for _ in range(town_settings.sign_in_tries_name - 1):
        assert code_of(await change(api, headers, act)) == "code_needed"
        assert code_of(await change(api, headers, act, "no code")) == "wrong_code_now"
    assert code_of(await change(api, headers, act, "no code")) == "wrong_code_now"
    with connect(api.conninfo) as connection:  # however slow this machine is
        connection.execute(
            "UPDATE sign_in_try SET blocked_until = blocked_until + interval '1 minute'"
            " WHERE blocked_until > last_at"
        )
    late = await change(api, headers, act, code_now(_OLD))
    assert (late.status_code, code_of(late)) == (429, "too_many_tries")
    assert int(late.headers["retry-after"]) >= 1
    assert factor(api) == _OLD


async def test_a_second_factor_that_is_set_meanwhile_is_not_written_over(
    api: Instance, person: int
) -> None:
    """No code was asked for, for there was none yet: that must not replace the one there is now."""
    headers = await signed_in(api, None)
    async with await connect_async(api.conninfo, autocommit=False) as owner:
        await owner.execute("UPDATE person SET second_factor = %s", (_OLD,))
        asked = asyncio.create_task(change(api, headers, "replace"))
        await until(lambda: somebody_waits(api))
        await owner.commit()
    told = await asked
    assert (told.status_code, code_of(told)) == (403, "wrong_code_now")
    assert factor(api) == _OLD


@pytest.mark.parametrize(
    ("public_url", "issuer"),
    [
        ("", "Sapar 127.0.0.1"),
        ("http://Bus.example.kz:8443/", "Sapar bus.example.kz"),
        ("http://[2001:db8::1]:8000", "Sapar 2001-db8--1"),
    ],
)
async def test_a_telephone_tells_the_deployments_apart(
    town_settings: Settings, person: int, public_url: str, issuer: str
) -> None:
    """A colon would end the issuer's name in the label (Key URI format)."""
    async with running(town_settings.model_copy(update={"public_url": public_url})) as api:
        headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
        address = (await api.http.post(_PATH, headers=headers)).json()["address"]
    parts = urlsplit(address)
    assert parts.path.replace("%20", " ") == f"/{issuer}%3A{NAME}"
    assert parse_qs(parts.query)["issuer"] == [issuer]
