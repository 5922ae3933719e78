/**
 * Punctuality classes. Limits in seconds of delay; early is negative. Minus one to plus six minutes
 * counts as on time, so that the common case stays grey and only what needs a person has a colour.
 */
export type Adherence = "early2" | "early1" | "even" | "late1" | "late2" | "none";

export const limits = { early2: -120, early1: -60, late1: 360, late2: 600 } as const;

/** Sorts a delay in seconds into its class; null is "none". */
export function adherenceOf(delay_s: number | null): Adherence {
  if (delay_s === null) return "none";
  if (delay_s < limits.early2) return "early2";
  if (delay_s < limits.early1) return "early1";
  if (delay_s <= limits.late1) return "even";
  if (delay_s <= limits.late2) return "late1";
  return "late2";
}

/** Delay in whole minutes, towards zero: a bus is "4 min late" from 4:00 to 4:59. */
export function delayMinutes(delay_s: number): number {
  return Math.trunc(delay_s / 60) + 0;
}

/** A delay as it stands beside a glyph: "+4", "−3", or "" within a minute. */
export function signedMinutes(delay_s: number): string {
  const minutes = delayMinutes(delay_s);
  if (minutes === 0) return "";
  return minutes > 0 ? `+${minutes}` : `−${-minutes}`;
}
