/** What the page asks for: its parameters in the address, and the days that they mean. */
import { computed } from "@preact/signals";
import type { Query } from "../../kit/api";
import { choiceParam, flagParam, textParam } from "../../shell/query";
import * as state from "../../shell/state";
import { cityDay, dayAfter, daysBetween, daysOf, periods } from "./days";

const room = "performance";

export const tabs = ["service", "runTimes", "speeds", "runs", "forecasts"] as const;
export type Tab = (typeof tabs)[number];
export const spans = {
  allDay: [0, 23],
  morning: [7, 9],
  midday: [10, 16],
  evening: [17, 19],
  late: [20, 23],
} as const;
export type Span = keyof typeof spans;
export const spanNames = Object.keys(spans) as [Span, ...Span[]];

export const tab = choiceParam<Tab>("tab", room, tabs);
export const period = choiceParam("period", room, periods);
export const span = choiceParam<Span>("hours", room, spanNames);
export const ownFrom = textParam("from", room);
export const ownTo = textParam("to", room);
export const comparing = flagParam("compare", room);
export const beforeFrom = textParam("before_from", room);
export const beforeTo = textParam("before_to", room);

const today = computed(() => {
  const now_s = state.cityTime.value ?? Date.now() / 1000;
  return cityDay(now_s, state.agency.value?.timezone ?? "UTC");
});

/** First and last day that are looked at. */
export const days = computed<readonly [string, string]>(() => {
  const standard = daysOf(period.value, today.value);
  if (period.value !== "own") return standard;
  const from = ownFrom.value ?? standard[0];
  const to = ownTo.value ?? standard[1];
  return from <= to ? [from, to] : [to, from];
});

/** The days before that are compared with: as many, ended the day before the first. */
export const before = computed<readonly [string, string]>(() => {
  const [from, to] = days.value;
  const last = beforeTo.value ?? dayAfter(from, -1);
  return [beforeFrom.value ?? dayAfter(last, -daysBetween(from, to)), last];
});

/** The query that all addresses of the page share. */
export function asked(more: Query = {}): Query {
  const [from, to] = days.value;
  const [first, last] = spans[span.value];
  return {
    from,
    to,
    route: state.selectedRoute.value,
    from_hour: first === 0 ? null : first,
    until_hour: last === 23 ? null : last,
    ...more,
  };
}
