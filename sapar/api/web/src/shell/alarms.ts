/** The alarms that stand, with what people did about them; every room counts them, P1 rings. */
import { computed, effect, signal } from "@preact/signals";
import type { Alarm, Priority } from "../data/console";
import { getJson } from "../kit/api";
import { may } from "./me";
import * as state from "./state";

/** An alarm with its life; times are Unix seconds of the city, null for what has not happened. */
export interface AlarmRow extends Alarm {
  /** Null for a moment: the tick knows it already, the desk's list not yet. */
  readonly alarm_no: number | null;
  readonly raised_s: number;
  readonly cleared_s: number | null;
  readonly acknowledged_s: number | null;
  readonly acknowledged_by: string | null;
  readonly shelved_until_s: number | null;
  readonly shelved_by: string | null;
  readonly owner: string | null;
  readonly taken_s: number | null;
}

export interface AlarmList {
  readonly time_s: number;
  readonly alarms: readonly AlarmRow[];
  readonly rate_10min: number;
}

export type Standing = "open" | "acknowledged" | "shelved";

/** Where an alarm stands at a moment: shelving ends by itself. */
export function standingOf(row: AlarmRow, now_s: number): Standing {
  if (row.shelved_until_s !== null && row.shelved_until_s > now_s) return "shelved";
  return row.acknowledged_s === null ? "open" : "acknowledged";
}

/**
 * Puts what stands by the tick together with what the desk knows of it. The tick says what stands;
 * without a tick the desk's list does.
 */
export function joinAlarms(
  live: readonly Alarm[] | null,
  listed: readonly AlarmRow[],
): readonly AlarmRow[] {
  if (live === null) return listed;
  const byKey = new Map(listed.map((row) => [row.key, row]));
  return live.map((alarm) => {
    const row = byKey.get(alarm.key);
    return row ? { ...row, ...alarm } : { ...unanswered, ...alarm, raised_s: alarm.since_s };
  });
}

const unanswered = {
  alarm_no: null,
  cleared_s: null,
  acknowledged_s: null,
  acknowledged_by: null,
  shelved_until_s: null,
  shelved_by: null,
  owner: null,
  taken_s: null,
} as const;

/** The most urgent first, then the oldest. */
export function byUrgency(a: AlarmRow, b: AlarmRow): number {
  return a.priority - b.priority || a.since_s - b.since_s || (a.key < b.key ? -1 : 1);
}

const list = signal<AlarmList | null>(null);
/** Why the desk's list could not be fetched, or null. */
export const listError = signal<string | null>(null);

export const alarms = computed<readonly AlarmRow[]>(() =>
  [...joinAlarms(state.live.value.desk?.alarms ?? null, list.value?.alarms ?? [])].sort(byUrgency),
);

/** Alarms raised in the last ten minutes; null when it is not known. */
export const rate = computed<number | null>(() => list.value?.rate_10min ?? null);

function nowOf(): number {
  return state.cityTime.value ?? 0;
}

export const counts = computed<Readonly<Record<Priority, number>>>(() => {
  const found: Record<Priority, number> = { 1: 0, 2: 0, 3: 0 };
  for (const row of alarms.value) {
    if (standingOf(row, nowOf()) !== "shelved") found[row.priority] += 1;
  }
  return found;
});

/** Alarms of the first priority that nobody has acknowledged: they blink and sound. */
export const ringing = computed<readonly AlarmRow[]>(() =>
  alarms.value.filter((row) => row.priority === 1 && standingOf(row, nowOf()) === "open"),
);

const renew_ms = 30_000; // the stream says when to fetch; this is for when it cannot

/** Fetches the list again. */
export async function fetchAlarms(): Promise<void> {
  try {
    list.value = await getJson<AlarmList>("/api/dispatch/alarms");
    listError.value = null;
  } catch (error) {
    listError.value = error instanceof Error ? error.message : String(error);
  }
}

/** Keeps the list current as long as the page lives. */
export function followAlarms(): void {
  const seesAlarms = computed(() => state.agencyId.value !== null && may("viewer"));
  effect(() => {
    if (!seesAlarms.value) {
      list.value = null;
      return;
    }
    void state.agencyId.value;
    void state.changes.alarms.value;
    void fetchAlarms();
  });
  setInterval(() => seesAlarms.peek() && !document.hidden && void fetchAlarms(), renew_ms);
}
