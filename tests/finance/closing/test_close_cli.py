"""The close at the command line: every command, and what it ends with."""

import asyncio
import hashlib
import json

import pytest
from typer.testing import CliRunner

from sapar.cli.ticketing import app
from sapar.core.db import connect_async
from tests.finance.closing.support import DAY, Books, make_people
from tests.ticketing.taps.support import make_tools, make_town, tap_of

runner = CliRunner()


@pytest.fixture
def close(database, monkeypatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", "town")

    def run(*words: str, code: int = 0) -> str:
        found = runner.invoke(app, ["close", *words])
        assert found.exit_code == code, found.output
        return found.stdout

    return run


def in_books(conninfo: str, devices, work) -> None:
    """Do something with the books over a connection of its own."""

    async def main() -> None:
        connection = await connect_async(conninfo)
        async with connection:
            await work(Books(conninfo, devices, make_tools(conninfo), connection))

    asyncio.run(main())


def test_a_day_is_closed_reported_and_opened_again(database, close):
    devices = make_town(database)
    make_people(database)
    in_books(database, devices, lambda b: b.post(tap_of(devices[0], 1, "c1", route_id="7")))
    day = str(DAY)
    assert "not run yet" in close("status", day, code=1)
    assert "1 to decide" in close("run", day, code=1)
    close("sign", day, "--as", "prepared", "--by", "aigul", code=1)
    in_books(database, devices, lambda b: b.accept())
    assert json.loads(close("run", day, "--json"))["obstacle"] is None
    close("run", day, "--stage", "bank")
    found = json.loads(close("status", day, "--json", code=1))
    close("sign", day, "--as", "prepared", "--by", "aigul", "--digest", found["digest"])
    close("sign", day, "--as", "approved", "--by", "aigul", code=1)
    assert "closed" in close("sign", day, "--as", "approved", "--by", "bota")
    assert "closed" in close("status", day)
    assert "closed" in close("days")
    report = close("report", day)
    assert json.loads(report)["totals"]["rides"]["taps"] == 1
    assert close("report", day) == report
    digest = hashlib.sha256(report.encode()).hexdigest()
    assert runner.invoke(app, ["close", "report", day]).stderr.count(digest) == 1
    assert "day by route,7,,taps,1" in close("report", day, "--csv")
    assert "2210 green -8000" in close("parts", day, "--code", "2210", "--owner", "green")
    assert json.loads(close("parts", day, "--late", "--json"))["parts"] == []
    assert "1 rides of" in close("today", day)
    assert json.loads(close("today", day, "--json"))["taps"] == 1
    close("reopen", day, "--reason", "a bus was found", "--by", "aigul", code=1)
    opened = close("reopen", day, "--reason", "a bus was found", "--by", "bota", "--hours", "1")
    assert "is open for what is about it until" in opened
    assert json.loads(close("status", day, "--json", code=1))["state"] == "reopened"
