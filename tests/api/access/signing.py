"""Trying to sign in, and what came of it."""

import time
from http.cookies import SimpleCookie

import httpx

from sapar.access import second_factor
from sapar.core.db import connect
from tests.api.conftest import Instance

NAME, PASSWORD = "aigerim", "қар астында бұлақ 7"


async def try_in(
    http: httpx.AsyncClient, name: str = NAME, password: str = PASSWORD, **more: object
) -> httpx.Response:
    return await http.post("/api/session", json={"name": name, "password": password, **more})


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def code_now(secret: bytes, steps: int = 0) -> str:
    """What the app on the telephone shows, or shows so many codes later."""
    return second_factor.code_at(secret, int(time.time()) // second_factor.STEP_S + steps)


def rows(api: Instance, query: str, *values: object) -> list[tuple]:
    with connect(api.conninfo) as connection:
        return connection.execute(query, values).fetchall()


def cookie_of(answer: httpx.Response) -> tuple[str, dict[str, object]]:
    """Name of the one cookie that an answer sets, and its attributes with its value."""
    (header,) = answer.headers.get_list("set-cookie")
    ((name, morsel),) = SimpleCookie(header).items()
    return name, {**dict(morsel), "value": morsel.value}
