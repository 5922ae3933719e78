/** Where the dispatcher is in making a detour. */
import { computed, signal } from "@preact/signals";
import type { AlertContent, Preview, What } from "../../desk/types";
import * as state from "../../shell/state";
import { drawing, history, newHistory } from "./drawing";

export const steps = ["route", "draw", "check", "tell"] as const;
export type Step = (typeof steps)[number];

export const step = signal<Step>("route");
/** The route, which is the selected one in every room. */
export const route = state.selectedRoute;
export const direction = signal<0 | 1 | null>(null);
export const period = signal<{ from_s: number | null; until_s: number | null }>({
  from_s: null,
  until_s: null,
});
export const cause = signal("CONSTRUCTION");
export const reason = signal("");
/** Words for riders in place of the drafted ones. */
export const own = signal<AlertContent | null>(null);
/** Other routes that are led the same way. */
export const along = signal<ReadonlySet<string>>(new Set());
/** What the drawing will do, as the server found it. */
export const found = signal<Preview | null>(null);
/** Routes for which detours were put in force by the last step. */
export const decided = signal<readonly string[]>([]);

/** The act that the drawing means for a route, or null while it is no path yet. */
export function whatFor(route_id: string, served: readonly string[]): What | null {
  const { path } = drawing.value;
  if (path.length < 2) return null;
  return {
    kind: "detour",
    route_id,
    path,
    ...(direction.value === null ? {} : { direction: direction.value }),
    ...(served.length === 0 ? {} : { replacement_stop_ids: served }),
  };
}

export const what = computed<What | null>(() =>
  route.value === null ? null : whatFor(route.value, drawing.value.served),
);

/** Begins anew. */
export function reset(): void {
  step.value = "route";
  history.value = newHistory;
  direction.value = null;
  period.value = { from_s: null, until_s: null };
  reason.value = "";
  own.value = null;
  along.value = new Set();
  found.value = null;
  decided.value = [];
}
