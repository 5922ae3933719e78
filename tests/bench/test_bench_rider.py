"""The figures of the rider's page; its speeds are for people, never for tests."""

from tests.bench.rider import middle, summed

SEEN = {"tasks": [[100, 80], [400, 55]], "paint_ms": 912.4, "shift": 0.0, "first_ms": 640.2}


def test_a_visit_is_ready_after_its_last_long_task() -> None:
    assert summed(SEEN, 38_940) == {
        "wire_kb": 38.9, "first_paint_ms": 640, "largest_paint_ms": 912,
        "ready_ms": 455, "blocked_ms": 35, "shift": 0.0,
    }  # fmt: skip
    assert summed({**SEEN, "tasks": []}, 0)["ready_ms"] == 0


def test_of_several_visits_the_middle_counts() -> None:
    visits = [summed({**SEEN, "first_ms": first}, 1000) for first in (900, 100, 300)]
    assert middle(visits)["first_paint_ms"] == 300
