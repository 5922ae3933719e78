"""The walk of docs/finance-day.md on a real demo: two people close its yesterday at the desk."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from playwright.sync_api import Page, sync_playwright

from sapar.core.db import connect
from tests.acceptance.finance_walk import Walk
from tests.api.browsing import CHROMIUM, FLAGS

pytestmark = pytest.mark.timeout(420)
PATIENCE_S = 240
_AFTER_THE_CLOSE = """
    INSERT INTO journal (journal_no, agency_id, kind, source_key, content_hash, service_date,
                         business_date, event_at, event_at_raw, received_at, rule, actor, accounts,
                         amounts)
    SELECT nextval('journal_number'), agency_id, 'test', 'test:late', '\\x00', %(day)s, %(day)s,
           now(), now(), now(), '', 'test', accounts, amounts
    FROM journal WHERE business_date = %(day)s AND kind = 'bank_line' LIMIT 1
"""


class Running(NamedTuple):
    """A demo, and what it told whoever started it."""

    process: subprocess.Popen[str]
    url: str
    password: str
    files: Path
    day: str

    def conninfo(self) -> str:
        """The database of the demo, as its parts know it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in children.split():
            for line in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                if line.startswith(b"SAPAR_DATABASE_URL="):
                    return line.partition(b"=")[2].decode()
        raise AssertionError("no part of the demo knows a database")

    def finish(self) -> dict:
        """Interrupt it, and give its verdict."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, err[-3000:]
        return json.loads(out.strip().splitlines()[-1])


def told(process: subprocess.Popen[str]) -> Running:
    """Wait until a demo has said where it is, and who may sign in."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "its files" in line:
            break
    text = "".join(said)
    found = {
        name: re.search(pattern, text)
        for name, pattern in {
            "url": r"live page +(\S+)",
            "password": r"password +(\S+)",
            "day": r"to close +\S+ (\S+)",
            "files": r"its files +(\S+)",
        }.items()
    }
    assert all(found.values()), text[-3000:]
    words = {name: match[1] for name, match in found.items() if match}
    return Running(process, words["url"], words["password"], Path(words["files"]), words["day"])


@pytest.fixture
def demo(service_directory: Path) -> Iterator[Running]:
    """A demo of a few buses, in a folder of its own."""
    folder = service_directory / "checkout"
    folder.mkdir()
    folder.chmod(0o755)
    command = [sys.executable, "-m", "sapar.cli.main", "demo", "--buses", "60", "--json"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield told(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)


def report_of(page: Page, walk: Walk, form: str) -> bytes:
    """Download the day's report from the link on the page."""
    address = page.get_by_role("link", name=f"Revision 1, {form}").get_attribute("href")
    answer = page.request.get(f"{walk.url}{address}")
    assert answer.status == 200
    return answer.body()


def amounts(row: str) -> int:
    """The tiyn of `Agent paid too little: 15,000 ₸`."""
    whole, _, part = re.sub(r"[^0-9.]", "", row.rpartition(":")[2]).partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)


def walk_to_the_end(demo: Running, walk: Walk) -> tuple[list[str], dict]:
    """Do all steps; give what stood in the way, and the report."""
    with walk.sign_in("aigul") as page:
        walk.look(page)
        walk.import_statement(page)
        walk.take_registers(page)
        walk.match(page)
        stood = walk.see_what_stands_in_the_way(page)
        walk.claim_the_fee_back(page)
        walk.accept_the_rest(page)
        walk.prepare(page)
    with walk.sign_in("bota") as page:
        walk.approve(page)
        first = [report_of(page, walk, form) for form in ("JSON", "CSV")]
        walk.explain_a_total(page, "2210 Fare clearing tulpar", "ride ", "finance-ride")
        walk.explain_a_total(page, "1010 Bank account main", "bank:main:", "finance-bank-line")
        page.reload()
        assert [report_of(page, walk, form) for form in ("JSON", "CSV")] == first
    return stood, json.loads(first[0])


def test_two_strangers_close_a_day_of_the_demo(demo: Running) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        walk = Walk(browser, demo.url, demo.password, demo.files, demo.day)
        stood, report = walk_to_the_end(demo, walk)
        browser.close()
    assert walk.complaints == []
    with connect(demo.conninfo()) as connection, pytest.raises(psycopg.Error, match="closed"):
        connection.execute(_AFTER_THE_CLOSE, {"day": demo.day})
    verdict = demo.finish()
    planted = verdict["finance_day"]["aktobe"]["planted_tiyn"]
    assert {row.partition(":")[0]: amounts(row) for row in stood} == {
        "Agent paid too little": planted["agent_short"],
        "Fee is not as agreed": planted["fee_difference"],
        "Shift report differs": planted["shift_difference"],
    }
    assert report["business_date"] == demo.day
    assert report["totals"]["rides"]["taps"] == verdict["finance_day"]["aktobe"]["taps"] > 3000
    assert [one["name"] for one in report["signatures"]] == ["aigul", "bota"]
    moved = {(one["code"], one["owner"]): one for one in report["totals"]["accounts"]}
    open_line = moved[2910, "main"]
    assert open_line["credits"] - open_line["debits"] == planted["strange_receipt"]
    kiosk = moved[1110, "vokzal"]
    assert kiosk["debits"] - kiosk["credits"] == planted["agent_short"]
    assert verdict["ledger_balanced"], verdict["ledger_imbalances"]
    assert verdict["lost"] == verdict["duplicates"] == 0
    assert verdict["rejected_as_planted"]
