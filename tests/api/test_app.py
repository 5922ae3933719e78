"""The application around the feeds: errors, health, metrics, pages, documentation."""

import re
import time
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from prometheus_client.parser import text_string_to_metric_families

from sapar.api import errors
from sapar.api.app import create_app
from sapar.api.catalogue import Catalogue
from sapar.api.hub import Hub
from sapar.core.clock import SystemClock
from sapar.core.db import Pool
from sapar.core.errors import BadInput, Fault, NotFound, Refused, Unavailable
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from tests.api import town
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, running, until
from tests.api.whole import all_routes, bare_path, example_address, methods_of, roles_of

DEPLOYMENT_WIDE = (
    "/{agency}/api/me", "/{agency}/api/session", "/{agency}/api/oidc", "/{agency}/rider/"
)  # fmt: skip
"""They also stand below an agency, and whether that agency exists is no matter."""


def is_error(answer: object) -> bool:
    """Whether an answer has the one shape of an error."""
    error = answer.json()["error"]  # type: ignore[attr-defined]
    return set(error) == {"code", "message", "hint"} and all(
        isinstance(value, str) for value in error.values()
    )


async def test_every_route_refuses_other_methods_in_the_one_shape(api: Instance) -> None:
    routes = all_routes()
    for address in sorted({example_address(route) for route in routes}):
        taken = {
            method
            for route in routes
            if route.path_regex.match(address)
            for method in methods_of(route)
        }
        for method in {"POST", "PUT", "DELETE", "PATCH"} - taken:
            answer = await api.http.request(method, address)
            assert answer.status_code == 405, (method, address)
            assert is_error(answer)
            assert answer.headers["allow"]


async def test_every_open_agency_route_answers_404_for_an_agency_that_is_not_there(
    api: Instance,
) -> None:
    routes = [
        route
        for route in all_routes()
        if route.path.startswith("/{agency}") and "GET" in methods_of(route)
        if roles_of(route) is None and not route.path.startswith(DEPLOYMENT_WIDE)
        if not any(param.field_info.is_required() for param in route.dependant.query_params)
    ]
    assert len(routes) >= 6
    for route in routes:
        for name in ("nobody", "NOBODY", "no%20body", "%00", "x" * 200):
            answer = await api.http.get(example_address(route, name))
            assert answer.status_code == 404, (name, route.path)
            assert is_error(answer)
            assert answer.json()["error"]["code"] == "unknown_agency"
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/no/such/address/anywhere", "no_such_address"),
        ("/gtfs-rt/nothing.pb", "no_such_feed"),
        ("/gtfs-rt/alerts.xml", "no_such_feed"),
        ("/gtfs-rt/fleet.json", "no_such_feed"),
        ("/favicon.ico", "unknown_agency"),
        ("/healthz/", "unknown_agency"),
        ("/assets/none.js", "no_such_file"),
        ("/assets/..%2f..%2fpackage.json", "no_such_file"),
    ],
)
async def test_what_is_not_there(api: Instance, path: str, code: str) -> None:
    answer = await api.http.get(path)
    assert answer.status_code == 404
    assert is_error(answer)
    assert answer.json()["error"]["code"] == code


async def test_errors_of_each_kind_have_their_status_and_the_one_shape() -> None:
    app = FastAPI()
    errors.install(app)
    raised: dict[str, Exception] = {
        "bad": BadInput("wrong", code="bad", hint="mend it"),
        "refused": Refused("no"),
        "fault": Fault("a secret of ours"),
        "bug": ZeroDivisionError("a secret of ours"),
        "away": Unavailable("password of a secret of ours", code="database_unavailable"),
        "busy": Unavailable("a secret of ours", code="busy", hint="come again"),
        "crossed": Unavailable("a secret of ours", code="crossed", hint="do it again"),
        "font": Unavailable("a PDF needs a font", code="no_font"),
    }

    @app.get("/raise/{kind}")
    def fail(kind: str, number: Annotated[int, Query()] = 0) -> None:
        raise raised[kind]

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found = {kind: await client.get(f"/raise/{kind}") for kind in raised}
        invalid = await client.get("/raise/bad?number=many")
    assert {kind: answer.status_code for kind, answer in found.items()} == {
        "bad": 422, "refused": 403, "fault": 500, "bug": 500,
        "away": 503, "busy": 503, "crossed": 503, "font": 503,
    }  # fmt: skip
    assert all(is_error(answer) for answer in [*found.values(), invalid])
    assert found["bad"].json()["error"] == {"code": "bad", "message": "wrong", "hint": "mend it"}
    for kind in ("fault", "bug", "away", "busy", "crossed"):
        assert "secret" not in found[kind].text
    assert {kind: a.headers.get("retry-after") for kind, a in found.items() if a.status_code == 503} == {
        "away": "2", "busy": "2", "crossed": "2", "font": "60",
    }  # fmt: skip
    assert found["crossed"].json()["error"]["hint"] == "do it again"
    assert found["busy"].json()["error"]["hint"] == "come again"
    assert invalid.status_code == 422
    assert "number" in invalid.json()["error"]["message"]


async def test_who_comes_first_finds_the_agencies_read(town_settings: Settings, pool: Pool) -> None:
    metrics, clock = Metrics(), SystemClock()
    app = create_app(town_settings, pool, clock, metrics, Hub(clock, metrics))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        assert (await client.get("/gtfs.zip")).status_code == 200


