import { expect, it } from "vitest";
import type { RouteState } from "../../data/console";
import { allAdvice, cityFigures } from "./figures";

const route = (more: Partial<RouteState>): RouteState => ({
  route_id: "R1",
  direction: 0,
  planned: 4,
  running: 4,
  bunched: 0,
  gaps: 0,
  plan_headway_s: 480,
  regularity: null,
  excess_wait_s: null,
  advice: [],
  ...more,
});
const hold = (vehicle_id: string, gain_s: number) =>
  ({ kind: "hold", vehicle_id, stop_id: null, seconds: 120, gain_s }) as const;

it("weighs a route by its buses, and says nothing of nothing", () => {
  const routes = [
    route({ regularity: 1, running: 3, excess_wait_s: 0 }),
    route({ regularity: 0.5, running: 1, excess_wait_s: 80 }),
    route({ running: 9 }),
  ];
  expect(cityFigures(routes)).toEqual({ regularity: 0.875, excess_wait_s: 20 });
  expect(cityFigures([])).toEqual({ regularity: null, excess_wait_s: null });
});

it("puts the advice that helps most first, whatever the route", () => {
  const routes = [route({ advice: [hold("1", 10)] }), route({ advice: [hold("2", 40)] })];
  expect(allAdvice(routes).map(({ advice }) => advice.vehicle_id)).toEqual(["2", "1"]);
});
