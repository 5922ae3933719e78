/** Deciding and undoing, with the notices that go with it: what was done, its undo, and the feeds. */
import type { AlertContent, What } from "../../desk/types";
import { getJson, send } from "../../kit/api";
import { done, failed } from "../../kit/toast";
import { clockText } from "../../kit/when";
import { t } from "./messages";

export interface Decision {
  readonly what: What;
  readonly from_s: number | null;
  readonly until_s: number | null;
  readonly cause: string;
  readonly reason: string;
  readonly alert?: AlertContent | null;
  readonly replaces?: string;
}

interface Seen {
  readonly feed_time_s: number;
  readonly seen: readonly string[];
}

const looks = 8;
const pause_ms = 1000;

/** Decides an act; gives its id, or null when it was refused (the person has been told why). */
export async function decide(
  decision: Decision,
  about: string,
  said = t("decided", { what: about }),
): Promise<string | null> {
  try {
    const { act_id } = await send<{ act_id: string }>("POST", "/api/dispatch/acts", decision);
    done(said, () => undo(act_id, about));
    // A pin of a bus shows in the feeds when the bus is there; the others at once.
    if (decision.what.kind !== "swap") void readBack(act_id, about);
    return act_id;
  } catch (error) {
    failed(error);
    return null;
  }
}

/** Undoes an act. */
export async function undo(act_id: string, about: string): Promise<void> {
  await send("POST", `/api/dispatch/acts/${act_id}/undo`);
  done(t("undone", { what: about }));
}

/** Says so once the feeds have it, and also when they still have not. */
async function readBack(act_id: string, about: string): Promise<void> {
  for (let look = 0; look < looks; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, pause_ms));
    try {
      const found = await getJson<Seen>(`/api/dispatch/acts/${act_id}/feeds.json`);
      if (found.seen.length > 0) {
        done(t("inFeeds", { what: about, time: clockText(found.feed_time_s) }));
        return;
      }
    } catch {
      // The next look may get an answer.
    }
  }
  done(t("notYet", { what: about }));
}
