"""The close of a day in a real browser: checks, what stands in the way, two people, the report."""

import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from sapar.access.model import Role
from sapar.core.clock import ScaledClock
from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api import town
from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, visit
from tests.api.conftest import Instance, running
from tests.api.finance.money_town import fill
from tests.ticketing.taps.support import AGENCY, NOON_MS

DAY = "2026-03-18"
CLOSE = f"/console/close?lang=en&day={DAY}"


@pytest.fixture
async def evening(settings: Settings) -> AsyncIterator[Instance]:
    """An instance of the town on the day after its rides."""
    conninfo = settings.database_url.get_secret_value()
    await fill(conninfo)
    town.import_town(conninfo, AGENCY)
    clock = ScaledClock(time.time(), NOON_MS / 1000 + 30 * 3600)
    async with running(settings.model_copy(update={"agency": AGENCY}), clock=clock) as instance:
        yield instance


async def check(page: Page) -> None:
    """Run all checks and wait for their end."""
    run = page.get_by_role("button", name="Run all checks")
    await run.click()
    await expect(page.locator(".day-head progress")).to_have_count(0, timeout=PATIENCE_MS)
    await expect(page.get_by_text("not run yet")).to_have_count(0)


async def accept_all(page: Page) -> int:
    """Accept whatever stands in the way, one after the other, with a reason."""
    accept = page.get_by_role("button", name="Accept…")
    many = await accept.count()
    for left in range(many, 0, -1):
        await accept.first.click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why").fill("looked at with the carrier")
        await dialog.get_by_role("button", name="Accept").click()
        await expect(accept).to_have_count(left - 1, timeout=PATIENCE_MS)
    return many


async def test_two_people_close_a_day_from_the_page(evening: Instance, browser: Browser) -> None:
    async with visit(browser, evening, CLOSE, roles=("accountant",)) as page:
        await expect(page.get_by_text("not run yet")).to_have_count(6, timeout=PATIENCE_MS)
        await assert_accessible(page)
        await check(page)
        if await accept_all(page):
            await check(page)
        await page.locator(".stage summary").first.click()
        await assert_accessible(page)
        await page.get_by_role("button", name="Sign as prepared").click()
        await page.get_by_role("dialog").get_by_role("button", name="Sign as prepared").click()
        await expect(page.locator(".toast", has_text="Another person closes it")).to_be_visible()
        await expect(page.get_by_role("button", name="Sign and close the day")).to_have_count(0)
    async with visit(browser, evening, CLOSE, roles=("chief_accountant",)) as page:
        await page.get_by_role("button", name="Sign and close the day").click()
        dialog = page.get_by_role("dialog")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Sign and close the day").click()
        await expect(page.get_by_role("heading", name="Reports")).to_be_visible(timeout=PATIENCE_MS)
        address = await page.get_by_role("link", name="Revision 1, CSV").get_attribute("href")
        first, again = [await page.request.get(f"{evening.url}{address}") for _ in range(2)]
        assert first.status == 200
        assert await first.body() == await again.body()
        total = page.locator(".block", has_text="What the day came to").locator("button.inline")
        await total.first.click()
        await expect(dialog).to_contain_text("What makes up")
        await expect(dialog.locator("tbody tr").first).to_be_visible()
        await assert_accessible(page, "dialog[open]")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Open again…").click()
        await dialog.get_by_label("Why").fill("a register came late")
        await dialog.get_by_role("button", name="Open again").click()
        await expect(page.locator(".toast", has_text="is open again")).to_be_visible()
        await expect(page.locator(".day-head")).to_contain_text("Open again until")
        await assert_accessible(page)
        # its time passes, and nobody has signed it again: said, and can be done from here
        with connect(evening.conninfo) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(
                "UPDATE day_reopening SET reopened_at = now() - interval '2 hours',"
                " ends_at = now() - interval '1 hour'"
            )
        await page.reload()
        head = page.locator(".day-head")
        await expect(head).to_contain_text("That time has passed. Nothing was posted")
        await expect(page.locator(".day-list")).to_contain_text("to be signed again")
        await expect(head.get_by_role("button", name="Run all checks")).to_be_visible()
        await assert_accessible(page)
    with connect(evening.conninfo) as connection:
        signed = connection.execute(
            "SELECT count(DISTINCT user_id), count(DISTINCT digest) FROM day_signature"
        ).fetchone()
    assert signed == (2, 1)


