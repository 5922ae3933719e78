"""`sapar users` and `sapar keys`: the first admin, and the rest without a browser."""

import re
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from sapar.cli.main import app
from sapar.core.db import connect

Run = Callable[..., Result]


@pytest.fixture
def run(database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the test's database."""
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_PASSWORD_ARGON2_MEMORY_KIB", "8192")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words, typed=None: CliRunner().invoke(app, list(words), input=typed)


def test_the_first_admin_gets_a_password_that_has_to_be_changed(run: Run, database: str) -> None:
    made = run("users", "add", "Erlan", "--role", "admin", "--full-name", "Ерлан")
    assert made.exit_code == 0, made.output
    found = re.search(r"password: (\S+)", made.output)
    assert found is not None
    with connect(database) as connection:
        rows = connection.execute("SELECT name, password_temporary, password_hash FROM person")
        ((name, temporary, password_hash),) = rows.fetchall()
        assert (name, temporary) == ("erlan", True)
        assert found[1] not in password_hash
        ((by, user_id, after),) = connection.execute(
            "SELECT person, user_id, after FROM audit_log"
        ).fetchall()
        assert by.startswith("sapar command (")
        assert user_id is None
        assert after["roles"] == ["admin"]
        assert found[1] not in str(after)


def test_a_password_from_standard_input_is_checked_and_stays(run: Run, database: str) -> None:
    add = ("users", "add", "erlan", "--password-stdin")
    refused = run(*add, typed="short\n")
    assert refused.exit_code == 1
    assert "at least 12 characters" in refused.output
    refused = run(*add, typed="erlan is my name\n")
    assert refused.exit_code == 1
    made = run(*add, typed="under the snow a spring\n")
    assert made.exit_code == 0
    assert "under the snow" not in made.output
    with connect(database) as connection:
        rows = connection.execute("SELECT password_temporary FROM person").fetchall()
    assert rows == [(False,)]


def test_roles_password_end_and_list(run: Run) -> None:
    run("users", "add", "erlan", "--role", "admin")
    run("users", "add", "saule", "--role", "viewer")
    assert run("users", "roles", "saule", "--role", "auditor", "--role", "viewer").exit_code == 0
    listed = run("users", "list").output
    assert "auditor viewer" in listed
    again = run("users", "password", "saule")
    assert "password:" in again.output
    assert run("users", "end", "saule", "--reason", "left").exit_code == 0
    assert "saule" not in run("users", "list").output
    assert "saule" in run("users", "list", "--all").output
    assert run("users", "end", "saule", "--back").exit_code == 0
    assert "saule" in run("users", "list").output
    last = run("users", "end", "erlan")
    assert last.exit_code == 1
    assert "Nobody else administers" in last.output
    assert run("users", "sessions", "saule", "--end").output == "0 ended\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("users", "roles", "nobody"), "There is no person"),
        (("users", "add", "a b"), "no name to sign in with"),
        (("users", "add", "a", "--role", "emperor"), "There is no role"),
        (("users", "add", "a", "--role", "viewer@nowhere"), "does not exist"),
        (("users", "add", "a", "--subject", "x"), "No provider"),
        (("keys", "revoke", "7"), "There is no key 7"),
        (("keys", "add", "app", "--rate", "0"), "requests a minute"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    run: Run, words: tuple[str, ...], said: str, database: str
) -> None:
    answer = run(*words)
    assert answer.exit_code == 1
    assert said in answer.output
    assert "Traceback" not in answer.output
    with connect(database) as connection:
        assert connection.execute("SELECT 1 FROM person").fetchall() == []


def test_a_key_is_told_once_listed_and_revoked(run: Run) -> None:
    key = run("keys", "add", "AktobeBus", "--rate", "1200").output.strip()
    assert re.fullmatch(r"sapar_[0-9a-z]{8}_[0-9A-Za-z_-]{43}", key)
    listed = run("keys", "list").output
    assert key.split("_")[1] in listed
    assert key not in listed
    assert run("keys", "revoke", "1").exit_code == 0
    assert "AktobeBus" not in run("keys", "list").output
    assert "AktobeBus" in run("keys", "list", "--all").output
