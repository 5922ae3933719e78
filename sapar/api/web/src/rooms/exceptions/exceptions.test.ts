import { describe, expect, it } from "vitest";
import type { Alarm } from "../../data/console";
import { type AlarmRow, byUrgency, joinAlarms, standingOf } from "../../shell/alarms";
import { grouped, shownKeys } from "./lists";

const alarm = (key: string, more: Partial<Alarm> = {}): Alarm => ({
  key,
  kind: "late",
  priority: 3,
  since_s: 100,
  vehicle_id: "1",
  route_id: null,
  trip_id: null,
  stop_id: null,
  values: {},
  ...more,
});
const row = (key: string, more: Partial<AlarmRow> = {}): AlarmRow => ({
  ...alarm(key),
  alarm_no: 1,
  raised_s: 100,
  cleared_s: null,
  acknowledged_s: null,
  acknowledged_by: null,
  shelved_until_s: null,
  shelved_by: null,
  owner: null,
  taken_s: null,
  ...more,
});

describe("an alarm", () => {
  it("stands by the tick, and has the life that the desk knows", () => {
    const joined = joinAlarms(
      [alarm("a", { values: { late_s: 700 } }), alarm("c")],
      [row("a", { owner: "Aru" }), row("b")],
    );
    expect(joined.map(({ key, owner, alarm_no }) => [key, owner, alarm_no])).toEqual([
      ["a", "Aru", 1],
      ["c", null, null],
    ]);
    expect(joined[0]?.values).toEqual({ late_s: 700 });
    expect(joinAlarms(null, [row("b")])).toHaveLength(1);
  });

  it("that is shelved comes back by itself, acknowledged if it was", () => {
    const shelved = row("a", { shelved_until_s: 200, acknowledged_s: 150 });
    expect(standingOf(shelved, 199)).toBe("shelved");
    expect(standingOf(shelved, 200)).toBe("acknowledged");
    expect(standingOf(row("a"), 0)).toBe("open");
  });

  it("is listed by priority, then by age", () => {
    const rows = [
      row("new", { since_s: 9 }),
      row("old", { since_s: 5 }),
      row("p1", { priority: 1 }),
    ];
    expect(rows.sort(byUrgency).map(({ key }) => key)).toEqual(["p1", "old", "new"]);
  });
});

describe("the list", () => {
  const never = () => false;

  it("takes everything while nobody is at it", () => {
    expect(shownKeys(["a", "c"], ["a", "b"], false, never)).toEqual({
      shown: ["a", "c"],
      waiting: [],
    });
  });

  it("moves nothing under a pointer: the new waits, what is over stays", () => {
    expect(shownKeys(["c", "a"], ["a", "b"], true, never)).toEqual({
      shown: ["a", "b"],
      waiting: ["c"],
    });
    expect(shownKeys(["p", "a"], ["a"], true, (key) => key === "p").shown).toEqual(["p", "a"]);
    expect(shownKeys(["a"], [], true, never).shown).toEqual(["a"]);
  });

  it("of a flood is read by cause", () => {
    const rows = [row("a"), row("b", { kind: "gap" }), row("c")];
    const closed = grouped(rows, new Set());
    expect(closed.map((item) => item.kind)).toEqual(["group", "alarm"]);
    expect(grouped(rows, new Set(["late"]))).toHaveLength(4);
  });
});
