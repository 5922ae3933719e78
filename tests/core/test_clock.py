"""Transit time and wall time are kept apart."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.clock import ManualClock, ScaledClock, SystemClock
from sapar.core.settings import Settings

seconds = st.floats(0, 4e9)
rates = st.floats(0.01, 1000)


@given(origin_wall_s=seconds, origin_time_s=seconds, rate=rates, wall_s=seconds)
def test_wall_at_undoes_time_at(origin_wall_s, origin_time_s, rate, wall_s):
    clock = ScaledClock(origin_wall_s, origin_time_s, rate)
    assert clock.wall_at(clock.time_at(wall_s)) == pytest.approx(wall_s, abs=1e-3)


@given(rate=rates, elapsed_s=st.floats(0, 1e6))
def test_transit_time_passes_at_the_rate(rate, elapsed_s):
    clock = ScaledClock(1000.0, 5000.0, rate)
    assert clock.time_at(1000.0 + elapsed_s) == pytest.approx(5000.0 + elapsed_s * rate)


def test_a_rate_that_stands_still_or_goes_back_is_refused():
    for rate in (0.0, -1.0):
        with pytest.raises(ValueError, match="rate"):
            ScaledClock(0.0, 0.0, rate)


async def test_sleep_is_in_transit_seconds():
    clock = ScaledClock(0.0, 0.0, 100.0)
    before_s = clock.time()
    await clock.sleep(5.0)
    assert clock.time() - before_s >= 5.0


def test_now_is_aware_and_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_all_parts_with_the_same_settings_share_a_clock():
    settings = Settings(clock_origin_wall_s=1000.0, clock_origin_time_s=9000.0, clock_rate=10.0)
    assert settings.clock().time_at(1001.0) == settings.clock().time_at(1001.0) == 9010.0


def test_without_an_origin_transit_time_is_wall_time():
    clock = Settings().clock()
    assert clock.time() == pytest.approx(clock.wall(), abs=1.0)


async def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(100.0)
    assert clock.time() == clock.time() == 100.0
    await clock.sleep(7.0)
    clock.advance(3.0)
    assert clock.monotonic() == 110.0
    clock.set(5.0)
    assert clock.now().timestamp() == 5.0
