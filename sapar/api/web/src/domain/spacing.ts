/** Headways against their plan: 50, 75, 125 and 175 % (screens of the control room). */

export type Spacing = "bunched2" | "bunched1" | "even" | "gap1" | "gap2";

/** Judges a headway against its plan. */
export function spacingOf(headway_s: number, plan_s: number): Spacing {
  const ratio = headway_s / plan_s;
  if (ratio <= 0.5) return "bunched2";
  if (ratio <= 0.75) return "bunched1";
  if (ratio < 1.25) return "even";
  return ratio < 1.75 ? "gap1" : "gap2";
}

/** A headway and its plan. */
export interface Headway {
  readonly headway_s: number;
  readonly plan_s: number;
}

export type Load = "low" | "some" | "high" | "full";

/** How full a bus is, from passengers in percent of what it takes. */
export function loadOf(percent: number): Load {
  if (percent < 20) return "low";
  if (percent < 70) return "some";
  return percent < 90 ? "high" : "full";
}

/** Of four segments, how many are filled. */
export function loadSegments(percent: number): number {
  return Math.max(0, Math.min(4, Math.ceil((percent - 5) / 25)));
}
