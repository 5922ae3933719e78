"""The description of all addresses: it has examples, and nothing it allows breaks the server."""

import asyncio
import time
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from sapar.api.hub import Hub
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import encode_tick
from tests.api import town
from tests.api.access_help import make_session
from tests.api.conftest import Instance, running
from tests.api.put_off import is_put_off
from tests.api.whole import whole_app

_EXAMPLES = 4
_STREAMS = {"/api/dispatch/stream", "/api/stops/{stop_id}/arrivals/stream"}
_OPEN = ("/api/stops", "/api/vehicles", "/api/where", "/gtfs-rt", "/api/agencies.json")


@pytest.fixture
def loose(town_settings: Settings) -> Settings:
    """Settings without a limit."""
    return town_settings.model_copy(update={"api_rate_per_minute": 0})


async def _described(api: Instance) -> dict[str, Any]:
    return (await api.http.get("/openapi.json")).json()


async def test_public_addresses_come_with_examples(api: Instance) -> None:
    paths = (await _described(api))["paths"]
    listed = [path for path in paths if path.startswith(("/api/stops", "/api/where"))]
    assert len(listed) > 35
    for path in listed:
        operation = paths[path]["get"]
        assert operation["summary"], path
        (content,) = operation["responses"]["200"]["content"].values()
        assert content["example"], path
        for parameter in operation.get("parameters", ()):
            known = {**parameter, **parameter["schema"]}
            assert {"example", "examples", "default"} & known.keys(), (path, parameter)


async def test_every_operation_has_a_name_of_its_own(api: Instance) -> None:
    paths = (await _described(api))["paths"]
    names = [op["operationId"] for methods in paths.values() for op in methods.values()]
    assert len(names) == len(set(names))


def test_every_address_that_may_be_put_off_says_so_and_when_to_ask_again() -> None:
    always = {"/healthz", "/metrics", "/api/agencies.json", "/assets/{file}"}
    for path, methods in whole_app().openapi()["paths"].items():
        for method, operation in methods.items():
            told = operation["responses"].get("503")
            assert (told is None) == (path in always), (method, path)
            if told is not None:
                assert told["headers"]["Retry-After"]["schema"]["type"] == "integer", path
                assert "example" in told["content"]["application/json"], path


@pytest.mark.slow
@pytest.mark.parametrize("signed_in", [False, True])
async def test_nothing_that_is_allowed_is_our_fault(loose: Settings, signed_in: bool) -> None:
    """Schemathesis makes requests after the description; none may end in a fault of ours.

    Everybody asks for everything that is open; a viewer reads everything. One city is silent, as
    any may be: `/readyz` says so by a 503, which is an answer.
    """
    async with running(loose) as api:
        current = asyncio.create_task(_keep_current(api.hub, loose.agency))
        assert api.hub.take(encode_tick(town.make_tick("silent", 1, 1, wall_s=1.0)))
        headers = {}
        if signed_in:
            _, token = await make_session(api.conninfo, ("viewer",))
            headers = {"cookie": f"sapar_session={token}"}
        description = await _described(api)
        failed = await asyncio.to_thread(
            _ask, api.url, description, headers, reading_only=signed_in
        )
        current.cancel()
    assert failed == []


async def _keep_current(hub: Hub, agency: str) -> None:
    """Give the instance ticks, so that it has something current to answer with."""
    for number in count(1):
        assert hub.take(encode_tick(town.make_tick(agency, 1, number, wall_s=time.time())))
        await asyncio.sleep(3)


def _ask(
    url: str, description: dict[str, Any], headers: dict[str, str], *, reading_only: bool
) -> list[str]:
    schema = schemathesis.openapi.from_dict(description)
    failed: list[str] = []
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        path = operation.path.removeprefix("/{agency}")
        if path in _STREAMS or (reading_only and operation.method.lower() != "get"):
            continue
        if reading_only and path.startswith(_OPEN):
            continue  # asked for without signing in

        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Case) -> None:
            answer = case.call(base_url=url, headers=headers)
            if answer.status_code >= 500 and not is_put_off(answer):
                failed.append(f"{case.method} {answer.request.url}: {answer.text}")

        ask()
    return failed
