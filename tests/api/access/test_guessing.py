"""Guessing names, passwords and codes: what it is worth, over all instances together."""

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta

import pytest

from sapar.access import second_factor
from sapar.access.passwords import Passwords
from sapar.access.throttle import tries_of
from sapar.api.access.guard import CSRF_HEADER
from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api.access.signing import NAME, PASSWORD, code_of, rows, try_in
from tests.api.access_help import add_user
from tests.api.conftest import Instance, running


async def test_whatever_is_wrong_the_answer_is_the_same(
    api: Instance, town_settings: Settings, person: int
) -> None:
    await add_user(town_settings, "former", PASSWORD)
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE person SET ended_at = now() WHERE name = 'former'")
    tried = [
        (NAME, "not the password"),
        ("nobody-here", PASSWORD),
        ("former", PASSWORD),
        ("no such name at all!", PASSWORD),
        (NAME, PASSWORD * 10),
        (NAME, ""),
        ("\x00", "\x00"),
    ]
    answers = [await try_in(api.http, name, password) for name, password in tried]
    first = answers[0]
    assert (first.status_code, code_of(first)) == (401, "wrong_sign_in")
    assert "access-control-allow-origin" not in first.headers
    for answer in answers[1:]:
        assert answer.content == first.content
        assert answer.status_code == first.status_code
        assert "set-cookie" not in answer.headers
    # A password typed into the name's field is not kept for auditors to read.
    targets = {target for (target,) in rows(api, "SELECT target FROM audit_log")}
    assert targets <= {f"user {NAME}", "user (unknown)", "user former"}


async def test_a_name_that_is_nobodys_takes_the_same_work(
    town_settings: Settings, agency: str
) -> None:
    """Enumeration: the work, not the clock of this machine, is what is compared."""
    passwords = Passwords(town_settings)
    checked: list[str] = []
    check = passwords._hasher.verify

    class Watching:
        def __getattr__(self, name: str) -> object:
            return getattr(type(self).hasher, name)

        hasher = passwords._hasher

        def verify(self, password_hash: str, password: str) -> bool:
            checked.append(password_hash)
            return check(password_hash, password)

    passwords._hasher = Watching()  # type: ignore[assignment]
    real = await passwords.make_hash(PASSWORD)
    assert await passwords.check(real, PASSWORD)
    assert not await passwords.check(real, "wrong")
    assert not await passwords.check(None, PASSWORD)
    assert len(checked) == 3
    # One hash each time, of the same parameters: 64 MiB once is 64 MiB once.
    assert {text.rsplit("$", 2)[0] for text in checked} == {real.rsplit("$", 2)[0]}


async def test_brute_force_is_stopped_over_all_instances_together(
    town_settings: Settings, person: int
) -> None:
    async with running(town_settings) as one, running(town_settings) as two:
        answers = []
        for number in range(8):
            http = (one, two)[number % 2].http
            answers.append(await try_in(http, NAME, f"guess number {number}"))
        heard = [answer for answer in answers if answer.status_code == 401]
        waits = [answer for answer in answers if answer.status_code == 429]
        assert len(heard) == town_settings.sign_in_tries_name == 5
        assert len(waits) == 3
        for answer in waits:
            assert code_of(answer) == "too_many_tries"
            assert 1 <= int(answer.headers["retry-after"]) <= 2
        # The right password has to wait as well: else it would tell itself.
        assert (await try_in(two.http)).status_code == 429
        # Nobody's name is counted in the same way.
        for number in range(6):
            answer = await try_in((one, two)[number % 2].http, "nobody", "guess")
        assert (answer.status_code, code_of(answer)) == (429, "too_many_tries")


async def test_a_hundred_guesses_at_once_are_heard_no_more_often(
    town_settings: Settings, person: int
) -> None:
    async with running(town_settings) as one, running(town_settings) as two:
        tries = [try_in((one, two)[n % 2].http, NAME, f"guess {n}") for n in range(40)]
        answers = await asyncio.gather(*tries)
    heard = [answer for answer in answers if answer.status_code == 401]
    # each second that passes while they run buys at most one more
    assert 5 <= len(heard) <= 12
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_waits_grow_and_end_and_a_right_password_starts_anew(
    api: Instance, person: int
) -> None:
    def pass_time(seconds: float) -> None:
        with connect(api.conninfo) as connection:
            connection.execute(
                "UPDATE sign_in_try SET last_at = last_at - %s, blocked_until = blocked_until - %s",
                (timedelta(seconds=seconds), timedelta(seconds=seconds)),
            )

    for _ in range(5):
        assert (await try_in(api.http, NAME, "guess")).status_code == 401
    waits = []
    for _ in range(10):
        answer = await try_in(api.http, NAME, "guess")
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        pass_time(waits[-1] + 1)
        assert (await try_in(api.http, NAME, "guess")).status_code == 401
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] == 300  # the longest, as the setting has it
    pass_time(301)
    assert (await try_in(api.http)).status_code == 200
    for _ in range(4):
        assert (await try_in(api.http, NAME, "guess")).status_code == 401


