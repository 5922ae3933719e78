"""How much may be asked: buckets, keys, what is counted, and the answers that refuse."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.access.keys import make_key
from sapar.api.limits import Buckets, hsts, tokens_of
from sapar.core.clock import ManualClock
from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api.conftest import Instance, running

BOARD = "/api/stops/S1-0/arrivals"


@given(
    st.integers(1, 6000),
    st.floats(0.1, 60),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_never_more_than_the_rate_and_one_burst(
    rate: int, burst_s: float, pauses: list[float]
) -> None:
    clock = ManualClock(0.0)
    buckets = Buckets(clock, burst_s)
    let_in = 0
    for pause in pauses:
        clock.advance(pause)
        wait_s = buckets.take("a", rate)
        let_in += wait_s == 0
        if wait_s:
            clock.advance(wait_s + 1e-6)
            assert buckets.take("a", rate) == 0  # who waits as long as told gets in
            let_in += 1
    most = max(1.0, rate / 60 * burst_s) + clock.monotonic() * rate / 60
    assert let_in <= most + 1e-6


def test_one_does_not_take_from_another() -> None:
    buckets = Buckets(ManualClock(0.0), 1.0)
    assert buckets.take("a", 60) == 0
    assert buckets.take("a", 60) == pytest.approx(1.0)
    assert buckets.take("b", 60) == 0


def _limited(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update={"api_rate_per_minute": 3, "api_burst_s": 60.0, **changed})


@given(st.integers(-10, 10**7), st.integers(-10, 10**7))
def test_a_wide_board_counts_as_much_as_the_narrow_ones_it_holds(before: int, after: int) -> None:
    stop = "/api/where/arrivals-and-departures-for-stop/a_1.json"
    around = "/api/where/arrivals-and-departures-for-location.json"
    for query in (
        f"minutesBefore={before}&minutesAfter={after}",
        f"minutes%42efore={before}&minutesAft%65r={after}",
    ):
        tokens = tokens_of(stop, query.encode())
        assert tokens >= 1
        assert 60 * tokens >= min(960, max(0, before) + max(0, after)) > 60 * (tokens - 1) - 60
        assert tokens_of(around, query.encode()) == 10 * tokens
    assert tokens_of(stop, b"minutesAfter=x&minutesBefore=&key=%ff") == 1
    assert tokens_of("/api/where/stop/a_1.json", b"minutesAfter=700") == 1


def test_what_costs_more_than_a_bucket_holds_takes_all_of_a_full_one() -> None:
    clock = ManualClock(0.0)
    buckets = Buckets(clock, 2.0)  # two tokens
    assert buckets.take("a", 60, 16) == 0
    wait_s = buckets.take("a", 60, 16)
    assert wait_s == pytest.approx(2.0)
    clock.advance(wait_s + 1e-6)
    assert buckets.take("a", 60, 16) == 0


async def test_an_address_is_told_to_wait(town_settings: Settings, agency: str) -> None:
    async with running(_limited(town_settings)) as api:
        for _ in range(3):
            assert (await api.http.get(BOARD)).status_code == 200
        refused = await api.http.get(BOARD)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 21
        assert refused.headers["access-control-allow-origin"] == "*"
        where = await api.http.get(f"/api/where/stop/{agency}_S1-0.json")
        assert (where.status_code, where.json()["code"]) == (429, 429)
        assert where.headers["retry-after"]
        # what costs nothing is not counted
        assert (await api.http.get("/api/agencies.json")).status_code == 200
        assert (await api.http.get(f"/{agency}/api/stops/near?lat=50&lon=57")).status_code == 429


def _add_key(api: Instance, rate: int) -> str:
    text, prefix, secret_hash = make_key()
    with connect(api.conninfo, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO api_key (prefix, name, rate_per_minute, secret_hash, created_at, created_by)"
            " VALUES (%s, 'app', %s, %s, %s, 'test')",
            (prefix, rate, secret_hash, datetime.now(UTC)),
        )
    return text


async def test_a_key_has_a_rate_of_its_own(town_settings: Settings, agency: str) -> None:
    async with running(_limited(town_settings, api_key_required=True)) as api:
        path = f"/api/where/stop/{agency}_S1-0.json"
        for asked in ({}, {"key": "nonsense"}, {"key": "TEST"}):
            answer = await api.http.get(path, params=asked)
            assert (answer.status_code, answer.json()["code"]) == (401, 401)
        text = _add_key(api, 6)
        async with httpx.AsyncClient(base_url=api.url) as http:
            for number in range(200):  # until the instance has heard of it
                if (await http.get(path, params={"key": text})).status_code == 200:
                    break
                assert number < 199
        statuses = [
            (await api.http.get(BOARD, headers={"x-api-key": text})).status_code for _ in range(7)
        ]
        assert statuses.count(200) == 5
        assert statuses[-1] == 429


async def test_the_test_key_is_a_setting(town_settings: Settings, agency: str) -> None:
    changed = _limited(town_settings, api_key_required=True, api_test_key="TEST")
    async with running(changed) as api:
        path = f"/api/where/stop/{agency}_S1-0.json"
        assert (await api.http.get(path, params={"key": "TEST"})).status_code == 200


def test_browsers_are_kept_at_https_only_by_setting(settings: Settings) -> None:
    assert hsts(settings) == ()
    changed = settings.model_copy(update={"http_hsts_s": 600})
    assert hsts(changed) == ()  # without a certificate of our own somebody else speaks for us
    changed = changed.model_copy(update={"http_certificate_file": "x.pem"})
    assert hsts(changed) == ((b"strict-transport-security", b"max-age=600"),)
