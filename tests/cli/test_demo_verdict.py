"""What a demo says of itself when it is interrupted before its buses begin."""

from sapar.cli.demo.observer import Observed
from sapar.cli.demo.verdict import in_service, publish_to_feed_s
from sapar.core.clock import ScaledClock


def test_before_the_simulators_first_word_no_vehicle_is_in_service(tmp_path):
    assert in_service(tmp_path / "truth") == set()


def test_before_the_simulators_first_record_there_is_no_latency(tmp_path):
    clock = ScaledClock(0.0, 0.0, 1.0)
    assert publish_to_feed_s(tmp_path / "truth", Observed(), 0.0, clock) == ([], 0)
