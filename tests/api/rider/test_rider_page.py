"""The rider's page in a real browser: every view, without script, without a network."""

import json
import re

import pytest
from playwright.async_api import Browser, Route, expect

from sapar.api.rider.shell import all_files, first_files
from sapar.dispatch.reports import make_code
from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.conftest import Instance
from tests.api.rider.conftest import CARD_NUMBER, CARD_PIN, PATIENCE_MS, Busy, Open


async def test_a_stop_says_when_the_bus_comes_and_what_will_not(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/stop/B?lang=en") as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Әбілқайыр хан")
        rows = page.get_by_role("list", name="Arrivals at").get_by_role("listitem")
        bus = rows.filter(has_text="Базар").first
        await expect(bus).to_contain_text("min")
        await expect(bus).to_contain_text("live")
        await expect(bus).to_contain_text("standing room")
        await expect(rows.filter(has_text="will not come")).to_have_count(1)
        await expect(rows.filter(has_text="does not stop here today")).to_have_count(1)
        await expect(page.get_by_role("link", name="105: detour")).to_be_visible()
        spoken = bus.get_by_role("button", name="Route 1 Базар")
        await expect(spoken).to_have_accessible_name(
            re.compile(r"^Route 1 Базар 3–6 min live .*standing room")
        )
        await assert_accessible(page)
        await spoken.click()
        await expect(page.get_by_role("link", name="Bus on the map")).to_be_visible()
        await assert_accessible(page)


async def test_a_stop_is_readable_without_script(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/stop/B?lang=ru", java_script_enabled=False) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Әбілқайыр хан")
        rows = page.get_by_role("listitem")
        await expect(rows.filter(has_text="3–6 мин")).to_have_count(1)
        await expect(rows.filter(has_text="не придёт")).to_have_count(1)
        await expect(page.get_by_text("Объезд: улица перекрыта")).to_be_visible()
        assert await page.locator('noscript meta[http-equiv="refresh"]').count() == 1
        await page.get_by_role("link", name="Қазақша").click()
        await expect(rows.filter(has_text="келмейді")).to_have_count(1)
        await page.get_by_role("link", name="Барлық аялдамалар").click()
        await page.get_by_role("searchbox").fill("Вокзал")
        await page.get_by_role("button", name="Іздеу").click()
        await page.get_by_role("link", name="Вокзал").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Вокзал")
        assert "/rider/stop/A" in page.url


async def test_what_is_read_first_stays_where_it_is(phone: Open, busy: Busy) -> None:
    """The page without script, its script, and the stream after it show the same runs."""
    busy(330)  # one has just passed
    async with phone("/rider/stop/B?lang=en", java_script_enabled=False) as page:
        plain = await page.locator("li.call .chip").all_inner_texts()
        await expect(page.locator("li.call.passed")).to_have_count(1)
    assert len(plain) >= 3
    watch = """() => {
        window.shifted = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shifted += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
    }"""
    async with phone("/rider") as page:
        await page.add_init_script(f"({watch})()")
        async with page.expect_response(lambda one: one.url.partition("?")[0].endswith("/stream")):
            await page.goto(page.url.partition("/rider")[0] + "/rider/stop/B?lang=en")
        for _ in range(3):
            chips = await page.locator("li.call .chip").all_inner_texts()
            assert [text.partition("\n")[0] for text in chips] == plain
            await page.wait_for_timeout(700)
        assert await page.evaluate("window.shifted") == 0


async def test_stops_are_found_by_name_and_by_place_and_kept(phone: Open, busy: Busy) -> None:
    busy()
    place = {"latitude": 50.2801, "longitude": 57.1501}
    options = {"geolocation": place, "permissions": ["geolocation"]}
    async with phone("/rider?lang=en", **options) as page:
        await page.get_by_role("button", name="Stops near me").click()
        nearest = page.get_by_role("region").or_(page.locator("section")).locator(".stop").first
        await expect(nearest).to_contain_text("Вокзал")
        await expect(nearest).to_contain_text("10 m")
        await page.get_by_role("searchbox").fill("абил")
        await page.get_by_role("button", name="Find").click()
        await page.get_by_role("link", name="Әбілқайыр хан").first.click()
        await page.get_by_role("button", name="Keep this stop").click()
        await page.get_by_role("link", name="Stops").click()
        kept = page.locator("section", has=page.get_by_role("heading", name="My stops"))
        await expect(kept.get_by_role("link")).to_contain_text("Әбілқайыр хан")
        await assert_accessible(page)
        await page.reload()
        await expect(kept.get_by_role("link")).to_have_count(1)


