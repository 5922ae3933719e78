"""The reading of a browser's trace; its speeds are for people, never for tests."""

import pytest

from tests.bench.pages import Json, per_frame, report, script_slices


def event(name: str, start_ms: float, wall_ms: float, cpu_ms: float, tid: int = 1) -> Json:
    return {
        "name": name, "ph": "X", "pid": 7, "tid": tid,
        "ts": start_ms * 1000, "dur": wall_ms * 1000, "tdur": cpu_ms * 1000,
    }  # fmt: skip


TRACE = [
    event("FireAnimationFrame", 0, 4, 2),
    event("FunctionCall", 1, 2, 1),  # inside the frame's callback: counted once
    event("HandlePostMessage", 10, 5, 3),
    event("Layout", 16, 5, 5),  # no script
    event("FireAnimationFrame", 20, 2, 1),
    event("TimerFire", 22, 9, 9, tid=2),  # another thread
    event("FireAnimationFrame", 40, 1, 1),
]


def test_script_is_counted_once_and_on_the_pages_own_thread() -> None:
    slices, frames = script_slices(TRACE)
    assert frames == [0, 20, 40]
    assert [one.wall_ms for one in slices] == [4, 5, 2, 1]
    assert per_frame(slices, frames) == ([9, 2], [5, 1])


def test_the_report_says_frames_and_shares() -> None:
    found = report(TRACE, 0.04)
    assert found["frames"] == 2
    assert found["script_cpu_ms_p95"] == 5
    assert found["frames_over_8_ms"] == 0
    assert found["script_cpu_share"] == pytest.approx(0.15)
