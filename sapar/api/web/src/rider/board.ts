/** The board of a stop, kept current: a stream while somebody looks, and a conditional question. */
import { useEffect, useState } from "preact/hooks";
import { addressOf, ask, Failure } from "./api";
import { boot } from "./boot";
import { keepBoard, keptBoard, type Shown } from "./store";
import { online, visible, wall_ms } from "./ticker";
import { cityNow } from "./times";
import type { Board } from "./types";

/** The span of the page without script (`RIDER_SPAN`), and one of those that streams come in. */
export const asked = { minutes_before: 5, minutes_after: 90, limit: 40 };
const every_ms = 15_000;
/** From this age on minutes are no longer shown, for they would be a lie. */
export const stale_ms = 60_000;

export interface Followed {
  readonly shown: Shown | null;
  /** Why there is nothing newer: `no_network`, `no_such_stop` or another code. */
  readonly wrong: string | null;
  /** Whether what is shown was kept on the phone. */
  readonly fromPhone: boolean;
}

/** What the server put into the page is used once: a later visit to the stop asks anew. */
let handed: Board | undefined = boot.board;
const handed_ms = Date.now();

export function first(id: string): Followed {
  if (handed?.stop.stop_id === id) {
    const shown = { board: handed, got_ms: handed_ms };
    handed = undefined;
    keepBoard(shown);
    return { shown, wrong: null, fromPhone: false };
  }
  const shown = keptBoard(id);
  return { shown, wrong: null, fromPhone: shown !== null };
}

/** Follows the board of a stop for as long as the component is there. */
export function useBoard(id: string): Followed {
  const [followed, setFollowed] = useState<Followed>(() => first(id));
  const looking = visible.value;
  const network = online.value;

  useEffect(() => {
    if (!looking) return;
    let over = false;
    const take = (board: Board) => {
      const shown = { board, got_ms: Date.now() };
      keepBoard(shown);
      if (!over) setFollowed({ shown, wrong: null, fromPhone: false });
    };
    const fail = (error: unknown) => {
      const wrong = error instanceof Failure ? error.code : "other";
      if (!over) setFollowed((before) => ({ ...before, wrong }));
    };
    const path = `/api/stops/${encodeURIComponent(id)}/arrivals`;
    const look = () => void ask<Board>(path, asked).then(take, fail);
    look();
    const timer = setInterval(look, every_ms);
    const events = network ? new EventSource(addressOf(`${path}/stream`, asked)) : null;
    const heard = (event: MessageEvent<string>) => take(JSON.parse(event.data) as Board);
    events?.addEventListener("arrivals", heard);
    return () => {
      over = true;
      clearInterval(timer);
      events?.close();
    };
  }, [id, looking, network]);

  return followed;
}

/** The city's time now, going on from a board. */
export function nowOf(shown: Shown): number {
  return cityNow(shown.board.time_s, shown.got_ms, wall_ms.value, boot.rate);
}
