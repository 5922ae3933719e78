/**
 * The link to the server: follows the stream, asks once a second where there is none, and knows how
 * old the state is. Pure state transitions first, the loop that performs them below.
 */
import { batch } from "@preact/signals";
import { type Asked, ask } from "./asking";
import { type Console, type DeskList, deskLists } from "./console";
import { Refused, readStream } from "./stream";
import type { Fleet } from "./types";

export interface Link {
  /** False once requests fail; one failure alone is not an outage. */
  readonly reachable: boolean;
  readonly failures: number;
  /** Age of the state at `at_ms`, in wall seconds; null before the first. */
  readonly age_s: number | null;
  /** Monotonic milliseconds at which `age_s` held. */
  readonly at_ms: number;
  /** The server knows the city but has no state of it yet. */
  readonly waiting: boolean;
}

export const firstLink: Link = {
  reachable: true,
  failures: 0,
  age_s: null,
  at_ms: 0,
  waiting: false,
};

const failuresUntilUnreachable = 2;

/** The link after an answer that tells its age; an age it does not tell counts as none. */
export function answered(age_s: number, now_ms: number): Link {
  return { reachable: true, failures: 0, age_s, at_ms: now_ms, waiting: false };
}

/** The link after the server said that it has no state yet. */
export function empty(link: Link, now_ms: number): Link {
  return { ...link, reachable: true, failures: 0, at_ms: now_ms, waiting: true };
}

/** The link after a request that was not answered; the age goes on growing. */
export function failed(link: Link): Link {
  const failures = link.failures + 1;
  return { ...link, failures, reachable: failures < failuresUntilUnreachable };
}

/** Age of the state now, in wall seconds. */
export function ageNow(link: Link, now_ms: number): number | null {
  return link.age_s === null ? null : link.age_s + (now_ms - link.at_ms) / 1000;
}

export interface Listener {
  onFleet(fleet: Fleet): void;
  onConsole(desk: Console): void;
  /** A list of the desk has changed. */
  onDesk(list: DeskList): void;
  onLink(change: (link: Link) => Link): void;
  /** The session has ended, or the person may no longer look. */
  onRefused?(status: number): void;
}

const asking_ms = 1000;
/** So long the stream may be away before the state is asked for besides. */
const grace_ms = 1500;
const again_ms = [250, 1000, 2000, 4000] as const;

/** Milliseconds until the stream is tried again, after so many tries that gave nothing. */
export function pauseAfter(tries: number): number {
  return again_ms[Math.min(tries, again_ms.length - 1)] ?? 4000;
}

/** Follows the city below `base` ("/aqtobe") until stopped; gives the function that stops it. */
export function follow(base: string, listener: Listener): () => void {
  const stop = new AbortController();
  const open = { value: false, since_ms: performance.now() };
  void stream(base, listener, open, stop.signal);
  void asking(base, listener, open, stop.signal);
  return () => stop.abort();
}

interface Open {
  value: boolean;
  since_ms: number;
}

async function stream(
  base: string,
  listener: Listener,
  open: Open,
  signal: AbortSignal,
): Promise<void> {
  let tries = 0;
  let before = false;
  const live = readStream(`${base}/api/dispatch/stream`, {
    onOpen: () => {
      tries = 0;
      open.value = true;
      // Lists may have changed while nobody was listening.
      if (before) for (const list of deskLists) listener.onDesk(list);
      before = true;
    },
    onState: (fleet, desk) =>
      batch(() => {
        listener.onFleet(fleet);
        if (desk) listener.onConsole(desk);
      }),
    onAge: (age_s) => listener.onLink(() => answered(age_s, performance.now())),
    onDesk: (list) => listener.onDesk(list),
  });
  while (!signal.aborted) {
    try {
      await live.read(signal);
    } catch (error) {
      if (error instanceof Refused) listener.onRefused?.(error.status);
    }
    if (open.value) open.since_ms = performance.now();
    open.value = false;
    await rest(pauseAfter(tries), signal);
    tries += 1;
  }
}

/** Asks while there is no stream: a proxy may hold streams back and let answers pass. */
async function asking(
  base: string,
  listener: Listener,
  open: Open,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const started = performance.now();
    if (!open.value && started - open.since_ms > grace_ms) await askOnce(base, listener, signal);
    await rest(asking_ms - (performance.now() - started), signal);
  }
}

async function askOnce(base: string, listener: Listener, signal: AbortSignal): Promise<void> {
  let found: Asked;
  try {
    found = await ask(`${base}/api/fleet.json`, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused) listener.onRefused?.(error.status);
    listener.onLink(failed);
    return;
  }
  if (signal.aborted) return;
  if (found === "waiting") {
    listener.onLink((link) => empty(link, performance.now()));
    return;
  }
  const { fleet, age_s } = found;
  listener.onLink(() => answered(age_s, performance.now()));
  listener.onFleet(fleet);
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(100, ms));
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
