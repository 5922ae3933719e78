"""The ledger's benchmark on a tiny town: its figures are there, and its ledger adds up."""

import json

import pytest
from typer.testing import CliRunner

from sapar.cli.bench.ledger_town import Town, algorithm_of, card_ref, make_messages
from sapar.cli.main import app
from sapar.contract.codec import decode
from sapar.contract.messages import Tap

TOWN = Town(cards=50, master=b"m" * 32, begin_ms=1_773_800_000_000)


@pytest.mark.slow
def test_every_figure_is_there_and_the_ledger_adds_up(service_directory, monkeypatch):
    monkeypatch.chdir(service_directory)
    words = ["bench", "ledger", "--cards", "1500", "--taps", "800", "--transfers", "400", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["taps"] == 800
    assert report["ledger_balanced"] is True
    assert report["deadlocks"] == 0
    for name in (
        "taps_per_s", "post_only_transfers_per_s", "duplicate_rejections_per_s", "p99_batch_ms",
        "wal_bytes_per_tap", "table_bytes_per_tap", "database_cpu_us_per_tap", "ed25519_per_s", "hmac_per_s",
        "chain_journals_per_s",
    ):  # fmt: skip
        assert report[name] > 0, name
    assert len(report["taps_per_s_by_round"]) == 4
    assert all(report["one_by_one_transfers_per_s"].values())


def test_a_fleet_uploads_the_same_taps_for_the_same_seed():
    first = make_messages(TOWN, "zipf", 3, 600, 9)
    assert make_messages(TOWN, "zipf", 3, 600, 9) == first
    taps = [tap for message in first for tap in decode(message.payload, list[Tap])]
    assert len(taps) == 600
    assert {tap.card_ref for tap in taps} <= {card_ref(number) for number in range(50)}
    assert {tap.alg for tap in taps} == {algorithm_of(0), algorithm_of(1)}
    assert {message.topic.split("/")[4].split("-")[0] for message in first} == {"zipf"}
