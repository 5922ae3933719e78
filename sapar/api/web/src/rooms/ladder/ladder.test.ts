import { describe, expect, it } from "vitest";
import type { PlacedBus } from "../../data/console";
import { spacingOf } from "../../domain/spacing";
import { bracketsOf, namedStops, placeOf, railOf, spread } from "./places";

const stops = ["a", "b", "c", "d", "e"].map((stop_id, index) => ({ stop_id, along: index / 4 }));
const north = { direction: 0, headsign: "North", stops };
const bus = (id: string, more: Partial<PlacedBus> = {}): PlacedBus => ({
  id,
  route_id: "R1",
  direction: 0,
  trip_id: `T${id}`,
  block_id: null,
  start_s: 0,
  prev_stop_id: "b",
  next_stop_id: "c",
  share: 0.5,
  plan_share: null,
  ahead_id: null,
  headway_s: null,
  plan_headway_s: null,
  hold_s: null,
  ...more,
});

describe("place", () => {
  const indexOf = new Map(stops.map(({ stop_id }, index) => [stop_id, index]));
  it.each([
    ["b", "c", 0.5, 1.5],
    ["b", "e", 0.5, 2.5],
    [null, "a", 0, 0],
    ["x", "c", 0.25, 1.25],
    ["b", "x", 0.5, 1],
    ["e", "b", 0.5, 0.5],
  ] as const)("between %s and %s", (prev_stop_id, next_stop_id, share, expected) => {
    expect(placeOf({ prev_stop_id, next_stop_id, share }, indexOf)).toBe(expected);
  });

  it("is none when the line has neither stop", () => {
    expect(placeOf({ prev_stop_id: "x", next_stop_id: "y", share: 0 }, indexOf)).toBeNull();
  });
});

describe("rail", () => {
  it("has the foremost bus first, those that wait and those on another line apart", () => {
    const rail = railOf(
      north,
      [
        bus("1"),
        bus("2", { prev_stop_id: "d", next_stop_id: "e" }),
        bus("3", { start_s: 9 }),
        bus("4", { start_s: 5 }),
        bus("5", { prev_stop_id: null, next_stop_id: "zz" }),
      ],
      [],
      ({ id }) => id === "3" || id === "4",
    );
    expect(rail.buses.map((one) => one.bus.id)).toEqual(["2", "1"]);
    expect(rail.waiting.map((one) => one.id)).toEqual(["4", "3"]);
    expect(rail.elsewhere.map((one) => one.id)).toEqual(["5"]);
  });

  it("has the planned place ahead of a late bus, and never beyond the ends", () => {
    const [late, early] = [bus("1", { plan_share: -2 }), bus("2", { plan_share: 4 })];
    const places = railOf(north, [late, early], [], () => false).buses;
    expect(places.map((one) => one.plan)).toEqual([3.5, 0]);
  });

  it("marks spaces by their share of the plan", () => {
    expect([200, 300, 480, 600, 900].map((headway_s) => spacingOf(headway_s, 480))).toEqual([
      "bunched2",
      "bunched1",
      "even",
      "gap1",
      "gap2",
    ]);
    const ahead = bus("2", { prev_stop_id: "d", next_stop_id: "e" });
    const behind = bus("1", { ahead_id: "2", headway_s: 1140, plan_headway_s: 480 });
    const [bracket] = bracketsOf(railOf(north, [ahead, behind], [], () => false));
    expect(bracket).toMatchObject({ spacing: "gap2", headway_s: 1140 });
  });
});

describe("spread", () => {
  it("leaves what has room and moves the rest as little as it can", () => {
    expect(spread([10, 50, 90], 16, 0, 100)).toEqual([10, 50, 90]);
    expect(spread([50, 50], 16, 0, 100)).toEqual([42, 58]);
    expect(spread([2, 2], 16, 0, 100)).toEqual([0, 16]);
    expect(spread([98, 99], 16, 0, 100)).toEqual([84, 100]);
  });

  it("keeps every distance, whatever comes", () => {
    const places = Array.from({ length: 30 }, (_, index) => (index * 37) % 101);
    const moved = [...spread(places, 4, 0, 400)].sort((a, b) => a - b);
    const gaps = moved.slice(1).map((value, index) => value - (moved[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4 - 1e-9);
  });
});

it("names the ends of a line whatever the room", () => {
  expect([...namedStops(5, 20, 15)].sort()).toEqual([0, 1, 2, 3, 4]);
  const few = namedStops(60, 5, 15);
  expect(few.has(0) && few.has(59) && !few.has(58)).toBe(true);
});
