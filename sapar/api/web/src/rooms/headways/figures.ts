/** Figures of the whole city from those of its routes. Pure. */
import type { Advice, RouteState } from "../../data/console";

export interface CityFigures {
  /** Share of headways in order, each route by its buses; null when nobody keeps a headway. */
  readonly regularity: number | null;
  readonly excess_wait_s: number | null;
}

/** Means over the routes, weighted by the buses that run there. */
export function cityFigures(routes: readonly RouteState[]): CityFigures {
  return {
    regularity: mean(routes, (route) => route.regularity),
    excess_wait_s: mean(routes, (route) => route.excess_wait_s),
  };
}

function mean(
  routes: readonly RouteState[],
  read: (route: RouteState) => number | null,
): number | null {
  let sum = 0;
  let weight = 0;
  for (const route of routes) {
    const value = read(route);
    if (value === null || route.running === 0) continue;
    sum += value * route.running;
    weight += route.running;
  }
  return weight === 0 ? null : sum / weight;
}

export interface RouteAdvice {
  readonly route: RouteState;
  readonly advice: Advice;
}

/** All advice, the most helpful first. */
export function allAdvice(routes: readonly RouteState[]): readonly RouteAdvice[] {
  return routes
    .flatMap((route) => route.advice.map((advice) => ({ route, advice })))
    .sort((a, b) => b.advice.gain_s - a.advice.gain_s);
}
