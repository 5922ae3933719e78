/** What an act would do, asked anew whenever it changes. */
import { useEffect, useState } from "preact/hooks";
import type { Preview, What } from "../../desk/types";
import { ApiError, isPassing, send } from "../../kit/api";
import { timedOut } from "../../shell/me";

export interface Looked {
  /** The newest answer to the act on the screen; null while it is worked out, or without an act. */
  readonly preview: Preview | null;
  readonly error: ApiError | null;
  readonly working: boolean;
}

const settle_ms = 150;
const retry_s = 3;

/**
 * Looks at an act; null looks at nothing.
 *
 * Asks again where there was no answer for now, and once the person has signed in again.
 */
export function usePreview(
  what: What | null,
  period: { readonly from_s: number | null; readonly until_s: number | null },
  cause: string,
): Looked {
  const asked =
    what === null
      ? null
      : JSON.stringify({ what, from_s: period.from_s, until_s: period.until_s, cause });
  const [held, hold] = useState<Looked & { asked: string | null }>({
    asked: null,
    preview: null,
    error: null,
    working: false,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (asked === null || timedOut.value) return;
    const stop = new AbortController();
    let timer = setTimeout(() => {
      send<Preview>("POST", "/api/dispatch/acts/preview", JSON.parse(asked), {
        signal: stop.signal,
      }).then(
        (preview) => hold({ asked, preview, error: null, working: false }),
        (error: unknown) => {
          if (stop.signal.aborted) return;
          const told = error instanceof ApiError ? error : null;
          if (told !== null && isPassing(told.status)) {
            const after_ms = 1000 * (told.retry_s ?? retry_s);
            timer = setTimeout(() => setTurn((now) => now + 1), after_ms);
            return;
          }
          hold({ asked, preview: null, error: told, working: false });
        },
      );
    }, settle_ms);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [asked, turn, timedOut.value]);
  if (asked === null) return { preview: null, error: null, working: false };
  if (held.asked !== asked) return { preview: null, error: null, working: true };
  return held;
}
