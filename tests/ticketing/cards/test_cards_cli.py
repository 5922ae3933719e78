"""`sapar ticketing cards` and `move-in` at a prompt."""

import json
import re
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from sapar.cli.ticketing import cards
from sapar.cli.ticketing.move_in import move_in
from sapar.core.db import connect
from sapar.ticketing.cards.requests import Issue, SellPass, TopUp
from tests.ticketing.cards.counter import AGENCY, AGENT, prepare

app = typer.Typer()
app.add_typer(cards.app, name="cards")
app.command("move-in")(move_in)


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


def lines(*requests) -> str:
    return "".join(msgspec.json.encode(request).decode() + "\n" for request in requests)


def test_operations_from_standard_input(call):
    issue = Issue(agency_id=AGENCY, key="1", actor="t", card_ref="A", category="adult")
    top_up = TopUp(
        agency_id=AGENCY, key="2", actor="t", card_ref="A", amount_tiyn=150_000, paid=AGENT
    )
    out = call("cards", "do", stdin=lines(issue, top_up, issue) + "nonsense\n\n", status=1)
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(one["ok"], one.get("repeated"), one.get("purse_tiyn")) for one in answers] == [
        (True, False, 0), (True, False, 150_000), (True, True, 0), (False, None, None),
    ]  # fmt: skip
    call("cards", "block", "A", "--reason", "stolen", "--note", "reported by telephone")
    call("cards", "block", "A", "--reason", "stolen", status=1)
    call("cards", "block", "A", "--reason", "boredom", status=1)
    shown = call("cards", "show", "A")
    assert "purse 1 500.00" in shown
    assert "stolen reported by telephone" in shown
    call("cards", "unblock", "A")
    call("cards", "category", "A", "student")
    call("cards", "replace", "A", "B")
    told = json.loads(call("cards", "show", "A", "--json"))
    assert (told["replaced_by"], told["category"], told["purse_tiyn"]) == ("B", "student", 0)
    call("cards", "show", "nobody", status=1)


def test_moving_in(call, tmp_path, database):
    (tmp_path / "cards.csv").write_text(
        "card_ref,category,purse,debt\nA,adult,10.50,\nB,adult,,20\nB,adult,,\n"
    )
    command = ["move-in", "--cards", str(tmp_path / "cards.csv"), "--control-total", "-9.50"]
    assert "would move 2 in" in call(*command, "--dry-run", status=1)
    refused = tmp_path / "refused.csv"
    out = call(*command, "--refused-out", str(refused), status=1)
    assert "cards: moved 2 in, 0 were there" in out
    assert refused.read_text().splitlines()[1] == "cards,4,duplicate_row,card B,0.00"
    assert "moved 0 in, 2 were there" in call(*command, status=1)
    assert "control total" in call(*command[:-1], "10.50", status=1)
    with connect(database) as connection:
        rows = connection.execute("SELECT purse_tiyn - debt_tiyn FROM card ORDER BY card_ref")
        assert [row[0] for row in rows] == [1050, -2000]


def test_a_pass_is_taken_back(call):
    common: dict[str, Any] = {"agency_id": AGENCY, "actor": "t", "card_ref": "A"}
    sale = SellPass(
        **common, key="2", product_id="month", price_tiyn=400_000, valid_from_ms=0,
        valid_to_ms=10**13, paid=AGENT,
    )  # fmt: skip
    call("cards", "do", stdin=lines(Issue(**common, key="1", category="adult"), sale))
    shown = call("cards", "show", "A")
    found = re.search(r"pass month from .* to .*, sale (\d+): 4 000.00", shown)
    assert found is not None, shown
    back = ["cards", "take-back-pass", "A", found[1], "--reason", "sold by mistake", "--key", "k"]
    for _ in range(2):
        assert "A is active" in call(*back)
    assert "sale" in call("cards", "show", "A")
    assert "pass month" not in call("cards", "show", "A")
    again = call(*back[:-1], "other", status=1)
    assert "was taken back" in again
