"""The desk's room of riders' reports in a real browser."""

import re

from playwright.async_api import Browser, expect

from sapar.dispatch.reports import make_code
from tests.api.access_help import signed_in_context
from tests.api.axe import assert_accessible
from tests.api.conftest import Instance
from tests.api.rider.conftest import NOW, Busy

REPORT = {
    "kind": "never_came", "language": "ru", "text": "Ждала 40 минут", "stop_id": "B",
    "route_id": "R1", "trip_id": "m1", "vehicle_id": "7", "contact": "me@example.org",
    "shown": {"state": "live", "low_s": str(NOW + 210), "high_s": str(NOW + 330)},
}  # fmt: skip


async def test_a_report_is_taken_answered_and_closed(
    api: Instance, busy: Busy, browser: Browser
) -> None:
    busy()
    code = make_code()
    sent = await api.http.post("/api/rider/reports", json={**REPORT, "code": code})
    assert sent.status_code == 201
    complaints: list[str] = []
    options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
    async with signed_in_context(browser, api, ("dispatcher",), **options) as context:
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        await page.goto(f"{api.url}/console/reports?lang=en")
        await page.get_by_role("row").filter(has_text="did not come").click()
        detail = page.get_by_role("complementary", name="Riders' reports")
        await expect(detail).to_contain_text("Ждала 40 минут")
        await expect(detail).to_contain_text("The page had shown: 10:15–10:17")
        await expect(detail).to_contain_text("Promised at the stop: Базар, live, 10:15–10:17")
        await expect(detail).to_contain_text("The bus was 4 s old")
        await expect(detail).to_contain_text("me@example.org")
        await assert_accessible(page, "main")
        await detail.get_by_role("button", name="Take it on").click()
        await expect(detail).to_contain_text("taken, Person-")
        await detail.get_by_label("Begin with").select_option(index=3)
        answer = detail.get_by_label("Answer, in the rider's language: Russian")
        await expect(answer).to_have_value("Рейс был отменён, и мы не сообщили об этом вовремя."
                                           " Приносим извинения. ")  # fmt: skip
        await detail.get_by_role("button", name="Answer", exact=True).click()
        await expect(detail).to_contain_text("answered, Person-")
        followed = (await api.http.get(f"/api/rider/reports/{code}")).json()
        assert followed["answer"].startswith("Рейс был отменён")
        later = await api.http.post(
            "/api/rider/reports", json={**REPORT, "kind": "driver", "code": make_code()}
        )
        assert later.status_code == 201
        rows = page.get_by_role("row")
        await expect(rows.filter(has_text="driver's manner")).to_have_count(1)  # by itself
        await detail.get_by_role("button", name="Close").click()
        await expect(rows.filter(has_text="did not come")).to_have_count(0)
        await page.get_by_role("button", name="Closed").click()
        await expect(rows.filter(has_text="did not come")).to_have_count(1)
        await detail.get_by_role("button", name="Replay of the moment").click()
        await expect(page).to_have_url(re.compile("bus=7&replay="))
        complaints.clear()  # nothing was recorded here to be replayed
    assert complaints == []


async def test_a_viewer_reads_and_changes_nothing(
    api: Instance, busy: Busy, browser: Browser
) -> None:
    busy()
    await api.http.post("/api/rider/reports", json={**REPORT, "code": make_code()})
    size = {"width": 390, "height": 800}
    async with signed_in_context(browser, api, ("viewer",), viewport=size) as context:
        page = await context.new_page()
        await page.goto(f"{api.url}/console/reports?lang=kk")
        await page.get_by_role("row").filter(has_text="келмеді").click()
        detail = page.get_by_role("complementary", name="Жолаушылар өтініштері")
        await expect(detail).to_contain_text("қалдырған; диспетчерлер көреді")
        await expect(detail.get_by_role("button", name="Қарауға алу")).to_have_count(0)
        await expect(page.get_by_text("me@example.org")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