async def test_one_address_does_not_try_everybody(api: Instance, person: int) -> None:
    for number in range(30):
        assert (await try_in(api.http, f"name{number}", "Almaty-2026!")).status_code == 401
    assert (await try_in(api.http, "name31", "Almaty-2026!")).status_code == 429
    # One's own account buys no tries: its right password gives back its own try alone.
    with connect(api.conninfo) as connection:
        connection.execute("UPDATE sign_in_try SET blocked_until = now() - interval '1 second'")
    assert (await try_in(api.http)).status_code == 200
    ((most,),) = rows(api, "SELECT max(tries) FROM sign_in_try")
    assert most == 30


async def test_who_guesses_from_elsewhere_does_not_lock_the_person_out(
    api: Instance, person: int
) -> None:
    assert (await try_in(api.http)).status_code == 200  # known from this address now
    with connect(api.conninfo) as connection:  # ... and an attacker elsewhere ran into the limit
        connection.execute(
            "INSERT INTO sign_in_try VALUES (%s, 50, now(), now() + interval '300 s')",
            (tries_of(NAME, "203.0.113.9", known_there=False).name,),
        )
    assert (await try_in(api.http)).status_code == 200


async def test_guessing_the_password_at_an_unlocked_screen_is_limited(
    api: Instance, person: int
) -> None:
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    body = {"old": "guess", "new": "something else, long"}
    answers = [
        await api.http.post("/api/me/password", json=body, headers=headers) for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]


@pytest.fixture
async def with_code(api: Instance, person: int) -> tuple[bytes, int]:
    """The secret of a second factor that the person has set, and the step of the code for it."""
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    offered = (await api.http.post("/api/me/second-factor", headers=headers)).json()
    assert offered["address"].startswith("otpauth://totp/Sapar%20127.0.0.1%3Aaigerim?secret=")
    secret = base64.b32decode(offered["secret"])
    body = {"password": PASSWORD, "secret": offered["secret"], "code": "000000"}
    refused = await api.http.put("/api/me/second-factor", json=body, headers=headers)
    assert code_of(refused) == "wrong_code"
    step = int(time.time()) // second_factor.STEP_S
    body["code"] = second_factor.code_at(secret, step)
    done = await api.http.put("/api/me/second-factor", json=body, headers=headers)
    assert done.status_code == 200, done.text
    api.http.cookies.clear()
    return secret, step


async def test_a_second_factor_is_asked_for_and_taken_once(
    api: Instance, with_code: tuple[bytes, int]
) -> None:
    answer = await try_in(api.http)
    assert (answer.status_code, code_of(answer)) == (401, "code_needed")
    # Without the right password nobody learns that there is a second factor.
    assert code_of(await try_in(api.http, NAME, "guess")) == "wrong_sign_in"
    secret, step = with_code
    used, unused = (second_factor.code_at(secret, n) for n in (step, step + 1))
    assert code_of(await try_in(api.http, code=used)) == "wrong_code"  # it set the factor up
    assert (await try_in(api.http, code=unused)).status_code == 200
    assert code_of(await try_in(api.http, code=unused)) == "wrong_code"


async def test_codes_are_not_guessed(api: Instance, with_code: tuple[bytes, int]) -> None:
    """Asking for the code anew gives wrong codes no new start."""
    statuses = []
    for number in range(12):
        statuses.append((await try_in(api.http)).status_code)
        statuses.append((await try_in(api.http, code=f"{number:06}")).status_code)
    assert statuses.count(429) > 0
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("step_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(step_s: int, code: str) -> None:
    """RFC 6238, appendix B, cut to six digits."""
    secret = b"12345678901234567890"
    assert second_factor.code_at(secret, step_s // 30) == code
    at = datetime.fromtimestamp(step_s, UTC)
    assert second_factor.find_step(secret, f"{code[:3]} {code[3:]}", at) == step_s // 30
    assert second_factor.find_step(secret, code, at + timedelta(seconds=61)) is None
