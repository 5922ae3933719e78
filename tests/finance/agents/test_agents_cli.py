"""`sapar ticketing agents` and `processors` at a prompt."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from typer.testing import CliRunner

from sapar.cli.ticketing import app
from sapar.ticketing.cards.requests import Issue, Paid, TopUp
from tests.finance.agents.test_desks import person
from tests.ticketing.cards.counter import AGENCY, prepare


@pytest.fixture
def call(database: str, monkeypatch: pytest.MonkeyPatch):
    prepare(database)
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)

    def run(*arguments: str, stdin: str = "", status: int = 0) -> str:
        result = CliRunner().invoke(app, arguments, input=stdin)
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_an_agents_day(call, tmp_path):
    today = datetime.now(UTC)
    day = (today - timedelta(hours=36)).date()
    first = str(day - timedelta(days=30))
    call("agents", "add", "kassa24", "Kassa 24", status=1)  # a limit is missing
    call(
        "agents", "add", "kassa24", "Kassa 24", "--limit", "5000", "--commission-bp", "100",
        "--netted", "--register-due", "1", "--from", first,
    )  # fmt: skip
    call("processors", "add", "kaspi", "Kaspi", "--fee-bp", "95", "--from", first)
    call("agents", "add", "halyk", "Halyk", "--prepaid", "--from", first)
    call("agents", "deposit", "halyk", "1000", "--key", "p1")
    call("agents", "require", "true")
    at_ms = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
    issue = Issue(agency_id=AGENCY, key="1", actor="t", card_ref="A", category="adult")
    top_up = TopUp(
        agency_id=AGENCY, key="k1", actor="t", card_ref="A", amount_tiyn=300_000, at_ms=at_ms,
        paid=Paid(by="agent", name="kassa24"),
    )  # fmt: skip
    too_much = msgspec.structs.replace(top_up, key="k2")
    lines = "".join(msgspec.json.encode(one).decode() + "\n" for one in (issue, top_up, too_much))
    answers = call("cards", "do", stdin=lines, status=1).splitlines()
    assert json.loads(answers[2])["code"] == "agent_limit"
    assert "1 registers are missing" in call("agents", "day", str(day))
    register = tmp_path / "r.csv"
    register.write_text(f"key;at;amount\nk1;{day} 17:00:00;2990\n")
    mapping = tmp_path / "m.json"
    mapping.write_text('{"columns": {"time": "at"}}')
    file = ("agents", "register", "import", "kassa24", str(day), str(register))
    call(*file, status=1)
    assert "has 1 rows, 2 990.00" in call(*file, "--mapping", str(mapping), "--keep")
    assert "was here already" in call(*file)
    assert "amount_mis" in call("agents", "register", "compare", "kassa24", str(day), status=1)
    told = json.loads(
        call("agents", "register", "compare", "kassa24", str(day), "--json", status=1)
    )
    assert [one["value_tiyn"] for one in told["differences"]] == [1_000]
    done = json.loads(call("agents", "day", str(day), "--json"))
    assert (done["nettings"], done["items"], done["registers_missing"]) == ([], [], 0)
    [row] = json.loads(call("agents", "register", "list", "--json"))
    assert row["number"] == f"kassa24-{day:%Y%m%d}"
    call("agents", "register", "list", "kassa24", "--all")


def test_terms_and_statements(call):
    call("agents", "list")
    call("agents", "add", "central", "Central", "--limit", "none")
    call("agents", "terms", "central", "--limit", "100", "--reason", "grew too fast")
    shown = json.loads(call("agents", "show", "central"))
    assert [one["terms"]["credit_limit_tiyn"] for one in shown["history"]] == [10_000, None]
    call("processors", "add", "kaspi", "Kaspi", "--fee-fixed", "1.50")
    call("processors", "terms", "kaspi", "--fee-bp", "100")
    assert json.loads(call("processors", "show", "kaspi"))["current"]["fee_bp"] == 100
    call("agents", "suspend", "central", "--reason", "does not pay")
    [row] = json.loads(call("agents", "list", "--json"))
    assert (row["id"], row["status"], row["limit_tiyn"]) == ("central", "suspended", 10_000)
    call("agents", "resume", "central")
    assert "central" in call("agents", "list")
    assert "kaspi" in call("processors", "list")
    assert "opening 0.00" in call("agents", "statement", "central", "2026-01-01", "2026-01-31")
    call("agents", "statement", "central", "2026-01-01", "2026-01-31", "--json")
    call("agents", "suspend", "nobody", "--reason", "x", status=1)
    call("agents", "terms", "central", "--limit", "5.001", status=1)
    call("agents", "terms", "central", "--limit", "5", "--register-start", "noon", status=1)


def test_cash_desks(call, database):
    person(database, "anna")
    assert "There are no cash desks." in call("desks", "list")
    call("desks", "keep", "desk-1", "Station", "--seller", "nobody", status=1)
    kept = ("desks", "keep", "desk-1", "Station", "--seller", "anna", "--place", "Hall 2")
    assert "desk-1 is kept" in call(*kept)
    assert "stands so already" in call(*kept)
    [desk] = json.loads(call("desks", "list", "--json"))
    assert (desk["status"], desk["sellers"], desk["balance_tiyn"]) == ("open", "anna", 0)
    call(*kept, "--closed")
    assert json.loads(call("desks", "list", "--json"))[0]["status"] == "closed"
