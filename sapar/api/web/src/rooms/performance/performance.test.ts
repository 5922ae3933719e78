import { expect, test } from "vitest";
import { readNetwork } from "../../data/network";
import { cityDay, dayAfter, daysOf } from "./days";
import { measured, routeRows, strain } from "./measures";
import { segmentFeatures } from "./segment_features";
import { changeOf, classOf, toneOf } from "./speed_classes";
import type { Segment, Service } from "./types";

const row: Service = {
  departures: 10,
  early: 1,
  late: 2,
  on_time_share: 0.7,
  headways: 5,
  bunched: 1,
  gaps: 0,
  regular_share: 0.8,
  wait_s: 400,
  planned_wait_s: 300,
  excess_wait_s: 100,
};

const segment: Segment = {
  from_stop_id: "a",
  to_stop_id: "b",
  length_m: 500,
  passages: 4,
  mean_kmh: 22,
  p15_kmh: 18,
  p50_kmh: 21,
  p85_kmh: 26,
};

test("periods end yesterday", () => {
  expect(daysOf("week", "2026-03-03")).toEqual(["2026-02-24", "2026-03-02"]);
  expect(daysOf("month", "2026-03-03")).toEqual(["2026-02-03", "2026-03-02"]);
  expect(daysOf("day", "2024-03-01")).toEqual(["2024-02-29", "2024-02-29"]);
  expect(dayAfter("2026-12-31", 1)).toBe("2027-01-01");
});

test("today is the city's, not the browser's", () => {
  const late_evening_s = Date.parse("2026-03-02T20:30:00Z") / 1000;
  expect(cityDay(late_evening_s, "Asia/Aqtobe")).toBe("2026-03-03");
  expect(cityDay(late_evening_s, "UTC")).toBe("2026-03-02");
});

test("values of the measures, and how far from good they are", () => {
  expect(measured(row, "onTime")).toBe(0.7);
  expect(measured(row, "excess")).toBeCloseTo(1.667, 3);
  expect(measured(row, "runs")).toBeNull();
  expect([strain(0.95, "onTime"), strain(0.75, "onTime"), strain(0.5, "onTime")]).toEqual([
    0, 1, 2,
  ]);
  expect([strain(1, "excess"), strain(2, "excess"), strain(4, "excess")]).toEqual([0, 1, 2]);
  expect(strain(null, "runs")).toBe(0);
});

test("rows of routes take their hours with them", () => {
  const rows = routeRows(
    [{ ...row, route_id: "1" }],
    [
      { ...row, route_id: "1", hour: 7, on_time_share: 0.5 },
      { ...row, route_id: "2", hour: 7 },
    ],
    (id) => `route ${id}`,
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]?.name).toBe("route 1");
  expect(rows[0]?.hours.get(7)?.on_time_share).toBe(0.5);
});

test("speeds and their change fall into five classes", () => {
  expect([5, 12, 22, 30, 50].map((mean_kmh) => classOf({ ...segment, mean_kmh }, "speed"))).toEqual(
    [0, 1, 2, 3, 4],
  );
  expect(classOf(segment, "change")).toBeNull();
  const quicker = { ...segment, before: { ...segment, mean_kmh: 16 } };
  expect(changeOf(quicker)).toBeCloseTo(0.375);
  expect(toneOf(classOf(quicker, "change") ?? -1)).toBe("cold2");
  const slower = { ...segment, before: { ...segment, mean_kmh: 30 } };
  expect(toneOf(classOf(slower, "change") ?? -1)).toBe("warm2");
});

test("segments are drawn from stop to stop", () => {
  const stop = (id: string, lon: number) => ({
    properties: { kind: "stop", id, name: id, routes: [] },
    geometry: { type: "Point", coordinates: [lon, 50] },
  });
  const network = readNetwork({ features: [stop("a", 57), stop("b", 57.1)] });
  const drawn = segmentFeatures([segment, { ...segment, to_stop_id: "gone" }], network, "speed");
  expect(drawn.features.map((one) => one.geometry)).toEqual([
    {
      type: "LineString",
      coordinates: [
        [57, 50],
        [57.1, 50],
      ],
    },
  ]);
});
