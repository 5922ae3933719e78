import { describe, expect, it } from "vitest";
import { glyphScale } from "./fleet-layer";
import { glide_ms } from "./glide";
import { atlasColumns, drawAtlas, drawGlyph, glyph_px, glyphIndex, shapes } from "./glyphs";
import { Instances, mercatorOf, packColour, type Screen, type Sprite, stride } from "./instances";
import { chooseLabels, type Label } from "./labels";
import { Pace } from "./pace";

/** Numbers between 0 and 1 that are the same in every run (Park and Miller). */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const anchor = { lon: 76.92, lat: 43.25 };

function standing(id: string, lon: number, lat: number): Sprite {
  const place = { lon, lat };
  const track = { from: place, to: place, start_ms: 0 };
  return { id, track, turn_deg: 90, glyph: 3, colour: "#0B5CAD" };
}

describe("Web Mercator", () => {
  it("has the equator and Greenwich in its middle, and its edge at 85.0511 degrees", () => {
    expect(mercatorOf({ lon: 0, lat: 0 })).toEqual({ x: 0.5, y: 0.5 });
    const corner = mercatorOf({ lon: -180, lat: 85.051_128_78 });
    expect(corner.x).toBe(0);
    expect(corner.y).toBeCloseTo(0, 9);
  });
});

describe("instances", () => {
  it("are told from the anchor, finely enough for the nearest zoom", () => {
    const instances = new Instances();
    const far = { lon: 77.12, lat: 43.05 };
    instances.take([standing("a", anchor.lon, anchor.lat), standing("b", far.lon, far.lat)], 1000);
    expect(instances.anchor).toEqual(anchor);
    const exact = mercatorOf(far).x - mercatorOf(anchor).x;
    const world_px = 512 * 2 ** 19;
    const told = instances.numbers[stride] as number;
    expect(Math.abs(told - exact) * world_px).toBeLessThan(0.05);
  });

  it("hold a turn in radians, a start since now, the glyph, and the colour byte by byte", () => {
    const instances = new Instances();
    instances.take([standing("a", 76.92, 43.25)], 250);
    expect([...instances.numbers.subarray(4, 7)]).toEqual([-250, Math.fround(Math.PI / 2), 3]);
    expect([...new Uint8Array(instances.numbers.buffer, 28, 4)]).toEqual([0x0b, 0x5c, 0xad, 255]);
    expect(packColour("#FFFFFF")).toBe(0xffffffff);
  });

  it("grow and shrink with the fleet, and forget who has gone", () => {
    const instances = new Instances();
    const many = Array.from({ length: 40 }, (_, at) => standing(String(at), 76.92, 43.25));
    instances.take(many, 0);
    expect(instances.count).toBe(40);
    expect(instances.numbers.length).toBeGreaterThanOrEqual(40 * stride);
    instances.take(many.slice(0, 2), 0);
    expect([instances.count, instances.ids]).toEqual([2, ["0", "1"]]);
  });

  it("find the vehicle that is drawn nearest, within reach, as a plain search does", () => {
    const random = makeRandom(7);
    const screen: Screen = { x: 500, y: 300, world_px: 512 * 2 ** 14 };
    for (let round = 0; round < 60; round += 1) {
      const sprites = Array.from({ length: 30 }, (_, at): Sprite => {
        const place = () => ({
          lon: anchor.lon + (random() - 0.5) * 0.01,
          lat: anchor.lat + (random() - 0.5) * 0.01,
        });
        const track = { from: place(), to: place(), start_ms: random() * 1000 };
        return { ...standing(String(at), 0, 0), track };
      });
      const instances = new Instances();
      const base_ms = 900;
      instances.take(sprites, base_ms);
      const origin = mercatorOf(instances.anchor);
      const now_ms = base_ms + random() * 1200;
      const aim = { x: 500 + (random() - 0.5) * 200, y: 300 + (random() - 0.5) * 200 };
      const reach_px = 40;
      const expected = sprites
        .map(({ id, track }) => {
          const part = Math.min(1, Math.max(0, (now_ms - track.start_ms) / glide_ms));
          const [from, to] = [mercatorOf(track.from), mercatorOf(track.to)];
          const x = (from.x + (to.x - from.x) * part - origin.x) * screen.world_px + screen.x;
          const y = (from.y + (to.y - from.y) * part - origin.y) * screen.world_px + screen.y;
          return { id, far: Math.hypot(x - aim.x, y - aim.y) };
        })
        .filter(({ far }) => far <= reach_px)
        .sort((a, b) => a.far - b.far)[0];
      const found = instances.findNearest(screen, aim, reach_px, now_ms);
      expect(found?.id).toBe(expected?.id);
      if (found && expected) expect(found.far_px).toBeCloseTo(expected.far, 1);
    }
  });
});

