"""What the description of this part allows breaks nothing, for those who may do everything."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from sapar.access.model import ROLES
from sapar.access.sessions import csrf_of
from tests.api.access_help import make_session
from tests.api.conftest import Instance
from tests.api.put_off import is_put_off

PARTS = ("/api/people", "/api/keys", "/api/audit", "/api/me", "/api/session", "/api/oidc")


@pytest.mark.slow
async def test_an_admin_breaks_nothing(api: Instance) -> None:
    headers = {}
    for _ in range(2):  # another admin must be left: requests may end people
        _, token = await make_session(api.conninfo, ROLES)
        headers = {"cookie": f"sapar_session={token}", "x-sapar-csrf": csrf_of(token)}
    description = (await api.http.get("/openapi.json")).json()
    failed = await asyncio.to_thread(ask_everything, api.url, description, headers)
    assert failed == []


def ask_everything(url: str, description: dict[str, Any], headers: dict[str, str]) -> list[str]:
    failed: list[str] = []
    for result in schemathesis.openapi.from_dict(description).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if not operation.path.startswith(PARTS) or operation.method.upper() == "DELETE":
            continue

        @settings(
            max_examples=15,
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
