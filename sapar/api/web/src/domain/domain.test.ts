import { describe, expect, it } from "vitest";
import { keepDirections } from "../data/fleet";
import { readNetwork } from "../data/network";
import { phases, type Vehicle } from "../data/types";
import { adherenceOf, delayMinutes, signedMinutes } from "./adherence";
import { ageOf, duration } from "./age";
import { isPointed, labelOf, lookOf } from "./look";
import { keptOrder, naturalOrder } from "./order";
import { outageOf } from "./outage";
import { search } from "./search";

const bus: Vehicle = {
  id: "207",
  label: "207",
  lat: 50.28,
  lon: 57.17,
  bearing: 90,
  speed_mps: 8,
  time_s: 1000,
  phase: "in_progress",
  route_id: "R105",
  trip_id: "T1",
  headsign: "Саябақ",
  delay_s: 0,
  confidence: 0.9,
  stale: false,
  next_stop_id: null,
  next_stop_time_s: null,
  reason: null,
};

describe("punctuality", () => {
  it.each([
    [-121, "early2"],
    [-120, "early1"],
    [-61, "early1"],
    [-60, "even"],
    [0, "even"],
    [360, "even"],
    [361, "late1"],
    [600, "late1"],
    [601, "late2"],
    [null, "none"],
  ] as const)("of %s is %s", (delay_s, expected) => {
    expect(adherenceOf(delay_s)).toBe(expected);
  });

  it("counts whole minutes towards zero and never writes minus zero", () => {
    expect(delayMinutes(299)).toBe(4);
    expect(Object.is(delayMinutes(-30), 0)).toBe(true);
    expect(signedMinutes(-200)).toBe("−3");
    expect(signedMinutes(59)).toBe("");
  });
});

describe("age", () => {
  it.each([
    [0, "fresh"],
    [15, "fresh"],
    [15.1, "aging"],
    [60, "aging"],
    [300, "old"],
    [301, "gone"],
  ] as const)("of %s s is %s", (age_s, expected) => {
    expect(ageOf(age_s)).toBe(expected);
  });

  it.each([
    [4.9, "seconds", { n: 4 }],
    [60, "minutes", { n: 1 }],
    [130, "minutesSeconds", { m: 2, s: 10 }],
    [301, "minutes", { n: 5 }],
    [3720, "hours", { h: 1, m: 2 }],
    [-3, "seconds", { n: 0 }],
  ])("%s s is said as %s", (seconds, key, values) => {
    expect(duration(seconds)).toEqual({ key, values });
  });
});

describe("look", () => {
  it("tells late from early without colour: the bar lies behind or ahead", () => {
    expect(lookOf({ ...bus, delay_s: 700 }, 1, "adherence").shape).toBe("arrow-behind");
    expect(lookOf({ ...bus, delay_s: -200 }, 1, "adherence").shape).toBe("arrow-ahead");
    expect(lookOf(bus, 1, "adherence")).toMatchObject({ shape: "arrow", exception: false });
  });

  it("claims no direction that is not known, and shows age by outline", () => {
    expect(lookOf({ ...bus, bearing: null }, 1, "adherence").shape).toBe("dot");
    expect(lookOf(bus, 61, "adherence")).toMatchObject({ hollow: true, exception: true });
    expect(lookOf(bus, 301, "age").age).toBe("gone");
  });

  it("gives every state a shape of its own, whatever the colours", () => {
    const looks = phases.map((phase) => lookOf({ ...bus, phase }, 1, "adherence").shape);
    expect(new Set(looks).size).toBe(phases.length);
  });

  it("turns only what moves: an empty run points ahead, and without a direction it is a dot", () => {
    const empty = { ...bus, phase: "deadhead", trip_id: null, delay_s: null } as const;
    expect(isPointed(lookOf(empty, 1, "adherence").shape)).toBe(true);
    expect(lookOf({ ...empty, bearing: null }, 1, "adherence").shape).toBe("dot");
    expect(lookOf({ ...empty, delay_s: 700 }, 1, "adherence").shape).toBe("chevron");
  });

  it.each([
    ["in_progress", 3, false],
    ["layover", 3, false],
    ["deadhead", 3, false],
    ["detour", 3, true],
    ["off_route", 3, true],
    ["no_signal", 400, true],
    ["depot", 400, false],
    ["out_of_service", 3, false],
  ] as const)("of %s with a fix of %i s asks for a dispatcher: %s", (phase, age_s, asks) => {
    expect(lookOf({ ...bus, phase }, age_s, "adherence").exception).toBe(asks);
  });

  it("of a silent bus tells its age, and nothing of what was known before", () => {
    const silent = { ...bus, phase: "no_signal", delay_s: 700 } as const;
    const look = lookOf(silent, 150, "adherence");
    expect(look).toMatchObject({ shape: "cross", hollow: false, tone: "age2" });
    expect(labelOf(silent, "105", look, "adherence", () => "2 min 30 s")).toBe("105 · 2 min 30 s");
  });

  it("prints deviation only where it is asked about, and the age once over a minute", () => {
    const late = { ...bus, delay_s: 700 };
    const look = lookOf(late, 70, "adherence");
    expect(labelOf(late, "105", look, "adherence", () => "1 min")).toBe("105 +11 · 1 min");
    expect(labelOf(late, "105", look, "route", () => "1 min")).toBe("105 · 1 min");
  });
});

