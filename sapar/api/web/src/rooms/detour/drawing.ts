/** The path that is being drawn, with every step back. */
import { computed, signal } from "@preact/signals";
import type { Point } from "../../desk/types";

export interface Drawing {
  readonly path: readonly Point[];
  /** Stops that are served on the way round, in its order. */
  readonly served: readonly string[];
}

export interface History {
  readonly past: readonly Drawing[];
  readonly now: Drawing;
  readonly future: readonly Drawing[];
}

export const blank: Drawing = { path: [], served: [] };
export const newHistory: History = { past: [], now: blank, future: [] };
const kept = 200;

/** Goes on with another drawing; what had been stepped back from is gone. */
export function drawn(history: History, now: Drawing): History {
  return { past: [...history.past, history.now].slice(-kept), now, future: [] };
}

export function back(history: History): History {
  const before = history.past.at(-1);
  if (!before) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future] };
}

export function forth(history: History): History {
  const [next, ...future] = history.future;
  if (!next) return history;
  return { past: [...history.past, history.now], now: next, future };
}

export const history = signal<History>(newHistory);
export const drawing = computed(() => history.value.now);

export function draw(part: Partial<Drawing>): void {
  history.value = drawn(history.value, { ...history.value.now, ...part });
}

export function addPoint(point: Point): void {
  draw({ path: [...drawing.value.path, point] });
}

export function removeLast(): void {
  if (drawing.value.path.length > 0) draw({ path: drawing.value.path.slice(0, -1) });
}

const metres_per_degree = 111_195;

/** Metres east and north of a reference: near enough for one city. */
function plane(point: Point, at: Point): readonly [number, number] {
  const east = (point[1] - at[1]) * metres_per_degree * Math.cos((at[0] * Math.PI) / 180);
  return [east, (point[0] - at[0]) * metres_per_degree];
}

/** Length of a path in metres. */
export function lengthOf(path: readonly Point[]): number {
  let length_m = 0;
  for (let n = 1; n < path.length; n += 1) {
    const [east, north] = plane(path[n] as Point, path[n - 1] as Point);
    length_m += Math.hypot(east, north);
  }
  return length_m;
}

/** How far a point lies off a path and how far along it, in metres. */
export function placeOn(path: readonly Point[], point: Point): { off_m: number; along_m: number } {
  let best = { off_m: Number.POSITIVE_INFINITY, along_m: 0 };
  let before_m = 0;
  for (let n = 1; n < path.length; n += 1) {
    const from = path[n - 1] as Point;
    const [ex, ey] = plane(path[n] as Point, from);
    const [px, py] = plane(point, from);
    const length_m = Math.hypot(ex, ey);
    const share = length_m === 0 ? 0 : (px * ex + py * ey) / (length_m * length_m);
    const part = Math.max(0, Math.min(1, share));
    const off_m = Math.hypot(px - part * ex, py - part * ey);
    if (off_m < best.off_m) best = { off_m, along_m: before_m + part * length_m };
    before_m += length_m;
  }
  return best;
}

/** Reads a path written as one "latitude, longitude" a line; or the number of the line that is not. */
export function readPath(text: string): readonly Point[] | number {
  const points: Point[] = [];
  for (const [number, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(line);
    const lat = Number(found?.[1]);
    const lon = Number(found?.[2]);
    if (!found || Math.abs(lat) > 90 || Math.abs(lon) > 180) return number + 1;
    points.push([lat, lon]);
  }
  return points;
}

/** Writes a path so that `readPath` reads it. */
export function writePath(path: readonly Point[]): string {
  return path.map(([lat, lon]) => `${lat.toFixed(6)}, ${lon.toFixed(6)}`).join("\n");
}
