/** Classes of speed and of its change: five tones, slow and slower warm, quick and quicker cold. */
import type { Segment } from "./types";

export type Kind = "speed" | "change";
type SegmentTone = "warm2" | "warm1" | "even" | "cold1" | "cold2";

/** Upper ends of the first four classes: km/h, and shares of change. */
export const ends: Readonly<Record<Kind, readonly number[]>> = {
  speed: [10, 15, 25, 35],
  change: [-0.1, -0.03, 0.03, 0.1],
};

const tones: readonly SegmentTone[] = ["warm2", "warm1", "even", "cold1", "cold2"];

export function toneOf(number: number): SegmentTone {
  return tones[number] ?? "even";
}

/** How much quicker the segment is now than before, as a share; null without a before. */
export function changeOf(segment: Segment): number | null {
  return segment.before ? segment.mean_kmh / segment.before.mean_kmh - 1 : null;
}

/** The class of a segment, 0 to 4; null when there is nothing to compare with. */
export function classOf(segment: Segment, kind: Kind): number | null {
  const value = kind === "speed" ? segment.mean_kmh : changeOf(segment);
  if (value === null) return null;
  const found = ends[kind].findIndex((end) => value < end);
  return found < 0 ? ends[kind].length : found;
}
