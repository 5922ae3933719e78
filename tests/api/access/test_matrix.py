"""Every address of the application is open by decision or guarded, and guarded ones hold."""

import pytest

from sapar.access.model import ROLES, with_implied
from sapar.access.sessions import csrf_of
from sapar.api.access.open import is_open
from sapar.core.db import connect
from sapar.core.settings import Settings
from sapar.fleet.agencies import ensure_agency
from tests.api.access_help import make_session
from tests.api.conftest import Instance
from tests.api.whole import all_routes, example_address, methods_of, roles_of


def test_every_route_is_in_the_list_of_open_ones_or_guarded() -> None:
    neither = [
        f"{' '.join(sorted(methods_of(route)))} {route.path}"
        for route in all_routes()
        if roles_of(route) is None and not is_open(route.path)
    ]
    assert neither == []


def test_nothing_that_writes_is_open_but_signing_in_and_the_riders_own() -> None:
    writes = {
        route.path
        for route in all_routes()
        if roles_of(route) is None and not methods_of(route) <= {"GET", "HEAD"}
    }
    bare = {path.removeprefix("/{agency}") for path in writes}
    assert {path for path in bare if not path.startswith("/api/rider/")} == {"/api/session"}


@pytest.mark.parametrize("role", [None, "nobody", *ROLES])
async def test_who_is_let_in_where(api: Instance, agency: str, role: str | None) -> None:
    """Over every guarded route: strangers get 401, other roles 403, the right ones neither."""
    token = None
    held: frozenset[str] = frozenset()
    if role is not None:
        roles = () if role == "nobody" else (role,)
        _, token = await make_session(api.conninfo, roles)  # type: ignore[arg-type]
        held = with_implied(frozenset(roles))  # type: ignore[arg-type]
    for route in all_routes():
        wanted = roles_of(route)
        method = next(iter(methods_of(route)))
        # A stream never ends by itself; its own tests hold it to the same rule.
        if wanted is None or method != "GET" or route.path.endswith("/stream"):
            continue
        api.http.cookies.clear()
        if token is not None:
            api.http.cookies.set("sapar_session", token)
        answer = await api.http.get(example_address(route, agency))
        place = (role, method, route.path, answer.text)
        if token is None:
            assert answer.status_code == 401, place
            assert answer.json()["error"]["code"] == "sign_in_first"
        elif wanted and not wanted & held:
            assert answer.status_code == 403, place
            assert answer.json()["error"]["code"] == "role_missing"
        else:
            assert answer.status_code not in {401, 403}, place
        assert "access-control-allow-origin" not in answer.headers, place
        assert answer.headers["cache-control"] in {"no-store", "private, no-cache"}, place


async def test_nobody_acts_without_the_header_of_the_session(api: Instance) -> None:
    """The cookie alone, which a browser adds to other sites' requests too, changes nothing."""
    _, token = await make_session(api.conninfo, ROLES)
    _, other = await make_session(api.conninfo, ROLES)
    api.http.cookies.set("sapar_session", token)
    for route in all_routes():
        for method in methods_of(route) - {"GET", "HEAD"}:
            if roles_of(route) is None:
                continue
            for headers in ({}, {"x-sapar-csrf": ""}, {"x-sapar-csrf": csrf_of(other)}):
                address = example_address(route)
                answer = await api.http.request(method, address, headers=headers, json={})
                assert answer.status_code == 403, (method, address, answer.text)
                assert answer.json()["error"]["code"] == "csrf"


async def test_a_role_in_one_agency_is_none_in_another(
    town_settings: Settings, api: Instance, agency: str
) -> None:
    with connect(town_settings.database_url.get_secret_value()) as connection:
        ensure_agency(connection, "elsewhere")
    _, token = await make_session(api.conninfo, ("viewer", "admin"), agency_id="elsewhere")
    api.http.cookies.set("sapar_session", token)
    assert (await api.http.get("/elsewhere/api/fleet.json")).status_code in {404, 503}
    for path in ("/api/fleet.json", f"/{agency}/api/fleet.json"):
        answer = await api.http.get(path)
        assert answer.json()["error"]["code"] == "role_missing"
    # Who administers one agency does not administer people: they are the deployment's.
    for path in ("/api/people", "/elsewhere/api/people", "/elsewhere/api/keys"):
        assert (await api.http.get(path)).status_code == 403
    me = (await api.http.get("/elsewhere/api/me")).json()["person"]
    assert me["roles"] == ["viewer", "dispatcher", "auditor", "admin"]
    assert me["everywhere"] == []
    assert (await api.http.get("/api/me")).json()["person"]["roles"] == []


@pytest.mark.parametrize("role", ["nobody", "viewer", "auditor", "cashier"])
async def test_who_only_looks_changes_nothing(api: Instance, agency: str, role: str) -> None:
    """Over every guarded route that acts, with the right header: the role decides."""
    roles = () if role == "nobody" else (role,)
    _, token = await make_session(api.conninfo, roles)  # type: ignore[arg-type]
    held = with_implied(frozenset(roles))  # type: ignore[arg-type]
    api.http.cookies.set("sapar_session", token)
    headers = {"x-sapar-csrf": csrf_of(token)}
    refused = 0
    for route in all_routes():
        wanted = roles_of(route)
        for method in methods_of(route) - {"GET", "HEAD"}:
            if not wanted or wanted & held:
                continue
            address = example_address(route, agency)
            answer = await api.http.request(method, address, headers=headers, json={})
            assert answer.status_code == 403, (method, address, answer.text)
            assert answer.json()["error"]["code"] == "role_missing"
            refused += 1
    assert refused > 40
