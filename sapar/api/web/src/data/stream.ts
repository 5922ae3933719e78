/**
 * Reading the live stream. By `fetch`, not by EventSource: that one does not tell a session that
 * has ended from a server that is away, and does not notice a connection that died in silence.
 */
import { type Console, type DeskList, deskLists } from "./console";
import { type Delta, EventReader, LiveState, type Snapshot, type StreamEvent } from "./deltas";
import type { Fleet } from "./types";

/** The server does not let this person look. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(`http_${status}`);
  }
}

export interface StreamListener {
  /** The connection stands and has told something. */
  onOpen(): void;
  onState(fleet: Fleet, desk: Console | null): void;
  /** How old the newest state is, in wall seconds. */
  onAge(age_s: number): void;
  onDesk(list: DeskList): void;
}

/** The server gives a sign of life every five seconds. */
const silence_ms = 12_000;

export interface Stream {
  /**
   * Reads until the connection ends or falls silent; the next call goes on from the last tick.
   *
   * @throws Refused when the person may not see it
   */
  read(stop: AbortSignal): Promise<void>;
}

/** Makes a stream of an address. */
export function readStream(url: string, listener: StreamListener): Stream {
  let state: LiveState | null = null;
  let lastId = "";

  function take(event: StreamEvent): void {
    if (event.name === "snapshot") {
      state = new LiveState(JSON.parse(event.data) as Snapshot);
    } else if (event.name === "delta" && state) {
      state.apply(JSON.parse(event.data) as Delta);
    } else if (event.name === "age") {
      listener.onAge((JSON.parse(event.data) as { age_s: number }).age_s);
    } else if (event.name === "desk") {
      const { what } = JSON.parse(event.data) as { what: string };
      const list = deskLists.find((one) => one === what);
      if (list) listener.onDesk(list);
    }
    if (state && event.id !== "" && event.id !== lastId) {
      lastId = event.id;
      listener.onState(state.fleet, state.console);
    }
  }

  async function read(stop: AbortSignal): Promise<void> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), silence_ms);
    const signal = AbortSignal.any([stop, silent.signal]);
    try {
      const response = await fetch(url, {
        cache: "no-store",
        headers: lastId === "" ? {} : { "Last-Event-ID": lastId },
        signal,
      });
      if (response.status === 401 || response.status === 403) throw new Refused(response.status);
      if (!response.ok || !response.body) throw new Error(`http_${response.status}`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const events = new EventReader();
      let open = false;
      for (;;) {
        const { done, value } = await reader.read();
        if (done || stop.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), silence_ms);
        for (const event of events.take(value)) {
          if (!open) listener.onOpen();
          open = true;
          try {
            take(event);
          } catch (error) {
            // What was applied in part would be wrong from then on: begin anew.
            state = null;
            lastId = "";
            throw error;
          }
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  return { read };
}
