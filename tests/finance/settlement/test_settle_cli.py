"""`sapar ticketing settle`, `claims` and `open-data`, as scripts use them."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sapar.cli.main import app
from tests.finance.settlement.support import DAY, Finance
from tests.finance.settlement.test_disputes import bank
from tests.ticketing.world import AGENCY


@pytest.fixture
def sapar(finance: Finance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SAPAR_DATABASE_URL", finance.conninfo)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)
    monkeypatch.setenv("SAPAR_TAP_MASTER_KEY_FILE", str(tmp_path / "tap-master.key"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(app, ["ticketing", *words])
        assert (done.exit_code != 0) is fails, done.output
        return done.output

    return run


@pytest.fixture
async def closed(finance: Finance) -> None:
    await finance.post(finance.taps(99, 60))
    await bank(finance)
    await finance.rows(
        "INSERT INTO person (name, created_at) VALUES ('aigul', now()), ('bota', now())"
        " RETURNING user_id"
    )
    finance.close(31, DAY.replace(day=1))


def test_a_month_from_the_command_line(closed: None, sapar, tmp_path: Path):
    for carrier in ("north", "south"):
        sapar("settle", "contracts", "add", carrier, "--from", "2026-01-01", "--bin",
              "990140000385", "--iban", "KZ75125KZT1001300335", "--commission-bp", "1000")  # fmt: skip
    assert len(json.loads(sapar("settle", "contracts", "list", "--json"))) == 2
    done = json.loads(sapar("settle", "run", "2026-03-01", "2026-03-31", "--json"))
    assert done["left"] == []
    [first, second] = map(str, done["statements"])
    assert sapar("settle", "run", "2026-03-01", "2026-03-31").startswith("0 lines in 0 statements")
    lines = json.loads(sapar("settle", "show", first, "--json"))
    line = str(lines[0]["line_no"])
    parts = json.loads(sapar("settle", "show", first, "--line", line, "--json"))
    assert sum(part["amount_tiyn"] for part in parts) == lines[0]["gross_tiyn"]
    held = sapar("settle", "dispute", "open", first, "--reason", "empty bus", "--key", "k1",
                 "--amount", "1.50")  # fmt: skip
    assert held == "dispute 1: 1.50 tenge are on hold\n"
    assert sapar("settle", "dispute", "decide", "1", "release", "--reason", "it was not") \
        == "dispute 1 is released\n"  # fmt: skip
    assert "statement 2026-0001 is issued" in sapar("settle", "issue", first, "--by", "aigul")
    pay = ("settle", "pay", first, "--account", "main", "--by")
    assert "aigul has issued statement" in sapar(*pay, "aigul", fails=True)
    assert "no person" in sapar(*pay, "nobody", fails=True)
    assert sapar(*pay, "bota").startswith("order 1: ")
    assert "is a draft" in sapar("settle", "pay", second, "--account", "main", fails=True)
    sapar("settle", "export", "akt.pdf", "--statement", first, "--format", "pdf")
    assert (tmp_path / "akt.pdf").read_bytes().startswith(b"%PDF-")
    sapar("settle", "export", "pay.txt", "--orders", "--our-bin", "010203040506")
    assert "Номер=1" in (tmp_path / "pay.txt").read_bytes().decode("cp1251")
    assert [one["status"] for one in json.loads(sapar("settle", "show", "--json"))].count(
        "paid"
    ) == 1


def test_claims_from_the_command_line(closed: None, sapar, tmp_path: Path):
    made = json.loads(sapar("claims", "run", "2026-03-01", "2026-03-31", "--json"))
    assert json.loads(sapar("claims", "run", "2026-03-01", "2026-03-31", "--json")) == []
    assert json.loads(sapar("claims", "show", "--json")) == made[::-1]
    number = str(made[0]["claim_no"])
    lines = json.loads(sapar("claims", "show", number, "--json"))
    assert sum(line["amount_tiyn"] for line in lines) == made[0]["amount_tiyn"]
    parts = json.loads(sapar("claims", "show", number, "--line", "1", "--json"))
    assert sum(part["rides"] for part in parts) == lines[0]["rides"]
    sapar("claims", "export", number, "claim.csv", "--format", "csv", "--language", "en")
    assert "Claim for reimbursement" in (tmp_path / "claim.csv").read_text()
    assert json.loads(sapar("claims", "check", "--json")) == []


def test_open_data_from_the_command_line(closed: None, sapar, tmp_path: Path):
    sapar("open-data", "month", "2026-03", "--out", "march", "--k", "5")
    names = {path.name for path in (tmp_path / "march").iterdir()}
    assert {"ridership.csv", "revenue.parquet", "datapackage.json"} <= names
    said = sapar("open-data", "tides", "2026-03", "--out", "march")
    with (tmp_path / "march" / "fare_transactions.csv").open(newline="") as file:
        assert said == f"{len(list(csv.DictReader(file)))} transactions\n"
    assert "is not closed" in sapar("open-data", "month", "2026-04", "--out", "april", fails=True)


@pytest.mark.parametrize("text", ["1.234", "x", "", "1e-5", "NaN", "Infinity"])
def test_amounts_are_exact_or_refused(closed: None, sapar, text: str):
    sapar("settle", "dispute", "open", "1", "--reason", "r", "--key", "k", "--amount", text,
          fails=True)  # fmt: skip
