/** What the list of exceptions shows, in which order, and when new rows come in. Pure. */
import type { AlarmKind } from "../../data/console";
import type { AlarmRow } from "../../shell/alarms";

/** From so many alarms in ten minutes on, a person reads causes and not rows (EEMUA 191). */
export const flood_rate = 10;
/** What an operator can answer for long: one alarm in ten minutes. */
export const target_rate = 1;

/**
 * Which keys the list shows, and which new ones wait behind "n new".
 *
 * @param now the keys that stand, in order
 * @param before the keys shown until now
 * @param busy whether somebody is at the list: then nothing moves under the pointer
 * @param urgent whether a key may not wait
 */
export function shownKeys(
  now: readonly string[],
  before: readonly string[],
  busy: boolean,
  urgent: (key: string) => boolean,
): { readonly shown: readonly string[]; readonly waiting: readonly string[] } {
  const known = new Set(before);
  const fresh = now.filter((key) => !known.has(key));
  const waiting = busy && before.length > 0 ? fresh.filter((key) => !urgent(key)) : [];
  const held = new Set(waiting);
  if (waiting.length === 0 && !busy) return { shown: now, waiting };
  // Rows keep their places; what is urgent comes on top, what is over stays until nobody looks.
  const urgentOnes = fresh.filter((key) => !held.has(key));
  return { shown: [...urgentOnes, ...before], waiting };
}

export type Item =
  | { readonly kind: "alarm"; readonly row: AlarmRow }
  | {
      readonly kind: "group";
      readonly cause: AlarmKind;
      readonly rows: readonly AlarmRow[];
      readonly open: boolean;
    };

/** Puts rows together by their cause, the most urgent cause first; open groups show their rows. */
export function grouped(rows: readonly AlarmRow[], open: ReadonlySet<string>): readonly Item[] {
  const byCause = new Map<AlarmKind, AlarmRow[]>();
  for (const row of rows) {
    const same = byCause.get(row.kind);
    if (same) same.push(row);
    else byCause.set(row.kind, [row]);
  }
  return [...byCause].flatMap(([cause, same]): Item[] => {
    if (same.length === 1) return same.map((row) => ({ kind: "alarm", row }));
    const isOpen = open.has(cause);
    const group: Item = { kind: "group", cause, rows: same, open: isOpen };
    return isOpen ? [group, ...same.map((row): Item => ({ kind: "alarm", row }))] : [group];
  });
}
