"""The commands that prove the ledger."""

import json

import pytest
import typer
from typer.testing import CliRunner

from sapar.cli.ticketing.ledger import chain, check, export_ledger, verify
from tests.ticketing.ledger.support import fare, post_all, top_up

app = typer.Typer()
app.add_typer(chain, name="chain")
for command in (verify, check, export_ledger):
    app.command()(command)


@pytest.fixture
async def ledger(database, connection, accounts, monkeypatch):
    """A ledger that the commands find."""
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    await post_all(connection, [top_up(accounts, 1, "k"), fare(accounts, 1, 1)])
    return connection


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def test_verify_head_and_export(ledger, tmp_path):
    assert run("chain", "head", "--publish") == (0, "")  # the day has not ended
    code, text = run("verify", "--json")
    assert code == 0
    verdict = json.loads(text)["database"]
    assert (verdict["blocks"], verdict["journals"], verdict["unhashed"]) == (1, 2, 0)
    path = tmp_path / "ledger"
    assert run("chain", "export", str(path)) == (0, "1 blocks\n")
    code, text = run("verify", "--export", str(path), "--database", "--head", verdict["head"])
    assert code == 0
    assert text.count(verdict["head"]) == 2
    code, text = run("verify", "--export", str(path), "--head", "00" * 32)
    assert code == 1
    assert "no block has the published head" in text
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert run("verify", "--export", str(path))[0] == 1
    assert run("verify", "--export", str(tmp_path / "none"))[0] == 1


def test_check_and_export_of_what_was_posted(ledger, tmp_path):
    code, text = run("check", "--json")
    assert code == 1  # a fare without its tap
    assert {one["rule"] for one in json.loads(text)["wrong"]} == {
        "a tap's postings are not its fare",
        "the boardings are not the riders of accepted taps",
    }
    path = tmp_path / "text"
    assert run("export-ledger", str(path))[0] == 0
    assert path.read_text().count("other\ttown\tc1\ttop_up") == 2


def test_rebase_counts_on(ledger):
    run("chain", "head", "--publish")
    code, text = run("chain", "rebase")
    assert code == 0
    assert text.startswith("transactions count on from ")
    assert run("verify")[0] == 0
