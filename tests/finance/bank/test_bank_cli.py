"""`sapar ticketing bank`: the same from the command line."""

from __future__ import annotations

import json

import msgspec
import pytest
from typer.testing import CliRunner

from sapar.cli.ticketing import app
from sapar.core.db import connect
from tests.finance.bank.conftest import AGENCY
from tests.finance.bank.test_golden import HALYK, KASPI, KASPI_MAPPING, golden


@pytest.fixture
def bank(city, monkeypatch):
    """Runs a command; gives its exit code and what it printed."""
    monkeypatch.setenv("SAPAR_DATABASE_URL", city)
    monkeypatch.setenv("SAPAR_AGENCY", AGENCY)
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["bank", *map(str, words)])
        return done.exit_code, done.output

    assert run("accounts", "add", "kaspi", KASPI, "Kaspi, сборы")[0] == 0
    return run


def test_from_registration_to_lines(bank, tmp_path):
    statement = tmp_path / "march.txt"
    statement.write_bytes(golden("kaspi_1c.txt", "kz1048"))
    code, text = bank("import", statement, "--dry-run")
    assert code == 0, text
    assert "3 lines: receipts 395 050.00, payments 310 126.50; 3 are new (84 923.50)" in text
    assert "opening balance posted: 129 464.83" in text
    assert "Әлімжанова" in text
    assert "nothing was changed" in text
    assert "No statement was imported." in bank("statements")[1]
    code, text = bank("import", statement)
    assert code == 0, text
    assert "3 lines of the account are unmatched (84 923.50)" in text
    assert "this file came before, as statement 1" in bank("import", statement)[1]
    code, text = bank("accounts", "list")
    assert code == 0
    assert text.count("214 388.33") == 2
    [one] = json.loads(bank("accounts", "list", "--json")[1])
    assert (one["account"], one["agrees"], one["unmatched_lines"]) == ("kaspi", True, 3)
    code, text = bank("lines", "--unmatched", "--account", "kaspi", "--from", "2026-03-03")
    assert "2 lines: receipts 150 000.00, payments 310 126.50; 2 unmatched" in text
    page = json.loads(bank("lines", "--most", "1", "--json")[1])
    assert (page["count"], len(page["lines"])) == (3, 1)
    assert "more: --after" in bank("lines", "--most", "1")[1]
    assert page["next"] in bank("lines", "--most", "1")[1]
    assert "No line is like that." in bank("lines", "--text", "[нет]")[1]
    assert json.loads(bank("statements", "--json")[1])[0]["new_lines"] == 3


def test_a_table_and_its_mapping(bank, tmp_path):
    table, mapping = tmp_path / "kaspi.csv", tmp_path / "mapping.json"
    table.write_bytes(golden("kaspi.csv", "kz1048"))
    code, text = bank("import", table)
    assert code == 1
    assert "0 accounts have a mapping for csv" in text
    mapping.write_bytes(msgspec.json.encode(KASPI_MAPPING))
    assert bank("mapping", "set", "kaspi", "csv", mapping)[0] == 0
    shown = json.loads(bank("mapping", "show", "kaspi", "csv")[1])
    assert msgspec.convert(shown, type(KASPI_MAPPING)) == KASPI_MAPPING
    code, text = bank("import", table, "--json")
    assert code == 0, text
    told = json.loads(text)
    assert (told["format"], told["new_lines"], told["closing_tiyn"]) == ("csv", 2, 22_500_000)
    code, text = bank("import", table, "--opening", "1.234")
    assert code == 1
    assert "is no amount" in text


def test_what_is_refused_says_why(bank, tmp_path):
    path = tmp_path / "broken.txt"
    path.write_bytes(golden("kaspi_1c.txt").replace("СуммаПриход=245050".encode(), b"=1"))
    for words, said in (
        (("import", path), "line 31: '=1' is no key=value"),
        (("import", tmp_path / "none"), "there is no file"),
        (("import", path, "--account", "halyk"), "no bank account halyk"),
        (("accounts", "add", "kaspi", HALYK, "x"), "is registered"),
        (("mapping", "show", "kaspi", "csv"), "has no mapping for csv"),
        (("mapping", "set", "kaspi", "csv", path), "the mapping cannot be read"),
        (("lines", "--after", "x"), "is no place in a list"),
    ):
        code, text = bank(*words)
        assert code == 1
        assert said in text


def test_an_account_that_does_not_agree_is_told(bank, city):
    with connect(city) as connection:
        connection.execute(
            "INSERT INTO account (account_no, agency_id, code, owner, balance)"
            " VALUES (-9, %s, 1010, 'kaspi', 5)", (AGENCY,),
        )  # fmt: skip
    code, text = bank("accounts", "list")
    assert code == 1
    assert "NO" in text