async def test_a_phone_that_tells_no_place_says_why(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider?lang=en") as page:
        await page.get_by_role("button", name="Stops near me").click()
        await expect(page.get_by_text("does not let this page know")).to_be_visible()
        await page.get_by_role("searchbox").fill("zzz")
        await page.get_by_role("button", name="Find").click()
        await expect(page.get_by_text("No stop begins with “zzz”")).to_be_visible()


async def test_the_bus_is_on_the_map_with_its_age(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/bus/m1?lang=en&vehicle=7&stop=B") as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Route 1 to Базар")
        await expect(page.get_by_text("Where it was")).to_be_visible()
        await expect(page.locator(".map .bus")).to_have_count(1)
        await expect(page.locator(".ahead li")).to_have_count(2)
        drawn = page.locator(".map svg")
        before = await drawn.get_attribute("viewBox")
        await page.get_by_role("button", name="Whole line").click()
        assert await drawn.get_attribute("viewBox") != before
        await assert_accessible(page)
        busy(10, silent=True)
        await expect(page.get_by_text("No signal since")).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.locator(".map .bus.hollow")).to_have_count(1)


async def test_alerts_say_what_where_and_until_when(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/alerts?lang=kk", may_fail=True) as page:
        alert = page.get_by_role("article")
        await expect(alert).to_contain_text("Айналма жол")
        await expect(alert).to_contain_text("келесі хабарға дейін")
        await assert_accessible(page)
        await alert.get_by_role("link", name="Айналма жол").click()
        await expect(page.get_by_text("Айналма жол / kk")).to_be_visible()
        await page.goto(page.url.replace("detour-1", "gone"))
        await expect(page.get_by_role("alert")).to_contain_text("алынып тасталды")


async def test_five_minutes_before_the_rider_is_told(phone: Open, busy: Busy) -> None:
    busy(-600)
    async with phone("/rider/stop/B?lang=en", permissions=["notifications"]) as page:
        await page.evaluate("navigator.serviceWorker.ready")
        await page.get_by_role("button", name="Route 1 Базар").first.click()
        await page.get_by_role("button", name="Tell me when").click()
        honest = page.get_by_text("Once it is closed no message comes")
        await expect(honest).to_be_visible()
        await assert_accessible(page)
        busy()
        told = page.locator(".told")
        await expect(told).to_contain_text("Route 1: 3–6 min", timeout=PATIENCE_MS)
        shown = await page.evaluate(
            "navigator.serviceWorker.getRegistration().then((r) => r.getNotifications())"
            ".then((all) => all.map((one) => `${one.title} | ${one.body}`))"
        )
        assert len(shown) == 1
        assert shown[0].startswith("Route 1: 3–6 min | Әбілқайыр хан.")
        await expect(honest).to_have_count(0)  # told once


async def test_without_a_network_the_page_opens_with_what_it_knew(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/stop/B?lang=en", may_fail=True) as page:
        await page.evaluate("navigator.serviceWorker.ready")
        await expect(page.get_by_text("standing room")).to_be_visible()
        await page.context.set_offline(True)
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Әбілқайыр хан")
        await expect(page.get_by_role("alert").filter(has_text="No network")).to_contain_text(
            "This was known at 10:12"
        )
        await expect(page.get_by_role("list", name="Arrivals at")).to_contain_text("will not come")
        await page.get_by_role("link", name="Settings").click()
        await expect(page.get_by_text("Text size")).to_be_visible()
        await page.goto(page.url.split("/rider")[0] + "/rider/stop/never-opened?lang=en")
        await expect(page.get_by_text("was never opened on this phone")).to_be_visible()
        await page.context.set_offline(False)


async def test_a_report_goes_to_the_desk_and_its_answer_comes_back(
    phone: Open, busy: Busy, api: Instance
) -> None:
    busy()
    async with phone("/rider/stop/B?lang=ru") as page:
        await page.get_by_role("button", name="Маршрут 1 Базар").first.click()
        await page.get_by_role("link", name="Сообщить о проблеме").first.click()
        await expect(page.get_by_text("маршрут 1, автобус 7")).to_be_visible()
        await page.get_by_role("button", name="Отправить").click()
        await expect(page.get_by_role("alert")).to_contain_text("Выберите, что случилось")
        await page.get_by_label("Проехал мимо остановки").check()
        await page.get_by_label("Своими словами").fill("Не открыл двери")
        await assert_accessible(page)
        await page.get_by_role("button", name="Отправить").click()
        await expect(page.get_by_text("Отправлено. Номер")).to_be_visible()
        await page.get_by_role("link", name="Открыть").click()
        await expect(page.get_by_text("Ждёт рассмотрения")).to_be_visible()
        await sign_in(api.http, api.conninfo, ("dispatcher",))
        [seen] = (await api.http.get("/api/dispatch/reports")).json()["reports"]
        assert (seen["kind"], seen["body"], seen["vehicle_id"]) == (
            "did_not_stop", "Не открыл двери", "7",
        )  # fmt: skip
        assert seen["evidence"]["shown"]["state"] == "live"
        url = f"/api/dispatch/reports/{seen['report_no']}/answer"
        answer = await api.http.post(url, json={"text": "Водитель предупреждён."})
        assert answer.status_code == 200
        await page.reload()
        await expect(page.get_by_text("Водитель предупреждён.")).to_be_visible()
        await assert_accessible(page)


async def test_a_report_without_a_network_waits_and_goes_out_once(
    phone: Open, busy: Busy, api: Instance
) -> None:
    busy()
    async with phone("/rider/report?lang=en&stop=B&stop_name=B", may_fail=True) as page:
        await page.get_by_label("The bus did not come").check()
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("alert")).to_contain_text("kept on this phone")
        await sign_in(api.http, api.conninfo)
        assert (await api.http.get("/api/dispatch/reports")).json()["reports"] == []
        async with page.expect_response(lambda answer: answer.url.endswith("/reports")):
            await page.context.set_offline(False)
        await page.reload()
        await page.wait_for_timeout(500)
        assert len((await api.http.get("/api/dispatch/reports")).json()["reports"]) == 1


async def test_a_card_is_looked_up_and_nothing_of_it_stays(
    phone: Open, card: str, busy: Busy
) -> None:
    busy()
    async with phone("/rider/card?lang=kk", may_fail=True) as page:
        await page.get_by_label("Картадағы нөмір").fill(CARD_NUMBER)
        await page.get_by_label("ПИН-код").fill("9999")
        await page.get_by_role("button", name="Теңгерімді көрсету").click()
        await expect(page.get_by_role("alert")).to_contain_text("карта жоқ")
        await page.get_by_label("ПИН-код").fill(CARD_PIN)
        await assert_accessible(page)
        await page.get_by_role("button", name="Теңгерімді көрсету").click()
        await expect(page.locator(".balance")).to_have_text("1\u00a0240\u00a0₸")
        await expect(page.get_by_text("Карта жарамды.")).to_be_visible()
        await assert_accessible(page)
        kept = await page.evaluate(
            "JSON.stringify([localStorage, sessionStorage, document.cookie])"
        )
        for secret in (CARD_NUMBER, CARD_NUMBER.replace(" ", ""), CARD_PIN, card):
            assert secret not in kept
            assert secret not in page.url


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_view_fits_a_small_screen(
    phone: Open, busy: Busy, language: str, scheme: str
) -> None:
    busy()
    size = {"width": 320, "height": 640}
    async with phone(f"/rider?lang={language}", viewport=size, color_scheme=scheme) as page:
        for path in ("", "/stop/B", "/bus/m1?vehicle=7&stop=B", "/alerts", "/alert/detour-1",
                     "/report?stop=B&trip=m1&route_name=1", "/card", "/settings"):  # fmt: skip
            mark = "&" if "?" in path else "?"
            await page.goto(f"{page.url.split('/rider')[0]}/rider{path}{mark}lang={language}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await page.wait_for_load_state("networkidle") if "stop/" not in path else None
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320, path
            assert await page.evaluate("document.documentElement.lang") == language
        await assert_accessible(page)


async def test_large_type_and_language_are_kept(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/settings?lang=en") as page:
        await page.get_by_label("Largest").check()
        await page.get_by_label("Dark").check()
        await page.get_by_label("Қазақша").check()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Баптау")
        await page.goto(page.url.split("/rider")[0] + "/rider/stop/B")
        await expect(page.get_by_text("жаңартылды").first).to_be_visible()
        root = "document.documentElement"
        assert await page.evaluate(f"getComputedStyle({root}).fontSize") == "25.6px"
        assert await page.evaluate(f"{root}.dataset.theme") == "dark"
        assert await page.evaluate(f"{root}.scrollWidth") <= 360
        await assert_accessible(page)


async def test_a_silent_server_turns_minutes_into_clock_times(phone: Open, busy: Busy) -> None:
    busy()

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json={"error": {"code": "starting"}})

    async with phone("/rider/stop/B?lang=en", may_fail=True) as page:
        await expect(page.get_by_text("3–6 min")).to_be_visible()
        await page.route("**/api/stops/**", refuse)
        await page.clock.install()
        await page.reload()
        await page.clock.run_for(75_000)
        await expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
        await expect(page.get_by_text("10:15–10:17")).to_be_visible()


async def test_an_unknown_stop_is_told(phone: Open, busy: Busy) -> None:
    busy()
    async with phone("/rider/stop/no-such?lang=en", may_fail=True) as page:
        await expect(page.get_by_text("There is no such stop")).to_be_visible()


async def test_the_first_view_is_small(api: Instance, busy: Busy, agency: str) -> None:
    """What a phone loads to show a stop, compressed as it is sent."""
    from sapar.api.pages import FrontEnd

    busy()
    front_end = FrontEnd()
    total = 0
    for path in ("/rider/stop/B", *first_files(front_end)):
        async with api.http.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            total += len(b"".join([part async for part in answer.aiter_raw()]))
    assert total < 60_000
    for path in set(await all_files(front_end)) - set(first_files(front_end)):
        async with api.http.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            total += len(b"".join([part async for part in answer.aiter_raw()]))
    assert total < 150_000


async def test_it_can_be_installed_in_each_city_and_language(
    api: Instance, busy: Busy, agency: str
) -> None:
    for base in ("", f"/{agency}"):
        page = (await api.http.get(f"{base}/rider?lang=kk")).text
        assert f'href="{base}/rider/manifest.webmanifest?lang=kk"' in page
        answer = await api.http.get(f"{base}/rider/manifest.webmanifest?lang=kk")
        manifest = answer.json()
        assert answer.headers["content-type"] == "application/manifest+json"
        assert (manifest["scope"], manifest["lang"]) == (f"{base}/rider", "kk")
        for icon in manifest["icons"]:
            drawn = await api.http.get(icon["src"])
            assert drawn.headers["content-type"] == icon["type"]
        worker = await api.http.get(f"{base}/rider/sw.js")
        assert worker.headers["service-worker-allowed"] == f"{base}/rider"
        told = json.loads(worker.text.split("self.SAPAR=")[1].split(";\n")[0])
        for path in told["files"]:
            assert (await api.http.get(path)).status_code == 200
    assert (await api.http.get("/rider/icon-7.png")).status_code == 404
    assert (await api.http.get("/nowhere/rider")).status_code == 404


async def test_chromium_finds_nothing_against_installing(
    phone: Open, busy: Busy, browser: Browser
) -> None:
    busy()
    async with phone("/rider?lang=en") as page:
        await page.evaluate("navigator.serviceWorker.ready")
        session = await page.context.new_cdp_session(page)
        found = await session.send("Page.getInstallabilityErrors")
        errors = [one["errorId"] for one in found["installabilityErrors"]]
        assert [one for one in errors if one != "in-incognito"] == []
        manifest = await session.send("Page.getAppManifest")
        assert manifest["errors"] == []


async def test_the_code_of_a_report_follows_it_on_another_phone(
    phone: Open, busy: Busy, api: Instance
) -> None:
    busy()
    code = make_code()
    sent = {"code": code, "kind": "driver", "language": "en", "text": "kind words"}
    assert (await api.http.post("/api/rider/reports", json=sent)).status_code == 201
    async with phone(f"/rider/report/{code}?lang=en", may_fail=True) as page:
        await expect(page.get_by_text("kind words")).to_be_visible()
        await page.goto(page.url.replace(code, make_code()))
        await expect(page.get_by_role("alert")).to_contain_text("no report with this code")
