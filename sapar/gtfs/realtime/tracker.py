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
    replaced,
)
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days, Headways
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
from sapar.gtfs.realtime.lateness import lateness_now
from sapar.gtfs.realtime.leading import Leading
from sapar.gtfs.realtime.margins import margins
from sapar.gtfs.realtime.orders import NO_ORDERS
from sapar.gtfs.realtime.pinning import Pinned, is_on, pinned_seeds
from sapar.gtfs.realtime.places import at_the_end, note_look, place
from sapar.gtfs.realtime.reasons import claim_reason
from sapar.gtfs.realtime.seeking import in_need, seek
from sapar.gtfs.realtime.sharing import (
    CHOICE_MAX,
    HOLD,
    SECOND_CHOICE,
    SILENT_S,
    is_own,
    may_claim,
    share_runs,
)
from sapar.gtfs.realtime.turns import find_turns
from sapar.gtfs.realtime.why import NO_FIT, Reason, reason

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
RunKey = tuple[int, int, int]


class Tracker:
    """Beliefs and claims of one fleet on one timetable."""

    def __init__(self, fleet: FleetState, ground: Ground, days: Days) -> None:
        self.fleet, self.ground, self.days = fleet, ground, days
        self.beliefs = Beliefs.none()
        self.claims: dict[RunKey, int] = {}
        self.visits = visiting.VisitLog()
        self._seen: Headways | None = None
        self._given = np.zeros(0)  # how far the run that a bus was given is behind its best
        self.orders = NO_ORDERS
        """What dispatch wants, for the next look."""
        self.pinned = Pinned()
        self._leading = Leading()

    def take(self, fixes: Round) -> None:
        """Take believed fixes, one a vehicle at most; call before the fleet is moved to them."""
        self._see_days()
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
        self._see_days()
        self.ground = self._leading.follow(
            self.orders, self.fleet, self.ground, self.beliefs, now_s
        )
        known = np.zeros(len(self.fleet), np.bool_)
        known[self.beliefs.slot] = True
        for slot, why in lost_causes(self.fleet, self.ground.lattice, known, now_s):
            if slot not in self.pinned:
                self.drop(np.array([slot]), why)
        slots, doubt = in_need(self.fleet, self.beliefs, now_s)
        slots = slots[[slot not in self.pinned for slot in slots.tolist()]]
        if len(slots):
            self._seek(slots, doubt, now_s)
        self._follow_pins(now_s)
        self.ground.lateness.learn(lateness_now(self.fleet, now_s))
        self._share_out(now_s)

    def _see_days(self) -> None:
        if self._seen is not self.days.headways:
            self._seen = self.days.headways
            turns = find_turns(self.ground.lattice, self.days)
            self.ground = replace(self.ground, turns=turns)
        self.ground = replace(self.ground, links=self.days.links)

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
            fleet.floats("off_m")[slots], np.zeros(len(slots)), np.zeros(len(slots)),
        )  # fmt: skip

    def drop(self, slots: Slots, why: Reason) -> None:
        """Take runs and beliefs away."""
        visiting.end(self.fleet, self.ground, slots, self.visits)
        for slot in slots.tolist():
            self._release(slot)
        self.beliefs = replaced(self.beliefs, slots, Beliefs.none())
        self.fleet.clear_run(slots, why)
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
            if fleet.reasons[slot].code not in {"finished", "left_line", "taken_over"}:
                fleet.reasons[slot] = NO_FIT

    # -- claims ---------------------------------------------------------------------------------

    def _settle(self, fixes: Round, beliefs: Beliefs) -> None:
        """Let each vehicle of the round have a run, and put it on its place."""
        fleet = self.fleet
        if len(self._given) < len(fleet):
            self._given = np.append(self._given, np.zeros(len(fleet) - len(self._given)))
        slots, best, margin = margins(beliefs, self.ground)
        fleet["margin"][slots] = margin
        number = np.searchsorted(slots, beliefs.slot)
        same = is_own(beliefs, fleet, self.ground)
        held = np.full(len(slots), -1, np.int64)
        rows = np.flatnonzero(same)[::-1]  # the best one comes first, and is written last
        held[number[rows]] = rows
        at_held = np.maximum(held, 0)
        stays = (held >= 0) & (beliefs.score[at_held] >= -HOLD - self._given[slots])
        # further back on the same run is another time round: it is held only if nothing is better
        ahead = self.ground.ways.opening(fleet.rows("next_row")[slots], fleet.ints("day")[slots])
        again = beliefs.row[at_held] < ahead - 1
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
        on = np.where(is_own(beliefs.where(row), fleet, self.ground), on, -1)
        self._place(fixes.where(on >= 0), beliefs.where(on[on >= 0]))

    def _share_out(self, now_s: float) -> None:
        """Share the runs out among all buses that are heard of, and let those move that must."""
        fleet, beliefs = self.fleet, self.beliefs
        shares = share_runs(beliefs, fleet, self.ground, self.pinned, now_s)
        self._given = np.zeros(len(fleet))
        self._given[shares.slot] = -beliefs.score[shares.row]
        moving = shares.slot[~shares.own].tolist()
        table = beliefs.where(shares.row[~shares.own])
        for slot in moving:
            self._release(slot)
        for number, slot in enumerate(moving):
            key = self._free_start(slot, table, number, self._key(table, number))
            owner = self.claims.get(key, slot)
            if owner != slot:
                self.drop(np.array([owner]), reason("taken_over", bus=fleet.ids[slot]))
            self._claim(slot, table, number, key)
            self._put(slot, table, number)

    def _follow_pins(self, now_s: float) -> None:
        """Put pinned vehicles on their runs; another bus that is there gives way."""
        fleet, pinned = self.fleet, self.pinned
        for slot in pinned.take(fleet, self.days, self.orders.pins, now_s):
            if fleet["trip"][slot] != NO:
                self.drop(np.array([slot]), reason("dispatch_ends"))
            fleet["seeded_s"][slot] = -np.inf
        for slot, due in pinned.due.items():
            fleet["sign_conflict_s"][slot] = np.inf
            fleet["sign_doubted"][slot] = False
            if is_on(fleet, slot, pinned.runs[slot]):
                continue
            self.drop(np.array([slot]), reason("dispatch_moves"))
            now = pinned_seeds(fleet, self.ground, self.days, slot, due)
            self.beliefs = replaced(self.beliefs, np.array([slot]), now)
            if len(now):
                self._settle(newest_fixes(fleet, np.array([slot])), now)

    def _choose(self, slot: int, beliefs: Beliefs, first: int, held: int) -> int:
        """Pick a run for a vehicle whose run is gone or no longer its best; -1 for none."""
        end = int(np.searchsorted(beliefs.slot, slot, side="right"))
        fleet = self.fleet
        blocked = NO_FIT
        seen: set[RunKey] = set()
        options = [(row, self._key(beliefs, row)) for row in range(int(first), end)]
        if not self.pinned.allows(slot, options[0][1]) and held >= 0:
            # past the end of what dispatch gave it
            self._finish(slot, float(fleet["time_s"][slot]))
            return -1
        for row, key in options:
            if beliefs.score[row] < -SECOND_CHOICE:
                break
            if key in seen or not self.pinned.allows(slot, key):
                continue
            if slot not in self.pinned and not may_claim(beliefs, fleet, self.ground, row):
                continue
            seen.add(key)
            key = self._free_start(slot, beliefs, row, key)
            owner = self.claims.get(key)
            if owner is None or owner == slot or self._gives_way(owner, slot):
                self._claim(slot, beliefs, row, key)
                return row
            if blocked is NO_FIT:
                trip_id = self.ground.lattice.network.timetable.trips.ids[key[0]]
                blocked = reason("run_by", trip=trip_id, bus=fleet.ids[owner])
        if held >= 0 and beliefs.score[held] >= -CHOICE_MAX:
            return held
        self._release(slot)
        visiting.end(fleet, self.ground, np.array([slot]), self.visits)
        self.fleet.clear_run(np.array([slot]), blocked)
        return -1

    def _gives_way(self, owner: int, slot: int) -> bool:
        """Decide whether the holder of a run yields it at once: to dispatch, or as it is silent.

        All other contests are settled together, see `_share_out`.
        """
        fleet = self.fleet
        if owner in self.pinned:
            return False
        if slot in self.pinned:
            self.drop(np.array([owner]), reason("dispatch_gave", bus=fleet.ids[slot]))
            return True
        if fleet["time_s"][slot] - fleet["time_s"][owner] > SILENT_S:
            self.drop(np.array([owner]), reason("taken_over", bus=fleet.ids[slot]))
            return True
        return False

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
        one = np.array([slot])
        ahead = self.ground.ways.opening(fleet.rows("next_row")[one], fleet.ints("day")[one])[0]
        goes_on = before == key and beliefs.row[row] >= ahead - 1
        if not follows and not goes_on:
            if before[0] != NO and self.ground.turns.follows(before[0], key[0]):
                self._note_done(slot, float(fleet["time_s"][slot]))
                if fleet["next_row"][slot] == lattice.last_row[before[0]]:
                    visiting.reach_last(fleet, self.ground, slot, self.visits)
            visiting.end(fleet, self.ground, np.array([slot]), self.visits)
            visiting.begin(fleet, slot)
            fleet["next_row"][slot] = beliefs.row[row]
        trips = lattice.network.timetable.trips
        source = SOURCE_FIT
        if fleet["sign_trip"][slot] == key[0] or slot in self.pinned:
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
        fleet.reasons[slot] = claim_reason(
            fleet, lattice, slot, beliefs, row, pinned=slot in self.pinned
        )

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

    def _note_done(self, slot: int, time_s: float) -> None:
        fleet = self.fleet
        self.pinned.finish(slot, fleet.run_key(slot))
        for done, run in (("done_trip", "trip"), ("done_day", "day"), ("done_start_s", "start_s")):
            fleet[done][slot] = fleet[run][slot]
        fleet["done_s"][slot] = time_s

    def _finish(self, slot: int, time_s: float) -> None:
        fleet = self.fleet
        self._note_done(slot, time_s)
        trip_id = self.ground.lattice.network.timetable.trips.ids[int(fleet["trip"][slot])]
        self.drop(np.array([slot]), reason("finished", trip=trip_id))
        fleet["seeded_s"][slot] = -np.inf
