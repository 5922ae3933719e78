/** Which rows the room shows, and which one is chosen. */
import { computed, effect, signal } from "@preact/signals";
import { type AlarmRow, alarms, rate, type Standing, standingOf } from "../../shell/alarms";
import { choiceParam, textParam } from "../../shell/query";
import * as state from "../../shell/state";
import { flood_rate, grouped, type Item, shownKeys } from "./lists";

const room = "exceptions";

export type Shown = Standing | "past";
export const shown = choiceParam<Shown>("show", room, ["open", "acknowledged", "shelved", "past"]);
/** The day of the past alarms, "2026-11-20"; null for today. */
export const day = textParam("day", room);
export const chosenKey = textParam("alarm", room);
const grouping = signal<boolean | null>(null);
const opened = signal<ReadonlySet<string>>(new Set());
/** Whether the pointer or the focus is in the list. */
export const busy = signal(false);

/** Whether rows stand under their causes: in a flood, or when a person asked for it. */
export const groups = computed<boolean>(
  () => grouping.value ?? (shown.value === "open" && (rate.value ?? 0) > flood_rate),
);
export function group(on: boolean): void {
  grouping.value = on;
}
export function toggleCause(cause: string): void {
  const next = new Set(opened.value);
  if (!next.delete(cause)) next.add(cause);
  opened.value = next;
}

/** The alarms in each standing. */
export const inStanding = computed<Readonly<Record<Standing, readonly AlarmRow[]>>>(() => {
  const now_s = state.cityTime.value ?? 0;
  const found: Record<Standing, AlarmRow[]> = { open: [], acknowledged: [], shelved: [] };
  for (const row of alarms.value) found[standingOf(row, now_s)].push(row);
  return found;
});

const keys = signal<readonly string[]>([]);
const held = signal<readonly string[]>([]);
/** How many new rows wait for the pointer to leave. */
export const waiting = computed(() => held.value.length);
/** Rows that are gone but stay in their places while somebody is at the list. */
const past = new Map<string, AlarmRow>();

effect(() => {
  const now = shown.value === "past" ? [] : inStanding.value[shown.value];
  const byKey = new Map(now.map((row) => [row.key, row]));
  const next = shownKeys(
    now.map(({ key }) => key),
    keys.peek().filter((key) => past.has(key)),
    busy.value,
    (key) => byKey.get(key)?.priority === 1,
  );
  for (const row of now) past.set(row.key, row);
  const kept = new Set(next.shown);
  for (const key of past.keys()) if (!kept.has(key)) past.delete(key);
  keys.value = next.shown;
  held.value = next.waiting;
});

/** The rows on the screen. */
export const listed = computed<readonly AlarmRow[]>(() => {
  const standing = new Map(alarms.value.map((row) => [row.key, row]));
  return keys.value.flatMap((key) => standing.get(key) ?? past.get(key) ?? []);
});

export const items = computed<readonly Item[]>(() =>
  groups.value
    ? grouped(listed.value, opened.value)
    : listed.value.map((row): Item => ({ kind: "alarm", row })),
);

/** Whether a row's alarm stands no more. */
export function isOver(row: AlarmRow): boolean {
  return !alarms.value.some(({ key }) => key === row.key);
}

/** Lets the rows in that wait. */
export function letIn(): void {
  const was = busy.value;
  busy.value = false;
  busy.value = was;
}

/** The chosen alarm, if it is on the screen. */
export const chosen = computed<AlarmRow | null>(
  () => listed.value.find((row) => row.key === chosenKey.value) ?? null,
);

/** Chooses a row and with it its bus. */
export function choose(row: AlarmRow): void {
  chosenKey.value = row.key;
  if (row.vehicle_id !== null) state.select({ bus: row.vehicle_id });
  else if (row.trip_id !== null) state.select({ trip: row.trip_id });
}

/** Chooses the next row. */
export function step(by: 1 | -1): void {
  const rows = items.value.flatMap((item) => (item.kind === "alarm" ? [item.row] : []));
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.key === chosenKey.value);
  const first = by > 0 ? 0 : rows.length - 1;
  const next = rows[at < 0 ? first : (at + by + rows.length) % rows.length];
  if (next) choose(next);
}
