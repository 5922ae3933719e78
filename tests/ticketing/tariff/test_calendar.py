"""Fare days and local time, across the night in which Kazakhstan changed its clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.ticketing.tariff import FareCalendar

ALMATY = FareCalendar(ZoneInfo("Asia/Almaty"))
ZONES = ("Asia/Almaty", "Asia/Aqtobe", "Europe/Warsaw", "UTC", "Asia/Kathmandu")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2024-02-29T03:59:59+06:00", "2024-02-28"),
        ("2024-02-29T04:00:00+06:00", "2024-02-29"),
        # midnight of 1 March came twice: 00:00 at +06:00 was 23:00 at +05:00
        ("2024-03-01T00:00:00+06:00", "2024-02-29"),
        ("2024-03-01T00:00:00+05:00", "2024-02-29"),
        ("2024-03-01T03:59:59+05:00", "2024-02-29"),
        ("2024-03-01T04:00:00+05:00", "2024-03-01"),
    ],
)
def test_fare_days_over_the_night_of_the_change(moment: str, day: str):
    assert ALMATY.fare_day(ms(moment)) == date.fromisoformat(day)


def test_the_day_of_the_change_is_an_hour_longer():
    low, high = ALMATY.bounds_ms(date(2024, 2, 29))
    assert high - low == 25 * 3600 * 1000


def test_local_time_over_the_night_of_the_change():
    day = date(2024, 2, 29).toordinal()
    assert ALMATY.local(ms("2024-02-29T23:30:00+06:00")) == (day, 23 * 3600 + 1800)
    assert ALMATY.local(ms("2024-02-29T23:30:00+05:00")) == (day, 23 * 3600 + 1800)
    assert ALMATY.local(ms("2024-03-01T00:00:01+05:00")) == (day + 1, 1)


@pytest.mark.parametrize("day_start_s", [4 * 3600 + 60, -900, 13 * 3600])
def test_a_day_begins_on_a_quarter_before_noon(day_start_s: int):
    with pytest.raises(BadInput):
        FareCalendar(ZoneInfo("UTC"), day_start_s)


@given(
    zone=st.sampled_from(ZONES),
    day_start_s=st.sampled_from([0, 900, 3 * 3600, 4 * 3600, 12 * 3600]),
    moments=st.lists(
        st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
        min_size=2,
        max_size=6,
    ),
)
def test_fare_days_never_go_back_and_hold_their_moments(
    zone: str, day_start_s: int, moments: list[datetime]
):
    calendar = FareCalendar(ZoneInfo(zone), day_start_s)
    times = sorted(round(moment.timestamp() * 1000) for moment in moments)
    days = [calendar.fare_day(at_ms) for at_ms in times]
    assert days == sorted(days)
    for at_ms, day in zip(times, days, strict=True):
        low, high = calendar.bounds_ms(day)
        assert low <= at_ms < high
        local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
        ordinal, second = calendar.local(at_ms)
        assert ordinal == local.date().toordinal()
        assert second == local.hour * 3600 + local.minute * 60 + local.second
        assert abs(day - local.date()) <= timedelta(days=1)
