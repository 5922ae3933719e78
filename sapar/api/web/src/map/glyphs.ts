/**
 * The vehicles' glyphs as signed distance fields, so that the map recolours and outlines one image.
 * Each shape is computed from its polygon: no picture is shipped, and every size stays sharp.
 */
import type { Shape } from "../domain/look";

type Point = readonly [number, number];

const half = 24; // a glyph is 48 pixels wide, drawn at pixel ratio 2
/** Width of a glyph's image, in its own pixels; two are one CSS pixel at scale 1. */
export const glyph_px = half * 2;
/** Pixels over which the field fades. */
export const reach = 8;
/** The field at the border of a shape. */
export const edge = 0.75;
/** Zooms, and how large glyphs are there; between them the size grows evenly. */
export const glyphScales = [
  [9, 0.5],
  [12, 0.85],
  [15, 1.2],
] as const;

const arrow: readonly Point[] = [
  [0, -15],
  [10, 11],
  [0, 6],
  [-10, 11],
];
const bar = (y: number): readonly Point[] => [
  [-9, y - 1.8],
  [9, y - 1.8],
  [9, y + 1.8],
  [-9, y + 1.8],
];
/** A wide bracket behind: the space is open there. */
const wide: readonly Point[] = [
  [-15, 11.2],
  [15, 11.2],
  [15, 14.8],
  [-15, 14.8],
];
const tick = (x: number): readonly Point[] => [
  [x - 1.8, 5],
  [x + 1.8, 5],
  [x + 1.8, 13],
  [x - 1.8, 13],
];
const ring = (radius: number, corners: number, turn: number): readonly Point[] =>
  Array.from({ length: corners }, (_, index) => {
    const angle = ((index + turn) / corners) * 2 * Math.PI;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
const turned = (points: readonly Point[]): readonly Point[] =>
  points.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2] as const);
const chevron: readonly Point[] = [
  [0, -13],
  [12, 5],
  [12, 12],
  [0, -4],
  [-12, 12],
  [-12, 5],
];
const house: readonly Point[] = [
  [0, -13],
  [12, -3],
  [12, 12],
  [-12, 12],
  [-12, -3],
];
/** The way around: up, over and down again. */
const arch: readonly Point[] = [
  [-13, 12],
  [-13, -4],
  [-6, -12],
  [6, -12],
  [13, -4],
  [13, 12],
  [7, 12],
  [7, -2],
  [3, -6],
  [-3, -6],
  [-7, -2],
  [-7, 12],
];
const plank: readonly Point[] = [
  [-12, -3.2],
  [12, -3.2],
  [12, 3.2],
  [-12, 3.2],
];
const upright: readonly Point[] = plank.map(([x, y]) => [-y, x] as const);
const post = (x: number): readonly Point[] => [
  [x - 2.8, -11],
  [x + 2.8, -11],
  [x + 2.8, 11],
  [x - 2.8, 11],
];
const moved = (points: readonly Point[], dy: number): readonly Point[] =>
  points.map(([x, y]) => [x, y + dy] as const);

/** The polygons of each shape, in pixels around its middle, pointing up. */
export const polygons: Readonly<Record<Shape, readonly (readonly Point[])[]>> = {
  arrow: [arrow],
  "arrow-ahead": [moved(arrow, 3), bar(-17)],
  "arrow-behind": [moved(arrow, -3), bar(15)],
  "arrow-bunched": [moved(arrow, -5), bar(11), bar(17)],
  "arrow-gap": [moved(arrow, -4), wide, tick(-13.2), tick(13.2)],
  "arrow-full": [moved(arrow, 1), bar(17), bar(-18)],
  dot: [ring(8, 32, 0)],
  square: [ring(12.5, 4, 0.5)],
  chevron: [chevron],
  arch: [arch],
  diamond: [ring(14, 4, 0)],
  cross: [turned(plank), turned(upright)],
  house: [house],
  pause: [post(-5), post(5)],
};

export const shapes = Object.keys(polygons) as readonly Shape[];

/** Distance from a point to a polygon's border, negative inside. */
export function distanceTo(polygon: readonly Point[], x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let inside = false;
  for (let index = 0; index < polygon.length; index += 1) {
    const [ax, ay] = polygon[index] as Point;
    const [bx, by] = polygon[(index + 1) % polygon.length] as Point;
    const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
    const clamped = Math.min(1, Math.max(0, along));
    nearest = Math.min(
      nearest,
      Math.hypot(x - ax - clamped * (bx - ax), y - ay - clamped * (by - ay)),
    );
    if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
  }
  return inside ? -nearest : nearest;
}

export interface Glyph {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Draws a shape as a distance field; hollow leaves its border alone. */
export function drawGlyph(shape: Shape, hollow: boolean): Glyph {
  const size = glyph_px;
  const data = new Uint8ClampedArray(size * size * 4);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const x = column + 0.5 - half;
      const y = row + 0.5 - half;
      let distance = Math.min(...polygons[shape].map((polygon) => distanceTo(polygon, x, y)));
      if (hollow) distance = Math.abs(distance + 1.5) - 1.5;
      const at = (row * size + column) * 4;
      data[at] = data[at + 1] = data[at + 2] = 255;
      data[at + 3] = 255 * (edge - distance / reach);
    }
  }
  return { width: size, height: size, data };
}

/** Glyphs in a row of the atlas: the outlines stand under the full ones. */
export const atlasColumns = shapes.length;

/** Where a glyph stands in the atlas, row by row. */
export function glyphIndex(shape: Shape, hollow: boolean): number {
  return shapes.indexOf(shape) + (hollow ? atlasColumns : 0);
}

/** All glyphs beside each other, a byte a pixel: the distance alone. */
export function drawAtlas(): { width: number; height: number; data: Uint8Array } {
  const width = atlasColumns * glyph_px;
  const height = 2 * glyph_px;
  const data = new Uint8Array(width * height);
  for (const [column, shape] of shapes.entries()) {
    for (const hollow of [false, true]) {
      const field = drawGlyph(shape, hollow).data;
      for (let at = 0; at < glyph_px * glyph_px; at += 1) {
        const row = Math.floor(at / glyph_px) + (hollow ? glyph_px : 0);
        data[row * width + column * glyph_px + (at % glyph_px)] = field[at * 4 + 3] ?? 0;
      }
    }
  }
  return { width, height, data };
}

/** Name of a glyph's image on the map. */
export function glyphName(shape: Shape, hollow: boolean): string {
  return hollow ? `${shape}-hollow` : shape;
}

/** The same shape for the legend, as the path of an SVG with the view box -24 -24 48 48. */
export function glyphPath(shape: Shape): string {
  return polygons[shape]
    .map((polygon) => `M${polygon.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`)
    .join("");
}
