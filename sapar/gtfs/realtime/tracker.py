"""Follows every bus: beliefs from its fixes, one run a bus and one bus a run, and stop visits.

The best belief is what the rest of the engine sees as the bus's run and place. A run held stays
held while another is only a little better; two buses that want the same run are settled by who
loses less by giving way. On one run a bus never moves back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime import visiting
from sapar.gtfs.realtime.beliefs import (
    Beliefs,
    Ground,
    Step,
    advance,
    due_for_a_look,
    margins,
    replaced,
)
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import (
    NO,
    SOURCE_BLOCK,
    SOURCE_FIT,
    SOURCE_TRIP,
    FleetState,
    Slots,
)
from sapar.gtfs.realtime.giving_up import lost_causes
from sapar.gtfs.realtime.intake import Round, newest_fixes
from sapar.gtfs.realtime.places import at_the_end, note_look, place
from sapar.gtfs.realtime.reasons import claim_reason
from sapar.gtfs.realtime.seeking import in_need, seek

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
RunKey = tuple[int, int, int]

_HOLD = 2.0  # a run is held until another is better by so much
_GIVE_WAY = 1.0
_CHOICE_MAX = 7.0  # a run that explains the bus so much worse than its best is not kept, ...
_SECOND_CHOICE = 4.0  # ... nor taken
_WAITS_FIT = -0.5  # a bus at its first stop need not move to be believed
_SILENT_S = 180.0  # a silent bus loses its run to another


class Tracker:
    """Beliefs and claims of one fleet on one timetable."""

    def __init__(self, fleet: FleetState, ground: Ground, days: Days) -> None:
        self.fleet, self.ground, self.days = fleet, ground, days
        self.beliefs = Beliefs.none()
        self.claims: dict[RunKey, int] = {}
        self.visits = visiting.VisitLog()

    def take(self, fixes: Round) -> None:
        """Take believed fixes, one a vehicle at most; call before the fleet is moved to them."""
        self.ground = replace(self.ground, links=self.days.links)
        fixes = fixes.where(due_for_a_look(self.fleet, fixes))
        slots = fixes.slots
        has = np.zeros(len(self.fleet), np.bool_)
        has[self.beliefs.slot] = True
        tracked = fixes.where(has[slots])
        if len(tracked.slots):
            now = advance(self.beliefs, self.fleet, self.ground, tracked)
            self.beliefs = replaced(self.beliefs, tracked.slots, now)
            self._settle(tracked, now)
        note_look(self.fleet, fixes, self.beliefs)

    def look(self, now_s: float) -> None:
        """Drop what is over, and seek runs for buses without one or in doubt."""
        self.ground = replace(self.ground, links=self.days.links)
        known = np.zeros(len(self.fleet), np.bool_)
        known[self.beliefs.slot] = True
        for slot, reason in lost_causes(self.fleet, self.ground.lattice, known, now_s):
            self.drop(np.array([slot]), reason)
        slots, doubt = in_need(self.fleet, self.beliefs, now_s)
        if len(slots):
            self._seek(slots, doubt, now_s)

    def resume(self) -> None:
        """Take the fleet's runs as they are written: after a switch or a change of leader."""
        fleet, lattice = self.fleet, self.ground.lattice
        n = len(fleet)
        slots = np.flatnonzero(fleet.ints("trip")[:n] != NO)
        trip = fleet.ints("trip")[slots]
        row = fleet.rows("next_row")[slots]
        inside = (row >= lattice.first_row[trip]) & (row <= lattice.last_row[trip])
        row = np.where(inside, row, lattice.first_row[trip])
        fleet["next_row"][slots] = row
        self.claims = {fleet.run_key(slot): slot for slot in slots.tolist()}
        self.beliefs = Beliefs(
            slots, row, fleet.ints("day")[slots], fleet.ints("start_s")[slots],
            fleet.floats("base_s")[slots], np.zeros(len(slots)), fleet.floats("along_m")[slots],
            fleet.floats("off_m")[slots], np.zeros(len(slots)),
        )  # fmt: skip

    def drop(self, slots: Slots, reason: str) -> None:
        """Take runs and beliefs away."""
        visiting.end(self.fleet, self.ground, slots, self.visits)
        for slot in slots.tolist():
            self._release(slot)
        self.beliefs = replaced(self.beliefs, slots, Beliefs.none())
        self.fleet.clear_run(slots, reason)
        self.fleet["next_row"][slots] = NO

    def _seek(self, slots: Slots, doubt: Bools, now_s: float) -> None:
        fleet = self.fleet
        fleet["seeded_s"][slots] = now_s
        now = seek(fleet, self.ground, self.days, self.beliefs, slots, doubt)
        self.beliefs = replaced(self.beliefs, slots, now)
        found = newest_fixes(fleet, np.unique(now.slot))
        if len(found.slots):
            self._settle(found, now)
        for slot in slots[~np.isin(slots, now.slot)].tolist():
            if not fleet.reasons[slot].startswith(("finished", "left", "its trip")):
                fleet.reasons[slot] = "no trip fits where it is and was"

    # -- claims ---------------------------------------------------------------------------------

    def _settle(self, fixes: Round, beliefs: Beliefs) -> None:
        """Let each vehicle of the round have a run, and put it on its place."""
        fleet, lattice = self.fleet, self.ground.lattice
        slots, best, margin = margins(beliefs, self.ground)
        fleet["margin"][slots] = margin
        number = np.searchsorted(slots, beliefs.slot)
        trip = lattice.trip_of_row[beliefs.row]
        same = (
            (trip == fleet.ints("trip")[beliefs.slot])
            & (beliefs.day == fleet.ints("day")[beliefs.slot])
            & (beliefs.start_s == fleet.ints("start_s")[beliefs.slot])
        )
        held = np.full(len(slots), -1, np.int64)
        rows = np.flatnonzero(same)[::-1]  # the best one comes first, and is written last
        held[number[rows]] = rows
        at_held = np.maximum(held, 0)
        stays = (held >= 0) & (beliefs.score[at_held] >= -_HOLD)
        # further back on the same run is another time round: it is held only if nothing is better
        again = beliefs.row[at_held] < self.fleet.rows("next_row")[slots] - 1
        stays &= ~again | (held == best)
        chosen = np.where(stays, held, -1)
        # in the order of their names: the result must not depend on who was heard of first
        names = [self.fleet.ids[slot] for slot in slots[~stays].tolist()]
        changing = np.flatnonzero(~stays)[sorted(range(len(names)), key=names.__getitem__)]
        for at in changing.tolist():
            chosen[at] = self._choose(int(slots[at]), beliefs, best[at], int(held[at]))
        order = np.searchsorted(slots, fixes.slots)
        found = order < len(slots)
        found[found] = slots[order[found]] == fixes.slots[found]
        fixes = fixes.where(found)
        on = chosen[order[found]]
        row = np.maximum(on, 0)
        # one that gave way to another in this very round has been put elsewhere
        on = np.where(self._on_own_run(fixes.slots, beliefs, row), on, -1)
        self._place(fixes.where(on >= 0), beliefs.where(on[on >= 0]))

    def _on_own_run(self, slots: Slots, beliefs: Beliefs, row: Longs) -> Bools:
        fleet = self.fleet
        result: Bools = (
            (self.ground.lattice.trip_of_row[beliefs.row[row]] == fleet.ints("trip")[slots])
            & (beliefs.day[row] == fleet.ints("day")[slots])
            & (beliefs.start_s[row] == fleet.ints("start_s")[slots])
        )
        return result

    def _choose(self, slot: int, beliefs: Beliefs, first: int, held: int) -> int:
        """Pick a run for a vehicle whose run is gone or no longer its best; -1 for none."""
        end = int(np.searchsorted(beliefs.slot, slot, side="right"))
        fleet = self.fleet
        blocked = ""
        seen: set[RunKey] = set()
        options = [(row, self._key(beliefs, row)) for row in range(int(first), end)]
        for row, key in options:
            if beliefs.score[row] < -_SECOND_CHOICE:
                break
            if key in seen or not self._may_claim(slot, beliefs, row):
                continue
            seen.add(key)
            key = self._free_start(slot, beliefs, row, key)
            owner = self.claims.get(key)
            if (
                owner is None
                or owner == slot
                or self._gives_way(owner, slot, beliefs, row, options)
            ):
                self._claim(slot, beliefs, row, key)
                return row
            if not blocked:
                trip_id = self.ground.lattice.network.timetable.trips.ids[key[0]]
                blocked = f"trip {trip_id} is run by {fleet.ids[owner]}"
        if held >= 0 and beliefs.score[held] >= -_CHOICE_MAX:
            return held
        self._release(slot)
        visiting.end(fleet, self.ground, np.array([slot]), self.visits)
        self.fleet.clear_run(np.array([slot]), blocked or "no trip fits where it is and was")
        return -1

    def _may_claim(self, slot: int, beliefs: Beliefs, row: int) -> bool:
        """Tell whether enough was seen: moving fixes, a stand at the first stop, or a sign-on."""
        trip = int(self.ground.lattice.trip_of_row[beliefs.row[row]])
        first = beliefs.row[row] == self.ground.lattice.first_row[trip]
        return bool(
            np.isfinite(self.fleet.trail_x[slot, 1])
            or self.fleet["sign_trip"][slot] == trip
            or (first and beliefs.fit[row] > _WAITS_FIT)
        )

    def _gives_way(
        self,
        owner: int,
        slot: int,
        beliefs: Beliefs,
        row: int,
        options: list[tuple[int, RunKey]],
    ) -> bool:
        """Decide whether the holder of a run yields it: silent, off its line, or little to lose."""
        fleet = self.fleet
        key = options[row - options[0][0]][1]
        if fleet["time_s"][slot] - fleet["time_s"][owner] > _SILENT_S:
            self.drop(np.array([owner]), f"its trip was taken over by {fleet.ids[slot]}")
            return True
        low, high = np.searchsorted(self.beliefs.slot, [owner, owner + 1])
        keys = [self._key(self.beliefs, r) for r in range(int(low), int(high))]
        mine = [r for r, k in zip(range(int(low), int(high)), keys, strict=True) if k == key]
        has = float(self.beliefs.score[mine[0]]) if mine else -_CHOICE_MAX
        loses, other = self._next_best(owner, self.beliefs, int(low), keys, key, has)
        lose_mine, _ = self._next_best(
            slot, beliefs, options[0][0], [k for _, k in options], key, float(beliefs.score[row])
        )
        if other < 0 or loses + _GIVE_WAY >= lose_mine:
            return False
        self._release(owner)
        self._claim(owner, self.beliefs, other, self._key(self.beliefs, other))
        self._put(owner, self.beliefs, other)
        return True

    def _next_best(
        self, slot: int, beliefs: Beliefs, low: int, keys: list[RunKey], without: RunKey, has: float
    ) -> tuple[float, int]:
        """Give what a vehicle loses when it must do without a run, and the belief it takes then."""
        for number, key in enumerate(keys):
            if beliefs.score[low + number] < -_SECOND_CHOICE:
                break
            if key != without and self.claims.get(key, slot) == slot:
                return has - float(beliefs.score[low + number]), low + number
        return _CHOICE_MAX, -1

    def _free_start(self, slot: int, beliefs: Beliefs, row: int, key: RunKey) -> RunKey:
        """Let a run without timetable keep its published start, or take the next free minute."""
        if self.days.kind[key[0]] != FREQUENCY_LOOSE:
            return key
        fleet = self.fleet
        same = fleet["trip"][slot] == key[0] and fleet["next_row"][slot] <= beliefs.row[row]
        shift = 0
        if same:
            shift = round(float(fleet["base_s"][slot] - beliefs.base_s[row]))
        else:
            while self.claims.get((key[0], key[1], key[2] + shift), slot) != slot:
                shift += 60
        if shift:
            mine = slice(*np.searchsorted(self.beliefs.slot, [slot, slot + 1]))
            for table, rows in ((beliefs, slice(row, row + 1)), (self.beliefs, mine)):
                like = (
                    (table.day[rows] == key[1])
                    & (table.start_s[rows] == key[2])
                    & (self.ground.lattice.trip_of_row[table.row[rows]] == key[0])
                )
                table.start_s[rows] = np.where(
                    like, table.start_s[rows] + shift, table.start_s[rows]
                )
                table.base_s[rows] = np.where(like, table.base_s[rows] + shift, table.base_s[rows])
        return self._key(beliefs, row)

    def _key(self, beliefs: Beliefs, row: int) -> RunKey:
        return (
            int(self.ground.lattice.trip_of_row[beliefs.row[row]]),
            int(beliefs.day[row]),
            int(beliefs.start_s[row]),
        )

    def _release(self, slot: int) -> None:
        key = self.fleet.run_key(slot)
        if key[0] != NO and self.claims.get(key) == slot:
            del self.claims[key]

    def _claim(self, slot: int, beliefs: Beliefs, row: int, key: RunKey) -> None:
        """Give a run to a vehicle; the chain of its block goes on, anything else begins anew."""
        fleet, lattice = self.fleet, self.ground.lattice
        before = fleet.run_key(slot)
        self._release(slot)
        self.claims[key] = slot
        follows = before[0] != NO and before[1] == key[1]
        follows = (
            follows
            and int(
                self.ground.links.following(
                    np.array([key[1]], np.int32), np.array([max(before[0], 0)], np.int32)
                )[0]
            )
            == key[0]
        )
        # on the run that it has already a vehicle goes on from its place, unless it is far behind
        goes_on = before == key and beliefs.row[row] >= fleet["next_row"][slot] - 1
        if not follows and not goes_on:
            visiting.end(fleet, self.ground, np.array([slot]), self.visits)
            visiting.begin(fleet, slot)
            fleet["next_row"][slot] = beliefs.row[row]
        trips = lattice.network.timetable.trips
        source = SOURCE_FIT
        if fleet["sign_trip"][slot] == key[0]:
            source = SOURCE_TRIP
        elif fleet["sign_block"][slot] != NO and (
            fleet["sign_block"][slot] == trips.block_idx[key[0]]
        ):
            source = SOURCE_BLOCK
        for name, value in (
            ("trip", key[0]),
            ("day", key[1]),
            ("start_s", key[2]),
            ("base_s", float(beliefs.base_s[row])),
            ("source", source),
            ("claimed_s", float(fleet["time_s"][slot])),
            ("off_since_s", np.inf),
            ("finished", False),
        ):
            fleet[name][slot] = value
        fleet.reasons[slot] = claim_reason(fleet, lattice, slot, beliefs, row)

    def _put(self, slot: int, beliefs: Beliefs, row: int) -> None:
        """Put one vehicle on its place outside a round."""
        self._place(newest_fixes(self.fleet, np.array([slot])), beliefs.where(np.array([row])))

    # -- places ---------------------------------------------------------------------------------

    def _place(self, fixes: Round, beliefs: Beliefs) -> None:
        """Write where the vehicles are on their runs; row by row one vehicle each."""
        if not len(fixes.slots):
            return
        step = Step(self.fleet, self.ground, fixes)
        place(self.fleet, self.ground, step, beliefs, self.visits)
        for slot in at_the_end(self.ground, step, beliefs).tolist():
            visiting.reach_last(self.fleet, self.ground, slot, self.visits)
            self._finish(slot, float(self.fleet["time_s"][slot]))

    def _finish(self, slot: int, time_s: float) -> None:
        fleet = self.fleet
        for done, run in (("done_trip", "trip"), ("done_day", "day"), ("done_start_s", "start_s")):
            fleet[done][slot] = fleet[run][slot]
        fleet["done_s"][slot] = time_s
        trip_id = self.ground.lattice.network.timetable.trips.ids[int(fleet["trip"][slot])]
        self.drop(np.array([slot]), f"finished trip {trip_id}")
        fleet["seeded_s"][slot] = -np.inf
