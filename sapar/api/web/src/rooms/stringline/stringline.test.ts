import { describe, expect, it } from "vitest";
import {
  asOf,
  type Day,
  type Drive,
  driveLines,
  expectedLine,
  planLine,
  type Run,
  stateOf,
} from "./model";
import { type Frame, lengths_s, namedStops, timeAt, xOf, yOf, zoomed } from "./scale";

const stops = [0, 0.25, 0.5, 1].map((along, n) => ({ stop_id: `S${n}`, name: `Stop ${n}`, along }));
const run: Run = {
  trip_id: "T",
  start_s: 100,
  headsign: "There",
  block_id: "B",
  planned: true,
  stops: [0, 1, 2, 3],
  arrival_s: [100, 200, 300, 500],
  departure_s: [110, 200, 330, 500],
  drives: [],
};

function drive(changes: Partial<Drive> = {}): Drive {
  return {
    vehicle_id: "207",
    stops: [0, 1, 2, 3],
    arrival_s: [90, 230, 340, 560],
    departure_s: [130, 240, 400, null],
    seen: [true, true, true, true],
    ...changes,
  };
}

describe("lines of a run", () => {
  it("wait where the plan waits", () => {
    expect(planLine(run, stops).map(({ at_s, along }) => [at_s, along])).toEqual([
      [100, 0],
      [110, 0],
      [200, 0.25],
      [300, 0.5],
      [330, 0.5],
      [500, 1],
    ]);
  });

  it("know the delay at each stop", () => {
    const [line] = driveLines(drive(), run, stops);
    expect(line?.map(({ delay_s }) => delay_s)).toEqual([20, 20, 40, 40, 70, 70, 60]);
  });

  it("have a hole where a stop is missing", () => {
    const lines = driveLines(
      drive({ stops: [0, 1, 3], arrival_s: [90, 230, 560], departure_s: [130, 240, null] }),
      run,
      stops,
    );
    expect(lines.map((line) => line.map(({ at_s }) => at_s))).toEqual([[90, 130, 230, 240], [560]]);
  });

  it("have a hole where a stop was only guessed", () => {
    const lines = driveLines(drive({ seen: [true, true, false, true] }), run, stops);
    expect(lines.map((line) => line.length)).toEqual([4, 1]);
  });

  it("go from stop to stop of a run that leaves some out", () => {
    const short = { ...run, stops: [0, 1, 3], arrival_s: [1, 2, 3], departure_s: [1, 2, 3] };
    const made = drive({ stops: [0, 1, 3], arrival_s: [1, 2, 3], departure_s: [1, 2, 3] });
    expect(driveLines(made, short, stops)).toHaveLength(1);
  });

  it("are expected from where the bus is", () => {
    const one = { trip_id: "T", start_s: 100, vehicle_id: "207", stops: [3] };
    const line = expectedLine({ ...one, arrival_s: [500], departure_s: [500] }, stops, {
      at_s: 400,
      along: 0.6,
      delay_s: null,
    });
    expect(line.map(({ at_s, along }) => [at_s, along])).toEqual([
      [400, 0.6],
      [500, 1],
    ]);
  });
});

describe("what became of a run", () => {
  it("is told by the time and by who drove it", () => {
    expect(stateOf(run, 50, false)).toBe("to_come");
    expect(stateOf(run, 229, false)).toBe("to_come");
    expect(stateOf(run, 231, false)).toBe("missing");
    expect(stateOf(run, 231, true)).toBe("to_come");
    const begun = { ...run, drives: [drive({ stops: [0, 1] })] };
    expect(stateOf(begun, 300, false)).toBe("under_way");
    expect(stateOf(begun, 3000, false)).toBe("driven");
    expect(stateOf({ ...run, drives: [drive()] }, 560, false)).toBe("driven");
    expect(stateOf({ ...run, planned: false }, 300, false)).toBe("extra");
  });
});

describe("the day at a past moment", () => {
  const day: Day = {
    route_id: "1",
    direction: 0,
    directions: [],
    date: "2026-11-20",
    day_start_s: 0,
    now_s: 9000,
    stops,
    runs: [
      { ...run, drives: [drive()] },
      {
        ...run,
        trip_id: "extra",
        planned: false,
        drives: [drive({ arrival_s: [700, 800, 900, 950] })],
      },
    ],
    expected: [
      { trip_id: "T", start_s: 100, vehicle_id: null, stops: [], arrival_s: [], departure_s: [] },
    ],
  };

  it("has nothing that came later", () => {
    const then = asOf({ ...day, runs: day.runs.slice(0, 1) }, 350);
    expect(then.expected).toEqual([]);
    const [seen] = then.runs[0]?.drives ?? [];
    expect(seen?.stops).toEqual([0, 1, 2]);
    expect(seen?.departure_s).toEqual([130, 240, null]);
  });

  it("has runs that nobody drove yet, but none that nobody knew of", () => {
    const then = asOf(day, 50);
    expect(then.runs.map(({ trip_id, drives }) => [trip_id, drives.length])).toEqual([["T", 0]]);
  });
});

describe("the scales", () => {
  const frame: Frame = { width: 1000, height: 500, left: 100, right: 0, top: 30, bottom: 10 };
  const view = { from_s: 3600, length_s: 7200 };

  it("lead there and back", () => {
    for (const x of [100, 333, 1000])
      expect(xOf(timeAt(x, view, frame), view, frame)).toBeCloseTo(x);
    expect(yOf(0, false, frame)).toBe(30);
    expect(yOf(0, true, frame)).toBe(490);
    expect(yOf(0.3, false, frame)).toBeCloseTo(yOf(0.7, true, frame));
  });

  it("keep the moment under the pointer where it is", () => {
    for (const nearer of [true, false]) {
      const next = zoomed(view, nearer, 5000);
      expect(xOf(5000, next, frame)).toBeCloseTo(xOf(5000, view, frame));
      expect(lengths_s).toContain(next.length_s);
    }
  });

  it("name the ends and what is far enough from its neighbours", () => {
    expect([...namedStops([0, 5, 20, 38, 40], 16)].sort((a, b) => a - b)).toEqual([0, 2, 4]);
    expect(namedStops([], 16).size).toBe(0);
  });
});
