import { describe, expect, it } from "vitest";
import { type Minute, minutesAhead, PastMinute } from "./past";

const none = { vehicle: [], time_ms: [], at_ms: [], lat_e6: [], lon_e6: [], bearing: [] };
const minute: Minute = {
  from_s: 1200,
  until_s: 1260,
  complete: true,
  vehicles: ["201", "202", "203"],
  start: {
    vehicle: [0, 1],
    time_ms: [-5000, -120_000],
    at_ms: [-5000, -120_000],
    lat_e6: [50_000_000, 51_000_000],
    lon_e6: [57_000_000, 58_000_000],
    bearing: [90, null],
    speed_dmps: [55, 0],
  },
  fixes: {
    // the second one came late: it is older than the first
    vehicle: [0, 0, 0, 2],
    time_ms: [10_000, 4000, 30_000, 20_000],
    at_ms: [11_000, 15_000, 31_000, 20_500],
    lat_e6: [50_100_000, 50_050_000, 50_300_000, 49_000_000],
    lon_e6: [57_100_000, 57_050_000, 57_300_000, 56_000_000],
    bearing: [90, 90, 90, 0],
    speed_dmps: [50, 50, 50, 120],
  },
  stops: ["A", "B", "C"],
  runs: {
    vehicle: [0, 1],
    trip_id: ["T1", "T2"],
    route_id: ["105", "14"],
    direction: [0, 1],
    headsign: ["There", null],
    start_s: [600, 1800],
  },
  visits: {
    run: [0, 0, 1],
    stop: [0, 1, 2],
    arrival_ms: [-40_000, 40_000, 300_000],
    departure_ms: [-20_000, 50_000, null],
    delay_s: [60, 90, 0],
  },
};
const past = new PastMinute(minute);

function bus(id: string, at_s: number) {
  return past.fleetAt(at_s).vehicles.find((one) => one.id === id);
}

describe("the fleet of a moment", () => {
  it("stands at the newest fix that counts, and at none that came too late", () => {
    const lats = [1200, 1210.9, 1211, 1216, 1230.9, 1231].map((at) => bus("201", at)?.lat);
    expect(lats).toEqual([50, 50, 50.1, 50.1, 50.1, 50.3]);
  });

  it("has only buses that had been heard of", () => {
    expect(bus("203", 1220.4)).toBeUndefined();
    expect(bus("203", 1220.5)).toMatchObject({ lat: 49, phase: "deadhead", route_id: null });
  });

  it("knows run, delay and next stop from the visits", () => {
    expect(bus("201", 1200)).toMatchObject({
      phase: "in_progress",
      route_id: "105",
      trip_id: "T1",
      headsign: "There",
      delay_s: 60,
      next_stop_id: "B",
      speed_mps: 5.5,
      time_s: 1195,
    });
    expect(bus("201", 1245)).toMatchObject({ phase: "layover", trip_id: "T1" });
    expect(bus("202", 1230)).toMatchObject({ phase: "no_signal", trip_id: "T2", delay_s: null });
  });
});

describe("the places on the lines", () => {
  it("lie between the two visits", () => {
    const at = (at_s: number) => past.consoleAt(at_s, []).buses.find(({ id }) => id === "201");
    expect(at(1200)).toMatchObject({ prev_stop_id: "A", next_stop_id: "B", start_s: 600 });
    expect(at(1200)?.share).toBeCloseTo(1 / 3);
    expect(at(1225)?.share).toBeCloseTo(0.75);
    expect(at(1245)).toBeUndefined();
  });

  it("have a bus wait at the first stop of its next run", () => {
    const waiting = past.consoleAt(1200, []).buses.find(({ id }) => id === "202");
    expect(waiting).toMatchObject({ prev_stop_id: null, next_stop_id: "C", share: 0 });
  });

  it("come with the alarms that stood then", () => {
    const mark = { kind: "late", priority: 2 as const, vehicle_id: "201", route_id: "105" };
    const marks = [
      { ...mark, raised_s: 1100, cleared_s: 1205 },
      { ...mark, raised_s: 1210, cleared_s: null },
    ];
    const kinds = [1150, 1204, 1205, 1209, 1210].map(
      (at_s) => past.consoleAt(at_s, marks).alarms.length,
    );
    expect(kinds).toEqual([1, 1, 0, 0, 1]);
  });
});

describe("what is fetched ahead", () => {
  it("grows with the speed", () => {
    expect(minutesAhead(1259, 1, false)).toEqual([1200, 1260]);
    expect(minutesAhead(1259, 60, true)).toHaveLength(7);
  });

  it("may hold nothing", () => {
    const empty = new PastMinute({
      ...minute,
      vehicles: [],
      start: { ...none, speed_dmps: [] },
      fixes: { ...none, speed_dmps: [] },
      visits: { run: [], stop: [], arrival_ms: [], departure_ms: [], delay_s: [] },
    });
    expect(empty.fleetAt(1230).vehicles).toEqual([]);
  });
});