async def test_today_leads_to_what_must_be_explained(evening: Instance, browser: Browser) -> None:
    address = f"/console/finance?lang=en&day={DAY}"
    async with visit(browser, evening, CLOSE, roles=("accountant",)) as page:
        await check(page)
        await page.goto(evening.url + address)
        figures = page.locator(".figures")
        await expect(figures).to_contain_text("Carriers earn", timeout=PATIENCE_MS)
        await expect(figures).to_contain_text("5 riders")
        await expect(figures).to_contain_text("90.00%")  # 40 of 400 are an open exception
        await assert_accessible(page)
        await page.get_by_role("button", name="Explain", exact=True).click()
        row = page.locator(".table tbody tr").first
        await row.click()
        pane = page.locator(".person-pane")
        await pane.get_by_role("button", name="I look at it").click()
        await expect(pane.get_by_role("button", name="Give back")).to_be_visible()
        await pane.get_by_role("button", name="Write down…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why").fill("asked the depot")
        await dialog.locator("button.primary").click()
        await expect(pane).to_contain_text("asked the depot")
        await assert_accessible(page)
        await pane.get_by_role("button", name="Close without a posting…").click()
        await dialog.get_by_label("Why").fill("the depot has found it")
        await dialog.locator("button.primary").click()
        await expect(pane.get_by_role("button", name="Open again…")).to_be_visible()
        with connect(evening.conninfo) as connection:
            connection.execute(
                "INSERT INTO tap_gap (device_no, epoch, from_seq, to_seq, opened_at)"
                " SELECT device_no, epoch, last_seq + 2, last_seq + 8, now() FROM tap_sequence"
                " WHERE last_seq IS NOT NULL LIMIT 1"
            )
        missing = page.locator(".block", has_text="Missing taps").locator("p")
        await page.goto(evening.url + address)
        await expect(missing).to_have_text(
            "7 taps are missing, in 1 gap."
        )  # nobody knows its worth
        with connect(evening.conninfo) as connection:
            connection.execute(
                "INSERT INTO ticketing_exception (agency_id, kind, subject, value_tiyn, detail,"
                " opened_at) VALUES (%s, 'gap', 'device x', 56000, 'x', now())",
                (AGENCY,),
            )
        await page.reload()
        await expect(missing).to_have_text(
            "7 taps are missing, in 1 gap. Worth about 560 ₸ in all.", use_inner_text=True
        )


async def test_whoever_sees_no_map_begins_at_the_desk(evening: Instance, browser: Browser) -> None:
    begins: dict[Role, str] = {"accountant": "Carriers earn", "cashier": "Card number or reference"}
    for role, words in begins.items():
        async with visit(browser, evening, "/?lang=en", roles=(role,)) as page:
            found = page.get_by_text(words).or_(page.get_by_role("searchbox", name=words))
            await expect(found.first).to_be_visible()


async def test_both_rooms_fit_a_telephone(evening: Instance, browser: Browser) -> None:
    for room, words in (("close", "әлі тексерілмеген"), ("finance", "Тасымалдаушылар табысы")):
        address = f"/console/{room}?lang=kk&day={DAY}"
        async with visit(
            browser, evening, address, roles=("accountant",), width=390, theme="light"
        ) as page:
            await expect(page.get_by_text(words).first).to_be_visible(timeout=PATIENCE_MS)
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_an_auditor_looks_and_signs_nothing(evening: Instance) -> None:
    await sign_in(evening.http, evening.conninfo, ["auditor"])
    assert (await evening.http.get(f"/api/finance/days/{DAY}/status.json")).status_code == 200
    for act, body in (("run", {}), ("sign", {"act": "prepared", "digest": "x"})):
        answer = await evening.http.post(f"/api/finance/days/{DAY}/{act}", json=body)
        assert answer.status_code == 403


async def test_an_exception_tells_no_card_and_is_resolved_on_its_card(evening: Instance) -> None:
    await sign_in(evening.http, evening.conninfo, ["accountant"])
    await evening.http.post(f"/api/finance/days/{DAY}/run")
    queue = await evening.http.get("/api/finance/exceptions.json?kind=clock_out_of_order")
    [row] = queue.json()["page"]["rows"]
    assert "card_ref" not in row
    address = f"/api/finance/exceptions/{row['exception_no']}"
    told = (await evening.http.get(f"{address}/history.json")).json()
    assert "card_ref" not in told["exception"]
    assert {"code": 2110, "has_owner": False} in told["accounts"]
    seen = {"text": "looked at", "value_tiyn": told["exception"]["value_tiyn"]}
    stale = await evening.http.post(f"{address}/accept", json=seen | {"value_tiyn": 1})
    assert (stale.status_code, stale.json()["error"]["code"]) == (403, "changed_since")
    card = await evening.http.post(f"{address}/comment", json={"text": "4111 1111 1111 1111"})
    assert (card.status_code, card.json()["error"]["code"]) == (422, "pan_like")
    assert (await evening.http.post(f"{address}/accept", json=seen)).status_code == 200
    body = {"entries": [[5130, "", 4000], [2110, "", -4000]], "text": "its clock", "key": "k1"}
    for _ in range(2):
        done = await evening.http.post(f"{address}/resolve", json=body)
        assert done.status_code in {200, 403}, done.text
    with connect(evening.conninfo) as connection:
        posted = connection.execute(
            "SELECT count(*), max(card_ref) FROM journal j JOIN card c"
            " ON c.card_no * 8 = ANY (j.accounts) WHERE j.source_key LIKE 'exception:%'"
        ).fetchone()
    assert posted == (1, "c5")
