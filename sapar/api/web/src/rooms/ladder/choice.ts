/** Which routes are on ladders, which way round, and what is known of each. */
import { computed } from "@preact/signals";
import { setParam, textParam } from "../../shell/query";
import * as state from "../../shell/state";

const chosen = setParam("r", "ladder");
const turned = setParam("turn", "ladder");
/** What the list of routes is narrowed to. */
export const wanted = textParam("find", "ladder");

export interface RouteTrouble {
  readonly running: number;
  readonly planned: number;
  readonly uneven: number;
  readonly ghosts: number;
}

/** Both directions of each route together. */
export const troubleOf = computed<ReadonlyMap<string, RouteTrouble>>(() => {
  const found = new Map<string, RouteTrouble>();
  const nothing = { running: 0, planned: 0, uneven: 0, ghosts: 0 };
  for (const one of state.deskNow.value.routes) {
    const before = found.get(one.route_id) ?? nothing;
    found.set(one.route_id, {
      running: before.running + one.running,
      planned: before.planned + one.planned,
      uneven: before.uneven + one.bunched + one.gaps,
      ghosts: before.ghosts,
    });
  }
  for (const ghost of state.deskNow.value.ghosts) {
    const before = found.get(ghost.route_id) ?? nothing;
    found.set(ghost.route_id, { ...before, ghosts: before.ghosts + 1 });
  }
  return found;
});

/** The route with the most trouble: what a dispatcher would open first. */
const worst = computed<string | null>(() => {
  let best: { id: string; score: number } | null = null;
  for (const [id, { uneven, ghosts, running }] of troubleOf.value) {
    const score = uneven + 2 * ghosts + running / 1000;
    if (best === null || score > best.score) best = { id, score };
  }
  return best?.id ?? null;
});
let first: string | null = null;

/** The routes on the screen: those chosen, else the selected one, else the one with most trouble. */
export const shownRoutes = computed<readonly string[]>(() => {
  if (chosen.value.size > 0) return [...chosen.value];
  const bus = state.selectedRow.value?.vehicle.route_id ?? null;
  const selected = state.selectedRoute.value ?? bus;
  if (selected !== null) return [selected];
  // Chosen once: a ladder that changes its route by itself cannot be read.
  first ??= worst.value;
  return first === null ? [] : [first];
});

/** Puts a route on the screen or takes it off. */
export function showRoute(id: string, on: boolean): void {
  const next = new Set(shownRoutes.value);
  if (on) next.add(id);
  else next.delete(id);
  chosen.value = next;
}

/** Shows one route alone. */
export function showOnly(id: string): void {
  chosen.value = new Set([id]);
}

export function isTurned(id: string): boolean {
  return turned.value.has(id);
}

export function turn(id: string): void {
  const next = new Set(turned.value);
  if (!next.delete(id)) next.add(id);
  turned.value = next;
}
