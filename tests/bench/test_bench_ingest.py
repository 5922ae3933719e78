"""The ingest benchmark runs and counts right; its speeds are for people, never for tests."""

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
def test_the_benchmark_loses_nothing_and_prints_its_figures(service_directory):
    service_directory.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "sapar.cli.main", "bench", "ingest", "--seconds", "2", "--json"],
        cwd=service_directory, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert report["lost"] == report["duplicates"] == 0
    figures = {
        "messages_per_s", "null_subscriber_messages_per_s", "ratio", "batched_fixes_per_s",
        "publish_to_commit_ms_p50", "publish_to_commit_ms_p99", "cpu_s_per_million",
    }  # fmt: skip
    assert all(report[name] > 0 for name in figures)
    assert report["ratio"] == pytest.approx(
        sum(report["ratios"]) / len(report["ratios"]), abs=0.001
    )
