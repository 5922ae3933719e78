"""What a preview promises is what the feeds say: by examples, and by laws over drawn paths."""

from datetime import date
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.dispatch.desk.alert_checks import AlertContent, Informed, check_alert
from sapar.dispatch.desk.alert_words import CAUSES, EFFECTS, LANGUAGES, draft
from sapar.dispatch.desk.lines import led_lines
from sapar.dispatch.desk.preview import Preview, preview
from sapar.dispatch.desk.streets import neighbours
from sapar.gtfs.realtime.acts import Act, Cancel, Detour, Extra, Skip, Swap, What
from sapar.gtfs.realtime.alerts import Selector
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.orders import orders_of
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.dispatch_days import DETOUR_PATH
from tests.gtfs.realtime.town import DAY, day_start, degrees, town

NOON_S = 12 * 3600


@cache
def scene() -> tuple[Timetable, Days, float]:
    timetable = town()
    return timetable, Days(timetable), day_start(timetable) + NOON_S


def look(what: What, until_s: float | None = 3600.0) -> Preview:
    timetable, days, now_s = scene()
    end_s = None if until_s is None else now_s + until_s
    act = Act("act-1", what, now_s, end_s, "d", "r", "CONSTRUCTION", now_s)
    return preview(timetable, days, act, now_s)


def codes(seen: Preview) -> list[str]:
    return [warned.code for warned in seen.warnings]


def test_a_cancelled_run_with_a_proposal_for_riders():
    seen = look(Cancel(trip_id="A-out-23", service_date=DAY))
    assert [(run.trip_id, run.start_s - day_start(scene()[0])) for run in seen.runs] == [
        ("A-out-23", 5 * 3600 + 23 * 1200)
    ]
    assert seen.alert is not None
    assert seen.alert.header["ru"] == "A: рейс в 12:40 отменён"
    assert not seen.alert_published
    under_way = look(Cancel(trip_id="A-out-20", service_date=DAY))
    assert [(w.code, w.values) for w in under_way.warnings] == [("under_way", {"minutes": 20})]
    assert codes(look(Cancel(trip_id="A-out-23", service_date=date(2027, 5, 1)))) == [
        "nothing_touched"
    ]


def test_a_closed_stop_counts_the_runs_of_the_period_alone():
    hour, day = look(Skip(stop_ids=["a6"], route_id="A")), look(Skip(stop_ids=["a6"]), None)
    assert hour.runs_total == 6
    assert day.runs_total > 100
    assert len(day.runs) == 60
    assert hour.stop_ids == ["a6"]
    assert hour.alert_published
    assert codes(look(Skip(stop_ids=["f2"], route_id="F"))) == ["headway_not_skipped"]
    assert codes(look(Skip(stop_ids=["a6"], route_id="O"))) == ["nothing_touched"]
    assert codes(look(Skip(stop_ids=["a6"]), -60.0)) == ["over"]


def test_an_extra_run_and_a_vehicle_that_takes_over_a_block():
    extra = Extra(trip_id="x", service_date=DAY, copy_of="A-out-23", start_s=NOON_S + 1800)
    assert [run.headsign for run in look(extra).runs] == ["To a7"]
    block = look(Swap(vehicle_id="b", service_date=DAY, block_id="A0"))
    assert 0 < block.runs_total < 64  # what is over is not taken over
    assert look(Swap(vehicle_id="b", service_date=DAY, trip_id="A-out-30")).runs_total == 1


def test_a_path_that_no_line_takes_says_which_end_is_wrong():
    far = Detour(route_id="A", path=[degrees(0.0, 900.0), degrees(2300.0, 1500.0)])
    assert codes(look(far)) == ["start_off_line"]
    backwards = Detour(route_id="A", path=DETOUR_PATH[::-1], direction=0)
    assert codes(look(backwards)) == ["wrong_way_round"]
    beside = Detour(route_id="A", path=[degrees(100.0, 0.0), degrees(600.0, 0.0)])
    assert codes(look(beside)) == ["no_stop_missed"]
    long = [degrees(1500.0, 0.0), degrees(1500.0, 4000.0), degrees(2300.0, 1500.0)]
    assert codes(look(Detour(route_id="A", path=long))) == ["long_way"]


def test_other_routes_on_the_street_are_found():
    timetable, _, now_s = scene()
    act = Act("act-1", Detour(route_id="F", path=[degrees(500, 3050), degrees(2500, 3250)]), now_s)
    lines = led_lines(timetable, act)
    assert lines
    assert neighbours(timetable, act, lines) == []
    other = Act("act-1", Detour(route_id="A", path=DETOUR_PATH), now_s)
    # Route A against itself under another name: the whole closed stretch is shared.
    assert [one.route_id for one in neighbours(timetable, other, led_lines(timetable, other))] == []


points = st.tuples(st.floats(-300.0, 4300.0), st.floats(-300.0, 1900.0))


@settings(max_examples=60)
@given(st.lists(points, min_size=2, max_size=5), st.sampled_from([None, 0, 1]))
def test_whatever_is_drawn_the_preview_misses_the_stops_that_the_feeds_miss(
    path: list[tuple[float, float]], direction: int | None
):
    timetable, days, now_s = scene()
    what = Detour(route_id="A", path=[degrees(x, y) for x, y in path], direction=direction)
    act = Act("act-1", what, now_s, now_s + 7200, cause="CONSTRUCTION", created_s=now_s)
    seen = preview(timetable, days, act, now_s)
    orders = orders_of(timetable, days, (act,), now_s)
    missed = {
        timetable.stops.ids[stop]
        for modification in orders.modifications
        for stop in modification.missed_stops(timetable, "act-1")
    }
    assert missed <= set(seen.stop_ids)
    if orders.modifications:
        assert seen.lines
        assert seen.alert_published
    assert bool(seen.lines) == (
        not any(c.endswith(("off_line", "line", "round")) for c in codes(seen))
    )
    for line in seen.lines:
        assert line.path_m >= 0
        assert len(line.replaced) >= 2


@given(
    st.sampled_from(EFFECTS),
    st.sampled_from(CAUSES),
    st.lists(
        st.sampled_from(
            [Selector("A"), Selector("F"), Selector(stop_id="a3"), Selector("A", "a4")]
        ),
        max_size=4,
        unique=True,
    ),
    st.sampled_from([None, 3600.0, 90_000.0]),
)
def test_every_drafted_alert_can_be_published_as_it_is(effect, cause, informed, until_s):
    timetable, _, now_s = scene()
    end_s = None if until_s is None else now_s + until_s
    header, description = draft(timetable, effect, cause, informed, end_s, now_s)
    assert set(header) == set(LANGUAGES)
    content = AlertContent(
        header=header,
        description=description,
        cause=cause,
        effect=effect,
        until_s=end_s,
        informed=[Informed(s.route_id, s.stop_id, s.trip_id) for s in informed],
    )
    check_alert(content, timetable)


def test_a_text_that_is_cut_off_is_refused():
    timetable, _, _ = scene()
    words = {"kk": "a", "ru": "b"}
    long = {"kk": "a", "ru": "b" * 601}
    with pytest.raises(BadInput) as refused:
        check_alert(AlertContent(header=words, description=long), timetable)
    assert refused.value.code == "text_too_long"
