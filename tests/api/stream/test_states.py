"""Laws of the stream's pure parts."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from sapar.api.stream.channel import read_event_id
from sapar.api.stream.filters import EVERYTHING, Filter, read_filter, view_of
from sapar.api.stream.frames import GZIP_START, make_event
from sapar.api.stream.states import (
    CONSOLE_KEYS,
    Memos,
    Row,
    apply_delta,
    by_key,
    delta_between,
    read_state,
    snapshot_of,
)
from sapar.core.errors import BadInput

IDS = [f"bus-{number}" for number in range(6)]
ROUTES = ["1", "2", "105"]
values = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from(["a", "b"]))
extras = st.dictionaries(st.sampled_from(["phase", "delay_s", "reason_values"]), values)


def vehicles() -> st.SearchStrategy[list[Row]]:
    row = st.builds(
        lambda place, route, depot, extra: (
            extra | {"lat": 50.0 + place, "lon": 57.0 + place, "route_id": route, "depot": depot}
        ),
        st.integers(0, 3),
        st.sampled_from([None, *ROUTES]),
        st.sampled_from([None, "north", "south"]),
        extras,
    )
    rows = st.dictionaries(st.sampled_from(IDS), row)
    return rows.map(lambda found: [{"id": name} | one for name, one in found.items()])


def console_rows(name: str) -> st.SearchStrategy[list[Row]]:
    members = {
        "id": st.sampled_from(IDS),
        "key": st.sampled_from(["late:1", "gap:2", "panic:3"]),
        "trip_id": st.sampled_from(["T1", "T2"]),
        "start_s": st.integers(0, 1),
        "route_id": st.sampled_from(ROUTES),
        "direction": st.sampled_from([None, 0, 1]),
        "priority": st.sampled_from([1, 2, 3]),
        "vehicle_id": st.sampled_from([None, *IDS]),
    }
    keys = CONSOLE_KEYS[name]
    fixed = st.fixed_dictionaries({member: members[member] for member in {*keys, "route_id"}})
    free = st.fixed_dictionaries(
        {}, optional={"priority": members["priority"], "vehicle_id": members["vehicle_id"]}
    )
    row = st.builds(lambda a, b, c: c | b | a, fixed, free, extras)
    return st.lists(row, max_size=5).map(lambda rows: list(by_key(rows, keys).values()))


consoles = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"time_s": st.integers(0, 9), **{name: console_rows(name) for name in CONSOLE_KEYS}}
    ),
)
fleets = st.fixed_dictionaries(
    {"time_s": st.integers(0, 9), "heard": st.integers(0, 6), "vehicles": vehicles()}
)
ticks = st.lists(st.tuples(fleets, consoles), min_size=1, max_size=5)
filters = st.builds(
    Filter,
    st.frozensets(st.sampled_from(ROUTES)),
    st.frozensets(st.sampled_from(["north", "south"])),
    st.sampled_from([None, (50.5, 56.0, 52.5, 60.0)]),
)


def in_order(known: Row) -> Row:
    """What is known with its rows sorted: lists are sets of rows by key."""
    console = known["console"]
    rows = sorted(known["fleet"]["vehicles"], key=lambda row: row["id"])
    return {
        "fleet": known["fleet"] | {"vehicles": rows},
        "console": console
        and {
            name: sorted(value, key=repr) if isinstance(value, list) else value
            for name, value in ((n, console[n]) for n in sorted(console))
        },
    }


def sorted_members(value: object) -> object:
    if isinstance(value, dict):
        return {key: sorted_members(value[key]) for key in sorted(value)}
    return [sorted_members(item) for item in value] if isinstance(value, list) else value


def same(one: Row, other: Row) -> bool:
    left, right = (in_order(sorted_members(known)) for known in (one, other))  # type: ignore[arg-type]
    return left == right


def wanted_of(fleet: Row, console: Row | None, wanted: Filter) -> Row:
    """What a reader should know, said the slow way from the bodies themselves."""
    if wanted == EVERYTHING:
        return {"fleet": fleet, "console": console}
    kept = [row for row in fleet["vehicles"] if shows(wanted, row)]
    ids = {row["id"] for row in kept}
    if console is None:
        return {"fleet": fleet | {"vehicles": kept}, "console": None}
    by_route = not wanted.routes

    def tells(name: str, row: Row) -> bool:
        if name == "buses":
            return row["id"] in ids
        if name == "alarms" and row.get("priority") == 1:
            return True
        narrow = wanted.depots or wanted.box
        if name == "alarms" and narrow and row.get("vehicle_id") is not None:
            return row["vehicle_id"] in ids
        return by_route or row["route_id"] in wanted.routes

    return {
        "fleet": fleet | {"vehicles": kept},
        "console": {
            name: [row for row in value if tells(name, row)] if name in CONSOLE_KEYS else value
            for name, value in console.items()
        },
    }


def shows(wanted: Filter, row: Row) -> bool:
    south, west, north, east = wanted.box or (-90, -180, 90, 180)
    return (
        (not wanted.routes or row["route_id"] in wanted.routes)
        and (not wanted.depots or row["depot"] in wanted.depots)
        and south <= row["lat"] <= north
        and west <= row["lon"] <= east
    )


@given(ticks, filters, st.data())
def test_deltas_lead_to_the_next_state_with_drops_and_resumes(
    made: list[tuple[Row, Row | None]], wanted: Filter, data: st.DataObject
):
    """Whatever ticks a reader misses, it ends up knowing the tick that it is at."""
    known: Row | None = None
    shown = None
    state = None
    for fleet, console in made:
        encoded = None if console is None else msgspec.json.encode(console)
        state = read_state(msgspec.json.encode(fleet), encoded, state)
        view = view_of(state, wanted)
        step = data.draw(st.sampled_from(["take", "miss", "begin anew"]))
        if step == "miss" and shown is not None:
            continue
        if shown is None or known is None or step == "begin anew":
            known = msgspec.json.decode(msgspec.json.encode(snapshot_of(view)))
        else:
            delta = msgspec.json.encode(delta_between(shown, view, Memos()))
            known = apply_delta(known, msgspec.json.decode(delta))
        shown = view
        assert same(known, wanted_of(fleet, console, wanted))


@given(fleets, fleets, st.lists(filters, min_size=1, max_size=4))
def test_shared_work_gives_what_separate_work_gives(one: Row, two: Row, several: list[Filter]):
    old = read_state(msgspec.json.encode(one), None)
    new = read_state(msgspec.json.encode(two), None, old)
    memos = Memos()
    for wanted in several:
        views = view_of(old, wanted), view_of(new, wanted)
        assert delta_between(*views, memos) == delta_between(*views)


def test_a_quiet_tick_sends_no_rows():
    fleet = msgspec.json.encode({"time_s": 1, "vehicles": [{"id": "a", "lat": 1.0}]})
    console = msgspec.json.encode({"time_s": 1, "routes": [{"route_id": "1", "direction": 0}]})
    old = read_state(fleet, console)
    delta = delta_between(old, read_state(fleet, console, old))
    assert delta["set"] == delta["gone"] == []
    assert delta["console"]["routes"] == {"set": [], "gone": []}


def test_only_changed_members_travel():
    before = {"id": "a", "lat": 1.0, "lon": 2.0, "phase": "depot"}
    old = read_state(msgspec.json.encode({"vehicles": [before]}), None)
    new = read_state(msgspec.json.encode({"vehicles": [before | {"lat": 1.5}]}), None, old)
    assert delta_between(old, new)["set"] == [{"id": "a", "lat": 1.5}]


@given(st.lists(st.text(), min_size=1), st.data())
def test_any_selection_of_frames_is_one_gzip_stream(texts: list[str], data: st.DataObject):
    frames = [make_event("delta", {"text": text}, f"1-{n}") for n, text in enumerate(texts)]
    picked = data.draw(st.lists(st.sampled_from(frames)))
    packed = GZIP_START + b"".join(frame.packed for frame in picked)
    opened = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed)
    assert opened == b"".join(frame.plain for frame in picked)


@pytest.mark.parametrize("box", ["", "1,2,3", "a,b,c,d", "2,1,1,2", "1,2,3,400", "nan,1,2,3"])
def test_a_box_that_is_none_is_refused(box: str):
    with pytest.raises(BadInput, match="minlat"):
        read_filter(QueryParams([("box", box)]))


def test_a_filter_is_read_whatever_its_order():
    one = read_filter(QueryParams("route=1&route=2&box=50.1,57.0,50.3,57.2&depot=north"))
    two = read_filter(QueryParams("depot=north&route=2&box=50.10,57,50.3,57.2&route=1&route=1"))
    assert one == two
    assert hash(one) == hash(two)
    assert read_filter(QueryParams("")) == EVERYTHING
    with pytest.raises(BadInput):
        read_filter(QueryParams([("route", str(number)) for number in range(201)]))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("3-17", (3, 17)),
        ("", None),
        ("3-", None),
        ("3-17-1", None),
        ("-3-17", None),
        ("\u0663-17", None),
        ("1-" + "9" * 5000, None),
    ],
)
def test_an_event_id_is_read_back_or_is_none(text: str, order: tuple[int, int] | None) -> None:
    assert read_event_id(text) == order
