"""The walk of docs/finance-day.md, step by step, as a stranger clicks through it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Response, expect

PATIENCE_MS = 60_000
Shoot = Callable[[str, Page], None]


class Walk:
    """What two people do at the desk of a demo.

    Args:
        browser: to walk in.
        url: of the demo; `password` of its people, `files` that came for them, its `day`.
        shoot: is told the name of each picture when the page shows it.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        password: str,
        files: Path,
        day: str,
        shoot: Shoot = lambda _name, _page: None,
    ) -> None:
        self.url, self.files, self.day = url.rstrip("/"), files, day
        self._browser, self._password, self._shoot = browser, password, shoot
        self.complaints: list[str] = []

    @contextmanager
    def sign_in(self, name: str, *, width: int = 1400, height: int = 900) -> Iterator[Page]:
        """Sign somebody in with name and password, in a browser of its own."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", color_scheme="light"
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._note)
        page.goto(f"{self.url}/console/finance?lang=en&day={self.day}")
        form = page.locator(".sign-in-form")
        form.get_by_label("Name").fill(name)
        form.get_by_label("Password", exact=True).fill(self._password)
        form.get_by_role("button", name="Sign in").click()
        expect(page.locator(".finance .figures")).to_be_visible(timeout=PATIENCE_MS)
        yield page
        context.close()

    def _note(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")

    def go(self, page: Page, room: str) -> None:
        """Open a room by its address."""
        page.goto(f"{self.url}/console/{room}")

    def look(self, page: Page) -> None:
        """Step 1: the day as it is before anybody has done anything."""
        expect(page.locator(".figures")).to_contain_text("Carriers earn")
        self._shoot("finance-today", page)

    def import_statement(self, page: Page) -> None:
        """Step 2: the bank's file, looked at and posted."""
        self.go(page, "bank?lang=en")
        [statement] = self.files.glob("bank-*.txt")
        page.get_by_label("Choose a file…").set_input_files(statement)
        looked = page.locator(".looked")
        expect(looked).to_contain_text("5 are new", timeout=PATIENCE_MS)
        self._shoot("finance-bank", page)
        looked.get_by_role("button", name="Post the new lines").click()
        expect(page.locator(".toast", has_text="5 lines posted")).to_be_visible()
        expect(page.locator(".figures")).to_contain_text("agrees")

    def take_registers(self, page: Page) -> None:
        """Step 3: what agents and the processor say they sold."""
        for party, seller in (("agent", "zhuldyz"), ("agent", "vokzal"), ("processor", "qr-pay")):
            self.go(page, f"agents?lang=en&party={party}:{seller}")
            [register] = self.files.glob(f"{seller}-*.csv")
            page.get_by_label("Day", exact=True).fill(self.day)
            page.get_by_label("Take a register…").set_input_files(register)
            expect(page.locator(".toast", has_text="rows taken")).to_be_visible()
            expect(page.get_by_text("Register and ledger agree.")).to_be_visible()
        self._shoot("finance-register", page)

    def match(self, page: Page) -> None:
        """Step 4: the rules match what names its register; the bank's charge is matched by hand."""
        self.go(page, "matching?lang=en")
        page.get_by_role("button", name="Run the rules").click()
        expect(page.locator(".toast", has_text="3 matches made by the rules")).to_be_visible()
        lines = page.get_by_role("listbox", name="Bank lines")
        expect(lines.get_by_role("option")).to_have_count(2)
        lines.get_by_role("option", name="Комиссия за обслуживание").click()
        self._shoot("finance-matching", page)
        page.get_by_role("button", name="Difference to…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Account").select_option(label="5160 Bank and processor fees")
        dialog.get_by_label("Why").fill("the bank's charge for November")
        dialog.get_by_role("button", name="Match with this").click()
        expect(lines.get_by_role("option")).to_have_count(1)
        expect(lines).to_contain_text("Дала Трейд")

    def check(self, page: Page) -> None:
        """Run all checks, and wait for their end."""
        if "/console/close" not in page.url:
            self.go(page, f"close?lang=en&day={self.day}")
        run = page.get_by_role("button", name="Run all checks")
        run.click()
        expect(page.get_by_role("button", name="Checking")).to_have_count(0, timeout=PATIENCE_MS)
        expect(run).to_be_enabled(timeout=PATIENCE_MS)
        expect(page.get_by_text("not run yet")).to_have_count(0)

    def see_what_stands_in_the_way(self, page: Page) -> list[str]:
        """Step 5: the checks find what was planted, and nothing else; give kinds and values."""
        self.check(page)
        rows = page.locator(".day .block").filter(has_text="What stands in the way")
        expect(rows.locator("tbody tr")).to_have_count(3)
        self._shoot("finance-close", page)
        return [
            f"{row.locator('button.inline').inner_text()}: {row.locator('.number').inner_text()}"
            for row in rows.locator("tbody tr").all()
        ]

    def claim_the_fee_back(self, page: Page) -> None:
        """Step 6: the fee that was not agreed is posted back to the processor."""
        page.get_by_role("button", name="Fee is not as agreed").click()
        pane = page.locator(".person-pane")
        pane.get_by_role("button", name="Resolve by a posting…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Debit account").select_option(label="1020 Processor in transit")
        dialog.get_by_label("Whose").fill("qr-pay")
        dialog.get_by_label("Amount").fill("350")
        dialog.get_by_label("Why").fill("not in the contract: claimed back")
        self._shoot("finance-resolve", page)
        dialog.get_by_role("button", name="Post and close").click()
        expect(pane.get_by_role("button", name="Take the posting back…")).to_be_visible()

    def accept_the_rest(self, page: Page) -> None:
        """Step 7: what will be put right later is accepted with a reason, and checked again."""
        self.go(page, f"close?lang=en&day={self.day}")
        reasons = {
            "Agent paid too little": "the kiosk brings the rest tomorrow",
            "Shift report differs": "the validator's memory is read out at the depot",
        }
        for kind, reason in reasons.items():
            row = page.locator(".ledger tr").filter(has_text=kind)
            row.get_by_role("button", name="Accept…").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Why").fill(reason)
            dialog.get_by_role("button", name="Accept", exact=True).click()
            expect(row).to_contain_text("accepted by aigul")
        self.check(page)

    def prepare(self, page: Page) -> None:
        """Step 8: the accountant signs."""
        page.get_by_role("button", name="Sign as prepared").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign as prepared").click()
        expect(page.locator(".toast", has_text="Another person closes it")).to_be_visible()
        expect(page.get_by_role("button", name="Sign and close the day")).to_have_count(0)

    def approve(self, page: Page) -> None:
        """Step 9: the chief accountant, another person, signs and closes."""
        self.go(page, f"close?lang=en&day={self.day}")
        self._shoot("finance-sign", page)
        page.get_by_role("button", name="Sign and close the day").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign and close the day").click()
        expect(page.get_by_role("heading", name="Reports")).to_be_visible(timeout=PATIENCE_MS)
        totals = page.get_by_role("heading", name="What the day came to")
        expect(totals).to_be_visible()
        totals.evaluate("element => element.scrollIntoView()")
        self._shoot("finance-closed", page)

    def explain_a_total(self, page: Page, total: str, part: str, picture: str) -> None:
        """Step 10: a total, the journals that it is made of, and one of these."""
        page.get_by_role("button", name=total).click()
        parts = page.get_by_role("dialog").filter(has_text="What makes up")
        row = parts.locator("tbody tr").filter(has_text=part).first
        expect(row).to_be_visible()
        row.get_by_role("button").click()
        journal = page.get_by_role("dialog", name="Journal")
        expect(journal.locator("tfoot")).to_be_visible()
        self._shoot(picture, page)
        for dialog in (journal, parts):
            dialog.get_by_role("button", name="Close", exact=True).last.click()
            expect(dialog).to_have_count(0)
