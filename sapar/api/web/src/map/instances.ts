/**
 * The vehicles as one array of numbers, as the graphics processor takes them: where each glides from
 * and to, since when, its direction, glyph and colour. Pure; `fleet-layer.ts` draws it.
 */
import { glidePart, mix, type Position, type Track } from "./glide";

/** A place in Web Mercator, both axes from 0 to 1, y southwards. */
export interface Mercator {
  readonly x: number;
  readonly y: number;
}

/** Web Mercator of a place (EPSG:3857, scaled to the unit square). */
export function mercatorOf({ lon, lat }: Position): Mercator {
  const sine = Math.sin((lat * Math.PI) / 180);
  return {
    x: lon / 360 + 0.5,
    y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI),
  };
}

export interface Sprite {
  readonly id: string;
  readonly track: Track;
  /** Clockwise from north. */
  readonly turn_deg: number;
  /** Index of the glyph's image in the atlas. */
  readonly glyph: number;
  /** "#rrggbb". */
  readonly colour: string;
}

/** Numbers a vehicle: from x, y, to x, y, start in ms, turn in radians, glyph, colour. */
export const stride = 8;

/** How the map lies on the screen, without rotation or tilt, in CSS pixels. */
export interface Screen {
  /** Where the anchor is. */
  readonly x: number;
  readonly y: number;
  /** Width of the whole world. */
  readonly world_px: number;
}

export class Instances {
  /** What places are told from, one of them: single precision is then fine enough for every zoom. */
  anchor: Position = { lon: 0, lat: 0 };
  /** Monotonic milliseconds that starts are told from. */
  base_ms = 0;
  count = 0;
  ids: readonly string[] = [];
  numbers = new Float32Array(0);
  #colours = new Uint32Array(0);

  /** Takes the vehicles anew; those that come later are drawn on top. */
  take(sprites: readonly Sprite[], now_ms: number): void {
    const length = sprites.length * stride;
    if (this.numbers.length < length) {
      this.numbers = new Float32Array(length * 2);
      this.#colours = new Uint32Array(this.numbers.buffer);
    }
    this.anchor = sprites[0]?.track.to ?? this.anchor;
    const origin = mercatorOf(this.anchor);
    this.base_ms = now_ms;
    this.count = sprites.length;
    this.ids = sprites.map(({ id }) => id);
    for (let index = 0; index < sprites.length; index += 1) {
      this.#put(index * stride, sprites[index] as Sprite, origin, now_ms);
    }
  }

  #put(
    at: number,
    { track, turn_deg, glyph, colour }: Sprite,
    { x, y }: Mercator,
    now_ms: number,
  ): void {
    const { numbers } = this;
    const to = mercatorOf(track.to);
    const from = track.from === track.to ? to : mercatorOf(track.from);
    numbers[at] = from.x - x;
    numbers[at + 1] = from.y - y;
    numbers[at + 2] = to.x - x;
    numbers[at + 3] = to.y - y;
    numbers[at + 4] = track.start_ms - now_ms;
    numbers[at + 5] = (turn_deg * Math.PI) / 180;
    numbers[at + 6] = glyph;
    this.#colours[at + 7] = packColour(colour);
  }

  /** The vehicle drawn nearest to a point of the screen, at most `reach_px` from it, or null. */
  findNearest(screen: Screen, aim: Point, reach_px: number, now_ms: number): Nearest | null {
    const { world_px } = screen;
    const aimX = (aim.x - screen.x) / world_px;
    const aimY = (aim.y - screen.y) / world_px;
    let nearest = (reach_px / world_px) ** 2;
    let found: string | null = null;
    for (let index = 0; index < this.count; index += 1) {
      const at = index * stride;
      const part = glidePart(now_ms - this.base_ms - this.#number(at + 4));
      const dx = mix(this.#number(at), this.#number(at + 2), part) - aimX;
      const dy = mix(this.#number(at + 1), this.#number(at + 3), part) - aimY;
      const far = dx * dx + dy * dy;
      if (far > nearest) continue;
      nearest = far;
      found = this.ids[index] ?? null;
    }
    return found === null ? null : { id: found, far_px: Math.sqrt(nearest) * world_px };
  }

  #number(at: number): number {
    return this.numbers[at] as number;
  }
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Nearest {
  readonly id: string;
  readonly far_px: number;
}

const packed = new Map<string, number>();

/** A colour "#rrggbb" as four bytes in the order of memory: red first, opaque. */
export function packColour(colour: string): number {
  let number = packed.get(colour);
  if (number === undefined) {
    const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [
      number,
      number,
      number,
    ];
    number = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    packed.set(colour, number);
  }
  return number;
}
