/** Whether a replay is on, and of when: in the address, so that a link shows the same moment. */
import { choiceParam, param } from "../shell/query";

/** Unix seconds; null while the present is shown. Where a replay was opened, or stands paused. */
export const moment = param<number | null>(
  "replay",
  null,
  ([text]) => {
    const value = Number(text ?? "");
    return text && Number.isFinite(value) && value > 0 && value < 2 ** 32 ? value : null;
  },
  (value) => (value === null ? [] : [String(Math.floor(value))]),
);

/** Positions as they were, by the times of the fixes; or as they were known, by their receipt. */
export const knownAs = choiceParam<"was" | "known">("as", null, ["was", "known"]);

/** Shows the past from a moment on. */
export function startReplay(at_s: number): void {
  moment.value = at_s;
}

export function endReplay(): void {
  moment.value = null;
}
