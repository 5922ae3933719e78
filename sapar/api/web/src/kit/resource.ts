/** Data that a room fetches: what was got stays on the screen while it is fetched again or fails. */
import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { agencyId } from "../shell/state";
import { type ApiError, getJson, type Query } from "./api";

export interface Resource<T> {
  /** The newest answer; null before the first. */
  readonly data: T | null;
  /** Why the last try failed; null when it did not. */
  readonly error: ApiError | null;
  readonly loading: boolean;
  /** Milliseconds since 1970 by the browser's clock at which `data` came; null before. */
  readonly got_ms: number | null;
  reload(): void;
}

export interface Renewal {
  readonly query?: Query;
  /** Fetch again so often, in milliseconds. */
  readonly every_ms?: number;
  /** Fetch again when this moves, e.g. `state.changes.alarms`. */
  readonly on?: ReadonlySignal<unknown>;
}

const retry_ms = 3000;

/** Fetches `path` of the city on the screen; null fetches nothing. */
export function useResource<T>(path: string | null, renewal: Renewal = {}): Resource<T> {
  const held = useSignal<Omit<Resource<T>, "reload">>({
    data: null,
    error: null,
    loading: path !== null,
    got_ms: null,
  });
  const turn = useSignal(0);
  const asked = path === null ? null : JSON.stringify([agencyId.value, path, renewal.query ?? {}]);
  const before = useRef(asked);
  const moved = renewal.on?.value;
  useEffect(() => {
    if (asked === null || path === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Another question: the old answer is none to it.
    const kept = before.current === asked ? held.peek().data : null;
    before.current = asked;
    held.value = { ...held.peek(), data: kept, loading: true };
    const again = (after_ms: number): void => {
      timer = setTimeout(() => {
        turn.value += 1;
      }, after_ms);
    };
    getJson<T>(path, {
      signal: stop.signal,
      ...(renewal.query ? { query: renewal.query } : {}),
    }).then(
      (data) => {
        if (stop.signal.aborted) return;
        held.value = { data, error: null, loading: false, got_ms: Date.now() };
        if (renewal.every_ms) again(renewal.every_ms);
      },
      (error: ApiError) => {
        if (stop.signal.aborted) return;
        held.value = { ...held.peek(), error, loading: false };
        if (error.status === 0 || error.status >= 500) again(renewal.every_ms ?? retry_ms);
      },
    );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [asked, turn.value, moved]);
  const reload = useCallback(() => {
    turn.value += 1;
  }, []);
  return { ...held.value, reload };
}
