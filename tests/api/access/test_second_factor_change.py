"""Who has the second factor that is set changes it and the password, not who knows the password."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sapar.access import second_factor
from sapar.access.sign_in import use_code
from sapar.api.access.guard import CSRF_HEADER
from sapar.core.db import connect, connect_async
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_now, code_of, rows, try_in
from tests.api.access.test_own import somebody_waits
from tests.api.conftest import Instance, running, until

_PATH = "/api/me/second-factor"
_NEW = second_factor.make_secret()
_OLD = second_factor.make_secret()
_WORDS = "my very own words"


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
    """Replace or drop it, or change the password; `more` stands in the place of what is right."""
    body: dict[str, object] = {"password": PASSWORD}
    if typed is not None:
        body["code_now"] = typed
    if act == "replace":
        body |= {"secret": second_factor.secret_text(_NEW), "code": code_now(_NEW)}
        return await api.http.put(_PATH, json=body | more, headers=headers)
    if act == "password":
        body |= {"old": body.pop("password"), "new": _WORDS}
        return await api.http.post("/api/me/password", json=body | more, headers=headers)
    return await api.http.request("DELETE", _PATH, json=body | more, headers=headers)


@pytest.mark.parametrize("act", ["replace", "drop", "password"])
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
async def test_without_a_code_of_it_all_stays_as_it_is(
    api: Instance, person: int, act: str, typed: object, code: str
) -> None:
    headers = await signed_in(api)
    told = await change(api, headers, act, typed() if callable(typed) else None)
    assert (told.status_code, code_of(told)) == (403, code)
    assert factor(api) == _OLD
    query = "SELECT 1 FROM audit_log WHERE action IN ('user.second_factor', 'user.password')"
    assert rows(api, query) == []
    api.http.cookies.clear()
    assert (await try_in(api.http, code=code_now(_OLD))).status_code == 200


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


@pytest.mark.parametrize("act", ["replace", "drop", "password"])
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


@pytest.mark.parametrize("act", ["replace", "password"])
async def test_a_second_factor_that_is_set_meanwhile_is_not_gone_round(
    api: Instance, person: int, act: str
) -> None:
    """No code was asked for, for there was none yet: that proves nothing about the one now."""
    headers = await signed_in(api, None)
    async with await connect_async(api.conninfo, autocommit=False) as owner:
        await owner.execute("UPDATE person SET second_factor = %s", (_OLD,))
        asked = asyncio.create_task(change(api, headers, act))
        await until(lambda: somebody_waits(api))
        await owner.commit()
    told = await asked
    assert (told.status_code, code_of(told)) == (403, "wrong_code_now")
    assert factor(api) == _OLD


async def test_a_code_changes_the_password_and_a_bad_one_does_not_use_it_up(
    api: Instance, person: int
) -> None:
    headers = await signed_in(api)
    code = code_now(_OLD)
    for new, said in [("short", "password_short"), (PASSWORD, "password_same")]:
        told = await change(api, headers, "password", code, new=new)
        assert (told.status_code, code_of(told)) == (422, said)
    assert (await change(api, headers, "password", code)).status_code == 200
    again = await change(api, headers, "password", code, old=_WORDS, new=PASSWORD)
    assert (again.status_code, code_of(again)) == (403, "wrong_code_now")
    api.http.cookies.clear()
    assert code_of(await try_in(api.http, NAME, _WORDS)) == "code_needed"


@pytest.mark.parametrize(
    ("act", "typed", "wrong", "code"),
    [
        ("replace", "no code", {}, "wrong_code_now"),
        ("drop", "no code", {}, "wrong_code_now"),
        ("password", "no code", {}, "wrong_code_now"),
        ("password", None, {"old": "a guess"}, "wrong_password"),
        ("drop", None, {"password": "a guess"}, "wrong_password"),
    ],
)
async def test_many_addresses_guess_no_more_often_than_one(
    town_settings: Settings, person: int, act: str, typed: str | None, wrong: dict, code: str
) -> None:
    """Who has a stolen session asks from everywhere; the person's own address is not held up."""
    settings = town_settings.model_copy(update={"http_trusted_proxies": "127.0.0.1"})
    async with running(settings) as api:
        headers = await signed_in(api)
        answers = []
        for address in (f"203.0.113.{n}" for n in range(1, 41)):
            there = headers | {"x-forwarded-for": address}
            answers += [await change(api, there, act, typed, **wrong) for _ in range(2)]
            with connect(api.conninfo) as connection:  # however slow this machine is
                connection.execute(
                    "UPDATE sign_in_try SET blocked_until = blocked_until + interval '1 minute'"
                    " WHERE blocked_until > last_at AND blocked_until < now() + interval '1 minute'"
                )
        said = [(answer.status_code, code_of(answer)) for answer in answers]
        free = settings.sign_in_tries_name
        assert said == [(403, code)] * free + [(429, "too_many_tries")] * (80 - free)
        assert (await change(api, headers, act, code_now(_OLD))).status_code == 200


async def test_a_code_of_a_secret_that_is_set_no_more_uses_nothing_up(
    api: Instance, person: int
) -> None:
    await signed_in(api)
    now = datetime.now(UTC)
    async with await connect_async(api.conninfo) as connection:
        assert not await use_code(connection, person, _NEW, code_now(_NEW), now)
        assert await use_code(connection, person, _OLD, code_now(_OLD), now)
        assert not await use_code(connection, person, _OLD, code_now(_OLD), now)


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


@pytest.mark.parametrize(
    ("host", "issuer"),
    [
        ("Bus.example.kz:8443", "Sapar bus.example.kz"),
        ("a" * 253, "Sapar " + "a" * 253),
        ("192.0.2.7", "Sapar 192.0.2.7"),
        ("[2001:db8::1]:8000", "Sapar 2001-db8--1"),
        ("a" * 254, "Sapar"),
        ("a" * 3000, "Sapar"),
        ("under_score", "Sapar"),
        ("[fe80::1%" + "a" * 3000 + "]", "Sapar 127.0.0.1"),
        ("[", "Sapar 127.0.0.1"),
        ("[nothing]", "Sapar 127.0.0.1"),
        ("two words", "Sapar 127.0.0.1"),
        ("<b>&", "Sapar 127.0.0.1"),
    ],
)
async def test_a_host_names_a_deployment_only_where_it_is_one(
    api: Instance, person: int, host: str, issuer: str
) -> None:
    """It is what the request says of itself, and a picture holds only so much.

    What cannot stand in a URL is not believed: the server's own address is taken.
    """
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"], "host": host}
    answer = await api.http.post(_PATH, headers=headers)
    assert answer.status_code == 200, answer.text
    assert parse_qs(urlsplit(answer.json()["address"]).query)["issuer"] == [issuer]