describe("direction", () => {
  it("of a standing bus stays the last known one, and an unknown one stays unknown", () => {
    const at = (time_s: number, bearing: number | null) => ({
      time_s,
      heard: 1,
      expected: 1,
      vehicles: [{ ...bus, bearing }],
    });
    const moving = keepDirections(null, at(1, 90));
    const standing = keepDirections(moving, at(2, null));
    expect(standing.vehicles[0]?.bearing).toBe(90);
    expect(keepDirections(standing, at(3, 45)).vehicles[0]?.bearing).toBe(45);
    expect(keepDirections(at(1, null), at(2, null)).vehicles[0]?.bearing).toBeNull();
  });
});

describe("outage", () => {
  const fresh = Array.from({ length: 20 }, () => 3);
  it("is the server's before the link's before the devices'", () => {
    const silent = fresh.map(() => 400);
    expect(outageOf(false, 60, silent)).toEqual({ kind: "server" });
    expect(outageOf(true, 6, silent)).toEqual({ kind: "link", age_s: 6 });
    expect(outageOf(true, 1, silent)).toEqual({ kind: "fixes", old: 20, total: 20 });
  });

  it("needs twenty vehicles and a fifth of them silent", () => {
    expect(outageOf(true, 1, [...fresh.slice(4), 151, 151, 151, 151])?.kind).toBe("fixes");
    expect(outageOf(true, 1, [...fresh.slice(3), 151, 151, 151])).toBeNull();
    expect(outageOf(true, 1, Array(19).fill(400))).toBeNull();
    expect(outageOf(true, null, [])).toBeNull();
    expect(outageOf(true, 5, fresh)).toBeNull();
  });
});

describe("search", () => {
  const network = readNetwork({
    features: [
      {
        properties: { kind: "route", id: "R105", name: "105", long_name: "Шаңырақ – Саябақ" },
        geometry: { type: "MultiLineString", coordinates: [] },
      },
      {
        properties: { kind: "stop", id: "S1", name: "Ұлттық банк", routes: ["R105"] },
        geometry: { type: "Point", coordinates: [57.17, 50.28] },
      },
    ],
  });

  it("finds buses, routes and stops, the exact one first", () => {
    const hits = search("105", network, [{ ...bus, id: "1051", label: "1051" }]);
    expect(hits.map((hit) => hit.kind)).toEqual(["route", "bus"]);
    expect(search("207", network, [bus])[0]).toMatchObject({ kind: "bus", note: "105" });
  });

  it("folds the case of Kazakh letters and finds the beginning of a later word", () => {
    expect(search("ұлттық", network, [])[0]?.id).toBe("S1");
    expect(search("САЯБАҚ", network, [])[0]?.id).toBe("R105");
    expect(search("  ", network, [bus])).toEqual([]);
  });
});

it("orders names as a person does", () => {
  expect(["105", "2", "10А", "10", "1"].sort(naturalOrder)).toEqual(["1", "2", "10", "10А", "105"]);
});

it("keeps the order until a name changes; what has no first name comes last", () => {
  const order = keptOrder();
  const first = ["105", "", "2", "2"];
  const made = order(first, ["1", "2", "10", "9"]);
  expect(made).toEqual([3, 2, 0, 1]);
  expect(order([...first], ["1", "2", "10", "9"])).toBe(made);
  expect(order(["1", "", "2", "2"], ["1", "2", "10", "9"])).toEqual([0, 3, 2, 1]);
});
