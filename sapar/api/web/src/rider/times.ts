/** When a bus comes, as a rider is told it. Pure: the moment is passed in. */
import type { Call } from "./types";

/** Minutes until a bus comes: a range, one number, or now. */
export type Wait =
  | { readonly kind: "now" }
  | { readonly kind: "one"; readonly minutes: number }
  | { readonly kind: "about"; readonly minutes: number }
  | { readonly kind: "range"; readonly low: number; readonly high: number }
  | { readonly kind: "clock"; readonly low_s: number; readonly high_s: number };

/** From here on a clock time says more than a number of minutes. */
export const minutesMax = 45;

/**
 * Says when a live bus comes. The range holds it with 80 %; its ends are rounded outwards, so that
 * it never promises more than is known. A bus whose range is past but that has not come is "now".
 */
export function waitOf(call: Call, now_s: number): Wait {
  const middle_s = call.arrival_s ?? call.departure_s ?? now_s;
  const known = call.earliest_s !== null && call.latest_s !== null;
  const low_s = call.earliest_s ?? middle_s;
  const high_s = call.latest_s ?? middle_s;
  if (middle_s - now_s >= minutesMax * 60) return { kind: "clock", low_s, high_s };
  const low = Math.max(0, Math.floor((low_s - now_s) / 60));
  const high = Math.max(low, Math.ceil((high_s - now_s) / 60));
  if (high <= 1) return { kind: "now" };
  if (!known) return { kind: "about", minutes: Math.max(1, Math.round((middle_s - now_s) / 60)) };
  if (low === high) return { kind: "one", minutes: low };
  return { kind: "range", low, high };
}

/** The city's time now, going on from an answer that was right when it came. */
export function cityNow(time_s: number, got_ms: number, now_ms: number, rate: number): number {
  return time_s + (Math.max(0, now_ms - got_ms) / 1000) * rate;
}

/** What a call is planned at, if the timetable gives a time. */
export function plannedOf(call: Call): number | null {
  return call.last_stop
    ? (call.scheduled_arrival_s ?? call.scheduled_departure_s)
    : (call.scheduled_departure_s ?? call.scheduled_arrival_s);
}

/** Whether a call is told as late or early, in whole minutes; on time from -1 to +3. */
export function delayOf(call: Call): { readonly late: boolean; readonly minutes: number } | null {
  if (call.state !== "live" || call.delay_s === null) return null;
  const minutes = Math.round(call.delay_s / 60);
  if (minutes > 3) return { late: true, minutes };
  return minutes < -1 ? { late: false, minutes: -minutes } : null;
}

/** Leaves out the later ones of a headway that the timetable repeats: "every 10 min" is said once. */
export function withoutRepeats(calls: readonly Call[]): readonly Call[] {
  const said = new Set<string>();
  return calls.filter((call) => {
    if (call.state !== "scheduled" || call.headway_s === null) return true;
    const name = `${call.route_id} ${call.headsign}`;
    if (said.has(name)) return false;
    said.add(name);
    return true;
  });
}

/** So long after its time a call of each state is still shown, in seconds. */
const kept_s: Readonly<Record<string, number>> = {
  passed: 300,
  scheduled: 180,
  cancelled: 300,
  skipped: 300,
};

/**
 * Whether a call is worth a line. Where nobody knows of a bus, its time is kept for a while: it may
 * be late. Then it goes, for it has come or it never will. A bus that has a signal stays until it
 * has passed, and one that has passed for five minutes: whoever just missed it stops waiting.
 */
export function isShown(call: Call, now_s: number): boolean {
  const kept = kept_s[call.state];
  if (kept === undefined || (call.headway_s !== null && call.state !== "passed")) return true;
  const at_s = call.state === "passed" ? (call.passed_s ?? plannedOf(call)) : plannedOf(call);
  return at_s === null || now_s - at_s < kept;
}

/** Names a run apart from all others that call at a stop. */
export function runOf(call: Pick<Call, "trip_id" | "start_date" | "start_time">): string {
  return `${call.trip_id} ${call.start_date} ${call.start_time}`;
}

/** When a rider who wants to be told so many minutes before must be told: by the early end. */
export function isNear(call: Call, minutes: number, now_s: number): boolean {
  const first_s = call.earliest_s ?? call.arrival_s;
  return call.state === "live" && first_s !== null && first_s - now_s <= minutes * 60;
}

/** How many of four segments a load fills; null when nothing is known. */
export function segmentsOf(occupancy: string | null): number | null {
  const filled: Readonly<Record<string, number>> = {
    empty: 0,
    many_seats_available: 1,
    few_seats_available: 2,
    standing_room_only: 3,
    crushed_standing_room_only: 4,
    full: 4,
    not_accepting_passengers: 4,
  };
  return occupancy === null ? null : (filled[occupancy] ?? null);
}
