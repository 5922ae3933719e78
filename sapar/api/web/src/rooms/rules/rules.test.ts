import { describe, expect, it } from "vitest";
import {
  isCrossed,
  linesOf,
  type Rule,
  shownValue,
  storedValue,
  withoutRule,
  withRule,
} from "./rule";

const late: Rule = {
  kind: "late",
  route_id: null,
  raise_at: 360,
  clear_at: 270,
  on_delay_s: 60,
  off_delay_s: 30,
  priority: 3,
  enabled: true,
};
const bunched: Rule = { ...late, kind: "bunched", raise_at: 0.25, clear_at: 0.4 };

describe("rules of alarms", () => {
  it("shows the deployment's rule until the agency has another", () => {
    const own = { ...late, raise_at: 300 };
    const lines = linesOf({ defaults: [late, bunched], rules: [own], revision: "" });
    expect(lines.map(({ rule, own: is }) => [rule.kind, rule.raise_at, is])).toEqual([
      ["late", 300, true],
      ["bunched", 0.25, false],
    ]);
    expect(lines[0]?.usual).toBe(late);
  });

  it("lists a route's rule below that of all routes, and compares it with that one", () => {
    const all = { ...late, raise_at: 300 };
    const one = { ...late, route_id: "7", raise_at: 120, clear_at: 60 };
    const lines = linesOf({ defaults: [late], rules: [one, all], revision: "" });
    expect(lines.map(({ rule, usual }) => [rule.route_id, usual.raise_at])).toEqual([
      [null, 360],
      ["7", 300],
    ]);
  });

  it("replaces the rule of the same kind and route, and no other", () => {
    const one = { ...late, route_id: "7" };
    const changed = withRule([late, one], { ...one, raise_at: 1 });
    expect(changed.map((rule) => rule.raise_at)).toEqual([360, 1]);
    expect(withoutRule(changed, one)).toEqual([late]);
  });

  it("speaks of speeds in km/h and gives metres a second back", () => {
    expect(shownValue("speeding", 19.5)).toBe(70.2);
    expect(storedValue("speeding", 70.2)).toBe(19.5);
    expect(shownValue("late", 360)).toBe(360);
  });

  it("knows on which side a dead band ends", () => {
    expect(isCrossed(late)).toBe(false);
    expect(isCrossed({ ...late, clear_at: 361 })).toBe(true);
    expect(isCrossed(bunched)).toBe(false);
    expect(isCrossed({ ...bunched, clear_at: 0.2 })).toBe(true);
  });
});
