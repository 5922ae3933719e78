import { useRef } from "preact/hooks";
import type { Outage } from "../domain/outage";
import { t } from "../i18n";
import { clockText } from "../kit/when";
import * as state from "./state";

/** Says that what is on the screen is not the present, since when, and what still works. */
export function Banner() {
  const outage = state.outage.value;
  // The moment is kept while the outage lasts, so that the sentence does not move every second.
  const since = useRef<number | null>(null);
  if (outage === null) since.current = null;
  else since.current ??= state.fleet.value?.time_s ?? null;
  return (
    <div role="alert" class="banner-place">
      {outage && (
        <div class={`banner banner-${outage.kind}`}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <rect x="1" y="1" width="14" height="14" rx="1" />
            <path d="M8 4v5M8 11v1.4" />
          </svg>
          <p>{sentence(outage, since.current)}</p>
        </div>
      )}
    </div>
  );
}

function sentence(outage: Outage, since_s: number | null): string {
  const time = since_s === null ? "–" : clockText(since_s);
  if (outage.kind === "server") return t("outageServer", { time });
  if (outage.kind === "link") return t("outageLink", { time });
  return t("outageFixes", { old: outage.old, n: outage.total });
}
