"""What consoles know of a moment, and what has changed since another. Pure.

A state is `fleet.json` and the console's body with their lists turned into rows by key. A row's
change names its key and the members that are new; a row that lost a member is replaced whole: its
key stands in `gone` and the row in `set`, and `gone` is applied first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Row = dict[str, Any]
Key = str | tuple[Any, ...]
Rows = dict[Key, Row]
Memo = dict[Key, Row]

CONSOLE_KEYS: Mapping[str, tuple[str, ...]] = {
    "buses": ("id",),
    "ghosts": ("trip_id", "start_s"),
    "alarms": ("key",),
    "routes": ("route_id", "direction"),
}
"""Lists of the console's body and what names a row of each; other members are single values."""
VEHICLES = "vehicles"
_VEHICLE_KEY = ("id",)


@dataclass(frozen=True, slots=True)
class Part:
    """A JSON object: its lists as rows by key, its other members as they are."""

    head: Row
    lists: dict[str, Rows]


@dataclass(frozen=True, slots=True)
class State:
    """What is known at a tick; `console` is None when the tick had none."""

    fleet: Part
    console: Part | None


@dataclass(frozen=True, slots=True)
class Memos:
    """Changes of rows that were worked out already, for views of the same two states."""

    lists: dict[str, Memo] = field(default_factory=dict)


def read_state(fleet: bytes, console: bytes | None, before: State | None = None) -> State:
    """Read the bodies of a tick.

    Rows that are as they were in `before` are the same objects, which makes comparing cheap.

    Raises:
        msgspec.DecodeError: one of them is no JSON object.
    """
    known = None if before is None else before.console
    return State(
        _part(fleet, {VEHICLES: _VEHICLE_KEY}, None if before is None else before.fleet),
        None if console is None else _part(console, CONSOLE_KEYS, known),
    )


def _part(body: bytes, keys: Mapping[str, tuple[str, ...]], before: Part | None) -> Part:
    head: Row = msgspec.json.decode(body, type=dict[str, Any])
    lists = {}
    for name, members in keys.items():
        rows = by_key(head.pop(name, None) or (), members)
        old = None if before is None else before.lists.get(name)
        if old:
            for key, row in rows.items():
                known = old.get(key)
                if known is not None and known == row:
                    rows[key] = known
        lists[name] = rows
    return Part(head, lists)


def by_key(rows: Iterable[Row], members: tuple[str, ...]) -> Rows:
    """Give rows by what names them: one member, or a tuple of several."""
    if len(members) == 1:
        (member,) = members
        return {row[member]: row for row in rows}
    return {tuple(row.get(member) for member in members): row for row in rows}


def snapshot_of(state: State) -> Row:
    """Give a state as `{"fleet", "console"}`, the way in which it was read."""
    console = state.console
    return {"fleet": _object(state.fleet), "console": None if console is None else _object(console)}


def _object(part: Part) -> Row:
    return part.head | {name: list(rows.values()) for name, rows in part.lists.items()}


def delta_between(old: State, new: State, memos: Memos | None = None) -> Row:
    """Give what turns `old` into `new`: members as docs/api.md lists them."""
    memos = memos or Memos()
    delta = dict(new.fleet.head)
    vehicles = new.fleet.lists[VEHICLES]
    changed = _difference(
        old.fleet.lists[VEHICLES], vehicles, _VEHICLE_KEY, memos.lists.setdefault(VEHICLES, {})
    )
    delta |= changed
    delta["console"] = None
    if new.console is not None:
        before = old.console.lists if old.console is not None else {}
        lists = {
            name: _difference(
                before.get(name, {}), rows, CONSOLE_KEYS[name], memos.lists.setdefault(name, {})
            )
            for name, rows in new.console.lists.items()
        }
        delta["console"] = new.console.head | lists
    return delta


def _difference(old: Rows, new: Rows, members: tuple[str, ...], memo: Memo) -> Row:
    changed, gone = [], [key for key in old if key not in new]
    for key, row in new.items():
        before = old.get(key)
        if before is row:
            continue
        if before is None:
            changed.append(row)
        elif before.keys() - row.keys():
            gone.append(key)
            changed.append(row)
        else:
            change = memo.get(key)
            if change is None:
                change = {name: row[name] for name in members} | {
                    name: value
                    for name, value in row.items()
                    if name not in before or before[name] != value
                }
                memo[key] = change
            if len(change) > len(members):
                changed.append(change)
    return {"set": changed, "gone": gone}


def apply_delta(snapshot: Row, delta: Row) -> Row:
    """Give what a reader knows after a delta: the rule that every reader follows."""
    head = {name: value for name, value in delta.items() if name not in {"set", "gone", "console"}}
    vehicles = _applied(snapshot["fleet"][VEHICLES], delta, _VEHICLE_KEY)
    console = delta["console"]
    if console is not None:
        before = snapshot["console"] or {}
        console = {
            name: _applied(before.get(name, []), value, CONSOLE_KEYS[name])
            if name in CONSOLE_KEYS
            else value
            for name, value in console.items()
        }
    return {"fleet": head | {VEHICLES: vehicles}, "console": console}


def _applied(rows: list[Row], change: Row, members: tuple[str, ...]) -> list[Row]:
    kept = by_key(rows, members)
    for key in change["gone"]:
        kept.pop(tuple(key) if isinstance(key, list | tuple) else key, None)
    for key, row in by_key(change["set"], members).items():
        kept[key] = kept.get(key, {}) | row
    return list(kept.values())
