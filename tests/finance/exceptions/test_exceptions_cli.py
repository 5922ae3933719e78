"""The commands of the queue."""

import json
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from sapar.cli.ticketing import app
from sapar.core.errors import BadInput
from sapar.finance.exceptions.fitting import Entry, read_entry
from sapar.finance.exceptions.keep import Finding, keep_findings


@pytest.fixture
async def queue(town, monkeypatch):
    """A town with two exceptions that the commands find."""
    monkeypatch.setenv("SAPAR_DATABASE_URL", town.conninfo)
    monkeypatch.setenv("SAPAR_AGENCY", "town")
    for kind, subject, value in (("gap", "gap v1 1/3", 8000), ("shift_difference", "s", 16000)):
        one = Finding(subject, value, "as found", date(2026, 3, 18))
        now = datetime(2026, 3, 19, tzinfo=UTC)
        await keep_findings(town.connection, "town", kind, [one], now=now)
    return town


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["exceptions", *words])
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, ["exceptions", *words])
    assert done.exit_code == 1
    return done.output


def listed(*words: str) -> list[tuple]:
    return [
        (one["exception_no"], one["kind"], one["value_tiyn"])
        for one in json.loads(run("list", "--json", *words))
    ]


def test_a_life_by_commands(queue):
    assert listed() == [(2, "shift_difference", 16000), (1, "gap", 8000)]
    assert listed("--kind", "gap", "--day", "2026-03-18") == [(1, "gap", 8000)]
    assert "2 of 2, 240.00 tenge in all" in run("list")
    run("assign", "1", "bek")
    assert listed("--assignee", "bek") == [(1, "gap", 8000)]
    run("comment", "1", "asked the depot")
    assert "worth 8000 tiyn by now" in refused("accept", "1", "--reason", "x", "--value", "80.01")
    assert "--value" in refused("accept", "1", "--reason", "small")
    run("accept", "1", "--reason", "small", "--value", "80")
    run("accept", "1", "--reason", "no", "--undo")
    run("close", "1", "--reason", "found")
    assert listed() == [(2, "shift_difference", 16000)]
    assert listed("--state", "closed") == [(1, "gap", 8000)]
    run("reopen", "1", "--reason", "lost again")
    [card] = json.loads(run("show", "1", "--json"))
    assert [line["action"] for line in card["history"]] == [
        "open", "assign", "comment", "accept", "unaccept", "close", "reopen",
    ]  # fmt: skip
    assert "asked the depot" in run("show", "1")
    words = ("resolve", "2", "--reason", "lost", "--key", "k", "--entry", "5170::160.00",
             "--entry", "2320:green:-160.00")  # fmt: skip
    first = run(*words)
    assert run(*words) == first.replace("\n", ", as before\n")
    assert listed() == [(1, "gap", 8000)]
    run("resolve", "2", "--reason", "wrong", "--key", "u", "--undo")
    assert len(listed()) == 2
    aged = json.loads(run("ageing", "--json"))
    assert [(one["kind"], one["count"]) for one in aged["kinds"]] == [
        ("gap", 1), ("shift_difference", 1),
    ]  # fmt: skip
    assert "shift_difference" in run("ageing")


def test_what_commands_refuse(queue):
    assert "no exception 9" in refused("show", "9")
    assert "no day" in refused("list", "--day", "yesterday")
    assert "no age" in refused("list", "--age", "5")
    assert "is no entry" in refused(
        "resolve", "1", "--reason", "x", "--key", "k", "--entry", "5170:1"
    )
    assert "does not fit" in refused(
        "resolve", "1", "--reason", "x", "--key", "k", "--entry", "1010:main:1", "--entry",
        "5170::-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("5170::120.50", Entry(5170, "", 12050)),
        ("2320:a:b:-0.05", Entry(2320, "a:b", -5)),
        ("1110:kiosk:+7", Entry(1110, "kiosk", 700)),
        *((text, None) for text in ("", "5170", "5170::1.005", "5170::x", "51::1", "5170::1e3")),
    ],
)
def test_entries_are_read_exactly(text, entry):
    if entry is None:
        with pytest.raises(BadInput):
            read_entry(text)
    else:
        assert read_entry(text) == entry
