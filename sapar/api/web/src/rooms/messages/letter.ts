/** The message that is being written. */
import { computed, signal } from "@preact/signals";
import type { Target, Texts, Tongue } from "../../desk/types";
import { textParam } from "../../shell/query";
import * as state from "../../shell/state";

export const text_max = 200;

/** Whom the address bar names: `to` a bus, `toroute` a route; `quick` a text to begin with. */
export const to = textParam("to", "messages");
export const toRoute = textParam("toroute", "messages");
export const quick = textParam("quick", "messages");

export type Kind = Target["kind"];
export const chosenKind = signal<Kind>("vehicles");
export const kind = computed<Kind>(() =>
  toRoute.value !== null ? "route" : chosenKind.value === "route" ? "route" : chosenKind.value,
);
export const texts = signal<Texts>({});
export const urgent = signal(false);
export const valid_min = signal<number | null>(30);

/** The numbers in a list that a person typed. */
export function busesOf(text: string): readonly string[] {
  return [...new Set(text.split(/[,;\s]+/).filter((one) => one !== ""))];
}

export const target = computed<Target | null>(() => {
  if (kind.value === "all") return { kind: "all" };
  if (kind.value === "route") {
    return toRoute.value === null ? null : { kind: "route", route_id: toRoute.value };
  }
  const buses = busesOf(to.value ?? "");
  return buses.length === 0 ? null : { kind: "vehicles", vehicle_ids: buses };
});

/** How many buses will get it, as the page knows them. */
export const reached = computed(() => {
  const now = target.value;
  if (now === null) return 0;
  if (now.kind === "vehicles") return now.vehicle_ids.length;
  const { rows } = state;
  return rows.value.filter(({ vehicle }) => now.kind === "all" || vehicle.route_id === now.route_id)
    .length;
});

/** Of the buses that were named, those that are not heard now. */
export const unheard = computed(() => {
  const now = target.value;
  if (now?.kind !== "vehicles") return [];
  const heard = new Set(state.rows.value.map(({ vehicle }) => vehicle.id));
  return now.vehicle_ids.filter((id) => !heard.has(id));
});

export function filled(given: Texts): Texts {
  const entries = Object.entries(given).map(([tongue, text]) => [tongue, text.trim()] as const);
  return Object.fromEntries(entries.filter(([, text]) => text !== ""));
}

export const ready = computed(
  () =>
    target.value !== null &&
    reached.value > 0 &&
    Object.keys(filled(texts.value)).length > 0 &&
    Object.values(texts.value).every((text) => text.length <= text_max) &&
    valid_min.value !== null &&
    valid_min.value >= 1 &&
    valid_min.value <= 1440,
);

export function write(tongue: Tongue, text: string): void {
  texts.value = { ...texts.value, [tongue]: text };
}
