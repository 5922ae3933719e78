/** Plays the past: fetches minutes ahead, moves the moment, and fills the shared state with it. */
import { batch, effect, signal } from "@preact/signals";
import { type ApiError, getJson } from "../kit/api";
import * as state from "../shell/state";
import { endReplay, knownAs, moment } from "./moment";
import { type Mark, type Minute, minuteOf, minutesAhead, PastMinute } from "./past";

export const speeds = ["1", "10", "60"] as const;
export type Speed = (typeof speeds)[number];

/** The moment on the screen, in Unix seconds. */
export const at = signal(0);
export const playing = signal(false);
export const speed = signal<Speed>("10");
/** The minute that play waits for, in Unix seconds; null while it does not wait. */
export const missing = signal<number | null>(null);
/** Why a minute could not be fetched; null when none failed. */
export const failure = signal<ApiError | null>(null);

export interface Marks {
  readonly from_s: number;
  readonly until_s: number;
  readonly bin_s: number;
  readonly heard: readonly boolean[];
  readonly alarms: readonly Mark[];
}
export const marks = signal<Marks | null>(null);

const step_ms = 250;
const keep = 40;
const together = 3;
const renew_ms = 5000;
const again_ms = 2000;
const note_s = 5;

const minutes = new Map<number, PastMinute>();
const asked = new Set<number>();
const renewed_ms = new Map<number, number>();

/** The newest moment that there is. */
export function latest(): number {
  return state.live.peek().fleet?.time_s ?? Date.now() / 1000;
}

/** Begins at the moment of the address; gives what ends it. */
export function play(): () => void {
  const stop = new AbortController();
  const forget = (): void => {
    minutes.clear();
    asked.clear();
    renewed_ms.clear();
    missing.value = null;
    failure.value = null;
  };
  forget();
  const disposeAs = effect(() => {
    void knownAs.value;
    void state.agencyId.value;
    forget();
    show(stop.signal);
  });
  const disposeMoment = effect(() => {
    const to_s = moment.value;
    if (to_s === null || Math.floor(at.peek()) === Math.floor(to_s)) return;
    at.value = to_s;
    show(stop.signal);
  });
  let before_ms = performance.now();
  let noted_ms = before_ms;
  const timer = setInterval(() => {
    const now_ms = performance.now();
    const passed_ms = now_ms - before_ms;
    before_ms = now_ms;
    if (playing.peek() && missing.peek() === null) {
      const next = at.peek() + (passed_ms / 1000) * Number(speed.peek());
      at.value = Math.min(next, latest());
      if (next >= latest()) pause();
    }
    show(stop.signal);
    if (playing.peek() && now_ms - noted_ms > note_s * 1000) {
      noted_ms = now_ms;
      moment.value = at.peek();
    }
  }, step_ms);
  return () => {
    stop.abort();
    clearInterval(timer);
    disposeAs();
    disposeMoment();
    playing.value = false;
    at.value = 0;
    shown_s = 0;
  };
}

let shown_s = 0;

/** Puts the moment on the screen when its minute is at hand, and fetches what is not. */
function show(stop: AbortSignal): void {
  const at_s = at.peek();
  if (at_s === 0 || stop.aborted) return;
  for (const from_s of minutesAhead(at_s, Number(speed.peek()), playing.peek())) {
    if (asked.size >= together) break;
    if (from_s <= latest()) fetchMinute(from_s, stop);
  }
  const past = minutes.get(minuteOf(at_s));
  if (!past) {
    missing.value = minuteOf(at_s);
    return;
  }
  const waited = missing.peek() !== null;
  if (waited) missing.value = null;
  if (!waited && shown_s === at_s) return;
  shown_s = at_s;
  batch(() => {
    state.fleet.value = past.fleetAt(at_s);
    state.desk.value = past.consoleAt(at_s, marks.peek()?.alarms ?? []);
  });
}

function fetchMinute(from_s: number, stop: AbortSignal): void {
  const known = minutes.get(from_s);
  const since_ms = performance.now() - (renewed_ms.get(from_s) ?? Number.NEGATIVE_INFINITY);
  const wait_ms = known ? renew_ms : again_ms;
  if (asked.has(from_s) || known?.complete || since_ms < wait_ms) return;
  asked.add(from_s);
  renewed_ms.set(from_s, performance.now());
  const as = knownAs.peek();
  const city = state.agencyId.peek();
  const isWanted = (): boolean =>
    !stop.aborted && as === knownAs.peek() && city === state.agencyId.peek();
  getJson<Minute>("/api/replay/minute.json", { query: { at: from_s, as }, signal: stop })
    .then(
      (minute) => {
        if (!isWanted()) return;
        minutes.delete(from_s);
        minutes.set(from_s, new PastMinute(minute));
        for (const old of [...minutes.keys()].slice(0, -keep)) minutes.delete(old);
        failure.value = null;
        if (minuteOf(at.peek()) === from_s) shown_s = 0;
      },
      (error: ApiError) => {
        if (isWanted()) failure.value = error;
      },
    )
    .finally(() => {
      if (!isWanted()) return;
      asked.delete(from_s);
      show(stop);
    });
}

export function pause(): void {
  playing.value = false;
  moment.value = at.peek();
}

export function toggle(): void {
  if (playing.peek()) pause();
  else playing.value = true;
}

/** Moves to a moment; not beyond the present. */
export function seek(to_s: number): void {
  moment.value = Math.max(1, Math.min(to_s, latest()));
}

export function seekBy(by_s: number): void {
  seek(at.peek() + by_s);
}

/** Back to the present. */
export function goLive(): void {
  endReplay();
}

/** Fetches what the timeline of a day shows. */
export async function loadMarks(from_s: number, until_s: number, stop: AbortSignal): Promise<void> {
  const found = await getJson<Marks>("/api/replay/marks.json", {
    query: { from: from_s, until: until_s },
    signal: stop,
  });
  if (!stop.aborted) marks.value = found;
}
