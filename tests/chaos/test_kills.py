"""Workers, database and broker are killed under load; what devices published is stored, once.

`sapar bench kills` is the same at length: 20, 3 and 3 kills under 1,000 messages a second.
"""

import secrets

import pytest

from sapar.cli.bench.kill_devices import FleetOptions
from sapar.cli.bench.kill_line import Line
from sapar.cli.bench.kills import KillOptions, kill_and_compare


@pytest.mark.slow
def test_nothing_is_lost_when_parts_are_killed(service_directory):
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")
    fleet = FleetOptions(resending=120, plain=12, rate_per_s=400.0, ack_timeout_s=3.0)
    options = KillOptions(
        seed, seconds=14.0, worker_kills=6, postgres_kills=1, broker_kills=1, fleet=fleet
    )
    with Line(service_directory, fleet, durable=False, say=print) as line:
        report = kill_and_compare(line, options)
    print(report)
    assert (report["worker_kills"], report["postgres_kills"], report["broker_kills"]) == (6, 1, 1)
    assert report["missing_examples"] == []
    assert report["extra_examples"] == []
    assert report["published"] == report["stored"] > 3000
    assert report["duplicates"] == 0
    assert report["acknowledged_but_not_stored"] == 0
    assert report["unacknowledged"] == 0
    assert report["refused"] == {}
    assert report["parts_ended_by_themselves"] == 0
    assert report["plain_published"] > 300
    assert report["passed"]