async def test_before_the_agencies_were_read_nobody_is_told_that_one_is_unknown(
    town_settings: Settings, pool: Pool, agency: str
) -> None:
    catalogue = Catalogue(pool, town_settings.database_url.get_secret_value())
    assert not await catalogue.wait_read(0.01)
    with pytest.raises(Unavailable) as starting:
        catalogue.get(agency)
    assert starting.value.code == "starting"
    await catalogue.refresh()
    assert await catalogue.wait_read(0.01)
    assert catalogue.get(agency).agency_id == agency
    with pytest.raises(NotFound):
        catalogue.get("nowhere")


async def test_health(api: Instance, engine: MqttClient, agency: str) -> None:
    assert (await api.http.get("/healthz")).json() == {"status": "alive"}
    answer = await api.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert is_error(answer)
    assert answer.json()["agencies"][agency] == {"ok": False, "age_s": None}
    now = time.time()
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=now - 60))
    await until(lambda: agency in api.hub.held)
    answer = await api.http.get("/readyz")
    assert answer.status_code == 503  # a retained tick of a leader that is gone
    assert answer.json()["agencies"][agency]["age_s"] >= 60
    await town.publish(engine, town.make_tick(agency, 2, 1, wall_s=now))
    await until(lambda: api.hub.held[agency].tick.term == 2)
    answer = await api.http.get("/readyz")
    state = answer.json()
    assert state["agencies"][agency]["ok"]
    assert state["database"] == "ok"


async def test_metrics_count_answers_by_route_and_tell_the_age(
    api: Instance, engine: MqttClient, agency: str
) -> None:
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=0.0))
    await until(lambda: agency in api.hub.held)
    for path in ("/gtfs-rt/alerts.pb", "/gtfs-rt/alerts.pb", f"/{agency}/gtfs-rt/alerts.json",
                 "/nobody/gtfs.zip", "/a/b/c/d"):  # fmt: skip
        await api.http.get(path)
    text = (await api.http.get("/metrics")).text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def requests(route: str, status: str) -> float:
        return samples["sapar_http_requests_total", ("route", route), ("status", status)]

    assert requests("/gtfs-rt/{feed}", "200") == 2
    assert requests("/{agency}/gtfs-rt/{feed}", "200") == 1
    assert requests("/{agency}/gtfs.zip", "404") == 1
    assert requests("none", "404") == 1
    assert samples["sapar_feed_age_seconds", ("agency", agency)] > 1e9


async def test_pages(town_settings: Settings, tmp_path: Path, agency: str) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Sapar</title>")
    (assets / "index-abc.js").write_text("1;" * 500)
    (assets / "font-abc.woff2").write_bytes(b"wOF2")
    async with running(town_settings, tmp_path) as instance:
        for path in ("/", f"/{agency}/"):
            page = await instance.http.get(path)
            assert page.status_code == 200
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["cache-control"] == "no-cache"
            assert "default-src 'self'" in page.headers["content-security-policy"]
        script = await instance.http.get("/assets/index-abc.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-encoding"] == "gzip"
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        font = await instance.http.get("/assets/font-abc.woff2")
        assert (font.headers["content-type"], font.content) == ("font/woff2", b"wOF2")
        redirect = await instance.http.get(f"/{agency}")
        assert redirect.status_code == 308
        assert redirect.headers["location"] == f"/{agency}/"


async def test_without_a_build_the_page_says_how_to_get_one(
    town_settings: Settings, tmp_path: Path
) -> None:
    async with running(town_settings, tmp_path) as instance:
        answer = await instance.http.get("/")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "pages_not_built"
        assert "make setup" in answer.json()["error"]["hint"]
        assert (await instance.http.get("/api/agencies.json")).status_code == 200


async def test_status_and_agencies(api: Instance, engine: MqttClient, agency: str) -> None:
    await town.publish(engine, town.make_tick(agency, 3, 7, wall_s=1_795_000_000.0))
    await until(lambda: agency in api.hub.held)
    await sign_in(api.http, api.conninfo)
    status = (await api.http.get(f"/{agency}/api/status.json")).json()
    assert (status["tick"]["term"], status["tick"]["tick"]) == (3, 7)
    assert status["timezone"] == "Asia/Aqtobe"
    assert status["timetable"]["feed_version"] == "town-1"
    listed = (await api.http.get("/api/agencies.json")).json()
    assert listed["default"] == agency
    assert listed["rate"] == 1.0
    assert [one["agency_id"] for one in listed["agencies"]] == [agency]
    fleet = await api.http.get("/api/fleet.json")
    assert float(fleet.headers["sapar-tick-age"]) > 0
    assert len(fleet.json()["vehicles"]) == 24


def test_the_documentation_names_every_address_and_no_other(repository: Path) -> None:
    written = {
        page.name: documented(page.read_text(encoding="utf-8"))
        for page in (repository / "docs").glob("*.md")
    }
    everything = set().union(*written.values())
    real = {unnamed(bare_path(route)) for route in all_routes()} | {"/openapi.json"}
    pages = ("/{}", "/rider", "/console/")  # their files are described with them
    missing = {path for path in real - everything if not path.startswith(pages)}
    assert missing == set()
    rows = re.findall(
        r"^\| `(?:[A-Z]+ )?(/[^`?]*)",
        (repository / "docs" / "api.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {unnamed(row) for row in rows} - real == set()


def documented(text: str) -> set[str]:
    """Addresses that a page names; `/a/b`, `/c` in one line means `/a/b` and `/a/c` or `/a/b/c`."""
    found = set()
    for line in text.splitlines():
        known: set[str] = set()
        for path in re.findall(r"`(?:[A-Z]+ )?…?(/[^`?\s]*)", line):
            short = unnamed(path)
            known |= {one + short for one in known}
            known |= {one.rpartition("/")[0] + short for one in known} | {short}
        found |= known
    return found


def unnamed(path: str) -> str:
    """An address whatever its parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", path)
