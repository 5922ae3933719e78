/**
 * The link to the server: asks for the fleet once a second and knows how old the answer is. Pure
 * state transitions first, the loop that performs them below.
 */
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
  onLink(change: (link: Link) => Link): void;
}

const interval_ms = 1000;
const timeout_ms = 4000;

/** Asks until stopped; gives the function that stops it. */
export function follow(url: string, listener: Listener): () => void {
  const stop = new AbortController();
  let tag: string | null = null;

  async function ask(): Promise<void> {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(timeout_ms)]);
    const response = await fetch(url, {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal,
    });
    if (response.status === 503) {
      const code = ((await response.json()) as { error?: { code?: string } }).error?.code;
      if (code !== "no_tick") throw new Error(code ?? "503");
      listener.onLink((link) => empty(link, performance.now()));
      return;
    }
    if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
    const age_s = Number(response.headers.get("Sapar-Tick-Age") ?? 0);
    const fleet = response.status === 304 ? null : ((await response.json()) as Fleet);
    if (stop.signal.aborted) return;
    tag = response.headers.get("ETag") ?? tag;
    listener.onLink(() => answered(age_s, performance.now()));
    if (fleet) listener.onFleet(fleet);
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      const started = performance.now();
      try {
        await ask();
      } catch {
        if (!stop.signal.aborted) listener.onLink(failed);
      }
      const rest = interval_ms - (performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, Math.max(100, rest)));
    }
  }

  void loop();
  return () => stop.abort();
}
