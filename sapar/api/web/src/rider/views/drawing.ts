/** The plane that the line of a bus is drawn on. Pure: degrees in, a box and a path out. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A square around a middle; `size` is its side. */
export interface Box extends Point {
  readonly size: number;
}

const least = 0.004; // 400 m: nearer there is nothing to see

/** Web Mercator in degrees of longitude, north up. */
export function flat([lat, lon]: readonly [number, number]): Point {
  const rad = (lat * Math.PI) / 180;
  return { x: lon, y: -(Math.log(Math.tan(Math.PI / 4 + rad / 2)) * 180) / Math.PI };
}

/** The square around points, with room at the edges. */
export function boxOf(points: readonly Point[]): Box {
  if (points.length === 0) return { x: 0, y: 0, size: least };
  const xs = points.map((one) => one.x);
  const ys = points.map((one) => one.y);
  const [west, east] = [Math.min(...xs), Math.max(...xs)];
  const [north, south] = [Math.min(...ys), Math.max(...ys)];
  const size = Math.max(east - west, south - north, least) * 1.2;
  return { x: (west + east) / 2, y: (north + south) / 2, size };
}

/** The square around those points that are known; without any, all of the line. */
export function around(points: readonly (Point | null)[], whole: Box): Box {
  const known = points.filter((one): one is Point => one !== null);
  if (known.length === 0) return whole;
  const { x, y, size } = boxOf(known);
  return { x, y, size: Math.min(size * 1.8, Math.max(whole.size, least * 2)) };
}

export function zoomed(box: Box, factor: number, whole: Box): Box {
  return { ...box, size: Math.min(Math.max(box.size * factor, least), whole.size * 2) };
}

/** Moves the box so that the ground follows the finger. */
export function moved(box: Box, from: Point, to: Point, pixels: number): Box {
  const step = box.size / Math.max(pixels, 1);
  return { ...box, x: box.x - (to.x - from.x) * step, y: box.y - (to.y - from.y) * step };
}

export function pathOf(points: readonly Point[]): string {
  return points
    .map(({ x, y }, at) => `${at === 0 ? "M" : "L"}${x.toFixed(6)} ${y.toFixed(6)}`)
    .join("");
}