describe("the atlas", () => {
  it("holds every glyph where its index says", () => {
    const { width, height, data } = drawAtlas();
    expect([width, height]).toEqual([atlasColumns * glyph_px, 2 * glyph_px]);
    for (const shape of shapes) {
      for (const hollow of [false, true]) {
        const index = glyphIndex(shape, hollow);
        const left = (index % atlasColumns) * glyph_px;
        const top = Math.floor(index / atlasColumns) * glyph_px;
        const field = drawGlyph(shape, hollow).data;
        for (const [x, y] of [
          [24, 24],
          [24, 10],
          [14, 36],
        ] as const) {
          expect(data[(top + y) * width + left + x]).toBe(field[(y * glyph_px + x) * 4 + 3]);
        }
      }
    }
  });

  it("is drawn larger the nearer one looks", () => {
    expect([4, 9, 10.5, 12, 15, 19].map(glyphScale)).toEqual([0.5, 0.5, 0.675, 0.85, 1.2, 1.2]);
  });
});

describe("labels", () => {
  const label = (id: string, x: number, y: number, exception = false): Label => ({
    id,
    text: "105 −5",
    exception,
    x,
    y,
  });
  const none = new Set<string>();

  it("never lie on each other, and none is left out that has room", () => {
    const random = makeRandom(11);
    const apart = (a: Label, b: Label): boolean =>
      Math.abs(a.x - b.x) >= 6 * 7.6 + 6 || Math.abs(a.y - b.y) >= 15;
    for (let round = 0; round < 20; round += 1) {
      const all = Array.from({ length: 200 }, (_, at) =>
        label(String(at), random() * 800 - 100, random() * 500 - 100, random() < 0.4),
      );
      const chosen = chooseLabels(all, none);
      const kept = new Set(chosen);
      for (const [at, one] of chosen.entries()) {
        for (const other of chosen.slice(at + 1)) expect(apart(one, other)).toBe(true);
      }
      for (const one of all) {
        if (!kept.has(one)) expect(chosen.some((other) => !apart(one, other))).toBe(true);
      }
    }
  });

  it("go to exceptions first, and among equals to those that had one", () => {
    const two = [label("a", 100, 100), label("b", 104, 100)];
    expect(chooseLabels(two, none).map(({ id }) => id)).toEqual(["a"]);
    expect(chooseLabels(two, new Set(["b"])).map(({ id }) => id)).toEqual(["b"]);
    const late = [...two, label("c", 108, 100, true)];
    expect(chooseLabels(late, new Set(["b"])).map(({ id }) => id)).toEqual(["c"]);
  });

  it("take no room without a text", () => {
    expect(chooseLabels([{ ...label("a", 0, 0), text: "" }], none)).toEqual([]);
  });
});

describe("the pace", () => {
  const run = (pace: Pace, from_ms: number, gap_ms: number, frames: number): void => {
    pace.begin(from_ms);
    for (let at = 1; at <= frames; at += 1) pace.frame(from_ms + at * gap_ms);
  };

  it("lets vehicles glide while frames are quick, and after a single slow one", () => {
    const pace = new Pace();
    run(pace, 0, 16, 60);
    pace.frame(2000);
    pace.frame(2016);
    expect(pace.isQuick(2016)).toBe(true);
  });

  it("rests where a second holds no more than three frames", () => {
    const pace = new Pace();
    for (let tick_ms = 0; tick_ms < 3000; tick_ms += 1000) run(pace, tick_ms, 300, 3);
    expect(pace.isQuick(3000)).toBe(false);
  });

  it("rests for a minute after slow frames in a row, then tries again", () => {
    const pace = new Pace();
    run(pace, 0, 120, 4);
    expect(pace.isQuick(481)).toBe(false);
    expect(pace.isQuick(60_479)).toBe(false);
    expect(pace.isQuick(60_480)).toBe(true);
  });
});
