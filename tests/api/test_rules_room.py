"""The room of alarm rules in a real browser: a threshold for one route, and the way back."""

from playwright.async_api import Browser, expect

from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, visit
from tests.api.desk_asking import rows
from tests.api.test_desk_rooms import alive

__all__ = ["alive"]


async def test_a_rule_for_a_route_is_made_seen_and_taken_back(alive, browser: Browser):
    async with visit(
        browser, alive.instance, "/console/rules?lang=en", roles=["dispatcher"]
    ) as page:
        line = page.locator(".table tbody tr", has_text="Late")
        await expect(line).to_contain_text("as usual", timeout=PATIENCE_MS)
        await expect(line).to_contain_text("360")
        await expect(page.locator(".table tbody tr", has_text="Speeding")).to_contain_text("70.2")
        await assert_accessible(page, "#room")
        await line.get_by_role("button", name="Change Late").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Route").select_option("A")
        await dialog.get_by_label("Raised from").fill("200")
        await expect(dialog.get_by_role("alert")).to_contain_text("better value")
        await expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
        await dialog.get_by_label("Ends at").fill("100")
        await dialog.get_by_label("Reason").fill("works on A")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Save").click()
        changed = page.locator(".table tbody tr", has_text="changed")
        await expect(changed).to_contain_text("200", timeout=PATIENCE_MS)
        log = await rows(alive, "SELECT reason FROM audit_log WHERE action = 'rules.replace'")
        assert log == [("works on A",)]
        await changed.get_by_role("button", name="Change Late").click()
        await dialog.get_by_role("button", name="Back to the usual").click()
        await expect(changed).to_have_count(0, timeout=PATIENCE_MS)
        assert await rows(alive, "SELECT count(*) FROM alarm_rule") == [(0,)]


async def test_who_only_looks_changes_nothing(alive, browser: Browser):
    async with visit(browser, alive.instance, "/console/rules?lang=kk", roles=["viewer"]) as page:
        await expect(page.get_by_role("heading", name="Дабыл ережелері").last).to_be_visible(
            timeout=PATIENCE_MS
        )
        await expect(page.locator(".table tbody tr").first).to_contain_text("Кешігу")
        await expect(page.get_by_role("button", name="Өзгерту")).to_have_count(0)
