/** Which line of which day is on the screen, and which part of the day. */
import { computed } from "@preact/signals";
import { choiceParam, flagParam, param, textParam } from "../../shell/query";
import * as state from "../../shell/state";
import type { Day } from "./model";
import { spanOf } from "./model";
import type { View } from "./scale";
import { zoomed } from "./scale";

export const direction = choiceParam<"0" | "1" | "none">("direction", "stringline", [
  "0",
  "1",
  "none",
]);
/** A past day, "2026-11-20"; null follows the live one. */
export const date = textParam("date", "stringline");
export const asTable = flagParam("table", "stringline");
/** The part of the day that was moved to, as "from-length" in seconds; null follows the present. */
export const moved = param<View | null>(
  "part",
  "stringline",
  ([text]) => readPart(text ?? ""),
  (view) => (view === null ? [] : [`${Math.round(view.from_s)}-${view.length_s}`]),
);

export function readPart(text: string): View | null {
  const found = /^(-?\d{1,6})-(\d{3,6})$/.exec(text);
  return found ? { from_s: Number(found[1]), length_s: Number(found[2]) } : null;
}

/** The route on the screen: the selected one, that of the selected bus, else the first. */
export const route = computed<string | null>(
  () =>
    state.selectedRoute.value ??
    state.selectedRow.value?.vehicle.route_id ??
    state.network.value.routes[0]?.id ??
    null,
);

const length_s = 7200;

/** The part of the day to show: the one moved to, else around the present, else the whole day. */
export function viewOf(day: Day, now_s: number | null): View {
  if (moved.value) return moved.value;
  if (now_s !== null) return { from_s: now_s - 0.7 * length_s, length_s };
  const [from_s, to_s] = spanOf(day);
  return { from_s, length_s: to_s - from_s };
}

export function shift(view: View, by_s: number): void {
  moved.value = { ...view, from_s: view.from_s + by_s };
}

export function zoom(view: View, nearer: boolean, around_s?: number): void {
  moved.value = zoomed(view, nearer, around_s ?? view.from_s + view.length_s / 2);
}
