"""The console body of a tick: its JSON, member by member (docs/alarms.md and docs/api.md)."""

from __future__ import annotations

import msgspec

Values = dict[str, str | float]


class ConsoleBus(msgspec.Struct, frozen=True, gc=False):
    """A bus with a run, on the ladder of its route.

    Attributes:
        start_s: start of the run, Unix seconds.
        prev_stop_id, next_stop_id, share: its place: the share of the way between two stops, 0 to
            1; before its first stop it has none behind it.
        plan_share: signed distance in stops from where the timetable had it at its last fix;
            negative is behind, null where there is no timetable.
        ahead_id, headway_s, plan_headway_s: the bus ahead, the seconds after it, and the plan's.
        hold_s: advice: seconds to be held at the next stop.
    """

    id: str
    route_id: str
    direction: int | None
    trip_id: str
    block_id: str | None
    start_s: int
    prev_stop_id: str | None
    next_stop_id: str
    share: float
    plan_share: float | None
    ahead_id: str | None
    headway_s: int | None
    plan_headway_s: int | None
    hold_s: int | None


class ConsoleGhost(msgspec.Struct, frozen=True, gc=False):
    """A planned run that no vehicle drives, where the timetable has it now.

    Attributes:
        reason: one of `GHOST_REASONS`.
        vehicle_id: who should drive it or was on it last.
        since_s: since when it has been missing, Unix seconds.
    """

    trip_id: str
    route_id: str
    direction: int | None
    start_s: int
    block_id: str | None
    headsign: str
    reason: str
    vehicle_id: str | None
    prev_stop_id: str | None
    next_stop_id: str
    share: float
    since_s: int


class Alarm(msgspec.Struct, frozen=True):
    """An alarm that stands.

    Attributes:
        key: stable name: the same alarm has the same key in every tick and under every leader.
        kind: one of `KINDS`; priority: 1 to 3.
        since_s: since when the condition has held, Unix seconds.
        values: what there is to say of it, by kind (docs/alarms.md).
    """

    key: str
    kind: str
    priority: int
    since_s: int
    vehicle_id: str | None = None
    route_id: str | None = None
    trip_id: str | None = None
    stop_id: str | None = None
    values: Values = {}


class Advice(msgspec.Struct, frozen=True):
    """What would even out the headways of a route.

    Attributes:
        kind: `hold` at the stop for so many seconds, or `turn_back` there.
        gain_s: waiting time that it saves the mean rider of the headways it touches.
    """

    kind: str
    vehicle_id: str
    stop_id: str | None
    seconds: int | None
    gain_s: float


class ConsoleRoute(msgspec.Struct, frozen=True):
    """A route in one direction: planned and driven runs now, regularity of the last hour."""

    route_id: str
    direction: int | None
    planned: int
    running: int
    bunched: int
    gaps: int
    plan_headway_s: int | None
    regularity: float | None
    excess_wait_s: int | None
    advice: list[Advice]


class ConsoleBody(msgspec.Struct, frozen=True):
    """Everything that the console body of a tick says."""

    time_s: int
    buses: list[ConsoleBus]
    ghosts: list[ConsoleGhost]
    alarms: list[Alarm]
    routes: list[ConsoleRoute]


class _Standing(msgspec.Struct, frozen=True):
    alarms: list[Alarm]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Standing)


def encode_console(body: ConsoleBody) -> bytes:
    """Encode a body as JSON."""
    return _ENCODER.encode(body)


def read_alarms(content: bytes) -> list[Alarm]:
    """Read the alarms out of what `encode_console` made; none out of anything else."""
    try:
        return _DECODER.decode(content).alarms
    except msgspec.DecodeError:
        return []
