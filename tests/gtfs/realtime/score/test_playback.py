"""A recording in simulated time: nothing is known early, nothing is lost; verdicts on the town."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.playback import Playback, Played, learn, steps
from sapar.gtfs.realtime.score.samples import AHEAD_S, Samples
from sapar.gtfs.realtime.score.tracks import build_tracks
from sapar.gtfs.realtime.score.verdict import METHODS, judge
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import Bus, Leg, day_start, join, town


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def recording(timetable: Timetable) -> FixColumns:
    """Two buses of route A for an hour, one two minutes late, fixes every 15 s."""
    parts = []
    for block, late_s in (("A0", 0.0), ("A1", 120.0)):
        trips = timetable.trips
        legs = [
            Leg(trips.ids[t], day_start(timetable) + float(trips.first_s[t]) + late_s, None, None, block)
            for t in timetable.block_trips(timetable.blocks.index[block]).tolist()
            if 6 * 3600 <= trips.first_s[t] < 8 * 3600
        ]  # fmt: skip
        bus = Bus(timetable, f"bus {block}", legs)
        begin = legs[0].start_s - 300
        parts += [bus.fix(float(t)) for t in np.arange(begin, begin + 3600, 15.0)]
    fixes = join(parts)
    return fixes.take(np.argsort(fixes.time_s, kind="stable"))


def play(timetable: Timetable, fixes: FixColumns) -> Played:
    return Playback(Engine(timetable), 5.0).play(fixes)


@pytest.fixture(scope="module")
def played(timetable: Timetable, recording: FixColumns) -> Played:
    return play(timetable, recording)


@given(
    st.lists(st.floats(0, 20_000), min_size=1, max_size=60).map(sorted), st.sampled_from([1, 5, 7])
)
def test_every_fix_is_played_once_and_not_before_its_time(times: list[float], step_s: float):
    time_s = 1e9 + np.array(times)
    played = list(steps(time_s, step_s))
    assert np.concatenate([np.arange(s.low, s.high) for s in played]).tolist() == list(
        range(len(times))
    )
    for step in played:
        assert (time_s[step.low : step.high] <= step.now_s + 1e-6).all()
        assert (time_s[step.low : step.high] > step.now_s - step_s - 1e-6).all()
    sampled = [step.now_s - time_s[0] for step in played if step.is_sample]
    assert np.allclose(np.array(sampled) % 60.0, 0.0)


def test_predictions_at_a_moment_do_not_know_what_comes_later(
    timetable: Timetable, recording: FixColumns, played: Played
):
    cut_s = float(recording.time_s[0]) + 1800.0
    known = recording.take(np.flatnonzero(recording.time_s <= cut_s))
    early = play(timetable, known).samples
    whole = played.samples
    assert early is not None
    assert whole is not None
    before = whole.where(whole.sampled_s <= cut_s)
    early = early.where(early.sampled_s <= cut_s)
    assert len(before) > 100
    for name in Samples.__slots__:
        assert np.array_equal(getattr(before, name), getattr(early, name), equal_nan=True), name


def test_samples_are_what_the_feed_says_for_the_next_twenty_minutes(
    timetable: Timetable, played: Played
):
    rows = played.samples
    assert rows is not None
    ahead = rows.arrival_s - rows.sampled_s
    assert ahead.min() > 0
    assert ahead.max() <= AHEAD_S
    assert (rows.low_s <= rows.median_s).all()
    assert (rows.median_s <= rows.high_s).all()
    begin = timetable.trips.st_begin
    assert (begin[rows.trip] <= rows.row).all()
    assert (rows.row < begin[rows.trip + 1]).all()
    keys = np.stack((rows.sampled_s, rows.slot, rows.trip, rows.start_s, rows.row), axis=1)
    assert len(np.unique(keys, axis=0)) == len(keys)
    start = day_start(timetable)
    planned = start + timetable.stop_times.arrival_s[rows.row]
    assert np.array_equal(rows.scheduled_s, planned)


def test_the_verdict_on_buses_that_keep_their_pace(
    timetable: Timetable, recording: FixColumns, played: Played
):
    assert played.samples is not None
    assert played.slot_ids == ["bus A0", "bus A1"] or played.slot_ids == ["bus A1", "bus A0"]
    assert played.matched > 0.95 * len(recording)
    assert (played.found_s < 300).all()
    tracks = build_tracks(recording, timetable)
    verdict = judge(played.samples, played.slot_ids, tracks, timetable)
    assert tuple(verdict.methods) == METHODS
    best = verdict.methods["sapar_median"]
    assert best.scored > 500
    assert best.mae_s < 90
    assert verdict.methods["schedule_plus_delay"].mae_s < 60
    assert verdict.methods["schedule"].mae_s > verdict.methods["schedule_plus_delay"].mae_s
    assert verdict.coverage.passages > 20
    assert verdict.coverage.coverage > 0.8
    assert set(verdict.coverage.coverage_at) == {"1-2", "4-6", "8-10", "12-14"}


def test_an_engine_can_be_taught_by_a_recording(timetable: Timetable, recording: FixColumns):
    engine = Engine(timetable)
    learn(engine, recording, 5.0)
    assert len(engine.learnt()) > 0
    assert len(engine.drain_visits()) == 0
